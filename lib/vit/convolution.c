/*
 * The bottlenecks of ST-Adapter: x += conv(x down) up on patches, with a depthwise convolution over
 * (time, row, column), zeros around it and no activation. The class token gets nothing.
 */
#include "base/size.h"
#include "gemm/gemm.h"
#include "vit/block.h"

#include <string.h>

/* ---- memory ---- */

typedef struct conv_buffers {
    dpi_lhs_buffer x, sums;
    float *class_rows; /* [class tokens among the rows][width] */
} conv_buffers;

/* Plans (arena->base == NULL) or takes memory for `rows` rows. */
static conv_buffers take_conv_buffers(dpi_arena *arena, const dp_model *model, size_t rows) {
    const dpi_parameters *p = &model->parameters;
    conv_buffers b;
    b.x = dpi_lhs_buffer_take(arena, model->gemm, rows, p->width, DPI_LHS_OF_ROWS);
    b.sums =
        dpi_lhs_buffer_take(arena, model->gemm, rows, dpi_largest_bottleneck(p), DPI_LHS_OF_SUMS);
    b.class_rows = dpi_arena_floats(arena, dpi_size_div_up(rows, p->tokens), p->width);
    return b;
}

static conv_buffers conv_buffers_in(const dpi_workspace *workspace, size_t rows, float *scratch) {
    dpi_arena arena = {.base = (uint8_t *)scratch,
                       .size = workspace->scratch_floats * sizeof(float)};
    return take_conv_buffers(&arena, workspace->model, rows);
}

size_t dpi_convolution_scratch(const dp_model *model, size_t rows) {
    dpi_arena counted = {.base = NULL};
    if (!dpi_has_convolutions(&model->parameters)) {
        return 0;
    }
    (void)take_conv_buffers(&counted, model, rows);
    return dpi_size_div_up(counted.used, sizeof(float));
}

/* ---- the ways down and up ---- */

static dpi_adapter find_bottleneck(const dp_model *model, size_t block, size_t which) {
    const dpi_block_part *part = &model->block[block].part[DPI_PART_CONV];
    if (!dpi_is_fused(model)) {
        return model->block[block].unfused.adapters[which];
    }
    return which == DPI_CONV_ATTN ? (dpi_adapter){part->adapter_down_attn, part->adapter_up_attn}
                                  : (dpi_adapter){part->adapter_down_mlp, part->adapter_up_mlp};
}

void dpi_before_convolution(const dpi_workspace *workspace, size_t block, size_t which,
                            dpi_token_rows rows, float *scratch) {
    const dp_model *model = workspace->model;
    const dpi_path_state *state = &workspace->path[rows.path];
    conv_buffers b = conv_buffers_in(workspace, rows.count, scratch);
    dpi_adapter bottleneck = find_bottleneck(model, block, which);
    dpi_lhs x = dpi_lhs_from_rows(model->gemm, dpi_residual_rows(state, rows), rows.count,
                                  model->parameters.width, &b.x);
    dpi_gemm_run(model->kernels, &bottleneck.down, rows.count, x,
                 dpi_rows_from(state->conv[which], rows.first, 0), (dpi_epilogue){0});
}

/* ---- the convolution ---- */

/* Taps along one axis whose sources lie inside: source = at + tap - size / 2. */
typedef struct tap_range {
    size_t first, end;
} tap_range;

static tap_range taps_inside(size_t at, size_t size, size_t length) {
    size_t half = size / 2;
    return (tap_range){at < half ? half - at : 0, dpi_size_min(size, length - at + half)};
}

/* out = the convolution at a patch of frame `frame`, [channels] */
static void convolve(const dpi_workspace *workspace, size_t block, size_t which, size_t frame,
                     size_t patch, size_t channels, float *out) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    const dpi_convolution *conv = &model->block[block].conv[which];
    dpi_rows d = workspace->path[DPI_SPATIAL].conv[which];
    dpi_kernel_size size = p->conv[which];
    size_t side = p->patches_a_side, row = patch / side, column = patch % side;
    tap_range times = taps_inside(frame, size.time, p->frames);
    tap_range rows = taps_inside(row, size.rows, side);
    tap_range columns = taps_inside(column, size.columns, side);
    memcpy(out, conv->bias, channels * sizeof(float));
    for (size_t t = times.first; t < times.end; t++) {
        for (size_t y = rows.first; y < rows.end; y++) {
            for (size_t x = columns.first; x < columns.end; x++) {
                size_t source = (frame + t - size.time / 2) * p->tokens + 1 +
                                (row + y - size.rows / 2) * side + column + x - size.columns / 2;
                size_t tap = (t * size.rows + y) * size.columns + x;
                model->kernels->multiply_add(out, dpi_rows_from(d, source, 0).numbers,
                                             conv->weight + tap * channels, channels);
            }
        }
    }
}

static void convolve_rows(const dpi_workspace *workspace, size_t block, size_t which,
                          dpi_token_rows rows, size_t channels, dpi_rows out) {
    size_t tokens = workspace->model->parameters.tokens;
    for (size_t i = 0; i < rows.count; i++) {
        size_t frame = (rows.first + i) / tokens;
        size_t token = (rows.first + i) % tokens;
        float *sums = dpi_rows_from(out, i, 0).numbers;
        if (token == 0) {
            memset(sums, 0, channels * sizeof(float));
        } else {
            convolve(workspace, block, which, frame, token - 1, channels, sums);
        }
    }
}

/* Copies the class tokens among the rows of x to `kept`, or back. */
static void copy_class_rows(const dpi_workspace *workspace, dpi_token_rows rows, float *kept,
                            bool back) {
    const dpi_parameters *p = &workspace->model->parameters;
    const dpi_path_state *state = &workspace->path[rows.path];
    size_t first = (p->tokens - rows.first % p->tokens) % p->tokens;
    for (size_t i = first; i < rows.count; i += p->tokens) {
        float *x = dpi_path_x(state, rows, i);
        memcpy(back ? x : kept, back ? kept : x, p->width * sizeof(float));
        kept += p->width;
    }
}

void dpi_add_convolution(const dpi_workspace *workspace, size_t block, size_t which,
                         dpi_token_rows rows, float *scratch) {
    const dp_model *model = workspace->model;
    const dpi_path_state *state = &workspace->path[rows.path];
    conv_buffers b = conv_buffers_in(workspace, rows.count, scratch);
    dpi_adapter bottleneck = find_bottleneck(model, block, which);
    size_t channels = bottleneck.up.inputs;
    convolve_rows(workspace, block, which, rows, channels, dpi_lhs_sums(&b.sums));
    dpi_lhs sums =
        dpi_lhs_from_rows(model->gemm, dpi_lhs_sums(&b.sums), rows.count, channels, &b.sums);
    copy_class_rows(workspace, rows, b.class_rows, false);
    dpi_gemm_run(model->kernels, &bottleneck.up, rows.count, sums, dpi_residual_rows(state, rows),
                 (dpi_epilogue){.accumulate = true});
    copy_class_rows(workspace, rows, b.class_rows, true);
}
