/*
 * A clip whose frames come one by one. Each goes as far as it can when it comes: its bytes are not
 * looked at again.
 */
#include "api/api.h"
#include "os/clock.h"

dp_status dp_session_begin_clip(dp_session *session, int32_t crop, int32_t crops) {
    if (session == NULL) {
        return dpi_fail(dpi_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    dp_status status = dpi_check_crop(crop, crops, &session->message);
    if (status == DP_OK) {
        dpi_view_begin_clip(session, 1);
        session->clip_is_open = true;
        dpi_view_begin(session, (size_t)crop, (size_t)crops);
    }
    return status;
}

static dp_status check_clip_is_open(dp_session *session) {
    return session->clip_is_open
               ? DP_OK
               : dpi_fail(&session->message, DP_ERR_ARGUMENT,
                          "no clip is open for frames: call dp_session_begin_clip() first");
}

static dp_status check_pushed_frame(dp_session *session, const dp_frame *frame) {
    size_t frames = session->model->parameters.frames;
    dp_status status = check_clip_is_open(session);
    if (status != DP_OK) {
        return status;
    }
    if (session->view.frames == frames) {
        return dpi_fail(&session->message, DP_ERR_ARGUMENT,
                        "the clip has the model's %zu frames already", frames);
    }
    if (frame == NULL) {
        return dpi_fail(&session->message, DP_ERR_ARGUMENT, "the frame is NULL");
    }
    return dpi_check_frame(frame, session->view.frames, &session->message);
}

/* After work has been done: its time, and no clip any more if it failed. */
static void end_call(dp_session *session, double since, dp_status status) {
    session->view.timings.total_ms += dpi_clock_ms() - since;
    session->clip_is_open = session->clip_is_open && status == DP_OK;
}

dp_status dp_session_push_frame(dp_session *session, const dp_frame *frame) {
    double since = dpi_clock_ms();
    if (session == NULL) {
        return dpi_fail(dpi_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    dp_status status = check_pushed_frame(session, frame);
    if (status != DP_OK) {
        return status;
    }
    /* a clip of one frame: past its end, it repeats */
    dpi_checked_clip clip = {.frames = frame,
                             .sampler = {.frame_count = 1,
                                         .view_frames = session->model->parameters.frames,
                                         .rate = 1,
                                         .views = 1,
                                         .sampling = DP_SAMPLING_FIRST},
                             .crops = session->view.crops};
    status = dpi_view_run_frames(session, &clip, 0, 1);
    end_call(session, since, status);
    return status;
}

static dp_status check_clip_is_complete(dp_session *session) {
    size_t frames = session->model->parameters.frames;
    dp_status status = check_clip_is_open(session);
    if (status == DP_OK && session->view.frames != frames) {
        status = dpi_fail(&session->message, DP_ERR_ARGUMENT,
                          "the clip has %zu frames of the %zu that the model takes",
                          session->view.frames, frames);
    }
    return status;
}

dp_status dp_session_finish_clip(dp_session *session, dp_result *result) {
    double since = dpi_clock_ms();
    dp_status status = dpi_result_check(session, result);
    if (status == DP_OK) {
        status = check_clip_is_complete(session);
    }
    if (status != DP_OK) {
        return status;
    }
    session->clip_is_open = false;
    dpi_result_clear(session);
    status = dpi_view_run_head(session);
    if (status == DP_OK) {
        status = dpi_result_complete(session);
    }
    end_call(session, since, status);
    if (status == DP_OK) {
        dpi_result_write(session, result);
    }
    return status;
}
