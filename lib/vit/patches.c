/*
 * Patch embedding and position encoding: pixels of an image become the rows of x (model, section
 * 3). Patches are gathered for one piece of rows at a time.
 */
#include "vit/vit.h"

#include <string.h>

/* Patch `index` of an image as one row, (channel, row, column). */
static void gather_patch(const dp_parameters *p, const float *image, size_t index, float *out) {
    size_t size = p->image_size;
    size_t row = index / p->patches_a_side * p->patch_size;
    size_t column = index % p->patches_a_side * p->patch_size;
    for (size_t c = 0; c < 3; c++) {
        for (size_t y = 0; y < p->patch_size; y++) {
            memcpy(out, image + (c * size + row + y) * size + column,
                   p->patch_size * sizeof(float));
            out += p->patch_size;
        }
    }
}

static const float *position_table(const dp_model *model, dp_path path, size_t image) {
    const dp_parameters *p = &model->parameters;
    return path == DP_SPATIAL ? model->first_spatial
                              : model->first_temporal + image * p->tokens * p->width;
}

/* Tokens [first, first + count) of one image that is held, none of them the class token. */
static void embed(const dp_workspace *workspace, dp_path path, size_t image, size_t first,
                  size_t count, float *scratch) {
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    const dp_path_state *state = &workspace->path[path];
    const float *pixels = state->pixels + image * 3 * p->image_size * p->image_size;
    size_t stride = dp_row_stride(model->patch.inputs);
    float *x = state->x + (image * p->tokens + first) * state->x_stride;
    for (size_t i = 0; i < count; i++) {
        gather_patch(p, pixels, first + i - 1, scratch + i * stride);
    }
    dp_operand patches =
        dp_operand_make(model->patch.product, scratch, stride, count, model->patch.inputs,
                        (uint32_t *)(scratch + workspace->piece * stride));
    dp_linear_apply(model->kernels, &model->patch, count, patches, x, state->x_stride,
                    (dp_epilogue){.accumulate = true});
}

typedef struct embed_run {
    const dp_workspace *workspace;
    const dp_batch *batch;
} embed_run;

static void embed_task(void *context, size_t index, size_t thread) {
    const embed_run *run = context;
    const dp_workspace *workspace = run->workspace;
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    dp_rows rows = run->batch->tasks[index];
    const dp_path_state *state = &workspace->path[rows.path];
    float *scratch = dp_thread_scratch(workspace, thread);
    size_t end = rows.first + rows.count;
    for (size_t r = rows.first; r < end;) {
        size_t image = r / p->tokens;
        size_t token = r % p->tokens;
        size_t count = dp_min_size(end - r, p->tokens - token);
        size_t in_view = run->batch->first[rows.path] + image;
        const float *table = position_table(model, rows.path, in_view) + token * p->width;
        for (size_t i = 0; i < count; i++) {
            memcpy(state->x + (r + i) * state->x_stride, table + i * p->width,
                   p->width * sizeof(float));
        }
        size_t skip = token == 0 ? 1 : 0;
        embed(workspace, rows.path, image, token + skip, count - skip, scratch);
        r += count;
    }
    for (size_t i = 0; i < rows.count && model->pre_norm.weight != NULL; i++) {
        float *x = dp_row(state->x, state->x_stride, rows, i);
        model->kernels->layer_norm(x, model->pre_norm.weight, model->pre_norm.bias, p->epsilon, x,
                                   p->width);
    }
}

void dp_embed_patches(const dp_workspace *workspace, const dp_batch *batch, dp_team *team) {
    embed_run run = {workspace, batch};
    dp_team_run(team, embed_task, &run, batch->row_tasks);
}
