/*
 * Sessions: sizing, creating and destroying them. All of a session lies in one arena.
 */
#include "api/api.h"

#include <stddef.h>
#include <string.h>

#define MAX_THREADS 256

static dp_status resolve_options(const dp_model *model, const dp_session_options *given,
                                 dp_session_options *options, dp_message *message) {
    dp_session_options_default(options);
    if (model == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the model is NULL");
    }
    if (!model->runnable) {
        return dp_fail(message, DP_ERR_UNSUPPORTED,
                       "this model is laid out for %s, which the instruction sets in use cannot "
                       "read: it can only be compiled",
                       dp_target_name((int32_t)model->target));
    }
    dp_status status = dp_copy_struct("dp_session_options", given, options, sizeof *options,
                                      offsetof(dp_session_options, reserved), message);
    if (status != DP_OK) {
        return status;
    }
    if (options->threads < 0 || options->threads > MAX_THREADS) {
        return dp_fail(message, DP_ERR_ARGUMENT,
                       "dp_session_options: threads is %d, expected 0 .. %d", (int)options->threads,
                       MAX_THREADS);
    }
    const dp_allocator *allocator = options->allocator;
    if (allocator != NULL && (allocator->allocate == NULL || allocator->release == NULL)) {
        return dp_fail(message, DP_ERR_ARGUMENT,
                       "dp_session_options: the allocator lacks a function");
    }
    if (options->threads == 0) {
        options->threads = (int32_t)dp_min_size(dp_processor_count(), MAX_THREADS);
    }
    return DP_OK;
}

/* Plans or takes everything a session needs, itself first. */
static dp_session *take_session(dp_arena *arena, const dp_model *model, size_t threads) {
    const dp_parameters *p = &model->parameters;
    dp_session planned = {.model = model};
    dp_session *session = dp_arena_take(arena, 1, sizeof *session);
    planned.pool_memory = dp_arena_take(arena, 1, dp_pool_size(threads));
    planned.logits = dp_arena_floats(arena, 1, p->classes);
    planned.probabilities = dp_arena_floats(arena, 1, p->classes);
    for (size_t i = 0; i < DP_PATHS; i++) {
        planned.feature[i] = dp_arena_floats(arena, 1, p->feature_size);
    }
    dp_workspace_take(arena, model, threads, &planned.workspace);
    if (session != NULL) {
        *session = planned;
    }
    return session;
}

static dp_status count_bytes(const dp_model *model, const dp_session_options *options,
                             size_t *bytes, dp_message *message) {
    dp_arena arena = {.base = NULL};
    (void)take_session(&arena, model, (size_t)options->threads);
    if (arena.failed) {
        return dp_fail(message, DP_ERR_MEMORY,
                       "a session of this model is larger than this machine can address");
    }
    *bytes = arena.used;
    return DP_OK;
}

dp_status dp_session_size(const dp_model *model, const dp_session_options *options, size_t *bytes) {
    dp_message *message = dp_thread_message();
    dp_session_options resolved;
    if (bytes == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the place for the size is NULL");
    }
    *bytes = 0;
    dp_status status = resolve_options(model, options, &resolved, message);
    return status == DP_OK ? count_bytes(model, &resolved, bytes, message) : status;
}

/* The caller's arena, or memory of our own. */
static dp_status get_memory(const dp_session_options *options, size_t bytes, void **memory,
                            dp_message *message) {
    if (options->arena == NULL) {
        *memory = dp_allocate(options->allocator, bytes);
        return *memory != NULL ? DP_OK
                               : dp_fail(message, DP_ERR_MEMORY,
                                         "%zu bytes for the session could not be had", bytes);
    }
    if ((uintptr_t)options->arena % DP_ALIGNMENT != 0) {
        return dp_fail(message, DP_ERR_ARENA, "the arena is not aligned to %d bytes", DP_ALIGNMENT);
    }
    if (options->arena_size < bytes) {
        return dp_fail(message, DP_ERR_ARENA, "the arena has %zu bytes, the session needs %zu",
                       options->arena_size, bytes);
    }
    *memory = options->arena;
    return DP_OK;
}

static dp_status start(const dp_model *model, const dp_session_options *options, void *memory,
                       size_t bytes, dp_session **session, dp_message *message) {
    dp_arena arena = {.base = memory, .size = bytes};
    dp_session *made = take_session(&arena, model, (size_t)options->threads);
    made->allocator = options->allocator;
    made->bytes = bytes;
    made->owned = options->arena == NULL;
    made->progress = options->progress;
    made->progress_user = options->progress_user;
    made->log = options->log;
    made->log_user = options->log_user;
    dp_status status =
        dp_pool_start(made->pool_memory, (size_t)options->threads, &made->pool, message);
    if (status == DP_OK) {
        *session = made;
    }
    return status;
}

dp_status dp_session_create(const dp_model *model, const dp_session_options *options,
                            dp_session **session) {
    dp_message *message = dp_thread_message();
    dp_session_options resolved;
    size_t bytes = 0;
    void *memory = NULL;
    if (session == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the place for the new session is NULL");
    }
    *session = NULL;
    dp_status status = resolve_options(model, options, &resolved, message);
    if (status == DP_OK) {
        status = count_bytes(model, &resolved, &bytes, message);
    }
    if (status == DP_OK) {
        status = get_memory(&resolved, bytes, &memory, message);
    }
    if (status != DP_OK) {
        return status;
    }
    status = start(model, &resolved, memory, bytes, session, message);
    if (status != DP_OK && resolved.arena == NULL) {
        dp_release(resolved.allocator, memory, bytes);
    }
    return status;
}

void dp_session_destroy(dp_session *session) {
    if (session != NULL) {
        dp_pool_stop(session->pool);
        if (session->owned) {
            dp_release(session->allocator, session, session->bytes);
        }
    }
}

int32_t dp_session_threads(const dp_session *session) {
    return session != NULL ? (int32_t)dp_pool_threads(session->pool) : 0;
}

const char *dp_session_message(const dp_session *session) {
    return session != NULL ? session->message.text : "";
}
