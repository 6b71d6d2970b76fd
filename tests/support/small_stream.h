/*
 * Streams on the smallest golden model, and what their windows must answer.
 */
#ifndef SMALL_STREAM_H
#define SMALL_STREAM_H

#include "small_session.h"

static inline dp_stream_options default_options(void) {
    dp_stream_options options;
    dp_stream_options_default(&options);
    return options;
}

static inline dp_stream *new_stream(dp_session *on, const dp_stream_options *options) {
    dp_stream *stream = NULL;
    ck_assert_msg(dp_stream_create(on, options, &stream) == DP_OK, "%s", dp_last_message());
    return must(stream, "a stream");
}

static inline size_t frames_of(const dp_model *of) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(of, &info), DP_OK);
    return (size_t)info.frames;
}

static inline void push(dp_stream *to, const dp_frame *frame, int64_t time_us) {
    ck_assert_msg(dp_stream_push(to, frame, time_us) == DP_OK, "%s", dp_last_message());
}

/* The next window, if one is ready. */
static inline dp_window next(dp_stream *of) {
    dp_window window;
    dp_window_default(&window);
    ck_assert_msg(dp_stream_next(of, 0, &window) == DP_OK, "%s", dp_last_message());
    return window;
}

static inline answer keep_window(const dp_window *window) {
    answer kept = {{0}, 0};
    add_values(&kept, window->logits, window->classes);
    add_values(&kept, window->probabilities, window->classes);
    add_values(&kept, window->feature_temporal, window->feature_size);
    add_values(&kept, window->feature_spatial, window->feature_size);
    return kept;
}

/* Of a clip of the frames that the window says it has. */
static inline answer answer_of_frames(dp_session *reference, const dp_window *window,
                                      const test_clip *film) {
    dp_frame frames[64];
    dp_clip clip = film->clip;
    for (int32_t t = 0; t < window->frame_count; t++) {
        frames[t] = film->frames[window->frames[t]];
    }
    clip.frames = frames;
    clip.frame_count = (size_t)window->frame_count;
    clip.sampling = DP_SAMPLING_GIVEN;
    return classify(reference, &clip);
}

/* Asks for windows until none is ready, and compares each with its clip. Returns how many there
 * were. */
static inline int64_t check_windows(dp_stream *of, dp_session *reference, const test_clip *film) {
    int64_t windows = 0;
    for (dp_window window = next(of); window.ready; window = next(of)) {
        answer got = keep_window(&window);
        answer expected = answer_of_frames(reference, &window, film);
        ck_assert(same_bits(&got, &expected));
        windows++;
    }
    return windows;
}

#endif /* SMALL_STREAM_H */
