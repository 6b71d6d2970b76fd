/*
 * The weights of a compiled file are used where they lie: each tensor is checked against the list
 * of what such a file has, and the model points at it.
 */
#include "model/builder.h"
#include "model/compiled_layout.h"

#include <string.h>

static bool same_shape(const dpi_tensor *tensor, const dpi_compiled_tensor *expected) {
    bool same = tensor->dims == expected->dims;
    for (size_t i = 0; same && i < expected->dims; i++) {
        same = tensor->shape[i] == expected->shape[i];
    }
    return same;
}

static dp_status check_tensor(const dpi_builder *builder, const dpi_tensor *tensor,
                              const dpi_compiled_tensor *expected) {
    const char *name = expected->name.text;
    if (tensor->type != expected->type) {
        return dpi_fail(builder->message, DP_ERR_FORMAT, "%s: the type is %s, expected %s", name,
                        dpi_tensor_type_name(tensor->type), dpi_tensor_type_name(expected->type));
    }
    if (!same_shape(tensor, expected)) {
        return dpi_fail(builder->message, DP_ERR_FORMAT, "%s: the shape is %s, expected %s", name,
                        dpi_show_shape(tensor->shape, tensor->dims).text,
                        dpi_show_shape(expected->shape, expected->dims).text);
    }
    size_t at = (size_t)(tensor->data - builder->gguf->bytes);
    if (at % DPI_ALIGNMENT != 0) {
        return dpi_fail(builder->message, DP_ERR_FORMAT,
                        "%s: it begins at byte %zu of the file, which is not a multiple of %d",
                        name, at, DPI_ALIGNMENT);
    }
    return DP_OK;
}

/* The numbers of a tensor; NULL with the builder failed. */
static const void *find_values(dpi_builder *builder, const dpi_compiled_tensor *expected) {
    const dpi_tensor *tensor = dpi_find_tensor(builder, expected->name);
    if (tensor != NULL) {
        builder->status = check_tensor(builder, tensor, expected);
    }
    return tensor != NULL && builder->status == DP_OK ? tensor->data : NULL;
}

static void point_at(struct dp_model *model, const dpi_compiled_entry *entry,
                     const void *const values[DPI_COMPILED_TENSORS]) {
    uint8_t *owner = entry->in_block ? (uint8_t *)&model->block[entry->block] : (uint8_t *)model;
    void *member = owner + entry->offset;
    if (entry->gemm == NULL) {
        *(const float **)member = values[0];
    } else {
        *(dpi_linear *)member =
            (dpi_linear){.gemm = entry->gemm,
                         .inputs = entry->columns,
                         .outputs = entry->rows,
                         .depth = dpi_layout_depth(&entry->gemm->layout, entry->columns),
                         .panels = values[DPI_COMPILED_PANELS],
                         .bias = values[DPI_COMPILED_BIAS],
                         .scale = values[DPI_COMPILED_SCALE]};
    }
}

static void read_entry(dpi_builder *builder, const dpi_compiled_entry *entry) {
    const void *values[DPI_COMPILED_TENSORS] = {NULL};
    size_t count = dpi_compiled_tensor_count(entry);
    for (size_t i = 0; i < count; i++) {
        dpi_compiled_tensor expected = dpi_compiled_tensor_at(entry, i);
        values[i] = find_values(builder, &expected);
    }
    if (count > 0 && dpi_building(builder)) {
        point_at(builder->model, entry, values);
    }
}

void dpi_read_compiled(dpi_builder *builder) {
    struct dp_model *model = builder->model;
    size_t blocks = model->parameters.blocks;
    if (dpi_building(builder)) {
        memset(model->block, 0, blocks * sizeof model->block[0]);
    }
    for (size_t i = 0; i < dpi_compiled_entry_count(model) && builder->status == DP_OK; i++) {
        dpi_compiled_entry entry = dpi_compiled_entry_at(model, i);
        read_entry(builder, &entry);
    }
    for (size_t i = 0; i < blocks && dpi_building(builder); i++) {
        dpi_share_frozen(&model->parameters, &model->block[i]);
    }
}
