/*
 * Prints what models answer for a drawn clip, to the last bit, in every precision: two builds of
 * the library that should be the same print the same.
 *
 *     logits MODEL...
 */
#include "dualpath.h"

#include <stdio.h>
#include <stdlib.h>

enum { FRAMES = 40, WIDTH = 70, HEIGHT = 50 };

static uint8_t pixels[FRAMES][HEIGHT * WIDTH * 3];
static dp_frame frames[FRAMES];

static void draw_clip(void) {
    uint32_t state = 1;
    for (size_t t = 0; t < FRAMES; t++) {
        for (size_t i = 0; i < sizeof pixels[t]; i++) {
            state = state * 1664525u + 1013904223u;
            pixels[t][i] = (uint8_t)(i / 3 % WIDTH * 3 + 4 * t + (state >> 27));
        }
        frames[t] = dp_frame_rgb24(pixels[t], WIDTH, HEIGHT);
    }
}

static void print_numbers(const char *name, const float *numbers, int32_t count) {
    printf(" %s", name);
    for (int32_t i = 0; i < count; i++) {
        printf(" %a", (double)numbers[i]);
    }
    printf("\n");
}

static int classify(const char *path, const dp_model *model) {
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 1;
    dp_clip clip;
    dp_clip_default(&clip);
    clip.frames = frames;
    clip.frame_count = FRAMES;
    clip.sampling = DP_SAMPLING_UNIFORM;
    dp_result result;
    dp_result_default(&result);
    dp_model_info info;
    dp_model_info_default(&info);
    dp_status status = dp_model_get_info(model, &info);
    status = status == DP_OK ? dp_session_create(model, &options, &session) : status;
    status = status == DP_OK ? dp_classify_clip(session, &clip, &result) : status;
    if (status == DP_OK) {
        printf("%s %s %s\n", path, info.precision, info.kernels);
        print_numbers("temporal", result.feature_temporal, result.feature_size);
        print_numbers("spatial", result.feature_spatial, result.feature_size);
        print_numbers("logits", result.logits, result.logits != NULL ? result.classes : 0);
    }
    dp_session_destroy(session);
    return status == DP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    static const int32_t precisions[] = {DP_PRECISION_F32, DP_PRECISION_BF16, DP_PRECISION_INT8};
    draw_clip();
    int failed = argc < 2 ? EXIT_FAILURE : EXIT_SUCCESS;
    for (int i = 3; i < 3 * argc; i++) {
        dp_model *model = NULL;
        dp_model_options options;
        dp_model_options_default(&options);
        options.precision = precisions[i % 3];
        failed |= dp_model_open(argv[i / 3], &options, &model) == DP_OK
                      ? classify(argv[i / 3], model)
                      : EXIT_FAILURE;
        dp_model_close(model);
    }
    return failed;
}
