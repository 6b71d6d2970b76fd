/*
 * by_time.c - the sampling rule of dp_stream_options.sample_fps, for a clip that is read as a
 * whole.
 */
#include "by_time.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SECONDS 1e12

int64_t to_microseconds(double seconds) {
    return (int64_t)llrint(1e6 * seconds);
}

/* The sample that a frame is taken for: the last one that is due, or the next one if that is
 * nearer, judged by the time between this frame and the one before. */
static double sample_number(const time_samples *samples, int64_t time_us) {
    double interval_us = 1e6 / samples->fps;
    double since_last_us = (double)(time_us - samples->last_us);
    double tolerance_us = 0.5 * (since_last_us < interval_us ? since_last_us : interval_us);
    double since_first_us = (double)(time_us - samples->first_us);
    return floor((since_first_us + tolerance_us) * samples->fps / 1e6);
}

static bool reserve(time_samples *samples, size_t count) {
    size_t capacity = samples->capacity == 0 ? 64 : samples->capacity;
    while (capacity < count) {
        capacity *= 2;
    }
    if (capacity > samples->capacity) {
        size_t *frames = realloc(samples->frames, capacity * sizeof *frames);
        if (frames == NULL) {
            return false;
        }
        samples->frames = frames;
        samples->capacity = capacity;
    }
    return true;
}

/* The current frame is sample `number`, and the one before it all samples between. */
static void append(time_samples *samples, size_t number) {
    while (samples->count < number) {
        samples->frames[samples->count] = samples->frames[samples->count - 1];
        samples->count++;
    }
    samples->frames[samples->count++] = samples->seen;
}

time_sampling time_samples_add(time_samples *samples, double seconds, size_t most) {
    bool first = samples->seen == 0;
    if (isnan(seconds)) {
        return TIME_UNKNOWN;
    }
    if (fabs(seconds) > MAX_SECONDS) {
        return TIME_TOO_LATE;
    }
    int64_t time_us = to_microseconds(seconds);
    samples->first_us = first ? time_us : samples->first_us;
    samples->last_us = first ? time_us : samples->last_us;
    time_us = time_us < samples->last_us ? samples->last_us : time_us;
    double number = sample_number(samples, time_us);
    bool sampled = number >= (double)samples->count;
    if (sampled && number >= (double)most) {
        return TIME_TOO_LATE;
    }
    if (sampled && !reserve(samples, (size_t)number + 1)) {
        return TIME_NO_MEMORY;
    }
    if (sampled) {
        append(samples, (size_t)number);
    }
    samples->last_us = time_us;
    samples->seen++;
    return sampled ? TIME_SAMPLED : TIME_LEFT_OUT;
}

bool time_samples_equal(const time_samples *a, const time_samples *b) {
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->frames, b->frames, a->count * sizeof *a->frames) == 0);
}

void time_samples_clear(time_samples *samples) {
    samples->count = samples->seen = 0;
}

void time_samples_free(time_samples *samples) {
    free(samples->frames);
    *samples = (time_samples){.fps = samples->fps};
}
