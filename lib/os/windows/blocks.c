/*
 * Memory of the C library on Windows. Its pages are left as they are: large ones are for programs
 * that an administrator allows to lock memory.
 */
#include "os/blocks.h"
#include "dp_config.h"

#if !defined(DP_NO_HEAP)

#include <malloc.h>

void *dpi_block_allocate(size_t alignment, size_t size) {
    return _aligned_malloc(size, alignment);
}

void dpi_block_free(void *block) {
    _aligned_free(block);
}

void dpi_block_ask_for_huge_pages(void *block, size_t size) {
    (void)block;
    (void)size;
}

void dpi_block_discard(const void *bytes, size_t size) {
    (void)bytes;
    (void)size;
}

#endif
