/*
 * A parallel loop: tasks that are handed out in order by an atomic counter, to whoever asks.
 * Private to lib/os.
 */
#ifndef DPI_LOOP_H
#define DPI_LOOP_H

#include "dp_config.h"
#include "os/lock.h"
#include "os/rounding.h"
#include "os/threads.h"

#include <stdatomic.h>

typedef struct dpi_loop {
    dpi_task_fn task;
    void *context;
    size_t count;
    dpi_rounding rounding; /* the caller's, for the same result on every thread */
    atomic_size_t next;    /* the next task to hand out */
#if !defined(DP_NO_THREADS)
    /* For workers that help, under their lock. */
    struct dpi_loop *before, *after; /* neighbours in the ring of running loops */
    size_t helpers;                  /* workers inside */
    dpi_condition left;              /* signalled when the last helper leaves */
    unsigned forks;                  /* when `left` was made: workers.c */
#endif
} dpi_loop;

/* No thread may be in the loop. Threads that join later must synchronise with this call. */
static inline void dpi_loop_begin(dpi_loop *loop, dpi_task_fn task, void *context, size_t count) {
    loop->task = task;
    loop->context = context;
    loop->count = count;
    loop->rounding = dpi_rounding_get();
    atomic_store_explicit(&loop->next, 0, memory_order_relaxed);
}

static inline bool dpi_loop_has_tasks(dpi_loop *loop) {
    return atomic_load_explicit(&loop->next, memory_order_relaxed) < loop->count;
}

/* Runs one task; false when there is none left. */
static inline bool dpi_loop_step(dpi_loop *loop, size_t thread) {
    size_t index = atomic_fetch_add_explicit(&loop->next, 1, memory_order_relaxed);
    if (index >= loop->count) {
        return false;
    }
    loop->task(loop->context, index, thread);
    return true;
}

/* The loop of a team goes through its workers (workers.c). */
dp_status dpi_loop_init(dpi_loop *loop, dpi_message *message);
void dpi_loop_end(dpi_loop *loop);
/* Runs a loop after dpi_loop_begin(), with the caller as thread 0. Several callers may do so at the
 * same time, each with its own loop. Returns when all tasks are done and all workers have left. */
void dpi_workers_run(dpi_workers *workers, dpi_loop *loop);

#endif /* DPI_LOOP_H */
