/*
 * classify.c - prints the logits of 16 raw RGB frames of 32x32: classify model.gguf clip.rgb
 */
#include <dualpath.h>

#include <stdio.h>

enum { FRAMES = 16, SIDE = 32, FRAME_SIZE = SIDE * SIDE * 3 };

static uint8_t pixels[FRAMES * FRAME_SIZE];
static dp_frame frames[FRAMES];

int main(int argc, char **argv) {
    FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (file == NULL || fread(pixels, FRAME_SIZE, FRAMES, file) != FRAMES) {
        fprintf(stderr, "usage: classify MODEL FRAMES.rgb\n");
        return 2;
    }
    fclose(file);
    for (int i = 0; i < FRAMES; i++) {
        frames[i] = dp_frame_rgb24(pixels + i * FRAME_SIZE, SIDE, SIDE);
    }
    dp_model *model = NULL;
    dp_session *session = NULL;
    dp_clip clip;
    dp_result result;
    dp_clip_default(&clip);
    dp_result_default(&result);
    clip.frames = frames;
    clip.frame_count = FRAMES;
    clip.sampling = DP_SAMPLING_GIVEN;
    if (dp_model_open(argv[1], NULL, &model) != DP_OK ||
        dp_session_create(model, NULL, &session) != DP_OK ||
        dp_classify_clip(session, &clip, &result) != DP_OK) {
        fprintf(stderr, "%s\n", dp_last_message());
        return 1;
    }
    for (int32_t i = 0; i < result.classes; i++) {
        printf("%.9g\n", (double)result.logits[i]);
    }
    dp_session_destroy(session);
    dp_model_close(model);
    return 0;
}
