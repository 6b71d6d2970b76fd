/*
 * Which pixels of one axis make a pixel of the resized one, and their weights: bilinear or bicubic,
 * with half-pixel centres, as torch.nn.functional.interpolate() computes them in double precision.
 * Images and the map of frame indices are resized with the same numbers.
 */
#ifndef DPI_RESAMPLE_H
#define DPI_RESAMPLE_H

#include "nn/nn.h"

#include <stdbool.h>

/* `source` pixels become `resized`. */
typedef struct dpi_resample {
    uint64_t source, resized;
    dpi_filter filter;
    bool antialias; /* where pixels shrink, the filter is as wide as they become */
} dpi_resample;

/* Pixels first, first + 1, ... of the source make one pixel. Those outside of it stand for the
 * pixel at its edge; with antialiasing there are none. */
typedef struct dpi_taps {
    int64_t first;
    size_t count;
    double begin, step; /* where tap 0 lies on the filter, and how far it is to the next */
    double factor;      /* of all weights, so that they sum up to 1 */
} dpi_taps;

/* The taps of pixel i of the resized axis. */
dpi_taps dpi_taps_of(const dpi_resample *resample, uint64_t i);

/* The weight of tap k; 0 for k >= count. */
double dpi_tap_weight(const dpi_resample *resample, const dpi_taps *taps, size_t k);

/* Source pixel that tap k looks at. */
uint64_t dpi_tap_pixel(const dpi_resample *resample, const dpi_taps *taps, size_t k);

#endif /* DPI_RESAMPLE_H */
