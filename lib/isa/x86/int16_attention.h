/*
 * Attention in int16 for AVX512-VNNI, as dpi_attention_method. (int16_attention.c)
 */
#ifndef DPI_INT16_ATTENTION_H
#define DPI_INT16_ATTENTION_H

#include "gemm/attention.h"

/* More would have weights of fewer digits than bf16. */
#define DPI_INT16_ATTENTION_TOKENS 1024

size_t dpi_int16_attention_scratch(const dpi_gemm *gemm, size_t tokens, size_t head_size);
void dpi_int16_attention_run(const dpi_kernels *kernels, const dpi_gemm *gemm,
                             const dpi_attention *attention, float *scratch);

#endif /* DPI_INT16_ATTENTION_H */
