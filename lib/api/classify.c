/*
 * dp_classify_clip(): the way of a clip, station by station, what is asked of its result, and
 * dp_view_clip(), which ends at the first station.
 */
#include "api/api.h"
#include "model/bytes.h"

#include <stddef.h>
#include <string.h>

/* One clip on its way. */
typedef struct clip_run {
    dp_session *session;
    const dp_checked_clip *clip;
    size_t view, crop;
    size_t done, views; /* of all views and crops */
    dp_timings timings;
} clip_run;

/* Asks the caller whether to go on; `part` is how much of this view is done. */
static dp_status go_on(const clip_run *run, const char *stage, double part) {
    dp_session *session = run->session;
    if (session->progress == NULL) {
        return DP_OK;
    }
    double fraction = ((double)run->done + part) / (double)run->views;
    if (session->progress(session->progress_user, stage, fraction) == 0) {
        return DP_OK;
    }
    return dp_fail(&session->message, DP_ERR_CANCELLED, "cancelled at stage \"%s\", %d %% done",
                   stage, (int)(100.0 * fraction + 0.5));
}

/* ---- frames ---- */

static dp_frame_target frame_target(const clip_run *run) {
    const dp_parameters *p = &run->session->model->parameters;
    dp_frame_target target = {
        .size = p->image_size,
        .crop = run->crop,
        .crops = run->clip->crops,
        .kernels = run->session->model->kernels,
    };
    for (size_t c = 0; c < 3; c++) {
        target.scale[c] = 1.0f / (255.0f * p->std[c]);
        target.offset[c] = -p->mean[c] / p->std[c];
    }
    return target;
}

/* Frame `index` of the view: into its tile, and whole if the spatial path sees it. */
static void frame_task(void *context, size_t index, size_t thread) {
    const clip_run *run = context;
    const dp_workspace *workspace = &run->session->workspace;
    const dp_parameters *p = &run->session->model->parameters;
    dp_frame_target target = frame_target(run);
    size_t source = dp_sample_frame(&run->clip->sampler, run->view, index);
    const dp_frame *frame = &run->clip->frames[source];
    size_t plane = p->image_size * p->image_size;
    size_t tiles = p->grid * p->grid;
    float *frameset = workspace->pixels[DP_TEMPORAL] + index / tiles * 3 * plane;
    float *scratch = dp_thread_scratch(workspace, thread);
    size_t distance = p->frames / p->spatial_frames;
    if (index % distance != 0) {
        dp_load_tile(frame, &target, p->grid, index % tiles, frameset, scratch);
        return;
    }
    float *whole = workspace->pixels[DP_SPATIAL] + index / distance * 3 * plane;
    dp_load_rows(frame, &target, 0, p->image_size, whole, plane, scratch);
    dp_tile_frame(whole, p->image_size, p->grid, index % tiles, frameset);
}

static void load_frames(clip_run *run) {
    dp_team_run(run->session->team, frame_task, run, run->session->model->parameters.frames);
}

/* ---- one view ---- */

static double lap(double *since) {
    double now = dp_clock_ms();
    double passed = now - *since;
    *since = now;
    return passed;
}

static dp_status run_blocks(clip_run *run) {
    dp_session *session = run->session;
    size_t blocks = session->model->parameters.blocks;
    dp_status status = DP_OK;
    for (size_t i = 0; i < blocks && status == DP_OK; i++) {
        status = go_on(run, "blocks", 0.05 + 0.9 * (double)i / (double)blocks);
        if (status == DP_OK) {
            dp_run_block(&session->workspace, session->team, i);
        }
    }
    return status;
}

static void add_to(float *sum, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += values[i];
    }
}

static void add_view(dp_session *session) {
    const dp_parameters *p = &session->model->parameters;
    const dp_workspace *workspace = &session->workspace;
    add_to(session->logits, workspace->logits, p->classes);
    for (size_t i = 0; i < DP_PATHS; i++) {
        add_to(session->feature[i], workspace->path[i].feature, p->feature_size);
    }
}

static dp_status run_view(clip_run *run) {
    dp_session *session = run->session;
    double since = dp_clock_ms();
    dp_status status = go_on(run, "frames", 0.0);
    if (status != DP_OK) {
        return status;
    }
    load_frames(run);
    run->timings.frames_ms += lap(&since);
    status = go_on(run, "patches", 0.02);
    if (status != DP_OK) {
        return status;
    }
    dp_embed_patches(&session->workspace, session->team);
    run->timings.patches_ms += lap(&since);
    status = run_blocks(run);
    run->timings.blocks_ms += lap(&since);
    if (status == DP_OK) {
        status = go_on(run, "head", 0.95);
    }
    if (status == DP_OK) {
        dp_run_head(&session->workspace);
        add_view(session);
    }
    run->timings.head_ms += lap(&since);
    return status;
}

/* ---- all views ---- */

static void clear_result(dp_session *session) {
    const dp_parameters *p = &session->model->parameters;
    session->has_result = false;
    memset(session->logits, 0, p->classes * sizeof(float));
    for (size_t i = 0; i < DP_PATHS; i++) {
        memset(session->feature[i], 0, p->feature_size * sizeof(float));
    }
}

static bool scale_all(float *values, size_t count, size_t views) {
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        values[i] /= (float)views;
        finite = finite && dp_bits_are_finite(dp_bits_of_float(values[i]));
    }
    return finite;
}

static dp_status finish_result(dp_session *session, size_t views) {
    const dp_parameters *p = &session->model->parameters;
    bool finite = scale_all(session->logits, p->classes, views);
    for (size_t i = 0; i < DP_PATHS; i++) {
        finite = scale_all(session->feature[i], p->feature_size, views) && finite;
    }
    if (!finite) {
        return dp_fail(&session->message, DP_ERR_NUMERIC,
                       "the answer is not finite: the numbers of this model overflow");
    }
    if (p->classes > 0) {
        memcpy(session->probabilities, session->logits, p->classes * sizeof(float));
        session->model->kernels->softmax(session->probabilities, p->classes, 1.0f);
    }
    session->has_result = true;
    return DP_OK;
}

static void write_result(const clip_run *run, dp_result *result) {
    const dp_session *session = run->session;
    const dp_parameters *p = &session->model->parameters;
    result->logits = p->classes > 0 ? session->logits : NULL;
    result->probabilities = p->classes > 0 ? session->probabilities : NULL;
    result->feature_temporal = session->feature[DP_TEMPORAL];
    result->feature_spatial = session->feature[DP_SPATIAL];
    result->classes = (int32_t)p->classes;
    result->feature_size = (int32_t)p->feature_size;
    result->macs = dp_count_macs(session->model) * (int64_t)run->views;
    result->timings = run->timings;
}

static dp_status run_clip(clip_run *run) {
    const dp_checked_clip *clip = run->clip;
    dp_status status = DP_OK;
    clear_result(run->session);
    for (run->view = 0; run->view < clip->sampler.views && status == DP_OK; run->view++) {
        for (run->crop = 0; run->crop < clip->crops && status == DP_OK; run->crop++) {
            status = run_view(run);
            run->done++;
        }
    }
    if (status == DP_OK) {
        status = go_on(run, "head", 0.0);
    }
    return status == DP_OK ? finish_result(run->session, run->views) : status;
}

/* A clip too short for the model is no error, but worth knowing. */
static void log_repeats(const dp_session *session, const dp_sampler *sampler) {
    dp_message sentence;
    bool skips = sampler->sampling == DP_SAMPLING_CENTER || sampler->sampling == DP_SAMPLING_FIRST;
    size_t rate = skips ? sampler->rate : 1;
    size_t sampled = (sampler->frame_count - 1) / rate + 1;
    if (session->log != NULL && sampled < sampler->view_frames) {
        (void)dp_fail(&sentence, DP_OK,
                      "the clip has %zu frames at a rate of %zu, the model takes %zu: some repeat",
                      sampled, rate, sampler->view_frames);
        session->log(session->log_user, DP_LOG_INFO, sentence.text);
    }
}

dp_status dp_classify_clip(dp_session *session, const dp_clip *clip, dp_result *result) {
    double since = dp_clock_ms();
    dp_checked_clip checked;
    dp_result empty;
    if (session == NULL) {
        return dp_fail(dp_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    if (result == NULL) {
        return dp_fail(&session->message, DP_ERR_ARGUMENT, "the result is NULL");
    }
    dp_status status = dp_copy_struct("dp_result", result, &empty, sizeof empty,
                                      offsetof(dp_result, reserved), &session->message);
    if (status != DP_OK) {
        return status;
    }
    dp_result_default(result);
    status = dp_check_clip(session->model, clip, &checked, &session->message);
    if (status != DP_OK) {
        return status;
    }
    log_repeats(session, &checked.sampler);
    clip_run run = {
        .session = session, .clip = &checked, .views = checked.sampler.views * checked.crops};
    status = run_clip(&run);
    if (status == DP_OK) {
        run.timings.total_ms = lap(&since);
        write_result(&run, result);
    }
    return status;
}

/* ---- what a view sees ---- */

static void set_output(const float **output, const float *value) {
    if (output != NULL) {
        *output = value;
    }
}

static dp_status check_view(const dp_checked_clip *clip, int32_t view, int32_t crop,
                            dp_message *message) {
    if (view < 0 || (size_t)view >= clip->sampler.views) {
        return dp_fail(message, DP_ERR_ARGUMENT, "view is %d, expected 0 .. %zu", (int)view,
                       clip->sampler.views - 1);
    }
    if (crop < 0 || (size_t)crop >= clip->crops) {
        return dp_fail(message, DP_ERR_ARGUMENT, "crop is %d, expected 0 .. %zu", (int)crop,
                       clip->crops - 1);
    }
    return DP_OK;
}

dp_status dp_view_clip(dp_session *session, const dp_clip *clip, int32_t view, int32_t crop,
                       const float **spatial, const float **temporal) {
    dp_checked_clip checked;
    set_output(spatial, NULL);
    set_output(temporal, NULL);
    if (session == NULL) {
        return dp_fail(dp_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    dp_status status = dp_check_clip(session->model, clip, &checked, &session->message);
    if (status == DP_OK) {
        status = check_view(&checked, view, crop, &session->message);
    }
    if (status != DP_OK) {
        return status;
    }
    clip_run run = {
        .session = session, .clip = &checked, .view = (size_t)view, .crop = (size_t)crop};
    load_frames(&run);
    set_output(spatial, session->workspace.pixels[DP_SPATIAL]);
    set_output(temporal, session->workspace.pixels[DP_TEMPORAL]);
    return DP_OK;
}

/* ---- the likeliest classes ---- */

/* Whether class a stands before class b. */
static bool likelier(const float *logits, int32_t a, int32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

/* Puts a class at `place` of a heap of `count` whose first is the least likely, or below it. */
static void sink(const float *logits, dp_prediction *heap, int32_t count, int32_t place,
                 int32_t class_index) {
    for (int32_t child = 2 * place + 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && likelier(logits, heap[child].index, heap[child + 1].index)) {
            child++;
        }
        if (likelier(logits, heap[child].index, class_index)) {
            break;
        }
        heap[place].index = heap[child].index;
        place = child;
    }
    heap[place].index = class_index;
}

/* The `count` likeliest classes in order: they stay in a heap while all pass by, and leave it from
 * the least likely one on. */
static void select_top(const float *logits, int32_t classes, int32_t count, dp_prediction *top) {
    for (int32_t i = 0; i < count; i++) {
        top[i].index = i;
    }
    for (int32_t i = count / 2; i-- > 0;) {
        sink(logits, top, count, i, top[i].index);
    }
    for (int32_t i = count; i < classes; i++) {
        if (likelier(logits, i, top[0].index)) {
            sink(logits, top, count, 0, i);
        }
    }
    for (int32_t i = count; i-- > 1;) {
        int32_t last = top[i].index;
        top[i].index = top[0].index;
        sink(logits, top, i, 0, last);
    }
}

dp_status dp_session_top(dp_session *session, int32_t count, dp_prediction *predictions) {
    if (session == NULL) {
        return dp_fail(dp_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    int32_t classes = (int32_t)session->model->parameters.classes;
    if (classes == 0) {
        return dp_fail(&session->message, DP_ERR_NO_HEAD,
                       "this model answers features only: it has no classes");
    }
    if (predictions == NULL || count < 1 || count > classes) {
        return dp_fail(&session->message, DP_ERR_ARGUMENT,
                       "%d classes were asked for, expected 1 .. %d and a place for them",
                       (int)count, (int)classes);
    }
    if (!session->has_result) {
        return dp_fail(&session->message, DP_ERR_ARGUMENT, "this session has no result yet");
    }
    select_top(session->logits, classes, count, predictions);
    for (int32_t i = 0; i < count; i++) {
        int32_t index = predictions[i].index;
        predictions[i] = (dp_prediction){.index = index,
                                         .logit = session->logits[index],
                                         .probability = session->probabilities[index],
                                         .label = dp_model_label(session->model, index)};
    }
    return DP_OK;
}
