/*
 * Attention of one head over the tokens of one image.
 */
#ifndef DPI_ATTENTION_H
#define DPI_ATTENTION_H

#include "gemm/lhs.h"

/* q becomes softmax(scale * q k^T) v, for its first `queries` rows. q, k and v are columns of the
 * same rows: [tokens][head_size] each. */
typedef struct dpi_attention {
    dpi_rows q, k, v;
    size_t queries;
    size_t tokens;
    size_t head_size;
    float scale;
    float *
        weight_sums; /* [queries][tokens]: the weights of each query are added; NULL: nobody asks */
} dpi_attention;

/* How a GEMM computes it. */
typedef struct dpi_attention_method {
    dpi_number_type type; /* of q, k and v */
    /* Models of bytes with so many tokens at most have it with their own GEMM; others, and all
     * where it is 0, with a GEMM of floats. */
    size_t tokens_of_bytes;
    /* Floats of scratch memory. */
    size_t (*scratch)(const dpi_gemm *gemm, size_t tokens, size_t head_size);
    void (*run)(const dpi_kernels *kernels, const dpi_gemm *gemm, const dpi_attention *attention,
                float *scratch);
} dpi_attention_method;

/* By the method of a GEMM. (gemm.c) */
size_t dpi_attention_scratch(const dpi_gemm *gemm, size_t tokens, size_t head_size);
void dpi_attention_run(const dpi_kernels *kernels, const dpi_gemm *gemm,
                       const dpi_attention *attention, float *scratch);

/* softmax(scale * q k^T) of the first query, [tokens], in f32. (attention_weights.c) */
void dpi_attention_weights(const dpi_kernels *kernels, const dpi_attention *attention, float *out);
/* sums += x, n values. */
void dpi_attention_add_weights(float *sums, const float *x, size_t n);

/* The method of attention.c, with the loops and the micro-kernel of the GEMM, on f32 rows. */
size_t dpi_attention_scratch_tiles(const dpi_gemm *gemm, size_t tokens, size_t head_size);
void dpi_attention_run_tiles(const dpi_kernels *kernels, const dpi_gemm *gemm,
                             const dpi_attention *attention, float *scratch);

#define DPI_ATTENTION_TILES                                             \
    {                                                                   \
        .type = DPI_NUMBER_F32, .scratch = dpi_attention_scratch_tiles, \
        .run = dpi_attention_run_tiles                                  \
    }

#endif /* DPI_ATTENTION_H */
