/*
 * A lock with a condition.
 */
#include "os/gate.h"
#include "os/forks.h"

#if defined(DP_NO_THREADS)

dp_status dpi_gate_init(dpi_gate *gate, dpi_message *message) {
    (void)gate;
    (void)message;
    return DP_OK;
}

void dpi_gate_end(dpi_gate *gate) {
    (void)gate;
}

void dpi_gate_lock(dpi_gate *gate) {
    (void)gate;
}

void dpi_gate_unlock(dpi_gate *gate) {
    (void)gate;
}

bool dpi_gate_wait(dpi_gate *gate, double deadline_ms) {
    (void)gate;
    (void)deadline_ms;
    return false;
}

void dpi_gate_wake(dpi_gate *gate) {
    (void)gate;
}

#else

dp_status dpi_gate_init(dpi_gate *gate, dpi_message *message) {
    if (!dpi_forks_watch()) {
        return dpi_fail(message, DP_ERR_THREAD, "the handler of forks could not be installed");
    }
    gate->forks = dpi_forks_so_far();
    if (dpi_lock_init(&gate->lock) != 0) {
        return dpi_fail(message, DP_ERR_THREAD, "a lock could not be made");
    }
    if (dpi_condition_init(&gate->changed) != 0) {
        dpi_lock_end(&gate->lock);
        return dpi_fail(message, DP_ERR_THREAD, "a condition variable could not be made");
    }
    return DP_OK;
}

/* Destroying a condition that a thread of the parent waits for would wait for that thread. */
void dpi_gate_end(dpi_gate *gate) {
    if (gate->forks == dpi_forks_so_far()) {
        dpi_condition_end(&gate->changed);
        dpi_lock_end(&gate->lock);
    }
}

/* A process that could make them once can make them again. */
void dpi_gate_lock(dpi_gate *gate) {
    if (gate->forks != dpi_forks_so_far()) {
        dpi_message unused;
        (void)dpi_gate_init(gate, &unused);
    }
    dpi_lock_take(&gate->lock);
}

void dpi_gate_unlock(dpi_gate *gate) {
    dpi_lock_release(&gate->lock);
}

bool dpi_gate_wait(dpi_gate *gate, double deadline_ms) {
    return dpi_condition_wait(&gate->changed, &gate->lock, deadline_ms);
}

void dpi_gate_wake(dpi_gate *gate) {
    dpi_condition_broadcast(&gate->changed);
}

#endif
