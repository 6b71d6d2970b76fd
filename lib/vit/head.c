/*
 * From class tokens to features and logits (model, section 5).
 */
#include "gemm/gemm.h"
#include "vit/vit.h"

#include <string.h>

static const float *project_features(const dp_model *model, size_t images, const float *rows,
                                     float *out) {
    if (model->projection.outputs == 0) {
        return rows;
    }
    dp_gemm_run(model->kernels, &model->projection, images,
                dp_lhs_of_f32(rows, dp_row_stride(model->parameters.width)),
                dp_rows_f32(out, dp_row_stride(model->parameters.feature_size)), (dp_epilogue){0});
    return out;
}

/* Keeps LN_post(x_cls): all that the head reads of an image. */
static void keep_class_tokens_of_path(const dp_workspace *workspace, const dp_batch *batch,
                                      dp_path path) {
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    const dp_path_state *state = &workspace->path[path];
    size_t stride = dp_row_stride(p->width);
    for (size_t i = 0; i < batch->images[path]; i++) {
        model->kernels->layer_norm(state->x + i * p->tokens * state->x_stride,
                                   model->post_norm.weight, model->post_norm.bias, p->epsilon,
                                   state->class_rows + (batch->first[path] + i) * stride, p->width);
    }
}

void dp_keep_class_tokens(const dp_workspace *workspace, const dp_batch *batch) {
    keep_class_tokens_of_path(workspace, batch, DP_SPATIAL);
    keep_class_tokens_of_path(workspace, batch, DP_TEMPORAL);
}

/* y = mean over images of LN_post(x_cls) P */
static void average_class_tokens(const dp_workspace *workspace, dp_path path) {
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    const dp_path_state *state = &workspace->path[path];
    size_t images = dp_path_images(p, path);
    const float *rows = project_features(model, images, state->class_rows, workspace->projected);
    size_t row_stride = dp_row_stride(p->feature_size);
    for (size_t c = 0; c < p->feature_size; c++) {
        float sum = 0.0f;
        for (size_t i = 0; i < images; i++) {
            sum += rows[i * row_stride + c];
        }
        state->feature[c] = sum / (float)images;
    }
}

/* logits = GELU([y_t ; y_s] V1 + c1) V2 + c2 */
static void compute_logits(const dp_workspace *workspace) {
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    size_t bytes = p->feature_size * sizeof(float);
    memcpy(workspace->head_input, workspace->path[DP_TEMPORAL].feature, bytes);
    memcpy(workspace->head_input + p->feature_size, workspace->path[DP_SPATIAL].feature, bytes);
    dp_gemm_run(model->kernels, &model->head_hidden, 1,
                dp_lhs_of_f32(workspace->head_input, 2 * p->feature_size),
                dp_rows_f32(workspace->head_hidden, p->head_width),
                (dp_epilogue){.activation = DP_ACTIVATION_GELU});
    dp_gemm_run(model->kernels, &model->head_output, 1,
                dp_lhs_of_f32(workspace->head_hidden, p->head_width),
                dp_rows_f32(workspace->logits, p->classes), (dp_epilogue){0});
}

void dp_run_head(const dp_workspace *workspace) {
    average_class_tokens(workspace, DP_SPATIAL);
    average_class_tokens(workspace, DP_TEMPORAL);
    if (workspace->model->parameters.classes > 0) {
        compute_logits(workspace);
    }
}
