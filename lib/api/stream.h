/*
 * What a stream is. dp_stream_push() samples frames and resizes them (stream_push.c). They wait in
 * a queue (stream_queue.c). dp_stream_next() takes them out one by one (stream_next.c), and each
 * completes images and windows (stream_window.c).
 *
 * A frame has three numbers, each from 0:
 * - source number: among all frames that the caller pushed.
 * - sample number: among the frames that should be sampled. Sample number k is source number
 *   k * rate, or the frame at k / sample_fps seconds. Numbers of missing frames are skipped.
 * - index i: among the frames of the windows. A frame that repeats in the place of a missing one
 * has an index, too. Window w has the indices w * hop .. w * hop + T - 1.
 */
#ifndef DPI_STREAM_H
#define DPI_STREAM_H

#include "api/api.h"
#include "os/gate.h"

/* ---- frames that wait ---- */

/* A sampled frame, as the model sees it. */
typedef struct dpi_queued_frame {
    float *pixels; /* [3][R][R] */
    int64_t source_number;
    int64_t sample_number;
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

/* Plans or takes memory for `capacity` frames that wait, and `extra` frames that are in use
 * otherwise. */
void dpi_queue_take(dpi_arena *arena, size_t capacity, size_t extra, size_t image_size,
                    dpi_queue *queue);
/* Empties it. */
void dpi_queue_clear(dpi_queue *queue);

/* For the thread that pushes. dpi_queue_reserve() gives a frame to fill, once there is a place for
 * it, and dpi_queue_put() puts it into the queue. `full` is a dp_full. */
dp_status dpi_queue_reserve(dpi_queue *queue, int32_t full, dpi_queued_frame **frame,
                            dpi_message *message);
void dpi_queue_put(dpi_queue *queue, dpi_queued_frame *frame);
void dpi_queue_end(dpi_queue *queue);
bool dpi_queue_has_ended(dpi_queue *queue);

/* For the thread that computes. */
typedef enum dpi_queue_state {
    DPI_QUEUE_EMPTY, /* frames may come */
    DPI_QUEUE_ENDED, /* no more come */
    DPI_QUEUE_GAP,   /* the next frame has a larger sample number: `next` is a copy of it */
    DPI_QUEUE_FRAME  /* it was taken out, and is `*frame` */
} dpi_queue_state;

/* Takes out the frame of this sample number, or the next one whatever its number if that is
 * negative. Where none is there, it waits until `deadline_ms` (dpi_gate_wait()); 0: not at all.
 * With the frame, `done` is given back, which may be NULL: a thread that pushes must find a place
 * as soon as one frame less waits. */
dpi_queue_state dpi_queue_get(dpi_queue *queue, int64_t sample_number, double deadline_ms,
                              dpi_queued_frame *done, dpi_queued_frame *next,
                              dpi_queued_frame **frame);
/* A frame that was taken out is not needed any more. NULL: nothing happens. */
void dpi_queue_give_back(dpi_queue *queue, dpi_queued_frame *frame);

int64_t dpi_queue_dropped(dpi_queue *queue);

/* ---- what is kept of frames ---- */

/* What is kept of the frame with index i is in slot i % T. */
typedef struct dpi_history {
    int64_t frames;           /* so far, all of them computed: the index of the next one */
    int64_t unchanged_since;  /* the frames from this index to the last one are the same picture */
    int64_t *source_numbers;  /* [T] */
    int64_t *times_us;        /* [T] */
    float *cells;             /* framesets [Tg][3][R][R]: slot i is cell i of them */
    float *pixels;            /* [T][3][R][R], where frames meet in the blocks; else NULL */
    float *spatial;           /* [T][stride] class rows, */
    int64_t *spatial_index;   /* [T] and the index of the frame that each is of; -1: none */
    float *temporal;          /* [open windows][Tg][stride] class rows, */
    int64_t *temporal_window; /* [open windows][Tg] and the window that each is of; -1: none */
    size_t open_windows;      /* as many as a frame can be in, and one more */
} dpi_history;

/* ---- a spatial image in two parts ---- */

/* A spatial image costs more than a frameset. Where no frame after one of the spatial path is one,
 * the last blocks of its image are computed with that frame, so that pushes cost about the same. */
typedef struct dpi_late_image {
    size_t blocks; /* so many of the last ones; 0: images are computed at once */
    int64_t index; /* of the frame whose image has them left; -1: none */
    float *x;      /* [tokens][stride] its residual stream */
} dpi_late_image;

/* ---- a stream ---- */

struct dp_stream {
    dp_session *session; /* held */
    dpi_place place;
    size_t bytes;
    dp_stream_options options; /* without zeros that stand for something else */

    /* of the thread that pushes */
    float *scratch;
    int64_t source_frames; /* so far: the source number of the next one */
    int64_t first_source_us, last_source_us;
    int64_t last_sample_number; /* -1: no frame was sampled */

    dpi_queue queue;

    /* of the thread that computes */
    dpi_queued_frame *current; /* the last frame that was taken out; NULL: none yet */
    int64_t sample_number;     /* of the last frame that was begun: the current one, or the missing
                                  one that it stands for */
    int64_t current_time_us;   /* the same */
    bool in_progress;          /* frame `history.frames` was begun, and is not done */
    dpi_history history;
    dpi_late_image late;
    int64_t windows;                          /* so far */
    bool finished;                            /* the last window was computed */
    int64_t *window_frames, *window_times_us; /* [T] source numbers and times of the last window */
    dpi_answer answer;                        /* of it */
    bool has_answer;
    int64_t macs;       /* since the last window */
    dp_timings timings; /* the same */
};

/* DP_ERR_ARGUMENT for NULL. (stream.c) */
dp_status dpi_check_stream(const dp_stream *stream);

/* What its frames become. (stream_push.c) */
dpi_frame_target dpi_stream_target(const dp_stream *stream);

/* Plans or takes the memory of the history and of windows. (stream_window.c) */
void dpi_stream_take_windows(dpi_arena *arena, const dp_model *model, dp_stream *stream);
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
