/*
 * Fusion: adapters and layer norms become parts of the frozen matrices (model, section 6). All of
 * it is exact in real arithmetic, and done once, when a model is opened. What the resulting
 * matrices mean stands at dp_path_block.
 */
#include "model/builder.h"

/* A block as the file has it, [outputs][inputs]. */
typedef struct frozen {
    size_t width, mlp_width;
    dp_affine norm1, norm2, qkv, attention_out, mlp_up, mlp_down;
    dp_affine adapter_down[DP_ADAPTER_SITES], adapter_up[DP_ADAPTER_SITES]; /* no rows: absent */
    bool skip; /* serial adapters keep what they read */
} frozen;

static void read_adapters(dp_builder *builder, size_t index, frozen *f) {
    const dp_parameters *p = &builder->model->parameters;
    for (size_t site = 0; site < DP_ADAPTER_SITES; site++) {
        size_t b = p->bottleneck[site];
        f->adapter_down[site] = f->adapter_up[site] = (dp_affine){{NULL, 0, 0}, {NULL, 0, 0}};
        if (b > 0) {
            f->adapter_down[site] =
                dp_read_affine(builder, dp_adapter_name(index, site, "down"), b, p->width);
            f->adapter_up[site] =
                dp_read_affine(builder, dp_adapter_name(index, site, "up"), p->width, b);
            dp_matrix_scale(builder, f->adapter_up[site].w, p->adapter_scale);
            dp_matrix_scale(builder, f->adapter_up[site].bias, p->adapter_scale);
        }
    }
}

static frozen read_frozen(dp_builder *builder, size_t index) {
    const dp_parameters *p = &builder->model->parameters;
    size_t width = p->width;
    frozen f = {.width = width, .mlp_width = p->mlp_width, .skip = p->serial_skip};
    f.norm1 = dp_read_norm(builder, dp_block_name(index, "norm1"));
    f.norm2 = dp_read_norm(builder, dp_block_name(index, "norm2"));
    f.qkv = dp_read_affine(builder, dp_block_name(index, "attention.qkv"), 3 * width, width);
    f.attention_out = dp_read_affine(builder, dp_block_name(index, "attention.out"), width, width);
    f.mlp_up = dp_read_affine(builder, dp_block_name(index, "mlp.up"), p->mlp_width, width);
    f.mlp_down = dp_read_affine(builder, dp_block_name(index, "mlp.down"), width, p->mlp_width);
    read_adapters(builder, index, &f);
    return f;
}

/* Two maps of the same input, side by side. */
static dp_linear beside(dp_builder *builder, dp_affine left, dp_affine right) {
    dp_draft draft = dp_draft_begin(builder, left.w.columns, left.w.rows + right.w.rows);
    dp_draft_put(builder, &draft, 0, 0, left);
    if (right.w.rows > 0) {
        dp_draft_put(builder, &draft, left.w.rows, 0, right);
    }
    return dp_draft_end(&draft);
}

/* The sum of two maps whose inputs stand side by side; the right one may be absent. */
static dp_linear sum(dp_builder *builder, dp_affine left, dp_affine right) {
    dp_draft draft = dp_draft_begin(builder, left.w.columns + right.w.columns, left.w.rows);
    dp_draft_put(builder, &draft, 0, 0, left);
    if (right.w.rows > 0) {
        dp_draft_put(builder, &draft, 0, left.w.columns, right);
    }
    return dp_draft_end(&draft);
}

static void fuse_spatial(dp_builder *builder, const frozen *f, dp_path_block *path) {
    const dp_affine *s1 = &f->adapter_down[DP_S1];
    dp_draft project = dp_draft_begin(builder, f->width, 3 * f->width + s1->w.rows);
    dp_draft_put_keys_first(builder, &project, 0, f->qkv);
    if (s1->w.rows > 0) {
        dp_draft_put(builder, &project, 3 * f->width, 0, *s1);
    }
    path->project = dp_draft_end(&project);
    path->leave = sum(builder, f->attention_out, f->adapter_up[DP_S1]);
    path->widen = beside(builder, f->mlp_up, f->adapter_down[DP_S2]);
    path->narrow = sum(builder, f->mlp_down, f->adapter_up[DP_S2]);
}

/* A_t0 before attention. `through` is its way up and on through the qkv matrix. */
static void fuse_enter(dp_builder *builder, const frozen *f, dp_affine through,
                       const dp_path_block *spatial, dp_path_block *path) {
    if (through.w.rows == 0) {
        path->project = spatial->project;
        path->project.outputs = 3 * f->width;
        return;
    }
    size_t kept = f->skip ? f->width : 0;
    path->enter = dp_pack(builder, f->adapter_down[DP_T0]);
    dp_draft project = dp_draft_begin(builder, kept + through.w.columns, 3 * f->width);
    if (f->skip) {
        dp_draft_put_keys_first(builder, &project, 0, f->qkv);
    }
    dp_draft_put_keys_first(builder, &project, kept, through);
    path->project = dp_draft_end(&project);
}

/* A frozen map z followed by an adapter in series: squeeze is its way down, composed with z;
 * leave is its way up, beside z itself where the adapter has a skip. */
static void fuse_serial(dp_builder *builder, const frozen *f, dp_affine z, dp_adapter_site site,
                        dp_linear *squeeze, dp_linear *leave) {
    if (f->adapter_down[site].w.rows == 0) {
        *leave = dp_pack(builder, z);
        return;
    }
    *squeeze = dp_pack(builder, dp_affine_compose(builder, f->adapter_down[site], z));
    *leave = f->skip ? sum(builder, z, f->adapter_up[site]) : dp_pack(builder, f->adapter_up[site]);
}

static void fuse_temporal(dp_builder *builder, const frozen *f, dp_affine through,
                          const dp_path_block *spatial, dp_path_block *path) {
    fuse_enter(builder, f, through, spatial, path);
    fuse_serial(builder, f, f->attention_out, DP_T1, &path->squeeze_a, &path->leave);
    path->widen = spatial->widen;
    path->widen.outputs = f->mlp_width;
    fuse_serial(builder, f, f->mlp_down, DP_T2, &path->squeeze_h, &path->narrow);
}

/* Must come before norm1 is folded into qkv: the adapter's output was not normalised. With a skip,
 * the bias of qkv comes with the kept input. */
static dp_affine compose_t0(dp_builder *builder, const frozen *f) {
    if (f->adapter_down[DP_T0].w.rows == 0) {
        return (dp_affine){{NULL, 0, 0}, {NULL, 0, 0}};
    }
    dp_affine qkv = f->qkv;
    if (f->skip) {
        qkv.bias.values = NULL;
    }
    return dp_affine_compose(builder, qkv, f->adapter_up[DP_T0]);
}

void dp_build_fused_block(dp_builder *builder, size_t index, dp_block *block) {
    size_t mark = builder->scratch_used;
    frozen f = read_frozen(builder, index);
    dp_affine through = compose_t0(builder, &f);
    dp_affine_fold_norm(builder, f.qkv, f.norm1);
    dp_affine_fold_norm(builder, f.adapter_down[DP_S1], f.norm1);
    dp_affine_fold_norm(builder, f.adapter_down[DP_T0], f.norm1);
    dp_affine_fold_norm(builder, f.mlp_up, f.norm2);
    dp_affine_fold_norm(builder, f.adapter_down[DP_S2], f.norm2);
    fuse_spatial(builder, &f, &block->spatial);
    fuse_temporal(builder, &f, through, &block->spatial, &block->temporal);
    builder->scratch_used = mark;
}
