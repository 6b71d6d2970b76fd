/*
 * What happens to the rows of tokens in a block between its stages. Private to lib/vit.
 */
#ifndef DPI_BLOCK_H
#define DPI_BLOCK_H

#include "dp_config.h"
#include "vit/workspace.h"

/* Whether adapters and layer norms are folded into the frozen matrices. */
static inline bool dpi_is_fused(const dp_model *model) {
    return !DPI_HAS_CANONICAL || model->fused;
}

/* Which columns of [k v q | d] are made. */
typedef enum dpi_kvq_columns { DPI_KVQ_ALL, DPI_KVQ_KEYS_AND_VALUES } dpi_kvq_columns;

/* The fused form. (fused_block.c) */
void dpi_fused_before_attention(const dpi_workspace *workspace, const dpi_block_part *part,
                                dpi_token_rows rows, dpi_kvq_columns columns, float *scratch);
void dpi_fused_after_attention(const dpi_workspace *workspace, const dpi_block_part *part,
                               dpi_token_rows rows, float *scratch);
void dpi_fused_mlp(const dpi_workspace *workspace, const dpi_block_part *part, dpi_token_rows rows,
                   float *scratch);
size_t dpi_fused_scratch(const dp_model *model, size_t rows);

/* The formulas one by one. (unfused_block.c) */
void dpi_unfused_before_attention(const dpi_workspace *workspace, const dpi_unfused_block *block,
                                  dpi_part part, dpi_token_rows rows, float *scratch);
void dpi_unfused_after_attention(const dpi_workspace *workspace, const dpi_unfused_block *block,
                                 dpi_part part, dpi_token_rows rows, float *scratch);
void dpi_unfused_mlp(const dpi_workspace *workspace, const dpi_unfused_block *block, dpi_part part,
                     dpi_token_rows rows, float *scratch);
size_t dpi_unfused_scratch(const dp_model *model, size_t rows);

/* A convolution over frames, `which` of DPI_CONVS, of either form. (convolution.c) */
/* d = x down, which the rows of other frames and patches read. */
void dpi_before_convolution(const dpi_workspace *workspace, size_t block, size_t which,
                            dpi_token_rows rows, float *scratch);
/* x += conv(d) up, for patches only. */
void dpi_add_convolution(const dpi_workspace *workspace, size_t block, size_t which,
                         dpi_token_rows rows, float *scratch);
size_t dpi_convolution_scratch(const dp_model *model, size_t rows);

/* Rows of x. */
static inline dpi_rows dpi_residual_rows(const dpi_path_state *state, dpi_token_rows rows) {
    return dpi_rows_f32(dpi_path_x(state, rows, 0), state->x_stride * rows.step);
}

/* Where the weights of all queries of an image in memory are summed up in a block. */
static inline float *dpi_weight_sums(const dpi_workspace *workspace, dpi_path path, size_t image,
                                     size_t block) {
    const dpi_parameters *p = &workspace->model->parameters;
    return workspace->path[path].weight_sums + (image * p->blocks + block) * p->tokens * p->tokens;
}

#endif /* DPI_BLOCK_H */
