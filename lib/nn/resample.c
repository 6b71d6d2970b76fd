/*
 * The filters of a resize. Plain ones look at the 2 or 4 pixels around a point; antialiasing ones
 * are stretched by the scale, cut off at the edges and made to sum up to 1 again.
 */
#include "nn/resample.h"

#include <math.h>

/* The cubic filter of Keys; at -1/2 it is exact for quadratic functions. */
#define CUBIC_PLAIN (-0.75)
#define CUBIC_ANTIALIAS (-0.5)

static double bilinear(double x) {
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double bicubic(double x, double a) {
    if (x < 1.0) {
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    }
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

static double filter_at(const dpi_resample *resample, double x) {
    double distance = fabs(x);
    return resample->filter == DPI_FILTER_BICUBIC
               ? bicubic(distance, resample->antialias ? CUBIC_ANTIALIAS : CUBIC_PLAIN)
               : bilinear(distance);
}

/* How far the filter reaches, before it is stretched. */
static double reach_of(const dpi_resample *resample) {
    return resample->filter == DPI_FILTER_BICUBIC ? 2.0 : 1.0;
}

static double scale_of(const dpi_resample *resample) {
    return (double)resample->source / (double)resample->resized;
}

double dpi_tap_weight(const dpi_resample *resample, const dpi_taps *taps, size_t k) {
    return k < taps->count
               ? taps->factor * filter_at(resample, taps->begin + taps->step * (double)k)
               : 0.0;
}

static dpi_taps plain_taps(const dpi_resample *resample, uint64_t i) {
    double reach = reach_of(resample);
    double position = scale_of(resample) * ((double)i + 0.5) - 0.5;
    double low = floor(position);
    double first = low - reach + 1.0;
    return (dpi_taps){.first = (int64_t)first,
                      .count = (size_t)(2.0 * reach),
                      .begin = first - position,
                      .step = 1.0,
                      .factor = 1.0};
}

static dpi_taps antialiasing_taps(const dpi_resample *resample, uint64_t i) {
    double scale = scale_of(resample), stretch = scale > 1.0 ? scale : 1.0;
    double centre = scale * ((double)i + 0.5), support = reach_of(resample) * stretch;
    double first = floor(centre - support + 0.5), end = floor(centre + support + 0.5);
    double last = (double)resample->source;
    first = first > 0.0 ? first : 0.0;
    end = end < last ? end : last;
    dpi_taps taps = {.first = (int64_t)first,
                     .count = (size_t)(end - first),
                     .begin = (first - centre + 0.5) / stretch,
                     .step = 1.0 / stretch,
                     .factor = 1.0};
    double sum = 0.0;
    for (size_t k = 0; k < taps.count; k++) {
        sum += dpi_tap_weight(resample, &taps, k);
    }
    taps.factor = 1.0 / sum;
    return taps;
}

dpi_taps dpi_taps_of(const dpi_resample *resample, uint64_t i) {
    return resample->antialias ? antialiasing_taps(resample, i) : plain_taps(resample, i);
}

uint64_t dpi_tap_pixel(const dpi_resample *resample, const dpi_taps *taps, size_t k) {
    int64_t pixel = taps->first + (int64_t)k, last = (int64_t)resample->source - 1;
    return (uint64_t)(pixel < 0 ? 0 : pixel > last ? last : pixel);
}
