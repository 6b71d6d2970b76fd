/*
 * Memory of the C library, and what Linux does with its pages.
 */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif

#include "os/blocks.h"
#include "dp_config.h"

#if !defined(DP_NO_HEAP)

#include <stdint.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

void *dpi_block_allocate(size_t alignment, size_t size) {
    return aligned_alloc(alignment, size);
}

void dpi_block_free(void *block) {
    free(block);
}

void dpi_block_ask_for_huge_pages(void *block, size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    (void)madvise(block, size, MADV_HUGEPAGE);
#else
    (void)block;
    (void)size;
#endif
}

#define SYSTEM_PAGE \
    ((size_t)65536) /* at least: no system that the library runs on has larger ones */

void dpi_block_discard(const void *bytes, size_t size) {
#if defined(__linux__) && defined(MADV_DONTNEED)
    uintptr_t first = ((uintptr_t)bytes + SYSTEM_PAGE - 1) & ~(uintptr_t)(SYSTEM_PAGE - 1);
    uintptr_t end = ((uintptr_t)bytes + size) & ~(uintptr_t)(SYSTEM_PAGE - 1);
    if (first < end) {
        (void)madvise((void *)first, end - first, /* NOLINT(performance-no-int-to-ptr) */
                      MADV_DONTNEED);
    }
#else
    (void)bytes;
    (void)size;
#endif
}

#endif /* DP_NO_HEAP */
