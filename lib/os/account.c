/*
 * Counting the memory of a model.
 */
#include "os/account.h"
#include "base/size.h"
#include "os/memory.h"

/* ---- counting ---- */

static bool take(dpi_account *account, size_t size) {
    dpi_account *counted = account->counted;
    size_t used = atomic_load(&counted->used);
    size_t more = 0;
    do {
        if (!dpi_size_add(used, size, &more) || more > counted->limit) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&counted->used, &used, more));
    return true;
}

static void give_back(dpi_account *account, size_t size) {
    atomic_fetch_sub(&account->counted->used, size);
}

size_t dpi_account_used(const dpi_account *account) {
    return account != NULL ? atomic_load(&account->counted->used) : 0;
}

/* ---- blocks ---- */

void *dpi_account_allocate(dpi_account *account, const dp_allocator *from, size_t size) {
    if (account == NULL) {
        return dpi_allocate(from, size);
    }
    if (!take(account, size)) {
        return NULL;
    }
    void *block = dpi_allocate(from, size);
    if (block == NULL) {
        give_back(account, size);
    }
    return block;
}

void dpi_account_release(dpi_account *account, const dp_allocator *from, void *block, size_t size) {
    dpi_release(from, block, size);
    if (account != NULL && block != NULL) {
        give_back(account, size);
    }
}

/* An account that has too little left is the reason, whatever else is. */
dp_status dpi_account_fail(const dpi_account *account, size_t size, const char *what,
                           dpi_message *message) {
    size_t used = dpi_account_used(account);
    if (account != NULL && size > account->counted->limit - used) {
        return dpi_fail(message, DP_ERR_MEMORY,
                        "%zu bytes for %s are too much: %zu are in use, and max_memory is %zu",
                        size, what, used, account->counted->limit);
    }
    return dpi_fail(message, DP_ERR_MEMORY, "cannot allocate %zu bytes for %s", size, what);
}

/* ---- the allocator ---- */

static void *allocate_counted(void *user, size_t size) {
    dpi_account *account = user;
    return dpi_account_allocate(account, account->from, size);
}

static void release_counted(void *user, void *block, size_t size) {
    dpi_account *account = user;
    dpi_account_release(account, account->from, block, size);
}

const dpi_account *dpi_account_of(const dp_allocator *allocator) {
    return allocator != NULL && allocator->allocate == allocate_counted ? allocator->user : NULL;
}

/* ---- accounts ---- */

/* The struct itself is counted, too. */
static dp_status make_account(dpi_account made, dpi_account **account, dpi_message *message) {
    dpi_account *counted = made.counted;
    size_t limit = counted != NULL ? counted->limit : made.limit;
    if (limit < sizeof made) {
        return dpi_fail(message, DP_ERR_MEMORY,
                        "max_memory is %zu bytes, too little to open a file", limit);
    }
    dpi_account *block = dpi_account_allocate(counted, made.from, sizeof made);
    if (block == NULL) {
        return dpi_account_fail(counted, sizeof made, "counting what a file takes", message);
    }
    *block = made;
    block->allocator =
        (dp_allocator){.allocate = allocate_counted, .release = release_counted, .user = block};
    block->counted = counted != NULL ? counted : block;
    atomic_init(&block->used, counted != NULL ? 0 : sizeof made);
    *account = block;
    return DP_OK;
}

dp_status dpi_account_open(size_t limit, const dp_allocator *from, dpi_account **account,
                           dpi_message *message) {
    return make_account((dpi_account){.from = from, .limit = limit}, account, message);
}

dp_status dpi_account_share(dpi_account *counted, const dp_allocator *from, dpi_account **account,
                            dpi_message *message) {
    return make_account((dpi_account){.from = from, .counted = counted->counted}, account, message);
}

void dpi_account_close(dpi_account *account) {
    if (account != NULL) {
        dpi_account *counted = account->counted != account ? account->counted : NULL;
        dpi_account_release(counted, account->from, account, sizeof *account);
    }
}
