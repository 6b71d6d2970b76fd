/*
 * How weights get from a file into a model. The same code runs twice: the first walk counts memory
 * and checks that every tensor is there and has its shape, the second one fills.
 */
#ifndef DPI_BUILDER_H
#define DPI_BUILDER_H

#include "model/compiled_layout.h"
#include "model/model.h"

typedef struct dpi_builder {
    struct dp_model *model;
    const dpi_gguf *gguf;
    const dpi_source *source; /* of the bytes of the file */
    bool kept;                /* tasks on this backbone will read the bytes again */
    dpi_message *message;
    dpi_watch *watch;
    size_t worked;    /* numbers since it was asked */
    dp_status status; /* the first failure; what comes after it does nothing */
    bool filling;     /* the second walk */
    uint8_t *used;    /* [tensor_count]: this tensor has a place in the model */
    float *scratch;   /* what scopes hand out */
    size_t scratch_size;
    size_t scratch_peak;                    /* the most that was in use */
    dpi_gemm gemm_here;                     /* multiplies weights on this machine, in f32 */
    uint64_t panel_bytes, most_panel_bytes; /* of the panels here, and of the widest in f32 */
} dpi_builder;

/* Whether matrices have values: on the second walk, while nothing has failed. (matrix.c) */
bool dpi_building(const dpi_builder *builder);
/* Says that as many numbers were worked on, and asks now and then whether to go on. (matrix.c) */
void dpi_builder_work(dpi_builder *builder, size_t numbers);

/* Columns of the widest panels there are. What a model takes is judged as if all were as wide, so
 * that no machine refuses what another one opens. */
#define DPI_WIDEST_PANEL 32

/* ---- scopes ---- */

/* Where scratch memory is free. Matrices are taken from it while weights are read and multiplied.
 * The type by which a function is handed a scope says what it does with it, and the compiler checks
 * that:
 *   dpi_scope *        What the function takes stays taken in the caller's scope. It returns
 * matrices. const dpi_scope *  The caller's scope stays as it is. To take anything, the function
 * copies the scope; when it returns, the copy is gone, and what it took is free again. It returns
 * no matrices. No call gives memory back, so none can be forgotten. */
typedef struct dpi_scope {
    dpi_builder *builder;
    size_t used; /* floats of builder->scratch */
} dpi_scope;

/* ---- matrices of f32 in a scope (matrix.c) ---- */

typedef struct dpi_matrix {
    float *values; /* NULL unless dpi_building() */
    size_t rows, columns;
} dpi_matrix;

dpi_matrix dpi_matrix_take(dpi_scope *scope, size_t rows, size_t columns);
void dpi_matrix_scale(dpi_builder *builder, dpi_matrix matrix, float factor);
/* [a.rows][b.columns] = a b */
dpi_matrix dpi_matrix_multiply(dpi_scope *scope, dpi_matrix a, dpi_matrix b);

/* The affine map y = w x + bias, bias [1][w.rows]. A bias without values is none. */
typedef struct dpi_affine {
    dpi_matrix w, bias;
} dpi_affine;

/* The rows of a map to [q k v] in another order, so that it gives [k v q], as lib/vit has them. */
dpi_affine dpi_affine_keys_first(dpi_scope *scope, dpi_affine qkv);
/* Makes a map of x = norm.weight * x' + norm.bias one of x', in place. */
void dpi_affine_fold_norm(dpi_builder *builder, dpi_affine map, dpi_affine norm);
/* second(first(x)) */
dpi_affine dpi_affine_compose(dpi_scope *scope, dpi_affine second, dpi_affine first);

/* ---- tensors (weights.c) ---- */

bool dpi_has_tensor(const dpi_builder *builder, dpi_tensor_name name);

/* The tensor, marked as used; NULL with the builder failed when there is none. */
const dpi_tensor *dpi_find_tensor(dpi_builder *builder, dpi_tensor_name name);

/* A tensor that must be there with this shape; a vector is one row. */
dpi_matrix dpi_read_matrix(dpi_scope *scope, dpi_tensor_name name, size_t rows, size_t columns);
/* NAME.weight [outputs][inputs] and NAME.bias [outputs]. */
dpi_affine dpi_read_affine(dpi_scope *scope, dpi_tensor_name name, size_t outputs, size_t inputs);
/* NAME.weight and NAME.bias [width]. */
dpi_affine dpi_read_norm(dpi_scope *scope, dpi_tensor_name name);

/* ---- into the model's arena (weights.c) ---- */

/* Packs a map for the wanted GEMM, or for that of dpi_gemm_for_depth(). */
dpi_linear dpi_pack(const dpi_scope *outer, const dpi_gemm *wanted, dpi_affine map);

/* Reads a layer as dpi_read_affine() does, multiplies it by `scale` and packs it. */
dpi_linear dpi_pack_layer(const dpi_scope *outer, const dpi_gemm *wanted, dpi_tensor_name name,
                          size_t outputs, size_t inputs, float scale);

/* Reads a layer norm and copies it as it is. */
dpi_norm dpi_keep_norm(const dpi_scope *outer, dpi_tensor_name name);

/* Copies a tensor [rows][columns] as it is. */
const float *dpi_keep_matrix(const dpi_scope *outer, dpi_tensor_name name, size_t rows,
                             size_t columns);
/* NAME.weight [channels][time][rows][columns] and NAME.bias [channels]. */
dpi_convolution dpi_keep_convolution(const dpi_scope *outer, dpi_tensor_name name, size_t channels,
                                     dpi_kernel_size size);

/* ---- what a model is built of ---- */

void dpi_build_fused_block(const dpi_scope *outer, size_t index, dpi_block *block); /* fuse.c */
void dpi_build_unfused_block(const dpi_scope *scope, size_t index,
                             dpi_block *block);   /* unfused.c */
void dpi_build_positions(const dpi_scope *outer); /* positions.c */

/* All weights of a compiled file. (compiled_read.c) */
void dpi_read_compiled(dpi_builder *builder);

#endif /* DPI_BUILDER_H */
