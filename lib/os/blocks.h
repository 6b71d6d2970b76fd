/*
 * Memory of the C library as the system has it. Not in builds without a heap. Private to lib/os.
 */
#ifndef DPI_BLOCKS_H
#define DPI_BLOCKS_H

#include <stddef.h>

/* A block of `size` bytes, a multiple of the alignment, which is a power of two; NULL on failure.
 */
void *dpi_block_allocate(size_t alignment, size_t size);
void dpi_block_free(void *block);

/* Weights are read from front to back: with pages of 4 KiB, looking up the pages would cost as much
 * as reading them. */
void dpi_block_ask_for_huge_pages(void *block, size_t size);

/* Returns the memory of bytes of a block that will be written before they are read again: of whole
 * pages among them, where the system can. */
void dpi_block_discard(const void *bytes, size_t size);

#endif /* DPI_BLOCKS_H */
