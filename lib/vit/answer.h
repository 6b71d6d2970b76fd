/*
 * The result of a clip: the average over its views and crops, its softmax, the likeliest
 * classes.
 */
#ifndef DPI_ANSWER_H
#define DPI_ANSWER_H

#include "vit/workspace.h"

/* A clip has up to DP_MAX_VIEWS * DP_MAX_CROPS = 16,384 views. Sums of so many in f32 would lose
 * three of seven digits, so they are f64. */
typedef struct dpi_answer {
    float *logits, *probabilities;  /* [classes]; set by dpi_answer_average() */
    double *probabilities_sum;      /* [classes], over the views so far, if they are averaged */
    float *feature[DPI_PATHS];      /* [feature_size]; the same. NULL: there is no such path */
    double *logits_sum;             /* [classes], over the views so far */
    double *feature_sum[DPI_PATHS]; /* [feature_size], the same */
} dpi_answer;

/* Plans (arena->base == NULL) or takes the memory of an answer. (answer.c) */
void dpi_answer_take(dpi_arena *arena, const dpi_parameters *p, dpi_answer *answer);
/* Sets the sums to 0. */
void dpi_answer_clear(const dpi_answer *answer, const dpi_parameters *p);
/* Adds the head's output in the workspace. */
void dpi_answer_add_view(const dpi_answer *answer, const dpi_workspace *workspace);
/* Call after the last view. Returns false if the average is not finite. */
bool dpi_answer_average(const dpi_answer *answer, const dp_model *model, size_t views);

/* Sets `index` of the `count` likeliest of all classes, likeliest first, equal ones by index. Other
 * fields are left alone. (top.c) */
void dpi_select_top(const float *logits, int32_t classes, int32_t count, dp_prediction *top);

#endif /* DPI_ANSWER_H */
