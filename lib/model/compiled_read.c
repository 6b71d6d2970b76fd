/*
 * The weights of a compiled file are used where they lie: each tensor is held against the list of
 * what such a file has, and the model points at it.
 */
#include "model/builder.h"
#include "model/compiled_layout.h"

#include <string.h>

static bool same_shape(const dp_tensor *tensor, const dp_compiled_tensor *expected) {
    bool same = tensor->dims == expected->dims;
    for (size_t i = 0; same && i < expected->dims; i++) {
        same = tensor->shape[i] == expected->shape[i];
    }
    return same;
}

static dp_status check_tensor(const dp_builder *builder, const dp_tensor *tensor,
                              const dp_compiled_tensor *expected) {
    const char *name = expected->name.text;
    if (tensor->type != expected->type) {
        return dp_fail(builder->message, DP_ERR_FORMAT, "%s: the type is %s, expected %s", name,
                       dp_tensor_type_name(tensor->type), dp_tensor_type_name(expected->type));
    }
    if (!same_shape(tensor, expected)) {
        return dp_fail(builder->message, DP_ERR_FORMAT, "%s: the shape is %s, expected %s", name,
                       dp_show_shape(tensor->shape, tensor->dims).text,
                       dp_show_shape(expected->shape, expected->dims).text);
    }
    size_t at = (size_t)(tensor->data - builder->gguf->bytes);
    if (at % DP_ALIGNMENT != 0) {
        return dp_fail(builder->message, DP_ERR_FORMAT,
                       "%s: it begins at byte %zu of the file, which is not a multiple of %d", name,
                       at, DP_ALIGNMENT);
    }
    return DP_OK;
}

/* The numbers of a tensor; NULL with the builder failed. */
static const void *find_values(dp_builder *builder, const dp_compiled_tensor *expected) {
    const dp_tensor *tensor = dp_find_tensor(builder, expected->name);
    if (tensor != NULL) {
        builder->status = check_tensor(builder, tensor, expected);
    }
    return tensor != NULL && builder->status == DP_OK ? tensor->data : NULL;
}

static void point_at(struct dp_model *model, const dp_compiled_entry *entry,
                     const void *const values[DP_COMPILED_TENSORS]) {
    uint8_t *owner = entry->in_block ? (uint8_t *)&model->block[entry->block] : (uint8_t *)model;
    void *member = owner + entry->offset;
    if (entry->gemm == NULL) {
        *(const float **)member = values[0];
    } else {
        *(dp_linear *)member =
            (dp_linear){.gemm = entry->gemm,
                        .inputs = entry->columns,
                        .outputs = entry->rows,
                        .depth = dp_layout_depth(&entry->gemm->layout, entry->columns),
                        .panels = values[0],
                        .bias = values[1],
                        .scale = values[2]};
    }
}

static void read_entry(dp_builder *builder, const dp_compiled_entry *entry) {
    const void *values[DP_COMPILED_TENSORS] = {NULL};
    size_t count = dp_compiled_tensor_count(entry);
    for (size_t i = 0; i < count; i++) {
        dp_compiled_tensor expected = dp_compiled_tensor_at(entry, i);
        values[i] = find_values(builder, &expected);
    }
    if (count > 0 && dp_building(builder)) {
        point_at(builder->model, entry, values);
    }
}

void dp_read_compiled(dp_builder *builder) {
    struct dp_model *model = builder->model;
    size_t blocks = model->parameters.blocks;
    if (dp_building(builder)) {
        memset(model->block, 0, blocks * sizeof model->block[0]);
    }
    for (size_t i = 0; i < dp_compiled_entry_count(model) && builder->status == DP_OK; i++) {
        dp_compiled_entry entry = dp_compiled_entry_at(model, i);
        read_entry(builder, &entry);
    }
    for (size_t i = 0; i < blocks && dp_building(builder); i++) {
        dp_share_with_temporal(&model->parameters, &model->block[i]);
    }
}
