/*
 * The team of a session: one way to run a parallel loop, whoever computes it.
 */
#include "os/loop.h"

#include <string.h>

struct dpi_team {
    size_t threads;
    dpi_workers *workers;   /* NULL: the host's scheduler */
    dp_scheduler scheduler; /* a copy */
    dpi_loop loop;          /* a session runs one at a time */
};

size_t dpi_team_size(void) {
    return sizeof(dpi_team);
}

dp_status dpi_team_start(void *memory, dpi_workers *workers, const dp_scheduler *scheduler,
                         dpi_team **team, dpi_message *message) {
    dpi_team *made = memory;
    memset(made, 0, sizeof *made);
    made->workers = workers;
    if (workers == NULL) {
        made->scheduler = *scheduler;
        made->threads = (size_t)scheduler->workers;
    } else {
        made->threads = dpi_workers_threads(workers);
    }
    dp_status status = dpi_loop_init(&made->loop, message);
    if (status == DP_OK) {
        *team = made;
    }
    return status;
}

void dpi_team_stop(dpi_team *team) {
    dpi_loop_end(&team->loop);
}

size_t dpi_team_threads(const dpi_team *team) {
    return team->threads;
}

/* The body that the host calls once for each of its workers, on any thread. */
static void host_worker(void *argument, int32_t worker) {
    dpi_team *team = argument;
    if (worker < 0 || (size_t)worker >= team->threads || !dpi_loop_has_tasks(&team->loop)) {
        return;
    }
    dpi_rounding of_host = dpi_rounding_get();
    dpi_rounding_set(&team->loop.rounding);
    while (dpi_loop_step(&team->loop, (size_t)worker)) {
    }
    dpi_rounding_set(&of_host);
}

/* Runs tasks that are left if the host did not call every worker. */
static void run_on_host(dpi_team *team) {
    team->scheduler.run(team->scheduler.user, host_worker, team);
    while (dpi_loop_step(&team->loop, 0)) {
    }
}

void dpi_team_run(dpi_team *team, dpi_task_fn task, void *context, size_t count) {
    dpi_loop_begin(&team->loop, task, context, count);
    if (team->workers == NULL && count > 1) {
        run_on_host(team);
    } else if (team->threads > 1 && count > 1) {
        dpi_workers_run(team->workers, &team->loop);
    } else {
        while (dpi_loop_step(&team->loop, 0)) {
        }
    }
}
