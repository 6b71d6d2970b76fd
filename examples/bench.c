/*
 * bench.c - `dualpath bench`: how fast a model is here, and how near to what the processor can do.
 *
 * Clips and the register-only peak loop take turns, so that a processor that changes its clock
 * changes it for both.
 */
#define _POSIX_C_SOURCE 200809L
#define DP_EXPERIMENTAL /* dp_session_peak() */
#include "cli.h"

#include <stdlib.h>

#define MAX_RUNS 1000
#define PEAK_MS 200
#define NOISE_BYTES                                                              \
    (UINT64_C(64) << 30) /* the largest clip that a model can ask for takes less \
                          */

const char bench_help[] =
    "Usage: dualpath bench MODEL [OPTION]...\n"
    "\n"
    "Times the model on a clip of noise, in turns with a loop of multiply-adds in registers only,\n"
    "and prints medians and spread.\n"
    "\n"
    "  --runs N       clips to time after one to warm up, 1 to 1000 (default 7)\n"
    "  --backbone B   MODEL is a task of this model\n"
    "  --json         print one JSON object on one line\n"
    "  --threads N    threads to compute with, 1 to 256 (default: as many as this\n"
    "                 process may run at once)\n"
    "  --cpu SET      highest instruction set to use: auto (default), amx, avx512-vnni,\n"
    "                 avx512, avx2-vnni, avx2; neon-i8mm, neon-dot, neon; c\n"
    "  --precision P  numbers to multiply in: f32 (default; a compiled file has its own), bf16,\n"
    "                 int8, auto\n"
    "  --image-by-image\n"
    "                 hold one image of a clip in memory at a time, slower\n"
    "  --unfused      compute the formulas one by one, slower\n"
    "  --verify       check the model's checksums before using it\n"
    "  --quiet        no progress bar\n"
    "  -h, --help     this text\n"
    "\n"
    "Exit status: 0 success; 1 the model cannot be used; 2 wrong command line; 130 interrupted.\n";

typedef enum measure {
    CLIP_MS,
    FRAMES_MS,
    PATCHES_MS,
    BLOCKS_MS,
    HEAD_MS,
    PEAK_GOPS,
    MEASURES
} measure;

/* Of each measure, one number for each run. */
typedef struct samples {
    double values[MEASURES][MAX_RUNS];
    int32_t runs;
    int64_t macs;
} samples;

typedef struct spread {
    double median, low, high;
} spread;

static int compare_doubles(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static spread spread_of(samples *s, measure m) {
    double *values = s->values[m];
    size_t count = (size_t)s->runs;
    qsort(values, count, sizeof *values, compare_doubles);
    return (spread){.median = (values[(count - 1) / 2] + values[count / 2]) / 2,
                    .low = values[0],
                    .high = values[count - 1]};
}

/* Exactly the frames of one view, R x R, from a fixed generator. */
static bool make_noise(frame_list *frames, const dp_model_info *info) {
    dp_frame shape;
    uint64_t size =
        dp_frame_init_packed(&shape, DP_FORMAT_RGB24, NULL, info->input_size, info->input_size);
    uint32_t state = 1;
    if (!frame_list_expect(frames, &shape, (size_t)info->frames)) {
        return false;
    }
    for (int32_t i = 0; i < info->frames; i++) {
        uint8_t *pixels = frame_list_add(frames, &shape);
        if (pixels == NULL) {
            return false;
        }
        for (uint64_t at = 0; at < size; at++) {
            state = state * 1664525U + 1013904223U;
            pixels[at] = (uint8_t)(state >> 24);
        }
    }
    return true;
}

static dp_status run_clip(engine *e, const frame_list *frames, dp_result *result) {
    dp_clip clip;
    dp_clip_default(&clip);
    dp_result_default(result);
    clip.frames = frames->frames;
    clip.frame_count = frames->count;
    clip.sampling = DP_SAMPLING_GIVEN;
    clip.crops = 1;
    return dp_classify_clip(e->session, &clip, result);
}

static dp_status run_once(engine *e, const frame_list *frames, samples *s, int32_t run) {
    dp_result result;
    dp_status status = dp_session_peak(e->session, PEAK_MS, &s->values[PEAK_GOPS][run]);
    if (status != DP_OK) {
        return status;
    }
    double start = now_ms();
    status = run_clip(e, frames, &result);
    s->values[CLIP_MS][run] = now_ms() - start;
    s->values[FRAMES_MS][run] = result.timings.frames_ms;
    s->values[PATCHES_MS][run] = result.timings.patches_ms;
    s->values[BLOCKS_MS][run] = result.timings.blocks_ms;
    s->values[HEAD_MS][run] = result.timings.head_ms;
    s->macs = result.macs;
    return status;
}

/* The first run warms up: the next one overwrites it. */
static int run_all(engine *e, const frame_list *frames, samples *s, const char *path, bool quiet) {
    dp_status status = DP_OK;
    progress_start(&e->progress, quiet);
    e->progress.share = 1.0 / (s->runs + 1);
    for (int32_t run = -1; run < s->runs && status == DP_OK && !interrupted(); run++) {
        e->progress.before = (run + 1) * e->progress.share;
        status = run_once(e, frames, s, run < 0 ? 0 : run);
    }
    int result = engine_check(e, status, path);
    return interrupted() ? STATUS_INTERRUPTED : result;
}

static double gops_of(const samples *s, double clip_ms) {
    return 2e-6 * (double)s->macs / clip_ms;
}

static void print_row(const char *name, spread value, const char *unit) {
    printf("%-10s %10.2f %10.2f %10.2f  %s\n", name, value.median, value.low, value.high, unit);
}

static void print_bench(samples *s, const engine *e, int32_t threads) {
    spread clip = spread_of(s, CLIP_MS), peak = spread_of(s, PEAK_GOPS);
    spread gops = {gops_of(s, clip.median), gops_of(s, clip.high), gops_of(s, clip.low)};
    print_text(stdout, e->info.description);
    printf("\n%s, %s, %d thread%s, %d run%s of %.3f G multiply-adds\n\n",
           dp_precision_name(e->info.precision), e->info.kernels, threads, threads == 1 ? "" : "s",
           s->runs, s->runs == 1 ? "" : "s", 1e-9 * (double)s->macs);
    printf("%-10s %10s %10s %10s\n", "", "median", "min", "max");
    print_row("clip", clip, "ms");
    print_row("  frames", spread_of(s, FRAMES_MS), "ms");
    print_row("  patches", spread_of(s, PATCHES_MS), "ms");
    print_row("  blocks", spread_of(s, BLOCKS_MS), "ms");
    print_row("  head", spread_of(s, HEAD_MS), "ms");
    print_row("speed", gops, "Gop/s");
    print_row("peak", peak, "Gop/s");
    printf("%-10s %10.3f\n", "ratio", gops.median / peak.median);
}

static void json_median(json *j, const char *key, samples *s, measure m) {
    json_key(j, key);
    json_number(j, spread_of(s, m).median);
}

static void json_bench(samples *s, const engine *e, int32_t threads, const char *path) {
    json j = {stdout, false};
    spread clip = spread_of(s, CLIP_MS), peak = spread_of(s, PEAK_GOPS);
    json_open(&j, '{');
    json_key(&j, "model");
    json_string(&j, path);
    json_key(&j, "clip_ms");
    json_number(&j, clip.median);
    json_key(&j, "clip_ms_min");
    json_number(&j, clip.low);
    json_key(&j, "clip_ms_max");
    json_number(&j, clip.high);
    json_key(&j, "macs");
    json_integer(&j, s->macs);
    json_key(&j, "gops");
    json_number(&j, gops_of(s, clip.median));
    json_key(&j, "peak_gops");
    json_number(&j, peak.median);
    json_key(&j, "peak_ratio");
    json_number(&j, gops_of(s, clip.median) / peak.median);
    json_key(&j, "threads");
    json_integer(&j, threads);
    json_key(&j, "precision");
    json_string(&j, dp_precision_name(e->info.precision));
    json_key(&j, "kernels");
    json_string(&j, e->info.kernels);
    json_key(&j, "runs");
    json_integer(&j, s->runs);
    json_key(&j, "stages");
    json_open(&j, '{');
    json_median(&j, "frames_ms", s, FRAMES_MS);
    json_median(&j, "patches_ms", s, PATCHES_MS);
    json_median(&j, "blocks_ms", s, BLOCKS_MS);
    json_median(&j, "head_ms", s, HEAD_MS);
    json_close(&j, '}');
    json_close(&j, '}');
    putchar('\n');
}

static int measure_model(engine *e, const engine_options *options, samples *s, const char *path) {
    frame_list frames;
    frame_list_init(&frames, NOISE_BYTES);
    int status = engine_start(e, path, options);
    if (status == STATUS_OK && !make_noise(&frames, &e->info)) {
        complain(path, "%s", frames.message);
        status = STATUS_ERROR;
    }
    if (status == STATUS_OK) {
        status = run_all(e, &frames, s, path, options->quiet != 0);
    }
    frame_list_free(&frames);
    return status;
}

int command_bench(int count, char **arguments) {
    static samples s;
    s.runs = 7;
    engine_options o = {.cpu = -1};
    int32_t as_json = 0;
    const option options[] = {
        ENGINE_OPTIONS(&o),
        NUMBER_OPTION("--runs", &s.runs, 1, MAX_RUNS),
        FLAG_OPTION("--json", &as_json),
        NO_MORE_OPTIONS,
    };
    static const char *const names[] = {"MODEL", NULL};
    const char *path = NULL;
    int status = parse_arguments(count, arguments, options, names, &path);
    if (status != STATUS_OK) {
        return status;
    }
    engine e;
    status = measure_model(&e, &o, &s, path);
    if (status == STATUS_OK && as_json) {
        json_bench(&s, &e, dp_session_threads(e.session), path);
    } else if (status == STATUS_OK) {
        print_bench(&s, &e, dp_session_threads(e.session));
    }
    engine_close(&e);
    return status;
}
