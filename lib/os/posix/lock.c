/*
 * Locks, conditions and threads of POSIX.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "os/lock.h"

#if !defined(DP_NO_THREADS)

#include <errno.h>
#include <signal.h>

/* ---- locks and conditions ---- */

int dpi_lock_init(dpi_lock *lock) {
    return pthread_mutex_init(lock, NULL);
}

void dpi_lock_end(dpi_lock *lock) {
    (void)pthread_mutex_destroy(lock);
}

void dpi_condition_end(dpi_condition *condition) {
    (void)pthread_cond_destroy(condition);
}

void dpi_lock_take(dpi_lock *lock) {
    (void)pthread_mutex_lock(lock);
}

void dpi_lock_release(dpi_lock *lock) {
    (void)pthread_mutex_unlock(lock);
}

void dpi_condition_signal(dpi_condition *condition) {
    (void)pthread_cond_signal(condition);
}

void dpi_condition_broadcast(dpi_condition *condition) {
    (void)pthread_cond_broadcast(condition);
}

/* ---- threads ---- */

static void *thread_main(void *argument) {
    const dpi_thread *self = argument;
    self->run(self->argument);
    return NULL;
}

/* Where thread-local data of the program leaves too little of a stack, the default has to do. */
static int create_thread(dpi_thread *thread, size_t stack_bytes) {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error == 0) {
        (void)pthread_attr_setstacksize(&attributes, stack_bytes);
        error = pthread_create(&thread->id, &attributes, thread_main, thread);
        (void)pthread_attr_destroy(&attributes);
    }
    return error == EINVAL ? pthread_create(&thread->id, NULL, thread_main, thread) : error;
}

/* Threads block signals, which the host's handle. Those that a thread raises itself by a fault are
 * left as they come: blocked, they would end the process without the host's handler. */
int dpi_thread_start(dpi_thread *thread, size_t stack_bytes, void (*run)(void *), void *argument) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t blocked;
    sigset_t before;
    thread->run = run;
    thread->argument = argument;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        (void)sigdelset(&blocked, faults[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
    int error = create_thread(thread, stack_bytes);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

void dpi_thread_join(dpi_thread *thread) {
    (void)pthread_join(thread->id, NULL);
}

#endif /* DP_NO_THREADS */
