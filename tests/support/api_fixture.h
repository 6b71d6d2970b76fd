/*
 * What most tests of misuse need: a model, a session and a clip, the answer to it, and calls that
 * must be refused with a status and a sentence.
 */
#ifndef API_FIXTURE_H
#define API_FIXTURE_H

#include "api_support.h"
#include "suite.h"

static dp_model *model;
static dp_session *session;
static test_clip clip;
static answer expected;

static inline void set_up(void) {
    random_restart();
    model = open_golden(SMALL_MODEL);
    session = new_session(model, 1);
    clip = make_clip(SMALL_FRAMES, SMALL_SIDE, SMALL_SIDE);
    expected = classify(session, &clip.clip);
}

static inline void tear_down(void) {
    free_clip(&clip);
    dp_session_destroy(session);
    dp_model_close(model);
}

static inline void check_still_works(void) {
    answer got = classify(session, &clip.clip);
    ck_assert(same_bits(&got, &expected));
}

static inline void check_refused(dp_status got, dp_status status, const char *message,
                                 const char *mentioned) {
    ck_assert_msg(got == status, "%s, expected %s; \"%s\"", dp_status_name(got),
                  dp_status_name(status), message);
    ck_assert_msg(strstr(message, mentioned) != NULL, "\"%s\" does not mention \"%s\"", message,
                  mentioned);
}

/* The call must fail with this status; its sentence must mention this. */
#define REFUSED(call, status, mentioned) \
    check_refused((call), (status), dp_last_message(), (mentioned))

/* The same for calls on `session`. C does not say which argument comes first. */
#define SESSION_REFUSED(call, status, mentioned)                                       \
    do {                                                                               \
        dp_status refused_as = (call);                                                 \
        check_refused(refused_as, (status), dp_session_message(session), (mentioned)); \
    } while (0)

/* An output that is not NULL, to see that it becomes NULL. */
static void *const poison = &expected;

static inline void check_empty(const dp_result *result) {
    ck_assert(result->logits == NULL && result->probabilities == NULL);
    ck_assert(result->feature_temporal == NULL && result->feature_spatial == NULL);
    ck_assert(result->classes == 0 && result->feature_size == 0 && result->macs == 0);
    ck_assert(result->timings.total_ms == 0 && result->timings.blocks_ms == 0);
}

#endif /* API_FIXTURE_H */
