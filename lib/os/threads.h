/*
 * Parallel loops, and the threads that run them. (workers.c, team.c)
 */
#ifndef DP_THREADS_H
#define DP_THREADS_H

#include "base/message.h"
#include "dualpath.h"

#include <stddef.h>
#include <stdint.h>

/* A task of a parallel loop: `index` is 0 .. count-1, `thread` 0 .. threads-1 (for scratch memory).
 */
typedef void (*dp_task_fn)(void *context, size_t index, size_t thread);

/* Threads that help with the loops of one team or of several. */
typedef struct dp_workers dp_workers;

/* Bytes of workers. */
size_t dp_workers_size(size_t threads);
/* Makes workers in caller's memory of dp_workers_size() bytes and starts threads - 1 threads, which
 * sleep until there is work. On failure nothing is left running. */
dp_status dp_workers_start(void *memory, size_t threads, dp_workers **workers, dp_message *message);
void dp_workers_stop(dp_workers *workers);
/* As many as were asked for, a caller among them. */
size_t dp_workers_threads(const dp_workers *workers);

/* Who computes for a session: its caller together with workers, its own or shared ones, or the
 * threads of the host's scheduler. */
typedef struct dp_team dp_team;

/* Bytes of a team. */
size_t dp_team_size(void);
/* Makes a team in caller's memory of dp_team_size() bytes, on workers or, where they are NULL, on a
 * scheduler, which is copied. */
dp_status dp_team_start(void *memory, dp_workers *workers, const dp_scheduler *scheduler,
                        dp_team **team, dp_message *message);
void dp_team_stop(dp_team *team);
size_t dp_team_threads(const dp_team *team);
/* Runs all tasks; returns when all are done. Tasks are handed out in order. One loop at a time. */
void dp_team_run(dp_team *team, dp_task_fn task, void *context, size_t count);

/* Processors this process may use, at least 1. */
size_t dp_processor_count(void);

#endif /* DP_THREADS_H */
