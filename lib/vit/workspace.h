/*
 * All mutable state of one view in the transformer, and how its rows are
 * split into row blocks for the threads. It lives in the session's arena.
 */
#ifndef DPI_WORKSPACE_H
#define DPI_WORKSPACE_H

#include "base/arena.h"
#include "dp_config.h"
#include "gemm/lhs.h"
#include "model/model.h"

typedef enum dpi_path { DPI_SPATIAL, DPI_TEMPORAL, DPI_PATHS } dpi_path;

/* Rows first, first + step, ... of a path's tokens, [images * tokens][width]. */
typedef struct dpi_token_rows {
    dpi_path path;
    size_t first, count, step;
} dpi_token_rows;

/* Images that go through the blocks together: `images` of each path, starting at `first`. An image
 * can stop before a block, and go on with it later: only its residual stream is needed then. */
typedef struct dpi_batch {
    size_t first[DPI_PATHS], images[DPI_PATHS];
    size_t first_block, end_block; /* all, unless the caller chooses others */
    dpi_token_rows *row_blocks;    /* of all rows, followed by those of the class tokens */
    size_t row_block_count, class_row_block_count;
} dpi_batch;

/* The activations of a path. */
typedef struct dpi_path_state {
    size_t images; /* in memory: those of one batch */
    float *pixels; /* [images][3][image_size][image_size], dead after patch embedding */
    float *x;      /* [images * tokens][width], the residual stream */
    size_t x_stride;
    dpi_rows kvq; /* [images * tokens][k v q | d]: keys, values, queries; and of the spatial
                    path the bottleneck of the adapter at attention */
    dpi_rows conv[DPI_CONVS]; /* [images * tokens][bottleneck], f32: what a convolution reads */
    float *class_rows; /* one for each image of the view: LN_post of its class token, or the token
                          itself where the mean comes before the norm */
    float *feature;    /* [feature_size]: y_s or y_t of this view */
    float *attention;  /* [images of the view][dpi_attention_heads()][tokens]: what the class tokens
                          attend to; NULL: nobody asks */
    float *weight_sums; /* [images][blocks][tokens][tokens]: attention weights of all queries, the
                           sum over the heads; NULL: nobody asks */
} dpi_path_state;

typedef struct dpi_workspace {
    const dp_model *model;
    size_t threads;
    bool image_by_image;
    int32_t attention;           /* dp_attention_kind */
    size_t row_block;            /* maximum rows of a row block */
    dpi_batch together;          /* all images of a view; not image by image */
    dpi_batch single[DPI_PATHS]; /* one image of a path, whichever it is */
    dpi_path_state path[DPI_PATHS];
    float *scratch; /* [threads][scratch_floats] */
    size_t scratch_floats;
    float *projected; /* [images], of the head */
    float *head_input, *head_hidden;
    float *logits; /* [classes] of this view */
} dpi_workspace;

/* Plans (arena->base == NULL) or takes the memory of a workspace; `attention` is a
 * dp_attention_kind. */
void dpi_workspace_take(dpi_arena *arena, const dp_model *model, size_t threads,
                        bool image_by_image, int32_t attention, dpi_workspace *workspace);

/* The batch that image `image` of a path belongs to in a view. */
dpi_batch dpi_workspace_batch(const dpi_workspace *workspace, dpi_path path, size_t image);
/* That of this image alone. Its pixels are the first of the path. */
dpi_batch dpi_workspace_single(const dpi_workspace *workspace, dpi_path path, size_t image);

/* A thread's scratch memory, scratch_floats floats; callers that fill `pixels` use it, too. */
float *dpi_workspace_scratch(const dpi_workspace *workspace, size_t thread);

static inline size_t dpi_path_count(const dpi_parameters *p) {
    return dpi_has_two_paths(p) ? DPI_PATHS : 1;
}

/* Images of a path in a view. */
static inline size_t dpi_path_images(const dpi_parameters *p, dpi_path path) {
    return path == DPI_SPATIAL ? p->spatial_frames : p->framesets;
}

/* Which attention is kept. */
static inline int32_t dpi_kept_attention(const dpi_workspace *workspace) {
    return DPI_HAS_ATTENTION ? workspace->attention : DP_ATTENTION_NONE;
}

/* Heads of it. */
static inline size_t dpi_attention_heads(const dpi_workspace *workspace) {
    return dpi_kept_attention(workspace) == DP_ATTENTION_ROLLOUT
               ? 1
               : workspace->model->parameters.heads;
}

/* Frames from one that the spatial path sees to the next. */
static inline size_t dpi_spatial_distance(const dpi_parameters *p) {
    return p->frames / p->spatial_frames;
}

static inline size_t dpi_frameset_frames(const dpi_parameters *p) {
    return p->grid * p->grid;
}

/* Row i of these rows in x. */
static inline float *dpi_path_x(const dpi_path_state *state, dpi_token_rows rows, size_t i) {
    return state->x + (rows.first + i * rows.step) * state->x_stride;
}

/* These rows in [k v q | d], from a column on. */
static inline dpi_rows dpi_path_kvq(const dpi_path_state *state, dpi_token_rows rows,
                                    size_t column) {
    dpi_rows part = dpi_rows_from(state->kvq, rows.first, column);
    part.stride *= rows.step;
    return part;
}

#endif /* DPI_WORKSPACE_H */
