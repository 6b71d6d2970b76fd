/*
 * The smallest golden model and a session on it with one thread, for each test.
 */
#ifndef SMALL_SESSION_H
#define SMALL_SESSION_H

#include "api_support.h"
#include "suite.h"

#include <math.h>

static dp_model *model;
static dp_session *session;

static inline void set_up(void) {
    random_restart();
    model = open_golden(SMALL_MODEL);
    session = new_session(model, 1);
}

static inline void tear_down(void) {
    dp_session_destroy(session);
    dp_model_close(model);
}

static inline void check_same(const dp_clip *a, const dp_clip *b) {
    answer first = classify(session, a);
    answer second = classify(session, b);
    ck_assert(same_bits(&first, &second));
}

/* Rounding may differ, nothing else. */
static inline void check_close(const answer *got, const answer *expected) {
    ck_assert_uint_gt(got->count, 0);
    ck_assert_uint_eq(got->count, expected->count);
    for (size_t i = 0; i < got->count; i++) {
        ck_assert_float_eq_tol(got->values[i], expected->values[i],
                               1e-5F * (1.0F + fabsf(expected->values[i])));
    }
}

#endif /* SMALL_SESSION_H */
