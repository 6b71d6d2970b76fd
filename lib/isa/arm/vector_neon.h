/*
 * The vector operations that the templates are written in, for NEON of ARMv8 in its 64-bit form.
 */
#ifndef DPI_VECTOR_NEON_H
#define DPI_VECTOR_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "isa/vector/vector_names.h"

#define V_LENGTH 4

typedef float32x4_t vf;
typedef uint32x4_t vu;

static inline vf v_zero(void) {
    return vdupq_n_f32(0.0f);
}
static inline vf v_set(float x) {
    return vdupq_n_f32(x);
}
static inline vf v_load(const float *p) {
    return vld1q_f32(p);
}
/* Asks for a cache line that is going to be written. */
static inline void v_prefetch_store(const float *p) {
    __builtin_prefetch(p, 1, 3);
}
/* Asks for the cache line of an address, which need not exist. */
static inline void v_prefetch(uintptr_t address) {
    __builtin_prefetch((const void *)address, 0, 2); /* NOLINT(performance-no-int-to-ptr) */
}
/* The first n = 1, 2 or 3 values; the rest is 0 and not read. */
static inline vf v_load_first(const float *p, size_t n) {
    vf x = vld1q_lane_f32(p, v_zero(), 0);
    x = n > 1 ? vld1q_lane_f32(p + 1, x, 1) : x;
    return n > 2 ? vld1q_lane_f32(p + 2, x, 2) : x;
}
static inline void v_store(float *p, vf x) {
    vst1q_f32(p, x);
}
static inline void v_store_first(float *p, size_t n, vf x) {
    vst1q_lane_f32(p, x, 0);
    if (n > 1) {
        vst1q_lane_f32(p + 1, x, 1);
    }
    if (n > 2) {
        vst1q_lane_f32(p + 2, x, 2);
    }
}
/* The first n values of a, then those of b. */
static inline vf v_first_or(size_t n, vf a, vf b) {
    static const uint32_t lanes[V_LENGTH] = {0, 1, 2, 3};
    return vbslq_f32(vcltq_u32(vld1q_u32(lanes), vdupq_n_u32((uint32_t)n)), a, b);
}
static inline vf v_add(vf a, vf b) {
    return vaddq_f32(a, b);
}
static inline vf v_sub(vf a, vf b) {
    return vsubq_f32(a, b);
}
static inline vf v_mul(vf a, vf b) {
    return vmulq_f32(a, b);
}
static inline vf v_div(vf a, vf b) {
    return vdivq_f32(a, b);
}
/* a * b + c, rounded once. */
static inline vf v_fma(vf a, vf b, vf c) {
    return vfmaq_f32(c, a, b);
}
/* a * b - c, rounded once. */
static inline vf v_fms(vf a, vf b, vf c) {
    return vfmaq_f32(vnegq_f32(c), a, b);
}
/* NaN in either stays NaN. */
static inline vf v_max(vf a, vf b) {
    return vmaxq_f32(a, b);
}
static inline vf v_min(vf a, vf b) {
    return vminq_f32(a, b);
}
static inline vf v_abs(vf x) {
    return vabsq_f32(x);
}
static inline vf v_round(vf x) {
    return vrndnq_f32(x);
}
/* x * 2^n for a whole n; 0 below 2^-126, infinite from 2^128 on. */
static inline vf v_scale2(vf x, vf n) {
    vf bounded = vminq_f32(vdupq_n_f32(128.0f), vmaxq_f32(vdupq_n_f32(-127.0f), n));
    int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(bounded), vdupq_n_s32(127));
    return vmulq_f32(x, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}
/* x > 0 ? a : b */
static inline vf v_positive(vf x, vf a, vf b) {
    return vbslq_f32(vcgtzq_f32(x), a, b);
}
static inline float v_sum(vf x) {
    return vaddvq_f32(x);
}
static inline float v_largest(vf x) {
    return vmaxvq_f32(x);
}

static inline vu u_set(uint32_t x) {
    return vdupq_n_u32(x);
}
static inline vu u_load(const dpi_kgroup *p) {
    return vld1q_u32(p);
}
static inline vu u_and(vu a, vu b) {
    return vandq_u32(a, b);
}
static inline vu u_sub(vu a, vu b) {
    return vsubq_u32(a, b);
}
static inline vf u_as_floats(vu x) {
    return vreinterpretq_f32_u32(x);
}
static inline vf u_to_floats(vu x) {
    return vcvtq_f32_s32(vreinterpretq_s32_u32(x));
}
/* The lower and the upper half of each lane, as the upper half of a lane. */
static inline vu u_low_half(vu x) {
    return vshlq_n_u32(x, 16);
}
static inline vu u_high_half(vu x) {
    return u_and(x, u_set(0xffff0000u));
}
/* Bytes with an offset of 128 and signed ones, either way. */
static inline vu u_flip_bytes(vu x) {
    return veorq_u32(x, u_set(0x80808080u));
}
/* The multiply-adds of tiles stay in the order they are written in: sums and factors leave few of
 * the 32 registers, and a compiler that may choose loads more of a panel ahead than there is room
 * for. */
#define N_IN_ORDER(instruction, sum, b, a) \
    __asm__ volatile(instruction : "+w"(sum) : "w"(b), "w"(a))

/* sum += b * the value in a lane of a; `lane` is a literal. */
#define V_ADD_LANE(sum, b, a, lane) N_IN_ORDER("fmla %0.4s, %1.4s, %2.s[" #lane "]", sum, b, a)

#endif /* DPI_VECTOR_NEON_H */
