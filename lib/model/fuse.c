/*
 * The fused form of a block: adapters and layer norms are folded into the frozen matrices (model,
 * section 6), once, when a model is opened. This is exact in real arithmetic. dpi_path_block says
 * what the fused matrices are for.
 */
#include "model/builder.h"
#include "model/compiled_layout.h"

static const dpi_affine absent = {{NULL, 0, 0}, {NULL, 0, 0}};

/* ---- reading ---- */

/* The way of an adapter; absent if the model has none at this site. */
static dpi_affine read_down(dpi_scope *scope, size_t index, size_t site) {
    const dpi_parameters *p = &scope->builder->model->parameters;
    size_t b = p->bottleneck[site];
    return b > 0 ? dpi_read_affine(scope, dpi_adapter_name(index, site, "down"), b, p->width)
                 : absent;
}

static dpi_affine read_up(dpi_scope *scope, size_t index, size_t site) {
    dpi_builder *builder = scope->builder;
    const dpi_parameters *p = &builder->model->parameters;
    size_t b = p->bottleneck[site];
    if (b == 0) {
        return absent;
    }
    dpi_affine up = dpi_read_affine(scope, dpi_adapter_name(index, site, "up"), p->width, b);
    dpi_matrix_scale(builder, up.w, p->adapter_scale);
    dpi_matrix_scale(builder, up.bias, p->adapter_scale);
    return up;
}

/* A frozen layer. A task reads only those that its adapters are composed with. */
static dpi_affine read_frozen(dpi_scope *scope, bool composed, dpi_tensor_name name, size_t outputs,
                              size_t inputs) {
    bool needed = composed || scope->builder->model->backbone == NULL;
    return needed ? dpi_read_affine(scope, name, outputs, inputs) : absent;
}

/* ---- packing ---- */

/* There is no layer for a map that is absent. */
static dpi_linear pack_map(const dpi_scope *scope, dpi_affine map) {
    return map.w.rows > 0 ? dpi_pack(scope, scope->builder->model->gemm, map) : (dpi_linear){0};
}

/* A map and the way down of the adapter that follows it, as one map. */
static dpi_linear pack_composed(const dpi_scope *outer, dpi_affine adapter_down, dpi_affine map) {
    dpi_scope scope = *outer;
    if (adapter_down.w.rows == 0) {
        return (dpi_linear){0};
    }
    return pack_map(&scope, dpi_affine_compose(&scope, adapter_down, map));
}

/* A task uses the frozen matrices of its backbone, with their panels. */
static void pack_frozen(const dpi_scope *scope, dpi_affine map, const dpi_linear *backbone,
                        dpi_linear *linear) {
    *linear = backbone != NULL ? *backbone : pack_map(scope, map);
}

/* ---- a block, part by part ---- */

/* The way up of A_t0 and the qkv matrix as one map. `kvq` must not have norm1 folded in yet: the
 * adapter's output was not normalised. With a skip, the bias of kvq comes with the input that is
 * kept. */
static dpi_affine compose_qkv(dpi_scope *scope, dpi_affine kvq, dpi_affine up) {
    if (up.w.rows == 0) {
        return absent;
    }
    if (scope->builder->model->parameters.serial_skip) {
        kvq.bias.values = NULL;
    }
    return dpi_affine_compose(scope, kvq, up);
}

/* All that reads rows that norm1 has normalised: they come without its weight and bias. */
static void fuse_before_attention(const dpi_scope *outer, size_t index,
                                  const dpi_path_block *backbone, dpi_block *block) {
    dpi_scope scope = *outer;
    dpi_builder *builder = scope.builder;
    const dpi_parameters *p = &builder->model->parameters;
    dpi_affine norm = dpi_read_norm(&scope, dpi_block_name(index, "norm1"));
    dpi_affine qkv = read_frozen(&scope, p->bottleneck[DPI_T0] > 0,
                                 dpi_block_name(index, "attention.qkv"), 3 * p->width, p->width);
    dpi_affine kvq = dpi_affine_keys_first(&scope, qkv);
    dpi_affine down_s1 = read_down(&scope, index, DPI_S1);
    dpi_affine down_t0 = read_down(&scope, index, DPI_T0);
    dpi_affine composed = compose_qkv(&scope, kvq, read_up(&scope, index, DPI_T0));
    dpi_affine_fold_norm(builder, kvq, norm);
    dpi_affine_fold_norm(builder, down_s1, norm);
    dpi_affine_fold_norm(builder, down_t0, norm);
    pack_frozen(&scope, kvq, backbone != NULL ? &backbone->qkv : NULL, &block->spatial.qkv);
    block->spatial.adapter_down_attn = pack_map(&scope, down_s1);
    block->temporal.adapter_down_qkv = pack_map(&scope, down_t0);
    block->temporal.composed_qkv = pack_map(&scope, composed);
}

static void fuse_after_attention(const dpi_scope *outer, size_t index,
                                 const dpi_path_block *backbone, dpi_block *block) {
    dpi_scope scope = *outer;
    const dpi_parameters *p = &scope.builder->model->parameters;
    dpi_affine attn_out = read_frozen(&scope, p->bottleneck[DPI_T1] > 0,
                                      dpi_block_name(index, "attention.out"), p->width, p->width);
    dpi_affine down_t1 = read_down(&scope, index, DPI_T1);
    pack_frozen(&scope, attn_out, backbone != NULL ? &backbone->attn_out : NULL,
                &block->spatial.attn_out);
    block->temporal.composed_down_attn = pack_composed(&scope, down_t1, attn_out);
    block->spatial.adapter_up_attn = pack_map(&scope, read_up(&scope, index, DPI_S1));
    block->temporal.adapter_up_attn = pack_map(&scope, read_up(&scope, index, DPI_T1));
}

/* All that reads rows that norm2 has normalised. */
static void fuse_before_activation(const dpi_scope *outer, size_t index,
                                   const dpi_path_block *backbone, dpi_block *block) {
    dpi_scope scope = *outer;
    dpi_builder *builder = scope.builder;
    const dpi_parameters *p = &builder->model->parameters;
    dpi_affine norm = dpi_read_norm(&scope, dpi_block_name(index, "norm2"));
    dpi_affine fc1 =
        read_frozen(&scope, false, dpi_block_name(index, "mlp.up"), p->mlp_width, p->width);
    dpi_affine down_s2 = read_down(&scope, index, DPI_S2);
    dpi_affine_fold_norm(builder, fc1, norm);
    dpi_affine_fold_norm(builder, down_s2, norm);
    pack_frozen(&scope, fc1, backbone != NULL ? &backbone->fc1 : NULL, &block->spatial.fc1);
    block->spatial.adapter_down_mlp = pack_map(&scope, down_s2);
}

static void fuse_after_activation(const dpi_scope *outer, size_t index,
                                  const dpi_path_block *backbone, dpi_block *block) {
    dpi_scope scope = *outer;
    const dpi_parameters *p = &scope.builder->model->parameters;
    dpi_affine fc2 = read_frozen(&scope, p->bottleneck[DPI_T2] > 0,
                                 dpi_block_name(index, "mlp.down"), p->width, p->mlp_width);
    dpi_affine down_t2 = read_down(&scope, index, DPI_T2);
    pack_frozen(&scope, fc2, backbone != NULL ? &backbone->fc2 : NULL, &block->spatial.fc2);
    block->temporal.composed_down_mlp = pack_composed(&scope, down_t2, fc2);
    block->spatial.adapter_up_mlp = pack_map(&scope, read_up(&scope, index, DPI_S2));
    block->temporal.adapter_up_mlp = pack_map(&scope, read_up(&scope, index, DPI_T2));
}

/* Each part reads what it needs and lets go of it: scratch memory holds the matrices of one. */
void dpi_build_fused_block(const dpi_scope *outer, size_t index, dpi_block *block) {
    const struct dp_model *model = outer->builder->model;
    const dpi_path_block *backbone =
        model->backbone != NULL ? &model->backbone->block[index].spatial : NULL;
    fuse_before_attention(outer, index, backbone, block);
    fuse_after_attention(outer, index, backbone, block);
    fuse_before_activation(outer, index, backbone, block);
    fuse_after_activation(outer, index, backbone, block);
    dpi_share_with_temporal(&model->parameters, block);
}
