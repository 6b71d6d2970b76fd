/*
 * Frames in every pixel format, and what becomes of them in double precision: a reference that
 * converts whole frames and knows no shortcuts. Every plane is a heap block of exactly the
 * described bytes.
 */
#ifndef PICTURES_H
#define PICTURES_H

#include "support.h"
#include "video/video.h"

#include <check.h>

/* The kernels under test; main() sets them. */
extern const dpi_kernels *kernels;

void *must(void *block);
float *new_floats(size_t count);

/* ---- pictures: a frame and the memory it describes ---- */

extern const char *const format_names[];

typedef struct plane_shape {
    size_t row_bytes, rows;
} plane_shape;

#define COLORS (DP_COLOR_BT2020_FULL + 1)

/* The bytes that dualpath.h describes for a plane; none for an unused one. */
plane_shape shape_of_plane(int format, size_t width, size_t height, int plane);

typedef struct picture {
    dp_frame frame;
    void *blocks[3];
} picture;

/* Random bytes in blocks of exact size, with `padding` bytes between rows of plane 0 and more of
 * the others. `flip` lays the rows out bottom up, which makes strides negative. */
picture make_picture(int format, int color, int width, int height, size_t padding, int flip);
void free_picture(picture *made);

/* ---- targets ---- */

/* Values of 0 .. 255 as they are, the centre crop. */
dpi_frame_target plain_target(size_t size);
/* A different affine map for each channel, so that a mix-up shows. */
dpi_frame_target normalised_target(size_t size, size_t crop, size_t crops);

/* The whole target [3][R][R], in as many calls as there are pieces, with every buffer a heap block
 * of exact size. */
float *load_frame(const dp_frame *frame, const dpi_frame_target *target, size_t pieces);

/* ---- the reference ---- */

/* A byte of a row of a plane. */
double sample_at(const dp_frame *frame, int plane, int y, int byte);
/* Between a and b; weight 0 is a. */
double mix(double a, double b, double weight);

/* A few roundings of floats as large as 255. */
#define TOLERANCE 1e-4

/* Largest distance to the reference, in the target's units; infinite if a value is not a number. */
double distance_to_reference(const dp_frame *frame, const dpi_frame_target *target);
void assert_like_reference(const picture *made, const dpi_frame_target *target);

/* ---- running ---- */

/* The suite with each table of kernels that this machine has. Returns the exit status of main(). */
int run_with_all_kernels(Suite *(*make_suite)(void));

#endif /* PICTURES_H */
