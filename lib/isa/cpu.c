/*
 * Instruction sets that the processor has and the operating system enables.
 */
#include "dp_config.h"
#include "dualpath.h"
#include "isa/isa.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>
#include <string.h>

static uint64_t enabled_state(void) {
    uint32_t low;
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

#define HAS(word, bit) (((word) >> (bit)) & 1u)

uint32_t dpi_cpu_features(void) {
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;
    uint32_t features = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) {
        return 0;
    }
    bool fma = HAS(c, 12);
    bool osxsave = HAS(c, 27);
    bool avx = HAS(c, 28);
    bool f16c = HAS(c, 29);
    if (!fma || !osxsave || !avx || !f16c || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return 0;
    }
    uint64_t state = enabled_state();
    bool ymm = (state & 0x06) == 0x06; /* SSE and AVX registers are saved */
    bool zmm = (state & 0xe6) == 0xe6; /* and opmask, ZMM 0-15 upper halves, ZMM 16-31 */
    bool tiles = (state & 0x60000) == 0x60000;
    uint32_t more = 0;
    (void)__get_cpuid_count(7, 1, &more, &(uint32_t){0}, &(uint32_t){0}, &(uint32_t){0});
    if (!ymm || !HAS(b, 5)) {
        return 0;
    }
    features |= DP_CPU_AVX2;
    if (!zmm || !HAS(b, 16) || !HAS(b, 17) || !HAS(b, 30) || !HAS(b, 31)) {
        return features | (HAS(more, 4) ? DP_CPU_VNNI : 0);
    }
    features |= DP_CPU_AVX512;
    features |= HAS(c, 11) ? DP_CPU_VNNI : 0;
    features |= HAS(more, 5) ? DP_CPU_BF16 : 0;
    features |= tiles && HAS(d, 22) && HAS(d, 24) && HAS(d, 25) ? DP_CPU_AMX : 0;
    return features;
}

bool dpi_cpu_has_avx_vnni(void) {
    uint32_t a = 0;
    (void)__get_cpuid_count(7, 1, &a, &(uint32_t){0}, &(uint32_t){0}, &(uint32_t){0});
    return (dpi_cpu_features() & DP_CPU_AVX2) != 0 && HAS(a, 4) != 0;
}

/* Intel's is slow, since AMX replaces it; AVX512-FP16 identifies these processors. */
bool dpi_cpu_has_slow_bf16(void) {
    uint32_t intel[3] = {0, 0, 0};
    uint32_t d = 0;
    if (!__get_cpuid(0, &(uint32_t){0}, &intel[0], &intel[2], &intel[1]) ||
        memcmp(intel, "GenuineIntel", sizeof intel) != 0) {
        return false;
    }
    (void)__get_cpuid_count(7, 0, &(uint32_t){0}, &(uint32_t){0}, &(uint32_t){0}, &d);
    return HAS(d, 23) != 0;
}

#else

bool dpi_cpu_has_avx_vnni(void) {
    return false;
}

bool dpi_cpu_has_slow_bf16(void) {
    return false;
}

#if defined(__aarch64__) && defined(__linux__) && !defined(DP_FREESTANDING)

#include <sys/auxv.h>

/* As the kernel numbers them, for C libraries that do not know all of them. */
#define CAP_NEON (1ul << 1)
#define CAP_DOTPROD (1ul << 20)
#define CAP2_I8MM (1ul << 13)
#define CAP2_BF16 (1ul << 14)

uint32_t dpi_cpu_features(void) {
    unsigned long first = getauxval(AT_HWCAP);
    unsigned long second = getauxval(AT_HWCAP2);
    uint32_t features = 0;
    if ((first & CAP_NEON) == 0) {
        return 0;
    }
    features |= DP_CPU_NEON;
    features |= (first & CAP_DOTPROD) != 0 ? DP_CPU_DOTPROD : 0;
    features |= (second & CAP2_I8MM) != 0 ? DP_CPU_I8MM : 0;
    features |= (second & CAP2_BF16) != 0 ? DP_CPU_ARM_BF16 : 0;
    return features;
}

#elif defined(__aarch64__) && defined(__APPLE__)

#include <sys/sysctl.h>

static bool has(const char *name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}

uint32_t dpi_cpu_features(void) {
    uint32_t features = DP_CPU_NEON;
    features |= has("hw.optional.arm.FEAT_DotProd") ? DP_CPU_DOTPROD : 0;
    features |= has("hw.optional.arm.FEAT_I8MM") ? DP_CPU_I8MM : 0;
    features |= has("hw.optional.arm.FEAT_BF16") ? DP_CPU_ARM_BF16 : 0;
    return features;
}

#elif defined(__aarch64__)

uint32_t dpi_cpu_features(void) {
    return DP_CPU_NEON; /* a part of every such processor that runs an operating system */
}

#else

uint32_t dpi_cpu_features(void) {
    return 0;
}

#endif
#endif
