/*
 * Framesets, the images of the temporal path: a grid of g x g cells with a frame in each, shrunk by
 * g. Pixel (y, x) of a shrunk frame lies at the centre of g x g pixels: it is the mean of the
 * middle 2x2 where g is even, and the middle one where g is odd (the four are then the same pixel).
 * With antialiasing it is a mean of 2g x 2g pixels, whose weights fall from the centre on.
 */
#include "dp_config.h"
#include "video/video.h"

#include <math.h>
#include <string.h>

/* Where row y of a cell begins in its frameset, in the first channel. */
static size_t cell_row_offset(size_t size, size_t g, size_t cell, size_t y) {
    size_t side = size / g;
    return (cell / g * side + y) * size + cell % g * side;
}

/* ---- without antialiasing ---- */

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

static void fill_plain_cell(const float *frame, size_t size, size_t g, size_t cell,
                            float *frameset) {
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

static void load_plain_cell(dpi_frame_reader *reader, size_t g, size_t cell, float *frameset,
                            float *rows) {
    size_t size = reader->target->size, side = size / g;
    size_t low = middle_low(g), high = middle_high(g);
    float *top = rows, *bottom = low == high ? top : top + 3 * size;
    for (size_t y = 0; y < side; y++) {
        dpi_frame_reader_row(reader, y * g + low, top, size);
        if (low != high) {
            dpi_frame_reader_row(reader, y * g + high, bottom, size);
        }
        float *out = frameset + cell_row_offset(size, g, cell, y);
        for (size_t c = 0; c < 3; c++) {
            shrink_row(top + c * size, bottom + c * size, g, out + c * size * size, side);
        }
    }
}

/* ---- with antialiasing ---- */

#define MAX_GRID 16 /* lib/model/parameters.c */

/* Pixel i of a shrunk axis is made of pixels g * i - g / 2 + k, k = 0 .. 2g - 1, as far as they are
 * in the frame, with these weights, which are then made to sum up to 1. */
typedef struct smoothing {
    size_t size, g;
    float weights[2 * MAX_GRID];
} smoothing;

static smoothing smoothing_of(size_t size, size_t g) {
    smoothing s = {.size = size, .g = g};
    size_t half = g / 2;
    for (size_t k = 0; k < 2 * g; k++) {
        double distance = fabs((double)k + 0.5 - (double)half - 0.5 * (double)g);
        s.weights[k] = distance < (double)g ? (float)(1.0 - distance / (double)g) : 0.0F;
    }
    return s;
}

/* Taps of pixel i that are in the frame: first .. end - 1. */
static size_t first_tap(const smoothing *s, size_t i) {
    return i == 0 ? s->g / 2 : 0;
}

static size_t end_of_taps(const smoothing *s, size_t i) {
    size_t in_frame = s->size + s->g / 2 - i * s->g;
    return in_frame < 2 * s->g ? in_frame : 2 * s->g;
}

static float smooth_pixel(const smoothing *s, const float *row, size_t i) {
    const float *pixels = row + i * s->g;
    float sum = 0.0F, weights = 0.0F;
    for (size_t k = first_tap(s, i); k < end_of_taps(s, i); k++) {
        sum += s->weights[k] * pixels[(ptrdiff_t)k - (ptrdiff_t)(s->g / 2)];
        weights += s->weights[k];
    }
    return sum / weights;
}

/* What row y of the frame counts in row i of the cell. */
static float weight_of_row(const smoothing *s, size_t i, size_t y) {
    size_t tap = y + s->g / 2 - i * s->g; /* wraps around where the row comes before all taps */
    float weights = 0.0F;
    for (size_t k = first_tap(s, i); k < end_of_taps(s, i); k++) {
        weights += s->weights[k];
    }
    return tap < 2 * s->g ? s->weights[tap] / weights : 0.0F;
}

/* Adds row y of a frame, one channel, to the up to three rows of its cell that it has a part in. */
static void add_row(const smoothing *s, const float *row, size_t y, float *cell) {
    size_t side = s->size / s->g, nearest = y / s->g;
    size_t first = nearest > 0 ? nearest - 1 : 0;
    size_t end = nearest + 2 < side ? nearest + 2 : side;
    float weights[3] = {0};
    for (size_t i = first; i < end; i++) {
        weights[i - first] = weight_of_row(s, i, y);
    }
    for (size_t x = 0; x < side; x++) {
        float value = smooth_pixel(s, row, x);
        for (size_t i = first; i < end; i++) {
            cell[i * s->size + x] += weights[i - first] * value;
        }
    }
}

static void clear_cell(size_t size, size_t g, size_t cell, float *frameset) {
    for (size_t c = 0; c < 3; c++) {
        for (size_t y = 0; y < size / g; y++) {
            memset(frameset + c * size * size + cell_row_offset(size, g, cell, y), 0,
                   size / g * sizeof *frameset);
        }
    }
}

/* `plane` is the distance of the row's channels. */
static void add_frame_row(const smoothing *s, const float *row, size_t plane, size_t y, size_t cell,
                          float *frameset) {
    float *first = frameset + cell_row_offset(s->size, s->g, cell, 0);
    for (size_t c = 0; c < 3; c++) {
        add_row(s, row + c * plane, y, first + c * s->size * s->size);
    }
}

static void fill_smooth_cell(const float *frame, size_t size, size_t g, size_t cell,
                             float *frameset) {
    smoothing s = smoothing_of(size, g);
    clear_cell(size, g, cell, frameset);
    for (size_t y = 0; y < size; y++) {
        add_frame_row(&s, frame + y * size, size * size, y, cell, frameset);
    }
}

static void load_smooth_cell(dpi_frame_reader *reader, size_t g, size_t cell, float *frameset,
                             float *row) {
    size_t size = reader->target->size;
    smoothing s = smoothing_of(size, g);
    clear_cell(size, g, cell, frameset);
    for (size_t y = 0; y < size; y++) {
        dpi_frame_reader_row(reader, y, row, size);
        add_frame_row(&s, row, size, y, cell, frameset);
    }
}

/* ---- cells ---- */

void dpi_fill_cell(const float *frame, const dpi_frame_target *target, size_t g, size_t cell,
                   float *frameset) {
    if (DPI_HAS_PROTOCOLS && target->antialias_cells) {
        fill_smooth_cell(frame, target->size, g, cell, frameset);
    } else {
        fill_plain_cell(frame, target->size, g, cell, frameset);
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
    dpi_frame_reader reader;
    dpi_frame_reader_init(&reader, frame, target, scratch + 6 * target->size);
    if (DPI_HAS_PROTOCOLS && target->antialias_cells) {
        load_smooth_cell(&reader, g, cell, frameset, scratch);
    } else {
        load_plain_cell(&reader, g, cell, frameset, scratch);
    }
}
