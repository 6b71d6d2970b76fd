/*
 * Streams: their options, and creating and resetting them.
 */
#include "api/stream.h"
#include "base/size.h"

#include <stddef.h>

/* ---- options ---- */

#define MAX_RATE 65536
#define MAX_FPS 1000.0

static dp_status check_number(const char *name, int32_t number, int32_t least, int32_t most,
                              dpi_message *message) {
    return number >= least && number <= most
               ? DP_OK
               : dpi_fail(message, DP_ERR_ARGUMENT,
                          "dp_stream_options: %s is %d, expected %d .. %d", name, (int)number,
                          (int)least, (int)most);
}

static dp_status check_sampling_rule(const dp_stream_options *options, dpi_message *message) {
    dp_status status = check_number("rate", options->rate, 0, MAX_RATE, message);
    if (status != DP_OK) {
        return status;
    }
    if (!(options->sample_fps >= 0.0 && options->sample_fps <= MAX_FPS)) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_stream_options: sample_fps is %g, expected 0 .. %g",
                        options->sample_fps, MAX_FPS);
    }
    if (options->sample_fps > 0.0 && options->rate != 0) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_stream_options: rate and sample_fps are both set, expected one");
    }
    return DP_OK;
}

static dp_status check_full(const dp_stream_options *options, dpi_message *message) {
    dp_status status = check_number("full", options->full, DP_FULL_REFUSE, DP_FULL_DROP, message);
    if (status == DP_OK && options->full == DP_FULL_WAIT && !DPI_GATES_WAIT) {
        status = dpi_fail(message, DP_ERR_UNSUPPORTED,
                          "dp_stream_options: this build has no threads to wait for: full cannot "
                          "be DP_FULL_WAIT");
    }
    return status;
}

/* An eighth of a window; where every window is computed as a whole, a quarter. */
static int32_t default_hop(const dpi_parameters *p) {
    size_t hop =
        dpi_has_two_paths(p) ? dpi_spatial_distance(p) : p->frames / (dpi_frames_meet(p) ? 4 : 8);
    return (int32_t)dpi_size_max(hop, 1);
}

/* Numbers that stand for something else become that. */
static void fill_in(const dpi_parameters *p, dp_stream_options *options) {
    if (options->rate == 0) {
        options->rate = (int32_t)p->sampling_rate;
    }
    if (options->hop == 0) {
        options->hop = default_hop(p);
    }
}

static dp_status resolve_stream_options(const dp_model *model, const dp_stream_options *given,
                                        dp_stream_options *options, dpi_message *message) {
    dp_status status = dpi_read_struct(&dpi_stream_options_type, given, options, message);
    if (status == DP_OK) {
        status = dpi_check_allocator("dp_stream_options", options->allocator, message);
    }
    if (status == DP_OK) {
        status = check_sampling_rule(options, message);
    }
    if (status == DP_OK) {
        status = check_number("hop", options->hop, 0, DP_MAX_HOP, message);
    }
    if (status == DP_OK) {
        status = check_number("queue", options->queue, 1, DP_MAX_QUEUE, message);
    }
    if (status == DP_OK) {
        status = check_full(options, message);
    }
    if (status == DP_OK) {
        status = dpi_check_crop(options->crop, options->crops, message);
    }
    fill_in(&model->parameters, options);
    return status;
}

/* ---- creating ---- */

/* Plans or takes everything a stream needs, itself first. */
static dp_stream *take_stream(dpi_arena *arena, const dp_model *model,
                              const dp_stream_options *options) {
    const dpi_parameters *p = &model->parameters;
    dp_stream planned = {.options = *options};
    dp_stream *stream = dpi_arena_take(arena, 1, sizeof *stream);
    /* the current frame, and the one before while they are compared */
    size_t extra = options->skip_unchanged != 0 ? 2 : 1;
    dpi_frame_target target = dpi_view_target(model, (size_t)options->crop, (size_t)options->crops);
    planned.scratch = dpi_arena_floats(arena, 1, dpi_frame_scratch(&target));
    dpi_queue_take(arena, (size_t)options->queue, extra, p->image_size, &planned.queue);
    dpi_stream_take_windows(arena, model, &planned);
    if (stream != NULL) {
        *stream = planned;
    }
    return stream;
}

static dp_status count_stream_bytes(const dp_model *model, const dp_stream_options *options,
                                    size_t *bytes, dpi_message *message) {
    dpi_arena arena = {.base = NULL};
    (void)take_stream(&arena, model, options);
    if (arena.failed) {
        return dpi_fail(message, DP_ERR_MEMORY,
                        "a stream of this model is larger than this machine can address");
    }
    *bytes = arena.used;
    return DP_OK;
}

dp_status dp_stream_size(const dp_model *model, const dp_stream_options *options, size_t *bytes) {
    dpi_message *message = dpi_thread_message();
    dp_stream_options resolved;
    if (bytes == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the place for the size is NULL");
    }
    *bytes = 0;
    if (model == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the model is NULL");
    }
    dp_status status = resolve_stream_options(model, options, &resolved, message);
    return status == DP_OK ? count_stream_bytes(model, &resolved, bytes, message) : status;
}

/* As nothing had come. */
static void begin(dp_stream *stream) {
    dpi_queue_clear(&stream->queue);
    dpi_stream_clear_windows(stream);
    stream->source_frames = 0;
    stream->last_sample_number = stream->sample_number = -1;
    stream->current = NULL;
}

dp_status dp_stream_create(dp_session *session, const dp_stream_options *options,
                           dp_stream **stream) {
    dpi_message *message = dpi_thread_message();
    dp_stream_options resolved;
    size_t bytes = 0;
    void *memory = NULL;
    if (stream == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the place for the new stream is NULL");
    }
    *stream = NULL;
    if (session == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the session is NULL");
    }
    dp_status status = resolve_stream_options(session->model, options, &resolved, message);
    if (status == DP_OK) {
        status = count_stream_bytes(session->model, &resolved, &bytes, message);
    }
    dpi_place place = {resolved.allocator, resolved.arena, resolved.arena_size};
    if (status == DP_OK) {
        status = dpi_place_take(session->model, &place, bytes, "a stream", &memory, message);
    }
    if (status != DP_OK) {
        return status;
    }
    dpi_arena arena = {.base = memory, .size = bytes};
    dp_stream *made = take_stream(&arena, session->model, &resolved);
    status = dpi_gate_init(&made->queue.gate, message);
    if (status != DP_OK) {
        dpi_place_release(session->model, &place, memory, bytes);
        return status;
    }
    made->session = session;
    made->place = place;
    made->bytes = bytes;
    begin(made);
    dpi_session_hold(session);
    *stream = made;
    return DP_OK;
}

void dp_stream_destroy(dp_stream *stream) {
    if (stream == NULL) {
        return;
    }
    dp_session *session = stream->session;
    dpi_place place = stream->place;
    dpi_gate_end(&stream->queue.gate);
    dpi_place_release(session->model, &place, stream, stream->bytes);
    dpi_session_release(session);
}

dp_status dpi_check_stream(const dp_stream *stream) {
    return stream != NULL ? DP_OK
                          : dpi_fail(dpi_thread_message(), DP_ERR_ARGUMENT, "the stream is NULL");
}

dp_status dp_stream_reset(dp_stream *stream) {
    dp_status status = dpi_check_stream(stream);
    if (status == DP_OK) {
        dpi_gate_lock(&stream->queue.gate);
        begin(stream);
        dpi_gate_unlock(&stream->queue.gate);
    }
    return status;
}
