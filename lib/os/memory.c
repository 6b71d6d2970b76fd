/*
 * The default allocator, and the wrappers that call any allocator.
 */
#include "os/memory.h"

#include "base/size.h"
#include "dp_config.h"
#include "os/account.h"
#include "os/blocks.h"

#include <string.h>

#if defined(DP_NO_HEAP)

static void *default_allocate(void *user, size_t size) {
    (void)user;
    (void)size;
    return NULL;
}

static void default_release(void *user, void *block, size_t size) {
    (void)user;
    (void)block;
    (void)size;
}

void dpi_discard(const dp_allocator *allocator, const void *bytes, size_t size) {
    (void)allocator;
    (void)bytes;
    (void)size;
}

#else

#define HUGE_PAGE ((size_t)2 << 20)

static void *default_allocate(void *user, size_t size) {
    (void)user;
    size_t alignment = size >= HUGE_PAGE ? HUGE_PAGE : DPI_ALIGNMENT;
    size_t rounded;
    if (!dpi_size_add(size, alignment - 1, &rounded)) {
        return NULL;
    }
    rounded &= ~(alignment - 1);
    void *block = dpi_block_allocate(alignment, rounded == 0 ? alignment : rounded);
    if (block != NULL && alignment == HUGE_PAGE) {
        dpi_block_ask_for_huge_pages(block, rounded);
    }
    return block;
}

static void default_release(void *user, void *block, size_t size) {
    (void)user;
    (void)size;
    dpi_block_free(block);
}

void dpi_discard(const dp_allocator *allocator, const void *bytes, size_t size) {
    const dpi_account *account = dpi_account_of(allocator);
    const dp_allocator *from = account != NULL ? account->from : allocator;
    if (from == NULL || from == &dpi_default_allocator) {
        dpi_block_discard(bytes, size);
    }
}

#endif

const dp_allocator dpi_default_allocator = {.allocate = default_allocate,
                                            .release = default_release};

void *dpi_allocate(const dp_allocator *allocator, size_t size) {
    const dp_allocator *from = allocator != NULL ? allocator : &dpi_default_allocator;
    void *block = from->allocate(from->user, size);
    if (block != NULL && (uintptr_t)block % DPI_ALIGNMENT != 0) {
        from->release(from->user, block, size); /* misaligned: treat as a failure */
        return NULL;
    }
    return block;
}

void dpi_release(const dp_allocator *allocator, void *block, size_t size) {
    const dp_allocator *from = allocator != NULL ? allocator : &dpi_default_allocator;
    if (block != NULL) {
        from->release(from->user, block, size);
    }
}

dp_status dpi_fail_to_allocate(const dp_allocator *allocator, size_t size, const char *what,
                               dpi_message *message) {
    const dpi_account *account = DPI_HAS_ACCOUNTS ? dpi_account_of(allocator) : NULL;
    return dpi_account_fail(account, size, what, message);
}

void *dpi_allocate_for(const dp_allocator *allocator, size_t size, const char *what,
                       dpi_message *message) {
    void *block = dpi_allocate(allocator, size);
    if (block == NULL) {
        (void)dpi_fail_to_allocate(allocator, size, what, message);
    }
    return block;
}

#define MOVED_AT_ONCE ((size_t)4 << 20)

void dpi_move_block(const dp_allocator *allocator, void *to, void *from, size_t used,
                    size_t allocated) {
    uint8_t *source = from;
    for (size_t done = 0; done < used; done += MOVED_AT_ONCE) {
        size_t count = dpi_size_min(used - done, MOVED_AT_ONCE);
        memcpy((uint8_t *)to + done, source + done, count);
        dpi_discard(allocator, source + done, count);
    }
    dpi_release(allocator, from, allocated);
}
