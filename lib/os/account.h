/*
 * The memory of a model, with a limit: what the model, tasks on it and sessions on it take.
 *
 * An account is an allocator in front of another one. All that takes memory for a model is given
 * the account's, so that nothing needs to know of the limit. Sessions have allocators of their own,
 * and tasks as well: their memory is counted on the account of the model, or the backbone.
 */
#ifndef DPI_ACCOUNT_H
#define DPI_ACCOUNT_H

#include "base/message.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct dpi_account {
    dp_allocator allocator;      /* give its address to what takes memory */
    const dp_allocator *from;    /* where the memory comes from; NULL: the default */
    struct dpi_account *counted; /* where it is counted: here, or on a backbone's account */
    atomic_size_t used;          /* bytes, this struct among them; never more than `limit` */
    size_t limit;
} dpi_account;

/* Opens an account of at most `limit` bytes, in memory of `from`. */
dp_status dpi_account_open(size_t limit, const dp_allocator *from, dpi_account **account,
                           dpi_message *message);
/* Opens one for memory of `from` that is counted on another account, which must outlive it. */
dp_status dpi_account_share(dpi_account *counted, const dp_allocator *from, dpi_account **account,
                            dpi_message *message);
/* Closes an account from which nothing is taken any more. NULL: nothing happens. */
void dpi_account_close(dpi_account *account);

/* A block of any allocator that is counted on this account; NULL: it is not counted. */
void *dpi_account_allocate(dpi_account *account, const dp_allocator *from, size_t size);
void dpi_account_release(dpi_account *account, const dp_allocator *from, void *block, size_t size);
/* Says why there was no such block for `what`, with DP_ERR_MEMORY. */
dp_status dpi_account_fail(const dpi_account *account, size_t size, const char *what,
                           dpi_message *message);
/* Bytes that are in use; 0 for NULL. */
size_t dpi_account_used(const dpi_account *account);

/* The account that this allocator belongs to; NULL: it belongs to none. */
const dpi_account *dpi_account_of(const dp_allocator *allocator);

#endif /* DPI_ACCOUNT_H */
