/*
 * The first stage of a clip: which frames are sampled, and how a frame becomes the normalised
 * pixels that the transformer reads. Knows nothing of transformers. Frames were checked by lib/api.
 */
#ifndef DPI_VIDEO_H
#define DPI_VIDEO_H

#include "dualpath.h"
#include "nn/resample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- sampling (sampling.c) ---- */

typedef struct dpi_sampler {
    size_t frame_count; /* n, in the clip */
    size_t view_frames; /* T, a view */
    size_t rate;        /* r */
    size_t views;       /* V */
    int32_t sampling;   /* dp_sampling, not DP_SAMPLING_MODEL */
    bool wraps;         /* past the end, frames are taken from the beginning again */
} dpi_sampler;

/* Whether r matters: not where frames are given, or taken from all of the clip. */
bool dpi_sampling_has_rate(int32_t sampling);
/* Whether V can be more than 1. */
bool dpi_sampling_has_views(int32_t sampling);

/* Index in the clip of frame i (0 .. T-1) of view v (0 .. V-1). */
size_t dpi_sample_frame(const dpi_sampler *sampler, size_t view, size_t i);

/* Samples are due n / fps seconds after the first frame of a stream. The largest n that a frame can
 * be taken for that comes so long after the first frame and after the one before; or -1. */
int64_t dpi_sample_number(double fps, double since_first_us, double since_before_us);

/* ---- colours (colors.c) ---- */

/* RGB of Y'CbCr: luma * (Y - black), plus these multiples of Cb - 128 and Cr - 128. */
typedef struct dpi_yuv_to_rgb {
    const char *name; /* dp_color_name() */
    float black, luma, red_cr, green_cb, green_cr, blue_cb;
} dpi_yuv_to_rgb;

/* That of a dp_color; NULL for any other number. */
const dpi_yuv_to_rgb *dpi_find_color(int32_t color);

/* ---- pixel formats (pixel_formats.c) ---- */

/* A row or a column of the stored pixels of a frame: sample i of a plane lies i steps after the
 * first. In a row, samples lie side by side, and `step` is not set. */
typedef struct dpi_pixel_line {
    const uint8_t *first[3];
    ptrdiff_t step[3]; /* bytes */
    bool is_row;
    const dpi_yuv_to_rgb *color; /* for formats that have one */
} dpi_pixel_line;

/* What there is to know of a dp_format. */
typedef struct dpi_pixel_format {
    const char *name; /* dp_format_name() */
    uint8_t plane_count;
    uint8_t sample_bytes[3]; /* of each plane */
    uint8_t chroma_shift;    /* planes 1 and 2: a sample for each 2^shift columns and rows */
    bool has_color;          /* dp_frame.color says how it becomes RGB */
    /* Pixels `indices[0 .. count-1]` of a line as RGB in 0 .. 255, planar [3][count]. NULL: the
     * build cannot read this format. */
    void (*convert)(const dpi_pixel_line *line, const int32_t *indices, size_t count, float *rgb);
} dpi_pixel_format;

/* That of a dp_format; NULL for any other number. */
const dpi_pixel_format *dpi_find_pixel_format(int32_t format);

/* The described samples of a plane: bytes in a row, and rows. */
typedef struct dpi_plane_shape {
    int64_t row_bytes, rows;
} dpi_plane_shape;

dpi_plane_shape dpi_shape_of_plane(const dpi_pixel_format *format, size_t plane, int32_t width,
                                   int32_t height);

/* Where a stored row or column of a frame begins in each plane. */
void dpi_find_pixel_row(const dp_frame *frame, const dpi_pixel_format *format, int32_t row,
                        dpi_pixel_line *line);
void dpi_find_pixel_column(const dp_frame *frame, const dpi_pixel_format *format, int32_t column,
                           dpi_pixel_line *line);

/* ---- one frame: turn, resize, crop, normalise (frame.c) ---- */

/* What a frame becomes: size x size pixels, each value (0 .. 255) * scale[c] + offset[c]. */
typedef struct dpi_frame_target {
    size_t size; /* R */
    size_t crop, crops;
    dpi_filter filter;
    bool antialias;
    bool rounds_to_nearest; /* the long side, else down */
    bool crops_round_down;  /* offsets, else half to even */
    bool antialias_cells;   /* of framesets that the frame goes into */
    float scale[3], offset[3];
    const dpi_kernels *kernels;
} dpi_frame_target;

/* Floats of scratch memory that dpi_load_rows() needs for the target. */
size_t dpi_frame_scratch(const dpi_frame_target *target);

/* Writes rows [first, first + count) of the target, planar: row y of channel c goes to
 * out + (c * plane) + (y - first) * size. */
void dpi_load_rows(const dp_frame *frame, const dpi_frame_target *target, size_t first,
                   size_t count, float *out, size_t plane, float *scratch);

/* The same row by row. Rows may be asked for in any order; from top to bottom, no source line is
 * resized twice. */

/* One axis of the upright picture: `source` pixels become `resized`, the target begins at `first`.
 * Stored pixels may lie in the opposite direction. */
typedef struct dpi_axis {
    uint64_t source, resized, first;
    bool reversed;
} dpi_axis;

#define DPI_KEPT_LINES 16

/* Tables of a resize with any number of taps (filter.c). */
typedef struct dpi_filter_tables {
    dpi_taps *columns;                  /* [R] the taps of each column of the target, */
    int32_t *first;                     /* [R] the pixel of the first one, */
    size_t most_taps;                   /* and how many a column has at most */
    float *weights;                     /* [taps that are tabled + 1][R] */
    int32_t *pixels;                    /* [R] those of one tap of each column, */
    float *values;                      /* [3][R] and their values */
    float *lines;                       /* [DPI_KEPT_LINES][3][R], resized */
    int32_t line_index[DPI_KEPT_LINES]; /* which ones they are; -1: none yet */
} dpi_filter_tables;

/* A frame on its way through the resize. A line of source pixels is what lies side by side in the
 * upright picture: a stored row, or a stored column if the frame is turned by 90 or 270 degrees.
 * `low` and all after it but line_index go into the scratch memory, or those of `tables` do. */
typedef struct dpi_frame_reader {
    const dp_frame *frame;
    const dpi_pixel_format *format;
    const dpi_frame_target *target;
    bool lines_are_columns;
    dpi_axis vertical, horizontal;
    bool filtered;            /* with more than two taps: by `tables`, */
    dpi_filter_tables tables; /* and else by what follows */
    int32_t *low, *high;      /* [R] source pixels of a line that make a column of the target, */
    float *weight;            /* [R] and the weight of the second one */
    float *lines[2];          /* [3][R] the latest even and the latest odd source line, resized, */
    int32_t line_index[2];    /* which ones they are; -1: none yet */
    float *high_pixels;       /* [3][R] */
} dpi_frame_reader;

/* `scratch` holds dpi_frame_scratch() floats and serves the reader from then on. */
void dpi_frame_reader_init(dpi_frame_reader *reader, const dp_frame *frame,
                           const dpi_frame_target *target, float *scratch);

/* Row y of the target; channel c goes to out + c * plane. */
void dpi_frame_reader_row(dpi_frame_reader *reader, size_t y, float *out, size_t plane);

/* The source line of this index in the upright picture. */
void dpi_find_source_line(const dpi_frame_reader *reader, int32_t index, dpi_pixel_line *line);

/* The same with any number of taps (filter.c). */
size_t dpi_filter_scratch(size_t size);
void dpi_filter_init(dpi_frame_reader *reader, float *scratch);
void dpi_filter_row(dpi_frame_reader *reader, size_t y, float *out, size_t plane);

/* ---- framesets (frameset.c) ---- */

/* Shrinks a frame [3][R][R] of this target by g and writes it into cell `cell` (0 .. g*g-1, row by
 * row) of frameset [3][R][R]. Bilinear, half-pixel, with antialiasing if the target has it. */
void dpi_fill_cell(const float *frame, const dpi_frame_target *target, size_t g, size_t cell,
                   float *frameset);

/* Copies a cell of one frameset into a cell of another one. */
void dpi_copy_cell(const float *from, size_t from_cell, size_t size, size_t g, size_t cell,
                   float *frameset);

/* Floats of scratch memory that dpi_load_cell() needs for the target. */
size_t dpi_cell_scratch(const dpi_frame_target *target);

/* The same straight from the caller's frame, computing only the rows that are read. The same bits
 * as dpi_load_rows() and dpi_fill_cell(). */
void dpi_load_cell(const dp_frame *frame, const dpi_frame_target *target, size_t g, size_t cell,
                   float *frameset, float *scratch);

#endif /* DPI_VIDEO_H */
