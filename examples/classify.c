/*
 * classify.c - `dualpath classify`: what happens in a clip.
 */
#define _POSIX_C_SOURCE 200809L
#include "classify.h"
#include "cli.h"
#include "selection.h"
#include "sheet.h"

#include <stdlib.h>
#include <unistd.h>

const char classify_help[] =
    "Usage: dualpath classify MODEL INPUT [OPTION]...\n"
    "\n"
    "INPUT is a video file, which ffmpeg decodes if there is one; or without that: a .y4m file, a\n"
    "directory of PNG frames (of JPEG frames with ffmpeg), a NumPy .npy array of bytes\n"
    "[frames][height][width][3], raw frames with --size, or - for Y4M, NumPy or raw frames on\n"
    "standard input.\n"
    "\n"
    "  --backbone B       MODEL is a task of this model\n"
    "  --sampling WHICH   the frames a view takes: as the model says (model, default), center,\n"
    "                     first, uniform, interval, spread, segments, or given, which takes the\n"
    "                     frames as they are and needs exactly as many as the model\n"
    "  --rate N           take every N-th frame (default: the model's)\n"
    "  --views N          views in time, 1 to 256; their answers are averaged (default: the "
    "model's)\n"
    "  --crops N          square crops along the longer side, 1 to 64; averaged (default: the "
    "model's)\n"
    "  --top K            how many classes to print (default 5)\n"
    "  --sheet FILE       write a contact sheet as PNG: the frames that both paths see (of the "
    "first\n"
    "                     view and crop) and the classes that are printed\n"
    "  --attention FILE   write such a sheet of the last view and crop, with what the model "
    "attends to\n"
    "                     laid over the frames\n"
    "  --attention-of W   of the last block (last, default), or followed through all (rollout)\n"
    "  --features         print both features as well\n"
    "  --json             print one JSON object on one line, also which frames were used, when\n"
    "                     they are shown, and what was guessed of the input\n"
    "  --size WxH         INPUT is raw frames of this size\n"
    "  --format F         of raw frames: rgb24 (default), bgr24, rgba, bgra, gray8, nv12, i420\n"
    "  --color C          of Y4M, nv12, i420 and video files: bt601-limited, bt601-full,\n"
    "                     bt709-limited, bt709-full, bt2020-limited, bt2020-full (default: what\n"
    "                     the file says, else BT.709 from 1280 columns or 577 rows on, else "
    "BT.601,\n"
    "                     of limited range)\n"
    "  --rotate DEGREES   turn the frames clockwise to be upright: 0, 90, 180, 270 (default: what\n"
    "                     the file says, else 0)\n"
    "  --mirror           mirror them left to right before (without --rotate, and without what "
    "the\n"
    "                     file says)\n"
    "  --aspect W:H       shape of a stored pixel, width to height (default: what the file says,\n"
    "                     else 1:1)\n"
    "  --max-memory N     take no more than N bytes for model, session and frames together; K, M, "
    "G, T\n"
    "                     may follow (default: 8G for frames, the rest by what it needs)\n"
    "  --threads N        threads to compute with, 1 to 256 (default: as many as can run)\n"
    "  --cpu SET          highest instruction set to use: auto (default), amx, avx512-vnni,\n"
    "                     avx512, avx2-vnni, avx2; neon-i8mm, neon-dot, neon; c\n"
    "  --precision P      numbers to multiply in: f32 (default; a compiled file has its own), "
    "bf16,\n"
    "                     int8, auto\n"
    "  --image-by-image   hold one image of a clip in memory at a time: slower, the same answer\n"
    "  --unfused          compute the formulas one by one, slower; for tests\n"
    "  --verify           check the model's checksums before using it\n"
    "  --quiet            no progress bar\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status: 0 success; 1 a model, a file or frames cannot be used; 2 wrong command line;\n"
    "130 interrupted.\n";

typedef struct classify_options {
    engine_options engine;
    frame_options frames;
    int32_t sampling, rate, views, crops;
    int32_t top, features, json;
    const char *sheet, *attention; /* or NULL */
} classify_options;

static const choice attention_kinds[] = {
    {"last", DP_ATTENTION_LAST}, {"rollout", DP_ATTENTION_ROLLOUT}, {NULL, 0}};

static int parse(int count, char **arguments, classify_options *o, const char *paths[2]) {
    *o = (classify_options){.engine = {.cpu = -1}, .frames = DEFAULT_FRAME_OPTIONS, .top = 5};
    const option options[] = {
        ENGINE_OPTIONS(&o->engine),
        NAME_OPTION("--sampling", &o->sampling, DP_SAMPLING_MODEL, dp_sampling_name),
        NUMBER_OPTION("--rate", &o->rate, 1, 65536),
        NUMBER_OPTION("--views", &o->views, 1, DP_MAX_VIEWS),
        NUMBER_OPTION("--crops", &o->crops, 1, DP_MAX_CROPS),
        NUMBER_OPTION("--top", &o->top, 1, 1000000),
        FILE_OPTION("--sheet", &o->sheet),
        FILE_OPTION("--attention", &o->attention),
        CHOICE_OPTION("--attention-of", &o->engine.attention, attention_kinds),
        FLAG_OPTION("--features", &o->features),
        FLAG_OPTION("--json", &o->json),
        FRAME_OPTIONS(&o->frames),
        NO_MORE_OPTIONS,
    };
    static const char *const names[] = {"MODEL", INPUT_NAME, NULL};
    int status = parse_arguments(count, arguments, options, names, paths);
    if (o->attention == NULL) {
        o->engine.attention = DP_ATTENTION_NONE;
    } else if (o->engine.attention == DP_ATTENTION_NONE) {
        o->engine.attention = DP_ATTENTION_LAST;
    }
    return status;
}

static int label_width(const dp_prediction *p) {
    char unnamed[32];
    return p->label[0] != '\0' ? text_width(p->label)
                               : snprintf(unnamed, sizeof unnamed, "class %d", p->index);
}

static void print_top(const dp_prediction *top, int32_t count) {
    bool bars = isatty(STDOUT_FILENO);
    int width = 0;
    for (int32_t i = 0; i < count; i++) {
        int own = label_width(&top[i]);
        width = own > width ? own : width;
    }
    for (int32_t i = 0; i < count; i++) {
        double percent = 100 * (double)top[i].probability;
        print_label(stdout, &top[i]);
        printf("%*s  %6.2f %%", width - label_width(&top[i]), "", percent);
        for (int dot = 0; bars && dot < (int)(percent * 0.4 + 0.5); dot++) {
            printf("%s#", dot == 0 ? "  " : "");
        }
        putchar('\n');
    }
}

static void print_values(const char *name, const float *values, int32_t count) {
    printf("%s", name);
    for (int32_t i = 0; i < count; i++) {
        printf(" %.9g", (double)values[i]);
    }
    putchar('\n');
}

static void print_report(const report *r) {
    print_top(r->top, r->top_count);
    if (r->features || r->result.classes == 0) {
        print_values("feature_temporal", r->result.feature_temporal, r->result.feature_size);
        print_values("feature_spatial", r->result.feature_spatial, r->result.feature_size);
    }
}

/* Fills r->top with the likeliest classes; none for a model without a head. */
static int find_top(engine *e, report *r, int32_t wanted) {
    r->top_count = wanted < r->result.classes ? wanted : r->result.classes;
    if (r->top_count == 0) {
        return STATUS_OK;
    }
    r->top = calloc((size_t)r->top_count, sizeof *r->top);
    if (r->top == NULL) {
        complain("--top", "out of memory");
        return STATUS_ERROR;
    }
    return engine_check(e, dp_session_top(e->session, r->top_count, r->top), r->model_path);
}

/* Before anything is printed: there is no way back then. */
static int allocate_indices(const engine *e, report *r) {
    r->indices = calloc((size_t)e->info.frames, sizeof *r->indices);
    if (r->indices == NULL) {
        complain("--json", "out of memory");
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

/* How the clip is sampled, all but its frames. Nothing is left to the model. */
static dp_clip clip_of(const classify_options *o, const dp_model_info *info) {
    dp_clip clip;
    dp_clip_default(&clip);
    clip.sampling = o->sampling != DP_SAMPLING_MODEL ? o->sampling : info->sampling;
    clip.rate = o->rate;
    bool one_view = clip.sampling == DP_SAMPLING_GIVEN || clip.sampling == DP_SAMPLING_SEGMENTS;
    clip.views = o->views > 0 ? o->views : one_view ? 1 : info->views;
    clip.crops = o->crops > 0 ? o->crops : info->crops;
    return clip;
}

/* The answer is printed even where they cannot be written. */
static int write_sheets(engine *e, const dp_clip *clip, const classify_options *o,
                        const report *r) {
    heat found = {{NULL, NULL}, 0};
    sheet s = {.top = r->top, .count = r->top_count, .subject = "--attention"};
    int status = STATUS_OK;
    if (o->attention != NULL) {
        status = heat_take(e, &found);
        s.heat = &found;
        status = status == STATUS_OK ? sheet_write(e, clip, &s, o->attention) : status;
        heat_free(&found);
    }
    if (o->sheet != NULL && status == STATUS_OK) {
        s = (sheet){.top = r->top, .count = r->top_count, .subject = "--sheet"};
        status = sheet_write(e, clip, &s, o->sheet);
    }
    return status;
}

static int classify(engine *e, const frame_list *frames, const classify_options *o, report *r) {
    if (o->sampling == DP_SAMPLING_GIVEN && frames->count != (size_t)e->info.frames) {
        complain(r->input_path, "holds %zu frames; --sampling given takes exactly the model's %d",
                 frames->count, e->info.frames);
        return STATUS_ERROR;
    }
    dp_clip *clip = &r->clip;
    clip->frames = frames->frames;
    clip->frame_count = frames->count;
    dp_result_default(&r->result);
    progress_start(&e->progress, o->engine.quiet);
    int status = engine_check(e, dp_classify_clip(e->session, clip, &r->result), r->input_path);
    if (status == STATUS_OK) {
        status = find_top(e, r, o->top);
    }
    if (status == STATUS_OK && o->json) {
        status = allocate_indices(e, r);
    }
    if (status == STATUS_OK) {
        r->sheet_status = write_sheets(e, clip, o, r);
    }
    return status;
}

/* Of the input only those frames stay that the clip needs. */
static int read_clip(const engine *e, frame_list *frames, const classify_options *o, report *r) {
    double start = now_ms();
    selection selected;
    selection_init(&selected, e->model, &r->clip);
    frames->taker = selection_taker(&selected);
    int status = input_read(frames, r->input_path, &o->frames);
    selection_free(&selected);
    r->read_ms = now_ms() - start;
    return status;
}

/* The model comes first: a wrong one should not wait for all of a pipe. */
static int run(const classify_options *o, engine *e, frame_list *frames, report *r) {
    int status = engine_start(e, r->model_path, &o->engine);
    r->open_ms = e->start_ms;
    if (status == STATUS_OK) {
        r->clip = clip_of(o, &e->info);
        engine_limit_frames(e, &o->engine, 0, frames);
        status = read_clip(e, frames, o, r);
    }
    return status == STATUS_OK ? classify(e, frames, o, r) : status;
}

int command_classify(int count, char **arguments) {
    classify_options options;
    const char *paths[2] = {NULL, NULL};
    int status = parse(count, arguments, &options, paths);
    if (status != STATUS_OK) {
        return status;
    }
    engine e = {0};
    frame_list frames;
    frame_list_init(&frames, DEFAULT_FRAME_BYTES);
    frames.stopped = interrupted;
    report r = {.model_path = paths[0],
                .input_path = paths[1],
                .frames = &frames,
                .features = options.features != 0};
    status = run(&options, &e, &frames, &r);
    if (status == STATUS_OK && options.json) {
        json_report(&r, &e);
    } else if (status == STATUS_OK) {
        print_report(&r);
    }
    status = status == STATUS_OK ? r.sheet_status : status;
    free(r.top);
    free(r.indices);
    frame_list_free(&frames);
    engine_close(&e);
    return status;
}
