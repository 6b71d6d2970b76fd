/*
 * Parallel loops, and the threads that run them. (workers.c, team.c)
 */
#ifndef DPI_THREADS_H
#define DPI_THREADS_H

#include "base/message.h"
#include "dualpath.h"

#include <stddef.h>
#include <stdint.h>

/* A task of a parallel loop: `index` is 0 .. count-1, `thread` 0 .. threads-1 (for scratch memory).
 */
typedef void (*dpi_task_fn)(void *context, size_t index, size_t thread);

/* Threads that help with the loops of one team or of several. */
typedef struct dpi_workers dpi_workers;

/* Bytes that dpi_workers_start() needs. */
size_t dpi_workers_size(size_t threads);
/* Makes workers in caller's memory of dpi_workers_size() bytes and starts threads - 1 threads,
 * which sleep until there is work. On failure nothing is left running. */
dp_status dpi_workers_start(void *memory, size_t threads, dpi_workers **workers,
                            dpi_message *message);
void dpi_workers_stop(dpi_workers *workers);
/* The number requested, including one caller. */
size_t dpi_workers_threads(const dpi_workers *workers);

/* Who computes for a session: its caller together with workers, its own or shared ones, or the
 * threads of the host's scheduler. */
typedef struct dpi_team dpi_team;

/* Bytes of a team. */
size_t dpi_team_size(void);
/* Makes a team in caller's memory of dpi_team_size() bytes. It runs on workers or, if NULL, on
 * a scheduler, which is copied. */
dp_status dpi_team_start(void *memory, dpi_workers *workers, const dp_scheduler *scheduler,
                         dpi_team **team, dpi_message *message);
void dpi_team_stop(dpi_team *team);
size_t dpi_team_threads(const dpi_team *team);
/* Runs all tasks; returns when all are done. Tasks are handed out in order. One loop at a time. */
void dpi_team_run(dpi_team *team, dpi_task_fn task, void *context, size_t count);

#endif /* DPI_THREADS_H */
