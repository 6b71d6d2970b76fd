/*
 * Matrix products on packed weights: the loops around the tile kernel, and packing.
 */
#include "kernels/kernels.h"

#include <string.h>

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

#define CACHE_SETS 64
#define LINE_FLOATS 16
#define APART 5

/* A first-level cache has 64 sets of lines. The long rows of a tile are read side by side, so they
 * should begin in sets that are some apart. */
size_t dp_row_stride(size_t n) {
    size_t lines = (n + LINE_FLOATS - 1) / LINE_FLOATS;
    size_t set = lines % CACHE_SETS;
    if (lines >= CACHE_SETS && set < APART) {
        lines += APART - set;
    } else if (set > CACHE_SETS - APART) {
        lines += CACHE_SETS + APART - set;
    }
    return lines * LINE_FLOATS;
}

size_t dp_panel_columns(const dp_kernels *kernels, size_t outputs) {
    return (outputs + kernels->nr - 1) / kernels->nr * kernels->nr;
}

size_t dp_panel_floats(const dp_kernels *kernels, size_t inputs, size_t outputs) {
    return dp_panel_columns(kernels, outputs) * inputs;
}

dp_linear dp_linear_outputs(const dp_linear *linear, size_t first, size_t count) {
    dp_linear view = *linear;
    view.outputs = count;
    view.panels += first * linear->depth;
    view.bias = linear->bias != NULL ? linear->bias + first : NULL;
    return view;
}

dp_linear dp_linear_inputs(const dp_kernels *kernels, const dp_linear *linear, size_t first,
                           size_t count) {
    dp_linear view = *linear;
    view.inputs = count;
    view.panels += first * kernels->nr;
    view.bias = first == 0 ? linear->bias : NULL;
    return view;
}

/* Applies the activations to columns [first, first + columns) of the output, here x. */
static void activate_tile(const dp_kernels *kernels, dp_epilogue epilogue, float *x, size_t stride,
                          size_t rows, size_t first, size_t columns) {
    size_t left = epilogue.split > first ? smaller(epilogue.split - first, columns) : 0;
    for (size_t i = 0; i < rows; i++) {
        if (left > 0 && epilogue.left != DP_ACTIVATION_NONE) {
            kernels->activate[epilogue.left](x + i * stride, left);
        }
        if (left < columns && epilogue.right != DP_ACTIVATION_NONE) {
            kernels->activate[epilogue.right](x + i * stride + left, columns - left);
        }
    }
}

/* Bytes that each of `tiles` tiles asks for at every step of its depth, so that together they have
 * asked for the next slice of panels. */
static size_t share_of_next(const dp_kernels *kernels, size_t tiles) {
    size_t share = (kernels->nr * sizeof(float) + tiles - 1) / tiles;
    return share < 16 ? 16 : share;
}

/* One panel against all rows. A slice of the panel stays in a near cache while the rows stream past
 * it; sums are kept in `out` from slice to slice. Meanwhile each tile asks for its part of the
 * slice behind this one, which comes from far away. */
static void apply_panel(const dp_kernels *kernels, const dp_linear *linear, size_t column,
                        size_t rows, const float *in, size_t in_stride, float *out,
                        size_t out_stride, dp_epilogue epilogue) {
    size_t columns = smaller(kernels->nr, linear->outputs - column);
    const float *panel = linear->panels + column * linear->depth;
    dp_tile tile = {.columns = columns,
                    .a_stride = in_stride,
                    .c_stride = out_stride,
                    .ahead = share_of_next(kernels, (rows + kernels->mr - 1) / kernels->mr)};
    for (size_t d = 0; d < linear->inputs; d += kernels->kc) {
        tile.depth = smaller(kernels->kc, linear->inputs - d);
        tile.panel = panel + d * kernels->nr;
        tile.next = (uintptr_t)tile.panel + tile.depth * kernels->nr * sizeof(float);
        tile.bias = d == 0 && linear->bias != NULL ? linear->bias + column : NULL;
        tile.accumulate = epilogue.accumulate || d > 0;
        bool last = d + tile.depth == linear->inputs;
        for (size_t r = 0; r < rows; r += kernels->mr) {
            tile.rows = smaller(kernels->mr, rows - r);
            tile.a = in + r * in_stride + d;
            tile.c = out + r * out_stride + column;
            kernels->gemm(&tile);
            tile.next += tile.depth * tile.ahead;
            if (last) {
                activate_tile(kernels, epilogue, tile.c, out_stride, tile.rows, column, columns);
            }
        }
    }
}

void dp_linear_apply(const dp_kernels *kernels, const dp_linear *linear, size_t rows,
                     const float *in, size_t in_stride, float *out, size_t out_stride,
                     dp_epilogue epilogue) {
    for (size_t column = 0; column < linear->outputs && rows > 0; column += kernels->nr) {
        apply_panel(kernels, linear, column, rows, in, in_stride, out, out_stride, epilogue);
    }
}

void dp_panel_put(const dp_kernels *kernels, float *panels, size_t depth, size_t first_output,
                  size_t first_input, const float *w, size_t stride, size_t outputs,
                  size_t inputs) {
    size_t nr = kernels->nr;
    for (size_t o = 0; o < outputs; o++) {
        size_t column = first_output + o;
        float *panel = panels + (column / nr) * nr * depth + first_input * nr + column % nr;
        for (size_t i = 0; i < inputs; i++) {
            panel[i * nr] = w[o * stride + i];
        }
    }
}

void dp_panel_put_rows(const dp_kernels *kernels, float *panels, const float *w, size_t stride,
                       size_t outputs, size_t inputs) {
    size_t nr = kernels->nr;
    for (size_t column = 0; column < outputs; column += nr) {
        size_t count = smaller(nr, outputs - column);
        for (size_t i = 0; i < inputs; i++) {
            float *row = panels + column * inputs + i * nr;
            memcpy(row, w + i * stride + column, count * sizeof(float));
            memset(row + count, 0, (nr - count) * sizeof(float));
        }
    }
}
