/*
 * Tensors by name and shape, and packing them into the panels that the kernels read.
 */
#include "model/builder.h"

#include <stdio.h>
#include <string.h>

dp_tensor_name dp_name(const char *name) {
    dp_tensor_name made;
    (void)snprintf(made.text, sizeof made.text, "%s", name);
    return made;
}

dp_tensor_name dp_block_name(size_t block, const char *name) {
    dp_tensor_name made;
    (void)snprintf(made.text, sizeof made.text, "block.%zu.%s", block, name);
    return made;
}

dp_tensor_name dp_adapter_name(size_t block, size_t site, const char *half) {
    static const char *const sites[DP_ADAPTER_SITES] = {"s1", "s2", "t0", "t1", "t2"};
    dp_tensor_name made;
    (void)snprintf(made.text, sizeof made.text, "block.%zu.adapter.%s.%s", block, sites[site],
                   half);
    return made;
}

dp_tensor_name dp_with_suffix(dp_tensor_name name, const char *suffix) {
    size_t length = strlen(name.text);
    (void)snprintf(name.text + length, sizeof name.text - length, "%s", suffix);
    return name;
}

bool dp_has_tensor(const dp_builder *builder, dp_tensor_name name) {
    return dp_gguf_tensor(builder->gguf, name.text) != NULL;
}

static bool has_shape(const dp_tensor *tensor, size_t rows, size_t columns) {
    if (tensor->dims == 1) {
        return rows == 1 && tensor->shape[0] == columns;
    }
    return tensor->dims == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns;
}

static dp_status wrong_shape(dp_builder *builder, const char *name, const dp_tensor *tensor,
                             size_t rows, size_t columns) {
    char shape[96] = "";
    size_t length = 0;
    for (size_t i = 0; i < tensor->dims && length < sizeof shape - 24; i++) {
        length += (size_t)snprintf(shape + length, sizeof shape - length, "[%llu]",
                                   (unsigned long long)tensor->shape[i]);
    }
    if (rows == 1) {
        return dp_fail(builder->message, DP_ERR_FORMAT, "%s: the shape is %s, expected [%zu]", name,
                       shape, columns);
    }
    return dp_fail(builder->message, DP_ERR_FORMAT, "%s: the shape is %s, expected [%zu][%zu]",
                   name, shape, rows, columns);
}

/* The tensor if it is there and has this shape, else NULL with the builder failed. */
static const dp_tensor *find(dp_builder *builder, const char *name, size_t rows, size_t columns) {
    const dp_tensor *tensor = dp_gguf_tensor(builder->gguf, name);
    if (builder->status != DP_OK) {
        return NULL;
    }
    if (tensor == NULL) {
        builder->status =
            dp_fail(builder->message, DP_ERR_FORMAT, "%s: this tensor is missing", name);
        return NULL;
    }
    if (!has_shape(tensor, rows, columns)) {
        builder->status = wrong_shape(builder, name, tensor, rows, columns);
        return NULL;
    }
    builder->used[tensor - builder->gguf->tensors] = 1;
    return tensor;
}

dp_matrix dp_read_matrix(dp_builder *builder, dp_tensor_name name, size_t rows, size_t columns) {
    const dp_tensor *tensor = find(builder, name.text, rows, columns);
    dp_matrix matrix = dp_matrix_take(builder, rows, columns);
    if (tensor != NULL && dp_building(builder)) {
        builder->status =
            dp_tensor_read(tensor, 0, rows * columns, matrix.values, builder->message);
    }
    return matrix;
}

dp_affine dp_read_affine(dp_builder *builder, dp_tensor_name name, size_t outputs, size_t inputs) {
    dp_affine map;
    map.w = dp_read_matrix(builder, dp_with_suffix(name, ".weight"), outputs, inputs);
    map.bias = dp_read_matrix(builder, dp_with_suffix(name, ".bias"), 1, outputs);
    return map;
}

dp_affine dp_read_norm(dp_builder *builder, dp_tensor_name name) {
    size_t width = builder->model->parameters.width;
    dp_affine norm;
    norm.w = dp_read_matrix(builder, dp_with_suffix(name, ".weight"), 1, width);
    norm.bias = dp_read_matrix(builder, dp_with_suffix(name, ".bias"), 1, width);
    return norm;
}

dp_draft dp_draft_begin(dp_builder *builder, size_t inputs, size_t outputs) {
    struct dp_model *model = builder->model;
    size_t columns = dp_panel_columns(model->kernels, outputs);
    dp_draft draft = {inputs, outputs, dp_arena_floats(&model->arena, inputs, columns),
                      dp_arena_floats(&model->arena, 1, columns)};
    if (dp_building(builder)) {
        size_t last = columns - model->kernels->nr;
        memset(draft.panels + last * inputs, 0, (columns - last) * inputs * sizeof(float));
        memset(draft.bias, 0, columns * sizeof(float));
    }
    return draft;
}

void dp_draft_put(dp_builder *builder, const dp_draft *draft, size_t first_output,
                  size_t first_input, dp_affine part) {
    if (!dp_building(builder)) {
        return;
    }
    dp_panel_put(builder->model->kernels, draft->panels, draft->inputs, first_output, first_input,
                 part.w.values, part.w.columns, part.w.rows, part.w.columns);
    for (size_t i = 0; part.bias.values != NULL && i < part.w.rows; i++) {
        draft->bias[first_output + i] += part.bias.values[i];
    }
}

void dp_draft_put_keys_first(dp_builder *builder, const dp_draft *draft, size_t first_input,
                             dp_affine qkv) {
    size_t width = qkv.w.rows / 3;
    dp_draft_put(builder, draft, 0, first_input, dp_affine_rows(qkv, width, 2 * width));
    dp_draft_put(builder, draft, 2 * width, first_input, dp_affine_rows(qkv, 0, width));
}

dp_linear dp_draft_end(const dp_draft *draft) {
    return (dp_linear){draft->inputs, draft->outputs, draft->inputs, draft->panels, draft->bias};
}

dp_linear dp_pack(dp_builder *builder, dp_affine map) {
    dp_draft draft = dp_draft_begin(builder, map.w.columns, map.w.rows);
    dp_draft_put(builder, &draft, 0, 0, map);
    return dp_draft_end(&draft);
}

dp_norm dp_keep_norm(dp_builder *builder, dp_affine norm) {
    size_t width = norm.w.columns;
    float *weight = dp_arena_floats(&builder->model->arena, 1, width);
    float *bias = dp_arena_floats(&builder->model->arena, 1, width);
    if (dp_building(builder)) {
        memcpy(weight, norm.w.values, width * sizeof(float));
        memcpy(bias, norm.bias.values, width * sizeof(float));
    }
    return (dp_norm){weight, bias};
}
