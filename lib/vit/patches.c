/*
 * Patch embedding and position encoding: pixels of an image become the rows of x.
 * Patches are gathered for one row block at a time.
 */
#include "base/size.h"
#include "gemm/gemm.h"
#include "vit/vit.h"

#include <string.h>

/* Patch `index` of an image as one row, (channel, row, column). */
static void gather_patch(const dpi_parameters *p, const float *image, size_t index, float *out) {
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

static const float *position_table(const dp_model *model, dpi_path path, size_t image) {
    const dpi_parameters *p = &model->parameters;
    return path == DPI_SPATIAL ? model->position_spatial
                               : model->position_temporal + image * p->image_tokens * p->width;
}

/* Memory for the patches of a row block. */
typedef struct patch_buffers {
    float *patches; /* [row_block][stride] */
    size_t stride;
    dpi_lhs_buffer buffer;
} patch_buffers;

/* Plans (arena->base == NULL) or takes it. */
static patch_buffers take_patch_buffers(dpi_arena *arena, const dp_model *model, size_t rows) {
    patch_buffers b = {.stride = dpi_row_stride(model->patch.inputs)};
    b.patches = dpi_arena_floats(arena, rows, b.stride);
    b.buffer =
        dpi_lhs_buffer_take(arena, model->patch.gemm, rows, model->patch.inputs, DPI_LHS_OF_ROWS);
    return b;
}

size_t dpi_patches_scratch(const dp_model *model, size_t rows) {
    dpi_arena counted = {.base = NULL};
    (void)take_patch_buffers(&counted, model, rows);
    return dpi_size_div_up(counted.used, sizeof(float));
}

/* Adds patch embeddings to tokens [first, first + count) of an image in x; none is the class token.
 */
static void add_patch_tokens(const dpi_workspace *workspace, dpi_path path, size_t image,
                             size_t first, size_t count, float *scratch) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    const dpi_path_state *state = &workspace->path[path];
    const float *pixels = state->pixels + image * 3 * p->image_size * p->image_size;
    dpi_arena arena = {.base = (uint8_t *)scratch,
                       .size = workspace->scratch_floats * sizeof(float)};
    patch_buffers b = take_patch_buffers(&arena, model, workspace->row_block);
    float *x = state->x + (image * p->tokens + first) * state->x_stride;
    for (size_t i = 0; i < count; i++) {
        gather_patch(p, pixels, first + i - 1, b.patches + i * b.stride);
    }
    dpi_lhs patches = dpi_lhs_from_rows(model->patch.gemm, dpi_rows_f32(b.patches, b.stride), count,
                                        model->patch.inputs, &b.buffer);
    dpi_gemm_run(model->kernels, &model->patch, count, patches, dpi_rows_f32(x, state->x_stride),
                 (dpi_epilogue){.accumulate = true});
}

typedef struct embed_run {
    const dpi_workspace *workspace;
    const dpi_batch *batch;
} embed_run;

/* The rows of x begin as positions: of the place in the image, and of the frame. */
static void write_positions(const dpi_workspace *workspace, dpi_path path, size_t first,
                            size_t count, size_t in_view, size_t token) {
    const dp_model *model = workspace->model;
    const dpi_path_state *state = &workspace->path[path];
    size_t width = model->parameters.width;
    const float *table = position_table(model, path, in_view) + token * width;
    for (size_t i = 0; i < count; i++) {
        float *x = state->x + (first + i) * state->x_stride;
        memcpy(x, table + i * width, width * sizeof(float));
        for (size_t c = 0; model->position_time != NULL && c < width; c++) {
            x[c] += model->position_time[in_view * width + c];
        }
    }
}

/* Prompts come later, in the blocks. */
static void clear_rows(const dpi_path_state *state, size_t first, size_t count, size_t width) {
    for (size_t i = 0; i < count; i++) {
        memset(state->x + (first + i) * state->x_stride, 0, width * sizeof(float));
    }
}

static void embed_task(void *context, size_t index, size_t thread) {
    const embed_run *run = context;
    const dpi_workspace *workspace = run->workspace;
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    dpi_token_rows rows = run->batch->row_blocks[index];
    const dpi_path_state *state = &workspace->path[rows.path];
    float *scratch = dpi_workspace_scratch(workspace, thread);
    size_t end = rows.first + rows.count;
    for (size_t r = rows.first; r < end;) {
        size_t image = r / p->tokens;
        size_t token = r % p->tokens;
        size_t in_view = run->batch->first[rows.path] + image;
        bool is_prompt = token >= p->image_tokens;
        size_t count = dpi_size_min(end - r, (is_prompt ? p->tokens : p->image_tokens) - token);
        if (is_prompt) {
            clear_rows(state, r, count, p->width);
        } else {
            size_t skip = token == 0 ? 1 : 0;
            write_positions(workspace, rows.path, r, count, in_view, token);
            add_patch_tokens(workspace, rows.path, image, token + skip, count - skip, scratch);
        }
        r += count;
    }
    for (size_t i = 0; i < rows.count && model->pre_norm.weight != NULL; i++) {
        float *x = dpi_path_x(state, rows, i);
        model->kernels->layer_norm(x, model->pre_norm.weight, model->pre_norm.bias, p->epsilon, x,
                                   p->width);
    }
}

void dpi_embed_patches(const dpi_workspace *workspace, const dpi_batch *batch, dpi_team *team) {
    embed_run run = {workspace, batch};
    dpi_team_run(team, embed_task, &run, batch->row_block_count);
}
