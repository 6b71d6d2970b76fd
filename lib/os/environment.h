/*
 * What is read from the environment.
 */
#ifndef DPI_ENVIRONMENT_H
#define DPI_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The DP_CPU_* that DUALPATH_CPU allows; read once. */
uint32_t dpi_environment_cpu_mask(void);

/* For environment.c. Copies a variable; false: there is none, or it has `size` bytes or more. */
bool dpi_environment_read(const char *name, char *value, size_t size);

#endif /* DPI_ENVIRONMENT_H */
