/*
 * Instruction sets that the processor has and the operating system enables.
 */
#include "dp_config.h"
#include "dualpath.h"
#include "isa/isa.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>
#include <string.h>

/* What CPUID answers: leaf 1, leaf 7, and leaf 7 with a 1 in ECX. */
#define FMA_AVX_F16C (1u << 12 | 1u << 28 | 1u << 29)       /* 1, ECX */
#define OSXSAVE (1u << 27)                                  /* 1, ECX */
#define AVX2 (1u << 5)                                      /* 7, EBX */
#define AVX512 (1u << 16 | 1u << 17 | 1u << 30 | 1u << 31)  /* 7, EBX: F, DQ, BW, VL */
#define AVX512_VNNI (1u << 11)                              /* 7, ECX */
#define AMX_BF16_TILE_INT8 (1u << 22 | 1u << 24 | 1u << 25) /* 7, EDX */
#define AVX512_FP16 (1u << 23)                              /* 7, EDX */
#define AVX_VNNI (1u << 4)                                  /* 7.1, EAX */
#define AVX512_BF16 (1u << 5)                               /* 7.1, EAX */

/* Registers that the operating system saves, as XGETBV answers. */
#define SAVES_YMM 0x06u      /* SSE and AVX */
#define SAVES_ZMM 0xe6u      /* and opmask, upper halves of ZMM 0-15, ZMM 16-31 */
#define SAVES_TILES 0x60000u /* configuration and data */

/* Registers of CPUID by their leaf, 0 for a leaf that the processor does not have, and of XGETBV.
 */
typedef struct cpu_bits {
    uint32_t c1, b7, c7, d7, more_a7;
    uint32_t saved;
} cpu_bits;

static uint32_t saved_registers(void) {
    uint32_t low;
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static cpu_bits read_cpu(void) {
    cpu_bits cpu = {.saved = 0};
    uint32_t other;
    (void)__get_cpuid(1, &other, &other, &cpu.c1, &other);
    (void)__get_cpuid_count(7, 0, &other, &cpu.b7, &cpu.c7, &cpu.d7);
    (void)__get_cpuid_count(7, 1, &cpu.more_a7, &other, &other, &other);
    if ((cpu.c1 & OSXSAVE) != 0) {
        cpu.saved = saved_registers();
    }
    return cpu;
}

static bool has_all(uint32_t value, uint32_t bits) {
    return (value & bits) == bits;
}

static uint32_t features_of(const cpu_bits *cpu) {
    uint32_t features = 0;
    if (!has_all(cpu->saved, SAVES_YMM) || !has_all(cpu->c1, FMA_AVX_F16C) ||
        !has_all(cpu->b7, AVX2)) {
        return 0;
    }
    features |= DP_CPU_AVX2;
    if (!has_all(cpu->saved, SAVES_ZMM) || !has_all(cpu->b7, AVX512)) {
        return features | (has_all(cpu->more_a7, AVX_VNNI) ? DP_CPU_VNNI : 0);
    }
    bool tiles = has_all(cpu->saved, SAVES_TILES) && has_all(cpu->d7, AMX_BF16_TILE_INT8);
    features |= DP_CPU_AVX512;
    features |= has_all(cpu->c7, AVX512_VNNI) ? DP_CPU_VNNI : 0;
    features |= has_all(cpu->more_a7, AVX512_BF16) ? DP_CPU_BF16 : 0;
    features |= tiles ? DP_CPU_AMX : 0;
    return features;
}

static bool has_avx_vnni(const cpu_bits *cpu) {
    return features_of(cpu) != 0 && has_all(cpu->more_a7, AVX_VNNI);
}

/* Intel's is slow, since AMX replaces it; AVX512-FP16 identifies these processors. */
static bool has_slow_bf16(const cpu_bits *cpu, const uint32_t vendor[3]) {
    return memcmp(vendor, "GenuineIntel", 12) == 0 && has_all(cpu->d7, AVX512_FP16);
}

uint32_t dpi_cpu_features(void) {
    const cpu_bits cpu = read_cpu();
    return features_of(&cpu);
}

bool dpi_cpu_has_avx_vnni(void) {
    const cpu_bits cpu = read_cpu();
    return has_avx_vnni(&cpu);
}

bool dpi_cpu_has_slow_bf16(void) {
    const cpu_bits cpu = read_cpu();
    uint32_t vendor[3] = {0, 0, 0};
    uint32_t leaves;
    (void)__get_cpuid(0, &leaves, &vendor[0], &vendor[2], &vendor[1]);
    return has_slow_bf16(&cpu, vendor);
}

#else

bool dpi_cpu_has_avx_vnni(void) {
    return false;
}

bool dpi_cpu_has_slow_bf16(void) {
    return false;
}

#if defined(__aarch64__) && (defined(__linux__) || defined(__FreeBSD__)) && \
    !defined(DP_FREESTANDING)

#include <sys/auxv.h>

#if defined(__FreeBSD__)
static unsigned long getauxval(int kind) {
    unsigned long value = 0;
    (void)elf_aux_info(kind, &value, sizeof value);
    return value;
}
#endif

/* As both kernels number them, for C libraries that do not know all of them. */
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
