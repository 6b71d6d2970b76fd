/*
 * dp_classify_clip(): the way of a whole clip, view by view, and dp_session_preprocess_view(),
 * which ends after the first stage.
 */
#include "api/api.h"
#include "os/clock.h"

/* ---- views ---- */

/* All frames together, or so that no two images are held at the same time. */
static dp_status run_view(dp_session *session, const dpi_checked_clip *clip, size_t view,
                          size_t crop) {
    size_t frames = session->model->parameters.frames;
    size_t together = session->workspace.image_by_image ? 1 : frames;
    dp_status status = DP_OK;
    dpi_view_begin(session, crop, clip->crops);
    for (size_t i = 0; i < frames && status == DP_OK; i += together) {
        status = dpi_view_run_frames(session, clip, view, together);
    }
    return status == DP_OK ? dpi_view_run_head(session) : status;
}

static dp_status run_clip(dp_session *session, const dpi_checked_clip *clip) {
    size_t views = clip->sampler.views;
    dp_status status = DP_OK;
    dpi_view_begin_clip(session, views * clip->crops);
    dpi_result_clear(session);
    for (size_t view = 0; view < views && status == DP_OK; view++) {
        for (size_t crop = 0; crop < clip->crops && status == DP_OK; crop++) {
            status = run_view(session, clip, view, crop);
        }
    }
    return status == DP_OK ? dpi_result_complete(session) : status;
}

/* A clip too short for the model is no error, but worth knowing. */
static void log_repeated_frames(const dp_session *session, const dpi_sampler *sampler) {
    dpi_message sentence;
    size_t rate = dpi_sampling_has_rate(sampler->sampling) ? sampler->rate : 1;
    size_t sampled = (sampler->frame_count - 1) / rate + 1;
    if (session->log != NULL && sampled < sampler->view_frames) {
        (void)dpi_fail(&sentence, DP_OK,
                       "the clip has %zu frames at a rate of %zu, the model takes %zu: some repeat",
                       sampled, rate, sampler->view_frames);
        session->log(session->log_user, DP_LOG_INFO, sentence.text);
    }
}

dp_status dp_classify_clip(dp_session *session, const dp_clip *clip, dp_result *result) {
    double since = dpi_clock_ms();
    dpi_checked_clip checked;
    dp_status status = dpi_result_check(session, result);
    if (status == DP_OK) {
        status = dpi_check_clip(session->model, clip, &checked, &session->message);
    }
    if (status != DP_OK) {
        return status;
    }
    log_repeated_frames(session, &checked.sampler);
    status = run_clip(session, &checked);
    if (status == DP_OK) {
        session->view.timings.total_ms = dpi_clock_ms() - since;
        dpi_result_write(session, result);
    }
    return status;
}

/* ---- what a view sees ---- */

static void store_pixels(const float **output, const float *value) {
    if (output != NULL) {
        *output = value;
    }
}

static dp_status check_view_and_crop(const dpi_checked_clip *clip, int32_t view, int32_t crop,
                                     dpi_message *message) {
    dp_status status = dpi_check_view(&clip->sampler, view, message);
    if (status == DP_OK && (crop < 0 || (size_t)crop >= clip->crops)) {
        status = dpi_fail(message, DP_ERR_ARGUMENT, "crop is %d, expected 0 .. %zu", (int)crop,
                          clip->crops - 1);
    }
    return status;
}

dp_status dp_session_preprocess_view(dp_session *session, const dp_clip *clip, int32_t view,
                                     int32_t crop, const float **spatial, const float **temporal) {
    dpi_checked_clip checked;
    store_pixels(spatial, NULL);
    store_pixels(temporal, NULL);
    if (session == NULL) {
        return dpi_fail(dpi_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    if (session->workspace.image_by_image) {
        return dpi_fail(&session->message, DP_ERR_ARGUMENT,
                        "this session goes image by image: it never holds all that a view sees");
    }
    dp_status status = dpi_check_clip(session->model, clip, &checked, &session->message);
    if (status == DP_OK) {
        status = check_view_and_crop(&checked, view, crop, &session->message);
    }
    if (status != DP_OK) {
        return status;
    }
    dpi_view_begin_clip(session, 1);
    dpi_view_begin(session, (size_t)crop, checked.crops);
    dpi_view_load_frames(session, &checked, (size_t)view, session->model->parameters.frames);
    store_pixels(spatial, session->workspace.path[DPI_SPATIAL].pixels);
    store_pixels(temporal, session->workspace.path[DPI_TEMPORAL].pixels);
    return DP_OK;
}
