/*
 * frames_raw.c - frames without any header: the caller says how large they are.
 */
#include "frames.h"

#include <string.h>

/* Whole frames end where the file ends, if their size is right. */
static bool refuse_rest(frame_list *list, FILE *file) {
    if (feof(file)) {
        size_t used = strlen(list->message);
        snprintf(list->message + used, sizeof list->message - used,
                 "; --size or --format may be another");
    }
    return false;
}

bool frames_read_raw(frame_list *list, FILE *file, const frame_options *options) {
    dp_frame shape = {.width = options->size[0],
                      .height = options->size[1],
                      .format = options->format,
                      .color = options->color};
    if (options->format >= DP_FORMAT_NV12) {
        frame_list_color(list, &shape, false);
    }
    uint64_t bytes = dp_frame_init_packed(NULL, shape.format, NULL, shape.width, shape.height);
    if (!frame_list_expect_file(list, &shape, file, bytes)) {
        return false;
    }
    while (!stream_ended(file)) {
        if (!frame_list_read(list, file, &shape)) {
            return refuse_rest(list, file);
        }
    }
    return frame_list_finish(list, file);
}
