/*
 * A transformer block as the paper writes it, formula by formula, on the matrices of the file: what
 * the fused form is tested against.
 */
#include "gemm/gemm.h"
#include "vit/block.h"

#include <string.h>

/* n, z, d and h below. */
size_t dp_unfused_scratch(const dp_model *model, size_t rows) {
    const dp_parameters *p = &model->parameters;
    return rows * (2 * dp_row_stride(p->width) + dp_row_stride(dp_largest_bottleneck(p)) +
                   dp_row_stride(p->mlp_width));
}

/* Takes rows of f32 from scratch memory. */
static dp_rows take_value_rows(float **scratch, size_t rows, size_t columns) {
    dp_rows taken = dp_rows_f32(*scratch, dp_row_stride(columns));
    *scratch += rows * taken.stride;
    return taken;
}

static float *value_row(dp_rows values, size_t i) {
    return (float *)values.numbers + i * values.stride;
}

static dp_rows residual_rows(const dp_path_state *state, dp_token_rows rows) {
    return dp_rows_f32(dp_path_x(state, rows, 0), state->x_stride * rows.step);
}

static void normalise_tokens(const dp_workspace *workspace, dp_norm norm, dp_token_rows rows,
                             dp_rows out) {
    const dp_model *model = workspace->model;
    const dp_path_state *state = &workspace->path[rows.path];
    for (size_t i = 0; i < rows.count; i++) {
        model->kernels->layer_norm(dp_path_x(state, rows, i), norm.weight, norm.bias,
                                   model->parameters.epsilon, value_row(out, i),
                                   model->parameters.width);
    }
}

static void run_linear(const dp_workspace *workspace, const dp_linear *layer, size_t rows,
                       dp_rows in, dp_rows out, dp_activation activation) {
    dp_gemm_run(workspace->model->kernels, layer, rows, dp_lhs_of_f32(in.numbers, in.stride), out,
                (dp_epilogue){.activation = activation});
}

static void add_rows(size_t rows, size_t columns, dp_rows what, dp_rows to) {
    for (size_t i = 0; i < rows; i++) {
        const float *from = value_row(what, i);
        float *sum = value_row(to, i);
        for (size_t c = 0; c < columns; c++) {
            sum[c] += from[c];
        }
    }
}

/* A(in), with the rows of `d` for its bottleneck. */
static void run_adapter(const dp_workspace *workspace, const dp_adapter *a, size_t rows, dp_rows in,
                        dp_rows d, dp_rows out) {
    run_linear(workspace, &a->down, rows, in, d, workspace->model->parameters.adapter_activation);
    run_linear(workspace, &a->up, rows, d, out, DP_ACTIVATION_NONE);
}

/* z = A(z), or z + A(z) with the adapter's own skip; t is as wide as z. */
static void run_serial_adapter(const dp_workspace *workspace, const dp_adapter *a, size_t rows,
                               dp_rows z, dp_rows d, dp_rows t) {
    const dp_parameters *p = &workspace->model->parameters;
    if (a->down.outputs == 0) {
        return;
    }
    run_adapter(workspace, a, rows, z, d, t);
    for (size_t i = 0; i < rows && !p->serial_skip; i++) {
        memset(value_row(z, i), 0, p->width * sizeof(float));
    }
    add_rows(rows, p->width, t, z);
}

/* n = LN1(x), in the temporal path n = A_t0(n); keys, dp_rows and queries of n; d = what A_s1 has
 * in its bottleneck for n. */
void dp_unfused_before_attention(const dp_workspace *workspace, const dp_unfused_block *block,
                                 dp_token_rows rows, float *scratch) {
    const dp_parameters *p = &workspace->model->parameters;
    const dp_path_state *state = &workspace->path[rows.path];
    dp_rows n = take_value_rows(&scratch, rows.count, p->width);
    dp_rows z = take_value_rows(&scratch, rows.count, p->width);
    dp_rows d = take_value_rows(&scratch, rows.count, dp_largest_bottleneck(p));
    dp_rows kvq = dp_path_kvq(state, rows, 0);
    normalise_tokens(workspace, block->norm1, rows, n);
    if (rows.path == DP_TEMPORAL) {
        run_serial_adapter(workspace, &block->adapters[DP_T0], rows.count, n, d, z);
    }
    run_linear(workspace, &block->qkv, rows.count, n, kvq, DP_ACTIVATION_NONE);
    if (rows.path == DP_SPATIAL && block->adapters[DP_S1].down.outputs > 0) {
        run_linear(workspace, &block->adapters[DP_S1].down, rows.count, n,
                   dp_rows_from(kvq, 0, 3 * p->width), p->adapter_activation);
    }
}

/* x = x + MHA(n) + A_s1(n);  n = LN2(x);  x = x + MLP(n) + A_s2(n) */
static void spatial_after_attention(const dp_workspace *workspace, const dp_unfused_block *block,
                                    dp_token_rows rows, dp_rows n, dp_rows z, dp_rows d,
                                    dp_rows h) {
    const dp_parameters *p = &workspace->model->parameters;
    const dp_path_state *state = &workspace->path[rows.path];
    dp_rows x = residual_rows(state, rows);
    dp_rows kvq = dp_path_kvq(state, rows, 0);
    dp_rows a = dp_rows_from(kvq, 0, 2 * p->width);
    dp_rows s1 = dp_rows_from(kvq, 0, 3 * p->width);
    run_linear(workspace, &block->attn_out, rows.count, a, z, DP_ACTIVATION_NONE);
    add_rows(rows.count, p->width, z, x);
    if (block->adapters[DP_S1].up.outputs > 0) {
        run_linear(workspace, &block->adapters[DP_S1].up, rows.count, s1, z, DP_ACTIVATION_NONE);
        add_rows(rows.count, p->width, z, x);
    }
    normalise_tokens(workspace, block->norm2, rows, n);
    run_linear(workspace, &block->fc1, rows.count, n, h, p->activation);
    run_linear(workspace, &block->fc2, rows.count, h, z, DP_ACTIVATION_NONE);
    add_rows(rows.count, p->width, z, x);
    if (block->adapters[DP_S2].up.outputs > 0) {
        run_adapter(workspace, &block->adapters[DP_S2], rows.count, n, d, z);
        add_rows(rows.count, p->width, z, x);
    }
}

/* x = x + A_t1(MHA(n));  x = x + A_t2(MLP(LN2(x))) */
static void temporal_after_attention(const dp_workspace *workspace, const dp_unfused_block *block,
                                     dp_token_rows rows, dp_rows n, dp_rows z, dp_rows d,
                                     dp_rows h) {
    const dp_parameters *p = &workspace->model->parameters;
    const dp_path_state *state = &workspace->path[rows.path];
    dp_rows x = residual_rows(state, rows);
    dp_rows kvq = dp_path_kvq(state, rows, 0);
    dp_rows a = dp_rows_from(kvq, 0, 2 * p->width);
    run_linear(workspace, &block->attn_out, rows.count, a, z, DP_ACTIVATION_NONE);
    run_serial_adapter(workspace, &block->adapters[DP_T1], rows.count, z, d, n);
    add_rows(rows.count, p->width, z, x);
    normalise_tokens(workspace, block->norm2, rows, n);
    run_linear(workspace, &block->fc1, rows.count, n, h, p->activation);
    run_linear(workspace, &block->fc2, rows.count, h, z, DP_ACTIVATION_NONE);
    run_serial_adapter(workspace, &block->adapters[DP_T2], rows.count, z, d, n);
    add_rows(rows.count, p->width, z, x);
}

void dp_unfused_after_attention(const dp_workspace *workspace, const dp_unfused_block *block,
                                dp_token_rows rows, float *scratch) {
    const dp_parameters *p = &workspace->model->parameters;
    dp_rows n = take_value_rows(&scratch, rows.count, p->width);
    dp_rows z = take_value_rows(&scratch, rows.count, p->width);
    dp_rows d = take_value_rows(&scratch, rows.count, dp_largest_bottleneck(p));
    dp_rows h = take_value_rows(&scratch, rows.count, p->mlp_width);
    if (rows.path == DP_SPATIAL) {
        spatial_after_attention(workspace, block, rows, n, z, d, h);
    } else {
        temporal_after_attention(workspace, block, rows, n, z, d, h);
    }
}
