/*
 * Locks, conditions and threads of Windows.
 */
#include "os/lock.h"

#if !defined(DP_NO_THREADS)

#include "os/clock.h"
#include "os/windows/system.h"

#include <errno.h>
#include <process.h>

/* ---- locks and conditions, which take nothing from the system ---- */

_Static_assert(sizeof(dpi_lock) == sizeof(SRWLOCK), "a lock by another name");
_Static_assert(sizeof(dpi_condition) == sizeof(CONDITION_VARIABLE), "a condition by another name");

static SRWLOCK *lock_of(dpi_lock *lock) {
    return (SRWLOCK *)(void *)lock;
}

static CONDITION_VARIABLE *condition_of(dpi_condition *condition) {
    return (CONDITION_VARIABLE *)(void *)condition;
}

int dpi_lock_init(dpi_lock *lock) {
    InitializeSRWLock(lock_of(lock));
    return 0;
}

int dpi_condition_init(dpi_condition *condition) {
    InitializeConditionVariable(condition_of(condition));
    return 0;
}

void dpi_lock_end(dpi_lock *lock) {
    (void)lock;
}

void dpi_condition_end(dpi_condition *condition) {
    (void)condition;
}

void dpi_lock_take(dpi_lock *lock) {
    AcquireSRWLockExclusive(lock_of(lock));
}

void dpi_lock_release(dpi_lock *lock) {
    ReleaseSRWLockExclusive(lock_of(lock));
}

/* Whole milliseconds up to the deadline, rounded up: who is early looks again. */
static DWORD milliseconds_left(double deadline_ms) {
    double left = deadline_ms - dpi_clock_ms();
    return left <= 0.0 ? 0 : left >= 1e9 ? 1000000000 : (DWORD)left + 1;
}

bool dpi_condition_wait(dpi_condition *condition, dpi_lock *lock, double deadline_ms) {
    DWORD milliseconds = deadline_ms < 0.0 ? INFINITE : milliseconds_left(deadline_ms);
    return SleepConditionVariableSRW(condition_of(condition), lock_of(lock), milliseconds, 0) ||
           dpi_clock_ms() < deadline_ms;
}

void dpi_condition_signal(dpi_condition *condition) {
    WakeConditionVariable(condition_of(condition));
}

void dpi_condition_broadcast(dpi_condition *condition) {
    WakeAllConditionVariable(condition_of(condition));
}

/* ---- threads ---- */

static unsigned __stdcall thread_main(void *argument) {
    const dpi_thread *self = argument;
    self->run(self->argument);
    return 0;
}

int dpi_thread_start(dpi_thread *thread, size_t stack_bytes, void (*run)(void *), void *argument) {
    thread->run = run;
    thread->argument = argument;
    uintptr_t handle = _beginthreadex(NULL, (unsigned)stack_bytes, thread_main, thread,
                                      STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    thread->handle = (void *)handle;
    return handle != 0 ? 0 : errno;
}

void dpi_thread_join(dpi_thread *thread) {
    (void)WaitForSingleObject(thread->handle, INFINITE);
    (void)CloseHandle(thread->handle);
}

#endif /* DP_NO_THREADS */
