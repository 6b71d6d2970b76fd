/*
 * Which stages a block has.
 */
#include "vit/stages.h"
#include "vit/block.h"

bool dpi_ends_in_class_tokens(const dp_model *model, size_t block) {
    return dpi_is_fused(model) && block + 1 == model->parameters.blocks;
}

static bool has_stage(const dp_model *model, size_t block, dpi_stage stage) {
    const dpi_parameters *p = &model->parameters;
    switch (stage) {
    case DPI_STAGE_CONV_ATTN:
        return dpi_has_convolutions(p) && model->block[block].conv[DPI_CONV_ATTN].weight != NULL;
    case DPI_STAGE_TIME:
        return dpi_has_time_attention(p);
    case DPI_STAGE_ATTENTION:
        return true;
    default: /* DPI_STAGE_CONV_MLP gives nothing to class tokens */
        return dpi_has_convolutions(p) && model->block[block].conv[DPI_CONV_MLP].weight != NULL &&
               !dpi_ends_in_class_tokens(model, block);
    }
}

dpi_stage dpi_stage_from(const dp_model *model, size_t block, size_t stage) {
    while (stage < DPI_STAGES && !has_stage(model, block, (dpi_stage)stage)) {
        stage++;
    }
    return (dpi_stage)stage;
}
