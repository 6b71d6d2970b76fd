/*
 * What the tests of the public interface share: golden models, clips of random pixels, and answers
 * that can be kept and compared after the session has gone on. Aborts when something is missing.
 */
#ifndef API_SUPPORT_H
#define API_SUPPORT_H

#include "dualpath.h"
#include "golden_path.h"
#include "support.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The smallest model: a view is 16 frames, which become 16 x 16; 3 classes without names. */
#define SMALL_MODEL "crops-first.gguf"
#define SMALL_FRAMES 16
#define SMALL_SIDE 16
/* It has 3 classes with names. */
#define LABELLED_MODEL "released.gguf"
/* It has no head. */
#define FEATURES_MODEL "features-bf16.gguf"
/* Of the methods with one path. Frames meet in the blocks of the first two. */
#define AIM_MODEL "family/aim_two.gguf"
#define ST_MODEL "family/st.gguf"
#define VPT_MODEL "family/vpt_deep.gguf"
#define ADAPTFORMER_MODEL "family/adaptformer.gguf"
#define PROBE_MODEL "family/probe.gguf"

static inline void *must(void *pointer, const char *what) {
    if (pointer == NULL) {
        fprintf(stderr, "%s is missing: %s\n", what, dp_last_message());
        abort();
    }
    return pointer;
}

/* Valgrind has stacks, memory and a floating-point mode of its own, and finds fault with faults. */
static inline bool is_under_valgrind(void) {
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* ---- golden models ---- */

/* The bytes of a golden file, in a block of exactly its size. */
static inline uint8_t *read_golden(const char *name, size_t *size) {
    uint8_t *bytes = must(read_file(find_golden(name).text, size), name);
    return must(realloc(bytes, *size), name);
}

static inline dp_model *open_golden(const char *name) {
    dp_model *model = NULL;
    (void)dp_model_open(find_golden(name).text, NULL, &model);
    return must(model, name);
}

/* In the blocks, so that no image can go by itself. */
static inline bool frames_meet(const dp_model *model) {
    dp_model_info info;
    dp_model_info_default(&info);
    return dp_model_get_info(model, &info) == DP_OK &&
           (info.method == DP_METHOD_AIM || info.method == DP_METHOD_ST_ADAPTER);
}

static inline dp_session *new_session(const dp_model *model, int threads) {
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = threads;
    (void)dp_session_create(model, &options, &session);
    return must(session, "a session");
}

/* ---- clips ---- */

/* RGB frames of random pixels, and a clip that takes them one by one from the first on. */
typedef struct test_clip {
    dp_clip clip;
    dp_frame *frames;
    uint8_t *pixels;
} test_clip;

static inline test_clip make_clip(size_t count, int32_t width, int32_t height) {
    test_clip made;
    size_t bytes = (size_t)width * (size_t)height * 3;
    made.pixels = must(malloc(count * bytes), "memory");
    made.frames = must(malloc(count * sizeof *made.frames), "memory");
    for (size_t i = 0; i < count * bytes; i++) {
        made.pixels[i] = (uint8_t)random_below(256);
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

/* Logits, probabilities and both features of a result; empty when there was none. */
typedef struct answer {
    float values[128];
    size_t count;
} answer;

/* NULL: there are none. */
static inline void add_values(answer *to, const float *values, int32_t count) {
    for (int32_t i = 0; values != NULL && i < count && to->count < COUNT(to->values); i++) {
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

static inline answer classify(dp_session *session, const dp_clip *clip) {
    dp_result result;
    dp_result_default(&result);
    if (dp_classify_clip(session, clip, &result) != DP_OK) {
        fprintf(stderr, "classify: %s\n", dp_session_message(session));
    }
    return keep_answer(&result);
}

static inline bool same_bits(const answer *a, const answer *b) {
    return a->count > 0 && a->count == b->count &&
           memcmp(a->values, b->values, a->count * sizeof a->values[0]) == 0;
}

static inline dp_pool *new_pool(int32_t threads) {
    dp_pool *pool = NULL;
    dp_pool_options options;
    dp_pool_options_default(&options);
    options.threads = threads;
    (void)dp_pool_create(&options, &pool);
    return must(pool, "a pool");
}

#endif /* API_SUPPORT_H */
