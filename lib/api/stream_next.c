/*
 * The next window: takes frames out of the queue until one is complete.
 */
#include "api/stream.h"
#include "os/clock.h"

#include <string.h>

static bool are_same_pixels(const dp_stream *stream, const dpi_queued_frame *a,
                            const dpi_queued_frame *b) {
    size_t size = stream->session->model->parameters.image_size;
    return memcmp(a->pixels, b->pixels, 3 * size * size * sizeof(float)) == 0;
}

/* The frame that was taken out becomes the current one. `compared` is the one before, if the two
 * are to be compared; else NULL. */
static void take_frame(dp_stream *stream, dpi_queued_frame *frame, dpi_queued_frame *compared) {
    bool unchanged = compared != NULL && are_same_pixels(stream, compared, frame);
    stream->current = frame;
    stream->sample_number = frame->sample_number;
    stream->timings.frames_ms += frame->load_ms;
    stream->timings.total_ms += frame->load_ms;
    dpi_stream_begin_frame(stream, frame->time_us, unchanged);
    dpi_queue_give_back(&stream->queue, compared);
}

/* The current frame once more, in the place of one that is missing before `next`, at a time between
 * the last one and that. Where many are missing, whole hops of them are left out. */
static void repeat_frame(dp_stream *stream, const dpi_queued_frame *next) {
    int64_t frames = (int64_t)stream->session->model->parameters.frames;
    int64_t hop = stream->options.hop;
    int64_t before = stream->sample_number;
    int64_t missing = next->sample_number - before - 1;
    if (missing > frames) {
        stream->sample_number += (missing - frames) / hop * hop;
    }
    stream->sample_number++;
    double part = (double)(stream->sample_number - before) / (double)(next->sample_number - before);
    double elapsed_us = (double)(next->time_us - stream->current_time_us) * part;
    dpi_stream_begin_frame(stream, stream->current_time_us + (int64_t)elapsed_us, true);
}

/* Begins the next frame, if there is one. */
static dpi_queue_state begin_next_frame(dp_stream *stream, double deadline_ms) {
    dpi_queued_frame next;
    dpi_queued_frame *frame = NULL;
    int64_t next_number = stream->current != NULL ? stream->sample_number + 1 : -1;
    dpi_queued_frame *before = stream->current;
    bool compares = stream->options.skip_unchanged != 0;
    dpi_queue_state state = dpi_queue_get(&stream->queue, next_number, deadline_ms,
                                          compares ? NULL : before, &next, &frame);
    if (state == DPI_QUEUE_FRAME) {
        take_frame(stream, frame, compares ? before : NULL);
    }
    if (state == DPI_QUEUE_GAP) {
        repeat_frame(stream, &next);
    }
    return state;
}

/* Frame by frame, until a window is ready or no frame is left. */
static dp_status run_until_window(dp_stream *stream, double deadline_ms, bool *ready) {
    dp_status status = DP_OK;
    dpi_queue_state state = DPI_QUEUE_FRAME;
    while (status == DP_OK && !*ready) {
        if (!stream->in_progress) {
            state = begin_next_frame(stream, deadline_ms);
        }
        if (!stream->in_progress) {
            break;
        }
        double since = dpi_clock_ms();
        status = dpi_stream_run_frame(stream, ready);
        stream->timings.total_ms += dpi_clock_restart(&since);
    }
    if (status == DP_OK && !*ready && state == DPI_QUEUE_ENDED && !stream->finished) {
        double since = dpi_clock_ms();
        status = dpi_stream_run_rest(stream, ready);
        stream->timings.total_ms += dpi_clock_restart(&since);
    }
    return status;
}

static void write_window(dp_stream *stream, dp_window *window) {
    const dpi_parameters *p = &stream->session->model->parameters;
    const dpi_answer *answer = &stream->answer;
    dp_window known = {
        .frames = stream->window_frames,
        .times_us = stream->window_times_us,
        .logits = p->classes > 0 ? answer->logits : NULL,
        .probabilities = p->classes > 0 ? answer->probabilities : NULL,
        .feature_temporal = answer->feature[DPI_TEMPORAL],
        .feature_spatial = answer->feature[DPI_SPATIAL],
        .number = stream->windows - 1,
        .dropped = dpi_queue_dropped(&stream->queue),
        .macs = stream->macs,
        .timings = stream->timings,
        .ready = 1,
        .frame_count = (int32_t)p->frames,
        .classes = (int32_t)p->classes,
        .feature_size = (int32_t)p->feature_size,
    };
    stream->macs = 0;
    stream->timings = (dp_timings){0};
    dpi_write_struct(&dpi_window_type, &known, window);
}

static dp_status check_next(const dp_stream *stream, int32_t timeout_ms, dp_window *window,
                            dpi_message *message) {
    if (window == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the window is NULL");
    }
    dp_status status = dpi_check_struct_size(&dpi_window_type, window, message);
    if (status != DP_OK) {
        return status;
    }
    dpi_write_struct(&dpi_window_type, dpi_window_type.defaults, window);
    status = dpi_check_stream(stream);
    if (status == DP_OK && timeout_ms < -1) {
        status = dpi_fail(message, DP_ERR_ARGUMENT, "timeout_ms is %d, expected -1 or more",
                          (int)timeout_ms);
    }
    if (status == DP_OK && timeout_ms != 0 && !DPI_GATES_WAIT) {
        status = dpi_fail(message, DP_ERR_UNSUPPORTED,
                          "this build has no threads to wait for: timeout_ms must be 0");
    }
    return status;
}

dp_status dp_stream_next(dp_stream *stream, int32_t timeout_ms, dp_window *window) {
    dpi_message *message = dpi_thread_message();
    bool ready = false;
    dp_status status = check_next(stream, timeout_ms, window, message);
    if (status != DP_OK) {
        return status;
    }
    double deadline_ms = timeout_ms < 0 ? -1.0 : dpi_clock_ms() + timeout_ms;
    stream->session->clip_is_open = stream->session->has_attention = false;
    status = run_until_window(stream, timeout_ms == 0 ? 0.0 : deadline_ms, &ready);
    if (status != DP_OK) {
        *message = stream->session->message;
    }
    if (ready) {
        write_window(stream, window);
    }
    return status;
}

dp_status dp_stream_top(dp_stream *stream, int32_t count, dp_prediction *predictions) {
    dp_status status = dpi_check_stream(stream);
    return status != DP_OK
               ? status
               : dpi_answer_top(stream->has_answer ? &stream->answer : NULL, stream->session->model,
                                "stream", count, predictions, dpi_thread_message());
}
