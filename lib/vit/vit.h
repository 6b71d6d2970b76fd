/*
 * The transformer: from normalised pixels of one view to its features and logits. Images walk
 * through the blocks in batches: all of both paths side by side, so that each weight is read once
 * for all images of a clip, or one by one, so that there is never more than one in memory.
 */
#ifndef DP_VIT_H
#define DP_VIT_H

#include "model/model.h"
#include "runtime/runtime.h"

typedef enum dp_path { DP_SPATIAL, DP_TEMPORAL, DP_PATHS } dp_path;

/* Rows first, first + step, ... of a path's tokens, [images * tokens][width]. */
typedef struct dp_rows {
    dp_path path;
    size_t first, count, step;
} dp_rows;

/* Images that go through the blocks together: of each path so many, from `first` of the view on. */
typedef struct dp_batch {
    size_t first[DP_PATHS], images[DP_PATHS];
    dp_rows *tasks; /* all rows in pieces, then the class tokens in pieces */
    size_t row_tasks, class_tasks;
} dp_batch;

/* What a path computes in. */
typedef struct dp_path_state {
    size_t images; /* that are held: those of a batch */
    float *pixels; /* [images][3][image_size][image_size], dead after patch embedding */
    float *x;      /* [images * tokens], rows x_stride apart */
    void *wide;    /* [k v q | d], rows wide_stride numbers of dp_wide_size() apart; d is that of
                      A_s1 */
    size_t x_stride, wide_stride;
    float *class_rows; /* one for each image of the view: LN_post of its class token */
    float *feature;    /* [feature_size]: y_s or y_t of this view */
} dp_path_state;

/* Everything mutable that a view needs, in a session's arena. */
typedef struct dp_workspace {
    const dp_model *model;
    size_t threads;
    bool image_by_image;
    size_t piece;             /* rows that are worked on at a time, at most */
    dp_batch batch[DP_PATHS]; /* the first: all images; or, image by image, one of each path */
    dp_path_state path[DP_PATHS];
    float *scratch; /* [threads][scratch_floats], also used as words */
    size_t scratch_floats;
    float *projected; /* [images], of the head */
    float *head_input, *head_hidden;
    float *logits; /* [classes] of this view */
} dp_workspace;

/* Plans (arena->base == NULL) or takes the memory of a workspace. */
void dp_workspace_take(dp_arena *arena, const dp_model *model, size_t threads, bool image_by_image,
                       dp_workspace *workspace);

/* The batch that image `image` of a path belongs to. */
dp_batch dp_batch_with(const dp_workspace *workspace, dp_path path, size_t image);

/* The scratch memory of a thread, scratch_floats of it: also for callers that fill `pixels`. */
float *dp_thread_scratch(const dp_workspace *workspace, size_t thread);

/* Stations, in order: those of a batch, and when all have gone through, the head. (patches.c,
 * transformer.c, head.c) */
void dp_embed_patches(const dp_workspace *workspace, const dp_batch *batch, dp_team *team);
/* Blocks in order, each once: a block also does the first half of the next one. */
void dp_run_block(const dp_workspace *workspace, const dp_batch *batch, dp_team *team,
                  size_t index);
void dp_keep_class_tokens(const dp_workspace *workspace, const dp_batch *batch);
void dp_run_head(const dp_workspace *workspace);

/* The two halves of a block around attention, for some rows; all of [k v q | d] or only keys and
 * values. (block.c, plain.c) */
void dp_fused_project(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                      bool keys_and_values_only, float *scratch);
void dp_fused_finish(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                     float *scratch);
void dp_plain_project(const dp_workspace *workspace, const dp_plain_block *block, dp_rows rows,
                      float *scratch);
void dp_plain_finish(const dp_workspace *workspace, const dp_plain_block *block, dp_rows rows,
                     float *scratch);
size_t dp_fused_scratch(const dp_model *model, size_t rows);
size_t dp_plain_scratch(const dp_model *model, size_t rows);

/* Multiply-adds of the matrix products of one view, from shapes. (macs.c) */
int64_t dp_count_macs(const dp_model *model);

/* ---- inline helpers ---- */

static inline bool dp_is_fused(const dp_model *model) {
    return !DP_HAS_CANONICAL || model->fused;
}

static inline size_t dp_images(const dp_parameters *p, dp_path path) {
    return path == DP_SPATIAL ? p->spatial_frames : p->framesets;
}

/* Bytes of a number of [k v q | d]: those of bf16 where attention reads that, else those of f32. */
static inline size_t dp_wide_size(const dp_model *model) {
    return model->attention->attend != NULL ? sizeof(uint16_t) : sizeof(float);
}

static inline void *dp_in_wide(const dp_workspace *workspace, dp_path path, size_t row,
                               size_t column) {
    const dp_path_state *state = &workspace->path[path];
    return (uint8_t *)state->wide +
           (row * state->wide_stride + column) * dp_wide_size(workspace->model);
}

static inline float *dp_row(float *base, size_t stride, dp_rows rows, size_t i) {
    return base + (rows.first + i * rows.step) * stride;
}

#endif /* DP_VIT_H */
