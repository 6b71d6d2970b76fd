/*
 * The unfused form of a block, for the `unfused` option: layers and adapters stay apart as the file
 * has them. Only the adapters' scale is folded in.
 */
#include "model/builder.h"

#include <string.h>

static dpi_linear pack_qkv(const dpi_scope *outer, size_t index, size_t width) {
    dpi_scope scope = *outer;
    dpi_affine qkv =
        dpi_read_affine(&scope, dpi_block_name(index, "attention.qkv"), 3 * width, width);
    return dpi_pack(&scope, scope.builder->model->gemm, dpi_affine_keys_first(&scope, qkv));
}

static dpi_linear pack_as_it_is(const dpi_scope *scope, dpi_tensor_name name, size_t outputs,
                                size_t inputs) {
    return dpi_pack_layer(scope, scope->builder->model->gemm, name, outputs, inputs, 1.0f);
}

static void pack_unfused_layers(const dpi_scope *scope, size_t index, dpi_unfused_block *block) {
    const dpi_parameters *p = &scope->builder->model->parameters;
    size_t width = p->width;
    block->norm1 = dpi_keep_norm(scope, dpi_block_name(index, "norm1"));
    block->norm2 = dpi_keep_norm(scope, dpi_block_name(index, "norm2"));
    block->qkv = pack_qkv(scope, index, width);
    block->attn_out = pack_as_it_is(scope, dpi_block_name(index, "attention.out"), width, width);
    block->fc1 = pack_as_it_is(scope, dpi_block_name(index, "mlp.up"), p->mlp_width, width);
    block->fc2 = pack_as_it_is(scope, dpi_block_name(index, "mlp.down"), width, p->mlp_width);
}

static dpi_adapter pack_adapter(const dpi_scope *scope, size_t index, size_t i) {
    const struct dp_model *model = scope->builder->model;
    const dpi_parameters *p = &model->parameters;
    const dpi_site *site = &dpi_method_of(p->method)->sites[i];
    size_t b = p->bottleneck[i];
    dpi_adapter adapter;
    adapter.down = pack_as_it_is(scope, dpi_adapter_name(index, site->name, "down"), b, p->width);
    adapter.up = dpi_pack_layer(scope, model->gemm, dpi_adapter_name(index, site->name, "up"),
                                p->width, b, dpi_site_scale(p, site));
    return adapter;
}

void dpi_build_unfused_block(const dpi_scope *scope, size_t index, dpi_block *block) {
    const struct dp_model *model = scope->builder->model;
    dpi_unfused_block *unfused = &block->unfused;
    if (model->backbone != NULL) {
        *unfused = model->backbone->block[index].unfused;
        memset(unfused->adapters, 0, sizeof unfused->adapters);
    } else {
        pack_unfused_layers(scope, index, unfused);
    }
    for (size_t i = 0; i < DPI_MAX_SITES && index >= model->parameters.first_adapter_block; i++) {
        if (model->parameters.bottleneck[i] > 0) {
            unfused->adapters[i] = pack_adapter(scope, index, i);
        }
    }
}
