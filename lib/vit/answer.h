/*
 * The result of a clip: the average over its views and crops, its softmax, the likeliest
 * classes.
 */
#ifndef DPI_ANSWER_H
#define DPI_ANSWER_H

#include "vit/workspace.h"

/* Sums over views until dpi_answer_average(). */
typedef struct dpi_answer {
    float *logits, *probabilities; /* [classes] */
    float *feature[DPI_PATHS];     /* [feature_size] */
} dpi_answer;

/* Plans (arena->base == NULL) or takes the memory of an answer. (answer.c) */
void dpi_answer_take(dpi_arena *arena, const dpi_parameters *p, dpi_answer *answer);
void dpi_answer_clear(const dpi_answer *answer, const dpi_parameters *p);
/* Adds the head's output in the workspace. */
void dpi_answer_add_view(const dpi_answer *answer, const dpi_workspace *workspace);
/* Call after the last view. Returns false if the average is not finite. */
bool dpi_answer_average(const dpi_answer *answer, const dp_model *model, size_t views);

/* Sets `index` of the `count` likeliest of all classes, likeliest first, equal ones by index. Other
 * fields are left alone. (top.c) */
void dpi_select_top(const float *logits, int32_t classes, int32_t count, dp_prediction *top);

#endif /* DPI_ANSWER_H */
