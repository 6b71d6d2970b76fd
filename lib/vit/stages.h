/*
 * The stages of a block in which an image's rows read other rows. Between two of them each row goes
 * its own way. The MLP follows the last stage of a block.
 */
#ifndef DPI_STAGES_H
#define DPI_STAGES_H

#include "vit/workspace.h"

/* In their order. */
typedef enum dpi_stage {
    DPI_STAGE_CONV_ATTN, /* the convolution of ST-Adapter before attention */
    DPI_STAGE_TIME,      /* AIM's attention over the frames of a place */
    DPI_STAGE_ATTENTION, /* over the tokens of an image */
    DPI_STAGE_CONV_MLP,  /* the convolution of ST-Adapter before the MLP */
    DPI_STAGES
} dpi_stage;

static inline dpi_part dpi_part_of_path(dpi_path path) {
    return path == DPI_SPATIAL ? DPI_PART_SPATIAL : DPI_PART_TEMPORAL;
}

/* After the last attention only class tokens are read: the last block computes keys and values of
 * all rows, and everything else for class tokens. Not of an unfused model. */
bool dpi_ends_in_class_tokens(const dp_model *model, size_t block);

/* The first stage of a block from `stage` on; DPI_STAGES: none is left. */
dpi_stage dpi_stage_from(const dp_model *model, size_t block, size_t stage);

#endif /* DPI_STAGES_H */
