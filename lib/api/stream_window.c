/*
 * From frames to windows. Each image goes through the blocks once, as soon as its last frame is
 * there, and its class row is kept for as long as a window needs it. At the end of a window the
 * head reads the rows of its images.
 *
 * Window w is the frames [w * hop, w * hop + T).
 */
#include "api/stream.h"
#include "base/size.h"
#include "os/clock.h"

#include <string.h>

static const dpi_parameters *parameters_of(const dp_stream *stream) {
    return &stream->session->model->parameters;
}

/* ---- memory ---- */

static int64_t *take_numbers(dpi_arena *arena, size_t count) {
    return dpi_arena_take(arena, count, sizeof(int64_t));
}

void dpi_stream_take_windows(dpi_arena *arena, const dpi_parameters *p, dp_stream *stream) {
    dpi_history *history = &stream->history;
    size_t stride = dpi_row_stride(p->width);
    size_t size = p->image_size;
    history->open_windows = dpi_size_div_up(p->frames, (size_t)stream->options.hop) + 1;
    history->number = take_numbers(arena, p->frames);
    history->time_us = take_numbers(arena, p->frames);
    history->cells = dpi_arena_floats(arena, p->framesets * 3, size * size);
    history->spatial = dpi_arena_floats(arena, p->frames, stride);
    history->spatial_of = take_numbers(arena, p->frames);
    history->temporal = dpi_arena_floats(arena, history->open_windows * p->framesets, stride);
    history->temporal_of = take_numbers(arena, history->open_windows * p->framesets);
    stream->window_number = take_numbers(arena, p->frames);
    stream->window_time_us = take_numbers(arena, p->frames);
    dpi_answer_take(arena, p, &stream->answer);
}

void dpi_stream_clear_windows(dp_stream *stream) {
    const dpi_parameters *p = parameters_of(stream);
    dpi_history *history = &stream->history;
    history->frames = history->same_since = 0;
    for (size_t i = 0; i < p->frames; i++) {
        history->spatial_of[i] = -1;
    }
    for (size_t i = 0; i < history->open_windows * p->framesets; i++) {
        history->temporal_of[i] = -1;
    }
    stream->windows = 0;
    stream->finished = stream->on_the_way = stream->has_answer = false;
    stream->macs = 0;
    stream->timings = (dp_timings){0};
}

/* Where something of frame i is kept. */
static size_t place_of(const dp_stream *stream, int64_t i) {
    return (size_t)i % parameters_of(stream)->frames;
}

static float *spatial_row(const dp_stream *stream, int64_t i) {
    return stream->history.spatial +
           place_of(stream, i) * dpi_row_stride(parameters_of(stream)->width);
}

/* Of frameset `image` of a window. */
static size_t temporal_place(const dp_stream *stream, int64_t window, size_t image) {
    return (size_t)window % stream->history.open_windows * parameters_of(stream)->framesets + image;
}

static float *temporal_row(const dp_stream *stream, size_t place) {
    return stream->history.temporal + place * dpi_row_stride(parameters_of(stream)->width);
}

static void copy_row(const dp_stream *stream, float *to, const float *from) {
    memcpy(to, from, parameters_of(stream)->width * sizeof(float));
}

/* Where the workspace leaves the class row of an image, and where the head reads it. */
static float *class_row(const dp_stream *stream, dpi_path path, size_t image) {
    return stream->session->workspace.path[path].class_rows +
           image * dpi_row_stride(parameters_of(stream)->width);
}

/* ---- images ---- */

/* Image `image` of a view, whose pixels are the first of the path; its class row is left in the
 * workspace. */
static dp_status run_image(dp_stream *stream, dpi_path path, size_t image) {
    dp_session *session = stream->session;
    dpi_batch batch = dpi_workspace_single(&session->workspace, path, image);
    dp_status status = dpi_run_batch(session, &batch, 0.0, 1.0, &stream->timings);
    if (status == DP_OK) {
        stream->macs += dpi_image_macs(session->model, path);
    }
    return status;
}

/* The current frame, as frame i. */
static dp_status run_spatial_image(dp_stream *stream, int64_t i) {
    size_t size = parameters_of(stream)->image_size;
    memcpy(stream->session->workspace.path[DPI_SPATIAL].pixels, stream->current->pixels,
           3 * size * size * sizeof(float));
    dp_status status = run_image(stream, DPI_SPATIAL, 0);
    if (status == DP_OK) {
        copy_row(stream, spatial_row(stream, i), class_row(stream, DPI_SPATIAL, 0));
        stream->history.spatial_of[place_of(stream, i)] = i;
    }
    return status;
}

/* Frameset `image` of a window of frames from `start` on, of which frame `last` repeats. */
static dp_status run_frameset(dp_stream *stream, int64_t start, size_t image, int64_t last) {
    const dpi_parameters *p = parameters_of(stream);
    size_t size = p->image_size, in_set = dpi_frameset_frames(p);
    float *pixels = stream->session->workspace.path[DPI_TEMPORAL].pixels;
    double since = dpi_clock_ms();
    for (size_t cell = 0; cell < in_set; cell++) {
        int64_t i = start + (int64_t)(image * in_set + cell);
        size_t place = place_of(stream, i < last ? i : last);
        dpi_copy_cell(stream->history.cells + place / in_set * 3 * size * size, place % in_set,
                      size, p->grid, cell, pixels);
    }
    stream->timings.frames_ms += dpi_clock_restart(&since);
    return run_image(stream, DPI_TEMPORAL, image);
}

/* ---- what a frame completes ---- */

/* The first window that frame i can be in. */
static int64_t first_window_with(const dp_stream *stream, int64_t i) {
    int64_t frames = (int64_t)parameters_of(stream)->frames;
    int64_t hop = stream->options.hop;
    return i < frames ? 0 : (i - frames) / hop + 1;
}

/* With a hop of more than T there are frames between windows. */
static bool is_in_some_window(const dp_stream *stream, int64_t i) {
    return first_window_with(stream, i) * stream->options.hop <= i;
}

/* Whether the spatial path sees frame i in some window. */
static bool is_spatial(const dp_stream *stream, int64_t i) {
    const dpi_parameters *p = parameters_of(stream);
    int64_t hop = stream->options.hop;
    for (int64_t w = first_window_with(stream, i); w * hop <= i; w++) {
        if ((size_t)(i - w * hop) % dpi_spatial_distance(p) == 0) {
            return true;
        }
    }
    return false;
}

/* The latest frame before i with the same picture that has a class row; -1: there is none. */
static int64_t find_same_frame(const dp_stream *stream, int64_t i) {
    int64_t frames = (int64_t)parameters_of(stream)->frames;
    int64_t f = i - 1;
    while (f > i - frames && f >= stream->history.same_since) {
        if (stream->history.spatial_of[place_of(stream, f)] == f) {
            return f;
        }
        f--;
    }
    return -1;
}

/* Sees to it that frame i, which is the current one, has a class row. */
static dp_status need_spatial_row(dp_stream *stream, int64_t i) {
    dpi_history *history = &stream->history;
    if (history->spatial_of[place_of(stream, i)] == i) {
        return DP_OK;
    }
    int64_t same = find_same_frame(stream, i);
    if (same < 0) {
        return run_spatial_image(stream, i);
    }
    copy_row(stream, spatial_row(stream, i), spatial_row(stream, same));
    history->spatial_of[place_of(stream, i)] = i;
    return DP_OK;
}

/* The same for frameset `image` of window w, whose last frame came. Where the picture has been the
 * same since that frameset of the window before began, so is its row. */
static dp_status need_temporal_row(dp_stream *stream, int64_t w, size_t image) {
    const dpi_parameters *p = parameters_of(stream);
    dpi_history *history = &stream->history;
    int64_t first = w * stream->options.hop + (int64_t)(image * dpi_frameset_frames(p));
    size_t place = temporal_place(stream, w, image);
    dp_status status = DP_OK;
    if (history->temporal_of[place] == w) {
        return DP_OK;
    }
    size_t before = temporal_place(stream, w - 1, image);
    if (w > 0 && history->same_since <= first - stream->options.hop) {
        copy_row(stream, temporal_row(stream, place), temporal_row(stream, before));
    } else {
        status = run_frameset(stream, w * stream->options.hop, image, INT64_MAX);
        if (status == DP_OK) {
            copy_row(stream, temporal_row(stream, place), class_row(stream, DPI_TEMPORAL, image));
        }
    }
    if (status == DP_OK) {
        history->temporal_of[place] = w;
    }
    return status;
}

/* ---- windows ---- */

/* Which frames it has: those from `start` on, of which frame `last` repeats. */
static void describe_window(dp_stream *stream, int64_t start, int64_t last) {
    size_t frames = parameters_of(stream)->frames;
    for (size_t t = 0; t < frames; t++) {
        int64_t i = start + (int64_t)t;
        size_t place = place_of(stream, i < last ? i : last);
        stream->window_number[t] = stream->history.number[place];
        stream->window_time_us[t] = stream->history.time_us[place];
    }
}

/* The temporal rows are in the workspace. */
static dp_status answer_window(dp_stream *stream, int64_t start, int64_t last) {
    dp_session *session = stream->session;
    const dpi_parameters *p = parameters_of(stream);
    double since = dpi_clock_ms();
    for (size_t s = 0; s < p->spatial_frames; s++) {
        int64_t i = start + (int64_t)(s * dpi_spatial_distance(p));
        copy_row(stream, class_row(stream, DPI_SPATIAL, s),
                 spatial_row(stream, i < last ? i : last));
    }
    dpi_run_head(&session->workspace);
    stream->macs += dpi_head_macs(session->model);
    describe_window(stream, start, last);
    stream->windows++;
    dpi_answer_clear(&stream->answer, p);
    dpi_answer_add_view(&stream->answer, &session->workspace);
    stream->has_answer = dpi_answer_average(&stream->answer, session->model, 1);
    stream->timings.head_ms += dpi_clock_restart(&since);
    return stream->has_answer
               ? DP_OK
               : dpi_fail(&session->message, DP_ERR_NUMERIC,
                          "the answer of window %lld is not finite: the numbers of this model "
                          "overflow",
                          (long long)(stream->windows - 1));
}

/* Window w, all of whose frames came. */
static dp_status finish_window(dp_stream *stream, int64_t w) {
    size_t framesets = parameters_of(stream)->framesets;
    for (size_t image = 0; image < framesets; image++) {
        copy_row(stream, class_row(stream, DPI_TEMPORAL, image),
                 temporal_row(stream, temporal_place(stream, w, image)));
    }
    return answer_window(stream, w * stream->options.hop, INT64_MAX);
}

void dpi_stream_begin_frame(dp_stream *stream, int64_t time_us, bool unchanged) {
    const dpi_parameters *p = parameters_of(stream);
    dpi_history *history = &stream->history;
    size_t size = p->image_size;
    size_t place = place_of(stream, history->frames);
    double since = dpi_clock_ms();
    history->same_since = unchanged ? history->same_since : history->frames;
    history->number[place] = stream->current->number;
    history->time_us[place] = time_us;
    if (is_in_some_window(stream, history->frames)) {
        dpi_frame_target target = dpi_stream_target(stream);
        dpi_fill_cell(stream->current->pixels, &target, p->grid, place % dpi_frameset_frames(p),
                      history->cells + place / dpi_frameset_frames(p) * 3 * size * size);
    }
    stream->timings.frames_ms += dpi_clock_restart(&since);
    stream->last_time_us = time_us;
    stream->on_the_way = true;
}

/* The framesets that frame i completes. At most one window ends with it: the first of those that it
 * is in. */
static dp_status run_framesets_of(dp_stream *stream, int64_t i) {
    const dpi_parameters *p = parameters_of(stream);
    int64_t hop = stream->options.hop;
    dp_status status = DP_OK;
    for (int64_t w = first_window_with(stream, i); w * hop <= i && status == DP_OK; w++) {
        size_t come = (size_t)(i - w * hop) + 1;
        if (come % dpi_frameset_frames(p) == 0) {
            status = need_temporal_row(stream, w, come / dpi_frameset_frames(p) - 1);
        }
    }
    return status;
}

dp_status dpi_stream_run_frame(dp_stream *stream, bool *ready) {
    int64_t i = stream->history.frames;
    int64_t first = first_window_with(stream, i);
    int64_t frames = (int64_t)parameters_of(stream)->frames;
    dp_status status = is_spatial(stream, i) ? need_spatial_row(stream, i) : DP_OK;
    if (status == DP_OK) {
        status = run_framesets_of(stream, i);
    }
    if (status != DP_OK) {
        return status;
    }
    stream->history.frames++;
    stream->on_the_way = false;
    if (first * stream->options.hop + frames == stream->history.frames) {
        status = finish_window(stream, first);
        *ready = status == DP_OK;
    }
    return status;
}

/* ---- the last window ---- */

/* Whether all class rows are there for a window of the frames from `start` on, but for that of the
 * last one. */
static bool has_spatial_rows(const dp_stream *stream, int64_t start) {
    int64_t distance = (int64_t)dpi_spatial_distance(parameters_of(stream));
    int64_t last = stream->history.frames - 1;
    for (int64_t i = start; i < last; i += distance) {
        if (stream->history.spatial_of[place_of(stream, i)] != i) {
            return false;
        }
    }
    return true;
}

/* Where it begins; -1: there is none, because the frames end with a window, or between two. One
 * that begins at its turn has all it needs. */
static int64_t find_last_window(const dp_stream *stream) {
    int64_t came = stream->history.frames;
    int64_t frames = (int64_t)parameters_of(stream)->frames;
    int64_t turn = first_window_with(stream, came) * stream->options.hop;
    int64_t start = came > frames ? came - frames : 0;
    if (turn >= came || (turn > 0 && turn - stream->options.hop + frames == came)) {
        return -1;
    }
    while (start < turn && !has_spatial_rows(stream, start)) {
        start++;
    }
    return start;
}

static dp_status run_last_window(dp_stream *stream, int64_t start) {
    const dpi_parameters *p = parameters_of(stream);
    int64_t last = stream->history.frames - 1;
    int64_t last_spatial = start + (int64_t)(p->frames - dpi_spatial_distance(p));
    dp_status status = last_spatial >= last ? need_spatial_row(stream, last) : DP_OK;
    for (size_t image = 0; image < p->framesets && status == DP_OK; image++) {
        status = run_frameset(stream, start, image, last);
    }
    return status == DP_OK ? answer_window(stream, start, last) : status;
}

dp_status dpi_stream_run_rest(dp_stream *stream, bool *ready) {
    int64_t start = find_last_window(stream);
    dp_status status = start >= 0 ? run_last_window(stream, start) : DP_OK;
    *ready = start >= 0 && status == DP_OK;
    stream->finished = status == DP_OK || status == DP_ERR_NUMERIC;
    return status;
}
