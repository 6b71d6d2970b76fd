/*
 * Multiply-adds that a view executes in matrix products, counted from the shapes of the matrices
 * that are really multiplied.
 */
#include "vit/block.h"
#include "vit/vit.h"

static uint64_t linear_macs(const dpi_linear *linear) {
    return (uint64_t)linear->inputs * linear->outputs;
}

/* Of the scores and of their product with the values. */
static uint64_t attention_macs(const dpi_parameters *p, uint64_t queries) {
    return 2 * queries * p->tokens * p->width;
}

static uint64_t after_attention_macs(const dpi_path_block *block) {
    return linear_macs(&block->composed_down_attn) + linear_macs(&block->attn_out) +
           linear_macs(&block->adapter_up_attn) + linear_macs(&block->adapter_down_mlp) +
           linear_macs(&block->fc1) + linear_macs(&block->composed_down_mlp) +
           linear_macs(&block->fc2) + linear_macs(&block->adapter_up_mlp);
}

/* One image; in the last block everything but keys and values is for the class token only. */
static uint64_t fused_image_macs(const dpi_parameters *p, const dpi_path_block *block, bool last) {
    uint64_t tokens = p->tokens;
    uint64_t down_qkv = linear_macs(&block->adapter_down_qkv);
    uint64_t to_kvq = linear_macs(&block->qkv) + linear_macs(&block->composed_qkv);
    uint64_t all = down_qkv + to_kvq + linear_macs(&block->adapter_down_attn);
    if (!last) {
        return tokens * (all + after_attention_macs(block)) + attention_macs(p, tokens);
    }
    uint64_t keys_and_values = to_kvq / 3 * 2;
    return tokens * (down_qkv + keys_and_values) + all + after_attention_macs(block) +
           attention_macs(p, 1);
}

static uint64_t unfused_image_macs(const dpi_parameters *p, const dpi_unfused_block *block,
                                   dpi_path path) {
    uint64_t token = linear_macs(&block->qkv) + linear_macs(&block->attn_out) +
                     linear_macs(&block->fc1) + linear_macs(&block->fc2);
    size_t first = path == DPI_SPATIAL ? DPI_S1 : DPI_T0;
    size_t end = path == DPI_SPATIAL ? DPI_T0 : DPI_ADAPTER_SITES;
    for (size_t site = first; site < end; site++) {
        token += linear_macs(&block->adapters[site].down) + linear_macs(&block->adapters[site].up);
    }
    return p->tokens * token + attention_macs(p, p->tokens);
}

int64_t dpi_image_macs(const dp_model *model, dpi_path path) {
    return dpi_image_part_macs(model, path, 0, model->parameters.blocks);
}

int64_t dpi_image_part_macs(const dp_model *model, dpi_path path, size_t first, size_t end) {
    const dpi_parameters *p = &model->parameters;
    uint64_t image = first == 0 ? (p->tokens - 1) * linear_macs(&model->patch) : 0;
    for (size_t i = first; i < end; i++) {
        const dpi_block *block = &model->block[i];
        const dpi_path_block *fused = path == DPI_SPATIAL ? &block->spatial : &block->temporal;
        image += dpi_is_fused(model) ? fused_image_macs(p, fused, i + 1 == p->blocks)
                                     : unfused_image_macs(p, &block->unfused, path);
    }
    return (int64_t)image;
}

int64_t dpi_head_macs(const dp_model *model) {
    const dpi_parameters *p = &model->parameters;
    uint64_t images = p->spatial_frames + p->framesets;
    return (int64_t)(images * linear_macs(&model->projection) + linear_macs(&model->head_hidden) +
                     linear_macs(&model->head_output));
}

int64_t dpi_view_macs(const dp_model *model) {
    const dpi_parameters *p = &model->parameters;
    return (int64_t)p->spatial_frames * dpi_image_macs(model, DPI_SPATIAL) +
           (int64_t)p->framesets * dpi_image_macs(model, DPI_TEMPORAL) + dpi_head_macs(model);
}
