/*
 * What is read from the environment.
 */
#ifndef DPI_ENVIRONMENT_H
#define DPI_ENVIRONMENT_H

#include <stdint.h>

/* The DP_CPU_* that DUALPATH_CPU allows; read once. */
uint32_t dpi_environment_cpu_mask(void);

#endif /* DPI_ENVIRONMENT_H */
