/*
 * What a stream is. Frames are sampled and shrunk where they are pushed (stream_push.c), wait
 * (stream_queue.c), and are taken out one by one (stream_next.c), each to complete images and
 * windows (stream_window.c).
 */
#ifndef DPI_STREAM_H
#define DPI_STREAM_H

#include "api/api.h"
#include "os/gate.h"

/* ---- frames that wait ---- */

/* A sampled frame, as the model sees it. */
typedef struct dpi_queued_frame {
    float *pixels;  /* [3][R][R] */
    int64_t number; /* of those that were pushed */
    int64_t point;  /* of those that are to be sampled; where some are missing, it jumps */
    int64_t time_us;
    double load_ms; /* what making the pixels took */
    bool in_use;    /* waits, or is the current one, or the one before, or is being filled */
} dpi_queued_frame;

/* One thread puts frames in while another one takes them out. */
typedef struct dpi_queue {
    dpi_gate gate; /* all of this is under its lock, but for pixels of frames in use */
    dpi_queued_frame *frames;
    size_t frame_count;
    dpi_queued_frame **waiting; /* [capacity], the oldest first */
    size_t capacity, waiting_count;
    int64_t dropped;
    bool ended; /* no more frames come */
} dpi_queue;

/* Plans or takes memory for `capacity` frames that wait, beside `others` that are in use otherwise.
 */
void dpi_queue_take(dpi_arena *arena, size_t capacity, size_t others, size_t image_size,
                    dpi_queue *queue);
/* Empties it. */
void dpi_queue_clear(dpi_queue *queue);

/* For the thread that pushes: a frame to fill, once there is a place for it, and giving it in.
 * `full` is a dp_full. */
dp_status dpi_queue_reserve(dpi_queue *queue, int32_t full, dpi_queued_frame **frame,
                            dpi_message *message);
void dpi_queue_put(dpi_queue *queue, dpi_queued_frame *frame);
void dpi_queue_end(dpi_queue *queue);
bool dpi_queue_has_ended(dpi_queue *queue);

/* For the thread that computes. */
typedef enum dpi_queue_state {
    DPI_QUEUE_EMPTY, /* frames may come */
    DPI_QUEUE_ENDED, /* no more come */
    DPI_QUEUE_GAP,   /* the next frame has a later point: `next` has its point and time */
    DPI_QUEUE_FRAME  /* it was taken out, and is `*frame` */
} dpi_queue_state;

/* Takes out the frame of point `point`, or the next one whatever its point if that is negative.
 * Where none is there, it waits until `deadline_ms` (dpi_gate_wait()); 0: not at all. With the
 * frame, `done` is given back, which may be NULL: a thread that pushes must find a place as soon as
 * one frame less waits. */
dpi_queue_state dpi_queue_get(dpi_queue *queue, int64_t point, double deadline_ms,
                              dpi_queued_frame *done, dpi_queued_frame *next,
                              dpi_queued_frame **frame);
/* A frame that was taken out is not needed any more. NULL: nothing happens. */
void dpi_queue_give_back(dpi_queue *queue, dpi_queued_frame *frame);

int64_t dpi_queue_dropped(dpi_queue *queue);

/* ---- what is kept of frames ---- */

/* Frames are counted as the windows see them: those that stand for missing ones, too. All that is
 * kept of frame i has index i % T. */
typedef struct dpi_history {
    int64_t frames;       /* so far, all of them computed */
    int64_t same_since;   /* from this one to the last all are the same picture */
    int64_t *number;      /* [T] */
    int64_t *time_us;     /* [T] */
    float *cells;         /* framesets [Tg][3][R][R]: frame i is in cell i % T */
    float *spatial;       /* [T][stride] class rows, */
    int64_t *spatial_of;  /* [T] and of which frame; -1: of none */
    float *temporal;      /* [open windows][Tg][stride] class rows, */
    int64_t *temporal_of; /* [open windows][Tg] and of which window; -1: of none */
    size_t open_windows;  /* windows that a frame can be in, and one */
} dpi_history;

/* ---- a stream ---- */

struct dp_stream {
    dp_session *session; /* held */
    dpi_place place;
    size_t bytes;
    dp_stream_options options; /* without zeros that stand for something else */

    /* of the thread that pushes */
    float *scratch;
    int64_t pushed; /* frames */
    int64_t first_us, last_us;
    int64_t last_point; /* -1: none was sampled */

    dpi_queue queue;

    /* of the thread that computes */
    dpi_queued_frame *current; /* the last one taken out; NULL: none yet */
    int64_t point;             /* of the last frame that was begun, */
    int64_t last_time_us;      /* and its time */
    bool on_the_way;           /* frame `history.frames` was begun */
    dpi_history history;
    int64_t windows;                         /* so far */
    bool finished;                           /* the last window was there */
    int64_t *window_number, *window_time_us; /* [T] of the last window */
    dpi_answer answer;                       /* of it */
    bool has_answer;
    int64_t macs;       /* since the last window */
    dp_timings timings; /* the same */
};

/* DP_ERR_ARGUMENT for NULL. (stream.c) */
dp_status dpi_check_stream(const dp_stream *stream);

/* What its frames become. (stream_push.c) */
dpi_frame_target dpi_stream_target(const dp_stream *stream);

/* Plans or takes the memory of the history and of windows. (stream_window.c) */
void dpi_stream_take_windows(dpi_arena *arena, const dpi_parameters *p, dp_stream *stream);
/* Nothing is kept any more. */
void dpi_stream_clear_windows(dp_stream *stream);
/* Begins a frame whose pixels are those of the current one. */
void dpi_stream_begin_frame(dp_stream *stream, int64_t time_us, bool unchanged);
/* Computes what that frame completes. After a failure the same call goes on, but after
 * DP_ERR_NUMERIC the frame is done. `*ready`: a window was completed. */
dp_status dpi_stream_run_frame(dp_stream *stream, bool *ready);
/* When no more frames come: the last window, if there is one. */
dp_status dpi_stream_run_rest(dp_stream *stream, bool *ready);

#endif /* DPI_STREAM_H */
