/*
 * dp_session_peak(): how fast the session's threads can multiply and add at all.
 */
#include "api/api.h"

typedef struct burn_run {
    const dp_session *session;
    uint64_t rounds;
} burn_run;

static void burn_task(void *context, size_t index, size_t thread) {
    const burn_run *run = context;
    (void)index;
    (void)thread;
    (void)run->session->model->product->burn(run->rounds);
}

/* Milliseconds for every thread to burn `rounds`. */
static double time_burn(const dp_session *session, uint64_t rounds) {
    burn_run run = {session, rounds};
    double since = dp_clock_ms();
    dp_team_run(session->team, burn_task, &run, dp_team_threads(session->team));
    return dp_clock_ms() - since;
}

dp_status dp_session_peak(dp_session *session, double milliseconds, double *gops) {
    if (session == NULL) {
        return dp_fail(dp_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    if (gops == NULL || !(milliseconds >= 1.0 && milliseconds <= 10000.0)) {
        return dp_fail(&session->message, DP_ERR_ARGUMENT,
                       "%g milliseconds were asked for, expected 1 .. 10000 and a place for the "
                       "answer",
                       milliseconds);
    }
    double pieces = (double)dp_team_threads(session->team);
    double per_round = (double)session->model->product->burn(1);
    if (!(dp_clock_ms() > 0.0)) {
        return dp_fail(&session->message, DP_ERR_UNSUPPORTED, "this build has no clock");
    }
    uint64_t rounds = 1024;
    double passed = time_burn(session, rounds);
    while (passed < milliseconds / 4.0 && rounds < (uint64_t)1 << 40) {
        rounds *= 2;
        passed = time_burn(session, rounds);
    }
    rounds = (uint64_t)((double)rounds * (milliseconds / passed)) + 1;
    passed = time_burn(session, rounds);
    *gops = 2.0 * per_round * pieces * (double)rounds / (passed * 1e6);
    return DP_OK;
}
