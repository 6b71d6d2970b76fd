/*
 * frames_raw.c - frames without any header: the caller says how large they are.
 */
#include "frames.h"

bool frames_read_raw(frame_list *list, FILE *file, const frame_options *options) {
    dp_frame shape = {.width = options->size[0],
                      .height = options->size[1],
                      .format = options->format,
                      .color = options->color};
    if (options->format >= DP_FORMAT_NV12) {
        frame_list_color(list, &shape, false);
    }
    while (!stream_ended(file)) {
        if (!frame_list_read(list, file, &shape, 1)) {
            return false;
        }
    }
    return frame_list_finish(list, file);
}
