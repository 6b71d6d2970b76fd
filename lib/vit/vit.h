/*
 * The transformer: from normalised pixels of one view to its features and logits. Images go through
 * the blocks in batches: all of both paths side by side, so that each weight is read once for all
 * images of a clip, or one by one, so that there is never more than one in memory.
 */
#ifndef DPI_VIT_H
#define DPI_VIT_H

#include "os/threads.h"
#include "vit/workspace.h"

/* Floats of scratch memory that patch embedding needs for `rows` rows. (patches.c) */
size_t dpi_patches_scratch(const dp_model *model, size_t rows);

/* Stages, in order: those of each batch, and after all batches the head. */
void dpi_embed_patches(const dpi_workspace *workspace, const dpi_batch *batch,
                       dpi_team *team); /* patches.c */
/* Call once for each block of the batch, in order: a block also computes the first half of the
 * next. (blocks.c) */
void dpi_run_block(const dpi_workspace *workspace, const dpi_batch *batch, dpi_team *team,
                   size_t index);
/* After the last block: what the class tokens of the images attend to through all blocks, if
 * anybody asks. (rollout.c) */
void dpi_roll_out_attention(const dpi_workspace *workspace, const dpi_batch *batch);
/* (head.c) */
void dpi_keep_class_tokens(const dpi_workspace *workspace, const dpi_batch *batch);
void dpi_run_head(const dpi_workspace *workspace);

/* Multiply-adds of matrix products, from shapes. (macs.c) */
/* Of one image, from its patches to its class token. */
int64_t dpi_image_macs(const dp_model *model, dpi_path path);
/* The part of it in blocks [first, end), with the patches before block 0. */
int64_t dpi_image_part_macs(const dp_model *model, dpi_path path, size_t first, size_t end);
/* Of the head, once all images of a view are done. */
int64_t dpi_head_macs(const dp_model *model);
/* Of a whole view. */
int64_t dpi_view_macs(const dp_model *model);

#endif /* DPI_VIT_H */
