/*
 * dp_session_peak(): how fast the session's threads can multiply and add at all.
 */
#define DP_EXPERIMENTAL /* dp_session_peak() */
#include "api/api.h"
#include "os/clock.h"

typedef struct measure_peak_run {
    const dp_session *session;
    uint64_t rounds;
} measure_peak_run;

static void measure_peak_task(void *context, size_t index, size_t thread) {
    const measure_peak_run *run = context;
    (void)index;
    (void)thread;
    (void)run->session->model->gemm->measure_peak(run->rounds);
}

/* Milliseconds for every thread to measure_peak `rounds`. */
static double time_measure_peak(const dp_session *session, uint64_t rounds) {
    measure_peak_run run = {session, rounds};
    double since = dpi_clock_ms();
    dpi_team_run(session->team, measure_peak_task, &run, dpi_team_threads(session->team));
    return dpi_clock_ms() - since;
}

dp_status dp_session_peak(dp_session *session, double milliseconds, double *gops) {
    if (session == NULL) {
        return dpi_fail(dpi_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    if (gops == NULL || !(milliseconds >= 1.0 && milliseconds <= 10000.0)) {
        return dpi_fail(&session->message, DP_ERR_ARGUMENT,
                        "%g milliseconds were asked for, expected 1 .. 10000 and a place for the "
                        "answer",
                        milliseconds);
    }
    double threads = (double)dpi_team_threads(session->team);
    double per_round = (double)session->model->gemm->measure_peak(1);
    if (!(dpi_clock_ms() > 0.0)) {
        return dpi_fail(&session->message, DP_ERR_UNSUPPORTED, "this build has no clock");
    }
    uint64_t rounds = 1024;
    double passed = time_measure_peak(session, rounds);
    while (passed < milliseconds / 4.0 && rounds < (uint64_t)1 << 40) {
        rounds *= 2;
        passed = time_measure_peak(session, rounds);
    }
    rounds = (uint64_t)((double)rounds * (milliseconds / passed)) + 1;
    passed = time_measure_peak(session, rounds);
    *gops = 2.0 * per_round * threads * (double)rounds / (passed * 1e6);
    return DP_OK;
}
