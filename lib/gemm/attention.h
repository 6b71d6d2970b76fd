/*
 * Attention of one head over the tokens of one image.
 */
#ifndef DP_ATTENTION_H
#define DP_ATTENTION_H

#include "gemm/lhs.h"

/* q becomes softmax(scale * q k^T) v, for its first `queries` rows. q, k and v are columns of the
 * same rows: [tokens][head_size] each. */
typedef struct dp_attention {
    dp_rows q, k, v;
    size_t queries;
    size_t tokens;
    size_t head_size;
    float scale;
} dp_attention;

/* How a GEMM computes it. */
typedef struct dp_attention_method {
    dp_number_type type; /* of q, k and v */
    /* Floats of scratch memory. */
    size_t (*scratch)(const dp_gemm *gemm, size_t tokens, size_t head_size);
    void (*run)(const dp_kernels *kernels, const dp_gemm *gemm, const dp_attention *attention,
                float *scratch);
} dp_attention_method;

/* By the method of a GEMM. (gemm.c) */
size_t dp_attention_scratch(const dp_gemm *gemm, size_t tokens, size_t head_size);
void dp_attention_run(const dp_kernels *kernels, const dp_gemm *gemm, const dp_attention *attention,
                      float *scratch);

/* The method of attention.c, with the loops and the micro-kernel of the GEMM, on f32 rows. */
size_t dp_attention_scratch_tiles(const dp_gemm *gemm, size_t tokens, size_t head_size);
void dp_attention_run_tiles(const dp_kernels *kernels, const dp_gemm *gemm,
                            const dp_attention *attention, float *scratch);

#define DP_ATTENTION_TILES \
    { DP_NUMBER_F32, dp_attention_scratch_tiles, dp_attention_run_tiles }

#endif /* DP_ATTENTION_H */
