/*
 * Dot products of bytes for the DSP instructions of Armv7E-M, which add two products of 16-bit
 * halves. The lhs is unpacked to halves beforehand: bytes 0 and 2 of a k-group, then bytes 1 and 3,
 * as UXTB16 unpacks those of a column. The k-groups of TILE_ROWS rows alternate, for LDM. For
 * rows.c.
 */

/* ---- sums, in assembly, since compilers do not load so ---- */

#define ADD(halves)                              \
    "ldmia  %[a]!, {r2-r5}\n\t"                  \
    "smlad  %[s0], r2, %[" halves "], %[s0]\n\t" \
    "smlad  %[s1], r3, %[" halves "], %[s1]\n\t" \
    "smlad  %[s2], r4, %[" halves "], %[s2]\n\t" \
    "smlad  %[s3], r5, %[" halves "], %[s3]\n\t"

#define ADD_GROUP(word)               \
    "uxtb16 %[even], %[" word "]\n\t" \
    "uxtb16 %[" word "], %[" word "], ror #8\n\t" ADD("even") ADD(word)

#define ADD_TWO_GROUPS \
    "ldrd   %[word], %[next], [%[column]], #8\n\t" ADD_GROUP("word") ADD_GROUP("next")

static void dot__rows(const dpi_tile *tile, const dpi_kgroup *column, int32_t *sum) {
    const dpi_kgroup *a = tile->lhs;
    const dpi_kgroup *end = column + tile->depth;
    const dpi_kgroup *whole = end - tile->depth % 4;
    /* what takes the offset out; the sums are less than 2^31 at the end, if not on the way */
    uint32_t s0 = 0u - (uint32_t)tile->lhs_scale[0].sum;
    uint32_t s1 = 0u - (uint32_t)tile->lhs_scale[1].sum;
    uint32_t s2 = 0u - (uint32_t)tile->lhs_scale[2].sum;
    uint32_t s3 = 0u - (uint32_t)tile->lhs_scale[3].sum;
    uint32_t word;
    uint32_t next;
    uint32_t even;
    while (column < whole) {
        __asm__ volatile(
            ADD_TWO_GROUPS ADD_TWO_GROUPS
            : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [a] "+r"(a),
              [column] "+r"(column), [word] "=&r"(word), [next] "=&r"(next), [even] "=&r"(even)
            :
            : "r2", "r3", "r4", "r5", "memory");
    }
    while (column < end) {
        __asm__ volatile("ldr    %[word], [%[column]], #4\n\t" ADD_GROUP("word")
                         : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [a] "+r"(a),
                           [column] "+r"(column), [word] "=&r"(word), [even] "=&r"(even)
                         :
                         : "r2", "r3", "r4", "r5", "memory");
    }
    sum[0] = (int32_t)s0;
    sum[TILE_COLUMNS] = (int32_t)s1;
    sum[2 * TILE_COLUMNS] = (int32_t)s2;
    sum[3 * TILE_COLUMNS] = (int32_t)s3;
}

#undef ADD
#undef ADD_GROUP
#undef ADD_TWO_GROUPS

/* ---- the lhs ---- */

/* Four numbers become two k-groups of halves, TILE_ROWS apart. Returns the sum of their bytes. */
static inline uint32_t round_four_to_halves__dsp(const float *x, float per_unit,
                                                 dpi_kgroup *groups) {
    uint32_t b0 = byte_bits(x[0], per_unit);
    uint32_t b1 = byte_bits(x[1], per_unit);
    uint32_t b2 = byte_bits(x[2], per_unit);
    uint32_t b3 = byte_bits(x[3], per_unit);
    groups[0] = (b0 & 0xffffu) | b2 << 16;
    groups[TILE_ROWS] = (b1 & 0xffffu) | b3 << 16;
    return b0 + b1 + b2 + b3 - 4 * float_bits(WHOLE_NUMBERS);
}

static void round_to_halves__dsp(const float *x, size_t n, dpi_kgroup *groups,
                                 dpi_row_scale *scale) {
    float largest = largest_magnitude(x, n);
    float per_unit = bytes_per_unit(largest);
    float last[4] = {0.0f};
    uint32_t sum = 0;
    for (; n >= 4; n -= 4, x += 4, groups += 2 * TILE_ROWS) {
        sum += round_four_to_halves__dsp(x, per_unit, groups);
    }
    if (n > 0) {
        memcpy(last, x, n * sizeof *x);
        sum += round_four_to_halves__dsp(last, per_unit, groups);
    }
    scale->scale = largest / 127.0f;
    scale->sum = (int32_t)(128 * sum);
}
