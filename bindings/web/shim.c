/*
 * What dualpath.js calls. Options come as plain numbers, and answers are read from structs of four
 * and eight bytes a field, so that JavaScript need not know the layout of dualpath.h. One thread of
 * JavaScript calls an instance of the module.
 */
#include "dualpath.h"

#include <emscripten.h>
#include <stdlib.h>

#define WEB_API EMSCRIPTEN_KEEPALIVE

static dp_status last_status;

WEB_API int32_t web_status(void) {
    return last_status;
}

/* ---- models ---- */

/* Copies bytes of the file that JavaScript has, where it has them. */
EM_JS(int32_t, read_source, (double offset, void *buffer, size_t size), {
    const part = Module["source"].subarray(offset, offset + size);
    new Uint8Array(Module["wasmMemory"].buffer).set(part, buffer);
    return part.length;
});

static int64_t read_bytes(void *user, uint64_t offset, void *buffer, size_t size) {
    (void)user;
    return read_source((double)offset, buffer, size);
}

/* A backbone of NULL opens a file that is no task. */
WEB_API dp_model *web_model_open(dp_model *backbone, int32_t as_backbone, int32_t precision,
                                 int32_t verify) {
    dp_reader reader = {.read = read_bytes};
    dp_model_options options;
    dp_model *model = NULL;
    dp_model_options_default(&options);
    options.as_backbone = as_backbone;
    options.precision = precision;
    options.verify = verify;
    last_status = backbone != NULL ? dp_model_open_task_reader(backbone, &reader, &options, &model)
                                   : dp_model_open_reader(&reader, &options, &model);
    return model;
}

typedef struct web_info {
    const char *name, *description, *kernels, *precision, *method;
    int32_t input_size, classes, frames, spatial_frames, framesets, sampling_rate, feature_size;
} web_info;

WEB_API const web_info *web_model_info(const dp_model *model) {
    static web_info web;
    dp_model_info info;
    dp_model_info_default(&info);
    last_status = dp_model_get_info(model, &info);
    web = (web_info){
        .name = info.name,
        .description = info.description,
        .kernels = info.kernels,
        .precision = dp_precision_name(info.precision),
        .method = dp_method_name(info.method),
        .input_size = info.input_size,
        .classes = info.classes,
        .frames = info.frames,
        .spatial_frames = info.spatial_frames,
        .framesets = info.framesets,
        .sampling_rate = info.sampling_rate,
        .feature_size = info.feature_size,
    };
    return last_status == DP_OK ? &web : NULL;
}

/* ---- clips ---- */

typedef struct web_frame {
    const uint8_t *pixels;
    int32_t width, height, format;
} web_frame;

typedef struct web_answer {
    const float *logits, *probabilities, *feature_temporal, *feature_spatial;
    int32_t classes, feature_size, frame_count;
    const int64_t *frames, *times_us;
    int32_t reserved;
    double total_ms, number, dropped;
} web_answer;

static web_answer answer;

static dp_frame described(const web_frame *frame) {
    dp_frame made;
    dp_frame_init_packed(&made, frame->format, frame->pixels, frame->width, frame->height);
    return made;
}

/* How many bytes a frame has; 0: no such format or size. */
WEB_API double web_frame_bytes(int32_t format, int32_t width, int32_t height) {
    return (double)dp_frame_init_packed(NULL, format, NULL, width, height);
}

WEB_API dp_session *web_session_create(const dp_model *model, int32_t threads,
                                       int32_t image_by_image) {
    dp_session_options options;
    dp_session *session = NULL;
    dp_session_options_default(&options);
    options.threads = threads;
    options.image_by_image = image_by_image;
    last_status = dp_session_create(model, &options, &session);
    return session;
}

WEB_API const web_answer *web_classify(dp_session *session, const web_frame *frames, size_t count,
                                       int32_t sampling, int32_t rate, int32_t views,
                                       int32_t crops) {
    dp_frame *all = calloc(count, sizeof *all);
    dp_clip clip;
    dp_result result;
    dp_clip_default(&clip);
    dp_result_default(&result);
    for (size_t i = 0; all != NULL && i < count; i++) {
        all[i] = described(&frames[i]);
    }
    clip.frames = all;
    clip.frame_count = count;
    clip.sampling = sampling;
    clip.rate = rate;
    clip.views = views;
    clip.crops = crops;
    last_status = dp_classify_clip(session, &clip, &result);
    free(all);
    answer = (web_answer){
        .logits = result.logits,
        .probabilities = result.probabilities,
        .feature_temporal = result.feature_temporal,
        .feature_spatial = result.feature_spatial,
        .classes = result.classes,
        .feature_size = result.feature_size,
        .total_ms = result.timings.total_ms,
    };
    return last_status == DP_OK ? &answer : NULL;
}

/* Which frames of `count` a view takes: [frames of the model]. */
WEB_API int32_t web_sample(const dp_model *model, size_t count, int32_t sampling, int32_t rate,
                           int32_t frames, size_t *indices) {
    dp_clip clip;
    dp_clip_default(&clip);
    clip.frame_count = count;
    clip.sampling = sampling;
    clip.rate = rate;
    last_status = dp_model_sample_view(model, &clip, 0, frames, indices);
    return last_status;
}

/* What the model sees of the frames of a view: two pointers, as dp_session_preprocess_view(). */
WEB_API const float *const *web_preprocess(dp_session *session, const web_frame *frames,
                                           size_t count) {
    static const float *seen[2];
    dp_frame *all = calloc(count, sizeof *all);
    dp_clip clip;
    dp_clip_default(&clip);
    for (size_t i = 0; all != NULL && i < count; i++) {
        all[i] = described(&frames[i]);
    }
    clip.frames = all;
    clip.frame_count = count;
    clip.sampling = DP_SAMPLING_GIVEN;
    last_status = dp_session_preprocess_view(session, &clip, 0, 0, &seen[0], &seen[1]);
    free(all);
    return last_status == DP_OK ? seen : NULL;
}

/* ---- streams ---- */

WEB_API dp_stream *web_stream_create(dp_session *session, double sample_fps, int32_t rate,
                                     int32_t hop, int32_t queue, int32_t full) {
    dp_stream_options options;
    dp_stream *stream = NULL;
    dp_stream_options_default(&options);
    options.sample_fps = sample_fps;
    options.rate = rate;
    options.hop = hop;
    options.queue = queue;
    options.full = full;
    last_status = dp_stream_create(session, &options, &stream);
    return stream;
}

WEB_API int32_t web_stream_push(dp_stream *stream, const web_frame *frame, double time_us) {
    dp_frame made = described(frame);
    last_status = dp_stream_push(stream, &made, (int64_t)time_us);
    return last_status;
}

/* NULL: no window yet, or an error (web_status()). */
WEB_API const web_answer *web_stream_next(dp_stream *stream) {
    dp_window window;
    dp_window_default(&window);
    last_status = dp_stream_next(stream, 0, &window);
    answer = (web_answer){
        .logits = window.logits,
        .probabilities = window.probabilities,
        .feature_temporal = window.feature_temporal,
        .feature_spatial = window.feature_spatial,
        .classes = window.classes,
        .feature_size = window.feature_size,
        .frame_count = window.frame_count,
        .frames = window.frames,
        .times_us = window.times_us,
        .total_ms = window.timings.total_ms,
        .number = (double)window.number,
        .dropped = (double)window.dropped,
    };
    return last_status == DP_OK && window.ready ? &answer : NULL;
}

/* ---- events ---- */

WEB_API dp_events *web_events_create(int32_t classes, double begin_at, double end_below,
                                     double entropy, double shortest_us, double join_us,
                                     int32_t smooth, int32_t single) {
    dp_events_options options;
    dp_events *events = NULL;
    dp_events_options_default(&options);
    options.begin_at = begin_at;
    options.end_below = end_below;
    options.entropy = entropy;
    options.shortest_us = (int64_t)shortest_us;
    options.join_us = (int64_t)join_us;
    options.smooth = smooth;
    options.single = single;
    last_status = dp_events_create(classes, &options, &events);
    return events;
}

WEB_API int32_t web_events_push(dp_events *events, double start_us, double end_us,
                                const float *probabilities) {
    last_status = dp_events_push(events, (int64_t)start_us, (int64_t)end_us, probabilities);
    return last_status;
}

typedef struct web_event {
    double start_us, end_us, peak_us, peak, mean;
    int32_t index, windows;
} web_event;

static const web_event *told(int32_t found, const dp_event *event) {
    static web_event web;
    web = (web_event){(double)event->start_us, (double)event->end_us, (double)event->peak_us,
                      (double)event->peak,     (double)event->mean,   event->index,
                      event->windows};
    return found ? &web : NULL;
}

WEB_API const web_event *web_events_next(dp_events *events) {
    dp_event event = {0};
    return told(dp_events_next(events, &event), &event);
}

WEB_API const web_event *web_events_open(const dp_events *events, int32_t index) {
    dp_event event = {0};
    return told(dp_events_open(events, index, &event), &event);
}
