/*
 * Matrix products of bf16 and bytes for every machine with NEON, by unpacking: tiles of 4 x 16 and
 * 2 x 16.
 */
#include "isa/isa.h"

#if defined(__aarch64__)

#define TMPL_SUFFIX neon_unpack
#include "isa/arm/neon_common.h"

/* ---- bf16 by multiply-adds of f32 ---- */

typedef struct bf16_pair {
    vf low, high;
} bf16_pair;

static inline bf16_pair unpack_bf16_pair(vu x) {
    return (bf16_pair){u_as_floats(u_low_half(x)), u_as_floats(u_high_half(x))};
}

#define KERNEL_TILE bf16_tile__neon_unpack
#define KERNEL_PEAK bf16_measure_peak__neon_unpack
#define KERNEL_KR 2
#define KERNEL_ROWS 4
#define KERNEL_HEIGHT 1
#define KERNEL_DEPTH 4
#define KERNEL_PARTS 4
#define KERNEL_SUM vf
#define KERNEL_ZERO() v_zero()
#define KERNEL_COLUMNS bf16_pair
#define KERNEL_COLUMN(p) unpack_bf16_pair(u_load(p))
#define KERNEL_FACTOR bf16_pair
#define KERNEL_LOAD(a) unpack_bf16_pair(u_load(*(a)))
#define KERNEL_DOT(sum, b, a, lane)          \
    V_ADD_LANE(sum, (b).low, (a).low, lane); \
    V_ADD_LANE(sum, (b).high, (a).high, lane)
#define KERNEL_RESULT(sum, tile, i, j, k) (sum)
#include "isa/arm/neon_lowp_tmpl.h"

static const dpi_gemm gemm_bf16__neon_unpack = {
    GEMM_OF_BF16(4, bf16_tile__neon_unpack),
    .name = "neon",
    .cpu = DP_CPU_NEON,
    .measure_peak = bf16_measure_peak__neon_unpack,
};

/* ---- bytes, two k-groups at a time ---- */

/* Of four columns, the sums of bytes 0 and 1 and of bytes 2 and 3 of their k-groups: columns 0 and
 * 1, and columns 2 and 3. */
typedef struct pair_sums {
    vu low, high;
} pair_sums;

/* Two k-groups of four columns. */
typedef struct two_groups {
    vu first, second;
} two_groups;

static inline pair_sums zero_pair_sums(void) {
    return (pair_sums){u_set(0), u_set(0)};
}

static inline two_groups load_two_groups(const dpi_kgroup *p) {
    return (two_groups){u_flip_bytes(u_load(p)), u_flip_bytes(u_load(p + NEON_COLUMNS))};
}

/* Signed bytes are at least -128 and those of rows at least -127: two products fit 16 bits. */
static inline void dot_byte_pairs(pair_sums *sum, two_groups b, vu first, vu second) {
    vu low;
    vu high;
    __asm__ volatile("smull %0.8h, %1.8b, %2.8b" : "=w"(low) : "w"(b.first), "w"(first));
    __asm__ volatile("smull2 %0.8h, %1.16b, %2.16b" : "=w"(high) : "w"(b.first), "w"(first));
    N_IN_ORDER("smlal %0.8h, %1.8b, %2.8b", low, b.second, second);
    N_IN_ORDER("smlal2 %0.8h, %1.16b, %2.16b", high, b.second, second);
    __asm__ volatile("sadalp %0.4s, %1.8h" : "+w"(sum->low) : "w"(low));
    __asm__ volatile("sadalp %0.4s, %1.8h" : "+w"(sum->high) : "w"(high));
}

#define KERNEL_TILE int8_tile__neon_unpack
#define KERNEL_PEAK int8_measure_peak__neon_unpack
#define KERNEL_KR 4
#define KERNEL_ROWS 2
#define KERNEL_HEIGHT 1
#define KERNEL_DEPTH 4
#define KERNEL_PARTS 2
#define KERNEL_SUM pair_sums
#define KERNEL_ZERO() zero_pair_sums()
#define KERNEL_COLUMNS two_groups
#define KERNEL_COLUMN(p) load_two_groups(p)
#define KERNEL_FACTOR vu
#define KERNEL_LOAD(a) u_load(*(a))
#define KERNEL_DOT(sum, b, a, part) \
    dot_byte_pairs(&(sum), b, vdupq_laneq_u32(a, 2 * (part)), vdupq_laneq_u32(a, 2 * (part) + 1))
#define KERNEL_RESULT(sum, tile, i, j, k) v_scale_sum(vpaddq_u32((sum).low, (sum).high), tile, i, j)
#include "isa/arm/neon_lowp_tmpl.h"

static const dpi_gemm gemm_int8__neon_unpack = {
    GEMM_OF_INT8(2, int8_tile__neon_unpack),
    .name = "neon",
    .cpu = DP_CPU_NEON,
    .measure_peak = int8_measure_peak__neon_unpack,
};

const dpi_gemm *dpi_gemm_neon_unpack(dp_precision precision) {
    return precision == DP_PRECISION_BF16   ? &gemm_bf16__neon_unpack
           : precision == DP_PRECISION_INT8 ? &gemm_int8__neon_unpack
                                            : NULL;
}

#else

const dpi_gemm *dpi_gemm_neon_unpack(dp_precision precision) {
    (void)precision;
    return NULL;
}

#endif
