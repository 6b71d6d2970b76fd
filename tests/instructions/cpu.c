/*
 * In the place of lib/isa/cpu.c: a processor that has all instructions of this folder.
 */
#include "isa/isa.h"

uint32_t dpi_cpu_features(void) {
    return DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_VNNI | DP_CPU_BF16 | DP_CPU_AMX;
}

bool dpi_cpu_has_avx_vnni(void) {
    return true;
}

/* So that GEMMs of AVX512-BF16 are chosen where AMX is not allowed. */
bool dpi_cpu_has_slow_bf16(void) {
    return false;
}
