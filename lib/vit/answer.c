/*
 * The average over the views of a clip, and its softmax.
 */
#include "vit/answer.h"
#include "base/bytes.h"

#include <string.h>

void dpi_answer_take(dpi_arena *arena, const dpi_parameters *p, dpi_answer *answer) {
    answer->logits = dpi_arena_floats(arena, 1, p->classes);
    answer->probabilities = dpi_arena_floats(arena, 1, p->classes);
    for (size_t i = 0; i < DPI_PATHS; i++) {
        answer->feature[i] = dpi_arena_floats(arena, 1, p->feature_size);
    }
}

void dpi_answer_clear(const dpi_answer *answer, const dpi_parameters *p) {
    memset(answer->logits, 0, p->classes * sizeof(float));
    for (size_t i = 0; i < DPI_PATHS; i++) {
        memset(answer->feature[i], 0, p->feature_size * sizeof(float));
    }
}

static void add_values(float *sum, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += values[i];
    }
}

void dpi_answer_add_view(const dpi_answer *answer, const dpi_workspace *workspace) {
    const dpi_parameters *p = &workspace->model->parameters;
    add_values(answer->logits, workspace->logits, p->classes);
    for (size_t i = 0; i < DPI_PATHS; i++) {
        add_values(answer->feature[i], workspace->path[i].feature, p->feature_size);
    }
}

/* Whether all of them are finite. */
static bool divide_values(float *values, size_t count, size_t views) {
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        values[i] /= (float)views;
        finite = finite && dpi_bits_are_finite(dpi_bits_of_float(values[i]));
    }
    return finite;
}

bool dpi_answer_average(const dpi_answer *answer, const dp_model *model, size_t views) {
    const dpi_parameters *p = &model->parameters;
    bool finite = divide_values(answer->logits, p->classes, views);
    for (size_t i = 0; i < DPI_PATHS; i++) {
        finite = divide_values(answer->feature[i], p->feature_size, views) && finite;
    }
    if (finite && p->classes > 0) {
        memcpy(answer->probabilities, answer->logits, p->classes * sizeof(float));
        model->kernels->softmax(answer->probabilities, p->classes, 1.0f);
    }
    return finite;
}
