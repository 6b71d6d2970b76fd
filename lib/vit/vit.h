/*
 * The transformer: from normalised pixels of one view to its features and logits. Images go through
 * the blocks in batches: all of both paths side by side, so that each weight is read once for all
 * images of a clip, or one by one, so that there is never more than one in memory.
 */
#ifndef DP_VIT_H
#define DP_VIT_H

#include "os/threads.h"
#include "vit/workspace.h"

/* Floats of scratch memory that patch embedding needs for so many rows. (patches.c) */
size_t dp_patches_scratch(const dp_model *model, size_t rows);

/* Stations, in order: those of a batch, and when all batches have gone through, the head. */
void dp_embed_patches(const dp_workspace *workspace, const dp_batch *batch,
                      dp_team *team); /* patches.c */
/* Blocks in order, each once: a block also computes the first half of the next one. (blocks.c) */
void dp_run_block(const dp_workspace *workspace, const dp_batch *batch, dp_team *team,
                  size_t index);
/* (head.c) */
void dp_keep_class_tokens(const dp_workspace *workspace, const dp_batch *batch);
void dp_run_head(const dp_workspace *workspace);

/* Multiply-adds of the matrix products of one view, from shapes. (macs.c) */
int64_t dp_count_macs(const dp_model *model);

#endif /* DP_VIT_H */
