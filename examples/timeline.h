/*
 * timeline.h - classes over time as a picture: what a model saw in a film, at a glance.
 */
#ifndef TIMELINE_H
#define TIMELINE_H

#include "cli.h"
#include "output.h"

/* Of constant size, however long the film is. */
typedef struct timeline timeline;

/* NULL when there is no memory. The labels are the model's, which must outlive it. */
timeline *timeline_create(const dp_model *model, const dp_model_info *info);
void timeline_destroy(timeline *t);

/* A window, with times in seconds and the probabilities of all classes. */
void timeline_add(timeline *t, double start, double end, const float *probabilities);

/* Whether a thumbnail of a frame at this time is wanted, and the frame as the model sees it,
 * [3][R][R]. Those that are kept lie apart evenly. */
bool timeline_wants_picture(const timeline *t, double time);
void timeline_add_picture(timeline *t, double time, const float *image);

/* Draws it as a PNG file, which is ended in any case. Returns an exit status; what is wrong has
 * been printed. */
int timeline_write(const timeline *t, output *file);

#endif /* TIMELINE_H */
