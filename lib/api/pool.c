/*
 * Pools: threads that the sessions of a program share.
 */
#include "api/api.h"
#include "base/size.h"
#include "os/memory.h"

int32_t dp_default_threads(void) {
    return (int32_t)dp_size_min(dp_processor_count(), DP_MAX_THREADS);
}

static dp_status resolve_pool_options(const dp_pool_options *given, dp_pool_options *options,
                                      dp_message *message) {
    dp_status status = dp_read_struct(&dp_pool_options_type, given, options, message);
    if (status == DP_OK) {
        status = dp_check_threads("dp_pool_options", options->threads, message);
    }
    if (status == DP_OK) {
        status = dp_check_allocator("dp_pool_options", options->allocator, message);
    }
    if (options->threads == 0) {
        options->threads = dp_default_threads();
    }
    return status;
}

/* Plans or takes everything a pool needs, itself first. */
static dp_pool *take_pool(dp_arena *arena, size_t threads, void **workers) {
    dp_pool *pool = dp_arena_take(arena, 1, sizeof *pool);
    *workers = dp_arena_take(arena, 1, dp_workers_size(threads));
    return pool;
}

dp_status dp_pool_create(const dp_pool_options *options, dp_pool **pool) {
    dp_message *message = dp_thread_message();
    dp_pool_options resolved;
    void *workers = NULL;
    if (pool == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the place for the new pool is NULL");
    }
    *pool = NULL;
    dp_status status = resolve_pool_options(options, &resolved, message);
    if (status != DP_OK) {
        return status;
    }
    dp_arena arena = {.base = NULL};
    (void)take_pool(&arena, (size_t)resolved.threads, &workers);
    arena = (dp_arena){.base = dp_allocate(resolved.allocator, arena.used), .size = arena.used};
    if (arena.base == NULL) {
        return dp_fail(message, DP_ERR_MEMORY, "%zu bytes for the pool could not be had",
                       arena.size);
    }
    dp_pool *made = take_pool(&arena, (size_t)resolved.threads, &workers);
    *made = (dp_pool){.allocator = resolved.allocator, .bytes = arena.size};
    status = dp_workers_start(workers, (size_t)resolved.threads, &made->workers, message);
    if (status != DP_OK) {
        dp_release(resolved.allocator, made, arena.size);
        return status;
    }
    atomic_init(&made->holders, 1);
    *pool = made;
    return DP_OK;
}

void dp_pool_hold(dp_pool *pool) {
    atomic_fetch_add(&pool->holders, 1);
}

void dp_pool_release(dp_pool *pool) {
    if (atomic_fetch_sub(&pool->holders, 1) == 1) {
        dp_workers_stop(pool->workers);
        dp_release(pool->allocator, pool, pool->bytes);
    }
}

void dp_pool_destroy(dp_pool *pool) {
    if (pool != NULL) {
        dp_pool_release(pool);
    }
}

int32_t dp_pool_threads(const dp_pool *pool) {
    return pool != NULL ? (int32_t)dp_workers_threads(pool->workers) : 0;
}
