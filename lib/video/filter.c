/*
 * A resize with any number of taps: bicubic, and with antialiasing. A source line is resized tap by
 * tap, one for all columns of the target at a time; a row of the target is a sum of such lines.
 * Frames may shrink by so much that a column has thousands of taps, so that only the first ones are
 * tabled, and the weights of the others are computed for each line again.
 */
#include "video/video.h"

#include <string.h>

/* All of those that shrink a side of 1080 to 224 bicubically. DPI_KEPT_LINES is as many lines as
 * two rows share there. */
#define TABLED_TAPS 24

/* ---- tables ---- */

#define FLOATS_OF_TAPS (sizeof(dpi_taps) / sizeof(float))

/* An even number for each column: a dpi_taps can lie at the end of it. */
size_t dpi_filter_scratch(size_t size) {
    size_t floats = FLOATS_OF_TAPS + 1 + TABLED_TAPS + 1 + 1 + 3 + (size_t)3 * DPI_KEPT_LINES;
    return (floats + floats % 2) * size;
}

static dpi_resample resample_of(const dpi_frame_target *target, const dpi_axis *axis) {
    return (dpi_resample){axis->source, axis->resized, target->filter, target->antialias};
}

static void compute_weights(const dpi_frame_reader *reader, size_t tap, float *weights) {
    dpi_resample resample = resample_of(reader->target, &reader->horizontal);
    for (size_t i = 0; i < reader->target->size; i++) {
        weights[i] = (float)dpi_tap_weight(&resample, &reader->tables.columns[i], tap);
    }
}

static const float *weights_of_tap(const dpi_frame_reader *reader, size_t tap) {
    size_t size = reader->target->size;
    if (tap < TABLED_TAPS) {
        return reader->tables.weights + tap * size;
    }
    float *weights = reader->tables.weights + TABLED_TAPS * size;
    compute_weights(reader, tap, weights);
    return weights;
}

void dpi_filter_init(dpi_frame_reader *reader, float *scratch) {
    dpi_filter_tables *tables = &reader->tables;
    size_t size = reader->target->size;
    dpi_resample resample = resample_of(reader->target, &reader->horizontal);
    tables->columns = (dpi_taps *)(void *)scratch;
    tables->first = (int32_t *)(scratch + FLOATS_OF_TAPS * size);
    tables->weights = (float *)tables->first + size;
    tables->pixels = (int32_t *)(tables->weights + (TABLED_TAPS + 1) * size);
    tables->values = (float *)tables->pixels + size;
    tables->lines = tables->values + 3 * size;
    for (size_t i = 0; i < DPI_KEPT_LINES; i++) {
        tables->line_index[i] = -1;
    }
    for (size_t i = 0; i < size; i++) {
        tables->columns[i] = dpi_taps_of(&resample, reader->horizontal.first + i);
        tables->first[i] = (int32_t)tables->columns[i].first;
        size_t count = tables->columns[i].count;
        tables->most_taps = count > tables->most_taps ? count : tables->most_taps;
    }
    for (size_t tap = 0; tap < TABLED_TAPS && tap < tables->most_taps; tap++) {
        compute_weights(reader, tap, tables->weights + tap * size);
    }
}

/* ---- lines and rows ---- */

/* The stored pixels that a tap of each column looks at. */
static void find_pixels(const dpi_frame_reader *reader, int32_t tap, int32_t *pixels) {
    const int32_t *first = reader->tables.first;
    int32_t last = (int32_t)reader->horizontal.source - 1;
    int32_t origin = reader->horizontal.reversed ? last : 0;
    int32_t sign = reader->horizontal.reversed ? -1 : 1;
    for (size_t i = 0; i < reader->target->size; i++) {
        int32_t pixel = first[i] + tap;
        pixel = pixel < 0 ? 0 : pixel;
        pixels[i] = origin + sign * (pixel > last ? last : pixel);
    }
}

static void add_tap(dpi_frame_reader *reader, const dpi_pixel_line *line, size_t tap, float *out) {
    const dpi_filter_tables *tables = &reader->tables;
    size_t size = reader->target->size;
    const float *weights = weights_of_tap(reader, tap);
    find_pixels(reader, (int32_t)tap, tables->pixels);
    reader->format->convert(line, tables->pixels, size, tables->values);
    for (size_t c = 0; c < 3; c++) {
        const float *values = tables->values + c * size;
        for (size_t i = 0; i < size; i++) {
            out[c * size + i] += weights[i] * values[i];
        }
    }
}

/* Source line `index` resized to the target's columns, [3][R]. */
static const float *filter_line(dpi_frame_reader *reader, int32_t index) {
    dpi_filter_tables *tables = &reader->tables;
    size_t size = reader->target->size, place = (size_t)index % DPI_KEPT_LINES;
    float *resized = tables->lines + place * 3 * size;
    if (tables->line_index[place] == index) {
        return resized;
    }
    dpi_pixel_line line;
    dpi_find_source_line(reader, index, &line);
    memset(resized, 0, 3 * size * sizeof *resized);
    for (size_t tap = 0; tap < tables->most_taps; tap++) {
        add_tap(reader, &line, tap, resized);
    }
    tables->line_index[place] = index;
    return resized;
}

static void add_line(const dpi_frame_target *target, const float *line, float weight, float *out,
                     size_t plane) {
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < target->size; i++) {
            out[c * plane + i] += weight * line[c * target->size + i];
        }
    }
}

void dpi_filter_row(dpi_frame_reader *reader, size_t y, float *out, size_t plane) {
    const dpi_frame_target *target = reader->target;
    dpi_resample resample = resample_of(target, &reader->vertical);
    dpi_taps taps = dpi_taps_of(&resample, reader->vertical.first + y);
    for (size_t c = 0; c < 3; c++) {
        memset(out + c * plane, 0, target->size * sizeof *out);
    }
    for (size_t tap = 0; tap < taps.count; tap++) {
        float weight = (float)dpi_tap_weight(&resample, &taps, tap);
        if (weight != 0.0F) {
            uint64_t pixel = dpi_tap_pixel(&resample, &taps, tap);
            uint64_t last = reader->vertical.source - 1;
            uint64_t index = reader->vertical.reversed ? last - pixel : pixel;
            add_line(target, filter_line(reader, (int32_t)index), weight, out, plane);
        }
    }
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < target->size; i++) {
            out[c * plane + i] = out[c * plane + i] * target->scale[c] + target->offset[c];
        }
    }
}
