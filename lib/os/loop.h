/*
 * A parallel loop: tasks that are handed out in order by an atomic counter, to whoever asks.
 * Private to lib/runtime.
 */
#ifndef DP_LOOP_H
#define DP_LOOP_H

#include "dp_config.h"
#include "os/threads.h"

#include <stdatomic.h>

#if defined(DP_NO_FENV)
typedef int fenv_t;
#define fegetenv(environment) (*(environment) = 0)
#define fesetenv(environment) (*(environment))
#else
#include <fenv.h>
#endif

#if !defined(DP_NO_THREADS)
#include <pthread.h>
#endif

typedef struct dp_loop {
    dp_task_fn task;
    void *context;
    size_t count;
    fenv_t rounding;    /* of the caller: the answer must not depend on who computes it */
    atomic_size_t next; /* the next task to hand out */
#if !defined(DP_NO_THREADS)
    /* For workers that help, under their lock. */
    struct dp_loop *before, *after; /* in the ring of all loops that go on */
    size_t helpers;                 /* workers inside */
    pthread_cond_t left;            /* the last of them left */
#endif
} dp_loop;

/* Nobody may be inside. Those who join later must be told by something that orders memory. */
static inline void dp_loop_begin(dp_loop *loop, dp_task_fn task, void *context, size_t count) {
    loop->task = task;
    loop->context = context;
    loop->count = count;
    (void)fegetenv(&loop->rounding);
    atomic_store_explicit(&loop->next, 0, memory_order_relaxed);
}

static inline bool dp_loop_has_tasks(dp_loop *loop) {
    return atomic_load_explicit(&loop->next, memory_order_relaxed) < loop->count;
}

/* Runs one task; false when there is none left. */
static inline bool dp_loop_step(dp_loop *loop, size_t thread) {
    size_t index = atomic_fetch_add_explicit(&loop->next, 1, memory_order_relaxed);
    if (index >= loop->count) {
        return false;
    }
    loop->task(loop->context, index, thread);
    return true;
}

/* The loop of a team goes through its workers (workers.c). */
dp_status dp_loop_init(dp_loop *loop, dp_message *message);
void dp_loop_end(dp_loop *loop);
/* Runs a loop that has begun: the caller as thread 0, workers helping. Any number of callers at the
 * same time, each with a loop of its own. Returns when all tasks are done and nobody is inside. */
void dp_workers_run(dp_workers *workers, dp_loop *loop);

#endif /* DP_LOOP_H */
