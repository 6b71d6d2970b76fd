/*
 * Weights, and keys and values of attention, become the panels of a product.
 */
#include "kernels/numbers.h"

/* Turns signed bytes into those with an offset of 128. */
#define BYTE_OFFSETS 0x80808080u

/* The words of one output: of f32 its numbers themselves, else in `words`. */
static const uint32_t *output_words(const dp_product *product, const float *w, size_t inputs,
                                    uint32_t *words, dp_row_scale *row) {
    if (product->convert == NULL) {
        return (const uint32_t *)w;
    }
    product->convert(w, inputs, words, row); /* which may know nothing of steps */
    size_t written = row_words(inputs, product->group, 1);
    clear_padding(words, written * product->group, product->group, product->step);
    if (product->precision == DP_PRECISION_INT8) {
        size_t depth = dp_panel_depth(product, inputs);
        for (size_t i = 0; i < depth; i++) {
            words[i] ^= BYTE_OFFSETS;
        }
    }
    return words;
}

/* Rows of words, as many as a panel has columns, side by side. */
static void transpose(const uint32_t *w, size_t stride, size_t rows, size_t words,
                      uint32_t *panel) {
    for (size_t i = 0; i < words; i++) {
        for (size_t o = 0; o < rows; o++) {
            panel[i * rows + o] = w[o * stride + i];
        }
    }
}

void dp_pack_outputs(const dp_product *product, uint32_t *panels, float *scale, const float *w,
                     size_t stride, size_t outputs, size_t inputs, uint32_t *scratch) {
    size_t nr = product->nr;
    size_t depth = dp_panel_depth(product, inputs);
    size_t columns = dp_panel_columns(product, outputs);
    size_t done = 0;
    for (; product->convert == NULL && done + nr <= outputs; done += nr) {
        transpose((const uint32_t *)(w + done * stride), stride, nr, inputs, panels + done * depth);
    }
    for (size_t o = done; o < columns; o++) {
        uint32_t *column = panels + o / nr * nr * depth + o % nr;
        if (o >= outputs) {
            for (size_t i = 0; i < depth; i++) {
                column[i * nr] = 0;
            }
            continue;
        }
        dp_row_scale row = {0.0f, 0};
        const uint32_t *words = output_words(product, w + o * stride, inputs, scratch, &row);
        if (scale != NULL) {
            scale[o] = row.scale;
        }
        for (size_t i = 0; i < depth; i++) {
            column[i * nr] = words[i];
        }
    }
}

/* One row of words from `group` rows of numbers, the last of which may be missing. */
static void interleave(const float *first, const float *second, size_t n, uint32_t *words) {
    for (size_t i = 0; i < n; i++) {
        words[i] = rounded_to_bf16(first[i]) >> 16;
    }
    for (size_t i = 0; second != NULL && i < n; i++) {
        words[i] |= rounded_to_bf16(second[i]);
    }
}

void dp_pack_inputs(const dp_product *product, uint32_t *panels, const float *w, size_t stride,
                    size_t outputs, size_t inputs) {
    size_t nr = product->nr;
    size_t depth = dp_panel_depth(product, inputs);
    for (size_t column = 0; column < outputs; column += nr) {
        size_t count = outputs - column < nr ? outputs - column : nr;
        for (size_t d = 0; d < depth; d++) {
            uint32_t *words = panels + column * depth + d * nr;
            size_t i = d * product->group;
            const float *first = w + i * stride + column;
            size_t filled = i < inputs ? count : 0;
            if (product->group == 1) {
                memcpy(words, first, filled * sizeof *words);
            } else if (filled > 0) {
                interleave(first, i + 1 < inputs ? first + stride : NULL, filled, words);
            }
            memset(words + filled, 0, (nr - filled) * sizeof *words);
        }
    }
}
