/*
 * How many processors this process may use: what is less, its affinity or its quotas.
 */
#include "os/processors.h"
#include "base/size.h"
#include "dp_config.h"

#if defined(DP_NO_THREADS)

size_t dpi_processor_count(void) {
    return 1;
}

#else

size_t dpi_processor_count(void) {
    return dpi_size_min(dpi_affine_processors(), dpi_quota_processors(""));
}

#endif
