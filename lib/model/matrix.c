/*
 * Algebra on weights while a model is being built: products, folding a layer norm, composition.
 */
#include "base/size.h"
#include "model/builder.h"

#include <string.h>

/* What as many multiply-adds count for as work. */
#define MACS_FOR_A_NUMBER (DPI_WATCHED_MACS / DPI_WATCHED_NUMBERS)

bool dpi_building(const dpi_builder *builder) {
    return builder->filling && builder->status == DP_OK;
}

void dpi_builder_work(dpi_builder *builder, size_t numbers) {
    builder->worked += numbers;
    if (builder->worked >= DPI_WATCHED_NUMBERS && dpi_building(builder)) {
        builder->worked = 0;
        builder->status = dpi_watch_advance(builder->watch, 0, builder->message);
    }
}

static void fail_to_take(dpi_builder *builder, const char *problem) {
    if (builder->status == DP_OK) {
        builder->status = dpi_fail(builder->message, DP_ERR_MEMORY, "%s", problem);
    }
}

dpi_matrix dpi_matrix_take(dpi_scope *scope, size_t rows, size_t columns) {
    dpi_builder *builder = scope->builder;
    dpi_matrix matrix = {NULL, rows, columns};
    size_t count = 0;
    size_t end = 0;
    if (!dpi_size_mul(rows, columns, &count) || !dpi_size_add(count, 15, &count) ||
        !dpi_size_add(scope->used, count, &end) || end > SIZE_MAX / sizeof(float)) {
        fail_to_take(builder, "a matrix of this model is larger than this machine can address");
        return matrix;
    }
    end = end / 16 * 16;
    if (builder->filling && end > builder->scratch_size) {
        fail_to_take(builder, "filling this model takes more memory than was counted");
        return matrix;
    }
    if (builder->filling) {
        matrix.values = builder->scratch + scope->used;
    }
    scope->used = end;
    builder->scratch_peak = dpi_size_max(builder->scratch_peak, end);
    return matrix;
}

void dpi_matrix_scale(dpi_builder *builder, dpi_matrix matrix, float factor) {
    if (dpi_building(builder) && factor != 1.0f) {
        for (size_t i = 0; i < matrix.rows * matrix.columns; i++) {
            matrix.values[i] *= factor;
        }
    }
}

/* a b with b packed, some rows at a time. Each row is a sum of its own, so the bits are the same.
 */
static void multiply_in_parts(dpi_builder *builder, const dpi_linear *linear, dpi_matrix a,
                              dpi_matrix result) {
    size_t macs_a_row = dpi_size_max(linear->inputs * linear->outputs, 1);
    size_t tile_rows = dpi_size_max(linear->gemm->kernel.mr, 1);
    size_t at_once = dpi_size_round_up(DPI_WATCHED_MACS / macs_a_row + 1, tile_rows);
    for (size_t done = 0; done < a.rows && dpi_building(builder); done += at_once) {
        size_t rows = dpi_size_min(a.rows - done, at_once);
        dpi_gemm_run(builder->model->kernels, linear, rows,
                     dpi_lhs_of_f32(a.values + done * a.columns, a.columns),
                     dpi_rows_f32(result.values + done * result.columns, result.columns),
                     (dpi_epilogue){0});
        dpi_builder_work(builder, rows * macs_a_row / MACS_FOR_A_NUMBER);
    }
}

/* Panels of b, some of them at a time. */
static void pack_transposed(dpi_builder *builder, const dpi_layout *layout, dpi_matrix b,
                            dpi_kgroup *panels) {
    size_t depth = dpi_layout_depth(layout, b.rows);
    for (size_t done = 0; done < b.columns && dpi_building(builder); done += layout->nr) {
        size_t columns = dpi_size_min(b.columns - done, layout->nr);
        dpi_pack_panels_transposed(layout, panels + done * depth, b.values + done, b.columns,
                                   columns, b.rows);
        dpi_builder_work(builder, columns * b.rows);
    }
}

/* Packs `b` only for this. */
static void multiply_into(const dpi_scope *outer, dpi_matrix a, dpi_matrix b, dpi_matrix result) {
    dpi_scope scope = *outer;
    dpi_builder *builder = scope.builder;
    const dpi_gemm *gemm = &builder->gemm_here;
    dpi_matrix panels =
        dpi_matrix_take(&scope, b.rows, dpi_size_round_up(b.columns, DPI_WIDEST_PANEL));
    if (dpi_building(builder)) {
        dpi_kgroup *packed = (dpi_kgroup *)panels.values;
        dpi_linear linear = {.gemm = gemm,
                             .inputs = b.rows,
                             .outputs = b.columns,
                             .depth = b.rows,
                             .panels = packed};
        pack_transposed(builder, &gemm->layout, b, packed);
        multiply_in_parts(builder, &linear, a, result);
    }
}

dpi_matrix dpi_matrix_multiply(dpi_scope *scope, dpi_matrix a, dpi_matrix b) {
    dpi_matrix result = dpi_matrix_take(scope, a.rows, b.columns);
    multiply_into(scope, a, b, result);
    return result;
}

/* out[i] += row i of w times x */
static void add_times_vector(dpi_builder *builder, dpi_matrix w, const float *x, float *out) {
    for (size_t i = 0; i < w.rows && dpi_building(builder); i++) {
        double sum = out[i];
        for (size_t j = 0; j < w.columns; j++) {
            sum += (double)w.values[i * w.columns + j] * (double)x[j];
        }
        out[i] = (float)sum;
        dpi_builder_work(builder, w.columns);
    }
}

dpi_affine dpi_affine_keys_first(dpi_scope *scope, dpi_affine qkv) {
    const dpi_builder *builder = scope->builder;
    size_t width = qkv.w.rows / 3;
    size_t columns = qkv.w.columns;
    dpi_affine kvq;
    kvq.w = dpi_matrix_take(scope, qkv.w.rows, columns);
    kvq.bias = dpi_matrix_take(scope, 1, qkv.w.rows);
    for (size_t i = 0; dpi_building(builder) && i < qkv.w.rows; i++) {
        size_t from = (i + width) % qkv.w.rows;
        /* NOLINTBEGIN(clang-analyzer-core.*): what is built was taken. */
        memcpy(kvq.w.values + i * columns, qkv.w.values + from * columns, columns * sizeof(float));
        kvq.bias.values[i] = qkv.bias.values[from];
        /* NOLINTEND(clang-analyzer-core.*) */
    }
    return kvq;
}

void dpi_affine_fold_norm(dpi_builder *builder, dpi_affine map, dpi_affine norm) {
    if (!dpi_building(builder) || map.w.rows == 0) {
        return;
    }
    add_times_vector(builder, map.w, norm.bias.values, map.bias.values);
    for (size_t i = 0; i < map.w.rows; i++) {
        for (size_t j = 0; j < map.w.columns; j++) {
            map.w.values[i * map.w.columns + j] *= norm.w.values[j];
        }
    }
}

dpi_affine dpi_affine_compose(dpi_scope *scope, dpi_affine second, dpi_affine first) {
    dpi_affine both;
    both.bias = dpi_matrix_take(scope, 1, second.w.rows);
    both.w = dpi_matrix_multiply(scope, second.w, first.w);
    if (dpi_building(scope->builder)) {
        if (second.bias.values != NULL) {
            memcpy(both.bias.values, second.bias.values, second.w.rows * sizeof(float));
        } else {
            memset(both.bias.values, 0, second.w.rows * sizeof(float));
        }
        add_times_vector(scope->builder, second.w, first.bias.values, both.bias.values);
    }
    return both;
}
