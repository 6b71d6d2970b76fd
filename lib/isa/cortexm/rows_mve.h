/*
 * Dot products of bytes for the vector unit of Armv8.1-M, which adds up 16 products of signed bytes
 * in one instruction. For rows.c.
 */
#include "gemm/gemm.h"

#include <arm_mve.h>

/* In assembly, for a tail-predicated loop, which masks what is beyond the row: not all compilers
 * generate these. The instruction adds to even registers only. */
static void dot__rows(const dpi_tile *tile, const dpi_kgroup *column, int32_t *sum) {
    const dpi_kgroup *a0 = tile->lhs;
    const dpi_kgroup *a1 = a0 + tile->lhs_stride;
    const dpi_kgroup *a2 = a1 + tile->lhs_stride;
    const dpi_kgroup *a3 = a2 + tile->lhs_stride;
    int32_t s0 = 0;
    int32_t s1 = 0;
    int32_t s2 = 0;
    int32_t s3 = 0;
    __asm__ volatile(
        "vmov.i8     q2, #128\n\t"
        "wlstp.8     lr, %[bytes], 2f\n"
        "1:\n\t"
        "vldrb.8     q0, [%[column]], #16\n\t"
        "vldrb.8     q1, [%[a0]], #16\n\t"
        "veor        q0, q0, q2\n\t"
        "vmladava.s8 %[s0], q0, q1\n\t"
        "vldrb.8     q1, [%[a1]], #16\n\t"
        "vmladava.s8 %[s1], q0, q1\n\t"
        "vldrb.8     q1, [%[a2]], #16\n\t"
        "vmladava.s8 %[s2], q0, q1\n\t"
        "vldrb.8     q1, [%[a3]], #16\n\t"
        "vmladava.s8 %[s3], q0, q1\n\t"
        "letp        lr, 1b\n"
        "2:"
        : [s0] "+Te"(s0), [s1] "+Te"(s1), [s2] "+Te"(s2), [s3] "+Te"(s3), [a0] "+r"(a0),
          [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3), [column] "+r"(column)
        : [bytes] "r"(tile->depth * sizeof *column)
        : "q0", "q1", "q2", "lr", "memory");
    sum[0] = s0;
    sum[TILE_COLUMNS] = s1;
    sum[2 * TILE_COLUMNS] = s2;
    sum[3 * TILE_COLUMNS] = s3;
}

/* The bits of four numbers, with zeros beyond the last one of a row. */
static inline uint32x4_t load_bits__mve(const float *x, size_t left) {
    return vldrwq_z_u32((const dpi_kgroup *)x, vctp32q((uint32_t)left));
}

/* Like round_to_int8(). Vectors flush numbers below 2^-126 to 0, which changes no byte. */
static void round_to_int8__mve(const float *x, size_t n, dpi_kgroup *groups, dpi_row_scale *scale) {
    uint32x4_t most = vdupq_n_u32(0);
    for (size_t i = 0; i < n; i += 4) {
        most = vmaxq_u32(most, vandq_u32(load_bits__mve(x + i, n - i), vdupq_n_u32(0x7fffffffu)));
    }
    float largest = float_of_bits(vmaxvq_u32(0, most));
    float per_unit = bytes_per_unit(largest);
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i += 4) {
        float32x4_t four = vreinterpretq_f32_u32(load_bits__mve(x + i, n - i));
        float32x4_t whole = vaddq_n_f32(vmulq_n_f32(four, per_unit), WHOLE_NUMBERS);
        uint32x4_t bits = vreinterpretq_u32_f32(whole);
        vstrbq_u32((uint8_t *)(groups + i / 4), bits);
        sum = vaddvaq_u32(sum, vsubq_n_u32(bits, float_bits(WHOLE_NUMBERS)));
    }
    scale->scale = largest / 127.0f;
    scale->sum = (int32_t)(128 * sum);
}
