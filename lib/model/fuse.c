/*
 * The fused form of a block: adapters and layer norms are folded into the frozen matrices (model,
 * section 6), once, when a model is opened. This is exact in real arithmetic. dpi_block_part says
 * what the fused matrices are for.
 */
#include "model/builder.h"
#include "model/compiled_layout.h"

static const dpi_affine absent = {{NULL, 0, 0}, {NULL, 0, 0}};

/* ---- reading ---- */

/* The way down of the adapter of a part at a place; absent if the model has none there. */
static dpi_affine read_down(dpi_scope *scope, size_t index, dpi_part part,
                            dpi_adapter_place place) {
    const dpi_parameters *p = &scope->builder->model->parameters;
    size_t b = dpi_bottleneck_at(p, index, part, place);
    return b > 0
               ? dpi_read_affine(scope,
                                 dpi_adapter_name(index, dpi_site_at(p, part, place)->name, "down"),
                                 b, p->width)
               : absent;
}

static dpi_affine read_up(dpi_scope *scope, size_t index, dpi_part part, dpi_adapter_place place) {
    dpi_builder *builder = scope->builder;
    const dpi_parameters *p = &builder->model->parameters;
    size_t b = dpi_bottleneck_at(p, index, part, place);
    if (b == 0) {
        return absent;
    }
    const dpi_site *site = dpi_site_at(p, part, place);
    dpi_affine up = dpi_read_affine(scope, dpi_adapter_name(index, site->name, "up"), p->width, b);
    dpi_matrix_scale(builder, up.w, dpi_site_scale(p, site));
    dpi_matrix_scale(builder, up.bias, dpi_site_scale(p, site));
    return up;
}

/* A frozen layer. A task reads only those that adapters of this place are composed with. */
static dpi_affine read_frozen(dpi_scope *scope, dpi_adapter_place place, size_t index,
                              const char *layer, size_t outputs, size_t inputs) {
    const struct dp_model *model = scope->builder->model;
    bool needed = model->backbone == NULL;
    for (int part = 0; part < DPI_PARTS; part++) {
        needed = needed || dpi_bottleneck_at(&model->parameters, index, (dpi_part)part, place) > 0;
    }
    return needed ? dpi_read_affine(scope, dpi_block_name(index, layer), outputs, inputs) : absent;
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

/* The way down of a parallel adapter. What the first part gives it was normalised and comes without
 * the norm's weight and bias, unless the adapter reads x. */
static dpi_linear pack_beside(const dpi_scope *outer, size_t index, dpi_part part,
                              dpi_adapter_place place, dpi_affine norm) {
    dpi_scope scope = *outer;
    dpi_affine down = read_down(&scope, index, part, place);
    if (!dpi_reads_x(&scope.builder->model->parameters, part)) {
        dpi_affine_fold_norm(scope.builder, down, norm);
    }
    return pack_map(&scope, down);
}

/* ---- a block, stage by stage ---- */

/* The way up of an adapter before qkv and the qkv matrix as one map. `kvq` must not have norm1
 * folded in yet: the adapter's output was not normalised. With a skip, the bias of kvq comes with
 * the input that is kept. */
static dpi_linear pack_composed_qkv(const dpi_scope *outer, size_t index, dpi_part part,
                                    dpi_affine kvq) {
    dpi_scope scope = *outer;
    const dpi_parameters *p = &scope.builder->model->parameters;
    dpi_affine up = read_up(&scope, index, part, DPI_BEFORE_QKV);
    if (up.w.rows == 0) {
        return (dpi_linear){0};
    }
    if (dpi_keeps_input(p, part, DPI_BEFORE_QKV)) {
        kvq.bias.values = NULL;
    }
    return pack_map(&scope, dpi_affine_compose(&scope, kvq, up));
}

static dpi_linear pack_before_qkv(const dpi_scope *outer, size_t index, dpi_part part,
                                  dpi_affine norm) {
    dpi_scope scope = *outer;
    dpi_affine down = read_down(&scope, index, part, DPI_BEFORE_QKV);
    dpi_affine_fold_norm(scope.builder, down, norm);
    return pack_map(&scope, down);
}

/* All that reads rows that norm1 has normalised: they come without its weight and bias. */
static void fuse_before_attention(const dpi_scope *outer, size_t index,
                                  const dpi_block_part *backbone, dpi_block *block) {
    dpi_scope scope = *outer;
    const dpi_parameters *p = &scope.builder->model->parameters;
    dpi_affine norm = dpi_read_norm(&scope, dpi_block_name(index, "norm1"));
    dpi_affine qkv =
        read_frozen(&scope, DPI_BEFORE_QKV, index, "attention.qkv", 3 * p->width, p->width);
    dpi_affine kvq = dpi_affine_keys_first(&scope, qkv);
    for (int i = 0; i < DPI_PARTS; i++) {
        dpi_part part = (dpi_part)i;
        block->part[i].adapter_down_qkv = pack_before_qkv(&scope, index, part, norm);
        block->part[i].composed_qkv = pack_composed_qkv(&scope, index, part, kvq);
        block->part[i].adapter_down_attn =
            pack_beside(&scope, index, part, DPI_BESIDE_ATTENTION, norm);
    }
    dpi_affine_fold_norm(scope.builder, kvq, norm);
    pack_frozen(&scope, kvq, backbone != NULL ? &backbone->qkv : NULL,
                &block->part[DPI_PART_SPATIAL].qkv);
}

/* What adds to x after attention, or after the MLP: the way up of the adapter after it or beside
 * it. */
static dpi_linear pack_up(const dpi_scope *outer, size_t index, dpi_part part,
                          dpi_adapter_place after, dpi_adapter_place beside) {
    dpi_scope scope = *outer;
    const dpi_parameters *p = &scope.builder->model->parameters;
    bool serial = dpi_bottleneck_at(p, index, part, after) > 0;
    return pack_map(&scope, read_up(&scope, index, part, serial ? after : beside));
}

static void fuse_after_attention(const dpi_scope *outer, size_t index,
                                 const dpi_block_part *backbone, dpi_block *block) {
    dpi_scope scope = *outer;
    const dpi_parameters *p = &scope.builder->model->parameters;
    dpi_affine attn_out =
        read_frozen(&scope, DPI_AFTER_ATTENTION, index, "attention.out", p->width, p->width);
    pack_frozen(&scope, attn_out, backbone != NULL ? &backbone->attn_out : NULL,
                &block->part[DPI_PART_SPATIAL].attn_out);
    for (int i = 0; i < DPI_PARTS; i++) {
        dpi_scope inner = scope;
        dpi_part part = (dpi_part)i;
        dpi_affine down = read_down(&inner, index, part, DPI_AFTER_ATTENTION);
        block->part[i].composed_down_attn = pack_composed(&inner, down, attn_out);
        block->part[i].adapter_up_attn =
            pack_up(&scope, index, part, DPI_AFTER_ATTENTION, DPI_BESIDE_ATTENTION);
    }
}

/* All that reads rows that norm2 has normalised. */
static void fuse_before_activation(const dpi_scope *outer, size_t index,
                                   const dpi_block_part *backbone, dpi_block *block) {
    dpi_scope scope = *outer;
    const struct dp_model *model = scope.builder->model;
    const dpi_parameters *p = &model->parameters;
    dpi_affine norm = dpi_read_norm(&scope, dpi_block_name(index, "norm2"));
    dpi_affine fc1 =
        model->backbone == NULL
            ? dpi_read_affine(&scope, dpi_block_name(index, "mlp.up"), p->mlp_width, p->width)
            : absent;
    dpi_affine_fold_norm(scope.builder, fc1, norm);
    pack_frozen(&scope, fc1, backbone != NULL ? &backbone->fc1 : NULL,
                &block->part[DPI_PART_SPATIAL].fc1);
    for (int i = 0; i < DPI_PARTS; i++) {
        block->part[i].adapter_down_mlp =
            pack_beside(&scope, index, (dpi_part)i, DPI_BESIDE_MLP, norm);
    }
}

static void fuse_after_activation(const dpi_scope *outer, size_t index,
                                  const dpi_block_part *backbone, dpi_block *block) {
    dpi_scope scope = *outer;
    const dpi_parameters *p = &scope.builder->model->parameters;
    dpi_affine fc2 = read_frozen(&scope, DPI_AFTER_MLP, index, "mlp.down", p->width, p->mlp_width);
    pack_frozen(&scope, fc2, backbone != NULL ? &backbone->fc2 : NULL,
                &block->part[DPI_PART_SPATIAL].fc2);
    for (int i = 0; i < DPI_PARTS; i++) {
        dpi_scope inner = scope;
        dpi_part part = (dpi_part)i;
        dpi_affine down = read_down(&inner, index, part, DPI_AFTER_MLP);
        block->part[i].composed_down_mlp = pack_composed(&inner, down, fc2);
        block->part[i].adapter_up_mlp = pack_up(&scope, index, part, DPI_AFTER_MLP, DPI_BESIDE_MLP);
    }
}

/* Each stage reads what it needs and lets go of it: scratch memory holds the matrices of one. */
void dpi_build_fused_block(const dpi_scope *outer, size_t index, dpi_block *block) {
    const struct dp_model *model = outer->builder->model;
    const dpi_block_part *backbone =
        model->backbone != NULL ? &model->backbone->block[index].part[DPI_PART_SPATIAL] : NULL;
    fuse_before_attention(outer, index, backbone, block);
    fuse_after_attention(outer, index, backbone, block);
    fuse_before_activation(outer, index, backbone, block);
    fuse_after_activation(outer, index, backbone, block);
    dpi_share_frozen(&model->parameters, block);
}
