/*
 * The form of a block that stays as the file has it, for the `unfused` option: nothing is folded
 * but the scale of the adapters' output.
 */
#include "model/builder.h"

#include <string.h>

static dp_linear pack_layer(dp_builder *builder, dp_tensor_name name, size_t outputs, size_t inputs,
                            float scale) {
    size_t mark = builder->scratch_used;
    dp_affine map = dp_read_affine(builder, name, outputs, inputs);
    dp_matrix_scale(builder, map.w, scale);
    dp_matrix_scale(builder, map.bias, scale);
    dp_linear packed = dp_pack(builder, builder->model->gemm, map);
    builder->scratch_used = mark;
    return packed;
}

static dp_norm pack_norm(dp_builder *builder, dp_tensor_name name) {
    size_t mark = builder->scratch_used;
    dp_norm norm = dp_keep_norm(builder, dp_read_norm(builder, name));
    builder->scratch_used = mark;
    return norm;
}

static dp_linear pack_qkv(dp_builder *builder, size_t index, size_t width) {
    size_t mark = builder->scratch_used;
    dp_affine qkv =
        dp_read_affine(builder, dp_block_name(index, "attention.qkv"), 3 * width, width);
    dp_linear packed = dp_pack(builder, builder->model->gemm, dp_affine_keys_first(builder, qkv));
    builder->scratch_used = mark;
    return packed;
}

static void pack_frozen(dp_builder *builder, size_t index, dp_unfused_block *plain) {
    const dp_parameters *p = &builder->model->parameters;
    size_t width = p->width;
    plain->norm1 = pack_norm(builder, dp_block_name(index, "norm1"));
    plain->norm2 = pack_norm(builder, dp_block_name(index, "norm2"));
    plain->qkv = pack_qkv(builder, index, width);
    plain->attn_out =
        pack_layer(builder, dp_block_name(index, "attention.out"), width, width, 1.0f);
    plain->fc1 = pack_layer(builder, dp_block_name(index, "mlp.up"), p->mlp_width, width, 1.0f);
    plain->fc2 = pack_layer(builder, dp_block_name(index, "mlp.down"), width, p->mlp_width, 1.0f);
}

void dp_build_unfused_block(dp_builder *builder, size_t index, dp_block *block) {
    const struct dp_model *backbone = builder->model->backbone;
    const dp_parameters *p = &builder->model->parameters;
    dp_unfused_block *plain = &block->unfused;
    size_t width = p->width;
    if (backbone != NULL) {
        *plain = backbone->block[index].unfused;
        memset(plain->adapters, 0, sizeof plain->adapters);
    } else {
        pack_frozen(builder, index, plain);
    }
    for (size_t site = 0; site < DP_ADAPTER_SITES; site++) {
        size_t b = p->bottleneck[site];
        if (b > 0) {
            dp_adapter *adapter = &plain->adapters[site];
            adapter->down =
                pack_layer(builder, dp_adapter_name(index, site, "down"), b, width, 1.0f);
            adapter->up =
                pack_layer(builder, dp_adapter_name(index, site, "up"), width, b, p->adapter_scale);
        }
    }
}
