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

/* Columns of h that are worked on at a time, a multiple of every panel's. */
#define MLP_SLICE ((size_t)1024)

_Static_assert(MLP_SLICE % DP_MAX_NR == 0, "slices begin where panels do");

size_t dp_fused_scratch(const dp_model *model, size_t rows) {
    const dp_parameters *p = &model->parameters;
    return rows *
           (entered_stride(p) + dp_row_stride(MLP_SLICE) + dp_row_stride(p->bottleneck[DP_T2]));
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

/* The MLP of some rows. */
typedef struct mlp_run {
    const dp_kernels *kernels;
    const dp_parameters *parameters;
    const dp_path_block *block;
    size_t rows;
    float *n, *h, *d, *x;
    size_t n_stride, h_stride, d_stride, x_stride;
} mlp_run;

/* Columns [first, first + count) of h, or of [h | d] where widen has d:
 *     h = act(n widen);  d += h squeeze_h;  x += h narrow */
static void run_mlp_slice(const mlp_run *run, size_t first, size_t count) {
    const dp_path_block *block = run->block;
    const dp_parameters *p = run->parameters;
    size_t rows = run->rows;
    dp_linear widen = dp_linear_outputs(&block->widen, first, count);
    size_t split = first < p->mlp_width ? p->mlp_width - first : 0;
    dp_linear_apply(
        run->kernels, &widen, rows, run->n, run->n_stride, run->h, run->h_stride,
        (dp_epilogue){.split = split, .left = p->activation, .right = p->adapter_activation});
    if (block->squeeze_h.outputs > 0) {
        dp_linear squeeze = dp_linear_inputs(run->kernels, &block->squeeze_h, first, count);
        bool last = first + count == p->mlp_width;
        dp_linear_apply(run->kernels, &squeeze, rows, run->h, run->h_stride, run->d, run->d_stride,
                        (dp_epilogue){.accumulate = first > 0,
                                      .split = SIZE_MAX,
                                      .left = last ? p->adapter_activation : DP_ACTIVATION_NONE});
    }
    if (block->narrow.inputs == block->widen.outputs + block->squeeze_h.outputs) {
        dp_linear narrow = dp_linear_inputs(run->kernels, &block->narrow, first, count);
        dp_linear_apply(run->kernels, &narrow, rows, run->h, run->h_stride, run->x, run->x_stride,
                        add_to_output);
    }
}

/* [h | d] = act(norm(x) widen);  d = act(h squeeze_h);  x += [h | d] narrow. Columns of h go in
 * slices, so that they are used while they are in the cache. */
static void run_mlp(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                    float *scratch) {
    const dp_parameters *p = &workspace->model->parameters;
    const dp_path_state *state = &workspace->path[rows.path];
    mlp_run run = {
        .kernels = workspace->model->kernels,
        .parameters = p,
        .block = block,
        .rows = rows.count,
        .n_stride = entered_stride(p),
        .h_stride = dp_row_stride(MLP_SLICE),
        .d_stride = dp_row_stride(block->squeeze_h.outputs),
        .x = dp_row(state->x, state->x_stride, rows, 0),
        .x_stride = state->x_stride * rows.step,
    };
    run.n = scratch;
    run.h = run.n + rows.count * run.n_stride;
    run.d = run.h + rows.count * run.h_stride;
    normalise(workspace, rows, run.n, run.n_stride);
    for (size_t first = 0; first < block->widen.outputs; first += MLP_SLICE) {
        run_mlp_slice(&run, first, dp_min_size(MLP_SLICE, block->widen.outputs - first));
    }
    if (block->squeeze_h.outputs > 0) {
        size_t width = block->squeeze_h.outputs;
        dp_linear narrow =
            dp_linear_inputs(run.kernels, &block->narrow, block->narrow.inputs - width, width);
        dp_linear_apply(run.kernels, &narrow, run.rows, run.d, run.d_stride, run.x, run.x_stride,
                        add_to_output);
    }
}

void dp_fused_finish(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                     float *scratch) {
    leave_attention(workspace, block, rows);
    run_mlp(workspace, block, rows, scratch);
}
