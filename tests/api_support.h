/*
 * What the tests of the public interface share: golden models, clips of random pixels, and answers
 * that can be kept and compared after the session has gone on. Aborts when something is missing.
 */
#ifndef API_SUPPORT_H
#define API_SUPPORT_H

#include "dualpath.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The smallest model: 16 sampled frames of 16 x 16, one block, 3 classes without names. */
#define SMALL_MODEL "crops-first.gguf"
/* It has 3 classes with names. */
#define LABELLED_MODEL "released.gguf"
/* It has no head. */
#define FEATURES_MODEL "features-bf16.gguf"

#define SMALL_FRAMES 16
#define SMALL_SIDE 16

/* ---- golden models ---- */

typedef struct golden_path {
    char text[1024];
} golden_path;

static inline golden_path find_golden(const char *name) {
    const char *folder = getenv("GOLDEN");
    golden_path path;
    (void)snprintf(path.text, sizeof path.text, "%s/%s", folder != NULL ? folder : "tests/golden",
                   name);
    return path;
}

static inline void *must(void *pointer, const char *what) {
    if (pointer == NULL) {
        fprintf(stderr, "test: %s: %s\n", what, dp_last_message());
        abort();
    }
    return pointer;
}

static inline dp_model *open_golden(const char *name) {
    dp_model *model = NULL;
    (void)dp_model_open(find_golden(name).text, NULL, &model);
    return (dp_model *)must(model, name);
}

static inline dp_session *new_session(const dp_model *model, int threads) {
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = threads;
    (void)dp_session_create(model, &options, &session);
    return (dp_session *)must(session, "session");
}

/* The bytes of a file, in a block of exactly its size. */
typedef struct file_bytes {
    uint8_t *bytes;
    size_t size;
} file_bytes;

static inline file_bytes read_golden(const char *name) {
    file_bytes file = {NULL, 0};
    FILE *stream = (FILE *)must(fopen(find_golden(name).text, "rb"), name);
    int byte;
    while (getc(stream) != EOF) {
        file.size++;
    }
    rewind(stream);
    file.bytes = (uint8_t *)must(malloc(file.size), name);
    for (size_t i = 0; i < file.size && (byte = getc(stream)) != EOF; i++) {
        file.bytes[i] = (uint8_t)byte;
    }
    (void)fclose(stream);
    return file;
}

/* ---- clips ---- */

static inline uint32_t next_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* `count` RGB frames of random pixels, and a clip that takes the first of them. */
typedef struct test_clip {
    dp_clip clip;
    dp_frame *frames;
    uint8_t *pixels;
} test_clip;

static inline test_clip make_clip(uint32_t seed, size_t count, int32_t width, int32_t height) {
    test_clip made;
    uint32_t state = seed * 2654435761U + 1;
    size_t bytes = (size_t)width * (size_t)height * 3;
    made.pixels = (uint8_t *)must(malloc(count * bytes), "pixels");
    made.frames = (dp_frame *)must(malloc(count * sizeof *made.frames), "frames");
    for (size_t i = 0; i < count * bytes; i++) {
        made.pixels[i] = (uint8_t)(next_random(&state) >> 11);
    }
    for (size_t i = 0; i < count; i++) {
        made.frames[i] = dp_frame_rgb24(made.pixels + i * bytes, width, height);
    }
    dp_clip_default(&made.clip);
    made.clip.frames = made.frames;
    made.clip.frame_count = count;
    made.clip.sampling = DP_SAMPLING_FIRST;
    made.clip.rate = 1;
    return made;
}

static inline void free_clip(test_clip *made) {
    free(made->frames);
    free(made->pixels);
}

/* ---- answers ---- */

/* Logits, probabilities and both features of a result. */
typedef struct answer {
    float values[128];
    size_t count;
} answer;

static inline void add_values(answer *to, const float *values, int32_t count) {
    for (int32_t i = 0; i < count && to->count < 128; i++) {
        to->values[to->count++] = values[i];
    }
}

static inline answer keep_answer(const dp_result *result) {
    answer kept = {{0}, 0};
    add_values(&kept, result->logits, result->classes);
    add_values(&kept, result->probabilities, result->classes);
    add_values(&kept, result->feature_temporal, result->feature_size);
    add_values(&kept, result->feature_spatial, result->feature_size);
    return kept;
}

static inline int same_bits(const answer *a, const answer *b) {
    return a->count == b->count && memcmp(a->values, b->values, a->count * sizeof(float)) == 0;
}

/* Classifies and keeps the answer, which is empty when that failed. */
static inline answer classify(dp_session *session, const dp_clip *clip) {
    dp_result result;
    dp_result_default(&result);
    if (dp_classify_clip(session, clip, &result) != DP_OK) {
        fprintf(stderr, "test: %s\n", dp_session_message(session));
        return (answer){{0}, 0};
    }
    return keep_answer(&result);
}

#endif /* API_SUPPORT_H */
