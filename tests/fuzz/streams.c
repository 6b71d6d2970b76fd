/*
 * Streams and events: bytes become options, frames with times, and calls in any order, some of them
 * cancelled. Each window must answer as a fresh session does on the frames that it names, and
 * events must keep what their options promise.
 */
#include "fuzz.h"
#include "golden_path.h"

#include <math.h>
#include <string.h>

#define FRAMES 64 /* different ones */
#define SIDE 9
#define MAX_CALLS 200
#define MAX_PUSHED 1024

static dp_model *model;
static dp_session *session, *reference;
static dp_model_info info;
static uint8_t pixels[FRAMES][SIDE * SIDE];
static dp_frame frames[FRAMES];

/* Of the stream that is used: which frame each pushed one was. */
static uint8_t pushed[MAX_PUSHED];
static int64_t pushed_count;

static int reports_left; /* until one cancels */

static int report(void *user, const char *stage, double fraction) {
    (void)user;
    fuzz_require(fraction >= 0.0 && fraction <= 1.0, "progress beyond its bounds", stage);
    return --reports_left == 0;
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count;
    (void)arguments;
    dp_session_options options;
    dp_session_options_default(&options);
    dp_model_info_default(&info);
    fuzz_require(dp_model_open(find_golden("crops-first.gguf").text, NULL, &model) == DP_OK &&
                     dp_model_get_info(model, &info) == DP_OK,
                 "no model", dp_last_message());
    options.threads = 1;
    fuzz_require(dp_session_create(model, &options, &reference) == DP_OK, "no session", "");
    options.progress = report;
    fuzz_require(dp_session_create(model, &options, &session) == DP_OK, "no session", "");
    for (int i = 0; i < FRAMES; i++) {
        for (int j = 0; j < SIDE * SIDE; j++) {
            pixels[i][j] = (uint8_t)(i * 37 + j * j * (i + 3));
        }
        (void)dp_frame_init_packed(&frames[i], DP_FORMAT_GRAY8, pixels[i], SIDE, SIDE);
    }
    return 0;
}

/* ---- windows ---- */

static void check_answer(const dp_window *window) {
    dp_frame chosen[64];
    dp_result result;
    dp_clip clip;
    dp_result_default(&result);
    dp_clip_default(&clip);
    for (int32_t t = 0; t < info.frames; t++) {
        fuzz_require(window->frames[t] >= 0 && window->frames[t] < pushed_count &&
                         (t == 0 || window->frames[t] >= window->frames[t - 1]),
                     "frames of a window are out of order", "");
        fuzz_require(t == 0 || window->times_us[t] >= window->times_us[t - 1], "times go back", "");
        chosen[t] = frames[pushed[window->frames[t]]];
    }
    clip.frames = chosen;
    clip.frame_count = (size_t)info.frames;
    clip.sampling = DP_SAMPLING_GIVEN;
    fuzz_require(dp_classify_clip(reference, &clip, &result) == DP_OK, "no answer", "");
    fuzz_require(memcmp(result.logits, window->logits, (size_t)info.classes * sizeof(float)) == 0 &&
                     memcmp(result.feature_temporal, window->feature_temporal,
                            (size_t)info.feature_size * sizeof(float)) == 0,
                 "a window has another answer than its frames", "");
}

/* ---- events ---- */

static dp_events_options event_options;
static dp_events *events;
static int64_t last_end_us;

static void take_events(void) {
    dp_event event;
    while (dp_events_next(events, &event) == 1) {
        fuzz_require(event.end_us - event.start_us >= event_options.shortest_us, "a short event",
                     "");
        fuzz_require(event.peak_us >= event.start_us - 1 && event.windows >= 1 &&
                         (double)event.peak >= event_options.begin_at && event.mean <= event.peak,
                     "an event that is none", "");
        fuzz_require(event_options.single == 0 || event.start_us >= last_end_us,
                     "two events at the same time", "");
        last_end_us = event.end_us;
    }
}

static void push_to_events(const dp_window *window) {
    dp_status status = dp_events_push_window(events, window);
    fuzz_require(status == DP_OK, "events refuse a window", dp_last_message());
    take_events();
}

/* ---- an input ---- */

static void create_events(fuzz_input *in) {
    dp_events_options_default(&event_options);
    event_options.begin_at = (1 + fuzz_byte(in) % 100) / 100.0;
    event_options.end_below = event_options.begin_at * (fuzz_byte(in) % 5) / 4.0;
    event_options.smooth = 1 + 2 * (fuzz_byte(in) % 4);
    event_options.single = fuzz_byte(in) % 2;
    event_options.shortest_us = fuzz_below(in, 3000) * 100;
    event_options.join_us = fuzz_below(in, 3000) * 100;
    event_options.entropy = (1 + fuzz_byte(in) % 10) / 10.0;
    fuzz_require(dp_events_create(info.classes, &event_options, &events) == DP_OK, "no events",
                 dp_last_message());
    last_end_us = INT64_MIN;
}

static dp_stream *create_stream(fuzz_input *in, dp_stream_options *options) {
    dp_stream *stream = NULL;
    dp_stream_options_default(options);
    uint8_t how = fuzz_byte(in);
    options->hop = fuzz_byte(in) % 40;
    options->rate = how % 2 == 0 ? fuzz_byte(in) % 4 : 0;
    options->sample_fps = how % 2 == 1 ? (1 + fuzz_byte(in)) / 4.0 : 0.0;
    options->queue = 1 + how / 2 % 4;
    options->full = how / 8 % 2 == 0 ? DP_FULL_REFUSE : DP_FULL_DROP;
    options->skip_unchanged = how / 16 % 2;
    options->crops = 1 + how / 32 % 2;
    options->crop = 0;
    fuzz_require(dp_stream_create(session, options, &stream) == DP_OK, "no stream",
                 dp_last_message());
    return stream;
}

static int64_t time_us;
static bool is_finished;

static void push_frame(dp_stream *stream, const dp_stream_options *options, fuzz_input *in) {
    uint8_t number = fuzz_byte(in), step = fuzz_byte(in);
    static const int64_t steps[] = {0, 1, 33333, 40000, 250000, 3000000, 1000000000000, 100000};
    if (pushed_count == MAX_PUSHED) {
        return;
    }
    time_us += steps[step % 8];
    pushed[pushed_count] = number % FRAMES;
    dp_status status = dp_stream_push(stream, &frames[number % FRAMES], time_us);
    bool is_full = status == DP_ERR_FULL && options->full == DP_FULL_REFUSE;
    fuzz_require(status == (is_finished ? DP_ERR_ARGUMENT : DP_OK) || (is_full && !is_finished),
                 "another status", dp_status_name(status));
    pushed_count += status == DP_OK;
}

static void ask_for_window(dp_stream *stream, fuzz_input *in) {
    dp_window window;
    dp_window_default(&window);
    reports_left = fuzz_byte(in);
    dp_status status = dp_stream_next(stream, 0, &window);
    fuzz_require(status == (reports_left == 0 && status != DP_OK ? DP_ERR_CANCELLED : DP_OK),
                 "a window fails", dp_last_message());
    reports_left = 0;
    if (status == DP_OK && window.ready) {
        check_answer(&window);
        push_to_events(&window);
    }
}

static void begin(void) {
    pushed_count = 0;
    time_us = 0;
    is_finished = false;
    last_end_us = INT64_MIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size, 0};
    dp_stream_options options;
    create_events(&in);
    dp_stream *stream = create_stream(&in, &options);
    begin();
    for (int i = 0; i < MAX_CALLS && in.at < in.size; i++) {
        uint8_t call = fuzz_byte(&in);
        if (call < 140) {
            push_frame(stream, &options, &in);
        } else if (call < 250) {
            ask_for_window(stream, &in);
        } else if (call < 254) {
            fuzz_require(dp_stream_finish(stream) == DP_OK, "a stream does not end", "");
            is_finished = true;
        } else {
            fuzz_require(dp_stream_reset(stream) == DP_OK && dp_events_reset(events) == DP_OK,
                         "no reset", "");
            begin();
        }
    }
    fuzz_require(dp_events_finish(events) == DP_OK, "events do not end", "");
    take_events();
    dp_events_destroy(events);
    dp_stream_destroy(stream);
    return 0;
}
