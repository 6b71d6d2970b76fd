/*
 * No test: measures what a window of a stream costs beside a clip of the same frames, in turns.
 *
 *     bench_stream MODEL [precision [hop [threads [windows]]]]
 */
#include "api_support.h"
#include "os/clock.h"

#include <stdio.h>

#define SIDE 256 /* of a frame */

typedef struct bench {
    dp_model *model;
    dp_session *clips, *session;
    dp_stream *stream;
    test_clip film;
    size_t frames, hop, windows;
    double clip_ms, stream_ms, slowest_ms;
    size_t computing; /* pushes that made the stream compute */
} bench;

static void open_bench(bench *b, int count, char **arguments) {
    dp_model_options options;
    dp_session_options session_options;
    dp_stream_options stream_options;
    dp_model_info info;
    dp_model_options_default(&options);
    dp_session_options_default(&session_options);
    dp_stream_options_default(&stream_options);
    dp_model_info_default(&info);
    options.precision = dp_precision_from_name(count > 2 ? arguments[2] : "f32");
    session_options.threads = count > 4 ? atoi(arguments[4]) : 0;
    stream_options.hop = count > 3 ? atoi(arguments[3]) : 2;
    stream_options.rate = 1;
    (void)dp_model_open(arguments[1], &options, &b->model);
    (void)dp_session_create(must(b->model, arguments[1]), &session_options, &b->clips);
    (void)dp_session_create(b->model, &session_options, &b->session);
    (void)dp_stream_create(must(b->session, "a session"), &stream_options, &b->stream);
    must(b->stream, "a stream");
    (void)dp_model_get_info(b->model, &info);
    b->frames = (size_t)info.frames;
    b->hop = (size_t)stream_options.hop;
    b->windows = count > 5 ? (size_t)atoi(arguments[5]) : 30;
    b->film = make_clip(b->frames + b->windows * b->hop, SIDE, SIDE);
}

/* Pushes frame i. Whether a window was ready. */
static bool push_timed(bench *b, size_t i, double *ms) {
    dp_window window;
    double since = dpi_clock_ms();
    dp_window_default(&window);
    (void)dp_stream_push(b->stream, &b->film.frames[i], (int64_t)i);
    (void)dp_stream_next(b->stream, 0, &window);
    *ms = dpi_clock_restart(&since);
    return window.ready != 0;
}

static double time_clip(bench *b, size_t first) {
    dp_clip clip = b->film.clip;
    dp_result result;
    double since = dpi_clock_ms();
    dp_result_default(&result);
    clip.frames += first;
    clip.frame_count = b->frames;
    clip.sampling = DP_SAMPLING_GIVEN;
    (void)dp_classify_clip(b->clips, &clip, &result);
    return dpi_clock_restart(&since);
}

static void run(bench *b) {
    double ms = 0.0;
    for (size_t i = 0; i < b->frames; i++) {
        (void)push_timed(b, i, &ms);
    }
    (void)time_clip(b, 0);
    for (size_t w = 0; w < b->windows; w++) {
        for (size_t i = 0; i < b->hop; i++) {
            (void)push_timed(b, b->frames + w * b->hop + i, &ms);
            b->stream_ms += ms;
            b->slowest_ms = ms > b->slowest_ms ? ms : b->slowest_ms;
            b->computing += ms > 0.1 ? 1 : 0;
        }
        b->clip_ms += time_clip(b, (w + 1) * b->hop);
    }
}

int main(int count, char **arguments) {
    bench b = {0};
    if (count < 2) {
        fprintf(stderr, "bench_stream MODEL [precision [hop [threads [windows]]]]\n");
        return 2;
    }
    open_bench(&b, count, arguments);
    run(&b);
    double windows = (double)b.windows;
    printf(
        "a clip %.1f ms, a window %.1f ms: %.2f times; of %zu pushes that compute the slowest %.1f "
        "ms, %.2f times their mean\n",
        b.clip_ms / windows, b.stream_ms / windows, b.clip_ms / b.stream_ms, b.computing,
        b.slowest_ms, b.slowest_ms * (double)b.computing / b.stream_ms);
    dp_stream_destroy(b.stream);
    dp_session_destroy(b.session);
    dp_session_destroy(b.clips);
    dp_model_close(b.model);
    free_clip(&b.film);
    return 0;
}
