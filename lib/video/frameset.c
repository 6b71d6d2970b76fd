/*
 * Framesets, the images of the temporal path: a grid of g x g cells with a frame in each, shrunk by
 * g. Pixel (y, x) of a shrunk frame lies at the centre of g x g pixels: it is the mean of the
 * middle 2x2 where g is even, and the middle one where g is odd (the four are then the same pixel).
 */
#include "video/video.h"

#include <string.h>

/* The middle two of g pixels. */
static size_t middle_low(size_t g) {
    return (g - 1) / 2;
}

static size_t middle_high(size_t g) {
    return g / 2;
}

/* One row of a shrunk frame, one channel, from the middle two rows of g. */
static void shrink_row(const float *top, const float *bottom, size_t g, float *out, size_t count) {
    size_t low = middle_low(g), high = middle_high(g);
    for (size_t x = 0; x < count; x++) {
        out[x] = ((top[x * g + low] + top[x * g + high]) +
                  (bottom[x * g + low] + bottom[x * g + high])) *
                 0.25F;
    }
}

/* Where row y of a cell begins in its frameset, in the first channel. */
static size_t cell_row_offset(size_t size, size_t g, size_t cell, size_t y) {
    size_t side = size / g;
    return (cell / g * side + y) * size + cell % g * side;
}

void dpi_fill_cell(const float *frame, size_t size, size_t g, size_t cell, float *frameset) {
    size_t side = size / g;
    for (size_t c = 0; c < 3; c++) {
        const float *channel = frame + c * size * size;
        float *out = frameset + c * size * size;
        for (size_t y = 0; y < side; y++) {
            const float *top = channel + (y * g + middle_low(g)) * size;
            const float *bottom = channel + (y * g + middle_high(g)) * size;
            shrink_row(top, bottom, g, out + cell_row_offset(size, g, cell, y), side);
        }
    }
}

void dpi_copy_cell(const float *from, size_t from_cell, size_t size, size_t g, size_t cell,
                   float *frameset) {
    size_t side = size / g;
    for (size_t c = 0; c < 3; c++) {
        for (size_t y = 0; y < side; y++) {
            memcpy(frameset + c * size * size + cell_row_offset(size, g, cell, y),
                   from + c * size * size + cell_row_offset(size, g, from_cell, y),
                   side * sizeof(float));
        }
    }
}

/* Two rows [3][R] of the target, then the scratch memory of the frame reader. */
size_t dpi_cell_scratch(const dpi_frame_target *target) {
    return 6 * target->size + dpi_frame_scratch(target);
}

void dpi_load_cell(const dp_frame *frame, const dpi_frame_target *target, size_t g, size_t cell,
                   float *frameset, float *scratch) {
    size_t size = target->size, side = size / g;
    size_t low = middle_low(g), high = middle_high(g);
    float *top = scratch, *bottom = low == high ? top : top + 3 * size;
    dpi_frame_reader reader;
    dpi_frame_reader_init(&reader, frame, target, scratch + 6 * size);
    for (size_t y = 0; y < side; y++) {
        dpi_frame_reader_row(&reader, y * g + low, top, size);
        if (low != high) {
            dpi_frame_reader_row(&reader, y * g + high, bottom, size);
        }
        float *out = frameset + cell_row_offset(size, g, cell, y);
        for (size_t c = 0; c < 3; c++) {
            shrink_row(top + c * size, bottom + c * size, g, out + c * size * size, side);
        }
    }
}
