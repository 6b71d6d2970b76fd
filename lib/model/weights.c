/*
 * Weights of a canonical file: tensors by name and shape, and packing them into the panels that the
 * kernels read.
 */
#include "model/backbone.h"
#include "model/builder.h"
#include "model/choose.h"

#include <string.h>

/* ---- finding ---- */

/* A task uses the frozen tensors of its backbone. */
static const dp_gguf *file_of(const dp_builder *builder, dp_tensor_name name) {
    const struct dp_model *backbone = builder->model->backbone;
    bool shared = backbone != NULL && dp_is_frozen(dp_text_of(name.text));
    return shared ? &backbone->gguf : builder->gguf;
}

bool dp_has_tensor(const dp_builder *builder, dp_tensor_name name) {
    return dp_gguf_tensor(file_of(builder, name), name.text) != NULL;
}

const dp_tensor *dp_find_tensor(dp_builder *builder, dp_tensor_name name) {
    const dp_gguf *file = file_of(builder, name);
    const dp_tensor *tensor = dp_gguf_tensor(file, name.text);
    if (builder->status != DP_OK) {
        return NULL;
    }
    if (tensor == NULL) {
        builder->status =
            dp_fail(builder->message, DP_ERR_FORMAT, "%s: this tensor is missing", name.text);
        return NULL;
    }
    if (file == builder->gguf) {
        builder->used[tensor - file->tensors] = 1;
    }
    return tensor;
}

static bool has_matrix_shape(const dp_tensor *tensor, size_t rows, size_t columns) {
    if (tensor->dims == 1) {
        return rows == 1 && tensor->shape[0] == columns;
    }
    return tensor->dims == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns;
}

static dp_status fail_shape(dp_builder *builder, const char *name, const dp_tensor *tensor,
                            size_t rows, size_t columns) {
    uint64_t expected[2] = {rows, columns};
    bool vector = rows == 1;
    return dp_fail(builder->message, DP_ERR_FORMAT, "%s: the shape is %s, expected %s", name,
                   dp_show_shape(tensor->shape, tensor->dims).text,
                   dp_show_shape(vector ? expected + 1 : expected, vector ? 1 : 2).text);
}

/* A tensor of numbers of this shape, else NULL with the builder failed. */
static const dp_tensor *find_matrix(dp_builder *builder, dp_tensor_name name, size_t rows,
                                    size_t columns) {
    const dp_tensor *tensor = dp_find_tensor(builder, name);
    if (tensor == NULL) {
        return NULL;
    }
    if (!has_matrix_shape(tensor, rows, columns)) {
        builder->status = fail_shape(builder, name.text, tensor, rows, columns);
    } else if (tensor->type == DP_TENSOR_I8) {
        builder->status = dp_fail(builder->message, DP_ERR_FORMAT,
                                  "%s: the type is i8, which only compiled files have", name.text);
    }
    return builder->status == DP_OK ? tensor : NULL;
}

/* ---- reading ---- */

/* Lets go of the memory of a tensor that was read: for good, or until a task reads it again. */
static void let_go(const dp_builder *builder, const dp_gguf *file, const dp_tensor *tensor) {
    if (file != builder->gguf) {
        dp_source_unload(&builder->model->backbone->source, tensor->data, tensor->bytes);
    } else if (builder->kept) {
        dp_source_unload(builder->source, tensor->data, tensor->bytes);
    } else {
        dp_source_discard(builder->source, tensor->data, tensor->bytes);
    }
}

dp_matrix dp_read_matrix(dp_scope *scope, dp_tensor_name name, size_t rows, size_t columns) {
    dp_builder *builder = scope->builder;
    const dp_tensor *tensor = find_matrix(builder, name, rows, columns);
    dp_matrix matrix = dp_matrix_take(scope, rows, columns);
    if (tensor != NULL && dp_building(builder)) {
        builder->status =
            dp_tensor_read(tensor, 0, rows * columns, matrix.values, builder->message);
        let_go(builder, file_of(builder, name), tensor);
    }
    return matrix;
}

dp_affine dp_read_affine(dp_scope *scope, dp_tensor_name name, size_t outputs, size_t inputs) {
    dp_affine map;
    map.w = dp_read_matrix(scope, dp_with_suffix(name, ".weight"), outputs, inputs);
    map.bias = dp_read_matrix(scope, dp_with_suffix(name, ".bias"), 1, outputs);
    return map;
}

dp_affine dp_read_norm(dp_scope *scope, dp_tensor_name name) {
    size_t width = scope->builder->model->parameters.width;
    dp_affine norm;
    norm.w = dp_read_matrix(scope, dp_with_suffix(name, ".weight"), 1, width);
    norm.bias = dp_read_matrix(scope, dp_with_suffix(name, ".bias"), 1, width);
    return norm;
}

/* ---- packing ---- */

dp_linear dp_pack(const dp_scope *outer, const dp_gemm *wanted, dp_affine map) {
    dp_scope scope = *outer;
    dp_builder *builder = scope.builder;
    dp_arena *arena = &builder->model->arena;
    size_t outputs = map.w.rows;
    size_t inputs = map.w.columns;
    const dp_gemm *gemm = dp_gemm_for_depth(builder->model, wanted, inputs);
    size_t depth = dp_layout_depth(&gemm->layout, inputs);
    size_t columns = dp_layout_columns(&gemm->layout, outputs);
    bool scaled = gemm->layout.precision == DP_PRECISION_INT8;
    dp_matrix row = dp_matrix_take(&scope, 1, depth);
    float *panels = dp_arena_floats(arena, depth, columns);
    float *bias = dp_arena_floats(arena, 1, columns);
    float *scale = scaled ? dp_arena_floats(arena, 1, columns) : NULL;
    if (dp_building(builder)) {
        memset(bias, 0, columns * sizeof(float));
        if (map.bias.values != NULL) {
            memcpy(bias, map.bias.values, outputs * sizeof(float));
        }
        if (scaled) {
            memset(scale, 0, columns * sizeof(float));
        }
        dp_pack_panels(&gemm->layout, (dp_kgroup *)panels, scale, map.w.values, inputs, outputs,
                       inputs, (dp_kgroup *)row.values);
    }
    return (dp_linear){gemm, inputs, outputs, depth, (dp_kgroup *)panels, bias, scale};
}

dp_linear dp_pack_layer(const dp_scope *outer, const dp_gemm *wanted, dp_tensor_name name,
                        size_t outputs, size_t inputs, float scale) {
    dp_scope scope = *outer;
    dp_affine layer = dp_read_affine(&scope, name, outputs, inputs);
    dp_matrix_scale(scope.builder, layer.w, scale);
    dp_matrix_scale(scope.builder, layer.bias, scale);
    return dp_pack(&scope, wanted, layer);
}

dp_norm dp_keep_norm(const dp_scope *outer, dp_tensor_name name) {
    dp_scope scope = *outer;
    dp_affine norm = dp_read_norm(&scope, name);
    dp_arena *arena = &scope.builder->model->arena;
    size_t width = norm.w.columns;
    float *weight = dp_arena_floats(arena, 1, width);
    float *bias = dp_arena_floats(arena, 1, width);
    if (dp_building(scope.builder)) {
        memcpy(weight, norm.w.values, width * sizeof(float));
        memcpy(bias, norm.bias.values, width * sizeof(float));
    }
    return (dp_norm){weight, bias};
}
