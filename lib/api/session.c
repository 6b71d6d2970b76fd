/*
 * Sessions: sizing, creating and destroying them. All of a session lies in one arena.
 */
#include "api/api.h"
#include "dp_config.h"

#include <stddef.h>
#include <string.h>

static dp_status check_scheduler(const dp_session_options *options, dpi_message *message) {
    const dp_scheduler *scheduler = options->scheduler;
    if (scheduler == NULL) {
        return DP_OK;
    }
    if (options->pool != NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_session_options: pool and scheduler are both set, expected one");
    }
    if (scheduler->run == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_scheduler: run is NULL");
    }
    if (scheduler->workers < 1 || scheduler->workers > DP_MAX_THREADS) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_scheduler: workers is %d, expected 1 .. %d",
                        (int)scheduler->workers, DP_MAX_THREADS);
    }
    return DPI_CHECK_RESERVED(dp_scheduler, scheduler, message);
}

/* The number of threads is that of the pool or the scheduler, if there is one. */
static dp_status resolve_session_threads(dp_session_options *options, dpi_message *message) {
    const char *whose = options->pool != NULL ? "pool" : "scheduler";
    int32_t theirs = dp_pool_threads(options->pool);
    if (options->scheduler != NULL) {
        theirs = options->scheduler->workers;
    }
    if (theirs != 0 && options->threads != 0 && options->threads != theirs) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_session_options: threads is %d, the %s has %d: expected 0 or %d",
                        (int)options->threads, whose, (int)theirs, (int)theirs);
    }
    if (options->threads == 0) {
        options->threads = theirs != 0 ? theirs : dpi_default_threads();
    }
    return DP_OK;
}

static dp_status check_session_model(const dp_model *model, dpi_message *message) {
    if (model == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the model is NULL");
    }
    if (!model->runnable) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "this model is laid out for %s, which the instruction sets in use cannot "
                        "read: it can only be compiled",
                        dp_target_name((int32_t)model->target));
    }
    return DP_OK;
}

static dp_status check_attention_kind(int32_t kind, dpi_message *message) {
    if (kind < DP_ATTENTION_NONE || kind > DP_ATTENTION_ROLLOUT) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_session_options: %d is no dp_attention_kind",
                        (int)kind);
    }
    return DPI_HAS_ATTENTION || kind == DP_ATTENTION_NONE
               ? DP_OK
               : dpi_fail(message, DP_ERR_UNSUPPORTED,
                          "dp_session_options: this build does not tell what class tokens attend "
                          "to");
}

/* An image cannot go through the blocks by itself where it meets others. */
static dp_status check_image_by_image(const dp_model *model, const dp_session_options *options,
                                      dpi_message *message) {
    const dpi_parameters *p = &model->parameters;
    return options->image_by_image != 0 && dpi_frames_meet(p)
               ? dpi_fail(message, DP_ERR_UNSUPPORTED,
                          "dp_session_options: image_by_image: the frames of a model of method "
                          "\"%s\" meet in its blocks",
                          dp_method_name((int32_t)p->method))
               : DP_OK;
}

static dp_status resolve_session_options(const dp_model *model, const dp_session_options *given,
                                         dp_session_options *options, dpi_message *message) {
    dp_status status = dpi_read_struct(&dpi_session_options_type, given, options, message);
    if (status == DP_OK) {
        status = check_session_model(model, message);
    }
    if (status == DP_OK) {
        status = dpi_check_threads("dp_session_options", options->threads, message);
    }
    if (status == DP_OK) {
        status = dpi_check_allocator("dp_session_options", options->allocator, message);
    }
    if (status == DP_OK) {
        status = check_scheduler(options, message);
    }
    if (status == DP_OK) {
        status = check_attention_kind(options->attention, message);
    }
    if (status == DP_OK) {
        status = check_image_by_image(model, options, message);
    }
    return status == DP_OK ? resolve_session_threads(options, message) : status;
}

/* Plans or takes everything a session needs, itself first. */
static dp_session *take_session(dpi_arena *arena, const dp_model *model,
                                const dp_session_options *options) {
    const dpi_parameters *p = &model->parameters;
    size_t threads = (size_t)options->threads;
    dp_session planned = {.model = model};
    dp_session *session = dpi_arena_take(arena, 1, sizeof *session);
    if (options->pool == NULL && options->scheduler == NULL) {
        planned.workers = dpi_arena_take(arena, 1, dpi_workers_size(threads));
    }
    planned.team = dpi_arena_take(arena, 1, dpi_team_size());
    dpi_answer_take(arena, p, &planned.answer);
    dpi_workspace_take(arena, model, threads, options->image_by_image != 0, options->attention,
                       &planned.workspace);
    if (session != NULL) {
        *session = planned;
    }
    return session;
}

static dp_status count_session_bytes(const dp_model *model, const dp_session_options *options,
                                     size_t *bytes, dpi_message *message) {
    dpi_arena arena = {.base = NULL};
    (void)take_session(&arena, model, options);
    if (arena.failed) {
        return dpi_fail(message, DP_ERR_MEMORY,
                        "a session of this model is larger than this machine can address");
    }
    *bytes = arena.used;
    return DP_OK;
}

dp_status dp_session_size(const dp_model *model, const dp_session_options *options, size_t *bytes) {
    dpi_message *message = dpi_thread_message();
    dp_session_options resolved;
    if (bytes == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the place for the size is NULL");
    }
    *bytes = 0;
    dp_status status = resolve_session_options(model, options, &resolved, message);
    return status == DP_OK ? count_session_bytes(model, &resolved, bytes, message) : status;
}

/* Starts the session's own workers, if it is to have any, and its team, in the memory taken. */
static dp_status start_session_team(dp_session *session, const dp_session_options *options,
                                    dpi_message *message) {
    dpi_workers *workers = options->pool != NULL ? options->pool->workers : NULL;
    if (session->workers != NULL) {
        dp_status status = dpi_workers_start(session->workers, (size_t)options->threads,
                                             &session->workers, message);
        if (status != DP_OK) {
            return status;
        }
        workers = session->workers;
    }
    dp_status status =
        dpi_team_start(session->team, workers, options->scheduler, &session->team, message);
    if (status != DP_OK) {
        dpi_workers_stop(session->workers);
    }
    return status;
}

static dp_status fill_session(const dp_model *model, const dp_session_options *options,
                              const dpi_place *place, void *memory, size_t bytes,
                              dp_session **session, dpi_message *message) {
    dpi_arena arena = {.base = memory, .size = bytes};
    dp_session *made = take_session(&arena, model, options);
    atomic_init(&made->holders, 1);
    made->place = *place;
    made->bytes = bytes;
    made->progress = options->progress;
    made->progress_user = options->progress_user;
    made->log = options->log;
    made->log_user = options->log_user;
    dp_status status = start_session_team(made, options, message);
    if (status != DP_OK) {
        return status;
    }
    dpi_model_hold(model);
    made->pool = options->pool;
    if (made->pool != NULL) {
        dpi_pool_hold(made->pool);
    }
    *session = made;
    return DP_OK;
}

dp_status dp_session_create(const dp_model *model, const dp_session_options *options,
                            dp_session **session) {
    dpi_message *message = dpi_thread_message();
    dp_session_options resolved;
    size_t bytes = 0;
    void *memory = NULL;
    if (session == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the place for the new session is NULL");
    }
    *session = NULL;
    dp_status status = resolve_session_options(model, options, &resolved, message);
    if (status == DP_OK) {
        status = count_session_bytes(model, &resolved, &bytes, message);
    }
    dpi_place place = {resolved.allocator, resolved.arena, resolved.arena_size};
    if (status == DP_OK) {
        status = dpi_place_take(model, &place, bytes, "a session", &memory, message);
    }
    if (status != DP_OK) {
        return status;
    }
    status = fill_session(model, &resolved, &place, memory, bytes, session, message);
    if (status != DP_OK) {
        dpi_place_release(model, &place, memory, bytes);
    }
    return status;
}

void dpi_session_hold(dp_session *session) {
    atomic_fetch_add(&session->holders, 1);
}

void dpi_session_release(dp_session *session) {
    if (atomic_fetch_sub(&session->holders, 1) != 1) {
        return;
    }
    const dp_model *model = session->model;
    dp_pool *pool = session->pool;
    dpi_place place = session->place;
    dpi_team_stop(session->team);
    dpi_workers_stop(session->workers);
    dpi_place_release(model, &place, session, session->bytes);
    if (pool != NULL) {
        dpi_pool_release(pool);
    }
    dpi_model_release(model);
}

void dp_session_destroy(dp_session *session) {
    if (session != NULL) {
        dpi_session_release(session);
    }
}

int32_t dp_session_threads(const dp_session *session) {
    return session != NULL ? (int32_t)dpi_team_threads(session->team) : 0;
}

const char *dp_session_message(const dp_session *session) {
    return session != NULL ? session->message.text : "";
}
