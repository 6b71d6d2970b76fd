/*
 * Weights, and keys and values of attention, become panels.
 */
#include "base/size.h"
#include "gemm/gemm.h"

#define TMPL_SUFFIX pack
#include "gemm/lowp_tmpl.h"

/* Turns signed bytes into those with an offset of 128. */
#define BYTE_OFFSETS 0x80808080u

/* One output as k-groups: the f32 numbers themselves, or rounded into `groups`. */
static const dpi_kgroup *round_output(const dpi_layout *layout, const float *w, size_t inputs,
                                      dpi_kgroup *groups, dpi_row_scale *scale) {
    if (layout->precision == DP_PRECISION_F32) {
        return (const dpi_kgroup *)w;
    }
    layout->round_row(w, inputs, groups, scale); /* which may know nothing of steps */
    size_t depth = dpi_layout_depth(layout, inputs);
    size_t written = dpi_size_div_up(inputs, layout->kr);
    memset(groups + written, 0, (depth - written) * sizeof *groups);
    if (layout->precision == DP_PRECISION_INT8) {
        for (size_t k = 0; k < depth; k++) {
            groups[k] ^= BYTE_OFFSETS;
        }
    }
    return groups;
}

/* Whole panels of f32, without a look at single columns. */
static void transpose_into_panel(const dpi_kgroup *w, size_t stride, size_t nr, size_t depth,
                                 dpi_kgroup *panel) {
    for (size_t k = 0; k < depth; k++) {
        for (size_t o = 0; o < nr; o++) {
            panel[k * nr + o] = w[o * stride + k];
        }
    }
}

void dpi_pack_panels(const dpi_layout *layout, dpi_kgroup *panels, float *scale, const float *w,
                     size_t stride, size_t outputs, size_t inputs, dpi_kgroup *scratch) {
    size_t nr = layout->nr;
    size_t depth = dpi_layout_depth(layout, inputs);
    size_t columns = dpi_layout_columns(layout, outputs);
    size_t done = 0;
    for (; layout->precision == DP_PRECISION_F32 && done + nr <= outputs; done += nr) {
        transpose_into_panel((const dpi_kgroup *)(w + done * stride), stride, nr, inputs,
                             panels + done * depth);
    }
    for (size_t o = done; o < columns; o++) {
        dpi_kgroup *column = panels + o / nr * nr * depth + o % nr;
        if (o >= outputs) {
            for (size_t k = 0; k < depth; k++) {
                column[k * nr] = 0;
            }
            continue;
        }
        dpi_row_scale row = {0.0f, 0};
        const dpi_kgroup *groups = round_output(layout, w + o * stride, inputs, scratch, &row);
        if (scale != NULL) {
            scale[o] = row.scale;
        }
        for (size_t k = 0; k < depth; k++) {
            column[k * nr] = groups[k];
        }
    }
}

void dpi_pack_panels_transposed(const dpi_layout *layout, dpi_kgroup *panels, const float *w,
                                size_t stride, size_t outputs, size_t inputs) {
    size_t nr = layout->nr;
    size_t depth = dpi_layout_depth(layout, inputs);
    dpi_interleave_rows_fn interleave_rows =
        layout->interleave_rows != NULL ? layout->interleave_rows : interleave_rows_bf16;
    for (size_t column = 0; column < outputs; column += nr) {
        size_t count = dpi_size_min(outputs - column, nr);
        for (size_t k = 0; k < depth; k++) {
            dpi_kgroup *groups = panels + column * depth + k * nr;
            size_t i = k * layout->kr;
            const float *first = w + i * stride + column;
            size_t filled = i < inputs ? count : 0;
            if (layout->precision == DP_PRECISION_F32) {
                memcpy(groups, first, filled * sizeof *groups);
            } else if (filled > 0) {
                interleave_rows(first, i + 1 < inputs ? first + stride : NULL, filled, groups);
            }
            memset(groups + filled, 0, (nr - filled) * sizeof *groups);
        }
    }
}
