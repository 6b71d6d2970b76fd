/*
 * Multiply-adds that a view executes in matrix products, counted from the shapes of the matrices
 * that the engine multiplies with.
 */
#include "vit/vit.h"

static uint64_t layer(const dp_linear *linear) {
    return (uint64_t)linear->inputs * linear->outputs;
}

/* Of the scores and of their product with the values. */
static uint64_t attention(const dp_parameters *p, uint64_t queries) {
    return 2 * queries * p->tokens * p->width;
}

static uint64_t fused_rest(const dp_path_block *block) {
    return layer(&block->squeeze_a) + layer(&block->leave) + layer(&block->leave_d) +
           layer(&block->squeeze_m) + layer(&block->widen) + layer(&block->squeeze_h) +
           layer(&block->narrow) + layer(&block->narrow_d);
}

/* One image; in the last block everything but keys and values is for the class token only. */
static uint64_t fused_image(const dp_parameters *p, const dp_path_block *block, bool last) {
    uint64_t tokens = p->tokens;
    uint64_t enter = layer(&block->enter);
    uint64_t project = layer(&block->project) + layer(&block->through);
    uint64_t all = enter + project + layer(&block->squeeze_n);
    if (!last) {
        return tokens * (all + fused_rest(block)) + attention(p, tokens);
    }
    uint64_t keys_and_values = project / 3 * 2;
    return tokens * (enter + keys_and_values) + all + fused_rest(block) + attention(p, 1);
}

static uint64_t plain_image(const dp_parameters *p, const dp_plain_block *block, dp_path path) {
    uint64_t token = layer(&block->qkv) + layer(&block->attention_out) + layer(&block->mlp_up) +
                     layer(&block->mlp_down);
    size_t first = path == DP_SPATIAL ? DP_S1 : DP_T0;
    size_t end = path == DP_SPATIAL ? DP_T0 : DP_ADAPTER_SITES;
    for (size_t site = first; site < end; site++) {
        token += layer(&block->adapters[site].down) + layer(&block->adapters[site].up);
    }
    return p->tokens * token + attention(p, p->tokens);
}

static uint64_t blocks(const dp_model *model, dp_path path) {
    const dp_parameters *p = &model->parameters;
    uint64_t image = 0;
    for (size_t i = 0; i < p->blocks; i++) {
        const dp_block *block = &model->block[i];
        const dp_path_block *fused = path == DP_SPATIAL ? &block->spatial : &block->temporal;
        image += dp_is_fused(model) ? fused_image(p, fused, i + 1 == p->blocks)
                                    : plain_image(p, &block->plain, path);
    }
    return image * dp_images(p, path);
}

int64_t dp_count_macs(const dp_model *model) {
    const dp_parameters *p = &model->parameters;
    uint64_t images = p->spatial_frames + p->framesets;
    uint64_t macs = images * (p->tokens - 1) * layer(&model->patch);
    macs += blocks(model, DP_SPATIAL) + blocks(model, DP_TEMPORAL);
    macs += images * layer(&model->projection);
    macs += layer(&model->head_hidden) + layer(&model->head_output);
    return (int64_t)macs;
}
