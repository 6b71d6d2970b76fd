/*
 * Weights of a compiled file are used where they stand: each tensor is held against what the list
 * of parts says of it, and pointed at.
 */
#include "model/builder.h"

#include <string.h>

static bool has_shape(const dp_tensor *tensor, const dp_part_tensor *expected) {
    bool same = tensor->dims == expected->dims;
    for (size_t i = 0; same && i < expected->dims; i++) {
        same = tensor->shape[i] == expected->shape[i];
    }
    return same;
}

static dp_status check_tensor(const dp_builder *builder, const dp_tensor *tensor,
                              const dp_part_tensor *expected) {
    const char *name = expected->name.text;
    if (tensor->type != expected->type) {
        return dp_fail(builder->message, DP_ERR_FORMAT, "%s: the type is %s, expected %s", name,
                       dp_tensor_type_name(tensor->type), dp_tensor_type_name(expected->type));
    }
    if (!has_shape(tensor, expected)) {
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
static const void *find_values(dp_builder *builder, const dp_part_tensor *expected) {
    const dp_tensor *tensor = dp_find_tensor(builder, expected->name);
    if (tensor != NULL) {
        builder->status = check_tensor(builder, tensor, expected);
    }
    return tensor != NULL && builder->status == DP_OK ? tensor->data : NULL;
}

static void keep_part(struct dp_model *model, const dp_part *part,
                      const void *const values[DP_PART_TENSORS]) {
    uint8_t *owner = part->in_block ? (uint8_t *)&model->block[part->block] : (uint8_t *)model;
    void *place = owner + part->offset;
    if (part->gemm == NULL) {
        *(const float **)place = values[0];
    } else {
        *(dp_linear *)place =
            (dp_linear){.gemm = part->gemm,
                        .inputs = part->columns,
                        .outputs = part->rows,
                        .depth = dp_layout_depth(&part->gemm->layout, part->columns),
                        .panels = values[0],
                        .bias = values[1],
                        .scale = values[2]};
    }
}

static void find_part(dp_builder *builder, const dp_part *part) {
    const void *values[DP_PART_TENSORS] = {NULL};
    size_t count = dp_part_tensor_count(part);
    for (size_t i = 0; i < count; i++) {
        dp_part_tensor expected = dp_part_tensor_at(part, i);
        values[i] = find_values(builder, &expected);
    }
    if (count > 0 && dp_building(builder)) {
        keep_part(builder->model, part, values);
    }
}

void dp_find_parts(dp_builder *builder) {
    struct dp_model *model = builder->model;
    if (dp_building(builder)) {
        memset(model->block, 0, model->parameters.blocks * sizeof model->block[0]);
    }
    for (size_t i = 0; i < dp_part_count(model) && builder->status == DP_OK; i++) {
        dp_part part = dp_part_at(model, i);
        find_part(builder, &part);
    }
    for (size_t i = 0; i < model->parameters.blocks && dp_building(builder); i++) {
        dp_share_with_temporal(&model->parameters, &model->block[i]);
    }
}
