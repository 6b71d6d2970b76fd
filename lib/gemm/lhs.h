/*
 * The left-hand side of a GEMM: rows of activations in the form that its micro-kernel reads. Each
 * GEMM in lib/isa declares the form (dpi_lhs_format); only lhs.c acts on it.
 */
#ifndef DPI_LHS_H
#define DPI_LHS_H

#include "base/arena.h"
#include "gemm/layout.h"
#include "nn/nn.h"

typedef struct dpi_gemm dpi_gemm;

/* ---- rows as they are written ---- */

typedef enum dpi_number_type { DPI_NUMBER_F32, DPI_NUMBER_BF16 } dpi_number_type;

/* Rows of numbers in memory. */
typedef struct dpi_rows {
    void *numbers;
    size_t stride; /* numbers from a row to the next */
    dpi_number_type type;
} dpi_rows;

static inline size_t dpi_number_size(dpi_number_type type) {
    return type == DPI_NUMBER_BF16 ? sizeof(uint16_t) : sizeof(float);
}

static inline dpi_rows dpi_rows_f32(float *numbers, size_t stride) {
    return (dpi_rows){numbers, stride, DPI_NUMBER_F32};
}

/* The rows from (row, column) on. */
static inline dpi_rows dpi_rows_from(dpi_rows rows, size_t row, size_t column) {
    uint8_t *numbers = rows.numbers;
    numbers += (row * rows.stride + column) * dpi_number_size(rows.type);
    return (dpi_rows){numbers, rows.stride, rows.type};
}

/* Asks for the first columns of some rows, which may be far apart and in a far cache. */
void dpi_rows_prefetch(dpi_rows rows, size_t count, size_t columns);

/* A row stride of at least n floats that keeps rows aligned and out of each other's cache sets. */
size_t dpi_row_stride(size_t n);

/* ---- rows as a GEMM reads them ---- */

typedef struct dpi_lhs {
    dpi_kgroup *groups;   /* the first row */
    size_t stride;        /* k-groups from a row to the next */
    dpi_row_scale *scale; /* int8 only: one for each row */
} dpi_lhs;

/* How a GEMM's lhs lies in memory. */
typedef struct dpi_lhs_format {
    /* k-groups of a row for each k-group of a panel: 2 where they are unpacked for the micro-kernel
     * beforehand (bf16 as f32, bytes as 16 bits). */
    size_t expansion;
    /* Memory to reserve, in the same unit. It may exceed `expansion`, so that a session size
     * computed here also suffices on a processor of the same target that unpacks. */
    size_t allotted;
    /* The k-groups of the rows of a tile alternate: k-group k of row r is at k * mr + r. */
    bool interleaved;
    /* What GEMMs of this kind write for the next one: f32 or bf16. */
    dpi_number_type output_type;
    /* A GEMM reads such rows without conversion. from_f32 and from_bf16 convert other rows. */
    bool output_is_lhs;
    dpi_round_row_fn from_f32;
    /* Of act(x), which x becomes; NULL: the activation of the kernels comes before from_f32. */
    void (*activated_from_f32)(float *x, size_t n, dpi_activation activation, dpi_kgroup *groups,
                               dpi_row_scale *scale);
    void (*from_bf16)(const uint16_t *x, size_t n, dpi_kgroup *groups, dpi_row_scale *scale);
} dpi_lhs_format;

/* f32: rows are the lhs as they are. */
#define DPI_LHS_F32 \
    { .expansion = 1, .allotted = 1, .output_type = DPI_NUMBER_F32, .output_is_lhs = true }
/* bf16 and int8: f32 rows are rounded by this function. */
#define DPI_LHS_ROUNDED(round_row) \
    { .expansion = 1, .allotted = 1, .output_type = DPI_NUMBER_F32, .from_f32 = (round_row) }
/* The same, to two k-groups for each of a panel. */
#define DPI_LHS_UNPACKED(round_row) \
    { .expansion = 2, .allotted = 2, .output_type = DPI_NUMBER_F32, .from_f32 = (round_row) }

/* f32 rows as the lhs of an f32 GEMM. */
dpi_lhs dpi_lhs_of_f32(const float *x, size_t stride);

/* ---- memory for an lhs ---- */

/* What an lhs is made from. */
typedef enum dpi_lhs_origin {
    DPI_LHS_OF_ROWS, /* dpi_lhs_from_rows() */
    DPI_LHS_OF_NORM, /* dpi_lhs_from_norm() or dpi_lhs_from_rows() */
    DPI_LHS_OF_GEMM, /* dpi_gemm_run_to_lhs() */
    DPI_LHS_OF_SUMS  /* any of these, and f32 rows that several GEMMs add to: dpi_lhs_sums() */
} dpi_lhs_origin;

typedef struct dpi_lhs_buffer {
    dpi_rows rows;      /* f32 or bf16 before conversion; empty where the GEMM needs none */
    dpi_kgroup *groups; /* after conversion; NULL where the rows are the lhs */
    size_t columns;
} dpi_lhs_buffer;

/* Plans (arena->base == NULL) or takes memory for [rows][columns]. */
dpi_lhs_buffer dpi_lhs_buffer_take(dpi_arena *arena, const dpi_gemm *gemm, size_t rows,
                                   size_t columns, dpi_lhs_origin origin);

/* ---- making an lhs in a buffer ---- */

/* Rows [count][columns]; an f32 GEMM uses them in place, others convert or copy them
 * into the buffer. */
dpi_lhs dpi_lhs_from_rows(const dpi_gemm *gemm, dpi_rows rows, size_t count, size_t columns,
                          const dpi_lhs_buffer *buffer);

/* (x - mean) / sqrt(variance + epsilon) of each row x [count][columns]. */
dpi_lhs dpi_lhs_from_norm(const dpi_gemm *gemm, const dpi_kernels *kernels, const float *x,
                          size_t x_stride, size_t count, size_t columns, float epsilon,
                          const dpi_lhs_buffer *buffer);

/* An lhs [rows][columns] in the buffer, whose k-groups the caller writes. Not for f32. */
dpi_lhs dpi_lhs_reserve(const dpi_gemm *gemm, size_t rows, size_t columns,
                        const dpi_lhs_buffer *buffer);

/* The f32 rows of a buffer DPI_LHS_OF_SUMS. */
dpi_rows dpi_lhs_sums(const dpi_lhs_buffer *buffer);

#endif /* DPI_LHS_H */
