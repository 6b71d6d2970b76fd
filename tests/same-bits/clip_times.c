/*
 * Opens a model, and for each line that it reads classifies a clip of noise for a while and prints
 * how many milliseconds one took, of time and of processor time. Between lines it sleeps, so that
 * another version of the library can have its turn. It uses only the public interface.
 *
 *     clip_times PRECISION MODEL [BACKBONE]
 */
#define _POSIX_C_SOURCE 200809L
#include "dualpath.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_FRAMES = 64, WIDTH = 320, HEIGHT = 240, TURN_MS = 500 };

static uint8_t pixels[MAX_FRAMES][HEIGHT * WIDTH * 3];
static dp_frame frames[MAX_FRAMES];

static void draw_noise(void) {
    uint32_t state = 1;
    for (size_t t = 0; t < MAX_FRAMES; t++) {
        for (size_t i = 0; i < sizeof pixels[t]; i++) {
            state = state * 1664525u + 1013904223u;
            pixels[t][i] = (uint8_t)(state >> 24);
        }
        frames[t] = dp_frame_rgb24(pixels[t], WIDTH, HEIGHT);
    }
}

static double now_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static int32_t precision_of(const char *name) {
    return strcmp(name, "int8") == 0   ? DP_PRECISION_INT8
           : strcmp(name, "bf16") == 0 ? DP_PRECISION_BF16
                                       : DP_PRECISION_F32;
}

static dp_status open_model(const char *path, const char *backbone_path, int32_t precision,
                            dp_model **backbone, dp_model **model) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = precision;
    if (backbone_path == NULL) {
        return dp_model_open(path, &options, model);
    }
    options.as_backbone = 1;
    dp_status status = dp_model_open(backbone_path, &options, backbone);
    return status == DP_OK ? dp_model_open_task(*backbone, path, NULL, model) : status;
}

static dp_status classify_noise(dp_session *session) {
    dp_clip clip;
    dp_clip_default(&clip);
    clip.frames = frames;
    clip.frame_count = MAX_FRAMES;
    clip.sampling = DP_SAMPLING_UNIFORM;
    dp_result result;
    dp_result_default(&result);
    return dp_classify_clip(session, &clip, &result);
}

/* Clips for at least TURN_MS, and the mean times of one. */
static dp_status time_turn(dp_session *session, double *ms, double *processor_ms) {
    double start = now_ms(CLOCK_MONOTONIC), taken = 0;
    double processor_start = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    dp_status status = DP_OK;
    int clips = 0;
    while (status == DP_OK && taken < TURN_MS) {
        status = classify_noise(session);
        taken = now_ms(CLOCK_MONOTONIC) - start;
        clips++;
    }
    *ms = taken / clips;
    *processor_ms = (now_ms(CLOCK_PROCESS_CPUTIME_ID) - processor_start) / clips;
    return status;
}

static dp_status serve_turns(dp_session *session) {
    char line[16];
    dp_status status = classify_noise(session); /* warms up */
    printf("ready\n");
    fflush(stdout);
    while (status == DP_OK && fgets(line, sizeof line, stdin) != NULL) {
        double ms = 0, processor_ms = 0;
        status = time_turn(session, &ms, &processor_ms);
        printf("%.6f %.6f\n", ms, processor_ms);
        fflush(stdout);
    }
    return status;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: clip_times PRECISION MODEL [BACKBONE]\n");
        return EXIT_FAILURE;
    }
    draw_noise();
    dp_model *backbone = NULL, *model = NULL;
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 1;
    dp_status status =
        open_model(argv[2], argc > 3 ? argv[3] : NULL, precision_of(argv[1]), &backbone, &model);
    status = status == DP_OK ? dp_session_create(model, &options, &session) : status;
    if (status != DP_OK) {
        fprintf(stderr, "clip_times: %s: %s\n", argv[2], dp_last_message());
    } else {
        status = serve_turns(session);
    }
    dp_session_destroy(session);
    dp_model_close(model);
    dp_model_close(backbone);
    return status == DP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
