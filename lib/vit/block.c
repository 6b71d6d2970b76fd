/*
 * A transformer block after fusion, for some rows of tokens: the half before attention and the half
 * behind it. The stages are those of dp_path_block, which says what each matrix stands for; a path
 * differs from the other only by which stages it has.
 */
#include "vit/vit.h"

static const dp_epilogue add_to_output = {.accumulate = true};

static dp_epilogue activate_all(dp_activation activation) {
    return (dp_epilogue){.left = activation, .split = SIZE_MAX};
}

static size_t entered_stride(const dp_parameters *p) {
    return dp_row_stride(p->width + p->bottleneck[DP_T0]);
}

static size_t hidden_stride(const dp_parameters *p, dp_path path) {
    return dp_row_stride(p->mlp_width + dp_mlp_bottleneck(p, path));
}

size_t dp_fused_scratch(const dp_model *model, size_t rows) {
    const dp_parameters *p = &model->parameters;
    size_t hidden = hidden_stride(p, DP_SPATIAL) > hidden_stride(p, DP_TEMPORAL)
                        ? hidden_stride(p, DP_SPATIAL)
                        : hidden_stride(p, DP_TEMPORAL);
    return rows * (entered_stride(p) + hidden);
}

static void normalise(const dp_workspace *workspace, dp_rows rows, float *out, size_t stride) {
    const dp_model *model = workspace->model;
    const dp_path_state *state = &workspace->path[rows.path];
    for (size_t i = 0; i < rows.count; i++) {
        model->kernels->layer_norm(dp_row(state->x, state->x_stride, rows, i), NULL, NULL,
                                   model->parameters.epsilon, out + i * stride,
                                   model->parameters.width);
    }
}

/* n = norm(x);  [n d] = act(n enter);  [k v q | d] = [n d] project */
void dp_fused_project(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                      bool keys_and_values_only, float *scratch) {
    const dp_kernels *kernels = workspace->model->kernels;
    const dp_parameters *p = &workspace->model->parameters;
    const dp_path_state *state = &workspace->path[rows.path];
    size_t stride = entered_stride(p);
    float *n = scratch;
    dp_linear project = block->project;
    normalise(workspace, rows, n, stride);
    if (block->enter.outputs > 0) {
        dp_linear_apply(kernels, &block->enter, rows.count, n, stride, n + p->width, stride,
                        activate_all(p->adapter_activation));
    }
    if (keys_and_values_only) {
        project.outputs = 2 * p->width;
    }
    const float *in = n + (p->width + block->enter.outputs - project.inputs);
    dp_linear_apply(kernels, &project, rows.count, in, stride,
                    dp_row(state->wide, state->wide_stride, rows, 0),
                    state->wide_stride * rows.step,
                    (dp_epilogue){.split = 3 * p->width, .right = p->adapter_activation});
}

/* d = act(a squeeze_a);  x += [a | d] leave */
static void leave_attention(const dp_workspace *workspace, const dp_path_block *block,
                            dp_rows rows) {
    const dp_kernels *kernels = workspace->model->kernels;
    const dp_parameters *p = &workspace->model->parameters;
    const dp_path_state *state = &workspace->path[rows.path];
    size_t stride = state->wide_stride * rows.step;
    float *a = dp_row(state->wide, state->wide_stride, rows, 0) + 2 * p->width;
    float *d = a + p->width;
    float *end = d + dp_attention_bottleneck(p, rows.path);
    if (block->squeeze_a.outputs > 0) {
        dp_linear_apply(kernels, &block->squeeze_a, rows.count, a, stride, d, stride,
                        activate_all(p->adapter_activation));
    }
    dp_linear_apply(kernels, &block->leave, rows.count, end - block->leave.inputs, stride,
                    dp_row(state->x, state->x_stride, rows, 0), state->x_stride * rows.step,
                    add_to_output);
}

/* [h | d] = act(norm(x) widen);  d = act(h squeeze_h);  x += [h | d] narrow */
static void run_mlp(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                    float *scratch) {
    const dp_kernels *kernels = workspace->model->kernels;
    const dp_parameters *p = &workspace->model->parameters;
    const dp_path_state *state = &workspace->path[rows.path];
    size_t n_stride = entered_stride(p);
    size_t stride = hidden_stride(p, rows.path);
    float *n = scratch;
    float *h = n + rows.count * n_stride;
    float *d = h + p->mlp_width;
    float *end = d + dp_mlp_bottleneck(p, rows.path);
    normalise(workspace, rows, n, n_stride);
    dp_linear_apply(kernels, &block->widen, rows.count, n, n_stride, h, stride,
                    (dp_epilogue){.split = p->mlp_width,
                                  .left = p->activation,
                                  .right = p->adapter_activation});
    if (block->squeeze_h.outputs > 0) {
        dp_linear_apply(kernels, &block->squeeze_h, rows.count, h, stride, d, stride,
                        activate_all(p->adapter_activation));
    }
    dp_linear_apply(kernels, &block->narrow, rows.count, end - block->narrow.inputs, stride,
                    dp_row(state->x, state->x_stride, rows, 0), state->x_stride * rows.step,
                    add_to_output);
}

void dp_fused_finish(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                     float *scratch) {
    leave_attention(workspace, block, rows);
    run_mlp(workspace, block, rows, scratch);
}
