/*
 * watch.c - `dualpath watch`: what happens in a film or before a camera, window by window.
 *
 * Frames are read one by one, pushed into a stream and gone.
 */
#include "by_time.h"
#include "cli.h"
#include "events.h"
#include "timeline.h"
#include "watch_status.h"
#include "windows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

const char watch_help[] =
    "Usage: dualpath watch MODEL INPUT [OPTION]...\n"
    "\n"
    "Says what happens in each window of a long film, or of a camera:\n"
    "  ffmpeg -f v4l2 -i /dev/video0 -pix_fmt yuv420p -f yuv4mpegpipe - | dualpath watch MODEL -\n"
    "A window is as many sampled frames as the model takes. INPUT is what classify takes. It is "
    "read\n"
    "frame by frame, and may go on for ever.\n"
    "\n"
    "  --backbone B       MODEL is a task of this model\n"
    "  --hop N            sampled frames from one window to the next, 1 to 65536 (default: one "
    "new\n"
    "                     image of the spatial path a window)\n"
    "  --rate N           sample every N-th frame (default: the model's)\n"
    "  --sample-fps F     sample by time instead: F frames a second, up to 1000\n"
    "  --top K            how many classes to print (default 1; 5 with --json)\n"
    "  --json             print one JSON object a line for each window\n"
    "  --csv FILE         write a row start,end,label,probability for each class that is printed\n"
    "  --events           print what happened when instead of windows, each event when it is over\n"
    "  --srt FILE         write the events as subtitles, --vtt FILE as WebVTT\n"
    "  --threshold P      an event begins where its smoothed probability is at least P (0.5)\n"
    "  --smooth N         windows whose mean is taken, an odd number (1)\n"
    "  --shortest S       leave out events of less than S seconds\n"
    "  --join S           events of a class with less than S seconds between them are one\n"
    "  --background LABEL this class means that nothing happens\n"
    "  --several          events of several classes at the same time\n"
    "  --timeline FILE    draw the classes over time, with thumbnails, as PNG\n"
    "  --size WxH         INPUT is raw frames of this size\n"
    "  --format F         of raw frames; --color C, --rotate DEGREES, --mirror and --aspect W:H as "
    "of\n"
    "                     classify\n"
    "  --max-memory N     take no more than N bytes; K, M, G, T may follow\n"
    "  --threads N        threads to compute with, 1 to 256 (default: as many as can run)\n"
    "  --cpu SET          highest instruction set to use: auto (default), amx, avx512-vnni,\n"
    "                     avx512, avx2-vnni, avx2; neon-i8mm, neon-dot, neon; c\n"
    "  --precision P      numbers to multiply in: f32 (default; a compiled file has its own), "
    "bf16,\n"
    "                     int8, auto\n"
    "  --image-by-image   hold one image of a window in memory at a time: slower, the same answer\n"
    "  --unfused          compute the formulas one by one, slower; for tests\n"
    "  --verify           check the model's checksums before using it\n"
    "  --quiet            no status line\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status: 0 success; 1 a model, a file or frames cannot be used; 2 wrong command line;\n"
    "130 interrupted.\n";

typedef struct watch_options {
    engine_options engine;
    frame_options frames;
    double sample_fps;
    int32_t hop, rate, top, json;
    const char *csv, *timeline; /* or NULL */
    event_options events;
} watch_options;

typedef struct watch {
    engine *engine;
    dp_stream *stream;
    const watch_options *options;
    const char *model_path, *input_path;
    window_writer writer;
    event_writer events;
    timeline *timeline; /* or NULL */
    output *picture;    /* of it */
    watch_status status_line;
    int64_t last_us;
    int status; /* of what ended it */
    bool ended; /* before the input did */
} watch;

static int parse(int count, char **arguments, watch_options *o, const char *paths[2]) {
    *o = (watch_options){.engine = {.cpu = -1}, .frames = DEFAULT_FRAME_OPTIONS};
    const option options[] = {
        ENGINE_OPTIONS(&o->engine),
        NUMBER_OPTION("--hop", &o->hop, 1, DP_MAX_HOP),
        NUMBER_OPTION("--rate", &o->rate, 1, 65536),
        REAL_OPTION("--sample-fps", &o->sample_fps, 1000),
        NUMBER_OPTION("--top", &o->top, 1, 1000000),
        FLAG_OPTION("--json", &o->json),
        FILE_OPTION("--csv", &o->csv),
        FLAG_OPTION("--events", &o->events.print),
        FILE_OPTION("--srt", &o->events.srt),
        FILE_OPTION("--vtt", &o->events.vtt),
        REAL_OPTION("--threshold", &o->events.threshold, 1),
        NUMBER_OPTION("--smooth", &o->events.smooth, 1, DP_MAX_SMOOTH),
        REAL_OPTION("--shortest", &o->events.shortest, 86400),
        REAL_OPTION("--join", &o->events.join, 86400),
        FILE_OPTION("--background", &o->events.background),
        FLAG_OPTION("--several", &o->events.several),
        FILE_OPTION("--timeline", &o->timeline),
        FRAME_OPTIONS(&o->frames),
        NO_MORE_OPTIONS,
    };
    static const char *const names[] = {"MODEL", INPUT_NAME, NULL};
    int status = parse_arguments(count, arguments, options, names, paths);
    if (status == STATUS_OK) {
        status = check_sampling_rule(o->rate, o->sample_fps);
    }
    if (status == STATUS_OK) {
        status = events_check(&o->events);
    }
    const output_name outputs[] = {{"--csv", o->csv},
                                   {"--srt", o->events.srt},
                                   {"--vtt", o->events.vtt},
                                   {"--timeline", o->timeline}};
    return status == STATUS_OK ? outputs_check(outputs, sizeof outputs / sizeof outputs[0])
                               : status;
}

/* ---- frames in, windows out ---- */

static bool end_watch(watch *w, int status) {
    w->status = status;
    w->ended = true;
    return false;
}

static bool write_window(watch *w, const dp_window *window) {
    window_writer *writer = &w->writer;
    if (writer->top_count > 0) {
        int status =
            check_status(dp_stream_top(w->stream, writer->top_count, writer->top), w->model_path);
        if (status != STATUS_OK) {
            return end_watch(w, status);
        }
    }
    watch_status_clear(&w->status_line);
    w->status_line.windows++;
    if (w->timeline != NULL) {
        timeline_add(w->timeline, 1e-6 * (double)window->times_us[0],
                     1e-6 * (double)window->times_us[window->frame_count - 1],
                     window->probabilities);
    }
    /* Why the output fails is said at its end. */
    bool done = windows_write(writer, window);
    return (events_add(&w->events, window) && done) || end_watch(w, STATUS_OK);
}

/* Writes all windows that are ready. */
static bool write_windows(watch *w) {
    dp_window window;
    dp_window_default(&window);
    for (;;) {
        dp_status status = dp_stream_next(w->stream, 0, &window);
        if (status == DP_ERR_NUMERIC) { /* of one window, which is one line less */
            watch_status_clear(&w->status_line);
            complain("warning", "%s", dp_last_message());
        } else if (status != DP_OK) {
            watch_status_clear(&w->status_line);
            return end_watch(w, check_status(status, w->input_path));
        } else if (!window.ready) {
            return true;
        } else if (!write_window(w, &window)) {
            return false;
        }
    }
}

/* Time does not go back, whatever a file says. */
static bool push_frame(watch *w, const frame_list *list) {
    double second = list->seconds[list->count - 1];
    bool timed = !isnan(second);
    const char *needs = w->options->sample_fps > 0 ? "--sample-fps"
                        : w->events.events != NULL ? "events"
                        : w->timeline != NULL      ? "--timeline"
                                                   : NULL;
    if (!timed && needs != NULL) {
        complain(w->input_path, "does not say when its frames are shown, which %s needs", needs);
        return end_watch(w, STATUS_ERROR);
    }
    int64_t time_us = timed ? to_microseconds(second) : 0;
    w->last_us = list->seen > 0 && time_us < w->last_us ? w->last_us : time_us;
    w->writer.timed = timed;
    dp_status status = dp_stream_push(w->stream, &list->frames[list->count - 1], w->last_us);
    return status == DP_OK || end_watch(w, check_status(status, w->input_path));
}

/* A picture of the timeline is what the model sees of a frame. */
static void take_picture(watch *w, const dp_frame *frame) {
    const float *image = NULL;
    dp_clip clip;
    double second = 1e-6 * (double)w->last_us;
    if (w->timeline == NULL || !timeline_wants_picture(w->timeline, second)) {
        return;
    }
    dp_clip_default(&clip);
    clip.frames = frame;
    clip.frame_count = 1;
    clip.crops = 1;
    if (dp_session_preprocess_view(w->engine->session, &clip, 0, 0, &image, NULL) == DP_OK) {
        timeline_add_picture(w->timeline, second, image);
    }
}

static frame_fate take(void *user, const frame_list *list) {
    watch *w = user;
    if (!push_frame(w, list) || !write_windows(w)) {
        return FRAME_ENDS;
    }
    take_picture(w, &list->frames[list->count - 1]);
    watch_status_show(&w->status_line, w->writer.timed ? 1e-6 * (double)w->last_us : NAN);
    return FRAME_GOES;
}

/* ---- what is there before the first frame ---- */

static int open_stream(watch *w, uint64_t *bytes) {
    const watch_options *o = w->options;
    dp_stream_options options;
    size_t size = 0;
    dp_stream_options_default(&options);
    options.hop = o->hop;
    options.rate = o->rate;
    options.sample_fps = o->sample_fps;
    dp_status status = dp_stream_size(w->engine->model, &options, &size);
    if (status == DP_OK) {
        status = dp_stream_create(w->engine->session, &options, &w->stream);
    }
    *bytes = size;
    return check_status(status, w->model_path);
}

static int open_writer(watch *w) {
    const watch_options *o = w->options;
    window_writer *writer = &w->writer;
    int32_t wanted = o->top > 0 ? o->top : o->json ? 5 : 1;
    int32_t classes = w->engine->info.classes;
    if (classes == 0 && (!o->json || o->csv != NULL)) {
        complain(w->model_path, "has no classes; --json alone prints its features");
        return STATUS_ERROR;
    }
    writer->print = o->events.print == 0;
    writer->json = o->json != 0;
    writer->top_count = wanted < classes ? wanted : classes;
    writer->top = calloc((size_t)writer->top_count + 1, sizeof *writer->top);
    if (writer->top == NULL) {
        complain("--top", "out of memory");
        return STATUS_ERROR;
    }
    if (o->csv != NULL) {
        writer->csv = output_begin("--csv", o->csv);
        if (writer->csv == NULL) {
            return STATUS_ERROR;
        }
        windows_begin_csv(writer);
    }
    return STATUS_OK;
}

static int open_timeline(watch *w) {
    if (w->options->timeline == NULL) {
        return STATUS_OK;
    }
    if (w->engine->info.classes == 0) {
        complain(w->model_path, "has no classes that --timeline could show");
        return STATUS_ERROR;
    }
    w->timeline = timeline_create(w->engine->model, &w->engine->info);
    if (w->timeline == NULL) {
        complain("--timeline", "out of memory");
        return STATUS_ERROR;
    }
    if (w->options->engine.image_by_image) {
        complain("warning", "--timeline has no pictures with --image-by-image");
    }
    w->picture = output_begin("--timeline", w->options->timeline);
    return w->picture != NULL ? STATUS_OK : STATUS_ERROR;
}

/* ---- all of it ---- */

static int watch_input(watch *w, uint64_t stream_bytes) {
    frame_list frames;
    frame_list_init(&frames, DEFAULT_FRAME_BYTES);
    engine_limit_frames(w->engine, &w->options->engine, stream_bytes, &frames);
    frames.stopped = interrupted;
    frames.taker = (frame_taker){.user = w, .take = take};
    int status = input_read(&frames, w->input_path, &w->options->frames);
    frame_list_free(&frames);
    if (status == STATUS_OK && check_status(dp_stream_finish(w->stream), w->input_path) == 0) {
        (void)(write_windows(w) && events_end(&w->events));
    }
    if (w->ended) {
        return w->status;
    }
    return status;
}

static int run(watch *w) {
    uint64_t bytes = 0;
    int status = engine_start(w->engine, w->model_path, &w->options->engine);
    if (status == STATUS_OK) {
        status = open_stream(w, &bytes);
    }
    if (status == STATUS_OK) {
        status = open_writer(w);
    }
    if (status == STATUS_OK) {
        status = events_open(&w->events, w->engine, &w->options->events, w->options->json != 0,
                             w->model_path);
    }
    if (status == STATUS_OK) {
        status = open_timeline(w);
    }
    if (status == STATUS_OK) {
        w->engine->progress.enabled = false; /* the status line stands there */
        watch_status_start(&w->status_line, w->options->engine.quiet != 0);
        status = watch_input(w, bytes);
        watch_status_clear(&w->status_line);
    }
    return interrupted() ? STATUS_INTERRUPTED : status;
}

/* What was written stays, however it ended. A failure before the first window leaves what was
 * there. */
static int close_csv(watch *w, int status) {
    if (w->writer.csv == NULL) {
        return status;
    }
    if (status != STATUS_OK && w->status_line.windows == 0) {
        output_drop(w->writer.csv);
        return status;
    }
    return output_end(w->writer.csv) || status != STATUS_OK ? status : STATUS_ERROR;
}

/* The same for subtitles, and for the timeline of the windows that there were. */
static int close_pictures(watch *w, int status) {
    bool none = w->status_line.windows == 0;
    (void)events_end(&w->events); /* what goes on where it ended early is over there */
    int closed = events_close(&w->events, status != STATUS_OK && none);
    if (w->picture != NULL && status != STATUS_OK && none) {
        output_drop(w->picture);
    } else if (w->picture != NULL) {
        int drawn = timeline_write(w->timeline, w->picture);
        closed = closed != STATUS_OK ? closed : drawn;
    }
    timeline_destroy(w->timeline);
    return status != STATUS_OK ? status : closed;
}

int command_watch(int count, char **arguments) {
    watch_options options;
    const char *paths[2] = {NULL, NULL};
    int status = parse(count, arguments, &options, paths);
    if (status != STATUS_OK) {
        return status;
    }
    engine e = {0};
    watch w = {.engine = &e, .options = &options, .model_path = paths[0], .input_path = paths[1]};
    status = run(&w);
    status = close_csv(&w, status);
    status = close_pictures(&w, status);
    free(w.writer.top);
    dp_stream_destroy(w.stream);
    engine_close(&e);
    return status;
}
