/*
 * Multiply-adds that a view executes in matrix products, counted from the shapes of the matrices
 * that are really multiplied.
 */
#include "vit/block.h"
#include "vit/stages.h"
#include "vit/vit.h"

static uint64_t linear_macs(const dpi_linear *linear) {
    return (uint64_t)linear->inputs * linear->outputs;
}

/* Of the scores of queries against as many tokens, and of their product with the values. */
static uint64_t attention_macs(const dpi_parameters *p, uint64_t queries, uint64_t tokens) {
    return 2 * queries * tokens * p->width;
}

/* A block of one image. Convolutions count as if no tap fell outside. */
typedef struct block_shapes {
    const dp_model *model;
    size_t index;
    dpi_path path;
    bool last; /* everything after the keys and values of the last attention is for class tokens */
} block_shapes;

static const dpi_block_part *fused_part(const block_shapes *s, dpi_part part) {
    return &s->model->block[s->index].part[part];
}

/* ---- fused ---- */

static uint64_t fused_attention_macs(const block_shapes *s, dpi_part part, bool last,
                                     uint64_t length) {
    const dpi_parameters *p = &s->model->parameters;
    const dpi_block_part *b = fused_part(s, part);
    uint64_t down_qkv = linear_macs(&b->adapter_down_qkv);
    uint64_t to_kvq = linear_macs(&b->qkv) + linear_macs(&b->composed_qkv);
    uint64_t token = down_qkv + to_kvq + linear_macs(&b->adapter_down_attn) +
                     linear_macs(&b->composed_down_attn) + linear_macs(&b->attn_out) +
                     linear_macs(&b->adapter_up_attn);
    if (!last) {
        return p->tokens * token + attention_macs(p, p->tokens, length);
    }
    uint64_t keys_and_values = to_kvq / 3 * 2;
    return p->tokens * (down_qkv + keys_and_values) + token + attention_macs(p, 1, length);
}

static uint64_t fused_mlp_macs(const block_shapes *s, dpi_part part) {
    const dpi_block_part *b = fused_part(s, part);
    uint64_t token = linear_macs(&b->adapter_down_mlp) + linear_macs(&b->fc1) +
                     linear_macs(&b->composed_down_mlp) + linear_macs(&b->fc2) +
                     linear_macs(&b->adapter_up_mlp);
    return (s->last ? 1 : s->model->parameters.tokens) * token;
}

/* ---- unfused ---- */

static uint64_t adapter_macs(const block_shapes *s, dpi_part part, dpi_adapter_place place) {
    const dpi_parameters *p = &s->model->parameters;
    return 2 * (uint64_t)p->width * dpi_bottleneck_at(p, s->index, part, place);
}

static uint64_t unfused_attention_macs(const block_shapes *s, dpi_part part, uint64_t length) {
    const dpi_parameters *p = &s->model->parameters;
    const dpi_unfused_block *b = &s->model->block[s->index].unfused;
    uint64_t token =
        linear_macs(&b->qkv) + linear_macs(&b->attn_out) + adapter_macs(s, part, DPI_BEFORE_QKV) +
        adapter_macs(s, part, DPI_BESIDE_ATTENTION) + adapter_macs(s, part, DPI_AFTER_ATTENTION);
    return p->tokens * token + attention_macs(p, p->tokens, length);
}

static uint64_t unfused_mlp_macs(const block_shapes *s, dpi_part part) {
    const dpi_unfused_block *b = &s->model->block[s->index].unfused;
    return s->model->parameters.tokens *
           (linear_macs(&b->fc1) + linear_macs(&b->fc2) + adapter_macs(s, part, DPI_BESIDE_MLP) +
            adapter_macs(s, part, DPI_AFTER_MLP));
}

/* ---- both ---- */

static uint64_t convolution_macs(const block_shapes *s, size_t which) {
    const dpi_parameters *p = &s->model->parameters;
    dpi_kernel_size size = p->conv[which];
    uint64_t channels = p->bottleneck[which];
    return p->tokens * 2 * p->width * channels +
           (p->tokens - 1) * size.time * size.rows * size.columns * channels;
}

static uint64_t some_attention_macs(const block_shapes *s, dpi_part part, bool last,
                                    uint64_t length) {
    return dpi_is_fused(s->model) ? fused_attention_macs(s, part, last, length)
                                  : unfused_attention_macs(s, part, length);
}

static uint64_t stage_macs(const block_shapes *s, dpi_stage stage) {
    const dpi_parameters *p = &s->model->parameters;
    if (dpi_has_convolutions(p) && stage != DPI_STAGE_ATTENTION) {
        return convolution_macs(s, stage == DPI_STAGE_CONV_ATTN ? DPI_CONV_ATTN : DPI_CONV_MLP);
    }
    if (dpi_has_time_attention(p) && stage == DPI_STAGE_TIME) {
        return some_attention_macs(s, DPI_PART_TIME, false, p->frames);
    }
    return some_attention_macs(s, dpi_part_of_path(s->path), s->last, p->tokens);
}

static uint64_t block_macs(const block_shapes *s) {
    dpi_part part = dpi_part_of_path(s->path);
    uint64_t macs = dpi_is_fused(s->model) ? fused_mlp_macs(s, part) : unfused_mlp_macs(s, part);
    size_t stage = dpi_stage_from(s->model, s->index, 0);
    while (stage != DPI_STAGES) {
        macs += stage_macs(s, (dpi_stage)stage);
        stage = dpi_stage_from(s->model, s->index, stage + 1);
    }
    return macs;
}

int64_t dpi_image_macs(const dp_model *model, dpi_path path) {
    return dpi_image_part_macs(model, path, 0, model->parameters.blocks);
}

int64_t dpi_image_part_macs(const dp_model *model, dpi_path path, size_t first, size_t end) {
    const dpi_parameters *p = &model->parameters;
    uint64_t image = first == 0 ? (p->image_tokens - 1) * linear_macs(&model->patch) : 0;
    for (size_t i = first; i < end; i++) {
        block_shapes shapes = {model, i, path, dpi_ends_in_class_tokens(model, i)};
        image += block_macs(&shapes);
    }
    return (int64_t)image;
}

int64_t dpi_head_macs(const dp_model *model) {
    const dpi_parameters *p = &model->parameters;
    uint64_t images = dpi_norm_comes_after_mean(p) ? 1 : p->spatial_frames + p->framesets;
    return (int64_t)(images * linear_macs(&model->projection) + linear_macs(&model->head_hidden) +
                     linear_macs(&model->head_output));
}

int64_t dpi_view_macs(const dp_model *model) {
    const dpi_parameters *p = &model->parameters;
    return (int64_t)p->spatial_frames * dpi_image_macs(model, DPI_SPATIAL) +
           (p->framesets > 0 ? (int64_t)p->framesets * dpi_image_macs(model, DPI_TEMPORAL) : 0) +
           dpi_head_macs(model);
}
