/*
 * The average over the views of a clip, and its softmax.
 */
#include "vit/answer.h"
#include "base/bytes.h"

#include <string.h>

void dp_answer_take(dp_arena *arena, const dp_parameters *p, dp_answer *answer) {
    answer->logits = dp_arena_floats(arena, 1, p->classes);
    answer->probabilities = dp_arena_floats(arena, 1, p->classes);
    for (size_t i = 0; i < DP_PATHS; i++) {
        answer->feature[i] = dp_arena_floats(arena, 1, p->feature_size);
    }
}

void dp_answer_clear(const dp_answer *answer, const dp_parameters *p) {
    memset(answer->logits, 0, p->classes * sizeof(float));
    for (size_t i = 0; i < DP_PATHS; i++) {
        memset(answer->feature[i], 0, p->feature_size * sizeof(float));
    }
}

static void add_values(float *sum, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += values[i];
    }
}

void dp_answer_add_view(const dp_answer *answer, const dp_workspace *workspace) {
    const dp_parameters *p = &workspace->model->parameters;
    add_values(answer->logits, workspace->logits, p->classes);
    for (size_t i = 0; i < DP_PATHS; i++) {
        add_values(answer->feature[i], workspace->path[i].feature, p->feature_size);
    }
}

/* Whether all of them are finite. */
static bool divide_values(float *values, size_t count, size_t views) {
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        values[i] /= (float)views;
        finite = finite && dp_bits_are_finite(dp_bits_of_float(values[i]));
    }
    return finite;
}

bool dp_answer_average(const dp_answer *answer, const dp_model *model, size_t views) {
    const dp_parameters *p = &model->parameters;
    bool finite = divide_values(answer->logits, p->classes, views);
    for (size_t i = 0; i < DP_PATHS; i++) {
        finite = divide_values(answer->feature[i], p->feature_size, views) && finite;
    }
    if (finite && p->classes > 0) {
        memcpy(answer->probabilities, answer->logits, p->classes * sizeof(float));
        model->kernels->softmax(answer->probabilities, p->classes, 1.0f);
    }
    return finite;
}
