/*
 * The fused form of a block: adapters and layer norms are folded into the frozen matrices (model,
 * section 6), once, when a model is opened. This is exact in real arithmetic. dpi_path_block says
 * what the fused matrices are for.
 */
#include "model/builder.h"
#include "model/compiled_layout.h"

static const dpi_affine absent = {{NULL, 0, 0}, {NULL, 0, 0}};

/* The layers of a block as the file has them, [outputs][inputs]; what is not needed is absent. */
typedef struct block_layers {
    dpi_affine norm1, norm2, qkv, attn_out, fc1, fc2;
    dpi_affine adapter_down[DPI_ADAPTER_SITES], adapter_up[DPI_ADAPTER_SITES]; /* no rows: absent */
} block_layers;

/* ---- reading ---- */

static void read_adapters(dpi_scope *scope, size_t index, block_layers *layers) {
    dpi_builder *builder = scope->builder;
    const dpi_parameters *p = &builder->model->parameters;
    for (size_t site = 0; site < DPI_ADAPTER_SITES; site++) {
        size_t b = p->bottleneck[site];
        dpi_affine *down = &layers->adapter_down[site];
        dpi_affine *up = &layers->adapter_up[site];
        *down = *up = absent;
        if (b > 0) {
            *down = dpi_read_affine(scope, dpi_adapter_name(index, site, "down"), b, p->width);
            *up = dpi_read_affine(scope, dpi_adapter_name(index, site, "up"), p->width, b);
            dpi_matrix_scale(builder, up->w, p->adapter_scale);
            dpi_matrix_scale(builder, up->bias, p->adapter_scale);
        }
    }
}

static dpi_affine read_if_needed(dpi_scope *scope, bool needed, dpi_tensor_name name,
                                 size_t outputs, size_t inputs) {
    return needed ? dpi_read_affine(scope, name, outputs, inputs) : absent;
}

/* A task reads only those layers of its backbone that its adapters are composed with. */
static block_layers read_layers(dpi_scope *scope, size_t index) {
    const struct dp_model *model = scope->builder->model;
    const dpi_parameters *p = &model->parameters;
    const size_t *b = p->bottleneck;
    bool all = model->backbone == NULL;
    block_layers layers;
    layers.norm1 = dpi_read_norm(scope, dpi_block_name(index, "norm1"));
    layers.norm2 = dpi_read_norm(scope, dpi_block_name(index, "norm2"));
    layers.qkv = read_if_needed(scope, all || b[DPI_T0] > 0, dpi_block_name(index, "attention.qkv"),
                                3 * p->width, p->width);
    layers.attn_out = read_if_needed(scope, all || b[DPI_T1] > 0,
                                     dpi_block_name(index, "attention.out"), p->width, p->width);
    layers.fc1 =
        read_if_needed(scope, all, dpi_block_name(index, "mlp.up"), p->mlp_width, p->width);
    layers.fc2 = read_if_needed(scope, all || b[DPI_T2] > 0, dpi_block_name(index, "mlp.down"),
                                p->width, p->mlp_width);
    read_adapters(scope, index, &layers);
    return layers;
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
static void use_frozen(const dpi_path_block *backbone, dpi_path_block *path) {
    path->qkv = backbone->qkv;
    path->attn_out = backbone->attn_out;
    path->fc1 = backbone->fc1;
    path->fc2 = backbone->fc2;
}

static void pack_frozen(const dpi_scope *scope, const block_layers *layers, dpi_affine kvq,
                        dpi_path_block *path) {
    path->qkv = pack_map(scope, kvq);
    path->attn_out = pack_map(scope, layers->attn_out);
    path->fc1 = pack_map(scope, layers->fc1);
    path->fc2 = pack_map(scope, layers->fc2);
}

static void pack_spatial(const dpi_scope *scope, const block_layers *layers, dpi_path_block *path) {
    path->adapter_down_attn = pack_map(scope, layers->adapter_down[DPI_S1]);
    path->adapter_up_attn = pack_map(scope, layers->adapter_up[DPI_S1]);
    path->adapter_down_mlp = pack_map(scope, layers->adapter_down[DPI_S2]);
    path->adapter_up_mlp = pack_map(scope, layers->adapter_up[DPI_S2]);
}

static void pack_temporal(const dpi_scope *scope, const block_layers *layers,
                          dpi_affine composed_qkv, dpi_path_block *path) {
    path->adapter_down_qkv = pack_map(scope, layers->adapter_down[DPI_T0]);
    path->composed_qkv = pack_map(scope, composed_qkv);
    path->composed_down_attn = pack_composed(scope, layers->adapter_down[DPI_T1], layers->attn_out);
    path->adapter_up_attn = pack_map(scope, layers->adapter_up[DPI_T1]);
    path->composed_down_mlp = pack_composed(scope, layers->adapter_down[DPI_T2], layers->fc2);
    path->adapter_up_mlp = pack_map(scope, layers->adapter_up[DPI_T2]);
}

/* ---- fusing ---- */

/* The way up of A_t0 and the qkv matrix as one map. `kvq` must not have norm1 folded in yet: the
 * adapter's output was not normalised. With a skip, the bias of kvq comes with the input that is
 * kept. */
static dpi_affine compose_qkv(dpi_scope *scope, const block_layers *layers, dpi_affine kvq) {
    if (layers->adapter_down[DPI_T0].w.rows == 0) {
        return absent;
    }
    if (scope->builder->model->parameters.serial_skip) {
        kvq.bias.values = NULL;
    }
    return dpi_affine_compose(scope, kvq, layers->adapter_up[DPI_T0]);
}

/* Everything that reads normalised rows takes them without weight and bias of the norm. */
static void fold_norms(dpi_builder *builder, const block_layers *layers, dpi_affine kvq) {
    dpi_affine_fold_norm(builder, kvq, layers->norm1);
    dpi_affine_fold_norm(builder, layers->adapter_down[DPI_S1], layers->norm1);
    dpi_affine_fold_norm(builder, layers->adapter_down[DPI_T0], layers->norm1);
    dpi_affine_fold_norm(builder, layers->fc1, layers->norm2);
    dpi_affine_fold_norm(builder, layers->adapter_down[DPI_S2], layers->norm2);
}

void dpi_build_fused_block(const dpi_scope *outer, size_t index, dpi_block *block) {
    dpi_scope scope = *outer;
    const struct dp_model *model = scope.builder->model;
    block_layers layers = read_layers(&scope, index);
    dpi_affine kvq = dpi_affine_keys_first(&scope, layers.qkv);
    dpi_affine composed_qkv = compose_qkv(&scope, &layers, kvq);
    fold_norms(scope.builder, &layers, kvq);
    if (model->backbone != NULL) {
        use_frozen(&model->backbone->block[index].spatial, &block->spatial);
    } else {
        pack_frozen(&scope, &layers, kvq, &block->spatial);
    }
    pack_spatial(&scope, &layers, &block->spatial);
    pack_temporal(&scope, &layers, composed_qkv, &block->temporal);
    dpi_share_with_temporal(&model->parameters, block);
}
