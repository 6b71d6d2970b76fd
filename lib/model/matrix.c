/*
 * Algebra on weights while a model is being built: products, folding a layer norm, composition.
 */
#include "model/builder.h"

#include <string.h>

bool dp_building(const dp_builder *builder) {
    return builder->filling && builder->status == DP_OK;
}

static dp_status out_of_sizes(dp_builder *builder) {
    return dp_fail(builder->message, DP_ERR_MEMORY,
                   "a matrix of this model is larger than this machine can address");
}

dp_matrix dp_matrix_take(dp_builder *builder, size_t rows, size_t columns) {
    dp_matrix matrix = {NULL, rows, columns};
    size_t count = 0;
    size_t end = 0;
    if (!dp_size_mul(rows, columns, &count) || !dp_size_add(count, 15, &count) ||
        !dp_size_add(builder->scratch_used, count, &end) || end > SIZE_MAX / sizeof(float)) {
        builder->status = builder->status == DP_OK ? out_of_sizes(builder) : builder->status;
        return matrix;
    }
    if (builder->filling) {
        matrix.values = builder->scratch + builder->scratch_used;
    }
    builder->scratch_used = end / 16 * 16;
    if (builder->scratch_used > builder->scratch_peak) {
        builder->scratch_peak = builder->scratch_used;
    }
    return matrix;
}

dp_matrix dp_matrix_rows(dp_matrix matrix, size_t first, size_t count) {
    dp_matrix rows = {NULL, count, matrix.columns};
    if (matrix.values != NULL) {
        rows.values = matrix.values + first * matrix.columns;
    }
    return rows;
}

void dp_matrix_scale(dp_builder *builder, dp_matrix matrix, float factor) {
    if (dp_building(builder) && factor != 1.0f) {
        for (size_t i = 0; i < matrix.rows * matrix.columns; i++) {
            matrix.values[i] *= factor;
        }
    }
}

dp_matrix dp_matrix_multiply(dp_builder *builder, dp_matrix a, dp_matrix b) {
    const dp_kernels *kernels = builder->model->kernels;
    dp_matrix product = dp_matrix_take(builder, a.rows, b.columns);
    size_t mark = builder->scratch_used;
    dp_matrix panels = dp_matrix_take(builder, b.rows, dp_panel_columns(kernels, b.columns));
    if (dp_building(builder)) {
        dp_linear linear = {
            .inputs = b.rows, .outputs = b.columns, .depth = b.rows, .panels = panels.values};
        dp_panel_put_rows(kernels, panels.values, b.values, b.columns, b.columns, b.rows);
        dp_linear_apply(kernels, &linear, a.rows, a.values, a.columns, product.values,
                        product.columns, (dp_epilogue){0});
    }
    builder->scratch_used = mark;
    return product;
}

/* out[i] += row i of w times x */
static void add_times_vector(dp_matrix w, const float *x, float *out) {
    for (size_t i = 0; i < w.rows; i++) {
        double sum = out[i];
        for (size_t j = 0; j < w.columns; j++) {
            sum += (double)w.values[i * w.columns + j] * (double)x[j];
        }
        out[i] = (float)sum;
    }
}

dp_affine dp_affine_rows(dp_affine map, size_t first, size_t count) {
    dp_affine rows = {dp_matrix_rows(map.w, first, count), {NULL, 1, count}};
    if (map.bias.values != NULL) {
        rows.bias.values = map.bias.values + first;
    }
    return rows;
}

void dp_affine_fold_norm(dp_builder *builder, dp_affine map, dp_affine norm) {
    if (!dp_building(builder) || map.w.rows == 0) {
        return;
    }
    add_times_vector(map.w, norm.bias.values, map.bias.values);
    for (size_t i = 0; i < map.w.rows; i++) {
        for (size_t j = 0; j < map.w.columns; j++) {
            map.w.values[i * map.w.columns + j] *= norm.w.values[j];
        }
    }
}

dp_affine dp_affine_compose(dp_builder *builder, dp_affine second, dp_affine first) {
    dp_affine both;
    both.bias = dp_matrix_take(builder, 1, second.w.rows);
    both.w = dp_matrix_multiply(builder, second.w, first.w);
    if (dp_building(builder) && both.bias.values != NULL) {
        if (second.bias.values != NULL) {
            memcpy(both.bias.values, second.bias.values, second.w.rows * sizeof(float));
        } else {
            memset(both.bias.values, 0, second.w.rows * sizeof(float));
        }
        add_times_vector(second.w, first.bias.values, both.bias.values);
    }
    return both;
}
