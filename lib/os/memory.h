/*
 * Blocks of memory: from the caller's allocator, or from the C library.
 */
#ifndef DPI_MEMORY_H
#define DPI_MEMORY_H

#include "base/arena.h"
#include "base/message.h"
#include "dualpath.h"

/* The C library's memory, aligned to DPI_ALIGNMENT. */
extern const dp_allocator dpi_default_allocator;

/* NULL on failure; the allocator may be NULL for the default one. A size of 0 gives a block, too.
 */
void *dpi_allocate(const dp_allocator *allocator, size_t size);
void dpi_release(const dp_allocator *allocator, void *block, size_t size);

/* The same with a message that says why there is no block for `what`. */
void *dpi_allocate_for(const dp_allocator *allocator, size_t size, const char *what,
                       dpi_message *message);
/* That message, with DP_ERR_MEMORY. */
dp_status dpi_fail_to_allocate(const dp_allocator *allocator, size_t size, const char *what,
                               dpi_message *message);

/* Marks bytes of a block as unused until they are written again. Returns the whole pages
 * among them to the system at once, if supported and if the allocator is the default one. */
void dpi_discard(const dp_allocator *allocator, const void *bytes, size_t size);

/* Moves the contents of a block into a larger one and frees the old one. Calls dpi_discard() while
 * copying, so that memory never holds two full copies if it works. */
void dpi_move_block(const dp_allocator *allocator, void *to, void *from, size_t used,
                    size_t allocated);

#endif /* DPI_MEMORY_H */
