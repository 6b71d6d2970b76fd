/*
 * Everything that a compiled file holds, in one list: which matrix or table of a model, its name
 * and its sizes. Writing and reading both walk this list, so they cannot disagree.
 */
#ifndef DPI_COMPILED_LAYOUT_H
#define DPI_COMPILED_LAYOUT_H

#include "model/model.h"
#include "model/names.h"

/* A matrix or a table of a model. */
typedef struct dpi_compiled_entry {
    dpi_tensor_name name;
    bool in_block; /* it is a member of model->block[block], else of the model itself */
    size_t block;
    size_t offset;        /* of the member: a dpi_linear, or of a table a `const float *` */
    const dpi_gemm *gemm; /* of the matrix; NULL: it is a table of f32 */
    size_t rows, columns; /* [outputs][inputs]; one of them 0: this model does not have it */
} dpi_compiled_entry;

/* One of the tensors of an entry: the panels, the bias and, of bytes, the scale of a matrix; or the
 * table. */
typedef struct dpi_compiled_tensor {
    dpi_tensor_name name;
    dpi_tensor_type type;
    size_t dims;
    uint64_t shape[3];
} dpi_compiled_tensor;

/* The tensors of an entry, in order. A matrix has panels, a bias, and in int8 a scale; a table has
 * the first only. */
enum { DPI_COMPILED_PANELS, DPI_COMPILED_BIAS, DPI_COMPILED_SCALE, DPI_COMPILED_TENSORS };

/* The entries of a model with these parameters and GEMMs. */
size_t dpi_compiled_entry_count(const struct dp_model *model);
dpi_compiled_entry dpi_compiled_entry_at(const struct dp_model *model, size_t index);

/* 0: this model does not have the entry. */
size_t dpi_compiled_tensor_count(const dpi_compiled_entry *entry);
dpi_compiled_tensor dpi_compiled_tensor_at(const dpi_compiled_entry *entry, size_t index);

/* Gives the temporal path, or the attention over time, of a fused block those frozen matrices that
 * it has in common with the spatial path: all of them, but for one that an adapter follows in
 * series without a skip (the composed matrix of the two replaces it). A compiled file holds them
 * once, in the first part. Fusing and reading both call this when that part is complete. */
void dpi_share_frozen(const dpi_parameters *p, dpi_block *block);

#endif /* DPI_COMPILED_LAYOUT_H */
