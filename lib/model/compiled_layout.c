/*
 * The list of everything in a compiled file: names, members of the model, and sizes.
 */
#include "model/compiled_layout.h"
#include "base/text.h"
#include "model/choose.h"

#include <stddef.h>

/* Sizes of entries. */
typedef enum size_name {
    NONE,
    ONE,
    ONE_OF_PRE_NORM, /* 1 or 0 */
    WIDTH,
    QKV,
    MLP,
    PATCH,
    IMAGE_TOKENS,
    FRAMESET_TOKENS,
    FRAMES_OF_TIME,        /* or 0 */
    FEATURE_OF_PROJECTION, /* or 0 */
    HEAD_INPUTS,
    HEAD,
    OUTPUT_INPUTS,
    CLASSES,
    PROMPTS,
    TAPS_ATTN,
    TAPS_MLP,
    /* bottlenecks of a part */
    BEFORE_QKV,
    BESIDE_ATTENTION,
    AFTER_ATTENTION,
    AT_ATTENTION, /* either of the two */
    BESIDE_MLP,
    AFTER_MLP,
    AT_MLP
} size_name;

/* The block and the part of an entry. */
typedef struct entry_place {
    size_t block;
    dpi_part part;
} entry_place;

static size_t bottleneck(const dpi_parameters *p, entry_place at, dpi_adapter_place place) {
    return dpi_bottleneck_at(p, at.block, at.part, place);
}

static size_t size_of_bottleneck(const dpi_parameters *p, size_name name, entry_place at) {
    switch (name) {
    case BEFORE_QKV:
        return bottleneck(p, at, DPI_BEFORE_QKV);
    case BESIDE_ATTENTION:
        return bottleneck(p, at, DPI_BESIDE_ATTENTION);
    case AFTER_ATTENTION:
        return bottleneck(p, at, DPI_AFTER_ATTENTION);
    case AT_ATTENTION:
        return bottleneck(p, at, DPI_BESIDE_ATTENTION) + bottleneck(p, at, DPI_AFTER_ATTENTION);
    case BESIDE_MLP:
        return bottleneck(p, at, DPI_BESIDE_MLP);
    case AFTER_MLP:
        return bottleneck(p, at, DPI_AFTER_MLP);
    default: /* AT_MLP */
        return bottleneck(p, at, DPI_BESIDE_MLP) + bottleneck(p, at, DPI_AFTER_MLP);
    }
}

static size_t count_taps(dpi_kernel_size size) {
    return size.time * size.rows * size.columns;
}

static size_t size_of(const dpi_parameters *p, size_name name, entry_place at) {
    switch (name) {
    case NONE:
        return 0;
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
    case IMAGE_TOKENS:
        return p->image_tokens;
    case FRAMESET_TOKENS:
        return p->framesets * p->image_tokens;
    case FRAMES_OF_TIME:
        return dpi_has_time_attention(p) ? p->frames : 0;
    case FEATURE_OF_PROJECTION:
        return p->has_projection ? p->feature_size : 0;
    case HEAD_INPUTS:
        return dpi_head_inputs(p);
    case HEAD:
        return p->head_width;
    case OUTPUT_INPUTS:
        return dpi_has_two_paths(p) ? p->head_width : dpi_head_inputs(p);
    case CLASSES:
        return p->classes;
    case PROMPTS:
        return at.block < p->prompt_blocks ? p->prompts : 0;
    case TAPS_ATTN:
        return count_taps(p->conv[DPI_CONV_ATTN]);
    case TAPS_MLP:
        return count_taps(p->conv[DPI_CONV_MLP]);
    default:
        return size_of_bottleneck(p, name, at);
    }
}

/* A matrix is multiplied in the model's precision, or, of the head, in f32. */
typedef enum entry_kind { TABLE, MATRIX, F32_MATRIX } entry_kind;

typedef struct entry_row {
    const char *name;
    size_t offset;
    entry_kind kind;
    unsigned rows, columns; /* size_name */
    dpi_part part;
} entry_row;

#define IN_MODEL(member) offsetof(struct dp_model, member)

static const entry_row model_entries[] = {
    {"patch", IN_MODEL(patch), MATRIX, WIDTH, PATCH, 0},
    {"position_table.spatial", IN_MODEL(position_spatial), TABLE, IMAGE_TOKENS, WIDTH, 0},
    {"position_table.temporal", IN_MODEL(position_temporal), TABLE, FRAMESET_TOKENS, WIDTH, 0},
    {"position_table.time", IN_MODEL(position_time), TABLE, FRAMES_OF_TIME, WIDTH, 0},
    {"pre_norm.weight", IN_MODEL(pre_norm.weight), TABLE, ONE_OF_PRE_NORM, WIDTH, 0},
    {"pre_norm.bias", IN_MODEL(pre_norm.bias), TABLE, ONE_OF_PRE_NORM, WIDTH, 0},
    {"post_norm.weight", IN_MODEL(post_norm.weight), TABLE, ONE, WIDTH, 0},
    {"post_norm.bias", IN_MODEL(post_norm.bias), TABLE, ONE, WIDTH, 0},
    {"projection", IN_MODEL(projection), F32_MATRIX, FEATURE_OF_PROJECTION, WIDTH, 0},
    {"head.hidden", IN_MODEL(head_hidden), F32_MATRIX, HEAD, HEAD_INPUTS, 0},
    {"head.output", IN_MODEL(head_output), F32_MATRIX, CLASSES, OUTPUT_INPUTS, 0},
};

/* The name of a matrix in a block is that of its member: "spatial.qkv". */
#define IN_PART(index, member)                                         \
#member,                                                           \
        offsetof(dpi_block, part) + (index) * sizeof(dpi_block_part) + \
            offsetof(dpi_block_part, member),                          \
        MATRIX
/* The matrices of a part, with the sizes of those that are frozen. The parts share these; they are
 * listed once, in the first part: dpi_share_frozen(). */
#define ENTRIES_OF_PART(part, qkv_rows, width_rows, mlp_rows)              \
    {IN_PART(part, adapter_down_qkv), BEFORE_QKV, WIDTH, part},            \
        {IN_PART(part, composed_qkv), QKV, BEFORE_QKV, part},              \
        {IN_PART(part, qkv), qkv_rows, WIDTH, part},                       \
        {IN_PART(part, adapter_down_attn), BESIDE_ATTENTION, WIDTH, part}, \
        {IN_PART(part, composed_down_attn), AFTER_ATTENTION, WIDTH, part}, \
        {IN_PART(part, attn_out), width_rows, WIDTH, part},                \
        {IN_PART(part, adapter_up_attn), WIDTH, AT_ATTENTION, part},       \
        {IN_PART(part, adapter_down_mlp), BESIDE_MLP, WIDTH, part},        \
        {IN_PART(part, fc1), mlp_rows, WIDTH, part},                       \
        {IN_PART(part, composed_down_mlp), AFTER_MLP, MLP, part},          \
        {IN_PART(part, fc2), width_rows, MLP, part}, {                     \
        IN_PART(part, adapter_up_mlp), WIDTH, AT_MLP, part                 \
    }
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member cannot have any. */
#define IN_BLOCK(member) offsetof(dpi_block, member), TABLE

static const entry_row block_entries[] = {
    ENTRIES_OF_PART(DPI_PART_SPATIAL, QKV, WIDTH, MLP),
    ENTRIES_OF_PART(DPI_PART_TEMPORAL, NONE, NONE, NONE),
    DPI_ROWS_OF_METHODS(
        {"conv.kernel_attn", IN_BLOCK(conv[DPI_CONV_ATTN].weight), TAPS_ATTN, BESIDE_ATTENTION,
         DPI_PART_CONV},
        {"conv.bias_attn", IN_BLOCK(conv[DPI_CONV_ATTN].bias), ONE, BESIDE_ATTENTION,
         DPI_PART_CONV},
        {"conv.kernel_mlp", IN_BLOCK(conv[DPI_CONV_MLP].weight), TAPS_MLP, BESIDE_MLP,
         DPI_PART_CONV},
        {"conv.bias_mlp", IN_BLOCK(conv[DPI_CONV_MLP].bias), ONE, BESIDE_MLP, DPI_PART_CONV},
        {"prompt", IN_BLOCK(prompts), PROMPTS, WIDTH, DPI_PART_SPATIAL}, )};

#define MODEL_ENTRIES (sizeof model_entries / sizeof model_entries[0])
#define BLOCK_ENTRIES (sizeof block_entries / sizeof block_entries[0])

size_t dpi_compiled_entry_count(const struct dp_model *model) {
    return MODEL_ENTRIES + model->parameters.blocks * BLOCK_ENTRIES;
}

/* "temporal": the prefix of a matrix in a part. */
static const char *part_name(const dpi_parameters *p, dpi_part part) {
    if (part == DPI_PART_SPATIAL) {
        return "spatial";
    }
    if (dpi_has_two_paths(p)) {
        return "temporal";
    }
    return dpi_has_time_attention(p) ? "time" : "conv";
}

static dpi_tensor_name entry_name(const dpi_parameters *p, const entry_row *row, bool in_block,
                                  size_t block) {
    char name[40];
    if (!in_block) {
        return dpi_name(row->name);
    }
    if (row->kind == TABLE) {
        return dpi_block_name(block, row->name);
    }
    (void)dpi_print(name, sizeof name, "%s.%s", part_name(p, row->part), row->name);
    return dpi_block_name(block, name);
}

dpi_compiled_entry dpi_compiled_entry_at(const struct dp_model *model, size_t index) {
    const dpi_parameters *p = &model->parameters;
    bool in_block = index >= MODEL_ENTRIES;
    size_t rest = in_block ? index - MODEL_ENTRIES : 0;
    const entry_row *row = in_block ? &block_entries[rest % BLOCK_ENTRIES] : &model_entries[index];
    entry_place at = {rest / BLOCK_ENTRIES, row->part};
    dpi_compiled_entry entry = {.name = entry_name(p, row, in_block, at.block),
                                .in_block = in_block,
                                .block = at.block,
                                .offset = row->offset,
                                .rows = size_of(p, (size_name)row->rows, at),
                                .columns = size_of(p, (size_name)row->columns, at)};
    if (row->kind != TABLE) {
        const dpi_gemm *wanted = row->kind == MATRIX ? model->gemm : model->gemm_f32;
        entry.gemm = dpi_gemm_for_depth(model, wanted, entry.columns);
    }
    return entry;
}

void dpi_share_frozen(const dpi_parameters *p, dpi_block *block) {
    const dpi_block_part *spatial = &block->part[DPI_PART_SPATIAL];
    dpi_block_part *other = &block->part[DPI_PART_TEMPORAL];
    if (!dpi_has_two_paths(p) && !dpi_has_time_attention(p)) {
        return;
    }
    if (dpi_keeps_input(p, DPI_PART_TEMPORAL, DPI_BEFORE_QKV)) {
        other->qkv = spatial->qkv;
    }
    if (dpi_keeps_input(p, DPI_PART_TEMPORAL, DPI_AFTER_ATTENTION)) {
        other->attn_out = spatial->attn_out;
    }
    if (!dpi_has_two_paths(p)) {
        return; /* the MLP follows the attention of the first part */
    }
    other->fc1 = spatial->fc1;
    if (dpi_keeps_input(p, DPI_PART_TEMPORAL, DPI_AFTER_MLP)) {
        other->fc2 = spatial->fc2;
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
