/*
 * How weights get from a file into a model. The same code runs twice: the first walk counts memory
 * and checks that every tensor is there and has its shape, the second one fills.
 */
#ifndef DP_BUILDER_H
#define DP_BUILDER_H

#include "model/compiled_layout.h"
#include "model/model.h"

typedef struct dp_builder {
    struct dp_model *model;
    const dp_gguf *gguf;
    const dp_source *source; /* of the bytes of the file */
    bool kept;               /* tasks on this backbone will read the bytes again */
    dp_message *message;
    dp_status status; /* the first failure; what comes after it does nothing */
    bool filling;     /* the second walk */
    uint8_t *used;    /* [tensor_count]: this tensor has a place in the model */
    float *scratch;   /* what scopes hand out */
    size_t scratch_size;
    size_t scratch_peak; /* the most that was in use */
} dp_builder;

/* Whether matrices have values: on the second walk, while nothing has failed. (matrix.c) */
bool dp_building(const dp_builder *builder);

/* ---- scopes ---- */

/* Where scratch memory is free. Matrices are taken from it while weights are read and multiplied.
 * The type by which a function is handed a scope says what it does with it, and the compiler checks
 * that:
 *   dp_scope *        What the function takes stays taken in the caller's scope. It returns
 * matrices. const dp_scope *  The caller's scope stays as it is. To take anything, the function
 * copies the scope; when it returns, the copy is gone, and what it took is free again. It returns
 * no matrices. No call gives memory back, so none can be forgotten. */
typedef struct dp_scope {
    dp_builder *builder;
    size_t used; /* floats of builder->scratch */
} dp_scope;

/* ---- matrices of f32 in a scope (matrix.c) ---- */

typedef struct dp_matrix {
    float *values; /* NULL unless dp_building() */
    size_t rows, columns;
} dp_matrix;

dp_matrix dp_matrix_take(dp_scope *scope, size_t rows, size_t columns);
void dp_matrix_scale(dp_builder *builder, dp_matrix matrix, float factor);
/* [a.rows][b.columns] = a b */
dp_matrix dp_matrix_multiply(dp_scope *scope, dp_matrix a, dp_matrix b);

/* The affine map y = w x + bias, bias [1][w.rows]. A bias without values is none. */
typedef struct dp_affine {
    dp_matrix w, bias;
} dp_affine;

/* The rows of a map to [q k v] in another order, so that it gives [k v q], as lib/vit has them. */
dp_affine dp_affine_keys_first(dp_scope *scope, dp_affine qkv);
/* Makes a map of x = norm.weight * x' + norm.bias one of x', in place. */
void dp_affine_fold_norm(dp_builder *builder, dp_affine map, dp_affine norm);
/* second(first(x)) */
dp_affine dp_affine_compose(dp_scope *scope, dp_affine second, dp_affine first);

/* ---- tensors (weights.c) ---- */

bool dp_has_tensor(const dp_builder *builder, dp_tensor_name name);

/* The tensor, marked as used; NULL with the builder failed when there is none. */
const dp_tensor *dp_find_tensor(dp_builder *builder, dp_tensor_name name);

/* A tensor that must be there with this shape; a vector is one row. */
dp_matrix dp_read_matrix(dp_scope *scope, dp_tensor_name name, size_t rows, size_t columns);
/* NAME.weight [outputs][inputs] and NAME.bias [outputs]. */
dp_affine dp_read_affine(dp_scope *scope, dp_tensor_name name, size_t outputs, size_t inputs);
/* NAME.weight and NAME.bias [width]. */
dp_affine dp_read_norm(dp_scope *scope, dp_tensor_name name);

/* ---- into the model's arena (weights.c) ---- */

/* Packs a map for the wanted GEMM, or for that of dp_gemm_for_depth(). */
dp_linear dp_pack(const dp_scope *scope, const dp_gemm *wanted, dp_affine map);

/* Reads a layer as dp_read_affine() does, multiplies it by `scale` and packs it. */
dp_linear dp_pack_layer(const dp_scope *scope, const dp_gemm *wanted, dp_tensor_name name,
                        size_t outputs, size_t inputs, float scale);

/* Reads a layer norm and copies it as it is. */
dp_norm dp_keep_norm(const dp_scope *scope, dp_tensor_name name);

/* ---- what a model is built of ---- */

void dp_build_fused_block(const dp_scope *scope, size_t index, dp_block *block);   /* fuse.c */
void dp_build_unfused_block(const dp_scope *scope, size_t index, dp_block *block); /* unfused.c */
void dp_build_positions(const dp_scope *scope);                                    /* positions.c */

/* All weights of a compiled file. (compiled_read.c) */
void dp_read_compiled(dp_builder *builder);

#endif /* DP_BUILDER_H */
