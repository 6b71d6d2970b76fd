/*
 * A program that uses every struct that grows, compiled against the header of one version and
 * linked to a library of another: versions.mk has all pairs. Prints its answer, which must be the
 * same for all of them.
 *
 *     caller MODEL [refused]
 *
 * LATER says that this program knows fields that versions before it do not; with `refused`, its
 * library is one of those.
 */
#include "dualpath.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A struct with bytes behind it that nobody may write to. */
#define GUARDED(type)         \
    struct {                  \
        type it;              \
        uint8_t behind[4096]; \
    }

#define GUARD(guarded)                             \
    do {                                           \
        memset(&(guarded), 0xa5, sizeof(guarded)); \
    } while (0)

static const char *place = "";

static void fail(const char *what, const char *message) {
    printf("%s: %s; \"%s\"\n", place, what, message);
    exit(1);
}

static void check(bool good, const char *what) {
    if (!good) {
        fail(what, "");
    }
}

static void check_status(dp_status got, dp_status wanted, const char *message) {
    if (got != wanted) {
        fail(dp_status_name((int32_t)got), message);
    }
}

static void check_behind(const uint8_t *behind) {
    for (size_t i = 0; i < 4096; i++) {
        check(behind[i] == 0xa5, "wrote behind the struct");
    }
}

static bool all_zero(const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    while (size > 0 && at[size - 1] == 0) {
        size--;
    }
    return size == 0;
}

/* What is called with each struct of a caller's, and where its message is. */
typedef dp_status use_fn(void *given);

static const char *path;
static dp_model *model;
static dp_session *session;
static bool refused;
static dp_frame frames[64];

static dp_status use_model_options(void *given) {
    dp_model *opened = NULL;
    dp_status status = dp_model_open(path, given, &opened);
    dp_model_close(opened);
    return status;
}

static dp_status use_pool_options(void *given) {
    dp_pool *pool = NULL;
    dp_status status = dp_pool_create(given, &pool);
    dp_pool_destroy(pool);
    return status;
}

static dp_status use_session_options(void *given) {
    dp_session *created = NULL;
    dp_status status = dp_session_create(model, given, &created);
    dp_session_destroy(created);
    return status;
}

static dp_status use_clip(void *given) {
    dp_result result;
    dp_result_default(&result);
    return dp_classify_clip(session, given, &result);
}

/* What this program sets is known to the library, or refused with the byte's number. */
static void set_later_bytes(void *given, size_t first, size_t size, use_fn *use, bool on_session) {
    uint8_t *bytes = given;
    for (size_t byte = first; byte < size; byte++) {
        char text[64];
        bytes[byte] = 1;
        dp_status status = use(given);
        const char *message = on_session ? dp_session_message(session) : dp_last_message();
        check_status(status, refused ? DP_ERR_ARGUMENT : DP_OK, message);
        (void)snprintf(text, sizeof text, "%s: byte %zu is set", place, byte);
        if (refused && strstr(message, text) == NULL) {
            fail("does not name the byte", message);
        }
        bytes[byte] = 0;
    }
}

/* Defaults, a use of them, and a use of fields that came later. */
#define USE_OPTIONS(type, use, on_session, ...)                                           \
    do {                                                                                  \
        GUARDED(type) given;                                                              \
        place = #type;                                                                    \
        GUARD(given);                                                                     \
        type##_default(&given.it);                                                        \
        check(given.it.struct_size == sizeof given.it, "struct_size");                    \
        check_behind(given.behind);                                                       \
        __VA_ARGS__;                                                                      \
        check_status((use)(&given.it), DP_OK,                                             \
                     (on_session) ? dp_session_message(session) : dp_last_message());     \
        set_later_bytes(&given.it, FIRST_LATER(type), sizeof(type), (use), (on_session)); \
    } while (0)

/* Where the fields begin that only this program's version has. */
#if defined(LATER)
#define FIRST_LATER(type) offsetof(type, later)
#else
#define FIRST_LATER(type) sizeof(type)
#endif

static void use_info(void) {
    GUARDED(dp_model_info) info;
    place = "dp_model_info";
    GUARD(info);
    dp_model_info_default(&info.it);
    check_behind(info.behind);
    memset((uint8_t *)&info.it + sizeof info.it.struct_size, 0xff,
           sizeof info.it - sizeof info.it.struct_size);
    check_status(dp_model_get_info(model, &info.it), DP_OK, dp_last_message());
    check_behind(info.behind);
    check(info.it.struct_size == sizeof info.it, "struct_size");
    check(all_zero((uint8_t *)&info.it + FIRST_LATER(dp_model_info),
                   sizeof info.it - FIRST_LATER(dp_model_info)),
          "later fields are not 0");
    printf("%s, %lld\n", info.it.description, (long long)info.it.parameters);
}

static void classify(void) {
    GUARDED(dp_result) result;
    dp_clip clip;
    place = "dp_result";
    GUARD(result);
    dp_result_default(&result.it);
    check_behind(result.behind);
    memset((uint8_t *)&result.it + sizeof result.it.struct_size, 0xff,
           sizeof result.it - sizeof result.it.struct_size);
    dp_clip_default(&clip);
    clip.frames = frames;
    clip.frame_count = sizeof frames / sizeof frames[0];
    check_status(dp_classify_clip(session, &clip, &result.it), DP_OK, dp_session_message(session));
    check_behind(result.behind);
    check(result.it.struct_size == sizeof result.it, "struct_size");
    check(all_zero((uint8_t *)&result.it + FIRST_LATER(dp_result),
                   sizeof result.it - FIRST_LATER(dp_result)),
          "later fields are not 0");
    for (int32_t i = 0; i < result.it.classes; i++) {
        printf("%a ", (double)result.it.logits[i]);
    }
    printf("%lld\n", (long long)result.it.macs);
}

static void fill_frames(void) {
    static uint8_t pixels[64][16 * 16 * 3];
    uint32_t state = 1;
    for (size_t i = 0; i < 64; i++) {
        for (size_t j = 0; j < sizeof pixels[i]; j++) {
            state = state * 1664525u + 1013904223u;
            pixels[i][j] = (uint8_t)(state >> 24);
        }
        frames[i] = dp_frame_rgb24(pixels[i], 16, 16);
    }
}

int main(int count, char **arguments) {
    path = count > 1 ? arguments[1] : "";
    refused = count > 2;
    fill_frames();
    check_status(dp_model_open(path, NULL, &model), DP_OK, dp_last_message());
    check_status(dp_session_create(model, NULL, &session), DP_OK, dp_last_message());
    USE_OPTIONS(dp_model_options, use_model_options, false, given.it.precision = DP_PRECISION_INT8);
    USE_OPTIONS(dp_pool_options, use_pool_options, false, given.it.threads = 1);
    USE_OPTIONS(dp_session_options, use_session_options, false, given.it.image_by_image = 1);
    USE_OPTIONS(dp_clip, use_clip, true, given.it.frames = frames, given.it.frame_count = 1);
    use_info();
    classify();
    dp_session_destroy(session);
    dp_model_close(model);
    return 0;
}
