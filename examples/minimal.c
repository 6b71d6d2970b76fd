/*
 * minimal.c - the smallest useful program: the action in a file of raw RGB frames.
 *
 *     minimal model.gguf clip.rgb 320 240
 */
#include <dualpath.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_FRAMES = 256, MAX_SIDE = 1024 };

int main(int argc, char **argv) {
    static dp_frame frames[MAX_FRAMES];
    int width = argc == 5 ? atoi(argv[3]) : 0, height = argc == 5 ? atoi(argv[4]) : 0;
    bool sized = width > 0 && width <= MAX_SIDE && height > 0 && height <= MAX_SIDE;
    size_t size = sized ? (size_t)width * (size_t)height * 3 : 1;
    FILE *file = sized ? fopen(argv[2], "rb") : NULL;
    uint8_t *pixels = malloc(MAX_FRAMES * size);
    if (file == NULL || pixels == NULL) {
        fprintf(stderr, "usage: minimal MODEL FRAMES.rgb WIDTH HEIGHT\n");
        return 2;
    }
    dp_model *model = NULL;
    dp_session *session = NULL;
    dp_clip clip;
    dp_result result;
    dp_prediction top = {0};
    dp_clip_default(&clip);
    dp_result_default(&result);
    clip.frames = frames;
    clip.frame_count = fread(pixels, size, MAX_FRAMES, file);
    for (size_t i = 0; i < clip.frame_count; i++) {
        frames[i] = dp_frame_rgb24(pixels + i * size, width, height);
    }
    if (dp_model_open(argv[1], NULL, &model) != DP_OK ||
        dp_session_create(model, NULL, &session) != DP_OK) {
        fprintf(stderr, "%s\n", dp_last_message());
    } else if (dp_classify_clip(session, &clip, &result) != DP_OK ||
               dp_session_top(session, 1, &top) != DP_OK) {
        fprintf(stderr, "%s\n", dp_session_message(session));
    } else {
        printf("class %d %s %.1f %%\n", top.index, top.label, 100 * (double)top.probability);
    }
    dp_session_destroy(session);
    dp_model_close(model);
    free(pixels);
    fclose(file);
    return top.label == NULL;
}
