/*
 * The average over the views of a clip, and its softmax.
 */
#include "vit/answer.h"
#include "base/bytes.h"

#include <string.h>

void dpi_answer_take(dpi_arena *arena, const dpi_parameters *p, dpi_answer *answer) {
    answer->logits = dpi_arena_floats(arena, 1, p->classes);
    answer->probabilities = dpi_arena_floats(arena, 1, p->classes);
    answer->logits_sum = dpi_arena_take(arena, p->classes, sizeof(double));
    for (size_t i = 0; i < dpi_path_count(p); i++) {
        answer->feature[i] = dpi_arena_floats(arena, 1, p->feature_size);
        answer->feature_sum[i] = dpi_arena_take(arena, p->feature_size, sizeof(double));
    }
}

static void clear_sums(double *sums, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sums[i] = 0.0;
    }
}

void dpi_answer_clear(const dpi_answer *answer, const dpi_parameters *p) {
    clear_sums(answer->logits_sum, p->classes);
    for (size_t i = 0; i < dpi_path_count(p); i++) {
        clear_sums(answer->feature_sum[i], p->feature_size);
    }
}

static void add_values(double *sums, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sums[i] += (double)values[i];
    }
}

void dpi_answer_add_view(const dpi_answer *answer, const dpi_workspace *workspace) {
    const dpi_parameters *p = &workspace->model->parameters;
    add_values(answer->logits_sum, workspace->logits, p->classes);
    for (size_t i = 0; i < dpi_path_count(p); i++) {
        add_values(answer->feature_sum[i], workspace->path[i].feature, p->feature_size);
    }
}

/* Whether all of them are finite. */
static bool average_values(const double *sums, float *values, size_t count, size_t views) {
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(sums[i] / (double)views);
        finite = finite && dpi_bits_are_finite(dpi_bits_of_float(values[i]));
    }
    return finite;
}

bool dpi_answer_average(const dpi_answer *answer, const dp_model *model, size_t views) {
    const dpi_parameters *p = &model->parameters;
    bool finite = average_values(answer->logits_sum, answer->logits, p->classes, views);
    for (size_t i = 0; i < dpi_path_count(p); i++) {
        finite =
            average_values(answer->feature_sum[i], answer->feature[i], p->feature_size, views) &&
            finite;
    }
    if (finite && p->classes > 0) {
        memcpy(answer->probabilities, answer->logits, p->classes * sizeof(float));
        model->kernels->softmax(answer->probabilities, p->classes, 1.0f);
    }
    return finite;
}
