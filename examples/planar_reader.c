/*
 * planar_reader.c - reads planes straight into the frames of a list, or converts them behind it.
 */
#include "planar_reader.h"

#include <stdlib.h>

bool planar_reader_begin(planar_reader *reader, frame_list *list, const dp_frame *shape,
                         const plane_layout *layout) {
    *reader = (planar_reader){.shape = *shape};
    if (layout == NULL) {
        reader->bytes =
            dp_frame_init_packed(NULL, shape->format, NULL, shape->width, shape->height);
        return true;
    }
    reader->layout = *layout;
    reader->bytes = plane_bytes(layout, shape->width, shape->height);
    if (plane_is_format(layout, shape->format)) {
        return true;
    }
    if (!frame_list_reserve(list, reader->bytes)) {
        return false;
    }
    reader->planes = malloc((size_t)reader->bytes);
    return reader->planes != NULL ||
           frame_list_fail(list, "out of memory for the planes of a frame");
}

void planar_reader_end(planar_reader *reader) {
    free(reader->planes);
    reader->planes = NULL;
}

uint8_t *planar_reader_next(planar_reader *reader, frame_list *list) {
    uint8_t *pixels = frame_list_add(list, &reader->shape);
    return pixels == NULL || reader->planes == NULL ? pixels : reader->planes;
}

bool planar_reader_take(const planar_reader *reader, frame_list *list) {
    if (reader->planes != NULL) {
        const dp_frame *last = &list->frames[list->count - 1];
        convert_planes(&reader->shape, &reader->layout, reader->planes, (void *)last->plane[0]);
    }
    return frame_list_take(list);
}
