/*
 * The implementation of the calls of dualpath.h: handles, checks of arguments, which all other
 * folders trust, and the stages of a clip.
 */
#ifndef DPI_API_H
#define DPI_API_H

#include "api/structs.h"
#include "model/model.h"
#include "video/video.h"
#include "vit/answer.h"
#include "vit/vit.h"

/* Callbacks, and fields of the options `name`. (options.c) */
dp_status dpi_check_reader(const dp_reader *reader, dpi_message *message);
dp_status dpi_check_writer(const dp_writer *writer, dpi_message *message);
dp_status dpi_check_allocator(const char *name, const dp_allocator *allocator,
                              dpi_message *message);
dp_status dpi_check_threads(const char *name, int32_t threads, dpi_message *message);

/* What 0 threads stand for. (pool.c) */
int32_t dpi_default_threads(void);

/* Where a session or a stream lies: in the caller's arena, or in memory of an allocator, which is
 * counted with that of the model. (place.c) */
typedef struct dpi_place {
    const dp_allocator *allocator;
    void *arena; /* NULL: the allocator's memory */
    size_t arena_size;
} dpi_place;

/* `what` is for the sentence of a failure. Without a model, nothing is counted. */
dp_status dpi_place_take(const dp_model *model, const dpi_place *place, size_t bytes,
                         const char *what, void **memory, dpi_message *message);
void dpi_place_release(const dp_model *model, const dpi_place *place, void *memory, size_t bytes);

/* A pool of the caller. It lies in one block. (pool.c) */
struct dp_pool {
    atomic_size_t holders; /* who created it, and the sessions on it */
    const dp_allocator *allocator;
    size_t bytes;
    dpi_workers *workers;
};

/* One holder more or less; the last one stops the threads and frees the pool. (pool.c) */
void dpi_pool_hold(dp_pool *pool);
void dpi_pool_release(dp_pool *pool);

/* One view of a clip on its way. (view.c) */
typedef struct dpi_view {
    size_t crop, crops;
    size_t frames, images; /* that have come; that went through the blocks */
    size_t done, views;    /* of the clip: views and crops */
    dp_timings timings;    /* of the clip */
} dpi_view;

/* What a session is; all of it lies in its arena. */
struct dp_session {
    atomic_size_t holders; /* who created it, and the streams on it */
    const dp_model *model; /* held, */
    dp_pool *pool;         /* and so is this one; NULL: there is none */
    dpi_place place;
    size_t bytes; /* in its place */
    dp_progress_fn progress;
    void *progress_user;
    dp_log_fn log;
    void *log_user;
    dpi_workers *workers; /* the session's own; NULL with a pool or a scheduler of the caller */
    dpi_team *team;
    dpi_workspace workspace;
    dpi_view view;
    dpi_answer answer;
    bool clip_is_open; /* frames may be pushed (push.c) */
    bool has_result;
    bool has_attention; /* of the last result, if it is kept at all */
    dpi_message message;
};

/* A clip whose frames and numbers were checked. (clip.c) */
typedef struct dpi_checked_clip {
    const dp_frame *frames;
    dpi_sampler sampler;
    size_t crops;
} dpi_checked_clip;

dp_status dpi_check_clip(const dp_model *model, const dp_clip *clip, dpi_checked_clip *checked,
                         dpi_message *message);
dp_status dpi_check_frame(const dp_frame *frame, size_t index, dpi_message *message);
dp_status dpi_check_view(const dpi_sampler *sampler, int32_t view, dpi_message *message);

dp_status dpi_check_crop(int32_t crop, int32_t crops, dpi_message *message);

/* One holder more or less; the last one frees the session. (session.c) */
void dpi_session_hold(dp_session *session);
void dpi_session_release(dp_session *session);

/* 1 .. DP_MAX_FRAME_SIDE. (frames.c) */
bool dpi_is_frame_side(int32_t side);

/* Tells the caller which fraction of the clip is done. DP_ERR_CANCELLED: the caller stops it.
 * (progress.c) */
dp_status dpi_report_progress(dp_session *session, const char *stage, double fraction);

/* Takes a batch through its blocks, and adds to `timings`: from its pixels in the workspace, unless
 * it begins at a later block, to its class tokens, if the last block is one of them. The progress
 * that it reports goes from `from` to `to`. (batch.c) */
dp_status dpi_run_batch(dp_session *session, const dpi_batch *batch, double from, double to,
                        dp_timings *timings);

/* What a frame becomes for this crop of `crops`. (view.c) */
dpi_frame_target dpi_view_target(const dp_model *model, size_t crop, size_t crops);
/* Begins a clip of `views` views, counting crops. A clip that was open for frames is given up.
 * (view.c) */
void dpi_view_begin_clip(dp_session *session, size_t views);
/* The stages of session->view, in order. Where images go one by one, frames must, too. (view.c)
 */
void dpi_view_begin(dp_session *session, size_t crop, size_t crops);
/* Only makes pixels of the next `count` frames, which are those of view `number` of the clip. */
void dpi_view_load_frames(dp_session *session, const dpi_checked_clip *clip, size_t number,
                          size_t count);
/* Also runs the images that they made complete through the blocks. Then the frames are not needed
 * any more. */
dp_status dpi_view_run_frames(dp_session *session, const dpi_checked_clip *clip, size_t number,
                              size_t count);
/* When all frames have come: adds what the head answers to the session's answer. */
dp_status dpi_view_run_head(dp_session *session);

/* The result of a session. (result.c) */
/* Checks session and result, and empties the caller's struct. */
dp_status dpi_result_check(dp_session *session, dp_result *result);
/* No result any more: views will be added to the answer. */
void dpi_result_clear(dp_session *session);
/* All views were added: the answer is the session's result. */
dp_status dpi_result_complete(dp_session *session);
void dpi_result_write(const dp_session *session, dp_result *result);
/* The likeliest classes of an answer. NULL: there is none yet, of `whose`. */
dp_status dpi_answer_top(const dpi_answer *answer, const dp_model *model, const char *whose,
                         int32_t count, dp_prediction *predictions, dpi_message *message);

#endif /* DPI_API_H */
