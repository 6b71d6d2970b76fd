/*
 * The average over the views of a clip, of logits or of probabilities, and its softmax.
 */
#include "vit/answer.h"
#include "base/bytes.h"
#include "dp_config.h"
#include "nn/exp_erfc.h"

#include <float.h>
#include <math.h>
#include <string.h>

static bool averages_probabilities(const dpi_parameters *p) {
    return DPI_HAS_PROTOCOLS && p->protocol.average == DPI_AVERAGE_PROBABILITIES;
}

void dpi_answer_take(dpi_arena *arena, const dpi_parameters *p, dpi_answer *answer) {
    answer->logits = dpi_arena_floats(arena, 1, p->classes);
    answer->probabilities = dpi_arena_floats(arena, 1, p->classes);
    answer->logits_sum = dpi_arena_take(arena, p->classes, sizeof(double));
    if (averages_probabilities(p)) {
        answer->probabilities_sum = dpi_arena_take(arena, p->classes, sizeof(double));
    }
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
    if (averages_probabilities(p)) {
        clear_sums(answer->probabilities_sum, p->classes);
    }
    for (size_t i = 0; i < dpi_path_count(p); i++) {
        clear_sums(answer->feature_sum[i], p->feature_size);
    }
}

static void add_values(double *sums, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sums[i] += (double)values[i];
    }
}

/* Adds the softmax of one view's logits. */
static void add_probabilities(double *sums, const float *logits, size_t count) {
    double largest = -INFINITY, sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        largest = (double)logits[i] > largest ? (double)logits[i] : largest;
    }
    for (size_t i = 0; i < count; i++) {
        sum += dpi_exp((double)logits[i] - largest);
    }
    for (size_t i = 0; i < count; i++) {
        sums[i] += dpi_exp((double)logits[i] - largest) / sum;
    }
}

void dpi_answer_add_view(const dpi_answer *answer, const dpi_workspace *workspace) {
    const dpi_parameters *p = &workspace->model->parameters;
    add_values(answer->logits_sum, workspace->logits, p->classes);
    if (averages_probabilities(p)) {
        add_probabilities(answer->probabilities_sum, workspace->logits, p->classes);
    }
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

/* Logits of averaged probabilities: their softmax is what was averaged. Where nothing is left of a
 * probability, it is the least positive number. */
static void take_logarithms(const dpi_answer *answer, size_t count, size_t views) {
    for (size_t i = 0; i < count; i++) {
        double average = answer->probabilities_sum[i] / (double)views;
        answer->logits[i] = (float)log(average > DBL_MIN ? average : DBL_MIN);
    }
}

bool dpi_answer_average(const dpi_answer *answer, const dp_model *model, size_t views) {
    const dpi_parameters *p = &model->parameters;
    bool finite = average_values(answer->logits_sum, answer->logits, p->classes, views);
    for (size_t i = 0; i < dpi_path_count(p); i++) {
        finite =
            average_values(answer->feature_sum[i], answer->feature[i], p->feature_size, views) &&
            finite;
    }
    if (finite && averages_probabilities(p) && views > 1) {
        take_logarithms(answer, p->classes, views);
    }
    if (finite && p->classes > 0) {
        memcpy(answer->probabilities, answer->logits, p->classes * sizeof(float));
        model->kernels->softmax(answer->probabilities, p->classes, 1.0f);
    }
    return finite;
}
