/*
 * The two halves of a block, before and behind attention, for some rows of tokens. Private to
 * lib/vit.
 */
#ifndef DP_BLOCK_H
#define DP_BLOCK_H

#include "dp_config.h"
#include "vit/workspace.h"

/* Whether adapters and layer norms are folded into the frozen matrices. */
static inline bool dp_is_fused(const dp_model *model) {
    return !DP_HAS_CANONICAL || model->fused;
}

/* Which columns of [k v q | d] are made. */
typedef enum dp_kvq_columns { DP_KVQ_ALL, DP_KVQ_KEYS_AND_VALUES } dp_kvq_columns;

/* The fused form. (fused_block.c) */
void dp_fused_before_attention(const dp_workspace *workspace, const dp_path_block *block,
                               dp_token_rows rows, dp_kvq_columns columns, float *scratch);
void dp_fused_after_attention(const dp_workspace *workspace, const dp_path_block *block,
                              dp_token_rows rows, float *scratch);
size_t dp_fused_scratch(const dp_model *model, size_t rows);

/* The paper's formulas one by one. (unfused_block.c) */
void dp_unfused_before_attention(const dp_workspace *workspace, const dp_unfused_block *block,
                                 dp_token_rows rows, float *scratch);
void dp_unfused_after_attention(const dp_workspace *workspace, const dp_unfused_block *block,
                                dp_token_rows rows, float *scratch);
size_t dp_unfused_scratch(const dp_model *model, size_t rows);

/* Columns of the bottlenecks in scratch memory. */
size_t dp_largest_bottleneck(const dp_parameters *p); /* fused_block.c */

#endif /* DP_BLOCK_H */
