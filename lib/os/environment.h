/*
 * What is read from the environment.
 */
#ifndef DP_ENVIRONMENT_H
#define DP_ENVIRONMENT_H

#include <stdint.h>

/* DP_CPU_* that DUALPATH_CPU leaves; read once. */
uint32_t dp_environment_cpu_mask(void);

#endif /* DP_ENVIRONMENT_H */
