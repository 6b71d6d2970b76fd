/*
 * Frames that are pushed: which of them are sampled, and their pixels for the queue.
 */
#include "api/stream.h"
#include "os/clock.h"

/* Times of a stream differ by less than 2^63. */
#define MAX_TIME_US ((int64_t)1 << 61)

static dp_status check_time(const dp_stream *stream, int64_t time_us, dpi_message *message) {
    if (time_us < -MAX_TIME_US || time_us > MAX_TIME_US) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "frame %lld: a time of %lld us, expected -2^61 .. 2^61",
                        (long long)stream->pushed, (long long)time_us);
    }
    if (stream->options.sample_fps > 0.0 && stream->pushed > 0 && time_us < stream->last_us) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "frame %lld: its time is %lld us, that of the frame before %lld us: they "
                        "are sampled by time, and may not go back",
                        (long long)stream->pushed, (long long)time_us, (long long)stream->last_us);
    }
    return DP_OK;
}

/* Which sample the next frame is; -1: none. */
static int64_t find_point(const dp_stream *stream, int64_t time_us) {
    const dp_stream_options *options = &stream->options;
    int64_t point = stream->pushed / options->rate;
    bool is_sampled = stream->pushed % options->rate == 0;
    if (options->sample_fps > 0.0 && stream->pushed > 0) {
        point = dpi_sample_point(options->sample_fps, (double)(time_us - stream->first_us),
                                 (double)(time_us - stream->last_us));
        is_sampled = point > stream->last_point;
    }
    return is_sampled ? point : -1;
}

dpi_frame_target dpi_stream_target(const dp_stream *stream) {
    return dpi_view_target(stream->session->model, (size_t)stream->options.crop,
                           (size_t)stream->options.crops);
}

static void load_frame(const dp_stream *stream, const dp_frame *frame, dpi_queued_frame *to) {
    dpi_frame_target target = dpi_stream_target(stream);
    size_t size = target.size;
    dpi_load_rows(frame, &target, 0, size, to->pixels, size * size, stream->scratch);
}

static dp_status sample_frame(dp_stream *stream, const dp_frame *frame, int64_t time_us,
                              int64_t point, dpi_message *message) {
    dpi_queued_frame *queued = NULL;
    dp_status status = dpi_queue_reserve(&stream->queue, stream->options.full, &queued, message);
    if (status == DP_OK) {
        double since = dpi_clock_ms();
        load_frame(stream, frame, queued);
        queued->number = stream->pushed;
        queued->point = point;
        queued->time_us = time_us;
        queued->load_ms = dpi_clock_restart(&since);
        dpi_queue_put(&stream->queue, queued);
        stream->last_point = point;
    }
    return status;
}

static dp_status check_frame_and_time(const dp_stream *stream, const dp_frame *frame,
                                      int64_t time_us, dpi_message *message) {
    if (frame == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the frame is NULL");
    }
    dp_status status = check_time(stream, time_us, message);
    return status == DP_OK ? dpi_check_frame(frame, (size_t)stream->pushed, message) : status;
}

dp_status dp_stream_push(dp_stream *stream, const dp_frame *frame, int64_t time_us) {
    dpi_message *message = dpi_thread_message();
    dp_status status = dpi_check_stream(stream);
    if (status == DP_OK) {
        status = check_frame_and_time(stream, frame, time_us, message);
    }
    if (status != DP_OK) {
        return status;
    }
    int64_t point = find_point(stream, time_us);
    if (dpi_queue_has_ended(&stream->queue)) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "the stream is finished: dp_stream_reset() begins anew");
    }
    if (point >= 0) {
        status = sample_frame(stream, frame, time_us, point, message);
    }
    if (status == DP_OK) {
        stream->first_us = stream->pushed == 0 ? time_us : stream->first_us;
        stream->last_us = time_us;
        stream->pushed++;
    }
    return status;
}

dp_status dp_stream_finish(dp_stream *stream) {
    dp_status status = dpi_check_stream(stream);
    if (status == DP_OK) {
        dpi_queue_end(&stream->queue);
    }
    return status;
}
