/*
 * Everything that a compiled file holds, in one list that writing and reading both walk, so that
 * they cannot disagree: which matrix or table of a model, its name and its sizes.
 */
#ifndef DP_PARTS_H
#define DP_PARTS_H

#include "gemm/gemm.h"
#include "model/model.h"

typedef struct dp_tensor_name {
    char text[72];
} dp_tensor_name;

/* A dp_linear, or a table that a `const float *` points at, somewhere in a model. */
typedef struct dp_part {
    dp_tensor_name name;
    bool in_block; /* in model->block[block], else in the model itself */
    size_t block;
    size_t offset;
    const dp_gemm *gemm;  /* of the matrix; NULL: it is a table of f32 */
    size_t rows, columns; /* [outputs][inputs]; one of them 0: this model has no such part */
} dp_part;

/* One of the tensors that a part is in the file: panels, bias and, of bytes, scale, or the table.
 */
typedef struct dp_part_tensor {
    dp_tensor_name name;
    dp_tensor_type type;
    size_t dims;
    uint64_t shape[3];
} dp_part_tensor;

#define DP_PART_TENSORS 3

/* By the parameters and products of a model. */
size_t dp_part_count(const struct dp_model *model);
dp_part dp_part_at(const struct dp_model *model, size_t index);

/* Up to DP_PART_TENSORS; 0: this model has no such part. */
size_t dp_part_tensor_count(const dp_part *part);
dp_part_tensor dp_part_tensor_at(const dp_part *part, size_t index);

/* Gives the temporal path of a fused block the frozen matrices of the spatial one that it
 * multiplies with, too: all of them, but for those that an adapter stands in series with and does
 * not keep the input of (its composed matrix is in their place). A compiled file has them once,
 * with the spatial path; reading and fusing call this when that path is there. */
void dp_share_with_temporal(const dp_parameters *p, dp_block *block);

#endif /* DP_PARTS_H */
