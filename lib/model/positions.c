/*
 * The position tables of both paths, which patches are added to. Row 0 of each
 * image also has the class token. The encodings of the temporal path that no file holds are
 * computed here.
 */
#include "dp_config.h"
#include "model/builder.h"
#include "nn/resample.h"

#include <math.h>
#include <string.h>

/* Frame indices are those of a map of this many pixels a side, which is resized to the patches. */
#define MAP_SIDE ((size_t)16)

/* The column of the grid of cells that the centre of column i of the map lies in. */
static double cell_of_pixel(size_t i, size_t grid) {
    size_t cell = (2 * i + 1) * grid / (2 * MAP_SIDE);
    return (double)cell;
}

/* The same with antialiasing. */
static double smooth_cell_at(size_t i, size_t side, size_t grid) {
    dpi_resample resample = {MAP_SIDE, side, DPI_FILTER_BILINEAR, true};
    dpi_taps taps = dpi_taps_of(&resample, i);
    double cell = 0.0;
    for (size_t k = 0; k < taps.count; k++) {
        size_t pixel = (size_t)dpi_tap_pixel(&resample, &taps, k);
        cell += dpi_tap_weight(&resample, &taps, k) * cell_of_pixel(pixel, grid);
    }
    return cell;
}

/* The map's cells, resized to `side` columns (bilinear, half-pixel), at column i. Rows are resized
 * alike. */
static double plain_cell_at(size_t i, size_t side, size_t grid) {
    double x = ((double)i + 0.5) * (double)MAP_SIDE / (double)side - 0.5;
    double low = x < 0.0 ? 0.0 : floor(x);
    double weight = x < 0.0 ? 0.0 : x - low;
    size_t first = (size_t)low;
    size_t second = first + 1 < MAP_SIDE ? first + 1 : MAP_SIDE - 1;
    double a = cell_of_pixel(first, grid);
    double b = cell_of_pixel(second, grid);
    return a + (b - a) * weight;
}

static double cell_at(const dpi_parameters *p, size_t i) {
    return DPI_HAS_PROTOCOLS && p->protocol.position_antialias
               ? smooth_cell_at(i, p->patches_a_side, p->grid)
               : plain_cell_at(i, p->patches_a_side, p->grid);
}

/* The interpolated index of a frame in the whole view, from 1. */
static double frame_index(const dpi_parameters *p, size_t frameset, size_t row, size_t column) {
    double grid = (double)p->grid;
    return (double)frameset * grid * grid + 1.0 + grid * cell_at(p, row) + cell_at(p, column);
}

/* Frequencies of the parts of an encoding, in scratch memory. */
typedef struct position_encoder {
    const dpi_parameters *p;
    double *time, *space;
} position_encoder;

/* 10000^(-j / count), j = 0 .. count - 1 */
static void fill_frequencies(double *frequencies, size_t count) {
    for (size_t j = 0; j < count; j++) {
        frequencies[j] = pow(10000.0, -(double)j / (double)count);
    }
}

/* Adds [sin(i w_0), cos(i w_0), sin(i w_1), ...]. */
static void add_interleaved(float *out, double position, const double *frequencies, size_t width) {
    for (size_t c = 0; c < width; c++) {
        double angle = position * frequencies[c / 2];
        out[c] = (float)((double)out[c] + (c % 2 == 0 ? sin(angle) : cos(angle)));
    }
}

/* Writes a sin block, then a cos block. */
static void write_blocks(float *out, double position, const double *frequencies, size_t channels) {
    size_t half = channels / 2;
    for (size_t j = 0; j < half; j++) {
        double angle = position * frequencies[j];
        out[j] = (float)sin(angle);
        out[half + j] = (float)cos(angle);
    }
}

/* The offset of patch row (or column) i in its own cell of G/g patches, frac((i + 1/2) g / G) G / g
 * - 1/2. The fraction is taken exactly. */
static double offset_in_cell(const dpi_parameters *p, size_t i) {
    size_t whole = 2 * p->patches_a_side;
    size_t rest = (2 * i + 1) * p->grid % whole;
    return (double)rest / (double)(2 * p->grid) - 0.5;
}

/* One row of the table of a frameset; token 0 is the class token. */
static void encode_3d(const position_encoder *e, size_t frameset, size_t token, float *out) {
    const dpi_parameters *p = e->p;
    if (token == 0) {
        memset(out, 0, p->width * sizeof(float));
        return;
    }
    size_t row = (token - 1) / p->patches_a_side;
    size_t column = (token - 1) % p->patches_a_side;
    size_t time = p->width / 4;
    size_t space = 3 * p->width / 8;
    write_blocks(out, frame_index(p, frameset, row, column), e->time, time);
    write_blocks(out + time, offset_in_cell(p, row), e->space, space);
    write_blocks(out + time + space, offset_in_cell(p, column), e->space, space);
}

static void encode_time(const position_encoder *e, size_t frameset, size_t token, const float *grid,
                        float *out) {
    const dpi_parameters *p = e->p;
    double position = 0.0;
    if (token > 0) {
        position = frame_index(p, frameset, (token - 1) / p->patches_a_side,
                               (token - 1) % p->patches_a_side);
    }
    memcpy(out, grid, p->width * sizeof(float));
    add_interleaved(out, position, e->time, p->width);
}

/* The encoder of a model, in 2 * width floats of scratch memory: that is space for `width` doubles,
 * and no encoding has more frequencies. */
static position_encoder encoder_in(const dpi_parameters *p, dpi_matrix memory) {
    position_encoder e = {p, (double *)(void *)memory.values, NULL};
    bool three = p->position == DPI_POSITION_SINCOS_3D;
    size_t time = three ? p->width / 8 : p->width / 2;
    size_t space = three ? 3 * p->width / 16 : 0;
    e.space = e.time + time;
    fill_frequencies(e.time, time);
    fill_frequencies(e.space, space);
    return e;
}

/* What computing a number counts for as work. */
#define NUMBERS_FOR_A_SINE 4

/* `table` is what the file has for this kind of position: [tokens][width] or [framesets * tokens]
 * [width]. */
static void fill_temporal_table(dpi_builder *builder, const position_encoder *e, const float *table,
                                float *out) {
    const dpi_parameters *p = e->p;
    for (size_t k = 0; k < p->framesets; k++) {
        for (size_t t = 0; t < p->image_tokens && dpi_building(builder); t++) {
            float *row = out + (k * p->image_tokens + t) * p->width;
            if (DPI_HAS_SINCOS && p->position == DPI_POSITION_SINCOS_3D) {
                encode_3d(e, k, t, row);
            } else if (DPI_HAS_SINCOS && p->position == DPI_POSITION_SINCOS_TIME) {
                encode_time(e, k, t, table + t * p->width, row);
            } else {
                memcpy(row, table + (k * p->image_tokens + t) * p->width, p->width * sizeof(float));
            }
            dpi_builder_work(builder, p->width * NUMBERS_FOR_A_SINE);
        }
    }
}

static void add_class_token(const dpi_parameters *p, const float *token, float *row) {
    for (size_t c = 0; c < p->width; c++) {
        row[c] += token[c];
    }
}

static dpi_matrix read_temporal_table(dpi_scope *scope, dpi_matrix spatial) {
    const dpi_builder *builder = scope->builder;
    const dpi_parameters *p = &builder->model->parameters;
    if (!dpi_has_two_paths(p)) {
        return spatial;
    }
    if (p->position == DPI_POSITION_TABLE) {
        return dpi_read_matrix(scope, dpi_name("position.table"), p->framesets * p->image_tokens,
                               p->width);
    }
    if (dpi_has_tensor(builder, dpi_name("position.grid"))) {
        return dpi_read_matrix(scope, dpi_name("position.grid"), p->image_tokens, p->width);
    }
    return spatial;
}

void dpi_build_positions(const dpi_scope *outer) {
    dpi_scope scope = *outer;
    dpi_builder *builder = scope.builder;
    struct dp_model *model = builder->model;
    const dpi_parameters *p = &model->parameters;
    dpi_matrix token = dpi_read_matrix(&scope, dpi_name("class_token"), 1, p->width);
    dpi_matrix spatial =
        dpi_read_matrix(&scope, dpi_name("position.spatial"), p->image_tokens, p->width);
    dpi_matrix table = read_temporal_table(&scope, spatial);
    dpi_matrix frequencies = dpi_matrix_take(&scope, 2, p->width);
    float *position_spatial = dpi_arena_floats(&model->arena, p->image_tokens, p->width);
    float *position_temporal =
        dpi_arena_floats(&model->arena, p->framesets * p->image_tokens, p->width);
    if (dpi_building(builder)) {
        position_encoder e = {p, NULL, NULL};
        if (DPI_HAS_SINCOS) {
            e = encoder_in(p, frequencies);
        }
        fill_temporal_table(builder, &e, table.values, position_temporal);
        memcpy(position_spatial, spatial.values, p->image_tokens * p->width * sizeof(float));
        add_class_token(p, token.values, position_spatial);
        for (size_t k = 0; k < p->framesets; k++) {
            add_class_token(p, token.values, position_temporal + k * p->image_tokens * p->width);
        }
    }
    model->position_spatial = position_spatial;
    model->position_temporal = position_temporal;
    if (dpi_has_time_attention(p)) {
        model->position_time =
            dpi_keep_matrix(&scope, dpi_name("position.time"), p->frames, p->width);
    }
}
