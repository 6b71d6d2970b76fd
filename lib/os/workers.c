/*
 * Threads that help with parallel loops: those of one session, or of several at the same time. Each
 * caller works on its own loop; workers go where tasks are left, and sleep on a condition variable
 * when there are none.
 */
#include "base/size.h"
#include "os/forks.h"
#include "os/loop.h"
#include "os/placement.h"

#include <string.h>

#if defined(DP_NO_THREADS)

struct dpi_workers {
    size_t threads;
};

size_t dpi_workers_size(size_t threads) {
    (void)threads;
    return sizeof(dpi_workers);
}

dp_status dpi_workers_start(void *memory, size_t threads, dpi_workers **workers,
                            dpi_message *message) {
    if (threads != 1) {
        return dpi_fail(message, DP_ERR_THREAD, "this build has no threads: ask for 1, not %zu",
                        threads);
    }
    *workers = memory;
    (*workers)->threads = 1;
    return DP_OK;
}

void dpi_workers_stop(dpi_workers *workers) {
    (void)workers;
}

size_t dpi_workers_threads(const dpi_workers *workers) {
    return workers->threads;
}

dp_status dpi_loop_init(dpi_loop *loop, dpi_message *message) {
    (void)message;
    atomic_init(&loop->next, 0);
    return DP_OK;
}

void dpi_loop_end(dpi_loop *loop) {
    (void)loop;
}

void dpi_workers_run(dpi_workers *workers, dpi_loop *loop) {
    (void)workers;
    while (dpi_loop_step(loop, 0)) {
    }
}

#else

typedef struct worker {
    dpi_workers *all;
    dpi_thread thread;
    size_t index;
    dpi_placement placement; /* under the lock */
} worker;

/* After a fork the child has none of the threads: callers work alone, and lock, conditions and ring
 * are left as some thread of the parent may have left them. */
struct dpi_workers {
    size_t threads; /* that may compute at once, a caller among them */
    unsigned forks; /* when they were started */
    dpi_lock lock;
    dpi_condition work; /* signalled when a loop wants help, and to stop */
    bool stopping;
    size_t sleeping; /* workers without a loop */
    size_t running;  /* threads in loops, including callers; exceeds `threads` only while
                        workers finish a task, or with more callers than `threads` */
    dpi_loop *first; /* the ring of running loops; the first is the next to get help, or is NULL */
    atomic_uint begun; /* loops so far: written under the lock, watched by workers between tasks */
    worker workers[];
};

size_t dpi_workers_size(size_t threads) {
    return sizeof(dpi_workers) + threads * sizeof(worker);
}

size_t dpi_workers_threads(const dpi_workers *workers) {
    return workers->threads;
}

static bool are_in_parent(const dpi_workers *workers) {
    return workers->forks != dpi_forks_so_far();
}

/* ---- the ring of loops; with the lock held ---- */

static void link_loop(dpi_workers *workers, dpi_loop *loop) {
    if (workers->first == NULL) {
        loop->before = loop->after = loop;
        workers->first = loop;
        return;
    }
    loop->after = workers->first;
    loop->before = workers->first->before;
    loop->before->after = loop;
    loop->after->before = loop;
}

static void unlink_loop(dpi_workers *workers, dpi_loop *loop) {
    if (workers->first == loop) {
        workers->first = loop->after == loop ? NULL : loop->after;
    }
    loop->before->after = loop->after;
    loop->after->before = loop->before;
}

/* The loop with tasks left that has the fewest helpers; among equals, the first in the ring.
 * NULL if there is none. */
static dpi_loop *find_loop(const dpi_workers *workers) {
    dpi_loop *found = NULL;
    dpi_loop *loop = workers->first;
    if (loop == NULL) {
        return NULL;
    }
    do {
        if (dpi_loop_has_tasks(loop) && (found == NULL || loop->helpers < found->helpers)) {
            found = loop;
        }
        loop = loop->after;
    } while (loop != workers->first);
    return found;
}

/* ---- a worker; with the lock held, except for its tasks ---- */

/* Whether a helper should leave its loop: too many threads run, since another
 * caller came, or another loop has too few helpers. */
static bool should_change_loop(const dpi_workers *workers, const dpi_loop *loop) {
    const dpi_loop *other = find_loop(workers);
    return workers->running > workers->threads ||
           (other != NULL && other->helpers + 1 < loop->helpers);
}

static void help(dpi_workers *workers, dpi_loop *loop, size_t thread) {
    workers->running++;
    workers->first = loop->after;
    loop->helpers++;
    dpi_rounding_set(&loop->rounding);
    do {
        unsigned begun = atomic_load_explicit(&workers->begun, memory_order_relaxed);
        dpi_lock_release(&workers->lock);
        while (dpi_loop_step(loop, thread) &&
               atomic_load_explicit(&workers->begun, memory_order_relaxed) == begun) {
        }
        dpi_lock_take(&workers->lock);
    } while (dpi_loop_has_tasks(loop) && !should_change_loop(workers, loop));
    workers->running--;
    if (--loop->helpers == 0) {
        dpi_condition_signal(&loop->left);
    }
}

static void worker_main(void *argument) {
    worker *self = argument;
    dpi_workers *workers = self->all;
    dpi_lock_take(&workers->lock);
    self->placement = dpi_placement_here();
    while (!workers->stopping) {
        dpi_loop *loop = workers->running < workers->threads ? find_loop(workers) : NULL;
        if (loop != NULL) {
            help(workers, loop, self->index);
        } else {
            workers->sleeping++;
            (void)dpi_condition_wait(&workers->work, &workers->lock, -1.0);
            workers->sleeping--;
        }
    }
    dpi_lock_release(&workers->lock);
}

/* ---- a caller ---- */

/* Where no other loop runs, so that no worker is taken from its processor. */
static void keep_off_caller(dpi_workers *workers) {
    int processor = dpi_current_processor();
    for (size_t i = 1; i < workers->threads; i++) {
        dpi_placement_avoid(&workers->workers[i].placement, processor);
    }
}

/* Wakes up to `tasks` workers, but no more than may run. */
static void wake_workers(dpi_workers *workers, size_t tasks) {
    size_t unused = workers->threads - dpi_size_min(workers->running, workers->threads);
    size_t wanted = dpi_size_min(tasks, unused);
    if (workers->running == 1) {
        keep_off_caller(workers);
    }
    if (wanted >= workers->sleeping) {
        dpi_condition_broadcast(&workers->work);
        return;
    }
    for (size_t i = 0; i < wanted; i++) {
        dpi_condition_signal(&workers->work);
    }
}

static void run_alone(dpi_loop *loop) {
    while (dpi_loop_step(loop, 0)) {
    }
}

void dpi_workers_run(dpi_workers *workers, dpi_loop *loop) {
    if (are_in_parent(workers)) {
        run_alone(loop);
        return;
    }
    dpi_lock_take(&workers->lock);
    link_loop(workers, loop);
    workers->running++;
    atomic_fetch_add_explicit(&workers->begun, 1, memory_order_relaxed);
    wake_workers(workers, loop->count - 1);
    dpi_lock_release(&workers->lock);
    run_alone(loop);
    dpi_lock_take(&workers->lock);
    unlink_loop(workers, loop);
    while (loop->helpers != 0) {
        (void)dpi_condition_wait(&loop->left, &workers->lock, -1.0);
    }
    workers->running--;
    dpi_lock_release(&workers->lock);
}

dp_status dpi_loop_init(dpi_loop *loop, dpi_message *message) {
    atomic_init(&loop->next, 0);
    loop->forks = dpi_forks_so_far();
    if (dpi_condition_init(&loop->left) != 0) {
        return dpi_fail(message, DP_ERR_THREAD, "a condition variable could not be made");
    }
    return DP_OK;
}

/* Destroying a condition that a thread of the parent waits for would wait for that thread. */
void dpi_loop_end(dpi_loop *loop) {
    if (loop->forks == dpi_forks_so_far()) {
        dpi_condition_end(&loop->left);
    }
}

/* ---- starting and stopping ---- */

static void stop_workers(dpi_workers *workers, size_t started) {
    dpi_lock_take(&workers->lock);
    workers->stopping = true;
    dpi_condition_broadcast(&workers->work);
    dpi_lock_release(&workers->lock);
    for (size_t i = 1; i < started; i++) {
        dpi_thread_join(&workers->workers[i].thread);
    }
    dpi_condition_end(&workers->work);
    dpi_lock_end(&workers->lock);
}

static dp_status init_locks(dpi_workers *workers, dpi_message *message) {
    if (dpi_lock_init(&workers->lock) != 0) {
        return dpi_fail(message, DP_ERR_THREAD, "a lock could not be made");
    }
    if (dpi_condition_init(&workers->work) != 0) {
        dpi_lock_end(&workers->lock);
        return dpi_fail(message, DP_ERR_THREAD, "a condition variable could not be made");
    }
    return DP_OK;
}

/* Of a worker, whatever the limits of the process and the defaults of the C library are. It needs a
 * tenth of this (tests/api/test_stacks.c); the rest is for a crash handler of the host. */
#define STACK_BYTES ((size_t)512 << 10)

dp_status dpi_workers_start(void *memory, size_t threads, dpi_workers **workers,
                            dpi_message *message) {
    dpi_workers *made = memory;
    memset(made, 0, dpi_workers_size(threads));
    if (!dpi_forks_watch()) {
        return dpi_fail(message, DP_ERR_THREAD, "the handler of forks could not be installed");
    }
    made->threads = threads;
    made->forks = dpi_forks_so_far();
    atomic_init(&made->begun, 0);
    dp_status status = init_locks(made, message);
    if (status != DP_OK) {
        return status;
    }
    for (size_t i = 1; i < threads; i++) {
        worker *next = &made->workers[i];
        *next = (worker){.all = made, .index = i};
        int error = dpi_thread_start(&next->thread, STACK_BYTES, worker_main, next);
        if (error != 0) {
            stop_workers(made, i);
            return dpi_fail(message, DP_ERR_THREAD, "thread %zu of %zu could not be started: %s",
                            i + 1, threads, strerror(error));
        }
    }
    *workers = made;
    return DP_OK;
}

void dpi_workers_stop(dpi_workers *workers) {
    if (workers != NULL && !are_in_parent(workers)) {
        stop_workers(workers, workers->threads);
    }
}

#endif
