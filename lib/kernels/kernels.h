/*
 * The few loops that cost time, behind tables that are chosen once by what the processor and the
 * operating system support: products of matrices in three precisions, and everything else in f32.
 * kernels/generic.c fills all of it in plain C, the definition of right; each instruction set
 * replaces what it does better. Knows nothing of models.
 */
#ifndef DP_KERNELS_H
#define DP_KERNELS_H

#include "dp_config.h"
#include "dualpath.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dp_activation {
    DP_ACTIVATION_NONE = 0,
    DP_ACTIVATION_GELU = 1,       /* x * Phi(x), exact */
    DP_ACTIVATION_QUICK_GELU = 2, /* x * sigmoid(1.702 x) */
    DP_ACTIVATION_RELU = 3
} dp_activation;

#define DP_ACTIVATION_COUNT 4

/* ---- products of matrices ---- */

/*
 * The numbers of a product come in words of 32 bits along the depth, the direction of the sum: one
 * f32, two bf16 or four bytes. All three are laid out alike in units of words:
 *     panel [words][nr]     nr columns of the weights
 *     rows  [rows][words]   what they are multiplied with
 * where depth is padded with zeros to whole steps. Bytes are signed in rows (x = scale * byte) and
 * have an offset of 128 in panels (w = scale * (byte - 128)), which every instruction set can
 * multiply; `sum` takes the offset out again.
 */
typedef struct dp_row_scale {
    float scale;
    int32_t sum; /* 128 times the sum of the row's bytes */
} dp_row_scale;

/* Largest panel that any product uses. */
#define DP_MAX_NR 64

/* One tile of a matrix product: c [rows][columns] = a [rows][words] * panel [words][nr] + bias
 * [nr], plus what c held before where `accumulate`. rows <= mr, columns <= nr, or as many as the
 * product's `panels` have, and bias may be NULL. In all but f32, mr rows of a are read, whatever
 * `rows` is. Each element sums over depth in the same order, whatever the other sizes. */
typedef struct dp_tile {
    size_t rows, columns, words;
    const uint32_t *a;
    size_t a_stride;         /* words */
    const dp_row_scale *row; /* of bytes: [mr] */
    const uint32_t *panel;
    size_t panel_stride;       /* words to the next panel, where there is more than one */
    const float *column_scale; /* of bytes: [nr] */
    const float *bias;
    bool accumulate;
    float *c;
    size_t c_stride;
    uintptr_t
        next;     /* on the way, words * ahead bytes from this address are asked into the cache; */
    size_t ahead; /* they need not exist */
} dp_tile;

/* Sums of bytes are not split along the depth. */
#define DP_WHOLE_DEPTH ((size_t)1 << 24)
/* Deeper sums of bytes might not fit 32 bits. */
#define DP_MAX_BYTE_DEPTH ((size_t)65536)

typedef struct dp_linear dp_linear;
typedef struct dp_operand dp_operand;
typedef struct dp_epilogue dp_epilogue;
typedef struct dp_attention dp_attention;

/* One way to multiply. */
typedef struct dp_product {
    const char *name;
    dp_precision precision;
    uint32_t cpu;  /* DP_CPU_* it needs */
    size_t group;  /* numbers in a word */
    size_t step;   /* words that a depth is padded to a multiple of */
    size_t mr;     /* rows of a tile */
    size_t nr;     /* columns of a panel */
    size_t kc;     /* words of a panel that stay in a near cache; bytes: DP_WHOLE_DEPTH; of tiles */
    size_t piece;  /* rows that are worked on at a time, a multiple of mr */
    size_t panels; /* that a tile takes, one behind the other; 0: one */

    /* Either tiles, for the loops of linear.c and attention.c, */
    void (*tile)(const dp_tile *tile);
    /* or whole products (`out` is f32, or bf16 where the epilogue says so), and where they are of
     * bf16, attention on rows of bf16. */
    void (*apply)(const dp_linear *linear, size_t rows, dp_operand in, void *out, size_t out_stride,
                  dp_epilogue epilogue);
    void (*attend)(const struct dp_product *product, const dp_attention *attention, float *scratch);
    size_t (*attention_scratch)(const struct dp_product *product, size_t tokens, size_t head_size);

    /* Writes n numbers as the words of a row, padded to whole steps. NULL for f32, whose rows are
     * used where they are; `row` is written for bytes only. */
    void (*convert)(const float *x, size_t n, uint32_t *words, dp_row_scale *row);
    /* The same for tiles that read bf16 as f32, or bytes as halves: rounded numbers, two words of a
     * row for each of a panel. NULL where rows are as convert() writes them. */
    void (*spread)(const float *x, size_t n, uint32_t *words, dp_row_scale *row);
    /* Whether the rows of a tile then lie between each other, word by word: spread() writes every
     * mr-th word. Only of bytes. */
    bool interleaved;
    /* Words of memory of a row for each of a panel, if they are more than its own: as many as with
     * the products of another machine, so that sizes that are told here are enough there. */
    size_t room;
    /* As convert(), from bf16; only of products that apply(). */
    void (*convert_bf16)(const uint16_t *x, size_t n, uint32_t *words, dp_row_scale *row);

    /* Multiply-adds in registers only; returns how many. */
    uint64_t (*burn)(uint64_t rounds);
} dp_product;

/* ---- tables ---- */

typedef struct dp_kernels {
    const char *name;
    uint32_t cpu; /* DP_CPU_* it needs */
    dp_product f32;

    /* x = activation(x), n values. */
    void (*activate[DP_ACTIVATION_COUNT])(float *x, size_t n);

    /* out = (x - mean) / sqrt(variance + epsilon), then * weight + bias unless these are NULL. */
    void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon,
                       float *out, size_t n);

    /* x = softmax(scale * x). */
    void (*softmax)(float *x, size_t n, float scale);

    /* row += (right - row) * weight, column by column: the horizontal half of a resize. */
    void (*blend_columns)(float *row, const float *right, const float *weight, size_t n);

    /* out = (a + (b - a) * weight) * scale + offset: the vertical half of a resize. */
    void (*blend_rows)(const float *a, const float *b, float weight, float scale, float offset,
                       float *out, size_t n);
} dp_kernels;

/* DP_CPU_* that processor and operating system support. (cpu.c) */
uint32_t dp_cpu_features(void);

/* AVX-VNNI: with AVX-512, DP_CPU_VNNI says only that there is AVX512-VNNI. (cpu.c) */
bool dp_cpu_has_avx_vnni(void);

/* AVX512-BF16 multiplies at half the speed of f32: without AMX, products that unpack bf16 are
 * better. (cpu.c) */
bool dp_cpu_has_slow_bf16(void);

/* The best table within `cpu_mask`. (dispatch.c) */
const dp_kernels *dp_kernels_choose(uint32_t cpu_mask);

/* The best product of this precision (f32, bf16 or int8) within `cpu_mask`. (dispatch.c) */
const dp_product *dp_product_choose(dp_precision precision, uint32_t cpu_mask);

/* The same among those that read panels of this layout, NULL when there is none. (dispatch.c) */
const dp_product *dp_product_reading(const dp_product *layout, uint32_t cpu_mask);

/* Whether both read the same panels. (dispatch.c) */
bool dp_same_layout(const dp_product *a, const dp_product *b);

/* "f32", "bf16", "int8" */
const char *dp_precision_name(dp_precision precision);

/* ---- targets: how the panels of a family of products are laid out (target.c) ---- */

#define DP_TARGET_COUNT 6 /* DP_TARGET_NATIVE among them */

/* A product that only says how its panels are laid out, and packs them, on any machine: it has no
 * tile. Not for DP_TARGET_NATIVE. */
const dp_product *dp_target_packing(dp_target number, dp_precision precision);

/* The best product within `cpu_mask` that reads the panels of this target; NULL: there is none. */
const dp_product *dp_target_product(dp_target number, dp_precision precision, uint32_t cpu_mask);

/* The target of the family of these products, whose panels both read; DP_TARGET_NATIVE: there is
 * none. */
dp_target dp_target_of(const dp_product *f32, const dp_product *product);

/* What DP_PRECISION_AUTO stands for: bf16 where the processor multiplies it faster than f32, and
 * f32 elsewhere. (dispatch.c) */
dp_precision dp_precision_auto(uint32_t cpu_mask);

/* Tables and products; NULL where the build does not have them. */
const dp_kernels *dp_kernels_generic(void);
const dp_kernels *dp_kernels_avx2(void);
const dp_kernels *dp_kernels_avx512(void);
const dp_kernels *dp_kernels_neon(void);
const dp_product *dp_products_generic(dp_precision precision); /* bf16 and int8 */
const dp_product *dp_products_rows(dp_precision precision);
const dp_product *dp_products_avx2(dp_precision precision);
const dp_product *dp_products_avx_vnni(dp_precision precision);
const dp_product *dp_products_avx512(dp_precision precision);
const dp_product *dp_products_avx512_vnni(dp_precision precision);
const dp_product *dp_products_amx(dp_precision precision);
const dp_product *dp_products_neon(dp_precision precision);
const dp_product *dp_products_neon_dot(dp_precision precision);
const dp_product *dp_products_neon_i8mm(dp_precision precision);
const dp_product *dp_products_neon_bf16(dp_precision precision);

/* ---- matrix products on packed weights (linear.c) ---- */

/* y = W x + bias with W [outputs][inputs] packed into panels [outputs / nr][depth][nr] of words,
 * where depth is that of the whole matrix; views are parts of it. outputs == 0: there is none;
 * where there are outputs, there are inputs. */
struct dp_linear {
    const dp_product *product;
    size_t inputs, outputs;
    size_t depth; /* words */
    const uint32_t *panels;
    const float *bias;  /* [outputs rounded up to nr] or NULL */
    const float *scale; /* of bytes: [outputs rounded up to nr] */
};

/* The view of `count` outputs from `first` on, a multiple of nr. */
dp_linear dp_linear_outputs(const dp_linear *linear, size_t first, size_t count);

/* The view of `count` inputs from `first` on, a multiple of a step: a part of the sum, to which the
 * bias belongs where first is 0. */
dp_linear dp_linear_inputs(const dp_linear *linear, size_t first, size_t count);

/* Rows in the form of a product. */
struct dp_operand {
    uint32_t *words;
    size_t stride;     /* words */
    dp_row_scale *row; /* of bytes */
};

/* Words of a row for each word of a panel. */
size_t dp_row_spread(const dp_product *product);

/* Words of memory that an operand of these sizes needs; 0 for f32. */
size_t dp_operand_size(const dp_product *product, size_t rows, size_t inputs);

/* An operand in memory of dp_operand_size() words, whose rows are still to be written by
 * dp_operand_put(). Not for f32. */
dp_operand dp_operand_in(const dp_product *product, size_t rows, size_t inputs, uint32_t *memory);
void dp_operand_put(const dp_product *product, const dp_operand *operand, size_t row,
                    const float *x, size_t inputs);

/* x [rows][inputs], rows `stride` apart, as an operand: in `memory`, or for f32 x itself. */
dp_operand dp_operand_make(const dp_product *product, const float *x, size_t stride, size_t rows,
                           size_t inputs, uint32_t *memory);

/* What is done to a tile while it is hot. */
struct dp_epilogue {
    bool accumulate;          /* add to what the output held */
    dp_activation activation; /* applied last */
    bool bf16;                /* the output is bf16; only of products that apply() */
};

/* Tiles that so many rows take. */
size_t dp_tiles(const dp_product *product, size_t rows);
/* Words along the depth of so many inputs. */
size_t dp_panel_depth(const dp_product *product, size_t inputs);
/* Columns of the panels: outputs rounded up to whole panels. */
size_t dp_panel_columns(const dp_product *product, size_t outputs);
/* Words of the panels. */
size_t dp_panel_words(const dp_product *product, size_t inputs, size_t outputs);

/* out [rows][linear->outputs] from in [rows][linear->inputs]; out_stride counts numbers. */
void dp_linear_apply(const dp_kernels *kernels, const dp_linear *linear, size_t rows, dp_operand in,
                     void *out, size_t out_stride, dp_epilogue epilogue);

/* ---- packing (pack.c) ---- */

/* Packs w [outputs][inputs] (rows `stride` apart). Bytes get their scale per output in `scale`
 * [outputs]. Columns that pad the last panel become 0. `scratch` has dp_panel_depth() words and is
 * not used for f32. */
void dp_pack_outputs(const dp_product *product, uint32_t *panels, float *scale, const float *w,
                     size_t stride, size_t outputs, size_t inputs, uint32_t *scratch);

/* The same for a matrix that is given as [inputs][outputs], rows `stride` apart. Not for bytes. */
void dp_pack_inputs(const dp_product *product, uint32_t *panels, const float *w, size_t stride,
                    size_t outputs, size_t inputs);

/* ---- attention (attention.c) ---- */

/* One head of one image. q is replaced by the answer, for `queries` rows. All are f32, or bf16 for
 * products that attend(). */
struct dp_attention {
    void *q;
    const void *k, *v;
    size_t stride;  /* of rows of q, k and v */
    size_t queries; /* rows of q that are asked: the first ones */
    size_t tokens;
    size_t head_size;
    float scale; /* of the scores */
};

/* Floats of scratch memory. */
size_t dp_attention_scratch(const dp_product *product, size_t tokens, size_t head_size);
void dp_attention_run(const dp_kernels *kernels, const dp_product *product,
                      const dp_attention *attention, float *scratch);

/* A row stride of at least n floats that keeps rows aligned and out of each other's cache sets. */
size_t dp_row_stride(size_t n);

#endif /* DP_KERNELS_H */
