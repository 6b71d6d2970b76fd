/*
 * Pools: threads that the sessions of a program share.
 */
#include "api/api.h"
#include "base/size.h"
#include "os/memory.h"
#include "os/processors.h"

int32_t dpi_default_threads(void) {
    return (int32_t)dpi_size_min(dpi_processor_count(), DP_MAX_THREADS);
}

static dp_status resolve_pool_options(const dp_pool_options *given, dp_pool_options *options,
                                      dpi_message *message) {
    dp_status status = dpi_read_struct(&dpi_pool_options_type, given, options, message);
    if (status == DP_OK) {
        status = dpi_check_threads("dp_pool_options", options->threads, message);
    }
    if (status == DP_OK) {
        status = dpi_check_allocator("dp_pool_options", options->allocator, message);
    }
    if (options->threads == 0) {
        options->threads = dpi_default_threads();
    }
    return status;
}

/* Plans or takes everything a pool needs, itself first. */
static dp_pool *take_pool(dpi_arena *arena, size_t threads, void **workers) {
    dp_pool *pool = dpi_arena_take(arena, 1, sizeof *pool);
    *workers = dpi_arena_take(arena, 1, dpi_workers_size(threads));
    return pool;
}

dp_status dp_pool_create(const dp_pool_options *options, dp_pool **pool) {
    dpi_message *message = dpi_thread_message();
    dp_pool_options resolved;
    void *workers = NULL;
    if (pool == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the place for the new pool is NULL");
    }
    *pool = NULL;
    dp_status status = resolve_pool_options(options, &resolved, message);
    if (status != DP_OK) {
        return status;
    }
    dpi_arena arena = {.base = NULL};
    (void)take_pool(&arena, (size_t)resolved.threads, &workers);
    arena = (dpi_arena){.base = dpi_allocate(resolved.allocator, arena.used), .size = arena.used};
    if (arena.base == NULL) {
        return dpi_fail(message, DP_ERR_MEMORY, "%zu bytes for the pool could not be had",
                        arena.size);
    }
    dp_pool *made = take_pool(&arena, (size_t)resolved.threads, &workers);
    *made = (dp_pool){.allocator = resolved.allocator, .bytes = arena.size};
    status = dpi_workers_start(workers, (size_t)resolved.threads, &made->workers, message);
    if (status != DP_OK) {
        dpi_release(resolved.allocator, made, arena.size);
        return status;
    }
    atomic_init(&made->holders, 1);
    *pool = made;
    return DP_OK;
}

void dpi_pool_hold(dp_pool *pool) {
    atomic_fetch_add(&pool->holders, 1);
}

void dpi_pool_release(dp_pool *pool) {
    if (atomic_fetch_sub(&pool->holders, 1) == 1) {
        dpi_workers_stop(pool->workers);
        dpi_release(pool->allocator, pool, pool->bytes);
    }
}

void dp_pool_destroy(dp_pool *pool) {
    if (pool != NULL) {
        dpi_pool_release(pool);
    }
}

int32_t dp_pool_threads(const dp_pool *pool) {
    return pool != NULL ? (int32_t)dpi_workers_threads(pool->workers) : 0;
}
