/*
 * Matrix products and attention by whichever GEMM was chosen, and parts of packed weights.
 */
#include "gemm/gemm.h"

dp_linear dp_linear_outputs(const dp_linear *linear, size_t first, size_t count) {
    dp_linear part = *linear;
    part.outputs = count;
    part.panels += first * linear->depth;
    part.bias = linear->bias != NULL ? linear->bias + first : NULL;
    part.scale = linear->scale != NULL ? linear->scale + first : NULL;
    return part;
}

dp_linear dp_linear_inputs(const dp_linear *linear, size_t first, size_t count) {
    const dp_layout *layout = &linear->gemm->layout;
    dp_linear part = *linear;
    part.inputs = count;
    part.panels += first / layout->kr * layout->nr;
    part.bias = first == 0 ? linear->bias : NULL;
    return part;
}

void dp_gemm_run(const dp_kernels *kernels, const dp_linear *linear, size_t rows, dp_lhs lhs,
                 dp_rows out, dp_epilogue epilogue) {
    if (linear->outputs > 0 && rows > 0) {
        linear->gemm->run(kernels, linear, rows, lhs, out, &epilogue);
    }
}

size_t dp_attention_scratch(const dp_gemm *gemm, size_t tokens, size_t head_size) {
    return gemm->attention.scratch(gemm, tokens, head_size);
}

void dp_attention_run(const dp_kernels *kernels, const dp_gemm *gemm, const dp_attention *attention,
                      float *scratch) {
    gemm->attention.run(kernels, gemm, attention, scratch);
}
