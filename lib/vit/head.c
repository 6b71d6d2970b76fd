/*
 * From class tokens to features and logits.
 */
#include "gemm/gemm.h"
#include "vit/vit.h"

#include <string.h>

static const float *apply_projection(const dp_model *model, size_t images, const float *rows,
                                     float *out) {
    if (model->projection.outputs == 0) {
        return rows;
    }
    dpi_gemm_run(model->kernels, &model->projection, images,
                 dpi_lhs_of_f32(rows, dpi_row_stride(model->parameters.width)),
                 dpi_rows_f32(out, dpi_row_stride(model->parameters.feature_size)),
                 (dpi_epilogue){0});
    return out;
}

/* out = LN_post(x) */
static void normalise_class_token(const dp_model *model, const float *x, float *out) {
    const dpi_parameters *p = &model->parameters;
    model->kernels->layer_norm(x, model->post_norm.weight, model->post_norm.bias, p->epsilon, out,
                               p->width);
}

/* Keeps LN_post(x_cls), or x_cls itself: all that the head reads of an image. */
static void keep_class_tokens_of_path(const dpi_workspace *workspace, const dpi_batch *batch,
                                      dpi_path path) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    const dpi_path_state *state = &workspace->path[path];
    size_t stride = dpi_row_stride(p->width);
    for (size_t i = 0; i < batch->images[path]; i++) {
        const float *x = state->x + i * p->tokens * state->x_stride;
        float *kept = state->class_rows + (batch->first[path] + i) * stride;
        if (dpi_norm_comes_after_mean(p)) {
            memcpy(kept, x, p->width * sizeof(float));
        } else {
            normalise_class_token(model, x, kept);
        }
    }
}

void dpi_keep_class_tokens(const dpi_workspace *workspace, const dpi_batch *batch) {
    keep_class_tokens_of_path(workspace, batch, DPI_SPATIAL);
    keep_class_tokens_of_path(workspace, batch, DPI_TEMPORAL);
}

/* out = the mean of rows [count][columns] */
static void average_rows(const float *rows, size_t count, size_t columns, float *out) {
    size_t stride = dpi_row_stride(columns);
    for (size_t c = 0; c < columns; c++) {
        float sum = 0.0f;
        for (size_t i = 0; i < count; i++) {
            sum += rows[i * stride + c];
        }
        out[c] = sum / (float)count;
    }
}

/* y = mean over images of LN_post(x_cls) P */
static void average_class_tokens(const dpi_workspace *workspace, dpi_path path) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    const dpi_path_state *state = &workspace->path[path];
    size_t images = dpi_path_images(p, path);
    const float *rows = apply_projection(model, images, state->class_rows, workspace->projected);
    average_rows(rows, images, p->feature_size, state->feature);
}

/* y = LN_post(mean over images of x_cls) P. The mean takes the place of the first class token. */
static void average_then_normalise(const dpi_workspace *workspace, dpi_path path) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    const dpi_path_state *state = &workspace->path[path];
    float *mean = state->class_rows;
    average_rows(state->class_rows, dpi_path_images(p, path), p->width, mean);
    normalise_class_token(model, mean, mean);
    memcpy(state->feature, apply_projection(model, 1, mean, workspace->projected),
           p->feature_size * sizeof(float));
}

/* hidden = GELU([y_t ; y_s] V1 + c1) */
static void run_hidden_layer(const dpi_workspace *workspace) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    size_t bytes = p->feature_size * sizeof(float);
    memcpy(workspace->head_input, workspace->path[DPI_TEMPORAL].feature, bytes);
    memcpy(workspace->head_input + p->feature_size, workspace->path[DPI_SPATIAL].feature, bytes);
    dpi_gemm_run(model->kernels, &model->head_hidden, 1,
                 dpi_lhs_of_f32(workspace->head_input, dpi_head_inputs(p)),
                 dpi_rows_f32(workspace->head_hidden, p->head_width),
                 (dpi_epilogue){.activation = DPI_ACTIVATION_GELU});
}

/* logits = hidden V2 + c2, or, with one path, y V + c */
static void compute_logits(const dpi_workspace *workspace) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    const float *input = workspace->path[DPI_SPATIAL].feature;
    if (dpi_has_two_paths(p)) {
        run_hidden_layer(workspace);
        input = workspace->head_hidden;
    }
    dpi_gemm_run(model->kernels, &model->head_output, 1,
                 dpi_lhs_of_f32(input, model->head_output.inputs),
                 dpi_rows_f32(workspace->logits, p->classes), (dpi_epilogue){0});
}

void dpi_run_head(const dpi_workspace *workspace) {
    const dpi_parameters *p = &workspace->model->parameters;
    for (size_t path = 0; path < dpi_path_count(p); path++) {
        if (dpi_norm_comes_after_mean(p)) {
            average_then_normalise(workspace, (dpi_path)path);
        } else {
            average_class_tokens(workspace, (dpi_path)path);
        }
    }
    if (p->classes > 0) {
        compute_logits(workspace);
    }
}
