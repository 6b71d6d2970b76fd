/*
 * Which frames of a clip a view takes: the first step of a clip. Exact integer arithmetic, so
 * that every machine takes the same frames. The formulas stand with dp_sampling in dualpath.h. And
 * which frames of a stream are sampled, by their times.
 */
#include "video/video.h"

#include <math.h>

/* total * part / whole, rounded down, for part <= whole: no product exceeds whole * whole. */
static uint64_t multiply_fraction(uint64_t total, uint64_t part, uint64_t whole) {
    return total / whole * part + total % whole * part / whole;
}

/* First frame of a view, counted in the `kept` frames that are left of every r-th. */
static uint64_t view_first_frame(const dpi_sampler *sampler, uint64_t kept, uint64_t view) {
    uint64_t views = sampler->views;
    uint64_t spare = kept > sampler->view_frames ? kept - sampler->view_frames : 0;
    if (sampler->sampling == DP_SAMPLING_FIRST) {
        return multiply_fraction(spare, view, views);
    }
    return multiply_fraction(spare, 2 * view + 1, 2 * views);
}

/* Past the end the last frame that is left repeats, which need not be the last of the clip. */
static uint64_t frame_by_rate(const dpi_sampler *sampler, uint64_t view, uint64_t i) {
    uint64_t kept = (sampler->frame_count - 1) / sampler->rate + 1;
    uint64_t index = view_first_frame(sampler, kept, view) + i;
    uint64_t last = kept - 1;
    return (index < last ? index : last) * sampler->rate;
}

static uint64_t frame_by_parts(const dpi_sampler *sampler, uint64_t view, uint64_t i) {
    uint64_t views = sampler->views;
    uint64_t part = 2 * i * views + 2 * view + 1;
    return multiply_fraction(sampler->frame_count, part, 2 * sampler->view_frames * views);
}

size_t dpi_sample_frame(const dpi_sampler *sampler, size_t view, size_t i) {
    switch (sampler->sampling) {
    case DP_SAMPLING_GIVEN:
        return i;
    case DP_SAMPLING_UNIFORM:
        return (size_t)frame_by_parts(sampler, view, i);
    default:
        return (size_t)frame_by_rate(sampler, view, i);
    }
}

int64_t dpi_sample_number(double fps, double since_first_us, double since_before_us) {
    double interval_us = 1e6 / fps;
    double tolerance_us = 0.5 * (since_before_us < interval_us ? since_before_us : interval_us);
    return (int64_t)floor((since_first_us + tolerance_us) * fps / 1e6);
}
