/*
 * How weights get from the file into a model. Building walks over the same code twice: first to
 * count memory and to check that every tensor is there and has its shape, then to fill.
 */
#ifndef DP_BUILDER_H
#define DP_BUILDER_H

#include "model/model.h"
#include "model/parts.h"

typedef struct dp_builder {
    struct dp_model *model;
    const dp_gguf *gguf;
    const dp_source *source; /* what the bytes of the file lie in */
    bool kept;               /* they will be read again, by tasks on this backbone */
    dp_message *message;
    dp_status status; /* the first failure; everything after it does nothing */
    bool filling;     /* the second walk */
    uint8_t *used;    /* [tensor_count]: this tensor was asked for */
    float *scratch;   /* what scopes hand out */
    size_t scratch_size;
    size_t scratch_peak; /* the most that was in use */
} dp_builder;

/* Values are there to compute with. */
bool dp_building(const dp_builder *builder);

/* ---- scopes ---- */

/* Where scratch memory is free. Matrices are taken from it while weights are read and multiplied.
 * How a function is handed a scope says what it does with it, and the compiler checks it:
 * - `dp_scope *`: what the function takes stays taken in the caller's scope. It returns matrices.
 * - `const dp_scope *`: the caller's scope stays as it is. To take anything, the function copies
 * the scope; when it returns, the copy is gone, and what it took is free again. It returns no
 *   matrices.
 * Nothing is given back by a call, so nothing can be forgotten. */
typedef struct dp_scope {
    dp_builder *builder;
    size_t used; /* floats of builder->scratch */
} dp_scope;

/* ---- matrices of f32 in a scope (matrix.c); `values` is NULL while counting ---- */

typedef struct dp_matrix {
    float *values;
    size_t rows, columns;
} dp_matrix;

dp_matrix dp_matrix_take(dp_scope *scope, size_t rows, size_t columns);
void dp_matrix_scale(dp_builder *builder, dp_matrix matrix, float factor);
/* [a.rows][b.columns] = a b */
dp_matrix dp_matrix_multiply(dp_scope *scope, dp_matrix a, dp_matrix b);

/* The affine map y = w x + bias, bias [1][w.rows]; without values it has no bias. */
typedef struct dp_affine {
    dp_matrix w, bias;
} dp_affine;

/* A map to [q k v] so that it gives [k v q], the order of the buffers in lib/vit. */
dp_affine dp_affine_keys_first(dp_scope *scope, dp_affine qkv);
/* x was norm.weight * x' + norm.bias: makes it a map of x', in place. */
void dp_affine_fold_norm(dp_builder *builder, dp_affine map, dp_affine norm);
/* second(first(x)) */
dp_affine dp_affine_compose(dp_scope *scope, dp_affine second, dp_affine first);

/* ---- tensors (weights.c) ---- */

dp_tensor_name dp_name(const char *name);
dp_tensor_name dp_block_name(size_t block, const char *name);
/* `half` is "down" or "up". */
dp_tensor_name dp_adapter_name(size_t block, size_t site, const char *half);
/* "s1", ... */
const char *dp_site_name(size_t site);
dp_tensor_name dp_with_suffix(dp_tensor_name name, const char *suffix);
bool dp_has_tensor(const dp_builder *builder, dp_tensor_name name);

/* The tensor, which was asked for now; NULL with the builder failed, when there is none. */
const dp_tensor *dp_find_tensor(dp_builder *builder, dp_tensor_name name);

/* "[2][3]" */
typedef struct dp_shape_text {
    char text[96];
} dp_shape_text;
dp_shape_text dp_show_shape(const uint64_t *shape, size_t dims);

/* A tensor that must be there with this shape; one row stands for a vector. */
dp_matrix dp_read_matrix(dp_scope *scope, dp_tensor_name name, size_t rows, size_t columns);
/* NAME.weight [outputs][inputs] and NAME.bias [outputs]. */
dp_affine dp_read_affine(dp_scope *scope, dp_tensor_name name, size_t outputs, size_t inputs);
/* NAME.weight and NAME.bias [width] */
dp_affine dp_read_norm(dp_scope *scope, dp_tensor_name name);

/* ---- packing into the model's arena (weights.c) ---- */

/* The product of a matrix of so many inputs: the one that is wanted, or an exact one where bytes
 * would be summed too deep. */
const dp_gemm *dp_gemm_for_depth(const struct dp_model *model, const dp_gemm *wanted,
                                 size_t inputs);

/* Packs a map for the wanted product, or that of dp_product_for(). */
dp_linear dp_pack(const dp_scope *scope, const dp_gemm *wanted, dp_affine map);

/* Reads a layer as dp_read_affine() does, multiplies it by `scale` and packs it. */
dp_linear dp_pack_layer(const dp_scope *scope, const dp_gemm *wanted, dp_tensor_name name,
                        size_t outputs, size_t inputs, float scale);
/* Reads a layer norm and keeps it as it is. */
dp_norm dp_pack_norm(const dp_scope *scope, dp_tensor_name name);

/* ---- parts of a model ---- */

/* Precision, target and products of a model. (choose.c) */
dp_status dp_choose_gemms(const dp_gguf *gguf, const dp_opening *opening, struct dp_model *model,
                          dp_message *message);

/* Whether a task has the tensor of this name from its backbone. (backbone.c) */
bool dp_is_frozen(dp_text name);
/* Of the frozen tensors of a file. (backbone.c) */
dp_backbone_hash dp_hash_backbone(const dp_gguf *gguf);
/* That a file is a task of this backbone, or, without one, a model of its own. (backbone.c) */
dp_status dp_check_task(const dp_gguf *gguf, const struct dp_model *backbone, dp_message *message);
/* That a task says of the frozen blocks what their file says. (backbone.c) */
dp_status dp_check_frozen_parameters(const dp_parameters *task, const dp_parameters *backbone,
                                     dp_message *message);

/* What the file says as a whole: its type and numbers of parameters. (describe.c) */
dp_status dp_describe_file(const dp_gguf *gguf, struct dp_model *model, dp_message *message);

void dp_build_fused_block(const dp_scope *scope, size_t index, dp_block *block);   /* fuse.c */
void dp_build_unfused_block(const dp_scope *scope, size_t index, dp_block *block); /* plain.c */
void dp_build_positions(const dp_scope *scope);                                    /* positions.c */
void dp_find_parts(dp_builder *builder);                                           /* compiled.c */

#endif /* DP_BUILDER_H */
