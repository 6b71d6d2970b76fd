/*
 * A transformer block as the paper writes it, formula by formula, on the matrices of the file: what
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

static dpi_rows residual_rows(const dpi_path_state *state, dpi_token_rows rows) {
    return dpi_rows_f32(dpi_path_x(state, rows, 0), state->x_stride * rows.step);
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

/* A(in), with the rows of `d` for its bottleneck. */
static void run_adapter(const dpi_workspace *workspace, const dpi_adapter *a, size_t rows,
                        dpi_rows in, dpi_rows d, dpi_rows out) {
    run_linear(workspace, &a->down, rows, in, d, workspace->model->parameters.adapter_activation);
    run_linear(workspace, &a->up, rows, d, out, DPI_ACTIVATION_NONE);
}

/* z = A(z), or z + A(z) with the adapter's own skip; t is as wide as z. */
static void run_serial_adapter(const dpi_workspace *workspace, const dpi_adapter *a, size_t rows,
                               dpi_rows z, dpi_rows d, dpi_rows t) {
    const dpi_parameters *p = &workspace->model->parameters;
    if (a->down.outputs == 0) {
        return;
    }
    run_adapter(workspace, a, rows, z, d, t);
    for (size_t i = 0; i < rows && !p->serial_skip; i++) {
        memset(value_row(z, i), 0, p->width * sizeof(float));
    }
    add_rows(rows, p->width, t, z);
}

/* n = LN1(x), in the temporal path n = A_t0(n); queries, keys and values of n; d = the
 * bottleneck of A_s1 for n. */
void dpi_unfused_before_attention(const dpi_workspace *workspace, const dpi_unfused_block *block,
                                  dpi_token_rows rows, float *scratch) {
    const dpi_parameters *p = &workspace->model->parameters;
    const dpi_path_state *state = &workspace->path[rows.path];
    dpi_rows n = take_value_rows(&scratch, rows.count, p->width);
    dpi_rows z = take_value_rows(&scratch, rows.count, p->width);
    dpi_rows d = take_value_rows(&scratch, rows.count, dpi_largest_bottleneck(p));
    dpi_rows kvq = dpi_path_kvq(state, rows, 0);
    normalise_tokens(workspace, block->norm1, rows, n);
    if (rows.path == DPI_TEMPORAL) {
        run_serial_adapter(workspace, &block->adapters[DPI_T0], rows.count, n, d, z);
    }
    run_linear(workspace, &block->qkv, rows.count, n, kvq, DPI_ACTIVATION_NONE);
    if (rows.path == DPI_SPATIAL && block->adapters[DPI_S1].down.outputs > 0) {
        run_linear(workspace, &block->adapters[DPI_S1].down, rows.count, n,
                   dpi_rows_from(kvq, 0, 3 * p->width), p->adapter_activation);
    }
}

/* x = x + MHA(n) + A_s1(n);  n = LN2(x);  x = x + MLP(n) + A_s2(n) */
static void spatial_after_attention(const dpi_workspace *workspace, const dpi_unfused_block *block,
                                    dpi_token_rows rows, dpi_rows n, dpi_rows z, dpi_rows d,
                                    dpi_rows h) {
    const dpi_parameters *p = &workspace->model->parameters;
    const dpi_path_state *state = &workspace->path[rows.path];
    dpi_rows x = residual_rows(state, rows);
    dpi_rows kvq = dpi_path_kvq(state, rows, 0);
    dpi_rows a = dpi_rows_from(kvq, 0, 2 * p->width);
    dpi_rows s1 = dpi_rows_from(kvq, 0, 3 * p->width);
    run_linear(workspace, &block->attn_out, rows.count, a, z, DPI_ACTIVATION_NONE);
    add_rows(rows.count, p->width, z, x);
    if (block->adapters[DPI_S1].up.outputs > 0) {
        run_linear(workspace, &block->adapters[DPI_S1].up, rows.count, s1, z, DPI_ACTIVATION_NONE);
        add_rows(rows.count, p->width, z, x);
    }
    normalise_tokens(workspace, block->norm2, rows, n);
    run_linear(workspace, &block->fc1, rows.count, n, h, p->activation);
    run_linear(workspace, &block->fc2, rows.count, h, z, DPI_ACTIVATION_NONE);
    add_rows(rows.count, p->width, z, x);
    if (block->adapters[DPI_S2].up.outputs > 0) {
        run_adapter(workspace, &block->adapters[DPI_S2], rows.count, n, d, z);
        add_rows(rows.count, p->width, z, x);
    }
}

/* x = x + A_t1(MHA(n));  x = x + A_t2(MLP(LN2(x))) */
static void temporal_after_attention(const dpi_workspace *workspace, const dpi_unfused_block *block,
                                     dpi_token_rows rows, dpi_rows n, dpi_rows z, dpi_rows d,
                                     dpi_rows h) {
    const dpi_parameters *p = &workspace->model->parameters;
    const dpi_path_state *state = &workspace->path[rows.path];
    dpi_rows x = residual_rows(state, rows);
    dpi_rows kvq = dpi_path_kvq(state, rows, 0);
    dpi_rows a = dpi_rows_from(kvq, 0, 2 * p->width);
    run_linear(workspace, &block->attn_out, rows.count, a, z, DPI_ACTIVATION_NONE);
    run_serial_adapter(workspace, &block->adapters[DPI_T1], rows.count, z, d, n);
    add_rows(rows.count, p->width, z, x);
    normalise_tokens(workspace, block->norm2, rows, n);
    run_linear(workspace, &block->fc1, rows.count, n, h, p->activation);
    run_linear(workspace, &block->fc2, rows.count, h, z, DPI_ACTIVATION_NONE);
    run_serial_adapter(workspace, &block->adapters[DPI_T2], rows.count, z, d, n);
    add_rows(rows.count, p->width, z, x);
}

void dpi_unfused_after_attention(const dpi_workspace *workspace, const dpi_unfused_block *block,
                                 dpi_token_rows rows, float *scratch) {
    const dpi_parameters *p = &workspace->model->parameters;
    dpi_rows n = take_value_rows(&scratch, rows.count, p->width);
    dpi_rows z = take_value_rows(&scratch, rows.count, p->width);
    dpi_rows d = take_value_rows(&scratch, rows.count, dpi_largest_bottleneck(p));
    dpi_rows h = take_value_rows(&scratch, rows.count, p->mlp_width);
    if (rows.path == DPI_SPATIAL) {
        spatial_after_attention(workspace, block, rows, n, z, d, h);
    } else {
        temporal_after_attention(workspace, block, rows, n, z, d, h);
    }
}
