/*
 * The pool of threads of a session: parallel loops whose tasks are handed out in order by an atomic
 * counter. Threads without work sleep on a condition variable.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "runtime/runtime.h"

#include <string.h>

#if defined(DP_NO_THREADS)

struct dp_pool {
    size_t threads;
};

size_t dp_pool_size(size_t threads) {
    (void)threads;
    return sizeof(dp_pool);
}

dp_status dp_pool_start(void *memory, size_t threads, dp_pool **pool, dp_message *message) {
    if (threads != 1) {
        return dp_fail(message, DP_ERR_THREAD, "this build has no threads: ask for 1, not %zu",
                       threads);
    }
    *pool = memory;
    (*pool)->threads = 1;
    return DP_OK;
}

void dp_pool_stop(dp_pool *pool) {
    (void)pool;
}

size_t dp_pool_threads(const dp_pool *pool) {
    return pool->threads;
}

void dp_pool_run(dp_pool *pool, dp_task_fn task, void *context, size_t count) {
    (void)pool;
    for (size_t i = 0; i < count; i++) {
        task(context, i, 0);
    }
}

size_t dp_processor_count(void) {
    return 1;
}

#else

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

typedef struct worker {
    dp_pool *pool;
    pthread_t thread;
    size_t index;
} worker;

struct dp_pool {
    size_t threads; /* the caller's among them */
    pthread_mutex_t lock;
    pthread_cond_t work; /* a loop begins, or the pool stops */
    pthread_cond_t idle; /* the last worker left the loop */
    uint64_t loop;       /* counts loops, so that each worker joins each loop once */
    size_t working;      /* workers that have not left the current loop */
    bool stopping;
    dp_task_fn task;
    void *context;
    size_t count;
    fenv_t rounding;    /* of the caller: the answer must not depend on who computes it */
    atomic_size_t next; /* the next task to hand out */
    worker workers[];
};

size_t dp_pool_size(size_t threads) {
    return sizeof(dp_pool) + threads * sizeof(worker);
}

static void run_tasks(dp_pool *pool, size_t thread) {
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (index >= pool->count) {
            return;
        }
        pool->task(pool->context, index, thread);
    }
}

static void *worker_main(void *argument) {
    worker *self = argument;
    dp_pool *pool = self->pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->loop == seen && !pool->stopping) {
            pthread_cond_wait(&pool->work, &pool->lock);
        }
        if (pool->stopping) {
            break;
        }
        seen = pool->loop;
        (void)fesetenv(&pool->rounding);
        pthread_mutex_unlock(&pool->lock);
        run_tasks(pool, self->index);
        pthread_mutex_lock(&pool->lock);
        if (--pool->working == 0) {
            pthread_cond_signal(&pool->idle);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void stop_workers(dp_pool *pool, size_t started) {
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 1; i < started; i++) {
        pthread_join(pool->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&pool->idle);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
}

static dp_status init_locks(dp_pool *pool, dp_message *message) {
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        return dp_fail(message, DP_ERR_THREAD, "a lock could not be made");
    }
    if (pthread_cond_init(&pool->work, NULL) != 0) {
        pthread_mutex_destroy(&pool->lock);
        return dp_fail(message, DP_ERR_THREAD, "a condition variable could not be made");
    }
    if (pthread_cond_init(&pool->idle, NULL) != 0) {
        pthread_cond_destroy(&pool->work);
        pthread_mutex_destroy(&pool->lock);
        return dp_fail(message, DP_ERR_THREAD, "a condition variable could not be made");
    }
    return DP_OK;
}

/* Signals are the host's: its threads take them, not ours. */
static int create_without_signals(worker *made) {
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&made->thread, NULL, worker_main, made);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

dp_status dp_pool_start(void *memory, size_t threads, dp_pool **pool, dp_message *message) {
    dp_pool *made = memory;
    memset(made, 0, dp_pool_size(threads));
    made->threads = threads;
    atomic_init(&made->next, 0);
    dp_status status = init_locks(made, message);
    if (status != DP_OK) {
        return status;
    }
    for (size_t i = 1; i < threads; i++) {
        made->workers[i] = (worker){.pool = made, .index = i};
        int error = create_without_signals(&made->workers[i]);
        if (error != 0) {
            stop_workers(made, i);
            return dp_fail(message, DP_ERR_THREAD, "thread %zu of %zu could not be started: %s",
                           i + 1, threads, strerror(error));
        }
    }
    *pool = made;
    return DP_OK;
}

void dp_pool_stop(dp_pool *pool) {
    if (pool != NULL) {
        stop_workers(pool, pool->threads);
    }
}

size_t dp_pool_threads(const dp_pool *pool) {
    return pool->threads;
}

/* Workers read task, context and count after they took the lock that this function held. */
void dp_pool_run(dp_pool *pool, dp_task_fn task, void *context, size_t count) {
    if (pool->threads == 1 || count <= 1) {
        for (size_t i = 0; i < count; i++) {
            task(context, i, 0);
        }
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->task = task;
    pool->context = context;
    pool->count = count;
    (void)fegetenv(&pool->rounding);
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->working = pool->threads - 1;
    pool->loop++;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    run_tasks(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->working != 0) {
        pthread_cond_wait(&pool->idle, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

size_t dp_processor_count(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int count = CPU_COUNT(&set);
        return count > 0 ? (size_t)count : 1;
    }
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}

#endif
