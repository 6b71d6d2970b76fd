/*
 * Plans the memory of a view and splits its rows into row blocks.
 */
#include "vit/workspace.h"

#include "base/size.h"
#include "gemm/gemm.h"
#include "video/video.h"
#include "vit/block.h"
#include "vit/vit.h"

#include <string.h>

/* ---- row blocks ---- */

/* In tiles. A row block reads all weights of a block: smaller ones would be memory-bound. */
#define SMALLEST_ROW_BLOCK 3
/* Of the last ones, of which each thread gets as many as any other. */
#define LAST_ROW_BLOCK 4

/* Tiles of the next row block if `left` remain: row blocks get smaller towards the end, so that
 * threads end together. */
static size_t row_block_tiles(const dpi_workspace *workspace, size_t left) {
    size_t threads = workspace->threads;
    size_t most = workspace->row_block / workspace->model->gemm->kernel.mr;
    size_t wanted = left / (2 * threads);
    if (wanted <= LAST_ROW_BLOCK) {
        size_t rounds = dpi_size_div_up(left, threads * LAST_ROW_BLOCK);
        wanted = dpi_size_div_up(left, threads * rounds);
    }
    wanted = dpi_size_max(wanted, SMALLEST_ROW_BLOCK);
    return threads == 1 ? most : dpi_size_min(wanted, most);
}

/* Splits all rows of a path, which `later` more tiles follow, into row blocks. Returns how many
 * there are; with row_blocks == NULL only counts them. */
static size_t cut_path_rows(dpi_token_rows *row_blocks, dpi_token_rows all, size_t later,
                            const dpi_workspace *workspace) {
    size_t mr = workspace->model->gemm->kernel.mr;
    size_t count = 0;
    for (size_t r = 0; r < all.count;) {
        size_t left = dpi_size_div_up(all.count - r, mr) + later;
        dpi_token_rows block = all;
        block.first = r * all.step;
        block.count = dpi_size_min(mr * row_block_tiles(workspace, left), all.count - r);
        if (row_blocks != NULL) {
            row_blocks[count] = block;
        }
        r += block.count;
        count++;
    }
    return count;
}

typedef enum row_choice { ALL_ROWS, CLASS_ROWS } row_choice;

static dpi_token_rows path_rows(const dpi_parameters *p, const dpi_batch *batch, dpi_path path,
                                row_choice choice) {
    size_t images = batch->images[path];
    return choice == CLASS_ROWS ? (dpi_token_rows){path, 0, images, p->tokens}
                                : (dpi_token_rows){path, 0, images * p->tokens, 1};
}

/* The same for both paths, the temporal one first. */
static size_t cut_batch_rows(dpi_token_rows *row_blocks, const dpi_workspace *workspace,
                             const dpi_batch *batch, row_choice choice) {
    const dpi_parameters *p = &workspace->model->parameters;
    dpi_token_rows temporal = path_rows(p, batch, DPI_TEMPORAL, choice);
    dpi_token_rows spatial = path_rows(p, batch, DPI_SPATIAL, choice);
    size_t later = dpi_size_div_up(spatial.count, workspace->model->gemm->kernel.mr);
    size_t count = cut_path_rows(row_blocks, temporal, later, workspace);
    return count +
           cut_path_rows(row_blocks != NULL ? row_blocks + count : NULL, spatial, 0, workspace);
}

/* ---- batches ---- */

static void take_batch(dpi_arena *arena, const dpi_workspace *workspace, dpi_batch *batch,
                       size_t spatial, size_t temporal) {
    batch->images[DPI_SPATIAL] = spatial;
    batch->images[DPI_TEMPORAL] = temporal;
    batch->first_block = 0;
    batch->end_block = workspace->model->parameters.blocks;
    batch->row_block_count = cut_batch_rows(NULL, workspace, batch, ALL_ROWS);
    batch->class_row_block_count = cut_batch_rows(NULL, workspace, batch, CLASS_ROWS);
    batch->row_blocks = dpi_arena_take(arena, batch->row_block_count + batch->class_row_block_count,
                                       sizeof *batch->row_blocks);
    if (batch->row_blocks != NULL) {
        (void)cut_batch_rows(batch->row_blocks, workspace, batch, ALL_ROWS);
        (void)cut_batch_rows(batch->row_blocks + batch->row_block_count, workspace, batch,
                             CLASS_ROWS);
    }
}

static void take_batches(dpi_arena *arena, dpi_workspace *workspace) {
    const dpi_parameters *p = &workspace->model->parameters;
    if (!dpi_frames_meet(p)) {
        take_batch(arena, workspace, &workspace->single[DPI_SPATIAL], 1, 0);
    }
    if (dpi_has_two_paths(p)) {
        take_batch(arena, workspace, &workspace->single[DPI_TEMPORAL], 0, 1);
    }
    if (!workspace->image_by_image) {
        take_batch(arena, workspace, &workspace->together, p->spatial_frames, p->framesets);
    }
}

dpi_batch dpi_workspace_single(const dpi_workspace *workspace, dpi_path path, size_t image) {
    dpi_batch batch = workspace->single[path];
    batch.first[path] = image;
    return batch;
}

dpi_batch dpi_workspace_batch(const dpi_workspace *workspace, dpi_path path, size_t image) {
    return workspace->image_by_image ? dpi_workspace_single(workspace, path, image)
                                     : workspace->together;
}

/* ---- memory ---- */

/* The most tokens that an attention is over. */
static size_t attention_length(const dpi_parameters *p) {
    return dpi_has_time_attention(p) ? dpi_size_max(p->tokens, p->frames) : p->tokens;
}

/* As much as the task that needs most. */
static void take_scratch(dpi_arena *arena, dpi_workspace *workspace) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    size_t rows = workspace->row_block;
    size_t floats =
        dpi_is_fused(model) ? dpi_fused_scratch(model, rows) : dpi_unfused_scratch(model, rows);
    floats = dpi_size_max(floats, dpi_patches_scratch(model, rows));
    floats = dpi_size_max(floats, dpi_convolution_scratch(model, rows));
    floats = dpi_size_max(floats, dpi_attention_scratch(model->gemm_attention, attention_length(p),
                                                        p->width / p->heads));
    dpi_frame_target target = {.size = p->image_size,
                               .filter = (dpi_filter)p->protocol.filter,
                               .antialias = p->protocol.resize_antialias};
    floats = dpi_size_max(floats, dpi_cell_scratch(&target));
    workspace->scratch_floats = dpi_row_stride(floats);
    workspace->scratch = dpi_arena_floats(arena, workspace->threads, workspace->scratch_floats);
}

static void take_pixels(dpi_arena *arena, dpi_workspace *workspace, dpi_path path) {
    size_t size = workspace->model->parameters.image_size;
    dpi_path_state *state = &workspace->path[path];
    state->pixels = dpi_arena_floats(arena, state->images * 3, size * size);
}

/* [k v q | d], as attention reads it. */
static void take_kvq(dpi_arena *arena, dpi_workspace *workspace, dpi_path path) {
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    dpi_path_state *state = &workspace->path[path];
    dpi_number_type type = model->gemm_attention->attention.type;
    size_t columns = 3 * p->width;
    if (path == DPI_SPATIAL) {
        columns += dpi_bottleneck_at(p, 0, DPI_PART_SPATIAL, DPI_BESIDE_ATTENTION);
    }
    size_t in_a_float = sizeof(float) / dpi_number_size(type);
    size_t floats = dpi_row_stride(dpi_size_div_up(columns, in_a_float));
    state->kvq = (dpi_rows){dpi_arena_floats(arena, state->images * p->tokens, floats),
                            floats * in_a_float, type};
}

static void take_x(dpi_arena *arena, dpi_workspace *workspace, dpi_path path) {
    const dpi_parameters *p = &workspace->model->parameters;
    dpi_path_state *state = &workspace->path[path];
    state->x_stride = dpi_row_stride(p->width);
    state->x = dpi_arena_floats(arena, state->images * p->tokens, state->x_stride);
}

static void take_convolutions(dpi_arena *arena, dpi_workspace *workspace) {
    const dpi_parameters *p = &workspace->model->parameters;
    dpi_path_state *state = &workspace->path[DPI_SPATIAL];
    for (size_t i = 0; i < DPI_CONVS && dpi_has_convolutions(p); i++) {
        size_t stride = dpi_row_stride(p->bottleneck[i]);
        state->conv[i] =
            dpi_rows_f32(dpi_arena_floats(arena, state->images * p->tokens, stride), stride);
    }
}

/* Advances the arena past the end of another one that started at the same place. */
static void continue_after(dpi_arena *arena, const dpi_arena *other) {
    arena->used = dpi_size_max(arena->used, other->used);
    arena->failed |= other->failed;
}

/* Pixels are unused once the first block writes [k v q | d], so the two share memory. */
static void take_activations_of_all(dpi_arena *arena, dpi_workspace *workspace) {
    dpi_arena pixels = *arena;
    for (int i = 0; i < DPI_PATHS; i++) {
        take_kvq(arena, workspace, (dpi_path)i);
        take_pixels(&pixels, workspace, (dpi_path)i);
    }
    continue_after(arena, &pixels);
    for (int i = 0; i < DPI_PATHS; i++) {
        take_x(arena, workspace, (dpi_path)i);
    }
    take_convolutions(arena, workspace);
}

/* Images of both paths take turns in the same memory. Only a frameset's pixels are apart: it fills
 * while images of the spatial path go by. */
static void take_activations_of_one(dpi_arena *arena, dpi_workspace *workspace) {
    if (!dpi_has_two_paths(&workspace->model->parameters)) {
        take_activations_of_all(arena, workspace);
        return;
    }
    take_pixels(arena, workspace, DPI_TEMPORAL);
    dpi_arena spatial = *arena, pixels = *arena;
    take_kvq(&spatial, workspace, DPI_SPATIAL);
    take_pixels(&pixels, workspace, DPI_SPATIAL);
    continue_after(&spatial, &pixels);
    take_x(&spatial, workspace, DPI_SPATIAL);
    take_kvq(arena, workspace, DPI_TEMPORAL);
    take_x(arena, workspace, DPI_TEMPORAL);
    continue_after(arena, &spatial);
}

static void take_activations(dpi_arena *arena, dpi_workspace *workspace) {
    const dpi_parameters *p = &workspace->model->parameters;
    for (int i = 0; i < DPI_PATHS; i++) {
        dpi_path_state *state = &workspace->path[i];
        size_t images = dpi_path_images(p, (dpi_path)i);
        state->images = workspace->image_by_image ? dpi_size_min(images, 1) : images;
        state->class_rows = dpi_arena_floats(arena, images, dpi_row_stride(p->width));
        state->feature = dpi_arena_floats(arena, 1, p->feature_size);
    }
    if (workspace->image_by_image) {
        take_activations_of_one(arena, workspace);
    } else {
        take_activations_of_all(arena, workspace);
    }
}

static void take_head_buffers(dpi_arena *arena, dpi_workspace *workspace) {
    const dpi_parameters *p = &workspace->model->parameters;
    size_t images = dpi_size_max(p->spatial_frames, p->framesets);
    workspace->projected = dpi_arena_floats(arena, images, dpi_row_stride(p->feature_size));
    workspace->head_input = dpi_arena_floats(arena, 1, dpi_head_inputs(p));
    workspace->head_hidden = dpi_arena_floats(arena, 1, p->head_width);
    workspace->logits = dpi_arena_floats(arena, 1, p->classes);
}

/* Image by image, only two tiles, to save memory: scratch memory is then what attention
 * needs, or little more. */
static size_t largest_row_block(const dpi_gemm *gemm, bool image_by_image) {
    return image_by_image ? dpi_size_min(2 * gemm->kernel.mr, gemm->row_block) : gemm->row_block;
}

static void take_attention(dpi_arena *arena, dpi_workspace *workspace) {
    const dpi_parameters *p = &workspace->model->parameters;
    for (int i = 0; i < DPI_PATHS && dpi_kept_attention(workspace) != DP_ATTENTION_NONE; i++) {
        dpi_path_state *state = &workspace->path[i];
        size_t images = dpi_path_images(p, (dpi_path)i);
        state->attention =
            dpi_arena_floats(arena, images * dpi_attention_heads(workspace), p->tokens);
        if (dpi_kept_attention(workspace) == DP_ATTENTION_ROLLOUT) {
            state->weight_sums =
                dpi_arena_floats(arena, state->images * p->blocks * p->tokens, p->tokens);
        }
    }
}

void dpi_workspace_take(dpi_arena *arena, const dp_model *model, size_t threads,
                        bool image_by_image, int32_t attention, dpi_workspace *workspace) {
    memset(workspace, 0, sizeof *workspace);
    workspace->model = model;
    workspace->threads = threads;
    workspace->image_by_image = image_by_image;
    workspace->attention = attention;
    workspace->row_block = largest_row_block(model->gemm, image_by_image);
    take_batches(arena, workspace);
    take_scratch(arena, workspace);
    take_activations(arena, workspace);
    take_head_buffers(arena, workspace);
    take_attention(arena, workspace);
}

float *dpi_workspace_scratch(const dpi_workspace *workspace, size_t thread) {
    return workspace->scratch + thread * workspace->scratch_floats;
}
