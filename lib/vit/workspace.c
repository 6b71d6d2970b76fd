/*
 * The memory of a view, planned once, and the pieces that its rows are worked on in.
 */
#include "vit/vit.h"

#include <string.h>

#include "video/video.h"

/* Tiles of a piece when so many are left: pieces get smaller towards the end, so that threads
 * finish together. */
static size_t piece_tiles(const dp_product *product, size_t left, size_t threads) {
    size_t share = left / (2 * threads);
    return share < 1 ? 1 : dp_min_size(share, product->piece / product->mr);
}

/* Appends pieces of all rows of a path, after which `later` tiles follow; with tasks == NULL counts
 * them. */
static size_t plan_pieces(dp_rows *tasks, dp_rows all, size_t later, const dp_product *product,
                          size_t threads) {
    size_t pieces = 0;
    for (size_t r = 0; r < all.count;) {
        size_t left = dp_tiles(product, all.count - r) + later;
        dp_rows piece = all;
        piece.first = r * all.step;
        piece.count = dp_min_size(product->mr * piece_tiles(product, left, threads), all.count - r);
        if (tasks != NULL) {
            tasks[pieces] = piece;
        }
        r += piece.count;
        pieces++;
    }
    return pieces;
}

static dp_rows all_rows(const dp_parameters *p, dp_path path, bool class_tokens) {
    size_t images = dp_images(p, path);
    return (dp_rows){path, 0, class_tokens ? images : images * p->tokens,
                     class_tokens ? p->tokens : 1};
}

static size_t plan_rows(dp_rows *tasks, const dp_model *model, size_t threads, bool class_tokens) {
    const dp_product *product = model->product;
    dp_rows temporal = all_rows(&model->parameters, DP_TEMPORAL, class_tokens);
    dp_rows spatial = all_rows(&model->parameters, DP_SPATIAL, class_tokens);
    size_t later = dp_tiles(product, spatial.count);
    size_t count = plan_pieces(tasks, temporal, later, product, threads);
    return count + plan_pieces(tasks != NULL ? tasks + count : NULL, spatial, 0, product, threads);
}

static void take_tasks(dp_arena *arena, dp_workspace *workspace) {
    const dp_model *model = workspace->model;
    workspace->row_tasks = plan_rows(NULL, model, workspace->threads, false);
    workspace->class_tasks = plan_rows(NULL, model, workspace->threads, true);
    workspace->tasks = dp_arena_take(arena, workspace->row_tasks + workspace->class_tasks,
                                     sizeof *workspace->tasks);
    if (workspace->tasks != NULL) {
        (void)plan_rows(workspace->tasks, model, workspace->threads, false);
        (void)plan_rows(workspace->tasks + workspace->row_tasks, model, workspace->threads, true);
    }
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static void take_scratch(dp_arena *arena, dp_workspace *workspace) {
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    size_t rows = model->product->piece;
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

static void take_wide(dp_arena *arena, const dp_model *model, dp_path path, dp_path_state *state) {
    const dp_parameters *p = &model->parameters;
    size_t numbers = 3 * p->width + (path == DP_SPATIAL ? p->bottleneck[DP_S1] : 0);
    size_t in_a_float = sizeof(float) / dp_wide_size(model);
    size_t floats = dp_row_stride((numbers + in_a_float - 1) / in_a_float);
    state->wide_stride = floats * in_a_float;
    state->wide = dp_arena_floats(arena, state->images * p->tokens, floats);
}

/* Pixels are dead when the first block writes `wide`: both share their memory. */
static void take_paths(dp_arena *arena, dp_workspace *workspace) {
    const dp_parameters *p = &workspace->model->parameters;
    dp_arena pixels = *arena;
    for (size_t i = 0; i < DP_PATHS; i++) {
        dp_path_state *state = &workspace->path[i];
        state->images = dp_images(p, (dp_path)i);
        take_wide(arena, workspace->model, (dp_path)i, state);
        workspace->pixels[i] =
            dp_arena_floats(&pixels, state->images * 3, p->image_size * p->image_size);
        state->pixels = workspace->pixels[i];
    }
    arena->used = larger(arena->used, pixels.used);
    arena->failed = arena->failed || pixels.failed;
    for (size_t i = 0; i < DP_PATHS; i++) {
        dp_path_state *state = &workspace->path[i];
        state->x_stride = dp_row_stride(p->width);
        state->x = dp_arena_floats(arena, state->images * p->tokens, state->x_stride);
        state->feature = dp_arena_floats(arena, 1, p->feature_size);
    }
}

static void take_head(dp_arena *arena, dp_workspace *workspace) {
    const dp_parameters *p = &workspace->model->parameters;
    size_t images = larger(p->spatial_frames, p->framesets);
    workspace->class_rows = dp_arena_floats(arena, images, dp_row_stride(p->width));
    workspace->projected = dp_arena_floats(arena, images, dp_row_stride(p->feature_size));
    workspace->head_input = dp_arena_floats(arena, 1, 2 * p->feature_size);
    workspace->head_hidden = dp_arena_floats(arena, 1, p->head_width);
    workspace->logits = dp_arena_floats(arena, 1, p->classes);
}

void dp_workspace_take(dp_arena *arena, const dp_model *model, size_t threads,
                       dp_workspace *workspace) {
    memset(workspace, 0, sizeof *workspace);
    workspace->model = model;
    workspace->threads = threads;
    take_tasks(arena, workspace);
    take_scratch(arena, workspace);
    take_paths(arena, workspace);
    take_head(arena, workspace);
}

float *dp_thread_scratch(const dp_workspace *workspace, size_t thread) {
    return workspace->scratch + thread * workspace->scratch_floats;
}
