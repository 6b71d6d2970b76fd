/*
 * frames_planes.h - frames of planes Y, Cb, Cr whose subsampling or depth is no format of the
 * library.
 */
#ifndef FRAMES_PLANES_H
#define FRAMES_PLANES_H

#include "dualpath.h"

#include <stdbool.h>
#include <stdint.h>

/* Planes one after the other, rows tightly packed; samples of more than 8 bits take two bytes, the
 * low one first. */
typedef struct plane_layout {
    size_t columns, rows; /* pixels that share a chroma sample; 0: luma only */
    unsigned bits;        /* of a sample, 8 .. 16 */
} plane_layout;

/* The bytes of a frame. */
uint64_t plane_bytes(const plane_layout *layout, int32_t width, int32_t height);

/* The dp_format that holds such a frame best: I420, GRAY8, or RGB24 where chroma has more samples.
 */
int32_t plane_format(const plane_layout *layout);
/* Whether its bytes are those of this format already. */
bool plane_is_format(const plane_layout *layout, int32_t format);

/* Writes a frame, tightly packed, with the size, the colour and the format of `shape`:
 * plane_format(), or I420 for luma that is not of full range, with chroma that says nothing.
 * `planes` are changed. Samples are rounded to 8 bits first, halves up: (v + 2) / 4 of 10 bits, at
 * most 255.
 */
void convert_planes(const dp_frame *shape, const plane_layout *layout, uint8_t *planes,
                    uint8_t *pixels);

#endif /* FRAMES_PLANES_H */
