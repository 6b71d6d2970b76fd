/*
 * Events: their options, creating them, and windows on their way through the smoothing.
 */
#include "api/events.h"
#include "api/api.h"
#include "os/memory.h"

#include <stddef.h>
#include <string.h>

/* ---- options ---- */

#define MAX_CLASSES (1 << 24)

static bool is_part(double number) {
    return number > 0.0 && number <= 1.0;
}

static dp_status check_thresholds(const dp_events_options *options, dpi_message *message) {
    if (!is_part(options->begin_at)) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_events_options: begin_at is %g, expected more than 0 and at most 1",
                        options->begin_at);
    }
    if (!(options->end_below >= 0.0 && options->end_below <= options->begin_at)) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_events_options: end_below is %g, expected 0 .. begin_at, which is %g",
                        options->end_below, options->begin_at);
    }
    if (!is_part(options->entropy)) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_events_options: entropy is %g, expected more than 0 and at most 1",
                        options->entropy);
    }
    return DP_OK;
}

static dp_status check_lengths(const dp_events_options *options, dpi_message *message) {
    if (options->shortest_us < 0 || options->join_us < 0) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_events_options: %s is negative",
                        options->shortest_us < 0 ? "shortest_us" : "join_us");
    }
    if (options->smooth < 1 || options->smooth > DP_MAX_SMOOTH || options->smooth % 2 == 0) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_events_options: smooth is %d, expected an odd number of 1 .. %d",
                        (int)options->smooth, DP_MAX_SMOOTH);
    }
    return DP_OK;
}

static dp_status resolve_events_options(int32_t classes, const dp_events_options *given,
                                        dp_events_options *options, dpi_message *message) {
    dp_status status = dpi_read_struct(&dpi_events_options_type, given, options, message);
    if (status == DP_OK && (classes < 1 || classes > MAX_CLASSES)) {
        status = dpi_fail(message, DP_ERR_ARGUMENT, "classes is %d, expected 1 .. %d", (int)classes,
                          MAX_CLASSES);
    }
    if (status == DP_OK) {
        status = dpi_check_allocator("dp_events_options", options->allocator, message);
    }
    if (status == DP_OK) {
        status = check_thresholds(options, message);
    }
    if (status == DP_OK) {
        status = check_lengths(options, message);
    }
    options->end_below = options->end_below > 0.0 ? options->end_below : 0.7 * options->begin_at;
    return status;
}

/* ---- creating ---- */

/* Plans or takes everything, itself first. */
static dp_events *take_events(dpi_arena *arena, int32_t classes, const dp_events_options *options) {
    size_t smooth = (size_t)options->smooth;
    dp_events planned = {.options = *options, .classes = (size_t)classes};
    dp_events *events = dpi_arena_take(arena, 1, sizeof *events);
    planned.of = dpi_arena_take(arena, planned.classes, sizeof *planned.of);
    planned.windows = dpi_arena_take(arena, smooth, sizeof *planned.windows);
    planned.smoothed = dpi_arena_floats(arena, 1, planned.classes);
    for (size_t i = 0; i < smooth; i++) {
        float *probabilities = dpi_arena_floats(arena, 1, planned.classes);
        if (planned.windows != NULL) {
            planned.windows[i].probabilities = probabilities;
        }
    }
    if (events != NULL) {
        *events = planned;
    }
    return events;
}

static dp_status count_events_bytes(int32_t classes, const dp_events_options *options,
                                    size_t *bytes, dpi_message *message) {
    dpi_arena arena = {.base = NULL};
    (void)take_events(&arena, classes, options);
    if (arena.failed) {
        return dpi_fail(message, DP_ERR_MEMORY,
                        "events of %d classes are larger than this machine can address",
                        (int)classes);
    }
    *bytes = arena.used;
    return DP_OK;
}

dp_status dp_events_size(int32_t classes, const dp_events_options *options, size_t *bytes) {
    dpi_message *message = dpi_thread_message();
    dp_events_options resolved;
    if (bytes == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the place for the size is NULL");
    }
    *bytes = 0;
    dp_status status = resolve_events_options(classes, options, &resolved, message);
    return status == DP_OK ? count_events_bytes(classes, &resolved, bytes, message) : status;
}

static void clear_events(dp_events *events) {
    for (size_t i = 0; i < events->classes; i++) {
        events->of[i].state = DPI_EVENT_NONE;
        events->of[i].is_over = false;
    }
    events->over = 0;
    events->pushed = events->tracked = 0;
    events->finished = events->ended = false;
}

dp_status dp_events_create(int32_t classes, const dp_events_options *options, dp_events **events) {
    dpi_message *message = dpi_thread_message();
    dp_events_options resolved;
    size_t bytes = 0;
    void *memory = NULL;
    if (events == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the place for the new events is NULL");
    }
    *events = NULL;
    dp_status status = resolve_events_options(classes, options, &resolved, message);
    if (status == DP_OK) {
        status = count_events_bytes(classes, &resolved, &bytes, message);
    }
    dpi_place place = {resolved.allocator, resolved.arena, resolved.arena_size};
    if (status == DP_OK) {
        status = dpi_place_take(NULL, &place, bytes, "a dp_events", &memory, message);
    }
    if (status != DP_OK) {
        return status;
    }
    dpi_arena arena = {.base = memory, .size = bytes};
    dp_events *made = take_events(&arena, classes, &resolved);
    made->bytes = bytes;
    memset(made->of, 0, made->classes * sizeof *made->of);
    clear_events(made);
    *events = made;
    return DP_OK;
}

void dp_events_destroy(dp_events *events) {
    if (events != NULL) {
        dpi_place place = {events->options.allocator, events->options.arena, events->bytes};
        dpi_place_release(NULL, &place, events, events->bytes);
    }
}

static dp_status check_events(const dp_events *events) {
    return events != NULL ? DP_OK
                          : dpi_fail(dpi_thread_message(), DP_ERR_ARGUMENT, "the events are NULL");
}

dp_status dp_events_ignore(dp_events *events, int32_t index) {
    dp_status status = check_events(events);
    if (status == DP_OK && (index < 0 || (size_t)index >= events->classes)) {
        status = dpi_fail(dpi_thread_message(), DP_ERR_ARGUMENT, "class %d, expected 0 .. %zu",
                          (int)index, events->classes - 1);
    }
    if (status == DP_OK) {
        events->of[index].is_ignored = true;
    }
    return status;
}

dp_status dp_events_reset(dp_events *events) {
    dp_status status = check_events(events);
    if (status == DP_OK) {
        clear_events(events);
    }
    return status;
}

/* ---- windows ---- */

#define MAX_TIME_US ((int64_t)1 << 61)

static dpi_event_window *window_at(const dp_events *events, int64_t i) {
    return &events->windows[i % events->options.smooth];
}

static int64_t middle_of(const dpi_event_window *window) {
    return window->start_us + (window->end_us - window->start_us) / 2;
}

static dp_status check_times(const dp_events *events, int64_t start_us, int64_t end_us,
                             dpi_message *message) {
    if (start_us < -MAX_TIME_US || end_us > MAX_TIME_US || start_us > end_us) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "a window from %lld to %lld us, expected -2^61 .. 2^61, the start first",
                        (long long)start_us, (long long)end_us);
    }
    if (events->pushed > 0) {
        const dpi_event_window *before = window_at(events, events->pushed - 1);
        if (start_us < before->start_us || end_us < before->end_us) {
            return dpi_fail(message, DP_ERR_ARGUMENT,
                            "a window from %lld to %lld us after one from %lld to %lld us: time "
                            "may not go back",
                            (long long)start_us, (long long)end_us, (long long)before->start_us,
                            (long long)before->end_us);
        }
    }
    return DP_OK;
}

static dp_status check_probabilities(const dp_events *events, const float *probabilities,
                                     dpi_message *message) {
    if (probabilities == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the probabilities are NULL");
    }
    for (size_t i = 0; i < events->classes; i++) {
        if (!(probabilities[i] >= 0.0F && probabilities[i] <= 1.0F)) {
            return dpi_fail(message, DP_ERR_NUMERIC,
                            "the probability of class %zu is %g, expected 0 .. 1", i,
                            (double)probabilities[i]);
        }
    }
    return DP_OK;
}

static dp_status check_window(const dp_events *events, int64_t start_us, int64_t end_us,
                              const float *probabilities, dpi_message *message) {
    if (events->finished) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "the events are finished: dp_events_reset() begins anew");
    }
    if (events->over > 0) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "%zu events are over: ask for them by dp_events_next() first",
                        events->over);
    }
    dp_status status = check_times(events, start_us, end_us, message);
    return status == DP_OK ? check_probabilities(events, probabilities, message) : status;
}

/* The mean of the windows around window i that there are. */
static void smooth_window(dp_events *events, int64_t i) {
    int64_t half = events->options.smooth / 2;
    int64_t first = i > half ? i - half : 0;
    int64_t end = i + half + 1 < events->pushed ? i + half + 1 : events->pushed;
    for (size_t c = 0; c < events->classes; c++) {
        double sum = 0.0;
        for (int64_t w = first; w < end; w++) {
            sum += (double)window_at(events, w)->probabilities[c];
        }
        events->smoothed[c] = (float)(sum / (double)(end - first));
    }
}

static void track_next(dp_events *events) {
    const dpi_event_window *window = window_at(events, events->tracked);
    int64_t middle = middle_of(window);
    events->border_us = events->tracked == 0 ? window->start_us
                                             : events->middle_us + (middle - events->middle_us) / 2;
    events->middle_us = middle;
    smooth_window(events, events->tracked);
    dpi_events_track(events);
    events->tracked++;
}

dp_status dp_events_push(dp_events *events, int64_t start_us, int64_t end_us,
                         const float *probabilities) {
    dpi_message *message = dpi_thread_message();
    dp_status status = check_events(events);
    if (status == DP_OK) {
        status = check_window(events, start_us, end_us, probabilities, message);
    }
    if (status != DP_OK) {
        return status;
    }
    dpi_event_window *window = window_at(events, events->pushed);
    window->start_us = start_us;
    window->end_us = end_us;
    memcpy(window->probabilities, probabilities, events->classes * sizeof *probabilities);
    events->pushed++;
    if (events->pushed - events->tracked > events->options.smooth / 2) {
        track_next(events);
    }
    return DP_OK;
}

dp_status dp_events_finish(dp_events *events) {
    dp_status status = check_events(events);
    if (status == DP_OK) {
        events->finished = true;
    }
    return status;
}

/* ---- events that are over ---- */

static dpi_class_events *find_first_over(const dp_events *events) {
    dpi_class_events *first = NULL;
    for (size_t i = 0; i < events->classes && events->over > 0; i++) {
        dpi_class_events *of = &events->of[i];
        bool is_earlier = first == NULL || of->over.start_us < first->over.start_us;
        first = of->is_over && is_earlier ? of : first;
    }
    return first;
}

/* After the last window, windows that wait for later ones are tracked without them. */
static void track_rest(dp_events *events) {
    while (events->over == 0 && events->tracked < events->pushed) {
        track_next(events);
    }
    if (events->over == 0 && !events->ended) {
        int64_t end_us = events->pushed > 0 ? window_at(events, events->pushed - 1)->end_us : 0;
        dpi_events_end_all(events, end_us);
        events->ended = true;
    }
}

int32_t dp_events_next(dp_events *events, dp_event *event) {
    if (events == NULL || event == NULL) {
        return 0;
    }
    if (events->finished) {
        track_rest(events);
    }
    dpi_class_events *first = find_first_over(events);
    if (first == NULL) {
        return 0;
    }
    *event = first->over;
    first->is_over = false;
    events->over--;
    return 1;
}

int32_t dp_events_open(const dp_events *events, int32_t index, dp_event *event) {
    if (events == NULL || event == NULL || index < 0 || (size_t)index >= events->classes ||
        events->of[index].state != DPI_EVENT_OPEN) {
        return 0;
    }
    *event = events->of[index].event;
    event->end_us = events->border_us;
    return 1;
}
