/*
 * The unfused form of a block, for the `unfused` option: layers and adapters stay apart as the file
 * has them. Only the adapters' scale is folded in.
 */
#include "model/builder.h"

#include <string.h>

static dp_linear pack_qkv(const dp_scope *outer, size_t index, size_t width) {
    dp_scope scope = *outer;
    dp_affine qkv = dp_read_affine(&scope, dp_block_name(index, "attention.qkv"), 3 * width, width);
    return dp_pack(&scope, scope.builder->model->gemm, dp_affine_keys_first(&scope, qkv));
}

static dp_linear pack_as_it_is(const dp_scope *scope, dp_tensor_name name, size_t outputs,
                               size_t inputs) {
    return dp_pack_layer(scope, scope->builder->model->gemm, name, outputs, inputs, 1.0f);
}

static void pack_unfused_layers(const dp_scope *scope, size_t index, dp_unfused_block *block) {
    const dp_parameters *p = &scope->builder->model->parameters;
    size_t width = p->width;
    block->norm1 = dp_keep_norm(scope, dp_block_name(index, "norm1"));
    block->norm2 = dp_keep_norm(scope, dp_block_name(index, "norm2"));
    block->qkv = pack_qkv(scope, index, width);
    block->attn_out = pack_as_it_is(scope, dp_block_name(index, "attention.out"), width, width);
    block->fc1 = pack_as_it_is(scope, dp_block_name(index, "mlp.up"), p->mlp_width, width);
    block->fc2 = pack_as_it_is(scope, dp_block_name(index, "mlp.down"), width, p->mlp_width);
}

static dp_adapter pack_adapter(const dp_scope *scope, size_t index, size_t site) {
    const struct dp_model *model = scope->builder->model;
    const dp_parameters *p = &model->parameters;
    size_t b = p->bottleneck[site];
    dp_adapter adapter;
    adapter.down = pack_as_it_is(scope, dp_adapter_name(index, site, "down"), b, p->width);
    adapter.up = dp_pack_layer(scope, model->gemm, dp_adapter_name(index, site, "up"), p->width, b,
                               p->adapter_scale);
    return adapter;
}

void dp_build_unfused_block(const dp_scope *scope, size_t index, dp_block *block) {
    const struct dp_model *model = scope->builder->model;
    dp_unfused_block *unfused = &block->unfused;
    if (model->backbone != NULL) {
        *unfused = model->backbone->block[index].unfused;
        memset(unfused->adapters, 0, sizeof unfused->adapters);
    } else {
        pack_unfused_layers(scope, index, unfused);
    }
    for (size_t site = 0; site < DP_ADAPTER_SITES; site++) {
        if (model->parameters.bottleneck[site] > 0) {
            unfused->adapters[site] = pack_adapter(scope, index, site);
        }
    }
}
