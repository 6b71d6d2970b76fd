/*
 * Which GEMMs a model multiplies with.
 */
#ifndef DPI_CHOOSE_H
#define DPI_CHOOSE_H

#include "model/model.h"

/* Chooses precision, target, kernels and GEMMs of a model: by its file, by the options, and by what
 * the processor offers. */
dp_status dpi_choose_gemms(const dpi_gguf *gguf, const dpi_opening *opening, struct dp_model *model,
                           dpi_message *message);

/* Once the parameters are read: attention of bytes is for few tokens. */
void dpi_choose_attention(struct dp_model *model);

/* The GEMM for a matrix of `inputs` inputs: the one that is wanted, or the model's f32 one where
 * sums of bytes would be too deep. */
const dpi_gemm *dpi_gemm_for_depth(const struct dp_model *model, const dpi_gemm *wanted,
                                   size_t inputs);

#endif /* DPI_CHOOSE_H */
