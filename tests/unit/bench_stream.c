/*
 * No test: what a window of a stream costs beside a clip of the same frames, in turns, and then how
 * even its pushes are.
 *
 *     bench_stream MODEL [precision [hop [threads [windows [pushes]]]]]
 *
 * On a machine that others use, a push may be slow because a thread had to wait for its processor.
 * So there are also the multiply-adds of each push, and the processor time of all threads together,
 * in which a thread that waits for another one counts, too.
 */
#define _POSIX_C_SOURCE 200809L
#include "api/stream.h"
#include "api_support.h"
#include "os/clock.h"

#include <stdio.h>
#include <time.h>

#define SIDE 256     /* of a frame */
#define LOOP 64      /* frames that pushes go through again and again */
#define MAX_KINDS 16 /* different numbers of multiply-adds */

typedef struct push {
    double ms, cpu_ms;
    int64_t macs;
} push;

typedef struct bench {
    dp_model *model;
    dp_session *clips, *session;
    dp_stream *stream;
    test_clip film;
    size_t frames, hop, windows, pushes;
} bench;

static size_t argument(int count, char **arguments, int i, size_t otherwise) {
    return count > i ? (size_t)strtoul(arguments[i], NULL, 10) : otherwise;
}

static void open_bench(bench *b, int count, char **arguments) {
    dp_model_options options;
    dp_session_options session_options;
    dp_stream_options stream_options;
    dp_model_info info;
    dp_model_options_default(&options);
    dp_session_options_default(&session_options);
    dp_stream_options_default(&stream_options);
    dp_model_info_default(&info);
    options.precision = dp_precision_from_name(count > 2 ? arguments[2] : "f32");
    session_options.threads = (int32_t)argument(count, arguments, 4, 0);
    stream_options.hop = (int32_t)argument(count, arguments, 3, 2);
    stream_options.rate = 1;
    (void)dp_model_open(arguments[1], &options, &b->model);
    (void)dp_session_create(must(b->model, arguments[1]), &session_options, &b->clips);
    (void)dp_session_create(b->model, &session_options, &b->session);
    (void)dp_stream_create(must(b->session, "a session"), &stream_options, &b->stream);
    must(b->stream, "a stream");
    (void)dp_model_get_info(b->model, &info);
    b->frames = (size_t)info.frames;
    b->hop = (size_t)stream_options.hop;
    b->windows = argument(count, arguments, 5, 30);
    b->pushes = argument(count, arguments, 6, 1000);
    b->film = make_clip(b->frames + b->windows * b->hop + LOOP, SIDE, SIDE);
}

/* ---- one push ---- */

static double cpu_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static push push_frame(bench *b, size_t i) {
    dp_window window;
    int64_t before = b->stream->macs;
    double cpu_before = cpu_ms();
    double since = dpi_clock_ms();
    dp_window_default(&window);
    (void)dp_stream_push(b->stream, &b->film.frames[i], (int64_t)i);
    (void)dp_stream_next(b->stream, 0, &window);
    push done = {.ms = dpi_clock_restart(&since)};
    done.cpu_ms = cpu_ms() - cpu_before;
    done.macs = (window.ready ? window.macs : b->stream->macs) - before;
    return done;
}

/* ---- beside a clip ---- */

static double time_clip(bench *b, size_t first) {
    dp_clip clip = b->film.clip;
    dp_result result;
    double since = dpi_clock_ms();
    dp_result_default(&result);
    clip.frames += first;
    clip.frame_count = b->frames;
    clip.sampling = DP_SAMPLING_GIVEN;
    (void)dp_classify_clip(b->clips, &clip, &result);
    return dpi_clock_restart(&since);
}

static void compare_with_clips(bench *b) {
    double clip_ms = 0.0, stream_ms = 0.0;
    for (size_t i = 0; i < b->frames; i++) {
        (void)push_frame(b, i);
    }
    (void)time_clip(b, 0);
    for (size_t w = 0; w < b->windows; w++) {
        for (size_t i = 0; i < b->hop; i++) {
            stream_ms += push_frame(b, b->frames + w * b->hop + i).ms;
        }
        clip_ms += time_clip(b, (w + 1) * b->hop);
    }
    printf("a clip %.1f ms, a window %.1f ms: %.2f times\n", clip_ms / (double)b->windows,
           stream_ms / (double)b->windows, clip_ms / stream_ms);
}

/* ---- how even pushes are ---- */

static int compare_numbers(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Of `count` > 0 numbers, which it sorts. */
static void print_spread(const char *name, double *numbers, size_t count, double mean) {
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    printf("%-22s %5zu  median %8.3f  p99 %8.3f  most %8.3f, %.2f times the mean\n", name, count,
           numbers[count / 2], numbers[count * 99 / 100], numbers[count - 1],
           numbers[count - 1] / mean);
}

static double mean_of(const double *numbers, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += numbers[i];
    }
    return sum / (double)count;
}

static double ms_of(const push *done) {
    return done->ms;
}

static double cpu_ms_of(const push *done) {
    return done->cpu_ms;
}

static double giga_macs_of(const push *done) {
    return 1e-9 * (double)done->macs;
}

/* Of pushes with so many multiply-adds; 0: of all that compute. */
static size_t gather(const push *all, size_t count, int64_t macs, double (*number_of)(const push *),
                     double *numbers) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (macs == 0 ? all[i].macs > 0 : all[i].macs == macs) {
            numbers[found++] = number_of(&all[i]);
        }
    }
    return found;
}

static size_t find_kinds(const push *all, size_t count, int64_t kinds[MAX_KINDS]) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < found && kinds[k] != all[i].macs) {
            k++;
        }
        if (k == found && found < MAX_KINDS && all[i].macs > 0) {
            kinds[found++] = all[i].macs;
        }
    }
    return found;
}

static void print_pushes(const push *all, size_t count, double *numbers) {
    static const struct {
        const char *name;
        double (*number_of)(const push *);
    } columns[] = {
        {"1e9 multiply-adds", giga_macs_of}, {"ms", ms_of}, {"ms of processors", cpu_ms_of}};
    int64_t kinds[MAX_KINDS];
    size_t kind_count = find_kinds(all, count, kinds);
    for (size_t c = 0; c < sizeof columns / sizeof columns[0] && kind_count > 0; c++) {
        size_t found = gather(all, count, 0, columns[c].number_of, numbers);
        double mean = mean_of(numbers, found);
        print_spread(columns[c].name, numbers, found, mean);
        for (size_t k = 0; c > 0 && k < kind_count; k++) {
            char name[64];
            snprintf(name, sizeof name, "  of %.3f", 1e-9 * (double)kinds[k]);
            found = gather(all, count, kinds[k], columns[c].number_of, numbers);
            print_spread(name, numbers, found, mean);
        }
    }
}

static void measure_pushes(bench *b) {
    push *all = must(calloc(b->pushes + 1, sizeof *all), "pushes");
    double *numbers = must(calloc(b->pushes + 1, sizeof *numbers), "numbers");
    (void)dp_stream_reset(b->stream);
    for (size_t i = 0; i < b->frames + b->pushes; i++) {
        push done = push_frame(b, i % LOOP);
        if (i >= b->frames) {
            all[i - b->frames] = done;
        }
    }
    print_pushes(all, b->pushes, numbers);
    free(all);
    free(numbers);
}

int main(int count, char **arguments) {
    bench b = {0};
    if (count < 2) {
        fprintf(stderr, "bench_stream MODEL [precision [hop [threads [windows [pushes]]]]]\n");
        return 2;
    }
    open_bench(&b, count, arguments);
    if (b.windows > 0) {
        compare_with_clips(&b);
    }
    if (b.pushes > 0) {
        measure_pushes(&b);
    }
    dp_stream_destroy(b.stream);
    dp_session_destroy(b.session);
    dp_session_destroy(b.clips);
    dp_model_close(b.model);
    free_clip(&b.film);
    return 0;
}
