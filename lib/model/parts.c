/*
 * The list of all parts of a compiled file: names, places and sizes.
 */
#include "model/builder.h"

#include <stddef.h>

/* Sizes that parts have; those of bottlenecks follow each other as their sites do. */
typedef enum size_name {
    ONE,
    ONE_OF_PRE_NORM, /* 1 or 0 */
    WIDTH,
    QKV,
    MLP,
    PATCH,
    TOKENS,
    FRAMESET_TOKENS,
    FEATURE,
    FEATURE_OF_PROJECTION, /* or 0 */
    BOTH_FEATURES,
    HEAD,
    CLASSES,
    BOTTLENECK
} size_name;

static size_t size_of(const dp_parameters *p, size_name name) {
    switch (name) {
    case ONE:
        return 1;
    case ONE_OF_PRE_NORM:
        return p->has_pre_norm ? 1 : 0;
    case WIDTH:
        return p->width;
    case QKV:
        return 3 * p->width;
    case MLP:
        return p->mlp_width;
    case PATCH:
        return 3 * p->patch_size * p->patch_size;
    case TOKENS:
        return p->tokens;
    case FRAMESET_TOKENS:
        return p->framesets * p->tokens;
    case FEATURE:
        return p->feature_size;
    case FEATURE_OF_PROJECTION:
        return p->has_projection ? p->feature_size : 0;
    case BOTH_FEATURES:
        return 2 * p->feature_size;
    case HEAD:
        return p->head_width;
    case CLASSES:
        return p->classes;
    default:
        return p->bottleneck[name - BOTTLENECK];
    }
}

/* Matrices are multiplied in the model's precision, those of the head in f32. */
typedef enum part_kind { TABLE, MATRIX, EXACT_MATRIX } part_kind;

typedef struct part_row {
    const char *name;
    size_t offset;
    part_kind kind;
    unsigned rows, columns; /* size_name */
} part_row;

#define IN_MODEL(member) offsetof(struct dp_model, member)
#define IN_BLOCK(member) offsetof(dp_block, member)

static const part_row model_rows[] = {
    {"patch", IN_MODEL(patch), MATRIX, WIDTH, PATCH},
    {"first.spatial", IN_MODEL(position_spatial), TABLE, TOKENS, WIDTH},
    {"first.temporal", IN_MODEL(position_temporal), TABLE, FRAMESET_TOKENS, WIDTH},
    {"pre_norm.weight", IN_MODEL(pre_norm.weight), TABLE, ONE_OF_PRE_NORM, WIDTH},
    {"pre_norm.bias", IN_MODEL(pre_norm.bias), TABLE, ONE_OF_PRE_NORM, WIDTH},
    {"post_norm.weight", IN_MODEL(post_norm.weight), TABLE, ONE, WIDTH},
    {"post_norm.bias", IN_MODEL(post_norm.bias), TABLE, ONE, WIDTH},
    {"projection", IN_MODEL(projection), EXACT_MATRIX, FEATURE_OF_PROJECTION, WIDTH},
    {"head.hidden", IN_MODEL(head_hidden), EXACT_MATRIX, HEAD, BOTH_FEATURES},
    {"head.output", IN_MODEL(head_output), EXACT_MATRIX, CLASSES, HEAD},
};

/* What the temporal path shares with the spatial one is there once: dp_share_with_temporal(). */
static const part_row block_rows[] = {
    {"spatial.project", IN_BLOCK(spatial.qkv), MATRIX, QKV, WIDTH},
    {"spatial.squeeze_n", IN_BLOCK(spatial.adapter_down_attn), MATRIX, BOTTLENECK + DP_S1, WIDTH},
    {"spatial.leave", IN_BLOCK(spatial.attn_out), MATRIX, WIDTH, WIDTH},
    {"spatial.leave_d", IN_BLOCK(spatial.adapter_up_attn), MATRIX, WIDTH, BOTTLENECK + DP_S1},
    {"spatial.squeeze_m", IN_BLOCK(spatial.adapter_down_mlp), MATRIX, BOTTLENECK + DP_S2, WIDTH},
    {"spatial.widen", IN_BLOCK(spatial.fc1), MATRIX, MLP, WIDTH},
    {"spatial.narrow", IN_BLOCK(spatial.fc2), MATRIX, WIDTH, MLP},
    {"spatial.narrow_d", IN_BLOCK(spatial.adapter_up_mlp), MATRIX, WIDTH, BOTTLENECK + DP_S2},
    {"temporal.enter", IN_BLOCK(temporal.adapter_down_qkv), MATRIX, BOTTLENECK + DP_T0, WIDTH},
    {"temporal.through", IN_BLOCK(temporal.composed_qkv), MATRIX, QKV, BOTTLENECK + DP_T0},
    {"temporal.squeeze_a", IN_BLOCK(temporal.composed_down_attn), MATRIX, BOTTLENECK + DP_T1,
     WIDTH},
    {"temporal.leave_d", IN_BLOCK(temporal.adapter_up_attn), MATRIX, WIDTH, BOTTLENECK + DP_T1},
    {"temporal.squeeze_h", IN_BLOCK(temporal.composed_down_mlp), MATRIX, BOTTLENECK + DP_T2, MLP},
    {"temporal.narrow_d", IN_BLOCK(temporal.adapter_up_mlp), MATRIX, WIDTH, BOTTLENECK + DP_T2},
};

#define MODEL_ROWS (sizeof model_rows / sizeof model_rows[0])
#define BLOCK_ROWS (sizeof block_rows / sizeof block_rows[0])

size_t dp_part_count(const struct dp_model *model) {
    return MODEL_ROWS + model->parameters.blocks * BLOCK_ROWS;
}

dp_part dp_part_at(const struct dp_model *model, size_t index) {
    const dp_parameters *p = &model->parameters;
    bool in_block = index >= MODEL_ROWS;
    size_t in_blocks = in_block ? index - MODEL_ROWS : 0;
    const part_row *row = in_block ? &block_rows[in_blocks % BLOCK_ROWS] : &model_rows[index];
    dp_part part = {.in_block = in_block,
                    .block = in_blocks / BLOCK_ROWS,
                    .offset = row->offset,
                    .rows = size_of(p, row->rows),
                    .columns = size_of(p, row->columns)};
    part.name = in_block ? dp_block_name(part.block, row->name) : dp_name(row->name);
    if (row->kind != TABLE) {
        const dp_gemm *wanted = row->kind == MATRIX ? model->gemm : model->gemm_f32;
        part.gemm = dp_gemm_for_depth(model, wanted, part.columns);
    }
    return part;
}

void dp_share_with_temporal(const dp_parameters *p, dp_block *block) {
    const dp_path_block *spatial = &block->spatial;
    dp_path_block *temporal = &block->temporal;
    temporal->fc1 = spatial->fc1;
    if (p->bottleneck[DP_T0] == 0 || p->serial_skip) {
        temporal->qkv = spatial->qkv;
    }
    if (p->bottleneck[DP_T1] == 0 || p->serial_skip) {
        temporal->attn_out = spatial->attn_out;
    }
    if (p->bottleneck[DP_T2] == 0 || p->serial_skip) {
        temporal->fc2 = spatial->fc2;
    }
}

/* ---- tensors ---- */

static dp_part_tensor make_table(const dp_part *part) {
    if (part->rows == 1) {
        return (dp_part_tensor){part->name, DP_TENSOR_F32, 1, {part->columns}};
    }
    return (dp_part_tensor){part->name, DP_TENSOR_F32, 2, {part->rows, part->columns}};
}

static dp_part_tensor make_vector(const dp_part *part, const char *suffix) {
    size_t length = dp_layout_columns(&part->gemm->layout, part->rows);
    return (dp_part_tensor){dp_with_suffix(part->name, suffix), DP_TENSOR_F32, 1, {length}};
}

static dp_part_tensor make_panels(const dp_part *part) {
    const dp_gemm *gemm = part->gemm;
    dp_part_tensor made = {dp_with_suffix(part->name, ".panels"), DP_TENSOR_F32, 3, {0}};
    if (gemm->layout.precision != DP_PRECISION_F32) {
        made.type = gemm->layout.precision == DP_PRECISION_BF16 ? DP_TENSOR_BF16 : DP_TENSOR_I8;
    }
    made.shape[0] = dp_layout_columns(&gemm->layout, part->rows) / gemm->layout.nr;
    made.shape[1] = dp_layout_depth(&gemm->layout, part->columns);
    made.shape[2] = gemm->layout.nr * gemm->layout.kr;
    return made;
}

size_t dp_part_tensor_count(const dp_part *part) {
    if (part->rows == 0 || part->columns == 0) {
        return 0;
    }
    if (part->gemm == NULL) {
        return 1;
    }
    return part->gemm->layout.precision == DP_PRECISION_INT8 ? 3 : 2; /* with scales, without */
}

dp_part_tensor dp_part_tensor_at(const dp_part *part, size_t index) {
    if (part->gemm == NULL) {
        return make_table(part);
    }
    return index == 0 ? make_panels(part) : make_vector(part, index == 1 ? ".bias" : ".scale");
}
