/*
 * From the smoothed probabilities of one window to the next: which events begin, go on and end.
 */
#include "api/events.h"

#include <math.h>

/* ---- an event of one class ---- */

static void add_window(dp_events *events, size_t index) {
    dpi_class_events *of = &events->of[index];
    float probability = events->smoothed[index];
    if (of->event.windows == 0 || probability > of->event.peak) {
        of->event.peak = probability;
        of->event.peak_us = events->middle_us;
    }
    of->event.windows++;
    of->sum += (double)probability;
    of->event.mean = (float)(of->sum / (double)of->event.windows);
}

/* Goes on with an event that ended a moment ago. */
static void begin_event(dp_events *events, size_t index) {
    dpi_class_events *of = &events->of[index];
    if (of->state != DPI_EVENT_ENDED) {
        of->event = (dp_event){.start_us = events->border_us, .index = (int32_t)index};
        of->sum = 0.0;
    }
    of->state = DPI_EVENT_OPEN;
    add_window(events, index);
}

static void end_event(const dp_events *events, dpi_class_events *of) {
    of->state = DPI_EVENT_ENDED;
    of->event.end_us = events->border_us;
}

/* No later window can join it. */
static void close_event(dp_events *events, dpi_class_events *of) {
    of->state = DPI_EVENT_NONE;
    if (of->event.end_us - of->event.start_us >= events->options.shortest_us) {
        of->over = of->event;
        of->is_over = true;
        events->over++;
    }
}

/* ---- a window ---- */

static size_t find_likeliest(const dp_events *events) {
    size_t best = 0;
    for (size_t i = 1; i < events->classes; i++) {
        if (events->smoothed[i] > events->smoothed[best]) {
            best = i;
        }
    }
    return best;
}

/* As a part of that of equal probabilities. */
static double relative_entropy(const dp_events *events) {
    double sum = 0.0;
    for (size_t i = 0; i < events->classes; i++) {
        double p = (double)events->smoothed[i];
        sum -= p > 0.0 ? p * log(p) : 0.0;
    }
    return events->classes > 1 ? sum / log((double)events->classes) : 0.0;
}

static bool is_nothing(const dp_events *events) {
    return events->options.entropy < 1.0 && relative_entropy(events) > events->options.entropy;
}

/* Whether the class is in this window. With one event at a time, `winner` is the class that ends
 * all others; events->classes: none does. */
static bool is_in_window(const dp_events *events, size_t index, bool nothing, size_t winner) {
    const dp_events_options *options = &events->options;
    const dpi_class_events *of = &events->of[index];
    bool other_wins = winner != events->classes && winner != index;
    if (nothing || of->is_ignored || other_wins) {
        return false;
    }
    if (of->state == DPI_EVENT_OPEN) {
        return events->smoothed[index] >= (float)options->end_below;
    }
    bool may_begin = options->single == 0 || winner == index;
    return may_begin && events->smoothed[index] >= (float)options->begin_at;
}

static size_t find_winner(const dp_events *events) {
    size_t likeliest = find_likeliest(events);
    bool wins = events->options.single != 0 &&
                events->smoothed[likeliest] >= (float)events->options.begin_at;
    return wins ? likeliest : events->classes;
}

/* Whether an event that ended can still go on. With one at a time, another one between them ends
 * it. */
static bool can_be_joined(const dp_events *events, const dpi_class_events *of, bool other_began) {
    return !other_began && events->border_us - of->event.end_us < events->options.join_us;
}

void dpi_events_track(dp_events *events) {
    bool nothing = is_nothing(events);
    size_t winner = find_winner(events);
    bool winner_begins = winner != events->classes && is_in_window(events, winner, nothing, winner);
    for (size_t i = 0; i < events->classes; i++) {
        dpi_class_events *of = &events->of[i];
        bool is_in = is_in_window(events, i, nothing, winner);
        if (of->state == DPI_EVENT_OPEN && !is_in) {
            end_event(events, of);
        }
        if (of->state == DPI_EVENT_ENDED &&
            !can_be_joined(events, of, winner_begins && i != winner)) {
            close_event(events, of);
        }
        if (is_in && of->state == DPI_EVENT_OPEN) {
            add_window(events, i);
        } else if (is_in) {
            begin_event(events, i);
        }
    }
}

void dpi_events_end_all(dp_events *events, int64_t end_us) {
    events->border_us = end_us;
    for (size_t i = 0; i < events->classes; i++) {
        dpi_class_events *of = &events->of[i];
        if (of->state == DPI_EVENT_OPEN) {
            end_event(events, of);
        }
        if (of->state == DPI_EVENT_ENDED) {
            close_event(events, of);
        }
    }
}
