/*
 * Descriptors of frames that lie in memory as their format says, without any room in between.
 */
#include "api/api.h"

bool dpi_is_frame_side(int32_t side) {
    return side >= 1 && side <= DP_MAX_FRAME_SIDE;
}

uint64_t dp_frame_init_packed(dp_frame *frame, int32_t format, const uint8_t *pixels, int32_t width,
                              int32_t height) {
    const dpi_pixel_format *layout = dpi_find_pixel_format(format);
    dp_frame made = {.width = width, .height = height, .format = format};
    uint64_t bytes = 0;
    if (layout != NULL && dpi_is_frame_side(width) && dpi_is_frame_side(height)) {
        for (size_t plane = 0; plane < layout->plane_count; plane++) {
            dpi_plane_shape shape = dpi_shape_of_plane(layout, plane, width, height);
            made.plane[plane] = pixels == NULL ? NULL : pixels + bytes;
            made.stride[plane] = (ptrdiff_t)shape.row_bytes;
            bytes += (uint64_t)(shape.row_bytes * shape.rows);
        }
    }
    if (frame != NULL) {
        *frame = made;
    }
    return bytes;
}
