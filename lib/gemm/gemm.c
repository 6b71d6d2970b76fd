/*
 * Matrix products and attention by whichever GEMM was chosen, and parts of packed weights.
 */
#include "gemm/gemm.h"

dpi_linear dpi_linear_outputs(const dpi_linear *linear, size_t first, size_t count) {
    dpi_linear part = *linear;
    part.outputs = count;
    part.panels += first * linear->depth;
    part.bias = linear->bias != NULL ? linear->bias + first : NULL;
    part.scale = linear->scale != NULL ? linear->scale + first : NULL;
    return part;
}

dpi_linear dpi_linear_inputs(const dpi_linear *linear, size_t first, size_t count) {
    const dpi_layout *layout = &linear->gemm->layout;
    dpi_linear part = *linear;
    part.inputs = count;
    part.panels += first / layout->kr * layout->nr;
    part.bias = first == 0 ? linear->bias : NULL;
    return part;
}

void dpi_gemm_run(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows, dpi_lhs lhs,
                  dpi_rows out, dpi_epilogue epilogue) {
    if (linear->outputs > 0 && rows > 0) {
        linear->gemm->run(kernels, linear, rows, lhs, out, &epilogue);
    }
}

size_t dpi_attention_scratch(const dpi_gemm *gemm, size_t tokens, size_t head_size) {
    return gemm->attention.scratch(gemm, tokens, head_size);
}

void dpi_attention_run(const dpi_kernels *kernels, const dpi_gemm *gemm,
                       const dpi_attention *attention, float *scratch) {
    gemm->attention.run(kernels, gemm, attention, scratch);
}
