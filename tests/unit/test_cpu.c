/*
 * lib/isa/cpu.c: the instruction sets of processors that this machine is not, by what their CPUID
 * answers and by which registers their operating system saves.
 */
#include "suite.h"
#include "support.h"

#include "isa/cpu.c"

#if defined(__x86_64__) || defined(__i386__)

#define SAVES_ALL (SAVES_YMM | SAVES_ZMM | SAVES_TILES)
#define HASWELL (FMA_AVX_F16C | OSXSAVE)
#define WITH_AVX512 (DP_CPU_AVX2 | DP_CPU_AVX512)

/* Bits of single instruction sets. */
#define AVX (1u << 28)
#define F16C (1u << 29)
#define AVX512F (1u << 16)

static const struct {
    const char *name;
    cpu_bits bits;
    uint32_t features;
} processors[] = {
    {"no leaf 7", {.c1 = 0, .saved = 0}, 0},
    {"Ivy Bridge", {.c1 = AVX | F16C | OSXSAVE, .saved = SAVES_YMM}, 0},
    {"Piledriver", {.c1 = HASWELL, .saved = SAVES_YMM}, 0},
    {"Haswell", {.c1 = HASWELL, .b7 = AVX2, .saved = SAVES_YMM}, DP_CPU_AVX2},
    {"Haswell without registers", {.c1 = HASWELL, .b7 = AVX2, .saved = 0x03}, 0},
    {"Haswell without F16C", {.c1 = HASWELL & ~F16C, .b7 = AVX2, .saved = SAVES_YMM}, 0},
    {"Knights Landing", {.c1 = HASWELL, .b7 = AVX2 | AVX512F, .saved = SAVES_ZMM}, DP_CPU_AVX2},
    {"Alder Lake",
     {.c1 = HASWELL, .b7 = AVX2, .more_a7 = AVX_VNNI, .saved = SAVES_YMM},
     DP_CPU_AVX2 | DP_CPU_VNNI},
    {"Skylake-X", {.c1 = HASWELL, .b7 = AVX2 | AVX512, .saved = SAVES_ZMM}, WITH_AVX512},
    {"Skylake-X without ZMM",
     {.c1 = HASWELL, .b7 = AVX2 | AVX512, .saved = SAVES_YMM},
     DP_CPU_AVX2},
    {"Ice Lake",
     {.c1 = HASWELL, .b7 = AVX2 | AVX512, .c7 = AVX512_VNNI, .saved = SAVES_ZMM},
     WITH_AVX512 | DP_CPU_VNNI},
    {"Zen 4",
     {.c1 = HASWELL,
      .b7 = AVX2 | AVX512,
      .c7 = AVX512_VNNI,
      .more_a7 = AVX512_BF16,
      .saved = SAVES_ZMM},
     WITH_AVX512 | DP_CPU_VNNI | DP_CPU_BF16},
    {"Sapphire Rapids",
     {.c1 = HASWELL,
      .b7 = AVX2 | AVX512,
      .c7 = AVX512_VNNI,
      .d7 = AMX_BF16_TILE_INT8 | AVX512_FP16,
      .more_a7 = AVX_VNNI | AVX512_BF16,
      .saved = SAVES_ALL},
     WITH_AVX512 | DP_CPU_VNNI | DP_CPU_BF16 | DP_CPU_AMX},
    {"Sapphire Rapids without tiles",
     {.c1 = HASWELL,
      .b7 = AVX2 | AVX512,
      .c7 = AVX512_VNNI,
      .d7 = AMX_BF16_TILE_INT8 | AVX512_FP16,
      .more_a7 = AVX_VNNI | AVX512_BF16,
      .saved = SAVES_ZMM},
     WITH_AVX512 | DP_CPU_VNNI | DP_CPU_BF16},
    {"AMX without int8",
     {.c1 = HASWELL, .b7 = AVX2 | AVX512, .d7 = 1u << 22 | 1u << 24, .saved = SAVES_ALL},
     WITH_AVX512},
};

START_TEST(instruction_sets_need_all_their_bits) {
    ck_assert_msg(features_of(&processors[_i].bits) == processors[_i].features, "%s: %#x",
                  processors[_i].name, (unsigned)features_of(&processors[_i].bits));
}
END_TEST

/* Without any one of its bits, a processor that has all has less. */
START_TEST(every_bit_counts) {
    const cpu_bits all = {.c1 = 0x30001000,
                          .b7 = 0xc0030020,
                          .c7 = 0x00000800,
                          .d7 = 0x03400000,
                          .more_a7 = 0x00000020,
                          .saved = 0x000600e6};
    const uint32_t every = WITH_AVX512 | DP_CPU_VNNI | DP_CPU_BF16 | DP_CPU_AMX;
    cpu_bits less = all;
    uint32_t *const parts[] = {&less.c1, &less.b7, &less.c7, &less.d7, &less.more_a7, &less.saved};
    ck_assert_uint_eq(features_of(&all), every);
    for (size_t i = 0; i < COUNT(parts); i++) {
        for (uint32_t bit = 1; bit != 0; bit <<= 1) {
            less = all;
            *parts[i] &= ~bit;
            bool cleared = memcmp(&less, &all, sizeof all) != 0;
            ck_assert_int_eq(features_of(&less) != every, cleared);
        }
    }
}
END_TEST

/* With AVX-512 it is an instruction set beside the one that DP_CPU_VNNI stands for. */
START_TEST(avx_vnni_needs_avx2) {
    cpu_bits cpu = {.c1 = HASWELL, .b7 = AVX2 | AVX512, .saved = SAVES_ALL};
    ck_assert(!has_avx_vnni(&cpu));
    cpu.more_a7 = AVX_VNNI;
    ck_assert(has_avx_vnni(&cpu));
    ck_assert_uint_eq(features_of(&cpu), WITH_AVX512);
    cpu.saved = 0;
    ck_assert(!has_avx_vnni(&cpu));
}
END_TEST

START_TEST(bf16_is_slow_on_intel_with_fp16) {
    uint32_t intel[3];
    uint32_t amd[3];
    memcpy(intel, "GenuineIntel", sizeof intel);
    memcpy(amd, "AuthenticAMD", sizeof amd);
    const cpu_bits sapphire_rapids = {.d7 = AVX512_FP16 | AMX_BF16_TILE_INT8};
    const cpu_bits cooper_lake = {.d7 = 0};
    ck_assert(has_slow_bf16(&sapphire_rapids, intel));
    ck_assert(!has_slow_bf16(&sapphire_rapids, amd));
    ck_assert(!has_slow_bf16(&cooper_lake, intel));
}
END_TEST

/* Compilers have code of their own for this. */
START_TEST(this_processor_is_what_the_compiler_finds) {
    uint32_t features = dpi_cpu_features();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    ck_assert_int_eq((features & DP_CPU_AVX2) != 0, avx2);
    ck_assert_int_eq((features & DP_CPU_AVX512) != 0, avx512);
    ck_assert(avx2 || !dpi_cpu_has_avx_vnni());
    ck_assert(__builtin_cpu_is("intel") || !dpi_cpu_has_slow_bf16());
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("cpu");
#if defined(__x86_64__) || defined(__i386__)
    TCase *cpuid = add_case(suite, "cpuid", 20, NULL, NULL);
    tcase_add_loop_test(cpuid, instruction_sets_need_all_their_bits, 0, (int)COUNT(processors));
    tcase_add_test(cpuid, every_bit_counts);
    tcase_add_test(cpuid, avx_vnni_needs_avx2);
    tcase_add_test(cpuid, bf16_is_slow_on_intel_with_fp16);
    tcase_add_test(cpuid, this_processor_is_what_the_compiler_finds);
#endif
    return run_suite(suite);
}
