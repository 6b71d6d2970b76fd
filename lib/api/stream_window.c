/*
 * From frames to windows. Each image goes through the blocks once, as soon as its last frame is
 * there, but for the last blocks of a spatial image, which may come with the frame after it. Its
 * class row is kept for as long as a window needs it. At the end of a window the head reads the
 * rows of its images.
 *
 * Frames are counted by their index i (stream.h): window w is the frames [w * hop, w * hop + T).
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

/* Framesets that end with the frame after a spatial one. */
static size_t framesets_at_once(const dpi_parameters *p, size_t hop) {
    return p->framesets > 0 && dpi_frameset_frames(p) % hop != 0 ? 1 : p->framesets;
}

/* As many as leave the first part of an image at least as large as what comes with the next frame;
 * none where a whole image is no more than 1.25 times the mean of the two frames. */
static size_t count_late_blocks(const dp_model *model, size_t hop) {
    const dpi_parameters *p = &model->parameters;
    size_t late = 0, framesets = framesets_at_once(p, hop);
    size_t distance = dpi_spatial_distance(p);
    if (distance == 1 || hop % distance != 0) {
        return 0;
    }
    int64_t image = dpi_image_macs(model, DPI_SPATIAL);
    int64_t with_next =
        framesets > 0 ? (int64_t)framesets * dpi_image_macs(model, DPI_TEMPORAL) : 0;
    bool is_even = 3 * image <= 5 * with_next;
    while (!is_even && late + 1 < p->blocks) {
        int64_t first = dpi_image_part_macs(model, DPI_SPATIAL, 0, p->blocks - late - 1);
        if (first < image - first + with_next) {
            break;
        }
        late++;
    }
    return late;
}

void dpi_stream_take_windows(dpi_arena *arena, const dp_model *model, dp_stream *stream) {
    const dpi_parameters *p = &model->parameters;
    dpi_history *history = &stream->history;
    size_t stride = dpi_row_stride(p->width);
    size_t size = p->image_size;
    history->open_windows = dpi_size_div_up(p->frames, (size_t)stream->options.hop) + 1;
    history->source_numbers = take_numbers(arena, p->frames);
    history->times_us = take_numbers(arena, p->frames);
    history->cells = dpi_arena_floats(arena, p->framesets * 3, size * size);
    if (dpi_frames_meet(p)) {
        history->pixels = dpi_arena_floats(arena, p->frames * 3, size * size);
    }
    history->spatial = dpi_arena_floats(arena, p->frames, stride);
    history->spatial_index = take_numbers(arena, p->frames);
    history->temporal = dpi_arena_floats(arena, history->open_windows * p->framesets, stride);
    history->temporal_window = take_numbers(arena, history->open_windows * p->framesets);
    stream->late.blocks = count_late_blocks(model, (size_t)stream->options.hop);
    if (stream->late.blocks > 0) {
        stream->late.x = dpi_arena_floats(arena, p->tokens, stride);
    }
    stream->window_frames = take_numbers(arena, p->frames);
    stream->window_times_us = take_numbers(arena, p->frames);
    dpi_answer_take(arena, p, &stream->answer);
}

void dpi_stream_clear_windows(dp_stream *stream) {
    const dpi_parameters *p = parameters_of(stream);
    dpi_history *history = &stream->history;
    history->frames = history->unchanged_since = 0;
    for (size_t i = 0; i < p->frames; i++) {
        history->spatial_index[i] = -1;
    }
    for (size_t i = 0; i < history->open_windows * p->framesets; i++) {
        history->temporal_window[i] = -1;
    }
    stream->late.index = -1;
    stream->windows = 0;
    stream->finished = stream->in_progress = stream->has_answer = false;
    stream->macs = 0;
    stream->timings = (dp_timings){0};
}

/* Where what is kept of frame i stands. */
static size_t slot_of(const dp_stream *stream, int64_t i) {
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): every model has frames */
    return (size_t)i % parameters_of(stream)->frames;
}

static float *spatial_row(const dp_stream *stream, int64_t i) {
    return stream->history.spatial +
           slot_of(stream, i) * dpi_row_stride(parameters_of(stream)->width);
}

/* Of frameset `image` of a window. */
static size_t temporal_slot(const dp_stream *stream, int64_t window, size_t image) {
    return (size_t)window % stream->history.open_windows * parameters_of(stream)->framesets + image;
}

static float *temporal_row(const dp_stream *stream, size_t slot) {
    return stream->history.temporal + slot * dpi_row_stride(parameters_of(stream)->width);
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

/* Blocks [first, end) of image `image` of a view, whose pixels or residual stream are the first of
 * the path; after the last block its class row is left in the workspace. */
static dp_status run_image_part(dp_stream *stream, dpi_path path, size_t image, size_t first,
                                size_t end) {
    dp_session *session = stream->session;
    dpi_batch batch = dpi_workspace_single(&session->workspace, path, image);
    batch.first_block = first;
    batch.end_block = end;
    dp_status status = dpi_run_batch(session, &batch, 0.0, 1.0, &stream->timings);
    if (status == DP_OK) {
        stream->macs += dpi_image_part_macs(session->model, path, first, end);
    }
    return status;
}

static dp_status run_image(dp_stream *stream, dpi_path path, size_t image) {
    return run_image_part(stream, path, image, 0, parameters_of(stream)->blocks);
}

static void keep_spatial_row(dp_stream *stream, int64_t i) {
    copy_row(stream, spatial_row(stream, i), class_row(stream, DPI_SPATIAL, 0));
    stream->history.spatial_index[slot_of(stream, i)] = i;
}

static size_t residual_bytes(const dp_stream *stream) {
    const dpi_parameters *p = parameters_of(stream);
    return p->tokens * dpi_row_stride(p->width) * sizeof(float);
}

/* The current frame, as frame i, up to its late blocks. */
static dp_status run_spatial_image(dp_stream *stream, int64_t i) {
    const dpi_parameters *p = parameters_of(stream);
    const dpi_path_state *state = &stream->session->workspace.path[DPI_SPATIAL];
    dpi_late_image *late = &stream->late;
    memcpy(state->pixels, stream->current->pixels,
           3 * p->image_size * p->image_size * sizeof(float));
    dp_status status = run_image_part(stream, DPI_SPATIAL, 0, 0, p->blocks - late->blocks);
    if (status == DP_OK && late->blocks == 0) {
        keep_spatial_row(stream, i);
    } else if (status == DP_OK) {
        memcpy(late->x, state->x, residual_bytes(stream));
        late->index = i;
    }
    return status;
}

/* The late blocks, if an image has them left. */
static dp_status finish_spatial_image(dp_stream *stream) {
    const dpi_path_state *state = &stream->session->workspace.path[DPI_SPATIAL];
    dpi_late_image *late = &stream->late;
    size_t blocks = parameters_of(stream)->blocks;
    if (late->index < 0) {
        return DP_OK;
    }
    memcpy(state->x, late->x, residual_bytes(stream));
    dp_status status = run_image_part(stream, DPI_SPATIAL, 0, blocks - late->blocks, blocks);
    if (status == DP_OK) {
        keep_spatial_row(stream, late->index);
        late->index = -1;
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
        size_t slot = slot_of(stream, i < last ? i : last);
        dpi_copy_cell(stream->history.cells + slot / in_set * 3 * size * size, slot % in_set, size,
                      p->grid, cell, pixels);
    }
    stream->timings.frames_ms += dpi_clock_restart(&since);
    return run_image(stream, DPI_TEMPORAL, image);
}

/* All images of a window of frames from `start` on, of which frame `last` repeats: where frames
 * meet in the blocks, none can go by itself. */
static dp_status run_whole_window(dp_stream *stream, int64_t start, int64_t last) {
    dp_session *session = stream->session;
    const dpi_parameters *p = parameters_of(stream);
    size_t values = 3 * p->image_size * p->image_size;
    float *pixels = session->workspace.path[DPI_SPATIAL].pixels;
    double since = dpi_clock_ms();
    for (size_t t = 0; t < p->frames; t++) {
        int64_t i = start + (int64_t)t;
        memcpy(pixels + t * values,
               stream->history.pixels + slot_of(stream, i < last ? i : last) * values,
               values * sizeof(float));
    }
    stream->timings.frames_ms += dpi_clock_restart(&since);
    dpi_batch batch = dpi_workspace_batch(&session->workspace, DPI_SPATIAL, 0);
    dp_status status = dpi_run_batch(session, &batch, 0.0, 1.0, &stream->timings);
    if (status == DP_OK) {
        stream->macs += (int64_t)p->frames * dpi_image_macs(session->model, DPI_SPATIAL);
    }
    return status;
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
    while (f > i - frames && f >= stream->history.unchanged_since) {
        if (stream->history.spatial_index[slot_of(stream, f)] == f) {
            return f;
        }
        f--;
    }
    return -1;
}

/* Sees to it that frame i, which is the current one, has a class row, but for its late blocks. */
static dp_status ensure_spatial_row(dp_stream *stream, int64_t i) {
    dpi_history *history = &stream->history;
    if (history->spatial_index[slot_of(stream, i)] == i || stream->late.index == i) {
        return DP_OK;
    }
    int64_t same = find_same_frame(stream, i);
    if (same < 0) {
        return run_spatial_image(stream, i);
    }
    copy_row(stream, spatial_row(stream, i), spatial_row(stream, same));
    history->spatial_index[slot_of(stream, i)] = i;
    return DP_OK;
}

/* The same for frameset `image` of window w, all of whose frames are there. Where the picture has
 * been the same since that frameset of the window before began, the row is the same, too. */
static dp_status ensure_temporal_row(dp_stream *stream, int64_t w, size_t image) {
    const dpi_parameters *p = parameters_of(stream);
    dpi_history *history = &stream->history;
    int64_t first = w * stream->options.hop + (int64_t)(image * dpi_frameset_frames(p));
    size_t slot = temporal_slot(stream, w, image);
    dp_status status = DP_OK;
    if (history->temporal_window[slot] == w) {
        return DP_OK;
    }
    size_t before = temporal_slot(stream, w - 1, image);
    if (w > 0 && history->unchanged_since <= first - stream->options.hop) {
        copy_row(stream, temporal_row(stream, slot), temporal_row(stream, before));
    } else {
        status = run_frameset(stream, w * stream->options.hop, image, INT64_MAX);
        if (status == DP_OK) {
            copy_row(stream, temporal_row(stream, slot), class_row(stream, DPI_TEMPORAL, image));
        }
    }
    if (status == DP_OK) {
        history->temporal_window[slot] = w;
    }
    return status;
}

/* ---- windows ---- */

/* Which frames it has: those from `start` on, of which frame `last` repeats. */
static void describe_window(dp_stream *stream, int64_t start, int64_t last) {
    size_t frames = parameters_of(stream)->frames;
    for (size_t t = 0; t < frames; t++) {
        int64_t i = start + (int64_t)t;
        size_t slot = slot_of(stream, i < last ? i : last);
        stream->window_frames[t] = stream->history.source_numbers[slot];
        stream->window_times_us[t] = stream->history.times_us[slot];
    }
}

static void collect_spatial_rows(const dp_stream *stream, int64_t start, int64_t last) {
    const dpi_parameters *p = parameters_of(stream);
    for (size_t s = 0; s < p->spatial_frames; s++) {
        int64_t i = start + (int64_t)(s * dpi_spatial_distance(p));
        copy_row(stream, class_row(stream, DPI_SPATIAL, s),
                 spatial_row(stream, i < last ? i : last));
    }
}

/* The class rows are in the workspace, but those of the spatial path only where frames meet. */
static dp_status answer_window(dp_stream *stream, int64_t start, int64_t last) {
    dp_session *session = stream->session;
    const dpi_parameters *p = parameters_of(stream);
    double since = dpi_clock_ms();
    if (!dpi_frames_meet(p)) {
        collect_spatial_rows(stream, start, last);
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

/* Window w, all of whose images were computed. */
static dp_status finish_window(dp_stream *stream, int64_t w) {
    size_t framesets = parameters_of(stream)->framesets;
    for (size_t image = 0; image < framesets; image++) {
        copy_row(stream, class_row(stream, DPI_TEMPORAL, image),
                 temporal_row(stream, temporal_slot(stream, w, image)));
    }
    return answer_window(stream, w * stream->options.hop, INT64_MAX);
}

/* Those of the current frame that windows read again. */
static void keep_pixels(const dp_stream *stream, size_t slot) {
    const dpi_parameters *p = parameters_of(stream);
    const dpi_history *history = &stream->history;
    size_t size = p->image_size;
    if (dpi_has_two_paths(p)) {
        size_t in_set = dpi_frameset_frames(p);
        dpi_frame_target target = dpi_stream_target(stream);
        dpi_fill_cell(stream->current->pixels, &target, p->grid, slot % in_set,
                      history->cells + slot / in_set * 3 * size * size);
    }
    if (dpi_frames_meet(p)) {
        memcpy(history->pixels + slot * 3 * size * size, stream->current->pixels,
               3 * size * size * sizeof(float));
    }
}

void dpi_stream_begin_frame(dp_stream *stream, int64_t time_us, bool unchanged) {
    dpi_history *history = &stream->history;
    size_t slot = slot_of(stream, history->frames);
    double since = dpi_clock_ms();
    history->unchanged_since = unchanged ? history->unchanged_since : history->frames;
    history->source_numbers[slot] = stream->current->source_number;
    history->times_us[slot] = time_us;
    if (is_in_some_window(stream, history->frames)) {
        keep_pixels(stream, slot);
    }
    stream->timings.frames_ms += dpi_clock_restart(&since);
    stream->current_time_us = time_us;
    stream->in_progress = true;
}

/* The framesets that frame i completes. At most one window ends with it: the first of those that it
 * is in. */
static dp_status run_framesets_of(dp_stream *stream, int64_t i) {
    const dpi_parameters *p = parameters_of(stream);
    int64_t hop = stream->options.hop;
    dp_status status = DP_OK;
    for (int64_t w = first_window_with(stream, i); w * hop <= i && status == DP_OK; w++) {
        size_t in_window = (size_t)(i - w * hop) + 1;
        if (in_window % dpi_frameset_frames(p) == 0) {
            status = ensure_temporal_row(stream, w, in_window / dpi_frameset_frames(p) - 1);
        }
    }
    return status;
}

/* The images that frame i makes complete. */
static dp_status run_images_of(dp_stream *stream, int64_t i) {
    dp_status status = stream->late.index < i ? finish_spatial_image(stream) : DP_OK;
    if (status == DP_OK && is_spatial(stream, i)) {
        status = ensure_spatial_row(stream, i);
    }
    if (status == DP_OK && dpi_has_two_paths(parameters_of(stream))) {
        status = run_framesets_of(stream, i);
    }
    return status;
}

dp_status dpi_stream_run_frame(dp_stream *stream, bool *ready) {
    const dpi_parameters *p = parameters_of(stream);
    int64_t i = stream->history.frames;
    int64_t first = first_window_with(stream, i);
    bool ends_window = first * stream->options.hop + (int64_t)p->frames == i + 1;
    dp_status status = DP_OK;
    if (!dpi_frames_meet(p)) {
        status = run_images_of(stream, i);
    } else if (ends_window) {
        status = run_whole_window(stream, first * stream->options.hop, INT64_MAX);
    }
    if (status != DP_OK) {
        return status;
    }
    stream->history.frames++;
    stream->in_progress = false;
    if (ends_window) {
        status = finish_window(stream, first);
        *ready = status == DP_OK;
    }
    return status;
}

/* ---- the last window ---- */

/* Whether the pixels of all frames from `start` on were kept, for windows whose frames meet. */
static bool has_pixels(const dp_stream *stream, int64_t start) {
    for (int64_t i = start; i < stream->history.frames; i++) {
        if (!is_in_some_window(stream, i)) {
            return false;
        }
    }
    return true;
}

/* Whether all class rows are there for a window of the frames from `start` on, but for that of the
 * last one. */
static bool has_spatial_rows(const dp_stream *stream, int64_t start) {
    int64_t distance = (int64_t)dpi_spatial_distance(parameters_of(stream));
    int64_t last = stream->history.frames - 1;
    for (int64_t i = start; i < last; i += distance) {
        if (stream->history.spatial_index[slot_of(stream, i)] != i) {
            return false;
        }
    }
    return true;
}

static bool has_window(const dp_stream *stream, int64_t start) {
    return dpi_frames_meet(parameters_of(stream)) ? has_pixels(stream, start)
                                                  : has_spatial_rows(stream, start);
}

/* The index of its first frame; -1: there is no last window, because the frames end with a window,
 * or between two. A window that begins at `next_start`, where the next one is due, has all it
 * needs. */
static int64_t find_last_window(const dp_stream *stream) {
    int64_t frames_so_far = stream->history.frames;
    int64_t frames = (int64_t)parameters_of(stream)->frames;
    int64_t next_start = first_window_with(stream, frames_so_far) * stream->options.hop;
    int64_t start = frames_so_far > frames ? frames_so_far - frames : 0;
    if (next_start >= frames_so_far ||
        (next_start > 0 && next_start - stream->options.hop + frames == frames_so_far)) {
        return -1;
    }
    while (start < next_start && !has_window(stream, start)) {
        start++;
    }
    return start;
}

static dp_status run_last_window(dp_stream *stream, int64_t start) {
    const dpi_parameters *p = parameters_of(stream);
    int64_t last = stream->history.frames - 1;
    if (dpi_frames_meet(p)) {
        dp_status run = run_whole_window(stream, start, last);
        return run == DP_OK ? answer_window(stream, start, last) : run;
    }
    int64_t last_spatial = start + (int64_t)(p->frames - dpi_spatial_distance(p));
    dp_status status = last_spatial >= last ? ensure_spatial_row(stream, last) : DP_OK;
    if (status == DP_OK) {
        status = finish_spatial_image(stream);
    }
    for (size_t image = 0; image < p->framesets && status == DP_OK; image++) {
        status = run_frameset(stream, start, image, last);
    }
    return status == DP_OK ? answer_window(stream, start, last) : status;
}

dp_status dpi_stream_run_rest(dp_stream *stream, bool *ready) {
    dp_status status = finish_spatial_image(stream);
    if (status != DP_OK) {
        return status;
    }
    int64_t start = find_last_window(stream);
    status = start >= 0 ? run_last_window(stream, start) : DP_OK;
    *ready = start >= 0 && status == DP_OK;
    stream->finished = status == DP_OK || status == DP_ERR_NUMERIC;
    return status;
}
