/*
 * How many processors this process may use.
 */
#ifndef DPI_PROCESSORS_H
#define DPI_PROCESSORS_H

#include <stddef.h>

/* By its affinity and by the quotas of its control groups, at least 1. */
size_t dpi_processor_count(void);

/* By affinity alone, at least 1. */
size_t dpi_affine_processors(void);

/* By quotas alone: a quota over its period, rounded up to whole processors, the least of all
 * control groups that the process is in, those of version 1 and of version 2 and all groups around
 * them; on Linux. SIZE_MAX: there is none. `root` is put in front of all paths: "", but for tests.
 */
size_t dpi_quota_processors(const char *root);

#endif /* DPI_PROCESSORS_H */
