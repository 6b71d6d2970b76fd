/*
 * Streams beside their answers: which frames are sampled by time, what happens when frames come
 * faster than they are computed, threads, memory, and what is refused.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* usleep() */
#endif
#include "small_stream.h"
#include "spoilt_model.h"

#include <float.h>
#include <pthread.h>
#include <unistd.h>

#define REFUSED(call, status, part)                                               \
    do {                                                                          \
        ck_assert_int_eq(call, status);                                           \
        ck_assert_msg(strstr(dp_last_message(), part) != NULL, "\"%s\" lacks %s", \
                      dp_last_message(), part);                                   \
    } while (0)

static test_clip film;
static dp_stream_options options;

static void set_up_film(void) {
    set_up();
    film = make_clip(80, 17, 17);
    options = default_options();
    options.rate = 1;
    options.queue = 16;
}

static void tear_down_film(void) {
    free_clip(&film);
    tear_down();
}

static void sample_by_time(double fps) {
    options.rate = 0;
    options.sample_fps = fps;
    options.hop = 1;
}

/* ---- times ---- */

/* Pushes frames at these times; the frames that the windows have, one after the other, are those of
 * the first window and the last of each later one. */
static size_t sampled_frames(const int64_t *times_us, size_t count, int64_t *frames) {
    dp_stream *stream = new_stream(session, &options);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        push(stream, &film.frames[i], times_us[i]);
        for (dp_window window = next(stream); window.ready; window = next(stream)) {
            for (int32_t t = found == 0 ? 0 : SMALL_FRAMES - 1; t < SMALL_FRAMES; t++) {
                frames[found++] = window.frames[t];
            }
            answer got = keep_window(&window);
            answer expected = answer_of_frames(session, &window, &film);
            ck_assert(same_bits(&got, &expected));
        }
    }
    dp_stream_destroy(stream);
    return found;
}

/* 30 frames a second, as containers round them, sampled 10 times a second. */
START_TEST(a_steady_camera_is_sampled_evenly) {
    int64_t times[70], frames[70];
    for (int64_t i = 0; i < 70; i++) {
        times[i] = i * 1000000 / 30 + 17;
    }
    sample_by_time(10.0);
    size_t found = sampled_frames(times, 70, frames);
    ck_assert_uint_eq(found, 24);
    for (size_t i = 0; i < found; i++) {
        ck_assert_int_eq(frames[i], 3 * (int64_t)i);
    }
}
END_TEST

/* The nearest of 25 frames a second for 10 points: at 0, 100 (between 80 and 120), 200 ... */
START_TEST(the_nearest_frame_is_taken) {
    int64_t times[60], frames[60];
    for (int64_t i = 0; i < 60; i++) {
        times[i] = i * 40000;
    }
    sample_by_time(10.0);
    size_t found = sampled_frames(times, 60, frames);
    ck_assert_uint_eq(found, 24);
    for (size_t i = 0; i < found; i++) {
        int64_t distance = 40 * frames[i] - 100 * (int64_t)i;
        ck_assert_int_le(distance < 0 ? -distance : distance, 20);
    }
}
END_TEST

/* A camera of 5 frames a second, asked for 10: each frame stands for two. */
START_TEST(missing_frames_are_stood_for_by_the_one_before) {
    int64_t times[20], frames[60];
    for (int64_t i = 0; i < 20; i++) {
        times[i] = i * 200000;
    }
    sample_by_time(10.0);
    size_t found = sampled_frames(times, 20, frames);
    ck_assert_uint_eq(found, 39);
    for (size_t i = 0; i < found; i++) {
        ck_assert_int_eq(frames[i], (int64_t)i / 2);
    }
}
END_TEST

START_TEST(times_of_missing_frames_lie_between) {
    sample_by_time(10.0);
    dp_stream *stream = new_stream(session, &options);
    push(stream, &film.frames[0], 500000);
    push(stream, &film.frames[1], 500000);
    ck_assert_int_eq(next(stream).ready, 0);
    push(stream, &film.frames[2], 2000000);
    dp_window window = next(stream);
    ck_assert_int_eq(window.ready, 1);
    for (int64_t t = 0; t < SMALL_FRAMES; t++) {
        ck_assert_int_eq(window.times_us[t], 500000 + 100000 * t);
        ck_assert_int_eq(window.frames[t], t == SMALL_FRAMES - 1 ? 2 : 0);
    }
    dp_stream_destroy(stream);
}
END_TEST

/* Windows that would see nothing but one frame are left out: a camera that was away for a year
 * costs no more than one that was away for a moment. */
START_TEST(a_long_gap_is_shortened) {
    sample_by_time(10.0);
    options.hop = 3;
    dp_stream *stream = new_stream(session, &options);
    int64_t windows = 0, later = (int64_t)365 * 86400 * 1000000 + 100000;
    push(stream, &film.frames[0], 0);
    push(stream, &film.frames[1], 100000);
    ck_assert_int_eq(next(stream).ready, 0);
    push(stream, &film.frames[2], later);
    windows = check_windows(stream, session, &film);
    ck_assert_int_eq(windows, 2);
    for (int64_t i = 0; i < 40; i++) {
        push(stream, &film.frames[3 + i], later + 100000 * (i + 1));
        dp_window window = next(stream);
        ck_assert(!window.ready || window.times_us[SMALL_FRAMES - 1] % 300000 == 0);
        windows += window.ready;
    }
    ck_assert_int_eq(windows, 15);
    dp_stream_destroy(stream);
}
END_TEST

START_TEST(time_that_goes_back_is_refused) {
    sample_by_time(10.0);
    dp_stream *stream = new_stream(session, &options);
    push(stream, &film.frames[0], 7);
    REFUSED(dp_stream_push(stream, &film.frames[0], 6), DP_ERR_ARGUMENT,
            "frame 1: its time is 6 us, that of the frame before 7 us");
    push(stream, &film.frames[0], 7);
    REFUSED(dp_stream_push(stream, &film.frames[0], INT64_MAX), DP_ERR_ARGUMENT,
            "frame 2: a time of 9223372036854775807 us");
    REFUSED(dp_stream_push(stream, &film.frames[0], INT64_MIN), DP_ERR_ARGUMENT, "a time of -");
    push(stream, &film.frames[0], (int64_t)1 << 61);
    dp_stream_destroy(stream);
}
END_TEST

/* By rate, times are only passed on. */
START_TEST(frames_by_rate_may_have_any_time) {
    dp_stream *stream = new_stream(session, &options);
    for (int64_t i = 0; i < SMALL_FRAMES; i++) {
        push(stream, &film.frames[i], -i);
    }
    dp_stream_destroy(stream);
}
END_TEST

/* ---- more frames than are computed ---- */

START_TEST(a_full_queue_refuses_and_goes_on) {
    options.queue = 3;
    dp_stream *stream = new_stream(session, &options);
    for (int64_t i = 0; i < SMALL_FRAMES + 4; i++) {
        if (i >= 3) {
            REFUSED(dp_stream_push(stream, &film.frames[i], i), DP_ERR_FULL,
                    "3 frames wait, and there is a place for no more: call dp_stream_next()");
        }
        if (i % 3 == 0 && i > 0) {
            check_windows(stream, session, &film);
        }
        if (i < 3 || i % 3 == 0) {
            push(stream, &film.frames[i], i);
        }
        if (i >= 3 && i % 3 == 0) {
            push(stream, &film.frames[i + 1], i);
            push(stream, &film.frames[i + 2], i);
        }
    }
    dp_stream_destroy(stream);
}
END_TEST

/* The frame before stands in the place of a dropped one. */
START_TEST(a_full_queue_drops_the_oldest) {
    options.queue = 2;
    options.full = DP_FULL_DROP;
    options.hop = 1;
    dp_stream *stream = new_stream(session, &options);
    push(stream, &film.frames[0], 0);
    ck_assert_int_eq(next(stream).ready, 0);
    for (int64_t i = 1; i < 7; i++) {
        push(stream, &film.frames[i], i); /* 5 and 6 are left */
    }
    int64_t windows = 0;
    for (int64_t i = 7; windows == 0; i++) {
        dp_window window = next(stream);
        if (window.ready) {
            static const int64_t expected[] = {0, 0, 0, 0, 0, 5, 6, 7};
            ck_assert_mem_eq(window.frames, expected, sizeof expected);
            ck_assert_int_eq(window.dropped, 4);
            windows++;
        }
        push(stream, &film.frames[i], i);
    }
    dp_stream_destroy(stream);
}
END_TEST

/* The frame that told where time goes is dropped, while others wait for their turn. */
START_TEST(times_do_not_go_back_when_frames_are_dropped) {
    options.queue = 1;
    options.hop = 1;
    options.full = DP_FULL_DROP;
    dp_stream *stream = new_stream(session, &options);
    int64_t last = 0;
    for (int64_t i = 0; i < 60; i++) {
        /* a second for each frame at first; then many in a moment, of which one is left */
        int64_t time_us = i < SMALL_FRAMES ? 1000000 * i : 100000000 + i;
        push(stream, &film.frames[i], time_us);
        if (i < SMALL_FRAMES || i == 18 || i == 31) {
            dp_window window = next(stream);
            for (int32_t t = 0; t < SMALL_FRAMES && window.ready; t++) {
                ck_assert_int_ge(window.times_us[t], t == 0 ? 0 : window.times_us[t - 1]);
            }
            ck_assert(!window.ready || window.times_us[SMALL_FRAMES - 1] >= last);
            last = window.ready ? window.times_us[SMALL_FRAMES - 1] : last;
        }
    }
    ck_assert_int_gt(last, 15000000);
    dp_stream_destroy(stream);
}
END_TEST

/* The first frames are dropped, too: then the stream begins with the first that is left. */
START_TEST(a_stream_can_begin_with_drops) {
    options.full = DP_FULL_DROP;
    options.queue = 1;
    dp_stream *stream = new_stream(session, &options);
    for (int64_t i = 0; i < 5; i++) {
        push(stream, &film.frames[i], i);
    }
    ck_assert_int_eq(next(stream).ready, 0);
    int64_t i = 5;
    dp_window window = {0};
    while (!window.ready) {
        push(stream, &film.frames[i], i);
        window = next(stream);
        i++;
    }
    ck_assert_int_eq(window.frames[0], 4);
    ck_assert_int_eq(window.frames[SMALL_FRAMES - 1], 4 + SMALL_FRAMES - 1);
    ck_assert_int_eq(window.dropped, 4);
    dp_stream_destroy(stream);
}
END_TEST

/* ---- two threads ---- */

typedef struct camera {
    dp_stream *stream;
    size_t count;
    dp_status status;
} camera;

static void *push_film(void *argument) {
    camera *of = argument;
    for (size_t i = 0; i < of->count && of->status == DP_OK; i++) {
        do {
            of->status = dp_stream_push(of->stream, &film.frames[i], (int64_t)i * 1000);
        } while (of->status == DP_ERR_FULL);
    }
    if (of->status == DP_OK) {
        of->status = dp_stream_finish(of->stream);
    }
    return NULL;
}

static int64_t watch(dp_stream *stream) {
    dp_session *reference = new_session(model, 1);
    int64_t windows = 0;
    dp_window window = {.ready = 1};
    while (window.ready) {
        dp_window_default(&window);
        ck_assert_int_eq(dp_stream_next(stream, -1, &window), DP_OK);
        if (window.ready) {
            answer got = keep_window(&window);
            answer expected = answer_of_frames(reference, &window, &film);
            ck_assert(same_bits(&got, &expected));
            windows++;
        }
    }
    dp_session_destroy(reference);
    return windows;
}

START_TEST(one_thread_pushes_while_another_computes) {
    options.full = _i % 3;
    options.skip_unchanged = _i / 3;
    options.hop = 3;
    for (options.queue = 1; options.queue <= 3; options.queue++) {
        pthread_t thread;
        dp_stream *stream = new_stream(session, &options);
        camera of = {stream, 80, DP_OK};
        ck_assert_int_eq(pthread_create(&thread, NULL, push_film, &of), 0);
        int64_t windows = watch(stream);
        pthread_join(thread, NULL);
        ck_assert_int_eq(of.status, DP_OK);
        if (options.full != DP_FULL_DROP) {
            ck_assert_int_eq(windows, (80 - SMALL_FRAMES) / 3 + 1 + 1); /* and the last one */
        }
        dp_stream_destroy(stream);
    }
}
END_TEST

static void *push_two(void *argument) {
    camera *of = argument;
    (void)dp_stream_push(of->stream, &film.frames[0], 0);
    of->status = dp_stream_push(of->stream, &film.frames[1], 1);
    return NULL;
}

/* Nobody takes the first one: whoever pushes waits until there is an end. */
START_TEST(a_push_that_waits_ends_with_the_stream) {
    pthread_t thread;
    options.queue = 1;
    options.full = DP_FULL_WAIT;
    dp_stream *stream = new_stream(session, &options);
    camera of = {stream, 2, DP_OK};
    ck_assert_int_eq(pthread_create(&thread, NULL, push_two, &of), 0);
    usleep(30000);
    ck_assert_int_eq(dp_stream_finish(stream), DP_OK);
    pthread_join(thread, NULL);
    ck_assert(of.status == DP_ERR_CANCELLED || of.status == DP_ERR_ARGUMENT); /* if it came late */
    dp_stream_destroy(stream);
}
END_TEST

static void *wait_for_windows(void *argument) {
    dp_window window = {.ready = 1};
    dp_status status = DP_OK;
    while (status == DP_OK && window.ready) {
        dp_window_default(&window);
        status = dp_stream_next(argument, -1, &window);
    }
    return NULL;
}

/* Two sessions on a pool: the camera of one of them has stalled. */
START_TEST(a_stream_that_stalls_does_not_stall_another) {
    pthread_t thread;
    dp_session *sessions[2];
    dp_stream *streams[2];
    dp_pool *pool = new_pool(2);
    dp_session_options pooled;
    dp_session_options_default(&pooled);
    pooled.pool = pool;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(dp_session_create(model, &pooled, &sessions[i]), DP_OK);
        streams[i] = new_stream(sessions[i], &options);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_windows, streams[0]), 0);
    int64_t windows = 0;
    for (int64_t i = 0; i < 60; i++) {
        push(streams[1], &film.frames[i], i);
        windows += check_windows(streams[1], session, &film);
    }
    ck_assert_int_eq(windows, (60 - SMALL_FRAMES) / 2 + 1);
    ck_assert_int_eq(dp_stream_finish(streams[0]), DP_OK);
    pthread_join(thread, NULL);
    for (int i = 0; i < 2; i++) {
        dp_stream_destroy(streams[i]);
        dp_session_destroy(sessions[i]);
    }
    dp_pool_destroy(pool);
}
END_TEST

START_TEST(next_waits_no_longer_than_asked) {
    dp_stream *stream = new_stream(session, &options);
    dp_window window;
    dp_window_default(&window);
    ck_assert_int_eq(dp_stream_next(stream, 20, &window), DP_OK);
    ck_assert_int_eq(window.ready, 0);
    dp_stream_destroy(stream);
}
END_TEST

/* ---- progress ---- */

static int calls_left;

static int cancel_later(void *user, const char *stage, double fraction) {
    (void)user;
    (void)stage;
    ck_assert(fraction >= 0.0 && fraction <= 1.0);
    return --calls_left == 0;
}

/* Cancelled at every report, the stream goes on where it was, and nothing is lost. With T = 32 and
 * a hop of 16, framesets of two windows end with the same frame. With a distance of 4 and fewer
 * multiply-adds in a frameset, spatial images are computed in two calls. Returns how often it was.
 */
static int check_cancelled_stream(const dp_model *of, int32_t hop, int64_t length,
                                  int64_t expected_windows) {
    dp_session_options session_options;
    dp_session_options_default(&session_options);
    session_options.threads = 1;
    session_options.progress = cancel_later;
    dp_session *watched = NULL, *reference = new_session(of, 1);
    ck_assert_int_eq(dp_session_create(of, &session_options, &watched), DP_OK);
    options.hop = hop;
    dp_stream *stream = new_stream(watched, &options);
    int64_t windows = 0;
    int cancelled = 0;
    for (int64_t i = 0; i <= length; i++) {
        bool more = true;
        if (i < length) {
            push(stream, &film.frames[i], i);
        } else {
            ck_assert_int_eq(dp_stream_finish(stream), DP_OK);
        }
        for (int after = 1; more; after++) {
            dp_window window;
            dp_window_default(&window);
            calls_left = after;
            dp_status status = dp_stream_next(stream, 0, &window);
            if (status == DP_ERR_CANCELLED) {
                ck_assert_ptr_nonnull(strstr(dp_last_message(), "cancelled at stage"));
                cancelled++;
                continue;
            }
            ck_assert_int_eq(status, DP_OK);
            more = window.ready;
            if (window.ready) {
                answer got = keep_window(&window);
                answer expected = answer_of_frames(reference, &window, &film);
                ck_assert(same_bits(&got, &expected));
                windows++;
            }
        }
    }
    ck_assert_int_eq(windows, expected_windows);
    dp_stream_destroy(stream);
    dp_session_destroy(watched);
    dp_session_destroy(reference);
    return cancelled;
}

START_TEST(a_cancelled_window_goes_on) {
    dp_model *of = open_golden("released-t32.gguf");
    dp_model *late_one = open_golden("relu.gguf");
    ck_assert_int_gt(check_cancelled_stream(model, 5, 20, 2), 20);
    ck_assert_int_gt(check_cancelled_stream(of, 16, 70, 4), 20);
    ck_assert_int_gt(check_cancelled_stream(late_one, 4, 23, 3), 20);
    dp_model_close(late_one);
    dp_model_close(of);
}
END_TEST

/* All hops, up to more than T; a frame more than three windows is the last frame of a fourth one,
 * unless it stands between windows. */
START_TEST(a_cancelled_window_of_one_path_goes_on) {
    static const char *const names[] = {AIM_MODEL, ST_MODEL, VPT_MODEL, ADAPTFORMER_MODEL};
    dp_model *of = open_golden(names[_i]);
    int64_t frames = (int64_t)frames_of(of);
    for (int32_t hop = 1; hop <= frames + 1; hop++) {
        int64_t more = hop > 1 ? 1 : 0;
        int64_t windows = hop <= frames ? 3 + more : 3;
        ck_assert_int_gt(check_cancelled_stream(of, hop, frames + 2 * hop + more, windows),
                         windows);
    }
    dp_model_close(of);
}
END_TEST

/* Its number is counted, and the next call goes on behind it. */
START_TEST(a_window_that_overflows_has_no_answer) {
    spoilt_file file = fill_golden_tensor("head.hidden.weight", FLT_MAX);
    dp_model *broken = NULL;
    ck_assert_int_eq(dp_model_open_memory(file.bytes, file.size, NULL, &broken), DP_OK);
    dp_session *asked = new_session(broken, 1);
    size_t frames = frames_of(broken);
    options.hop = 2;
    dp_stream *stream = new_stream(asked, &options);
    dp_window window;
    dp_prediction top;
    for (size_t i = 0; i < frames + 1; i++) {
        dp_window_default(&window);
        push(stream, &film.frames[i], 0);
        dp_status status = dp_stream_next(stream, 0, &window);
        ck_assert_int_eq(status, i == frames - 1 ? DP_ERR_NUMERIC : DP_OK);
        ck_assert_int_eq(window.ready, 0);
    }
    ck_assert_int_eq(dp_stream_finish(stream), DP_OK);
    REFUSED(dp_stream_next(stream, 0, &window), DP_ERR_NUMERIC,
            "the answer of window 1 is not finite");
    ck_assert_int_eq(dp_stream_next(stream, 0, &window), DP_OK);
    ck_assert_int_eq(window.ready, 0);
    REFUSED(dp_stream_top(stream, 1, &top), DP_ERR_ARGUMENT, "no result");
    dp_stream_destroy(stream);
    dp_session_destroy(asked);
    dp_model_close(broken);
    free(file.bytes);
}
END_TEST

/* ---- memory ---- */

/* Of models that keep class rows, cells of framesets or pixels. */
static const char *const arena_models[] = {SMALL_MODEL, AIM_MODEL, ST_MODEL, VPT_MODEL};

START_TEST(a_stream_lies_in_an_arena_of_its_size) {
    size_t bytes = 0;
    dp_model *of = open_golden(arena_models[_i / 2]);
    dp_session *on = new_session(of, 1);
    options.queue = 4;
    options.skip_unchanged = _i % 2;
    ck_assert_int_eq(dp_stream_size(of, &options, &bytes), DP_OK);
    uint8_t *arena = aligned_alloc(64, (bytes + 127) / 64 * 64);
    memset(arena, 0xa5, bytes + 64);
    options.arena = arena;
    options.arena_size = bytes - 1;
    dp_stream *stream = NULL;
    REFUSED(dp_stream_create(on, &options, &stream), DP_ERR_ARENA, "a stream needs");
    ck_assert_ptr_null(stream);
    options.arena_size = bytes;
    stream = new_stream(on, &options);
    ck_assert_ptr_eq(stream, arena);
    int64_t windows = 0;
    for (int64_t i = 0; i < 20; i++) {
        push(stream, &film.frames[i], i);
        windows += check_windows(stream, on, &film);
    }
    ck_assert_int_gt(windows, 1);
    dp_stream_destroy(stream);
    dp_session_destroy(on);
    dp_model_close(of);
    for (size_t i = bytes; i < bytes + 64 && i < (bytes + 127) / 64 * 64; i++) {
        ck_assert_uint_eq(arena[i], 0xa5);
    }
    free(arena);
}
END_TEST

START_TEST(a_stream_holds_on_to_its_session) {
    dp_session *own = new_session(model, 2);
    dp_stream *stream = new_stream(own, &options);
    dp_session_destroy(own);
    int64_t windows = 0;
    for (int64_t i = 0; i < SMALL_FRAMES; i++) {
        push(stream, &film.frames[i], i);
        windows += check_windows(stream, session, &film);
    }
    ck_assert_int_eq(windows, 1);
    dp_stream_destroy(stream);
}
END_TEST

/* ---- refusals ---- */

static void refuse_options(const char *part) {
    size_t bytes = 1;
    dp_stream *stream = NULL;
    REFUSED(dp_stream_create(session, &options, &stream), DP_ERR_ARGUMENT, part);
    ck_assert_ptr_null(stream);
    REFUSED(dp_stream_size(model, &options, &bytes), DP_ERR_ARGUMENT, part);
    ck_assert_uint_eq(bytes, 0);
    options = default_options();
}

START_TEST(options_are_checked) {
    options.hop = -1;
    refuse_options("hop is -1, expected 0 .. 65536");
    options.hop = DP_MAX_HOP + 1;
    refuse_options("hop is 65537");
    options.rate = -1;
    refuse_options("rate is -1, expected 0 .. 65536");
    options.sample_fps = -0.5;
    refuse_options("sample_fps is -0.5, expected 0 .. 1000");
    options.sample_fps = NAN;
    refuse_options("sample_fps is");
    options.sample_fps = 1001.0;
    refuse_options("sample_fps is 1001");
    options.sample_fps = 4.0;
    options.rate = 2;
    refuse_options("rate and sample_fps are both set");
    options.queue = 0;
    refuse_options("queue is 0, expected 1 .. 1024");
    options.full = 3;
    refuse_options("full is 3, expected 0 .. 2");
    options.crop = 1;
    refuse_options("crop is 1, expected 0 .. 0");
    options.reserved = 1;
    refuse_options("where version");
    options.struct_size = 8;
    refuse_options("struct_size is 8");
}
END_TEST

START_TEST(arguments_are_checked) {
    dp_stream *stream = NULL;
    dp_window window;
    size_t bytes = 0;
    dp_frame bad = film.frames[0];
    bad.width = 0;
    dp_window_default(&window);
    REFUSED(dp_stream_create(NULL, NULL, &stream), DP_ERR_ARGUMENT, "the session is NULL");
    REFUSED(dp_stream_create(session, NULL, NULL), DP_ERR_ARGUMENT, "the new stream is NULL");
    REFUSED(dp_stream_size(NULL, NULL, &bytes), DP_ERR_ARGUMENT, "the model is NULL");
    REFUSED(dp_stream_size(model, NULL, NULL), DP_ERR_ARGUMENT, "the size is NULL");
    REFUSED(dp_stream_push(NULL, film.frames, 0), DP_ERR_ARGUMENT, "the stream is NULL");
    REFUSED(dp_stream_finish(NULL), DP_ERR_ARGUMENT, "the stream is NULL");
    REFUSED(dp_stream_reset(NULL), DP_ERR_ARGUMENT, "the stream is NULL");
    REFUSED(dp_stream_next(NULL, 0, &window), DP_ERR_ARGUMENT, "the stream is NULL");
    REFUSED(dp_stream_top(NULL, 1, NULL), DP_ERR_ARGUMENT, "the stream is NULL");
    dp_stream_destroy(NULL);
    stream = new_stream(session, NULL);
    REFUSED(dp_stream_push(stream, NULL, 0), DP_ERR_ARGUMENT, "the frame is NULL");
    REFUSED(dp_stream_push(stream, &bad, 0), DP_ERR_FRAME, "frame 0: 0 x 17");
    REFUSED(dp_stream_next(stream, 0, NULL), DP_ERR_ARGUMENT, "the window is NULL");
    REFUSED(dp_stream_next(stream, -2, &window), DP_ERR_ARGUMENT, "timeout_ms is -2");
    window.struct_size = 1;
    REFUSED(dp_stream_next(stream, 0, &window), DP_ERR_ARGUMENT, "dp_window: struct_size is 1");
    ck_assert_int_eq(dp_stream_finish(stream), DP_OK);
    REFUSED(dp_stream_push(stream, film.frames, 0), DP_ERR_ARGUMENT,
            "the stream is finished: dp_stream_reset()");
    dp_stream_destroy(stream);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("stream_rules");
    TCase *times = add_case(suite, "times", 60, set_up_film, tear_down_film);
    tcase_add_test(times, a_steady_camera_is_sampled_evenly);
    tcase_add_test(times, the_nearest_frame_is_taken);
    tcase_add_test(times, missing_frames_are_stood_for_by_the_one_before);
    tcase_add_test(times, times_of_missing_frames_lie_between);
    tcase_add_test(times, a_long_gap_is_shortened);
    tcase_add_test(times, time_that_goes_back_is_refused);
    tcase_add_test(times, frames_by_rate_may_have_any_time);
    TCase *queue = add_case(suite, "queue", 60, set_up_film, tear_down_film);
    tcase_add_test(queue, a_full_queue_refuses_and_goes_on);
    tcase_add_test(queue, a_full_queue_drops_the_oldest);
    tcase_add_test(queue, times_do_not_go_back_when_frames_are_dropped);
    tcase_add_test(queue, a_stream_can_begin_with_drops);
    tcase_add_loop_test(queue, one_thread_pushes_while_another_computes, 0, 6);
    tcase_add_test(queue, a_stream_that_stalls_does_not_stall_another);
    tcase_add_test(queue, next_waits_no_longer_than_asked);
    tcase_add_test(queue, a_push_that_waits_ends_with_the_stream);
    tcase_add_test(queue, a_cancelled_window_goes_on);
    tcase_add_loop_test(queue, a_cancelled_window_of_one_path_goes_on, 0, 4);
    tcase_add_test(queue, a_window_that_overflows_has_no_answer);
    TCase *memory = add_case(suite, "memory", 60, set_up_film, tear_down_film);
    tcase_add_loop_test(memory, a_stream_lies_in_an_arena_of_its_size, 0,
                        2 * (int)COUNT(arena_models));
    tcase_add_test(memory, a_stream_holds_on_to_its_session);
    TCase *refusals = add_case(suite, "refusals", 60, set_up_film, tear_down_film);
    tcase_add_test(refusals, options_are_checked);
    tcase_add_test(refusals, arguments_are_checked);
    return run_suite(suite);
}
