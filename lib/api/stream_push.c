/*
 * dp_stream_push(): which frames of the source are sampled, and their pixels for the queue.
 */
#include "api/stream.h"
#include "os/clock.h"

/* Times of a stream differ by less than 2^63. */
#define MAX_TIME_US ((int64_t)1 << 61)

static dp_status check_time(const dp_stream *stream, int64_t time_us, dpi_message *message) {
    if (time_us < -MAX_TIME_US || time_us > MAX_TIME_US) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "frame %lld: a time of %lld us, expected -2^61 .. 2^61",
                        (long long)stream->source_frames, (long long)time_us);
    }
    if (stream->options.sample_fps > 0.0 && stream->source_frames > 0 &&
        time_us < stream->last_source_us) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "frame %lld: its time is %lld us, that of the frame before %lld us: they "
                        "are sampled by time, and may not go back",
                        (long long)stream->source_frames, (long long)time_us,
                        (long long)stream->last_source_us);
    }
    return DP_OK;
}

/* The sample number of the next frame of the source; -1: it is not sampled. */
static int64_t find_sample_number(const dp_stream *stream, int64_t time_us) {
    const dp_stream_options *options = &stream->options;
    int64_t sample_number = stream->source_frames / options->rate;
    bool is_sampled = stream->source_frames % options->rate == 0;
    if (options->sample_fps > 0.0 && stream->source_frames > 0) {
        sample_number =
            dpi_sample_number(options->sample_fps, (double)(time_us - stream->first_source_us),
                              (double)(time_us - stream->last_source_us));
        is_sampled = sample_number > stream->last_sample_number;
    }
    return is_sampled ? sample_number : -1;
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

static dp_status queue_frame(dp_stream *stream, const dp_frame *frame, int64_t time_us,
                             int64_t sample_number, dpi_message *message) {
    dpi_queued_frame *queued = NULL;
    dp_status status = dpi_queue_reserve(&stream->queue, stream->options.full, &queued, message);
    if (status == DP_OK) {
        double since = dpi_clock_ms();
        load_frame(stream, frame, queued);
        queued->source_number = stream->source_frames;
        queued->sample_number = sample_number;
        queued->time_us = time_us;
        queued->load_ms = dpi_clock_restart(&since);
        dpi_queue_put(&stream->queue, queued);
        stream->last_sample_number = sample_number;
    }
    return status;
}

static dp_status check_frame_and_time(const dp_stream *stream, const dp_frame *frame,
                                      int64_t time_us, dpi_message *message) {
    if (frame == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the frame is NULL");
    }
    dp_status status = check_time(stream, time_us, message);
    return status == DP_OK ? dpi_check_frame(frame, (size_t)stream->source_frames, message)
                           : status;
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
    int64_t sample_number = find_sample_number(stream, time_us);
    if (dpi_queue_has_ended(&stream->queue)) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "the stream is finished: dp_stream_reset() begins anew");
    }
    if (sample_number >= 0) {
        status = queue_frame(stream, frame, time_us, sample_number, message);
    }
    if (status == DP_OK) {
        stream->first_source_us = stream->source_frames == 0 ? time_us : stream->first_source_us;
        stream->last_source_us = time_us;
        stream->source_frames++;
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
