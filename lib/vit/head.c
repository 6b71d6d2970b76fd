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

/* Keeps LN_post(x_cls): all that the head reads of an image. */
static void keep_class_tokens_of_path(const dpi_workspace *workspace, const dpi_batch *batch,
                                      dpi_path path) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    const dpi_path_state *state = &workspace->path[path];
    size_t stride = dpi_row_stride(p->width);
    for (size_t i = 0; i < batch->images[path]; i++) {
        model->kernels->layer_norm(state->x + i * p->tokens * state->x_stride,
                                   model->post_norm.weight, model->post_norm.bias, p->epsilon,
                                   state->class_rows + (batch->first[path] + i) * stride, p->width);
    }
}

void dpi_keep_class_tokens(const dpi_workspace *workspace, const dpi_batch *batch) {
    keep_class_tokens_of_path(workspace, batch, DPI_SPATIAL);
    keep_class_tokens_of_path(workspace, batch, DPI_TEMPORAL);
}

/* y = mean over images of LN_post(x_cls) P */
static void average_class_tokens(const dpi_workspace *workspace, dpi_path path) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    const dpi_path_state *state = &workspace->path[path];
    size_t images = dpi_path_images(p, path);
    const float *rows = apply_projection(model, images, state->class_rows, workspace->projected);
    size_t row_stride = dpi_row_stride(p->feature_size);
    for (size_t c = 0; c < p->feature_size; c++) {
        float sum = 0.0f;
        for (size_t i = 0; i < images; i++) {
            sum += rows[i * row_stride + c];
        }
        state->feature[c] = sum / (float)images;
    }
}

/* logits = GELU([y_t ; y_s] V1 + c1) V2 + c2 */
static void compute_logits(const dpi_workspace *workspace) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    size_t bytes = p->feature_size * sizeof(float);
    memcpy(workspace->head_input, workspace->path[DPI_TEMPORAL].feature, bytes);
    memcpy(workspace->head_input + p->feature_size, workspace->path[DPI_SPATIAL].feature, bytes);
    dpi_gemm_run(model->kernels, &model->head_hidden, 1,
                 dpi_lhs_of_f32(workspace->head_input, 2 * p->feature_size),
                 dpi_rows_f32(workspace->head_hidden, p->head_width),
                 (dpi_epilogue){.activation = DPI_ACTIVATION_GELU});
    dpi_gemm_run(model->kernels, &model->head_output, 1,
                 dpi_lhs_of_f32(workspace->head_hidden, p->head_width),
                 dpi_rows_f32(workspace->logits, p->classes), (dpi_epilogue){0});
}

void dpi_run_head(const dpi_workspace *workspace) {
    average_class_tokens(workspace, DPI_SPATIAL);
    average_class_tokens(workspace, DPI_TEMPORAL);
    if (workspace->model->parameters.classes > 0) {
        compute_logits(workspace);
    }
}
