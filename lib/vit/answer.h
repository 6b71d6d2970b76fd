/*
 * What a clip is answered: the average over its views and crops, its softmax, the likeliest
 * classes.
 */
#ifndef DP_ANSWER_H
#define DP_ANSWER_H

#include "vit/workspace.h"

/* The sum over views until it is averaged. */
typedef struct dp_answer {
    float *logits, *probabilities; /* [classes] */
    float *feature[DP_PATHS];      /* [feature_size] */
} dp_answer;

/* Plans (arena->base == NULL) or takes the memory of an answer. (answer.c) */
void dp_answer_take(dp_arena *arena, const dp_parameters *p, dp_answer *answer);
void dp_answer_clear(const dp_answer *answer, const dp_parameters *p);
/* Adds what the head left in the workspace. */
void dp_answer_add_view(const dp_answer *answer, const dp_workspace *workspace);
/* When all views were added. False: the average is not finite. */
bool dp_answer_average(const dp_answer *answer, const dp_model *model, size_t views);

/* Sets `index` of the `count` likeliest of all classes, likeliest first, equal ones by index. Other
 * fields are left alone. (top.c) */
void dp_select_top(const float *logits, int32_t classes, int32_t count, dp_prediction *top);

#endif /* DP_ANSWER_H */
