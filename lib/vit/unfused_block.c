/*
 * A transformer block formula by formula, as the papers write it, on the matrices of the file: what
 * the fused form is tested against.
 */
#include "gemm/gemm.h"
#include "vit/block.h"

#include <string.h>

/* n, z, d and h below. */
size_t dpi_unfused_scratch(const dp_model *model, size_t rows) {
    const dpi_parameters *p = &model->parameters;
    return rows * (2 * dpi_row_stride(p->width) + dpi_row_stride(dpi_largest_bottleneck(p)) +
                   dpi_row_stride(p->mlp_width));
}

/* Takes rows of f32 from scratch memory. */
static dpi_rows take_value_rows(float **scratch, size_t rows, size_t columns) {
    dpi_rows taken = dpi_rows_f32(*scratch, dpi_row_stride(columns));
    *scratch += rows * taken.stride;
    return taken;
}

static float *value_row(dpi_rows values, size_t i) {
    return (float *)values.numbers + i * values.stride;
}

static void normalise_tokens(const dpi_workspace *workspace, dpi_norm norm, dpi_token_rows rows,
                             dpi_rows out) {
    const dp_model *model = workspace->model;
    const dpi_path_state *state = &workspace->path[rows.path];
    for (size_t i = 0; i < rows.count; i++) {
        model->kernels->layer_norm(dpi_path_x(state, rows, i), norm.weight, norm.bias,
                                   model->parameters.epsilon, value_row(out, i),
                                   model->parameters.width);
    }
}

static void run_linear(const dpi_workspace *workspace, const dpi_linear *layer, size_t rows,
                       dpi_rows in, dpi_rows out, dpi_activation activation) {
    dpi_gemm_run(workspace->model->kernels, layer, rows, dpi_lhs_of_f32(in.numbers, in.stride), out,
                 (dpi_epilogue){.activation = activation});
}

static void add_rows(size_t rows, size_t columns, dpi_rows what, dpi_rows to) {
    for (size_t i = 0; i < rows; i++) {
        const float *from = value_row(what, i);
        float *sum = value_row(to, i);
        for (size_t c = 0; c < columns; c++) {
            sum[c] += from[c];
        }
    }
}

/* The adapter of a part at a place; NULL: the model has none. */
static const dpi_adapter *adapter_at(const dpi_workspace *workspace, const dpi_unfused_block *block,
                                     dpi_part part, dpi_adapter_place place) {
    const dpi_parameters *p = &workspace->model->parameters;
    const dpi_site *site = dpi_site_at(p, part, place);
    return site != NULL ? &block->adapters[site - dpi_method_of(p->method)->sites] : NULL;
}

/* d = act(in down) */
static void run_way_down(const dpi_workspace *workspace, const dpi_adapter *a, size_t rows,
                         dpi_rows in, dpi_rows d) {
    run_linear(workspace, &a->down, rows, in, d, workspace->model->parameters.adapter_activation);
}

/* x += d up, with rows of t between */
static void add_way_up(const dpi_workspace *workspace, const dpi_adapter *a, size_t rows,
                       dpi_rows d, dpi_rows t, dpi_rows x) {
    run_linear(workspace, &a->up, rows, d, t, DPI_ACTIVATION_NONE);
    add_rows(rows, workspace->model->parameters.width, t, x);
}

/* z = A(z) of a serial adapter, or z + A(z) with its skip; t is as wide as z. */
static void run_serial_adapter(const dpi_workspace *workspace, const dpi_unfused_block *block,
                               dpi_part part, dpi_adapter_place place, size_t rows, dpi_rows z,
                               dpi_rows d, dpi_rows t) {
    const dpi_parameters *p = &workspace->model->parameters;
    const dpi_adapter *a = adapter_at(workspace, block, part, place);
    if (a == NULL) {
        return;
    }
    run_way_down(workspace, a, rows, z, d);
    for (size_t i = 0; i < rows && !dpi_keeps_input(p, part, place); i++) {
        memset(value_row(z, i), 0, p->width * sizeof(float));
    }
    add_way_up(workspace, a, rows, d, t, z);
}

/* n = LN1(x), through the adapter before qkv; keys, values and queries of n; and after these in
 * their rows the bottleneck of the adapter beside attention. */
void dpi_unfused_before_attention(const dpi_workspace *workspace, const dpi_unfused_block *block,
                                  dpi_part part, dpi_token_rows rows, float *scratch) {
    const dpi_parameters *p = &workspace->model->parameters;
    const dpi_adapter *beside = adapter_at(workspace, block, part, DPI_BESIDE_ATTENTION);
    dpi_rows n = take_value_rows(&scratch, rows.count, p->width);
    dpi_rows z = take_value_rows(&scratch, rows.count, p->width);
    dpi_rows d = take_value_rows(&scratch, rows.count, dpi_largest_bottleneck(p));
    dpi_rows kvq = dpi_path_kvq(&workspace->path[rows.path], rows, 0);
    normalise_tokens(workspace, block->norm1, rows, n);
    run_serial_adapter(workspace, block, part, DPI_BEFORE_QKV, rows.count, n, d, z);
    run_linear(workspace, &block->qkv, rows.count, n, kvq, DPI_ACTIVATION_NONE);
    if (beside != NULL) {
        run_way_down(workspace, beside, rows.count, n, dpi_rows_from(kvq, 0, 3 * p->width));
    }
}

/* z = MHA(n), through the adapter after it;  x = x + z + A(n) of the adapter beside it */
void dpi_unfused_after_attention(const dpi_workspace *workspace, const dpi_unfused_block *block,
                                 dpi_part part, dpi_token_rows rows, float *scratch) {
    const dpi_parameters *p = &workspace->model->parameters;
    const dpi_path_state *state = &workspace->path[rows.path];
    const dpi_adapter *beside = adapter_at(workspace, block, part, DPI_BESIDE_ATTENTION);
    dpi_rows z = take_value_rows(&scratch, rows.count, p->width);
    dpi_rows t = take_value_rows(&scratch, rows.count, p->width);
    dpi_rows d = take_value_rows(&scratch, rows.count, dpi_largest_bottleneck(p));
    dpi_rows x = dpi_residual_rows(state, rows);
    dpi_rows kvq = dpi_path_kvq(state, rows, 0);
    run_linear(workspace, &block->attn_out, rows.count, dpi_rows_from(kvq, 0, 2 * p->width), z,
               DPI_ACTIVATION_NONE);
    run_serial_adapter(workspace, block, part, DPI_AFTER_ATTENTION, rows.count, z, d, t);
    add_rows(rows.count, p->width, z, x);
    if (beside != NULL) {
        add_way_up(workspace, beside, rows.count, dpi_rows_from(kvq, 0, 3 * p->width), t, x);
    }
}

/* n = LN2(x);  z = MLP(n), through the adapter after it;  x = x + z + A(n), or A(x), of the adapter
 * beside it */
void dpi_unfused_mlp(const dpi_workspace *workspace, const dpi_unfused_block *block, dpi_part part,
                     dpi_token_rows rows, float *scratch) {
    const dpi_parameters *p = &workspace->model->parameters;
    const dpi_adapter *beside = adapter_at(workspace, block, part, DPI_BESIDE_MLP);
    dpi_rows n = take_value_rows(&scratch, rows.count, p->width);
    dpi_rows z = take_value_rows(&scratch, rows.count, p->width);
    dpi_rows d = take_value_rows(&scratch, rows.count, dpi_largest_bottleneck(p));
    dpi_rows h = take_value_rows(&scratch, rows.count, p->mlp_width);
    dpi_rows x = dpi_residual_rows(&workspace->path[rows.path], rows);
    normalise_tokens(workspace, block->norm2, rows, n);
    if (beside != NULL) {
        run_way_down(workspace, beside, rows.count, dpi_reads_x(p, part) ? x : n, d);
    }
    run_linear(workspace, &block->fc1, rows.count, n, h, p->activation);
    run_linear(workspace, &block->fc2, rows.count, h, z, DPI_ACTIVATION_NONE);
    run_serial_adapter(workspace, block, part, DPI_AFTER_MLP, rows.count, z, d, n);
    add_rows(rows.count, p->width, z, x);
    if (beside != NULL) {
        add_way_up(workspace, beside, rows.count, d, z, x);
    }
}
