/*
 * Which frames of a clip a view takes: the first step of a clip. Every machine takes the same
 * frames: the arithmetic is that of exact integers, or of f64 where a published evaluation computed
 * so. The formulas stand with dp_sampling in dualpath.h. And which frames of a stream are sampled,
 * by their times.
 */
#include "dp_config.h"
#include "video/video.h"

#include <math.h>

bool dpi_sampling_has_rate(int32_t sampling) {
    return sampling == DP_SAMPLING_CENTER || sampling == DP_SAMPLING_FIRST ||
           (DPI_HAS_PROTOCOLS &&
            (sampling == DP_SAMPLING_INTERVAL || sampling == DP_SAMPLING_SPREAD));
}

bool dpi_sampling_has_views(int32_t sampling) {
    return sampling != DP_SAMPLING_GIVEN &&
           !(DPI_HAS_PROTOCOLS && sampling == DP_SAMPLING_SEGMENTS);
}

/* total * part / whole, rounded down, for part <= whole: no product exceeds whole * whole. */
static uint64_t multiply_fraction(uint64_t total, uint64_t part, uint64_t whole) {
    return total / whole * part + total % whole * part / whole;
}

static uint64_t round_half_to_even(double number) {
    double whole = floor(number), rest = number - whole;
    uint64_t low = (uint64_t)whole;
    return low + (rest > 0.5 || (rest == 0.5 && low % 2 == 1));
}

/* ---- DualPath's rules ---- */

/* First frame of a view, counted in the `kept` frames that are left of every r-th. */
static uint64_t first_kept_frame(const dpi_sampler *sampler, uint64_t kept, uint64_t view) {
    uint64_t views = sampler->views;
    uint64_t spare = kept > sampler->view_frames ? kept - sampler->view_frames : 0;
    if (sampler->sampling == DP_SAMPLING_FIRST) {
        return multiply_fraction(spare, view, views);
    }
    return multiply_fraction(spare, 2 * view + 1, 2 * views);
}

/* The last frame that is left need not be the last of the clip. */
static uint64_t frame_of_kept(const dpi_sampler *sampler, uint64_t view, uint64_t i) {
    uint64_t kept = (sampler->frame_count - 1) / sampler->rate + 1;
    uint64_t index = first_kept_frame(sampler, kept, view) + i;
    uint64_t last = kept - 1;
    if (DPI_HAS_PROTOCOLS && sampler->wraps) {
        return index * sampler->rate % sampler->frame_count;
    }
    return (index < last ? index : last) * sampler->rate;
}

static uint64_t frame_by_parts(const dpi_sampler *sampler, uint64_t view, uint64_t i) {
    uint64_t views = sampler->views;
    uint64_t part = 2 * i * views + 2 * view + 1;
    return multiply_fraction(sampler->frame_count, part, 2 * sampler->view_frames * views);
}

/* ---- rules of published evaluations ---- */

static uint64_t first_frame_by_interval(const dpi_sampler *sampler, uint64_t view) {
    uint64_t span = (uint64_t)sampler->view_frames * sampler->rate;
    if (sampler->frame_count < span) {
        return 0;
    }
    double interval = (double)(sampler->frame_count - span + 1) / (double)sampler->views;
    return (uint64_t)((double)view * interval + interval / 2.0);
}

static uint64_t first_frame_by_slide(const dpi_sampler *sampler, uint64_t view) {
    uint64_t span = (uint64_t)(sampler->view_frames - 1) * sampler->rate + 1;
    uint64_t slide = sampler->frame_count > span ? sampler->frame_count - span : 0;
    if (sampler->views == 1) {
        return slide / 2;
    }
    return round_half_to_even((double)slide / (double)(sampler->views - 1) * (double)view);
}

static uint64_t frame_of_every(const dpi_sampler *sampler, uint64_t first, uint64_t i) {
    uint64_t index = first + i * sampler->rate, last = sampler->frame_count - 1;
    if (sampler->wraps) {
        return index % sampler->frame_count;
    }
    return index < last ? index : last;
}

static uint64_t middle_of_segment(const dpi_sampler *sampler, uint64_t i) {
    double length = (double)(sampler->frame_count - 1) / (double)sampler->view_frames;
    uint64_t begin = round_half_to_even(length * (double)i);
    uint64_t end = round_half_to_even(length * (double)(i + 1));
    return (begin + end) / 2;
}

static uint64_t published_frame(const dpi_sampler *sampler, uint64_t view, uint64_t i) {
    switch (sampler->sampling) {
    case DP_SAMPLING_INTERVAL:
        return frame_of_every(sampler, first_frame_by_interval(sampler, view), i);
    case DP_SAMPLING_SPREAD:
        return frame_of_every(sampler, first_frame_by_slide(sampler, view), i);
    default:
        return middle_of_segment(sampler, i);
    }
}

size_t dpi_sample_frame(const dpi_sampler *sampler, size_t view, size_t i) {
    if (sampler->sampling == DP_SAMPLING_GIVEN) {
        return i;
    }
    if (sampler->sampling == DP_SAMPLING_UNIFORM) {
        return (size_t)frame_by_parts(sampler, view, i);
    }
    return (size_t)(DPI_HAS_PROTOCOLS && sampler->sampling >= DP_SAMPLING_INTERVAL
                        ? published_frame(sampler, view, i)
                        : frame_of_kept(sampler, view, i));
}

int64_t dpi_sample_number(double fps, double since_first_us, double since_before_us) {
    double interval_us = 1e6 / fps;
    double tolerance_us = 0.5 * (since_before_us < interval_us ? since_before_us : interval_us);
    return (int64_t)floor((since_first_us + tolerance_us) * fps / 1e6);
}
