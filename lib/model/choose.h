/*
 * Which GEMMs a model multiplies with.
 */
#ifndef DP_CHOOSE_H
#define DP_CHOOSE_H

#include "model/model.h"

/* Chooses precision, target, kernels and GEMMs of a model: by its file, by the options, and by what
 * the processor offers. */
dp_status dp_choose_gemms(const dp_gguf *gguf, const dp_opening *opening, struct dp_model *model,
                          dp_message *message);

/* The GEMM for a matrix of so many inputs: the one that is wanted, or the model's f32 one where
 * sums of bytes would be too deep. */
const dp_gemm *dp_gemm_for_depth(const struct dp_model *model, const dp_gemm *wanted,
                                 size_t inputs);

#endif /* DP_CHOOSE_H */
