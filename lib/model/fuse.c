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

/* A frozen map z followed by an adapter in series: squeeze is its way down, composed with z, and
 * leave_d its way up; leave is z itself, where there is no adapter or it keeps what it reads. */
static void fuse_serial(const dp_scope *outer, const frozen *f, dp_affine z, dp_adapter_site site,
                        dp_linear frozen_leave, dp_linear *squeeze, dp_linear *attn_out,
                        dp_linear *adapter_up_attn) {
    dp_scope scope = *outer;
    bool adapted = f->adapter_down[site].w.rows > 0;
    if (!adapted || f->skip) {
        *attn_out = frozen_leave;
    }
    if (adapted) {
        *squeeze = pack(&scope, dp_affine_compose(&scope, f->adapter_down[site], z));
        *adapter_up_attn = pack(&scope, f->adapter_up[site]);
    }
}

/* `through` is the way of A_t0 up and on through the qkv matrix. What is frozen is the same as in
 * the spatial path. */
static void fuse_temporal(const dp_scope *scope, const frozen *f, dp_affine composed_qkv,
                          const dp_path_block *spatial, dp_path_block *path) {
    path->adapter_down_qkv = pack(scope, f->adapter_down[DP_T0]);
    path->composed_qkv = pack(scope, composed_qkv);
    if (composed_qkv.w.rows == 0 || f->skip) {
        path->qkv = spatial->qkv;
    }
    fuse_serial(scope, f, f->attn_out, DP_T1, spatial->attn_out, &path->composed_down_attn,
                &path->attn_out, &path->adapter_up_attn);
    path->fc1 = spatial->fc1;
    fuse_serial(scope, f, f->fc2, DP_T2, spatial->fc2, &path->composed_down_mlp, &path->fc2,
                &path->adapter_up_mlp);
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
    fuse_temporal(&scope, &f, composed_qkv, &block->spatial, &block->temporal);
}
