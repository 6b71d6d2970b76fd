/*
 * Fusion: adapters and layer norms become parts of the frozen matrices (model, section 6). All of
 * it is exact in real arithmetic, and done once, when a model is opened. What the resulting
 * matrices mean stands at dp_path_block.
 */
#include "model/builder.h"

static const dp_affine absent = {{NULL, 0, 0}, {NULL, 0, 0}};

/* A block as the file has it, [outputs][inputs]; what is not needed is absent. */
typedef struct frozen {
    size_t width, mlp_width;
    dp_affine norm1, norm2, qkv, attn_out, fc1, fc2;
    dp_affine adapter_down[DP_ADAPTER_SITES], adapter_up[DP_ADAPTER_SITES]; /* no rows: absent */
    bool skip; /* serial adapters keep what they read */
} frozen;

static void read_adapters(dp_scope *scope, size_t index, frozen *f) {
    dp_builder *builder = scope->builder;
    const dp_parameters *p = &builder->model->parameters;
    for (size_t site = 0; site < DP_ADAPTER_SITES; site++) {
        size_t b = p->bottleneck[site];
        f->adapter_down[site] = f->adapter_up[site] = absent;
        if (b > 0) {
            f->adapter_down[site] =
                dp_read_affine(scope, dp_adapter_name(index, site, "down"), b, p->width);
            f->adapter_up[site] =
                dp_read_affine(scope, dp_adapter_name(index, site, "up"), p->width, b);
            dp_matrix_scale(builder, f->adapter_up[site].w, p->adapter_scale);
            dp_matrix_scale(builder, f->adapter_up[site].bias, p->adapter_scale);
        }
    }
}

static dp_affine read_if(dp_scope *scope, bool needed, dp_tensor_name name, size_t outputs,
                         size_t inputs) {
    return needed ? dp_read_affine(scope, name, outputs, inputs) : absent;
}

/* Of a backbone, a task reads only what its adapters are composed with. */
static frozen read_frozen(dp_scope *scope, size_t index) {
    const struct dp_model *model = scope->builder->model;
    const dp_parameters *p = &model->parameters;
    bool all = model->backbone == NULL;
    size_t width = p->width;
    frozen f = {.width = width, .mlp_width = p->mlp_width, .skip = p->serial_skip};
    f.norm1 = dp_read_norm(scope, dp_block_name(index, "norm1"));
    f.norm2 = dp_read_norm(scope, dp_block_name(index, "norm2"));
    f.qkv = read_if(scope, all || p->bottleneck[DP_T0] > 0, dp_block_name(index, "attention.qkv"),
                    3 * width, width);
    f.attn_out = read_if(scope, all || p->bottleneck[DP_T1] > 0,
                         dp_block_name(index, "attention.out"), width, width);
    f.fc1 = read_if(scope, all, dp_block_name(index, "mlp.up"), p->mlp_width, width);
    f.fc2 = read_if(scope, all || p->bottleneck[DP_T2] > 0, dp_block_name(index, "mlp.down"), width,
                    p->mlp_width);
    read_adapters(scope, index, &f);
    return f;
}

/* Nothing of a map that is absent. */
static dp_linear pack(const dp_scope *scope, dp_affine map) {
    return map.w.rows > 0 ? dp_pack(scope, scope->builder->model->gemm, map) : (dp_linear){0};
}

/* The panels of what is frozen, which a task has in common with its backbone. */
static void share_frozen(const dp_path_block *backbone, dp_path_block *path) {
    path->qkv = backbone->qkv;
    path->attn_out = backbone->attn_out;
    path->fc1 = backbone->fc1;
    path->fc2 = backbone->fc2;
}

static void pack_frozen(const dp_scope *scope, const frozen *f, dp_affine kvq,
                        dp_path_block *path) {
    path->qkv = pack(scope, kvq);
    path->attn_out = pack(scope, f->attn_out);
    path->fc1 = pack(scope, f->fc1);
    path->fc2 = pack(scope, f->fc2);
}

static void fuse_spatial(const dp_scope *scope, const frozen *f, dp_path_block *path) {
    path->adapter_down_attn = pack(scope, f->adapter_down[DP_S1]);
    path->adapter_up_attn = pack(scope, f->adapter_up[DP_S1]);
    path->adapter_down_mlp = pack(scope, f->adapter_down[DP_S2]);
    path->adapter_up_mlp = pack(scope, f->adapter_up[DP_S2]);
}

/* A frozen map z and the way down of the adapter that follows it, as one map. */
static dp_linear pack_composed(const dp_scope *outer, dp_affine down, dp_affine z) {
    dp_scope scope = *outer;
    return down.w.rows > 0 ? pack(&scope, dp_affine_compose(&scope, down, z)) : (dp_linear){0};
}

/* `composed_qkv` is the way up of A_t0, composed with the qkv matrix. */
static void fuse_temporal(const dp_scope *scope, const frozen *f, dp_affine composed_qkv,
                          dp_path_block *path) {
    path->adapter_down_qkv = pack(scope, f->adapter_down[DP_T0]);
    path->composed_qkv = pack(scope, composed_qkv);
    path->composed_down_attn = pack_composed(scope, f->adapter_down[DP_T1], f->attn_out);
    path->adapter_up_attn = pack(scope, f->adapter_up[DP_T1]);
    path->composed_down_mlp = pack_composed(scope, f->adapter_down[DP_T2], f->fc2);
    path->adapter_up_mlp = pack(scope, f->adapter_up[DP_T2]);
}

/* Must come before norm1 is folded into kvq: the adapter's output was not normalised. With a skip,
 * the bias of kvq comes with the kept input. */
static dp_affine compose_t0(dp_scope *scope, const frozen *f, dp_affine kvq) {
    if (f->adapter_down[DP_T0].w.rows == 0) {
        return absent;
    }
    if (f->skip) {
        kvq.bias.values = NULL;
    }
    return dp_affine_compose(scope, kvq, f->adapter_up[DP_T0]);
}

void dp_build_fused_block(const dp_scope *outer, size_t index, dp_block *block) {
    dp_scope scope = *outer;
    dp_builder *builder = scope.builder;
    const struct dp_model *backbone = builder->model->backbone;
    frozen f = read_frozen(&scope, index);
    dp_affine kvq = dp_affine_keys_first(&scope, f.qkv);
    dp_affine composed_qkv = compose_t0(&scope, &f, kvq);
    dp_affine_fold_norm(builder, kvq, f.norm1);
    dp_affine_fold_norm(builder, f.adapter_down[DP_S1], f.norm1);
    dp_affine_fold_norm(builder, f.adapter_down[DP_T0], f.norm1);
    dp_affine_fold_norm(builder, f.fc1, f.norm2);
    dp_affine_fold_norm(builder, f.adapter_down[DP_S2], f.norm2);
    if (backbone != NULL) {
        share_frozen(&backbone->block[index].spatial, &block->spatial);
    } else {
        pack_frozen(&scope, &f, kvq, &block->spatial);
    }
    fuse_spatial(&scope, &f, &block->spatial);
    fuse_temporal(&scope, &f, composed_qkv, &block->temporal);
    dp_share_with_temporal(&builder->model->parameters, block);
}
