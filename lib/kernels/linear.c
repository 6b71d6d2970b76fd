/*
 * Matrix products on packed weights: the loops around the tile of a product.
 */
#include "kernels/kernels.h"

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

size_t dp_tiles(const dp_product *product, size_t rows) {
    return (rows + product->mr - 1) / product->mr;
}

size_t dp_panel_depth(const dp_product *product, size_t inputs) {
    size_t words = (inputs + product->group - 1) / product->group;
    return (words + product->step - 1) / product->step * product->step;
}

size_t dp_panel_columns(const dp_product *product, size_t outputs) {
    return (outputs + product->nr - 1) / product->nr * product->nr;
}

size_t dp_panel_words(const dp_product *product, size_t inputs, size_t outputs) {
    return dp_panel_columns(product, outputs) * dp_panel_depth(product, inputs);
}

dp_linear dp_linear_outputs(const dp_linear *linear, size_t first, size_t count) {
    dp_linear view = *linear;
    view.outputs = count;
    view.panels += first * linear->depth;
    view.bias = linear->bias != NULL ? linear->bias + first : NULL;
    view.scale = linear->scale != NULL ? linear->scale + first : NULL;
    return view;
}

dp_linear dp_linear_inputs(const dp_linear *linear, size_t first, size_t count) {
    dp_linear view = *linear;
    view.inputs = count;
    view.panels += first / linear->product->group * linear->product->nr;
    view.bias = first == 0 ? linear->bias : NULL;
    return view;
}

/* ---- operands ---- */

size_t dp_row_spread(const dp_product *product) {
    return product->spread != NULL ? 2 : 1;
}

/* Rows that may be read: whole tiles. */
static size_t operand_rows(const dp_product *product, size_t rows) {
    return dp_tiles(product, rows) * product->mr;
}

/* An odd number of lines spreads the rows of a tile over all sets of a cache. */
static size_t operand_stride(const dp_product *product, size_t inputs) {
    size_t spread = dp_row_spread(product);
    size_t words =
        dp_panel_depth(product, inputs) * (product->room > spread ? product->room : spread);
    size_t lines = (words + LINE_FLOATS - 1) / LINE_FLOATS;
    return (lines | 1) * LINE_FLOATS;
}

/* The scales of the rows stand before their words. */
static size_t scale_words(const dp_product *product, size_t rows) {
    size_t words = operand_rows(product, rows) * sizeof(dp_row_scale) / sizeof(uint32_t);
    return (words + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

size_t dp_operand_size(const dp_product *product, size_t rows, size_t inputs) {
    if (product->convert == NULL) {
        return 0;
    }
    return scale_words(product, rows) +
           operand_rows(product, rows) * operand_stride(product, inputs);
}

dp_operand dp_operand_in(const dp_product *product, size_t rows, size_t inputs, uint32_t *memory) {
    return (dp_operand){.words = memory + scale_words(product, rows),
                        .stride = operand_stride(product, inputs),
                        .row = (dp_row_scale *)memory};
}

/* The first word of a row. */
static uint32_t *operand_row(const dp_product *product, const dp_operand *operand, size_t row) {
    size_t in_tile = product->interleaved ? row % product->mr : 0;
    return operand->words + (row - in_tile) * operand->stride + in_tile;
}

void dp_operand_put(const dp_product *product, const dp_operand *operand, size_t row,
                    const float *x, size_t inputs) {
    uint32_t *words = operand_row(product, operand, row);
    if (product->spread != NULL) {
        product->spread(x, inputs, words, operand->row + row);
    } else {
        product->convert(x, inputs, words, operand->row + row);
    }
}

dp_operand dp_operand_make(const dp_product *product, const float *x, size_t stride, size_t rows,
                           size_t inputs, uint32_t *memory) {
    if (product->convert == NULL) {
        return (dp_operand){.words = (uint32_t *)x, .stride = stride};
    }
    dp_operand made = dp_operand_in(product, rows, inputs, memory);
    for (size_t i = 0; i < rows; i++) {
        dp_operand_put(product, &made, i, x + i * stride, inputs);
    }
    return made;
}

/* ---- products ---- */

/* Bytes that each of `tiles` tiles asks for at every step of its depth, so that together they have
 * asked for the next slice of panels. */
static size_t share_of_next(const dp_product *product, size_t tiles) {
    size_t share = (product->nr * sizeof(uint32_t) + tiles - 1) / tiles;
    return share < 16 ? 16 : share;
}

static void activate_tile(const dp_kernels *kernels, dp_activation activation,
                          const dp_tile *tile) {
    for (size_t i = 0; i < tile->rows && activation != DP_ACTIVATION_NONE; i++) {
        kernels->activate[activation](tile->c + i * tile->c_stride, tile->columns);
    }
}

/* Columns of a tile. */
static size_t tile_columns(const dp_product *product) {
    return product->panels > 0 ? product->panels * product->nr : product->nr;
}

/* The panels of a tile against all rows. A slice of a panel stays in a near cache while the rows
 * stream past it; sums are kept in `out` from slice to slice. Meanwhile each tile asks for its part
 * of the slice behind this one, which comes from far away. */
static void apply_panels(const dp_kernels *kernels, const dp_linear *linear, size_t column,
                         size_t rows, dp_operand in, float *out, size_t out_stride,
                         dp_epilogue epilogue) {
    const dp_product *product = linear->product;
    const uint32_t *panel = linear->panels + column * linear->depth;
    size_t depth = dp_panel_depth(product, linear->inputs);
    size_t spread = dp_row_spread(product);
    dp_tile tile = {.columns = smaller(tile_columns(product), linear->outputs - column),
                    .panel_stride = product->nr * linear->depth,
                    .column_scale = linear->scale != NULL ? linear->scale + column : NULL,
                    .a_stride = in.stride,
                    .c_stride = out_stride,
                    .ahead = share_of_next(product, dp_tiles(product, rows))};
    for (size_t w = 0; w < depth; w += product->kc) {
        tile.words = smaller(product->kc, depth - w);
        tile.panel = panel + w * product->nr;
        tile.next = (uintptr_t)(tile.panel + tile.words * product->nr);
        tile.bias = w == 0 && linear->bias != NULL ? linear->bias + column : NULL;
        tile.accumulate = epilogue.accumulate || w > 0;
        bool last = w + tile.words == depth;
        for (size_t r = 0; r < rows; r += product->mr) {
            tile.rows = smaller(product->mr, rows - r);
            tile.a = in.words + r * in.stride + w * spread;
            tile.row = in.row != NULL ? in.row + r : NULL;
            tile.c = out + r * out_stride + column;
            product->tile(&tile);
            tile.next += tile.words * tile.ahead;
            activate_tile(kernels, last ? epilogue.activation : DP_ACTIVATION_NONE, &tile);
        }
    }
}

void dp_linear_apply(const dp_kernels *kernels, const dp_linear *linear, size_t rows, dp_operand in,
                     void *out, size_t out_stride, dp_epilogue epilogue) {
    const dp_product *product = linear->product;
    if (linear->outputs == 0 || rows == 0) {
        return;
    }
    if (product->apply != NULL) {
        product->apply(linear, rows, in, out, out_stride, epilogue);
        return;
    }
    for (size_t column = 0; column < linear->outputs; column += tile_columns(product)) {
        apply_panels(kernels, linear, column, rows, in, out, out_stride, epilogue);
    }
}
