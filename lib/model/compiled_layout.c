/*
 * The list of everything in a compiled file: names, members of the model, and sizes.
 */
#include "model/compiled_layout.h"
#include "model/choose.h"

#include <stddef.h>

/* Sizes of entries. Those of bottlenecks follow each other as their sites do. */
typedef enum size_name {
    ONE,
    ONE_OF_PRE_NORM, /* 1 or 0 */
    WIDTH,
    QKV,
    MLP,
    PATCH,
    TOKENS,
    FRAMESET_TOKENS,
    FEATURE_OF_PROJECTION, /* or 0 */
    BOTH_FEATURES,
    HEAD,
    CLASSES,
    BOTTLENECK
} size_name;

static size_t size_of(const dpi_parameters *p, size_name name) {
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

/* A matrix is multiplied in the model's precision, or, of the head, in f32. */
typedef enum entry_kind { TABLE, MATRIX, F32_MATRIX } entry_kind;

typedef struct entry_row {
    const char *name;
    size_t offset;
    entry_kind kind;
    unsigned rows, columns; /* size_name */
} entry_row;

#define IN_MODEL(member) offsetof(struct dp_model, member)

static const entry_row model_entries[] = {
    {"patch", IN_MODEL(patch), MATRIX, WIDTH, PATCH},
    {"position_table.spatial", IN_MODEL(position_spatial), TABLE, TOKENS, WIDTH},
    {"position_table.temporal", IN_MODEL(position_temporal), TABLE, FRAMESET_TOKENS, WIDTH},
    {"pre_norm.weight", IN_MODEL(pre_norm.weight), TABLE, ONE_OF_PRE_NORM, WIDTH},
    {"pre_norm.bias", IN_MODEL(pre_norm.bias), TABLE, ONE_OF_PRE_NORM, WIDTH},
    {"post_norm.weight", IN_MODEL(post_norm.weight), TABLE, ONE, WIDTH},
    {"post_norm.bias", IN_MODEL(post_norm.bias), TABLE, ONE, WIDTH},
    {"projection", IN_MODEL(projection), F32_MATRIX, FEATURE_OF_PROJECTION, WIDTH},
    {"head.hidden", IN_MODEL(head_hidden), F32_MATRIX, HEAD, BOTH_FEATURES},
    {"head.output", IN_MODEL(head_output), F32_MATRIX, CLASSES, HEAD},
};

/* The name of a matrix in a block is that of its member: "spatial.qkv". */
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member cannot have any. */
#define IN_BLOCK(path, member) #path "." #member, offsetof(dpi_block, path.member), MATRIX

/* Matrices that both paths share are listed once, in the spatial path: dpi_share_with_temporal().
 */
static const entry_row block_entries[] = {
    {IN_BLOCK(spatial, qkv), QKV, WIDTH},
    {IN_BLOCK(spatial, adapter_down_attn), BOTTLENECK + DPI_S1, WIDTH},
    {IN_BLOCK(spatial, attn_out), WIDTH, WIDTH},
    {IN_BLOCK(spatial, adapter_up_attn), WIDTH, BOTTLENECK + DPI_S1},
    {IN_BLOCK(spatial, adapter_down_mlp), BOTTLENECK + DPI_S2, WIDTH},
    {IN_BLOCK(spatial, fc1), MLP, WIDTH},
    {IN_BLOCK(spatial, fc2), WIDTH, MLP},
    {IN_BLOCK(spatial, adapter_up_mlp), WIDTH, BOTTLENECK + DPI_S2},
    {IN_BLOCK(temporal, adapter_down_qkv), BOTTLENECK + DPI_T0, WIDTH},
    {IN_BLOCK(temporal, composed_qkv), QKV, BOTTLENECK + DPI_T0},
    {IN_BLOCK(temporal, composed_down_attn), BOTTLENECK + DPI_T1, WIDTH},
    {IN_BLOCK(temporal, adapter_up_attn), WIDTH, BOTTLENECK + DPI_T1},
    {IN_BLOCK(temporal, composed_down_mlp), BOTTLENECK + DPI_T2, MLP},
    {IN_BLOCK(temporal, adapter_up_mlp), WIDTH, BOTTLENECK + DPI_T2},
};

#define MODEL_ENTRIES (sizeof model_entries / sizeof model_entries[0])
#define BLOCK_ENTRIES (sizeof block_entries / sizeof block_entries[0])

size_t dpi_compiled_entry_count(const struct dp_model *model) {
    return MODEL_ENTRIES + model->parameters.blocks * BLOCK_ENTRIES;
}

dpi_compiled_entry dpi_compiled_entry_at(const struct dp_model *model, size_t index) {
    const dpi_parameters *p = &model->parameters;
    bool in_block = index >= MODEL_ENTRIES;
    size_t rest = in_block ? index - MODEL_ENTRIES : 0;
    const entry_row *row = in_block ? &block_entries[rest % BLOCK_ENTRIES] : &model_entries[index];
    dpi_compiled_entry entry = {.in_block = in_block,
                                .block = rest / BLOCK_ENTRIES,
                                .offset = row->offset,
                                .rows = size_of(p, row->rows),
                                .columns = size_of(p, row->columns)};
    entry.name = in_block ? dpi_block_name(entry.block, row->name) : dpi_name(row->name);
    if (row->kind != TABLE) {
        const dpi_gemm *wanted = row->kind == MATRIX ? model->gemm : model->gemm_f32;
        entry.gemm = dpi_gemm_for_depth(model, wanted, entry.columns);
    }
    return entry;
}

void dpi_share_with_temporal(const dpi_parameters *p, dpi_block *block) {
    const dpi_path_block *spatial = &block->spatial;
    dpi_path_block *temporal = &block->temporal;
    temporal->fc1 = spatial->fc1;
    if (p->bottleneck[DPI_T0] == 0 || p->serial_skip) {
        temporal->qkv = spatial->qkv;
    }
    if (p->bottleneck[DPI_T1] == 0 || p->serial_skip) {
        temporal->attn_out = spatial->attn_out;
    }
    if (p->bottleneck[DPI_T2] == 0 || p->serial_skip) {
        temporal->fc2 = spatial->fc2;
    }
}

/* ---- tensors ---- */

static dpi_compiled_tensor table_tensor(const dpi_compiled_entry *entry) {
    if (entry->rows == 1) {
        return (dpi_compiled_tensor){entry->name, DPI_TENSOR_F32, 1, {entry->columns}};
    }
    return (dpi_compiled_tensor){entry->name, DPI_TENSOR_F32, 2, {entry->rows, entry->columns}};
}

static dpi_compiled_tensor vector_tensor(const dpi_compiled_entry *entry, const char *suffix) {
    size_t length = dpi_layout_columns(&entry->gemm->layout, entry->rows);
    return (dpi_compiled_tensor){dpi_with_suffix(entry->name, suffix), DPI_TENSOR_F32, 1, {length}};
}

static dpi_compiled_tensor panel_tensor(const dpi_compiled_entry *entry) {
    const dpi_gemm *gemm = entry->gemm;
    dpi_compiled_tensor made = {dpi_with_suffix(entry->name, ".panels"), DPI_TENSOR_F32, 3, {0}};
    if (gemm->layout.precision != DP_PRECISION_F32) {
        made.type = gemm->layout.precision == DP_PRECISION_BF16 ? DPI_TENSOR_BF16 : DPI_TENSOR_I8;
    }
    made.shape[0] = dpi_layout_columns(&gemm->layout, entry->rows) / gemm->layout.nr;
    made.shape[1] = dpi_layout_depth(&gemm->layout, entry->columns);
    made.shape[2] = gemm->layout.nr * gemm->layout.kr;
    return made;
}

size_t dpi_compiled_tensor_count(const dpi_compiled_entry *entry) {
    if (entry->rows == 0 || entry->columns == 0) {
        return 0;
    }
    if (entry->gemm == NULL) {
        return 1;
    }
    return entry->gemm->layout.precision == DP_PRECISION_INT8 ? 3 : 2; /* with scales, without */
}

dpi_compiled_tensor dpi_compiled_tensor_at(const dpi_compiled_entry *entry, size_t index) {
    if (entry->gemm == NULL) {
        return table_tensor(entry);
    }
    return index == DPI_COMPILED_PANELS
               ? panel_tensor(entry)
               : vector_tensor(entry, index == DPI_COMPILED_BIAS ? ".bias" : ".scale");
}
