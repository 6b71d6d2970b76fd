/*
 * classify.c - an application for a board: classifies a clip that is linked in, with a model that
 * is linked in, without an operating system and without a heap. Once with all frames at hand, and
 * once frame by frame, as a camera has them, which takes less memory. With WITH_STREAM, then the
 * camera goes on, and window after window is classified.
 */
#include "board.h"

#include <dualpath.h>
#include <stdbool.h>
#include <string.h>

#define MODEL_MEMORY ((size_t)96 << 10)
#define ARENA_MEMORY ((size_t)768 << 10)
#define CLIP_SIDE 32
#define CLIP_FRAMES 16
#define FRAME_BYTES ((size_t)CLIP_SIDE * CLIP_SIDE * 3)
#define UNTOUCHED 0xa5

static _Alignas(64) uint8_t model_memory[MODEL_MEMORY];
static _Alignas(64) uint8_t arena[ARENA_MEMORY];

/* ---- printing ---- */

static void print_number(uint64_t value, uint32_t base, size_t width) {
    char text[24];
    size_t first = sizeof text - 1;
    text[first] = '\0';
    while (value > 0 || sizeof text - 1 - first < width) {
        text[--first] = "0123456789abcdef"[value % base];
        value /= base;
    }
    board_print(text + first);
}

static void print_line(const char *name, uint64_t value) {
    board_print(name);
    board_print(" ");
    print_number(value, 10, 1);
    board_print("\n");
}

/* "logit 2 bf9d70a4": the bits of a float, so that nothing is lost. */
static void print_logits(const char *name, const float *logits, int32_t classes) {
    for (int32_t i = 0; i < classes; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        board_print(name);
        print_number((uint64_t)i, 10, 1);
        board_print(" ");
        print_number(bits, 16, 8);
        board_print("\n");
    }
}

static bool fail(const char *what, const char *why) {
    board_print("failed: ");
    board_print(what);
    board_print(": ");
    board_print(why);
    board_print("\n");
    return false;
}

/* ---- the model's memory: handed out from front to back ---- */

typedef struct region {
    uint8_t *base;
    size_t size, used;
} region;

static size_t rounded(size_t size) {
    return (size + 63) & ~(size_t)63;
}

static void *allocate(void *user, size_t size) {
    region *from = user;
    if (size > from->size || rounded(size) > from->size - from->used) {
        return NULL;
    }
    void *block = from->base + from->used;
    from->used += rounded(size);
    return block;
}

/* Only what was handed out last comes back. */
static void release(void *user, void *block, size_t size) {
    region *to = user;
    if ((uint8_t *)block + rounded(size) == to->base + to->used) {
        to->used -= rounded(size);
    }
}

/* The allocator must outlive the model. */
static region model_region;
static const dp_allocator model_allocator = {
    .allocate = allocate, .release = release, .user = &model_region};

static dp_status open_in(size_t size, dp_model **model) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.allocator = &model_allocator;
    options.cpu_mask = 0; /* on a host: plain C, as on the boards */
    model_region = (region){.base = model_memory, .size = size};
    return dp_model_open_memory(model_bytes, (size_t)(model_end - model_bytes), &options, model);
}

/* Opens the model in as little memory as it needs; with any less it must say so. */
static bool open_model(dp_model **model, size_t *needed) {
    size_t low = 0; /* too little */
    size_t high = MODEL_MEMORY;
    while (high - low > 64) {
        size_t middle = (low + high) / 2 & ~(size_t)63;
        dp_status status = open_in(middle, model);
        if (status != DP_OK && status != DP_ERR_MEMORY) {
            return fail("opening", dp_last_message());
        }
        dp_model_close(*model);
        *(status == DP_OK ? &high : &low) = middle;
    }
    *needed = high;
    return open_in(high, model) == DP_OK || fail("opening", dp_last_message());
}

/* ---- the session's memory ---- */

static dp_session_options options_in(bool image_by_image, size_t size) {
    dp_session_options options;
    dp_session_options_default(&options);
    options.image_by_image = image_by_image;
    options.arena = arena;
    options.arena_size = size;
    return options;
}

/* Creates a session in as little memory as it needs; with any less there must be none. */
static bool create_session(const dp_model *model, bool image_by_image, dp_session **session,
                           size_t *needed) {
    dp_session_options options = options_in(image_by_image, 0);
    if (dp_session_size(model, &options, needed) != DP_OK) {
        return fail("sizing", dp_last_message());
    }
    for (size_t less = 1; less <= *needed; less *= 2) {
        options = options_in(image_by_image, *needed - less);
        if (dp_session_create(model, &options, session) != DP_ERR_ARENA) {
            return fail("arena", "a session was created in too small a one");
        }
    }
    if (*needed > ARENA_MEMORY) {
        return fail("arena", "ARENA_MEMORY is too small for this model");
    }
    memset(arena, UNTOUCHED, sizeof arena);
    options = options_in(image_by_image, *needed);
    return dp_session_create(model, &options, session) == DP_OK ||
           fail("session", dp_last_message());
}

/* How far the arena was written to. */
static size_t arena_used(void) {
    size_t used = sizeof arena;
    while (used > 0 && arena[used - 1] == UNTOUCHED) {
        used--;
    }
    return used;
}

/* ---- the clip ---- */

/* The whole clip at once: its frames are in flash. */
static dp_status classify_whole(dp_session *session, dp_result *result) {
    static dp_frame frames[CLIP_FRAMES];
    dp_clip clip;
    for (size_t i = 0; i < CLIP_FRAMES; i++) {
        frames[i] = dp_frame_rgb24(clip_bytes + i * FRAME_BYTES, CLIP_SIDE, CLIP_SIDE);
    }
    dp_clip_default(&clip);
    clip.frames = frames;
    clip.frame_count = CLIP_FRAMES;
    clip.sampling = DP_SAMPLING_GIVEN; /* as they are, as when they are pushed, */
    clip.crops = 1;                    /* and in one crop */
    return dp_classify_clip(session, &clip, result);
}

/* Frame by frame: there is room for one, and the next one goes there when the call returns. */
static dp_status classify_pushed(dp_session *session, dp_result *result) {
    static uint8_t camera[FRAME_BYTES];
    dp_frame frame = dp_frame_rgb24(camera, CLIP_SIDE, CLIP_SIDE);
    dp_status status = dp_session_begin_clip(session, 0, 1);
    for (size_t i = 0; i < CLIP_FRAMES && status == DP_OK; i++) {
        memcpy(camera, clip_bytes + i * FRAME_BYTES, FRAME_BYTES);
        status = dp_session_push_frame(session, &frame);
    }
    return status == DP_OK ? dp_session_finish_clip(session, result) : status;
}

static bool report_answer(dp_session *session, const dp_result *result) {
    dp_prediction top;
    if (dp_session_top(session, 1, &top) != DP_OK) {
        return fail("the answer", dp_session_message(session));
    }
    board_print("label ");
    board_print(top.label[0] != '\0' ? top.label : "(unnamed)");
    board_print("\n");
    print_logits("logit ", result->logits, result->classes);
    print_line("class", (uint64_t)top.index);
    print_line("multiply-adds", (uint64_t)result->macs);
    return true;
}

static bool run(dp_session *session, dp_status (*classify)(dp_session *, dp_result *)) {
    dp_result result;
    dp_result_default(&result);
    uint64_t since = board_instructions();
    if (classify(session, &result) != DP_OK) {
        return fail("classifying", dp_session_message(session));
    }
    print_line("instructions", board_instructions() - since);
    return report_answer(session, &result);
}

static bool run_in_session(const dp_model *model, bool image_by_image,
                           dp_status (*classify)(dp_session *, dp_result *)) {
    dp_session *session = NULL;
    size_t size = 0;
    bool well = create_session(model, image_by_image, &session, &size) && run(session, classify);
    dp_session_destroy(session);
    print_line("arena", size);
    print_line("arena used", arena_used());
    return well && (arena_used() <= size || fail("arena", "bytes behind it were written"));
}

/* ---- a stream ---- */

#if defined(WITH_STREAM)

/* The clip, and the first frames of it once more: two windows. The first one is the clip. */
#define STREAM_FRAMES (CLIP_FRAMES + 2)

static bool run_stream(dp_stream *stream) {
    static uint8_t camera[FRAME_BYTES];
    dp_frame frame = dp_frame_rgb24(camera, CLIP_SIDE, CLIP_SIDE);
    int64_t windows = 0;
    uint64_t most = 0;
    for (size_t i = 0; i < STREAM_FRAMES; i++) {
        dp_window window;
        uint64_t since = board_instructions();
        dp_window_default(&window);
        memcpy(camera, clip_bytes + i % CLIP_FRAMES * FRAME_BYTES, FRAME_BYTES);
        if (dp_stream_push(stream, &frame, (int64_t)i) != DP_OK ||
            dp_stream_next(stream, 0, &window) != DP_OK) {
            return fail("streaming", dp_last_message());
        }
        uint64_t passed = board_instructions() - since;
        most = passed > most ? passed : most;
        if (window.ready) {
            print_logits(windows == 0 ? "logit " : "window logit ", window.logits, window.classes);
            windows++;
        }
    }
    print_line("instructions at most", most);
    return windows == 2 || fail("streaming", "there are not two windows");
}

/* A session and a stream, one after the other in the arena. */
static bool run_in_stream(const dp_model *model) {
    dp_session_options session_options = options_in(true, 0);
    dp_stream_options options;
    dp_session *session = NULL;
    dp_stream *stream = NULL;
    size_t session_size = 0, size = 0;
    dp_stream_options_default(&options);
    options.rate = 1;
    options.hop = 2;
    if (dp_session_size(model, &session_options, &session_size) != DP_OK ||
        dp_stream_size(model, &options, &size) != DP_OK) {
        return fail("sizing", dp_last_message());
    }
    session_size = rounded(session_size);
    if (session_size + size > ARENA_MEMORY) {
        return fail("arena", "ARENA_MEMORY is too small for a stream of this model");
    }
    memset(arena, UNTOUCHED, sizeof arena);
    session_options.arena_size = session_size;
    options.arena = arena + session_size;
    options.arena_size = size;
    bool well = (dp_session_create(model, &session_options, &session) == DP_OK &&
                 dp_stream_create(session, &options, &stream) == DP_OK && run_stream(stream)) ||
                fail("the stream", dp_last_message());
    dp_session_destroy(session); /* the stream holds on to it */
    dp_stream_destroy(stream);
    print_line("stream", size);
    return well && (arena_used() <= session_size + size ||
                    fail("arena", "bytes behind the stream were written"));
}

#else

static bool run_in_stream(const dp_model *model) {
    (void)model;
    return true;
}

#endif

int application(void) {
    dp_model *model = NULL;
    size_t model_size = 0;
    if ((size_t)(clip_end - clip_bytes) != CLIP_FRAMES * FRAME_BYTES) {
        return !fail("clip", "it has another size");
    }
    bool well = open_model(&model, &model_size);
    if (well) {
        print_line("model memory", model_size);
        board_print("-- the whole clip\n");
        well = run_in_session(model, false, classify_whole);
    }
    if (well) {
        board_print("-- frame by frame\n");
        well = run_in_session(model, true, classify_pushed);
    }
    if (well) {
        board_print("-- a stream\n");
        well = run_in_stream(model);
    }
    if (well) {
        board_print("-- both\n");
        print_line("stack", board_stack_size());
        print_line("stack used", board_stack_used());
    }
    dp_model_close(model);
    return well ? 0 : 1;
}
