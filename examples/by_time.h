/*
 * by_time.h - which frames of an input are sampled by time: those that a stream with `sample_fps`
 * takes, and that Python's classify_video() takes.
 */
#ifndef BY_TIME_H
#define BY_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* To the nearest microsecond, halves to the even one, as Python rounds. */
int64_t to_microseconds(double seconds);

/* Sample n is due n / fps seconds after the first frame. Where no frame comes for it, the one
 * before stands in its place. */
typedef struct time_samples {
    double fps;     /* 0: frames are not sampled by time */
    size_t *frames; /* [count] the frame of each sample, by its number in the input */
    size_t count, capacity;
    size_t seen;               /* frames of the input so far */
    int64_t first_us, last_us; /* of them */
} time_samples;

typedef enum time_sampling {
    TIME_SAMPLED,
    TIME_LEFT_OUT,
    TIME_UNKNOWN,  /* nobody says when the frame is shown */
    TIME_TOO_LATE, /* it would need more than `most` samples */
    TIME_NO_MEMORY
} time_sampling;

/* Takes the next frame of the input. Times that go back count as the one before. */
time_sampling time_samples_add(time_samples *samples, double seconds, size_t most);
bool time_samples_equal(const time_samples *a, const time_samples *b);
/* As no frame had come. */
void time_samples_clear(time_samples *samples);
void time_samples_free(time_samples *samples);

#endif /* BY_TIME_H */
