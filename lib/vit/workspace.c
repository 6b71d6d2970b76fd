/*
 * The memory of a view, planned once, and the pieces that its rows are worked on in.
 */
#include "vit/vit.h"

#include <string.h>

#include "video/video.h"

/* Every piece reads all weights of a block: with fewer tiles, it waits for them. */
#define SMALLEST_PIECE 3

/* Tiles of a piece when so many are left: pieces get smaller towards the end, so that threads
 * finish together. */
static size_t piece_tiles(const dp_workspace *workspace, size_t left) {
    size_t most = workspace->piece / workspace->model->product->mr;
    size_t share = left / (2 * workspace->threads);
    size_t wanted = share < SMALLEST_PIECE ? SMALLEST_PIECE : share;
    return workspace->threads == 1 ? most : dp_min_size(wanted, most);
}

/* Appends pieces of all rows of a path, after which `later` tiles follow; with tasks == NULL counts
 * them. */
static size_t plan_pieces(dp_rows *tasks, dp_rows all, size_t later,
                          const dp_workspace *workspace) {
    const dp_product *product = workspace->model->product;
    size_t pieces = 0;
    for (size_t r = 0; r < all.count;) {
        size_t left = dp_tiles(product, all.count - r) + later;
        dp_rows piece = all;
        piece.first = r * all.step;
        piece.count = dp_min_size(product->mr * piece_tiles(workspace, left), all.count - r);
        if (tasks != NULL) {
            tasks[pieces] = piece;
        }
        r += piece.count;
        pieces++;
    }
    return pieces;
}

static dp_rows all_rows(const dp_parameters *p, const dp_batch *batch, dp_path path,
                        bool class_tokens) {
    size_t images = batch->images[path];
    return (dp_rows){path, 0, class_tokens ? images : images * p->tokens,
                     class_tokens ? p->tokens : 1};
}

static size_t plan_rows(dp_rows *tasks, const dp_workspace *workspace, const dp_batch *batch,
                        bool class_tokens) {
    const dp_parameters *p = &workspace->model->parameters;
    dp_rows temporal = all_rows(p, batch, DP_TEMPORAL, class_tokens);
    dp_rows spatial = all_rows(p, batch, DP_SPATIAL, class_tokens);
    size_t later = dp_tiles(workspace->model->product, spatial.count);
    size_t count = plan_pieces(tasks, temporal, later, workspace);
    return count + plan_pieces(tasks != NULL ? tasks + count : NULL, spatial, 0, workspace);
}

static void take_batch(dp_arena *arena, const dp_workspace *workspace, dp_batch *batch,
                       size_t spatial, size_t temporal) {
    batch->images[DP_SPATIAL] = spatial;
    batch->images[DP_TEMPORAL] = temporal;
    batch->row_tasks = plan_rows(NULL, workspace, batch, false);
    batch->class_tasks = plan_rows(NULL, workspace, batch, true);
    batch->tasks =
        dp_arena_take(arena, batch->row_tasks + batch->class_tasks, sizeof *batch->tasks);
    if (batch->tasks != NULL) {
        (void)plan_rows(batch->tasks, workspace, batch, false);
        (void)plan_rows(batch->tasks + batch->row_tasks, workspace, batch, true);
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

dp_batch dp_batch_with(const dp_workspace *workspace, dp_path path, size_t image) {
    if (!workspace->image_by_image) {
        return workspace->batch[0];
    }
    dp_batch batch = workspace->batch[path];
    batch.first[path] = image;
    return batch;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static void take_scratch(dp_arena *arena, dp_workspace *workspace) {
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    size_t rows = workspace->piece;
    size_t floats =
        dp_is_fused(model) ? dp_fused_scratch(model, rows) : dp_plain_scratch(model, rows);
    floats = larger(floats, rows * dp_row_stride(model->patch.inputs) +
                                dp_operand_size(model->patch.product, rows, model->patch.inputs));
    floats = larger(floats, dp_attention_scratch(model->attention, p->tokens, p->width / p->heads));
    floats = larger(floats, dp_frame_scratch(p->image_size));
    floats = larger(floats, dp_tile_scratch(p->image_size));
    workspace->scratch_floats = dp_row_stride(floats);
    workspace->scratch = dp_arena_floats(arena, workspace->threads, workspace->scratch_floats);
}

static void take_pixels(dp_arena *arena, dp_workspace *workspace, dp_path path) {
    size_t size = workspace->model->parameters.image_size;
    dp_path_state *state = &workspace->path[path];
    state->pixels = dp_arena_floats(arena, state->images * 3, size * size);
}

static void take_wide(dp_arena *arena, dp_workspace *workspace, dp_path path) {
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    dp_path_state *state = &workspace->path[path];
    size_t numbers = 3 * p->width + (path == DP_SPATIAL ? p->bottleneck[DP_S1] : 0);
    size_t in_a_float = sizeof(float) / dp_wide_size(model);
    size_t floats = dp_row_stride((numbers + in_a_float - 1) / in_a_float);
    state->wide_stride = floats * in_a_float;
    state->wide = dp_arena_floats(arena, state->images * p->tokens, floats);
}

static void take_x(dp_arena *arena, dp_workspace *workspace, dp_path path) {
    const dp_parameters *p = &workspace->model->parameters;
    dp_path_state *state = &workspace->path[path];
    state->x_stride = dp_row_stride(p->width);
    state->x = dp_arena_floats(arena, state->images * p->tokens, state->x_stride);
}

/* The arena goes on behind what another one took, which began where it did. */
static void go_behind(dp_arena *arena, const dp_arena *other) {
    arena->used = larger(arena->used, other->used);
    arena->failed = arena->failed || other->failed;
}

/* Pixels are dead when the first block writes `wide`: both share their memory. */
static void take_all_images(dp_arena *arena, dp_workspace *workspace) {
    dp_arena pixels = *arena;
    for (int i = 0; i < DP_PATHS; i++) {
        take_wide(arena, workspace, (dp_path)i);
        take_pixels(&pixels, workspace, (dp_path)i);
    }
    go_behind(arena, &pixels);
    for (int i = 0; i < DP_PATHS; i++) {
        take_x(arena, workspace, (dp_path)i);
    }
}

/* Images of both paths take turns in the same memory. Only a frameset's pixels are apart: it fills
 * while images of the spatial path go by. */
static void take_one_image(dp_arena *arena, dp_workspace *workspace) {
    take_pixels(arena, workspace, DP_TEMPORAL);
    dp_arena spatial = *arena, pixels = *arena;
    take_wide(&spatial, workspace, DP_SPATIAL);
    take_pixels(&pixels, workspace, DP_SPATIAL);
    go_behind(&spatial, &pixels);
    take_x(&spatial, workspace, DP_SPATIAL);
    take_wide(arena, workspace, DP_TEMPORAL);
    take_x(arena, workspace, DP_TEMPORAL);
    go_behind(arena, &spatial);
}

static void take_paths(dp_arena *arena, dp_workspace *workspace) {
    const dp_parameters *p = &workspace->model->parameters;
    for (int i = 0; i < DP_PATHS; i++) {
        dp_path_state *state = &workspace->path[i];
        size_t images = dp_images(p, (dp_path)i);
        state->images = workspace->image_by_image ? 1 : images;
        state->class_rows = dp_arena_floats(arena, images, dp_row_stride(p->width));
        state->feature = dp_arena_floats(arena, 1, p->feature_size);
    }
    if (workspace->image_by_image) {
        take_one_image(arena, workspace);
    } else {
        take_all_images(arena, workspace);
    }
}

static void take_head(dp_arena *arena, dp_workspace *workspace) {
    const dp_parameters *p = &workspace->model->parameters;
    size_t images = larger(p->spatial_frames, p->framesets);
    workspace->projected = dp_arena_floats(arena, images, dp_row_stride(p->feature_size));
    workspace->head_input = dp_arena_floats(arena, 1, 2 * p->feature_size);
    workspace->head_hidden = dp_arena_floats(arena, 1, p->head_width);
    workspace->logits = dp_arena_floats(arena, 1, p->classes);
}

/* Where memory is what counts, pieces are two tiles: scratch memory is then what attention needs,
 * or little more. */
static size_t rows_of_a_piece(const dp_product *product, bool image_by_image) {
    return image_by_image ? dp_min_size(2 * product->mr, product->piece) : product->piece;
}

void dp_workspace_take(dp_arena *arena, const dp_model *model, size_t threads, bool image_by_image,
                       dp_workspace *workspace) {
    memset(workspace, 0, sizeof *workspace);
    workspace->model = model;
    workspace->threads = threads;
    workspace->image_by_image = image_by_image;
    workspace->piece = rows_of_a_piece(model->product, image_by_image);
    take_batches(arena, workspace);
    take_scratch(arena, workspace);
    take_paths(arena, workspace);
    take_head(arena, workspace);
}

float *dp_thread_scratch(const dp_workspace *workspace, size_t thread) {
    return workspace->scratch + thread * workspace->scratch_floats;
}
