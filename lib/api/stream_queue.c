/*
 * Sampled frames on their way from the thread that pushes to the one that computes. Their number is
 * fixed.
 */
#include "api/stream.h"

void dpi_queue_take(dpi_arena *arena, size_t capacity, size_t extra, size_t image_size,
                    dpi_queue *queue) {
    queue->capacity = capacity;
    queue->frame_count = capacity + extra;
    queue->frames = dpi_arena_take(arena, queue->frame_count, sizeof *queue->frames);
    queue->waiting = dpi_arena_take(arena, capacity, sizeof(dpi_queued_frame *));
    for (size_t i = 0; i < queue->frame_count; i++) {
        float *pixels = dpi_arena_floats(arena, 3 * image_size, image_size);
        if (queue->frames != NULL) {
            queue->frames[i] = (dpi_queued_frame){.pixels = pixels};
        }
    }
}

void dpi_queue_clear(dpi_queue *queue) {
    for (size_t i = 0; i < queue->frame_count; i++) {
        queue->frames[i].in_use = false;
    }
    queue->waiting_count = 0;
    queue->dropped = 0;
    queue->ended = false;
}

/* The oldest that waits; it is still in use. */
static dpi_queued_frame *take_oldest(dpi_queue *queue) {
    dpi_queued_frame *oldest = queue->waiting[0];
    queue->waiting_count--;
    for (size_t i = 0; i < queue->waiting_count; i++) {
        queue->waiting[i] = queue->waiting[i + 1];
    }
    return oldest;
}

/* There is one wherever less than `capacity` frames wait: beside them, only the `extra` of
 * dpi_queue_take() and the one that is being filled are in use. */
static dpi_queued_frame *take_unused(dpi_queue *queue) {
    size_t i = 0;
    while (queue->frames[i].in_use) {
        i++;
    }
    queue->frames[i].in_use = true;
    return &queue->frames[i];
}

static dp_status fail_full(const dpi_queue *queue, dpi_message *message) {
    return dpi_fail(message, DP_ERR_FULL,
                    "%zu frames wait, and there is a place for no more: call dp_stream_next() "
                    "until no window is ready",
                    queue->waiting_count);
}

dp_status dpi_queue_reserve(dpi_queue *queue, int32_t full, dpi_queued_frame **frame,
                            dpi_message *message) {
    dp_status status = DP_OK;
    dpi_gate_lock(&queue->gate);
    while (full == DP_FULL_WAIT && queue->waiting_count == queue->capacity && !queue->ended) {
        (void)dpi_gate_wait(&queue->gate, -1.0);
    }
    if (queue->ended) {
        status = dpi_fail(message, DP_ERR_CANCELLED, "the stream was finished meanwhile");
    } else if (queue->waiting_count < queue->capacity) {
        *frame = take_unused(queue);
    } else if (full == DP_FULL_DROP) {
        *frame = take_oldest(queue);
        queue->dropped++;
    } else {
        status = fail_full(queue, message);
    }
    dpi_gate_unlock(&queue->gate);
    return status;
}

void dpi_queue_put(dpi_queue *queue, dpi_queued_frame *frame) {
    dpi_gate_lock(&queue->gate);
    queue->waiting[queue->waiting_count++] = frame;
    dpi_gate_wake(&queue->gate);
    dpi_gate_unlock(&queue->gate);
}

void dpi_queue_end(dpi_queue *queue) {
    dpi_gate_lock(&queue->gate);
    queue->ended = true;
    dpi_gate_wake(&queue->gate);
    dpi_gate_unlock(&queue->gate);
}

bool dpi_queue_has_ended(dpi_queue *queue) {
    dpi_gate_lock(&queue->gate);
    bool ended = queue->ended;
    dpi_gate_unlock(&queue->gate);
    return ended;
}

int64_t dpi_queue_dropped(dpi_queue *queue) {
    dpi_gate_lock(&queue->gate);
    int64_t dropped = queue->dropped;
    dpi_gate_unlock(&queue->gate);
    return dropped;
}

/* With the lock held. */
static dpi_queue_state state_of(const dpi_queue *queue, int64_t sample_number) {
    if (queue->waiting_count == 0) {
        return queue->ended ? DPI_QUEUE_ENDED : DPI_QUEUE_EMPTY;
    }
    bool is_later = sample_number >= 0 && queue->waiting[0]->sample_number > sample_number;
    return is_later ? DPI_QUEUE_GAP : DPI_QUEUE_FRAME;
}

dpi_queue_state dpi_queue_get(dpi_queue *queue, int64_t sample_number, double deadline_ms,
                              dpi_queued_frame *done, dpi_queued_frame *next,
                              dpi_queued_frame **frame) {
    dpi_gate_lock(&queue->gate);
    dpi_queue_state state = state_of(queue, sample_number);
    while (state == DPI_QUEUE_EMPTY && deadline_ms != 0.0 &&
           dpi_gate_wait(&queue->gate, deadline_ms)) {
        state = state_of(queue, sample_number);
    }
    if (state == DPI_QUEUE_GAP) {
        *next = *queue->waiting[0];
    }
    if (state == DPI_QUEUE_FRAME) {
        *frame = take_oldest(queue);
        if (done != NULL) {
            done->in_use = false;
        }
        dpi_gate_wake(&queue->gate);
    }
    dpi_gate_unlock(&queue->gate);
    return state;
}

void dpi_queue_give_back(dpi_queue *queue, dpi_queued_frame *frame) {
    if (frame == NULL) {
        return;
    }
    dpi_gate_lock(&queue->gate);
    frame->in_use = false;
    dpi_gate_unlock(&queue->gate);
}
