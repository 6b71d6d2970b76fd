/*
 * Instruction sets: what the processor has, and the best kernels and GEMMs among those that are
 * allowed. A folder below this one implements them for a family of processors; the interfaces that
 * they fill are nn/nn.h and gemm/gemm.h.
 */
#ifndef DPI_ISA_H
#define DPI_ISA_H

#include "gemm/gemm.h"
#include "nn/nn.h"

/* ---- the processor (cpu.c) ---- */

/* DP_CPU_* that processor and operating system support. */
uint32_t dpi_cpu_features(void);

/* Whether there is AVX-VNNI. DP_CPU_VNNI cannot tell: with AVX-512 it means AVX512-VNNI. */
bool dpi_cpu_has_avx_vnni(void);

/* Whether AVX512-BF16 multiplies at half the speed of f32, so that GEMMs that unpack bf16 are
 * preferred where there is no AMX. */
bool dpi_cpu_has_slow_bf16(void);

/* Asks the operating system for the tile registers of AMX, which changes the process for good, and
 * returns whether it grants them. Before that no GEMM of AMX may run. (x86/amx.c) */
bool dpi_amx_request(void);

/* ---- choosing (dispatch.c); `cpu_mask` is DP_CPU_* that are allowed ---- */

const dpi_kernels *dpi_kernels_choose(uint32_t cpu_mask);

/* The best GEMM of this precision (f32, bf16 or int8); NULL: the build has none. */
const dpi_gemm *dpi_gemm_choose(dp_precision precision, uint32_t cpu_mask);

/* The best GEMM that reads the panels of this target; NULL: there is none. */
const dpi_gemm *dpi_gemm_choose_for_target(dp_target number, dp_precision precision,
                                           uint32_t cpu_mask);

/* The best GEMM for attention over so many tokens, at least one, in a model whose blocks are
 * multiplied by `blocks`: f32 for f32, `blocks` itself where it has attention of bytes for them,
 * otherwise what DP_PRECISION_AUTO selects. */
const dpi_gemm *dpi_gemm_choose_for_attention(const dpi_gemm *blocks, size_t tokens,
                                              uint32_t cpu_mask);

/* What DP_PRECISION_AUTO means here: bf16 where the processor multiplies it faster than f32, and
 * f32 elsewhere. */
dp_precision dpi_precision_auto(uint32_t cpu_mask);

/* ---- what each instruction set offers; NULL where the build does not have it ---- */

const dpi_kernels *dpi_kernels_generic(void);
const dpi_kernels *dpi_kernels_avx2(void);
const dpi_kernels *dpi_kernels_avx512(void);
const dpi_kernels *dpi_kernels_neon(void);
const dpi_gemm *dpi_gemm_generic(dp_precision precision);
const dpi_gemm *dpi_gemm_rows(dp_precision precision); /* of DP_TARGET_ROWS: cortexm/rows.c */
const dpi_gemm *dpi_gemm_avx2(dp_precision precision);
const dpi_gemm *dpi_gemm_avx_vnni(dp_precision precision);
const dpi_gemm *dpi_gemm_avx512(dp_precision precision);
const dpi_gemm *dpi_gemm_avx512_vnni(dp_precision precision);
const dpi_gemm *dpi_gemm_amx(dp_precision precision);
const dpi_gemm *dpi_gemm_neon(dp_precision precision);
const dpi_gemm *dpi_gemm_neon_unpack(dp_precision precision);
const dpi_gemm *dpi_gemm_neon_dot(dp_precision precision);
const dpi_gemm *dpi_gemm_neon_i8mm(dp_precision precision);
const dpi_gemm *dpi_gemm_neon_bf16(dp_precision precision);

#endif /* DPI_ISA_H */
