/*
 * Rows of activations become the left-hand side of a GEMM.
 */
#include "gemm/lhs.h"

#include "base/size.h"
#include "gemm/gemm.h"

#define CACHE_SETS 64
#define LINE_FLOATS 16
#define LINE_BYTES (LINE_FLOATS * sizeof(float))
#define SETS_APART 5

/* A first-level cache has 64 sets of lines. The long rows of a tile are read side by side, so they
 * should begin in sets that are some apart. */
size_t dpi_row_stride(size_t n) {
    size_t lines = dpi_size_div_up(n, LINE_FLOATS);
    size_t set = lines % CACHE_SETS;
    if (lines >= CACHE_SETS && set < SETS_APART) {
        lines += SETS_APART - set;
    } else if (set > CACHE_SETS - SETS_APART) {
        lines += CACHE_SETS + SETS_APART - set;
    }
    return lines * LINE_FLOATS;
}

void dpi_rows_prefetch(dpi_rows rows, size_t count, size_t columns) {
#if defined(__GNUC__)
    for (size_t i = 0; i < count; i++) {
        const uint8_t *row = dpi_rows_from(rows, i, 0).numbers;
        for (size_t byte = 0; byte < columns * dpi_number_size(rows.type); byte += LINE_BYTES) {
            __builtin_prefetch(row + byte);
        }
    }
#else
    (void)rows;
    (void)count;
    (void)columns;
#endif
}

dpi_lhs dpi_lhs_of_f32(const float *x, size_t stride) {
    return (dpi_lhs){(dpi_kgroup *)x, stride, NULL}; /* which nobody writes */
}

dpi_rows dpi_lhs_sums(const dpi_lhs_buffer *buffer) {
    return (dpi_rows){buffer->rows.numbers, dpi_row_stride(buffer->columns), DPI_NUMBER_F32};
}

/* ---- where k-groups lie: the scales of all rows, then the rows ---- */

/* Rows that a micro-kernel may read: whole tiles. */
static size_t whole_tile_rows(const dpi_gemm *gemm, size_t rows) {
    return dpi_size_round_up(rows, gemm->kernel.mr);
}

/* k-groups that the scales take. */
static size_t scales_size(const dpi_gemm *gemm, size_t rows) {
    size_t size = whole_tile_rows(gemm, rows) * sizeof(dpi_row_scale) / sizeof(dpi_kgroup);
    return dpi_size_round_up(size, LINE_FLOATS);
}

/* An odd number of lines spreads the rows of a tile over all sets of a cache. */
static size_t groups_stride(const dpi_gemm *gemm, size_t columns) {
    size_t groups = dpi_layout_depth(&gemm->layout, columns) * gemm->lhs.allotted;
    return (dpi_size_div_up(groups, LINE_FLOATS) | 1) * LINE_FLOATS;
}

static size_t groups_size(const dpi_gemm *gemm, size_t rows, size_t columns) {
    return scales_size(gemm, rows) + whole_tile_rows(gemm, rows) * groups_stride(gemm, columns);
}

dpi_lhs dpi_lhs_reserve(const dpi_gemm *gemm, size_t rows, size_t columns,
                        const dpi_lhs_buffer *buffer) {
    return (dpi_lhs){.groups = buffer->groups + scales_size(gemm, rows),
                     .stride = groups_stride(gemm, columns),
                     .scale = (dpi_row_scale *)(void *)buffer->groups};
}

/* The first k-group of a row. */
static dpi_kgroup *groups_of_row(const dpi_gemm *gemm, dpi_lhs lhs, size_t row) {
    size_t in_tile = gemm->lhs.interleaved ? row % gemm->kernel.mr : 0;
    return lhs.groups + (row - in_tile) * lhs.stride + in_tile;
}

static void write_f32_row(const dpi_gemm *gemm, dpi_lhs lhs, size_t row, const float *x,
                          size_t columns) {
    gemm->lhs.from_f32(x, columns, groups_of_row(gemm, lhs, row), lhs.scale + row);
}

static void write_bf16_row(const dpi_gemm *gemm, dpi_lhs lhs, size_t row, const uint16_t *x,
                           size_t columns) {
    gemm->lhs.from_bf16(x, columns, groups_of_row(gemm, lhs, row), lhs.scale + row);
}

/* ---- buffers ---- */

/* Whether f32 rows are the lhs as they stand. */
static bool reads_f32(const dpi_gemm *gemm) {
    return gemm->lhs.output_is_lhs && gemm->lhs.output_type == DPI_NUMBER_F32;
}

static bool writes_groups(const dpi_gemm *gemm) {
    return gemm->lhs.output_is_lhs && gemm->lhs.output_type == DPI_NUMBER_BF16;
}

/* Floats that the rows take before they are k-groups. */
static size_t rows_size(const dpi_gemm *gemm, size_t rows, size_t columns, dpi_lhs_origin origin) {
    size_t stride = dpi_row_stride(columns);
    if (origin == DPI_LHS_OF_ROWS) {
        return 0;
    }
    if (reads_f32(gemm) || origin == DPI_LHS_OF_SUMS) {
        return rows * stride;
    }
    if (origin == DPI_LHS_OF_NORM) {
        return stride; /* one row at a time */
    }
    if (writes_groups(gemm)) {
        return 0;
    }
    return rows * stride * dpi_number_size(gemm->lhs.output_type) / sizeof(float);
}

dpi_lhs_buffer dpi_lhs_buffer_take(dpi_arena *arena, const dpi_gemm *gemm, size_t rows,
                                   size_t columns, dpi_lhs_origin origin) {
    dpi_lhs_buffer buffer = {.columns = columns};
    buffer.rows.numbers = dpi_arena_floats(arena, 1, rows_size(gemm, rows, columns, origin));
    buffer.rows.stride = dpi_row_stride(columns);
    buffer.rows.type = gemm->lhs.output_type;
    if (!reads_f32(gemm)) {
        buffer.groups =
            dpi_arena_take(arena, groups_size(gemm, rows, columns), sizeof *buffer.groups);
    }
    return buffer;
}

/* ---- making an lhs ---- */

dpi_lhs dpi_lhs_from_rows(const dpi_gemm *gemm, dpi_rows rows, size_t count, size_t columns,
                          const dpi_lhs_buffer *buffer) {
    if (reads_f32(gemm)) {
        return dpi_lhs_of_f32(rows.numbers, rows.stride);
    }
    dpi_lhs made = dpi_lhs_reserve(gemm, count, columns, buffer);
    for (size_t i = 0; i < count; i++) {
        const void *row = dpi_rows_from(rows, i, 0).numbers;
        if (i + 1 < count) {
            dpi_rows_prefetch(dpi_rows_from(rows, i + 1, 0), 1, columns);
        }
        if (rows.type == DPI_NUMBER_F32) {
            write_f32_row(gemm, made, i, row, columns);
        } else {
            write_bf16_row(gemm, made, i, row, columns);
        }
    }
    return made;
}

/* On the way, while a row is in the cache. */
static dpi_lhs activate_and_write(const dpi_gemm *gemm, const dpi_kernels *kernels, dpi_rows rows,
                                  size_t count, size_t columns, dpi_activation activation,
                                  const dpi_lhs_buffer *buffer) {
    dpi_lhs made = dpi_lhs_reserve(gemm, count, columns, buffer);
    for (size_t i = 0; i < count; i++) {
        float *row = dpi_rows_from(rows, i, 0).numbers;
        if (gemm->lhs.activated_from_f32 != NULL) {
            gemm->lhs.activated_from_f32(row, columns, activation, groups_of_row(gemm, made, i),
                                         made.scale + i);
        } else {
            kernels->activate[activation](row, columns);
            write_f32_row(gemm, made, i, row, columns);
        }
    }
    return made;
}

dpi_lhs dpi_lhs_from_norm(const dpi_gemm *gemm, const dpi_kernels *kernels, const float *x,
                          size_t x_stride, size_t count, size_t columns, float epsilon,
                          const dpi_lhs_buffer *buffer) {
    float *out = buffer->rows.numbers;
    if (reads_f32(gemm)) {
        for (size_t i = 0; i < count; i++) {
            kernels->layer_norm(x + i * x_stride, NULL, NULL, epsilon,
                                out + i * buffer->rows.stride, columns);
        }
        return dpi_lhs_of_f32(out, buffer->rows.stride);
    }
    dpi_lhs made = dpi_lhs_reserve(gemm, count, columns, buffer);
    for (size_t i = 0; i < count; i++) {
        kernels->layer_norm(x + i * x_stride, NULL, NULL, epsilon, out, columns);
        write_f32_row(gemm, made, i, out, columns);
    }
    return made;
}

/* ---- one GEMM for the next ---- */

/* The GEMM writes bf16 k-groups itself, up to the end of its last panel: that is the padding. */
static dpi_lhs run_to_groups(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows,
                             dpi_lhs lhs, dpi_activation activation, const dpi_lhs_buffer *buffer) {
    const dpi_gemm *gemm = linear->gemm;
    dpi_lhs made = dpi_lhs_reserve(gemm, rows, linear->outputs, buffer);
    dpi_rows out = {made.groups, made.stride * gemm->layout.kr, gemm->lhs.output_type};
    dpi_linear padded =
        dpi_linear_outputs(linear, 0, dpi_layout_columns(&gemm->layout, linear->outputs));
    dpi_gemm_run(kernels, &padded, rows, lhs, out, (dpi_epilogue){.activation = activation});
    return made;
}

dpi_lhs dpi_gemm_run_to_lhs(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows,
                            dpi_lhs lhs, dpi_activation activation, const dpi_lhs_buffer *buffer) {
    const dpi_gemm *gemm = linear->gemm;
    if (writes_groups(gemm)) {
        return run_to_groups(kernels, linear, rows, lhs, activation, buffer);
    }
    bool activates_later = gemm->lhs.output_type == DPI_NUMBER_F32 && !gemm->lhs.output_is_lhs &&
                           activation != DPI_ACTIVATION_NONE;
    dpi_epilogue epilogue = {.activation = activates_later ? DPI_ACTIVATION_NONE : activation};
    dpi_gemm_run(kernels, linear, rows, lhs, buffer->rows, epilogue);
    if (activates_later) {
        return activate_and_write(gemm, kernels, buffer->rows, rows, linear->outputs, activation,
                                  buffer);
    }
    return dpi_lhs_from_rows(gemm, buffer->rows, rows, linear->outputs, buffer);
}
