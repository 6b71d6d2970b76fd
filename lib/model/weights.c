/*
 * Weights of a canonical file: tensors by name and shape, and packing them into the panels that the
 * kernels read.
 */
#include "base/size.h"
#include "dp_config.h"
#include "model/backbone.h"
#include "model/builder.h"
#include "model/choose.h"

#include <string.h>

/* ---- finding ---- */

/* A task uses the frozen tensors of its backbone. */
static const dpi_gguf *file_of(const dpi_builder *builder, dpi_tensor_name name) {
    const struct dp_model *backbone = builder->model->backbone;
    bool shared = DPI_HAS_CANONICAL && backbone != NULL && dpi_is_frozen(dpi_text_of(name.text));
    return shared ? &backbone->gguf : builder->gguf;
}

bool dpi_has_tensor(const dpi_builder *builder, dpi_tensor_name name) {
    return dpi_gguf_tensor(file_of(builder, name), name.text) != NULL;
}

const dpi_tensor *dpi_find_tensor(dpi_builder *builder, dpi_tensor_name name) {
    const dpi_gguf *file = file_of(builder, name);
    const dpi_tensor *tensor = dpi_gguf_tensor(file, name.text);
    if (builder->status != DP_OK) {
        return NULL;
    }
    if (tensor == NULL) {
        builder->status =
            dpi_fail(builder->message, DP_ERR_FORMAT, "%s: this tensor is missing", name.text);
        return NULL;
    }
    if (file == builder->gguf) {
        builder->used[tensor - file->tensors] = 1;
    }
    return tensor;
}

static bool has_matrix_shape(const dpi_tensor *tensor, size_t rows, size_t columns) {
    if (tensor->dims == 1) {
        return rows == 1 && tensor->shape[0] == columns;
    }
    return tensor->dims == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns;
}

static dp_status fail_shape(dpi_builder *builder, const char *name, const dpi_tensor *tensor,
                            size_t rows, size_t columns) {
    uint64_t expected[2] = {rows, columns};
    bool vector = rows == 1;
    return dpi_fail(builder->message, DP_ERR_FORMAT, "%s: the shape is %s, expected %s", name,
                    dpi_show_shape(tensor->shape, tensor->dims).text,
                    dpi_show_shape(vector ? expected + 1 : expected, vector ? 1 : 2).text);
}

/* Fails for a tensor whose numbers are not those of weights. */
static const dpi_tensor *check_type(dpi_builder *builder, const dpi_tensor *tensor) {
    if (builder->status == DP_OK && tensor->type == DPI_TENSOR_I8) {
        builder->status =
            dpi_fail(builder->message, DP_ERR_FORMAT,
                     "%s: the type is i8, which only compiled files have", DPI_SHOW(tensor->name));
    }
    return builder->status == DP_OK ? tensor : NULL;
}

/* A tensor of numbers of this shape, else NULL with the builder failed. */
static const dpi_tensor *find_matrix(dpi_builder *builder, dpi_tensor_name name, size_t rows,
                                     size_t columns) {
    const dpi_tensor *tensor = dpi_find_tensor(builder, name);
    if (tensor == NULL) {
        return NULL;
    }
    if (!has_matrix_shape(tensor, rows, columns)) {
        builder->status = fail_shape(builder, name.text, tensor, rows, columns);
    }
    return check_type(builder, tensor);
}

/* The same of a kernel [channels][time][rows][columns]. */
static const dpi_tensor *find_kernel(dpi_builder *builder, dpi_tensor_name name, size_t channels,
                                     dpi_kernel_size size) {
    const dpi_tensor *tensor = dpi_find_tensor(builder, name);
    const uint64_t expected[4] = {channels, size.time, size.rows, size.columns};
    if (tensor == NULL) {
        return NULL;
    }
    if (tensor->dims != 4 || memcmp(tensor->shape, expected, sizeof expected) != 0) {
        builder->status = dpi_fail(
            builder->message, DP_ERR_FORMAT, "%s: the shape is %s, expected %s", name.text,
            dpi_show_shape(tensor->shape, tensor->dims).text, dpi_show_shape(expected, 4).text);
    }
    return check_type(builder, tensor);
}

/* ---- reading ---- */

/* Lets go of the memory of a tensor that was read: for good, or until a task reads it again. */
static void let_go(const dpi_builder *builder, const dpi_gguf *file, const dpi_tensor *tensor) {
    if (file != builder->gguf) {
        dpi_source_unload(&builder->model->backbone->source, tensor->data, tensor->bytes);
    } else if (builder->kept) {
        dpi_source_unload(builder->source, tensor->data, tensor->bytes);
    } else {
        dpi_source_discard(builder->source, tensor->data, tensor->bytes);
    }
}

/* Some numbers at a time, a multiple of the block of any type. */
static void read_values(dpi_builder *builder, const dpi_tensor *tensor, dpi_matrix matrix) {
    size_t count = matrix.rows * matrix.columns;
    for (size_t done = 0; done < count && dpi_building(builder); done += DPI_WATCHED_NUMBERS) {
        size_t part = dpi_size_min(count - done, DPI_WATCHED_NUMBERS);
        builder->status =
            dpi_tensor_read(tensor, done, part, matrix.values + done, builder->message);
        dpi_builder_work(builder, part);
    }
}

/* The numbers of a tensor that has as many; NULL: the builder has failed. */
static dpi_matrix read_tensor(dpi_scope *scope, const dpi_tensor *tensor, dpi_tensor_name name,
                              size_t rows, size_t columns) {
    dpi_builder *builder = scope->builder;
    dpi_matrix matrix = dpi_matrix_take(scope, rows, columns);
    if (tensor != NULL && dpi_building(builder)) {
        read_values(builder, tensor, matrix);
        let_go(builder, file_of(builder, name), tensor);
    }
    return matrix;
}

dpi_matrix dpi_read_matrix(dpi_scope *scope, dpi_tensor_name name, size_t rows, size_t columns) {
    const dpi_tensor *tensor = find_matrix(scope->builder, name, rows, columns);
    return read_tensor(scope, tensor, name, rows, columns);
}

/* [channels][taps] */
static dpi_matrix read_kernel(dpi_scope *scope, dpi_tensor_name name, size_t channels,
                              dpi_kernel_size size) {
    const dpi_tensor *tensor = find_kernel(scope->builder, name, channels, size);
    return read_tensor(scope, tensor, name, channels, size.time * size.rows * size.columns);
}

dpi_affine dpi_read_affine(dpi_scope *scope, dpi_tensor_name name, size_t outputs, size_t inputs) {
    dpi_affine map;
    map.w = dpi_read_matrix(scope, dpi_with_suffix(name, ".weight"), outputs, inputs);
    map.bias = dpi_read_matrix(scope, dpi_with_suffix(name, ".bias"), 1, outputs);
    return map;
}

dpi_affine dpi_read_norm(dpi_scope *scope, dpi_tensor_name name) {
    size_t width = scope->builder->model->parameters.width;
    dpi_affine norm;
    norm.w = dpi_read_matrix(scope, dpi_with_suffix(name, ".weight"), 1, width);
    norm.bias = dpi_read_matrix(scope, dpi_with_suffix(name, ".bias"), 1, width);
    return norm;
}

/* ---- packing ---- */

/* Some panels at a time. */
static void pack_panels(dpi_builder *builder, const dpi_linear *linear, float *panels, float *scale,
                        dpi_matrix w, dpi_kgroup *row) {
    const dpi_layout *layout = &linear->gemm->layout;
    for (size_t done = 0; done < w.rows && dpi_building(builder); done += layout->nr) {
        size_t outputs = dpi_size_min(w.rows - done, layout->nr);
        dpi_pack_panels(layout, (dpi_kgroup *)panels + done * linear->depth,
                        scale != NULL ? scale + done : NULL, w.values + done * w.columns, w.columns,
                        outputs, w.columns, row);
        dpi_builder_work(builder, outputs * w.columns);
    }
}

dpi_linear dpi_pack(const dpi_scope *outer, const dpi_gemm *wanted, dpi_affine map) {
    dpi_scope scope = *outer;
    dpi_builder *builder = scope.builder;
    dpi_arena *arena = &builder->model->arena;
    size_t outputs = map.w.rows;
    size_t inputs = map.w.columns;
    const dpi_gemm *gemm = dpi_gemm_for_depth(builder->model, wanted, inputs);
    size_t depth = dpi_layout_depth(&gemm->layout, inputs);
    size_t columns = dpi_layout_columns(&gemm->layout, outputs);
    bool scaled = gemm->layout.precision == DP_PRECISION_INT8;
    dpi_matrix row = dpi_matrix_take(&scope, 1, dpi_size_max(depth, inputs));
    builder->panel_bytes += (uint64_t)depth * columns * sizeof(float);
    builder->most_panel_bytes +=
        (uint64_t)inputs * dpi_size_round_up(outputs, DPI_WIDEST_PANEL) * sizeof(float);
    float *panels = dpi_arena_floats(arena, depth, columns);
    float *bias = dpi_arena_floats(arena, 1, columns);
    float *scale = scaled ? dpi_arena_floats(arena, 1, columns) : NULL;
    dpi_linear linear = {gemm, inputs, outputs, depth, (dpi_kgroup *)panels, bias, scale};
    if (dpi_building(builder)) {
        memset(bias, 0, columns * sizeof(float));
        if (map.bias.values != NULL) {
            memcpy(bias, map.bias.values, outputs * sizeof(float));
        }
        if (scaled) {
            memset(scale, 0, columns * sizeof(float));
        }
        pack_panels(builder, &linear, panels, scale, map.w, (dpi_kgroup *)row.values);
    }
    return linear;
}

dpi_linear dpi_pack_layer(const dpi_scope *outer, const dpi_gemm *wanted, dpi_tensor_name name,
                          size_t outputs, size_t inputs, float scale) {
    dpi_scope scope = *outer;
    dpi_affine layer = dpi_read_affine(&scope, name, outputs, inputs);
    dpi_matrix_scale(scope.builder, layer.w, scale);
    dpi_matrix_scale(scope.builder, layer.bias, scale);
    return dpi_pack(&scope, wanted, layer);
}

const float *dpi_keep_matrix(const dpi_scope *outer, dpi_tensor_name name, size_t rows,
                             size_t columns) {
    dpi_scope scope = *outer;
    dpi_matrix matrix = dpi_read_matrix(&scope, name, rows, columns);
    float *kept = dpi_arena_floats(&scope.builder->model->arena, rows, columns);
    if (dpi_building(scope.builder)) {
        memcpy(kept, matrix.values, rows * columns * sizeof(float));
    }
    return kept;
}

dpi_norm dpi_keep_norm(const dpi_scope *outer, dpi_tensor_name name) {
    size_t width = outer->builder->model->parameters.width;
    dpi_norm norm;
    norm.weight = dpi_keep_matrix(outer, dpi_with_suffix(name, ".weight"), 1, width);
    norm.bias = dpi_keep_matrix(outer, dpi_with_suffix(name, ".bias"), 1, width);
    return norm;
}

/* [channels][taps] as [taps][channels] */
static const float *keep_transposed(const dpi_scope *scope, dpi_matrix kernel) {
    float *kept = dpi_arena_floats(&scope->builder->model->arena, kernel.columns, kernel.rows);
    for (size_t i = 0; dpi_building(scope->builder) && i < kernel.rows * kernel.columns; i++) {
        size_t channel = i / kernel.columns;
        size_t tap = i % kernel.columns;
        kept[tap * kernel.rows + channel] = kernel.values[i];
    }
    return kept;
}

dpi_convolution dpi_keep_convolution(const dpi_scope *outer, dpi_tensor_name name, size_t channels,
                                     dpi_kernel_size size) {
    dpi_scope scope = *outer;
    dpi_convolution conv;
    dpi_matrix kernel = read_kernel(&scope, dpi_with_suffix(name, ".weight"), channels, size);
    conv.weight = keep_transposed(&scope, kernel);
    conv.bias = dpi_keep_matrix(&scope, dpi_with_suffix(name, ".bias"), 1, channels);
    return conv;
}
