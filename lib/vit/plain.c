/*
 * A transformer block as the model page writes it (section 4), formula by formula, on the matrices
 * of the file: what the fused form is held against.
 */
#include "vit/vit.h"

#include <string.h>

/* Rows of an intermediate value in scratch memory. */
typedef struct values {
    float *row;
    size_t stride;
} values;

static size_t largest_bottleneck(const dp_parameters *p) {
    size_t largest = 0;
    for (size_t site = 0; site < DP_ADAPTER_SITES; site++) {
        largest = p->bottleneck[site] > largest ? p->bottleneck[site] : largest;
    }
    return largest;
}

/* n, z, d and h below. */
size_t dp_plain_scratch(const dp_model *model, size_t rows) {
    const dp_parameters *p = &model->parameters;
    return rows * (2 * dp_row_stride(p->width) + dp_row_stride(largest_bottleneck(p)) +
                   dp_row_stride(p->mlp_width));
}

static values take(float **scratch, size_t rows, size_t columns) {
    values taken = {*scratch, dp_row_stride(columns)};
    *scratch += rows * taken.stride;
    return taken;
}

static void layer_norm(const dp_workspace *workspace, dp_norm norm, dp_rows rows, values out) {
    const dp_model *model = workspace->model;
    const dp_path_state *state = &workspace->path[rows.path];
    for (size_t i = 0; i < rows.count; i++) {
        model->kernels->layer_norm(dp_row(state->x, state->x_stride, rows, i), norm.weight,
                                   norm.bias, model->parameters.epsilon, out.row + i * out.stride,
                                   model->parameters.width);
    }
}

static void linear(const dp_workspace *workspace, const dp_linear *layer, size_t rows, values in,
                   values out, dp_activation activation) {
    dp_operand operand = {.words = (uint32_t *)in.row, .stride = in.stride};
    dp_linear_apply(workspace->model->kernels, layer, rows, operand, out.row, out.stride,
                    (dp_epilogue){.activation = activation});
}

static void add(size_t rows, size_t columns, values what, values to) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t c = 0; c < columns; c++) {
            to.row[i * to.stride + c] += what.row[i * what.stride + c];
        }
    }
}

/* A(in), with the rows of `d` for its bottleneck. */
static void adapter(const dp_workspace *workspace, const dp_adapter *a, size_t rows, values in,
                    values d, values out) {
    linear(workspace, &a->down, rows, in, d, workspace->model->parameters.adapter_activation);
    linear(workspace, &a->up, rows, d, out, DP_ACTIVATION_NONE);
}

/* z = A(z), or z + A(z) with the adapter's own skip; t is as wide as z. */
static void serial_adapter(const dp_workspace *workspace, const dp_adapter *a, size_t rows,
                           values z, values d, values t) {
    const dp_parameters *p = &workspace->model->parameters;
    if (a->down.outputs == 0) {
        return;
    }
    adapter(workspace, a, rows, z, d, t);
    for (size_t i = 0; i < rows && !p->serial_skip; i++) {
        memset(z.row + i * z.stride, 0, p->width * sizeof(float));
    }
    add(rows, p->width, t, z);
}

static values rows_of(float *base, size_t stride, dp_rows rows) {
    return (values){dp_row(base, stride, rows, 0), stride * rows.step};
}

/* n = LN1(x), in the temporal path n = A_t0(n); keys, values and queries of n; d = what A_s1 has in
 * its bottleneck for n. */
void dp_plain_project(const dp_workspace *workspace, const dp_plain_block *block, dp_rows rows,
                      float *scratch) {
    const dp_parameters *p = &workspace->model->parameters;
    const dp_path_state *state = &workspace->path[rows.path];
    values n = take(&scratch, rows.count, p->width);
    values z = take(&scratch, rows.count, p->width);
    values d = take(&scratch, rows.count, largest_bottleneck(p));
    values kvq = rows_of(state->wide, state->wide_stride, rows);
    layer_norm(workspace, block->norm1, rows, n);
    if (rows.path == DP_TEMPORAL) {
        serial_adapter(workspace, &block->adapters[DP_T0], rows.count, n, d, z);
    }
    linear(workspace, &block->qkv, rows.count, n, kvq, DP_ACTIVATION_NONE);
    if (rows.path == DP_SPATIAL && block->adapters[DP_S1].down.outputs > 0) {
        linear(workspace, &block->adapters[DP_S1].down, rows.count, n,
               (values){kvq.row + 3 * p->width, kvq.stride}, p->adapter_activation);
    }
}

/* x = x + MHA(n) + A_s1(n);  n = LN2(x);  x = x + MLP(n) + A_s2(n) */
static void spatial_finish(const dp_workspace *workspace, const dp_plain_block *block, dp_rows rows,
                           values n, values z, values d, values h) {
    const dp_parameters *p = &workspace->model->parameters;
    const dp_path_state *state = &workspace->path[rows.path];
    values x = rows_of(state->x, state->x_stride, rows);
    values kvq = rows_of(state->wide, state->wide_stride, rows);
    values a = {kvq.row + 2 * p->width, kvq.stride};
    values s1 = {kvq.row + 3 * p->width, kvq.stride};
    linear(workspace, &block->attention_out, rows.count, a, z, DP_ACTIVATION_NONE);
    add(rows.count, p->width, z, x);
    if (block->adapters[DP_S1].up.outputs > 0) {
        linear(workspace, &block->adapters[DP_S1].up, rows.count, s1, z, DP_ACTIVATION_NONE);
        add(rows.count, p->width, z, x);
    }
    layer_norm(workspace, block->norm2, rows, n);
    linear(workspace, &block->mlp_up, rows.count, n, h, p->activation);
    linear(workspace, &block->mlp_down, rows.count, h, z, DP_ACTIVATION_NONE);
    add(rows.count, p->width, z, x);
    if (block->adapters[DP_S2].up.outputs > 0) {
        adapter(workspace, &block->adapters[DP_S2], rows.count, n, d, z);
        add(rows.count, p->width, z, x);
    }
}

/* x = x + A_t1(MHA(n));  x = x + A_t2(MLP(LN2(x))) */
static void temporal_finish(const dp_workspace *workspace, const dp_plain_block *block,
                            dp_rows rows, values n, values z, values d, values h) {
    const dp_parameters *p = &workspace->model->parameters;
    const dp_path_state *state = &workspace->path[rows.path];
    values x = rows_of(state->x, state->x_stride, rows);
    values kvq = rows_of(state->wide, state->wide_stride, rows);
    values a = {kvq.row + 2 * p->width, kvq.stride};
    linear(workspace, &block->attention_out, rows.count, a, z, DP_ACTIVATION_NONE);
    serial_adapter(workspace, &block->adapters[DP_T1], rows.count, z, d, n);
    add(rows.count, p->width, z, x);
    layer_norm(workspace, block->norm2, rows, n);
    linear(workspace, &block->mlp_up, rows.count, n, h, p->activation);
    linear(workspace, &block->mlp_down, rows.count, h, z, DP_ACTIVATION_NONE);
    serial_adapter(workspace, &block->adapters[DP_T2], rows.count, z, d, n);
    add(rows.count, p->width, z, x);
}

void dp_plain_finish(const dp_workspace *workspace, const dp_plain_block *block, dp_rows rows,
                     float *scratch) {
    const dp_parameters *p = &workspace->model->parameters;
    values n = take(&scratch, rows.count, p->width);
    values z = take(&scratch, rows.count, p->width);
    values d = take(&scratch, rows.count, largest_bottleneck(p));
    values h = take(&scratch, rows.count, p->mlp_width);
    if (rows.path == DP_SPATIAL) {
        spatial_finish(workspace, block, rows, n, z, d, h);
    } else {
        temporal_finish(workspace, block, rows, n, z, d, h);
    }
}
