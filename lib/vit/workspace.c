/*
 * The memory of a view, planned once, and the row blocks that its rows are worked on in.
 */
#include "vit/workspace.h"

#include "base/size.h"
#include "gemm/gemm.h"
#include "video/video.h"
#include "vit/block.h"
#include "vit/vit.h"

#include <string.h>

/* ---- row blocks ---- */

/* Every row block reads all weights of a block: with fewer tiles, it waits for them. */
#define SMALLEST_ROW_BLOCK 3

/* Tiles of a row block when so many are left: row blocks get smaller towards the end, so that
 * threads end together. */
static size_t row_block_tiles(const dp_workspace *workspace, size_t left) {
    size_t most = workspace->row_block / workspace->model->gemm->kernel.mr;
    size_t share = left / (2 * workspace->threads);
    size_t wanted = dp_size_max(share, SMALLEST_ROW_BLOCK);
    return workspace->threads == 1 ? most : dp_size_min(wanted, most);
}

/* Writes row blocks of all rows of a path, after which `later` tiles follow, and returns how many
 * there are; with row_blocks == NULL only counts them. */
static size_t cut_path_rows(dp_token_rows *row_blocks, dp_token_rows all, size_t later,
                            const dp_workspace *workspace) {
    size_t mr = workspace->model->gemm->kernel.mr;
    size_t count = 0;
    for (size_t r = 0; r < all.count;) {
        size_t left = dp_size_div_up(all.count - r, mr) + later;
        dp_token_rows block = all;
        block.first = r * all.step;
        block.count = dp_size_min(mr * row_block_tiles(workspace, left), all.count - r);
        if (row_blocks != NULL) {
            row_blocks[count] = block;
        }
        r += block.count;
        count++;
    }
    return count;
}

typedef enum row_choice { ALL_ROWS, CLASS_ROWS } row_choice;

static dp_token_rows path_rows(const dp_parameters *p, const dp_batch *batch, dp_path path,
                               row_choice choice) {
    size_t images = batch->images[path];
    return choice == CLASS_ROWS ? (dp_token_rows){path, 0, images, p->tokens}
                                : (dp_token_rows){path, 0, images * p->tokens, 1};
}

/* The same for both paths, the temporal one first. */
static size_t cut_batch_rows(dp_token_rows *row_blocks, const dp_workspace *workspace,
                             const dp_batch *batch, row_choice choice) {
    const dp_parameters *p = &workspace->model->parameters;
    dp_token_rows temporal = path_rows(p, batch, DP_TEMPORAL, choice);
    dp_token_rows spatial = path_rows(p, batch, DP_SPATIAL, choice);
    size_t later = dp_size_div_up(spatial.count, workspace->model->gemm->kernel.mr);
    size_t count = cut_path_rows(row_blocks, temporal, later, workspace);
    return count +
           cut_path_rows(row_blocks != NULL ? row_blocks + count : NULL, spatial, 0, workspace);
}

/* ---- batches ---- */

static void take_batch(dp_arena *arena, const dp_workspace *workspace, dp_batch *batch,
                       size_t spatial, size_t temporal) {
    batch->images[DP_SPATIAL] = spatial;
    batch->images[DP_TEMPORAL] = temporal;
    batch->row_block_count = cut_batch_rows(NULL, workspace, batch, ALL_ROWS);
    batch->class_row_block_count = cut_batch_rows(NULL, workspace, batch, CLASS_ROWS);
    batch->row_blocks = dp_arena_take(arena, batch->row_block_count + batch->class_row_block_count,
                                      sizeof *batch->row_blocks);
    if (batch->row_blocks != NULL) {
        (void)cut_batch_rows(batch->row_blocks, workspace, batch, ALL_ROWS);
        (void)cut_batch_rows(batch->row_blocks + batch->row_block_count, workspace, batch,
                             CLASS_ROWS);
    }
}

static void take_batches(dp_arena *arena, dp_workspace *workspace) {
    const dp_parameters *p = &workspace->model->parameters;
    if (workspace->image_by_image) {
        take_batch(arena, workspace, &workspace->batch[DP_SPATIAL], 1, 0);
        take_batch(arena, workspace, &workspace->batch[DP_TEMPORAL], 0, 1);
    } else {
        take_batch(arena, workspace, &workspace->batch[0], p->spatial_frames, p->framesets);
    }
}

dp_batch dp_workspace_batch(const dp_workspace *workspace, dp_path path, size_t image) {
    if (!workspace->image_by_image) {
        return workspace->batch[0];
    }
    dp_batch batch = workspace->batch[path];
    batch.first[path] = image;
    return batch;
}

/* ---- memory ---- */

/* What any task needs at most. */
static void take_scratch(dp_arena *arena, dp_workspace *workspace) {
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    size_t rows = workspace->row_block;
    size_t floats =
        dp_is_fused(model) ? dp_fused_scratch(model, rows) : dp_unfused_scratch(model, rows);
    floats = dp_size_max(floats, dp_patches_scratch(model, rows));
    floats = dp_size_max(
        floats, dp_attention_scratch(model->gemm_attention, p->tokens, p->width / p->heads));
    floats = dp_size_max(floats, dp_frame_scratch(p->image_size));
    floats = dp_size_max(floats, dp_cell_scratch(p->image_size));
    workspace->scratch_floats = dp_row_stride(floats);
    workspace->scratch = dp_arena_floats(arena, workspace->threads, workspace->scratch_floats);
}

static void take_pixels(dp_arena *arena, dp_workspace *workspace, dp_path path) {
    size_t size = workspace->model->parameters.image_size;
    dp_path_state *state = &workspace->path[path];
    state->pixels = dp_arena_floats(arena, state->images * 3, size * size);
}

/* [k v q | d], as attention reads it. */
static void take_kvq(dp_arena *arena, dp_workspace *workspace, dp_path path) {
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    dp_path_state *state = &workspace->path[path];
    dp_number_type type = model->gemm_attention->attention.type;
    size_t columns = 3 * p->width + (path == DP_SPATIAL ? p->bottleneck[DP_S1] : 0);
    size_t in_a_float = sizeof(float) / dp_number_size(type);
    size_t floats = dp_row_stride(dp_size_div_up(columns, in_a_float));
    state->kvq = (dp_rows){dp_arena_floats(arena, state->images * p->tokens, floats),
                           floats * in_a_float, type};
}

static void take_x(dp_arena *arena, dp_workspace *workspace, dp_path path) {
    const dp_parameters *p = &workspace->model->parameters;
    dp_path_state *state = &workspace->path[path];
    state->x_stride = dp_row_stride(p->width);
    state->x = dp_arena_floats(arena, state->images * p->tokens, state->x_stride);
}

/* The arena goes on behind what another one took, which began where it did. */
static void continue_behind(dp_arena *arena, const dp_arena *other) {
    arena->used = dp_size_max(arena->used, other->used);
    arena->failed = arena->failed || other->failed;
}

/* Pixels are dead when the first block writes [k v q | d]: both share their memory. */
static void take_activations_of_all(dp_arena *arena, dp_workspace *workspace) {
    dp_arena pixels = *arena;
    for (int i = 0; i < DP_PATHS; i++) {
        take_kvq(arena, workspace, (dp_path)i);
        take_pixels(&pixels, workspace, (dp_path)i);
    }
    continue_behind(arena, &pixels);
    for (int i = 0; i < DP_PATHS; i++) {
        take_x(arena, workspace, (dp_path)i);
    }
}

/* Images of both paths take turns in the same memory. Only a frameset's pixels are apart: it fills
 * while images of the spatial path go by. */
static void take_activations_of_one(dp_arena *arena, dp_workspace *workspace) {
    take_pixels(arena, workspace, DP_TEMPORAL);
    dp_arena spatial = *arena, pixels = *arena;
    take_kvq(&spatial, workspace, DP_SPATIAL);
    take_pixels(&pixels, workspace, DP_SPATIAL);
    continue_behind(&spatial, &pixels);
    take_x(&spatial, workspace, DP_SPATIAL);
    take_kvq(arena, workspace, DP_TEMPORAL);
    take_x(arena, workspace, DP_TEMPORAL);
    continue_behind(arena, &spatial);
}

static void take_activations(dp_arena *arena, dp_workspace *workspace) {
    const dp_parameters *p = &workspace->model->parameters;
    for (int i = 0; i < DP_PATHS; i++) {
        dp_path_state *state = &workspace->path[i];
        size_t images = dp_path_images(p, (dp_path)i);
        state->images = workspace->image_by_image ? 1 : images;
        state->class_rows = dp_arena_floats(arena, images, dp_row_stride(p->width));
        state->feature = dp_arena_floats(arena, 1, p->feature_size);
    }
    if (workspace->image_by_image) {
        take_activations_of_one(arena, workspace);
    } else {
        take_activations_of_all(arena, workspace);
    }
}

static void take_head_buffers(dp_arena *arena, dp_workspace *workspace) {
    const dp_parameters *p = &workspace->model->parameters;
    size_t images = dp_size_max(p->spatial_frames, p->framesets);
    workspace->projected = dp_arena_floats(arena, images, dp_row_stride(p->feature_size));
    workspace->head_input = dp_arena_floats(arena, 1, 2 * p->feature_size);
    workspace->head_hidden = dp_arena_floats(arena, 1, p->head_width);
    workspace->logits = dp_arena_floats(arena, 1, p->classes);
}

/* Image by image, where memory is what counts, two tiles: scratch memory is then what attention
 * needs, or little more. */
static size_t largest_row_block(const dp_gemm *gemm, bool image_by_image) {
    return image_by_image ? dp_size_min(2 * gemm->kernel.mr, gemm->row_block) : gemm->row_block;
}

void dp_workspace_take(dp_arena *arena, const dp_model *model, size_t threads, bool image_by_image,
                       dp_workspace *workspace) {
    memset(workspace, 0, sizeof *workspace);
    workspace->model = model;
    workspace->threads = threads;
    workspace->image_by_image = image_by_image;
    workspace->row_block = largest_row_block(model->gemm, image_by_image);
    take_batches(arena, workspace);
    take_scratch(arena, workspace);
    take_activations(arena, workspace);
    take_head_buffers(arena, workspace);
}

float *dp_workspace_scratch(const dp_workspace *workspace, size_t thread) {
    return workspace->scratch + thread * workspace->scratch_floats;
}
