/*
 * Checks a caller's clip: every number and every frame, before anything is computed.
 */
#include "api/api.h"
#include "dp_config.h"

/* Of this build. */
#define LAST_SAMPLING (DPI_HAS_PROTOCOLS ? DP_SAMPLING_SEGMENTS : DP_SAMPLING_CENTER)

static dp_status check_clip_numbers(const dp_clip *clip, dpi_message *message) {
    if (clip->frame_count == 0) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_clip: there are no frames");
    }
    if (clip->frame_count > PTRDIFF_MAX / sizeof(dp_frame)) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_clip: %zu frames are too many",
                        clip->frame_count);
    }
    if (clip->sampling < DP_SAMPLING_MODEL || clip->sampling > LAST_SAMPLING) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_clip: %d is no dp_sampling",
                        (int)clip->sampling);
    }
    if (clip->rate < 0 || clip->rate > 65536) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_clip: rate is %d, expected 0 .. 65536",
                        (int)clip->rate);
    }
    if (clip->views < 0 || clip->views > DP_MAX_VIEWS) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_clip: views is %d, expected 0 .. %d",
                        (int)clip->views, DP_MAX_VIEWS);
    }
    if (clip->crops < 0 || clip->crops > DP_MAX_CROPS) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_clip: crops is %d, expected 0 .. %d",
                        (int)clip->crops, DP_MAX_CROPS);
    }
    return DP_OK;
}

/* What the caller leaves to the model, of which a build without protocols knows all. */
static void fill_in_protocol(const dpi_protocol *protocol, dp_clip *clip) {
    if (clip->sampling == DP_SAMPLING_MODEL) {
        clip->sampling = DPI_HAS_PROTOCOLS ? protocol->sampling : DP_SAMPLING_CENTER;
    }
    if (clip->views == 0) {
        bool one = !DPI_HAS_PROTOCOLS || !dpi_sampling_has_views(clip->sampling);
        clip->views = one ? 1 : (int32_t)protocol->views;
    }
    if (clip->crops == 0) {
        clip->crops = DPI_HAS_PROTOCOLS ? (int32_t)protocol->crops : 1;
    }
}

static dp_status check_sampled_frames(const dp_model *model, const dp_clip *clip,
                                      dpi_message *message) {
    size_t frames = model->parameters.frames;
    if (clip->sampling == DP_SAMPLING_GIVEN && clip->frame_count != frames) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_clip: DP_SAMPLING_GIVEN takes exactly the model's %zu frames, not %zu",
                        frames, clip->frame_count);
    }
    if (clip->views != 1 && !dpi_sampling_has_views(clip->sampling)) {
        bool given = !DPI_HAS_PROTOCOLS || clip->sampling == DP_SAMPLING_GIVEN;
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_clip: DP_SAMPLING_%s has one view, not %d",
                        given ? "GIVEN" : "SEGMENTS", (int)clip->views);
    }
    return DP_OK;
}

static bool is_aspect(int32_t number) {
    return number >= 1 && number <= DP_MAX_ASPECT;
}

/* How a frame is to be shown. */
static dp_status check_orientation(const dp_frame *frame, size_t index, dpi_message *message) {
    if (frame->rotation != 0 && frame->rotation != 90 && frame->rotation != 180 &&
        frame->rotation != 270) {
        return dpi_fail(message, DP_ERR_FRAME,
                        "frame %zu: rotation is %d, expected 0, 90, 180 or 270", index,
                        (int)frame->rotation);
    }
    if ((frame->aspect_width != 0 || frame->aspect_height != 0) &&
        (!is_aspect(frame->aspect_width) || !is_aspect(frame->aspect_height))) {
        return dpi_fail(message, DP_ERR_FRAME,
                        "frame %zu: an aspect of %d : %d, expected 1 .. %d each, or 0 : 0", index,
                        (int)frame->aspect_width, (int)frame->aspect_height, DP_MAX_ASPECT);
    }
    return DP_OK;
}

static dp_status check_frame_plane(const dp_frame *frame, size_t index, size_t plane,
                                   dpi_message *message) {
    const dpi_pixel_format *format = dpi_find_pixel_format(frame->format);
    dpi_plane_shape shape = dpi_shape_of_plane(format, plane, frame->width, frame->height);
    int64_t stride = frame->stride[plane];
    if (frame->plane[plane] == NULL) {
        return dpi_fail(message, DP_ERR_FRAME, "frame %zu: plane %zu is NULL", index, plane);
    }
    if (shape.rows > 1 && stride < shape.row_bytes && stride > -shape.row_bytes) {
        return dpi_fail(message, DP_ERR_FRAME,
                        "frame %zu: plane %zu has a stride of %lld bytes for rows of %lld", index,
                        plane, (long long)stride, (long long)shape.row_bytes);
    }
    /* The distance to the last row must be a number of this machine. */
    int64_t limit = (int64_t)PTRDIFF_MAX / shape.rows;
    if (stride > limit || stride < -limit) {
        return dpi_fail(message, DP_ERR_FRAME,
                        "frame %zu: plane %zu has a stride of %lld bytes, more than %lld", index,
                        plane, (long long)stride, (long long)limit);
    }
    return DP_OK;
}

dp_status dpi_check_frame(const dp_frame *frame, size_t index, dpi_message *message) {
    const dpi_pixel_format *format = dpi_find_pixel_format(frame->format);
    if (!dpi_is_frame_side(frame->width) || !dpi_is_frame_side(frame->height)) {
        return dpi_fail(message, DP_ERR_FRAME, "frame %zu: %d x %d is outside of 1 .. %d", index,
                        (int)frame->width, (int)frame->height, DP_MAX_FRAME_SIDE);
    }
    if (format == NULL) {
        return dpi_fail(message, DP_ERR_FRAME, "frame %zu: %d is no dp_format", index,
                        (int)frame->format);
    }
    if (format->convert == NULL) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED, "frame %zu: this build does not read %s",
                        index, format->name);
    }
    if (format->has_color && dpi_find_color(frame->color) == NULL) {
        return dpi_fail(message, DP_ERR_FRAME, "frame %zu: %d is no dp_color", index,
                        (int)frame->color);
    }
    size_t unknown = dpi_find_set_byte(frame, offsetof(dp_frame, reserved), sizeof *frame);
    if (unknown != sizeof *frame) {
        return dpi_fail(message, DP_ERR_FRAME,
                        "frame %zu: byte %zu of dp_frame is set, where version %s has no field",
                        index, unknown, DP_VERSION_STRING);
    }
    dp_status status = check_orientation(frame, index, message);
    for (size_t plane = 0; plane < format->plane_count && status == DP_OK; plane++) {
        status = check_frame_plane(frame, index, plane, message);
    }
    return status;
}

dp_status dpi_check_crop(int32_t crop, int32_t crops, dpi_message *message) {
    if (crops < 1 || crops > DP_MAX_CROPS) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "crops is %d, expected 1 .. %d", (int)crops,
                        DP_MAX_CROPS);
    }
    if (crop < 0 || crop >= crops) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "crop is %d, expected 0 .. %d", (int)crop,
                        (int)crops - 1);
    }
    return DP_OK;
}

/* All of a clip but its frames, with what the model says in place of defaults. */
static dp_status check_sampling(const dp_model *model, const dp_clip *clip, dp_clip *known,
                                dpi_sampler *sampler, dpi_message *message) {
    const dpi_parameters *p = &model->parameters;
    if (clip == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the clip is NULL");
    }
    dp_status status = dpi_read_struct(&dpi_clip_type, clip, known, message);
    if (status == DP_OK) {
        status = check_clip_numbers(known, message);
    }
    if (status == DP_OK) {
        fill_in_protocol(&p->protocol, known);
        status = check_sampled_frames(model, known, message);
    }
    if (status == DP_OK) {
        *sampler = (dpi_sampler){
            .frame_count = known->frame_count,
            .view_frames = p->frames,
            .rate = known->rate > 0 ? (size_t)known->rate : p->sampling_rate,
            .views = (size_t)known->views,
            .sampling = known->sampling,
            .wraps = DPI_HAS_PROTOCOLS && p->protocol.past_end == DPI_PAST_END_WRAP,
        };
    }
    return status;
}

dp_status dpi_check_clip(const dp_model *model, const dp_clip *clip, dpi_checked_clip *checked,
                         dpi_message *message) {
    dp_clip known = {0};
    dpi_sampler sampler = {0};
    dp_status status = check_sampling(model, clip, &known, &sampler, message);
    if (status == DP_OK && known.frames == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_clip: there are no frames");
    }
    for (size_t i = 0; status == DP_OK && i < known.frame_count; i++) {
        status = dpi_check_frame(&known.frames[i], i, message);
    }
    if (status == DP_OK) {
        *checked = (dpi_checked_clip){known.frames, sampler, (size_t)known.crops};
    }
    return status;
}

dp_status dpi_check_view(const dpi_sampler *sampler, int32_t view, dpi_message *message) {
    return view >= 0 && (size_t)view < sampler->views
               ? DP_OK
               : dpi_fail(message, DP_ERR_ARGUMENT, "view is %d, expected 0 .. %zu", (int)view,
                          sampler->views - 1);
}

dp_status dp_model_sample_view(const dp_model *model, const dp_clip *clip, int32_t view,
                               int32_t count, size_t *indices) {
    dp_clip known = {0};
    dpi_sampler sampler = {0};
    dpi_message *message = dpi_thread_message();
    if (model == NULL || indices == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "%s is NULL",
                        model == NULL ? "the model" : "indices");
    }
    dp_status status = check_sampling(model, clip, &known, &sampler, message);
    if (status == DP_OK) {
        status = dpi_check_view(&sampler, view, message);
    }
    if (status == DP_OK && (count < 1 || (size_t)count > sampler.view_frames)) {
        status = dpi_fail(message, DP_ERR_ARGUMENT, "count is %d, expected 1 .. %zu", (int)count,
                          sampler.view_frames);
    }
    for (int32_t i = 0; i < count && status == DP_OK; i++) {
        indices[i] = dpi_sample_frame(&sampler, (size_t)view, (size_t)i);
    }
    return status;
}
