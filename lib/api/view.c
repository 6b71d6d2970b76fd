/*
 * One view on its way: its frames come, together or one by one, and become pixels; images that are
 * complete go through the blocks; what they leave goes through the head. Whether that is all images
 * together or one at a time is a matter of the workspace.
 */
#include "api/api.h"
#include "dp_config.h"
#include "os/clock.h"

static size_t count_view_images(const dpi_parameters *p) {
    return p->spatial_frames + p->framesets;
}

/* Which part of the clip is done after this many images of the view. */
static double part_of_clip(const dp_session *session, size_t images) {
    const dpi_view *view = &session->view;
    double part = 0.95 * (double)images / (double)count_view_images(&session->model->parameters);
    return ((double)view->done + part) / (double)view->views;
}

/* ---- frames ---- */

typedef struct load_run {
    const dp_session *session;
    const dpi_checked_clip *clip;
    size_t number; /* of the view in the clip */
} load_run;

dpi_frame_target dpi_view_target(const dp_model *model, size_t crop, size_t crops) {
    const dpi_parameters *p = &model->parameters;
    dpi_frame_target target = {
        .size = p->image_size,
        .crop = crop,
        .crops = crops,
        .kernels = model->kernels,
    };
    if (DPI_HAS_PROTOCOLS) {
        target.filter = (dpi_filter)p->protocol.filter;
        target.antialias = p->protocol.resize_antialias;
        target.rounds_to_nearest = p->protocol.long_side == DPI_LONG_SIDE_NEAREST;
        target.crops_round_down = p->protocol.crop_offset == DPI_CROP_OFFSET_DOWN;
        target.antialias_cells = p->protocol.grid_antialias;
    }
    for (size_t c = 0; c < 3; c++) {
        target.scale[c] = 1.0f / (255.0f * p->std[c]);
        target.offset[c] = -p->mean[c] / p->std[c];
    }
    return target;
}

/* Pixels of an image of the view; images that are not held at the same time share a place. */
static float *image_pixels(const dp_session *session, dpi_path path, size_t image) {
    const dpi_path_state *state = &session->workspace.path[path];
    size_t size = session->model->parameters.image_size;
    return state->pixels + image % state->images * 3 * size * size;
}

/* A frame that only the temporal path sees, as frame i of the view. */
static void load_cell(const dp_session *session, size_t i, const dp_frame *frame,
                      const dpi_frame_target *target, float *scratch) {
    const dpi_parameters *p = &session->model->parameters;
    size_t in_set = dpi_frameset_frames(p);
    dpi_load_cell(frame, target, p->grid, i % in_set,
                  image_pixels(session, DPI_TEMPORAL, i / in_set), scratch);
}

/* The frame after those that have come, or the index-th after it: into its cell, and whole if the
 * spatial path sees it. */
static void load_frame_task(void *context, size_t index, size_t thread) {
    const load_run *run = context;
    const dp_session *session = run->session;
    const dpi_parameters *p = &session->model->parameters;
    dpi_frame_target target =
        dpi_view_target(session->model, session->view.crop, session->view.crops);
    size_t i = session->view.frames + index;
    const dp_frame *frame =
        &run->clip->frames[dpi_sample_frame(&run->clip->sampler, run->number, i)];
    float *scratch = dpi_workspace_scratch(&session->workspace, thread);
    if (i % dpi_spatial_distance(p) != 0) {
        load_cell(session, i, frame, &target, scratch);
        return;
    }
    float *whole = image_pixels(session, DPI_SPATIAL, i / dpi_spatial_distance(p));
    dpi_load_rows(frame, &target, 0, p->image_size, whole, p->image_size * p->image_size, scratch);
    if (dpi_has_two_paths(p)) {
        size_t in_set = dpi_frameset_frames(p);
        dpi_fill_cell(whole, &target, p->grid, i % in_set,
                      image_pixels(session, DPI_TEMPORAL, i / in_set));
    }
}

void dpi_view_load_frames(dp_session *session, const dpi_checked_clip *clip, size_t number,
                          size_t count) {
    load_run run = {session, clip, number};
    dpi_team_run(session->team, load_frame_task, &run, count);
    session->view.frames += count;
}

/* ---- images ---- */

/* All that are together with this image. */
static dp_status run_batch_of(dp_session *session, dpi_path path, size_t image) {
    dpi_view *view = &session->view;
    dpi_batch batch = dpi_workspace_batch(&session->workspace, path, image);
    size_t images = view->images + batch.images[DPI_SPATIAL] + batch.images[DPI_TEMPORAL];
    dp_status status = dpi_run_batch(session, &batch, part_of_clip(session, view->images),
                                     part_of_clip(session, images), &view->timings);
    if (status == DP_OK) {
        view->images = images;
    }
    return status;
}

/* Those that the last frame made complete. */
static dp_status run_complete_images(dp_session *session) {
    const dpi_parameters *p = &session->model->parameters;
    size_t come = session->view.frames;
    size_t last = come - 1;
    dp_status status = DP_OK;
    if (!session->workspace.image_by_image) {
        return come == p->frames ? run_batch_of(session, DPI_SPATIAL, 0) : DP_OK;
    }
    if (last % dpi_spatial_distance(p) == 0) {
        status = run_batch_of(session, DPI_SPATIAL, last / dpi_spatial_distance(p));
    }
    if (status == DP_OK && dpi_has_two_paths(p) && come % dpi_frameset_frames(p) == 0) {
        status = run_batch_of(session, DPI_TEMPORAL, last / dpi_frameset_frames(p));
    }
    return status;
}

/* ---- a view ---- */

void dpi_view_begin_clip(dp_session *session, size_t views) {
    session->view = (dpi_view){.views = views};
    session->clip_is_open = session->has_attention = false;
}

void dpi_view_begin(dp_session *session, size_t crop, size_t crops) {
    dpi_view *view = &session->view;
    view->crop = crop;
    view->crops = crops;
    view->frames = 0;
    view->images = 0;
}

dp_status dpi_view_run_frames(dp_session *session, const dpi_checked_clip *clip, size_t number,
                              size_t count) {
    double since = dpi_clock_ms();
    dp_status status =
        dpi_report_progress(session, "frames", part_of_clip(session, session->view.images));
    if (status != DP_OK) {
        return status;
    }
    dpi_view_load_frames(session, clip, number, count);
    session->view.timings.frames_ms += dpi_clock_restart(&since);
    return run_complete_images(session);
}

dp_status dpi_view_run_head(dp_session *session) {
    double since = dpi_clock_ms();
    dp_status status =
        dpi_report_progress(session, "head", part_of_clip(session, session->view.images));
    if (status == DP_OK) {
        dpi_run_head(&session->workspace);
        dpi_answer_add_view(&session->answer, &session->workspace);
        session->view.done++;
    }
    session->view.timings.head_ms += dpi_clock_restart(&since);
    return status;
}
