/*
 * The outermost station: what stands behind the calls of dualpath.h. Arguments are checked here,
 * once; everything below trusts its input.
 */
#ifndef DP_API_H
#define DP_API_H

#include "model/model.h"
#include "runtime/runtime.h"
#include "video/video.h"
#include "vit/vit.h"

/* Copies a caller's struct over the defaults in `known`, after a look at its struct_size and its
 * reserved fields, which begin at byte `reserved`. NULL leaves the defaults. */
dp_status dp_copy_struct(const char *name, const void *given, void *known, size_t known_size,
                         size_t reserved, dp_message *message);

/* Fields of the options `name`. (options.c) */
dp_status dp_check_allocator(const char *name, const dp_allocator *allocator, dp_message *message);
dp_status dp_check_threads(const char *name, int32_t threads, dp_message *message);

/* What 0 threads stand for. (pool.c) */
int32_t dp_default_threads(void);

/* A pool of the caller. It lies in one block. (pool.c) */
struct dp_pool {
    const dp_allocator *allocator;
    size_t bytes;
    dp_workers *workers;
};

/* What a session is; all of it lies in its arena. */
struct dp_session {
    const dp_model *model;
    const dp_allocator *allocator;
    size_t bytes;
    bool owned; /* the arena came from the allocator */
    dp_progress_fn progress;
    void *progress_user;
    dp_log_fn log;
    void *log_user;
    void *workers_memory, *team_memory;
    dp_workers *workers; /* the session's own; NULL with a pool or a scheduler of the caller */
    dp_team *team;
    dp_workspace workspace;
    float *logits, *probabilities; /* [classes], averaged over views */
    float *feature[DP_PATHS];      /* [feature_size], the same */
    bool has_result;
    dp_message message;
};

/* A clip whose frames and numbers were checked. (clip.c) */
typedef struct dp_checked_clip {
    const dp_frame *frames;
    dp_sampler sampler;
    size_t crops;
} dp_checked_clip;

dp_status dp_check_clip(const dp_model *model, const dp_clip *clip, dp_checked_clip *checked,
                        dp_message *message);

#endif /* DP_API_H */
