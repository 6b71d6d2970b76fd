/*
 * Streams of calls: bytes become calls of the library in any order, on a few models, pools and
 * sessions, some of them cancelled by the progress callback or short of memory. A small model of
 * each session says which status must come and which answer: that of a fresh session, bit for bit.
 */
#define _XOPEN_SOURCE 700 /* posix_memalign() */
#include "fuzz.h"
#include "gguf_builder.h"
#include "split.h"
#include "test_allocator.h"

#include <string.h>

#define MODELS 4
#define SESSIONS 4
#define POOLS 2
#define CLIPS 3
#define FRAMES 16 /* of a view */
#define PRECISIONS 3
#define MAX_CALLS 64

/* ---- what is known beforehand ---- */

typedef struct answer {
    float numbers[128]; /* logits and both features */
    size_t count;
    int32_t classes;
} answer;

/* The files: a model, its halves, and what it is compiled to in each precision. */
typedef enum family { WITH_HEAD, FEATURES, FAMILIES } family;

static uint8_t pixels[4096];
static dp_frame frames[CLIPS][FRAMES];
static split_files halves;
static gguf_bytes whole, compiled[FAMILIES][PRECISIONS];
static answer answers[FAMILIES][PRECISIONS][CLIPS][2]; /* of the only crop, and of the first of 2 */
static gguf_bytes seen[CLIPS];                         /* pixels of the spatial path */

static dp_clip clip_of(int clip) {
    dp_clip given;
    dp_clip_default(&given);
    given.frames = frames[clip];
    given.frame_count = FRAMES;
    given.sampling = DP_SAMPLING_GIVEN;
    return given;
}

static void keep(answer *to, const float *numbers, int32_t count) {
    if (numbers != NULL) {
        memcpy(to->numbers + to->count, numbers, (size_t)count * sizeof *numbers);
        to->count += (size_t)count;
    }
}

static answer keep_result(const dp_result *result) {
    answer kept = {.classes = result->classes};
    keep(&kept, result->logits, result->classes);
    keep(&kept, result->feature_temporal, result->feature_size);
    keep(&kept, result->feature_spatial, result->feature_size);
    return kept;
}

/* ---- callbacks ---- */

static test_allocator memory;

/* Of the call that is under way. */
static struct {
    int calls, cancel_at;
    bool cancelled;
    double fraction;
} progress;

static int report(void *user, const char *stage, double fraction) {
    (void)user;
    fuzz_require(fraction >= progress.fraction && fraction <= 1, "progress falls", stage);
    fuzz_require(!progress.cancelled, "progress after it was cancelled", stage);
    progress.fraction = fraction;
    progress.cancelled = ++progress.calls == progress.cancel_at;
    return progress.cancelled;
}

/* Workers of a host, one after another, the last one first. */
static void run_backwards(void *user, void (*body)(void *argument, int32_t worker),
                          void *argument) {
    (void)user;
    for (int32_t worker = 2; worker >= 0; worker--) {
        body(argument, worker);
    }
}

static const dp_scheduler scheduler = {.run = run_backwards, .workers = 3};

static int64_t read_whole(void *user, uint64_t offset, void *buffer, size_t size) {
    (void)user;
    size_t rest = whole.size - (size_t)offset;
    size_t count = size < rest ? size : rest;
    memcpy(buffer, whole.bytes + offset, count);
    return (int64_t)count;
}

static const dp_reader reader = {.read = read_whole};

/* ---- the state ---- */

typedef struct model_slot {
    dp_model *model;
    family family;
    int precision; /* from 0 */
    bool is_backbone;
} model_slot;

typedef struct session_slot {
    dp_session *session;
    family family;
    int precision;
    bool image_by_image;
    bool clip_is_open;
    int clip, crops, pushed;
    const answer *result; /* of the last clip that was answered; NULL: none */
} session_slot;

static model_slot models[MODELS];
static session_slot sessions[SESSIONS];
static dp_pool *pools[POOLS];

/* What must come if the call would give `sound` without cancelling and with memory. */
static void require_status(dp_status given, dp_status sound, const char *call,
                           const char *sentence) {
    dp_status expected = progress.cancelled    ? DP_ERR_CANCELLED
                         : memory.failures > 0 ? DP_ERR_MEMORY
                                               : sound;
    if (given != expected) {
        fprintf(stderr, "%s instead of %s\n", dp_status_name(given), dp_status_name(expected));
    }
    fuzz_require(given == expected, call, sentence);
    fuzz_require(given == DP_OK || sentence[0] != '\0', "a failure without a sentence", call);
}

static void require_answer(const answer *given, const answer *expected, const char *what) {
    fuzz_require(
        given->count == expected->count &&
            memcmp(given->numbers, expected->numbers, given->count * sizeof *given->numbers) == 0,
        what, "other bits");
}

/* ---- calls about models ---- */

static dp_model_options next_options(fuzz_input *in, int *precision) {
    dp_model_options options;
    uint8_t how = fuzz_byte(in);
    *precision = how % PRECISIONS;
    dp_model_options_default(&options);
    options.allocator = &memory.allocator;
    options.progress = report;
    options.precision = DP_PRECISION_F32 + *precision;
    options.as_backbone = how / 4 % 2;
    options.verify = how / 8 % 2;
    return options;
}

/* A slot whose model, if there is one, is closed. */
static model_slot *empty_model_slot(fuzz_input *in) {
    model_slot *slot = &models[fuzz_byte(in) % MODELS];
    dp_model_close(slot->model);
    *slot = (model_slot){.model = NULL};
    return slot;
}

static void fill_model_slot(model_slot *slot, model_slot opened, dp_status status,
                            dp_status sound) {
    require_status(status, sound, "a model is opened", dp_last_message());
    fuzz_require((status == DP_OK) == (opened.model != NULL), "a model of a failure", "");
    *slot = status == DP_OK ? opened : (model_slot){.model = NULL};
}

static void open_whole(fuzz_input *in) {
    model_slot *slot = empty_model_slot(in);
    model_slot opened = {.family = WITH_HEAD};
    dp_model_options options = next_options(in, &opened.precision);
    opened.is_backbone = options.as_backbone != 0;
    dp_status status = fuzz_byte(in) % 2 == 0
                           ? dp_model_open_memory(whole.bytes, whole.size, &options, &opened.model)
                           : dp_model_open_reader(&reader, &options, &opened.model);
    fill_model_slot(slot, opened, status, DP_OK);
}

static void open_backbone(fuzz_input *in) {
    model_slot *slot = empty_model_slot(in);
    model_slot opened = {.family = FEATURES};
    dp_model_options options = next_options(in, &opened.precision);
    opened.is_backbone = options.as_backbone != 0;
    dp_status status =
        dp_model_open_memory(halves.backbone, halves.backbone_size, &options, &opened.model);
    fill_model_slot(slot, opened, status, DP_OK);
}

/* A file of one precision, asked for in another one, cannot be used. */
static void open_compiled(fuzz_input *in) {
    model_slot *slot = empty_model_slot(in);
    model_slot opened = {.family = (family)(fuzz_byte(in) % FAMILIES)};
    dp_model_options options = next_options(in, &opened.precision);
    const gguf_bytes *file = &compiled[opened.family][fuzz_byte(in) % PRECISIONS];
    bool fits = file == &compiled[opened.family][opened.precision] && options.as_backbone == 0;
    dp_status status = dp_model_open_memory(file->bytes, file->size, &options, &opened.model);
    fill_model_slot(slot, opened, status, fits ? DP_OK : DP_ERR_UNSUPPORTED);
}

static void open_task(fuzz_input *in) {
    model_slot *slot = &models[fuzz_byte(in) % MODELS];
    model_slot on = models[fuzz_byte(in) % MODELS];
    model_slot opened = {.family = WITH_HEAD, .precision = on.precision, .is_backbone = false};
    dp_status sound = on.model == NULL ? DP_ERR_ARGUMENT : on.is_backbone ? DP_OK : DP_ERR_BACKBONE;
    dp_model_options options;
    dp_model_options_default(&options);
    options.progress = report;
    options.allocator = &memory.allocator;
    dp_status status =
        dp_model_open_task_memory(on.model, halves.task, halves.task_size, &options, &opened.model);
    opened.is_backbone = on.is_backbone; /* tasks on a task are on its backbone */
    dp_model_close(slot->model);         /* which may be the backbone */
    fill_model_slot(slot, opened, status, sound);
}

static void close_model(fuzz_input *in) {
    (void)empty_model_slot(in);
}

static void compile_model(fuzz_input *in) {
    static uint8_t room[1 << 18];
    const model_slot *slot = &models[fuzz_byte(in) % MODELS];
    size_t capacity = fuzz_byte(in) % 4 == 0 ? 1000 : sizeof room;
    size_t size = 0;
    dp_status status = dp_model_compile_memory(slot->model, room, capacity, &size);
    dp_status sound = slot->model == NULL || capacity == 1000 ? DP_ERR_ARGUMENT : DP_OK;
    require_status(status, sound, "a model is compiled", dp_last_message());
    const gguf_bytes *expected = &compiled[slot->family][slot->precision];
    fuzz_require(status != DP_OK ||
                     (size == expected->size && memcmp(room, expected->bytes, size) == 0),
                 "a model compiles to other bytes", "");
}

static void verify_file(fuzz_input *in) {
    size_t at = (size_t)fuzz_below(in, 65536) % whole.size;
    uint8_t flip = fuzz_byte(in);
    bool data = at > whole.size - 4096; /* there are only tensors, and padding between them */
    dp_model_options options;
    int precision;
    options = next_options(in, &precision);
    whole.bytes[at] ^= data ? flip : 0;
    dp_status status = dp_model_verify_memory(whole.bytes, whole.size, &options);
    whole.bytes[at] ^= data ? flip : 0;
    bool in_padding = data && flip != 0 && status == DP_OK;
    require_status(status, data && flip != 0 && !in_padding ? DP_ERR_CHECKSUM : DP_OK,
                   "a file is verified", dp_last_message());
}

static void ask_model(fuzz_input *in) {
    const model_slot *slot = &models[fuzz_byte(in) % MODELS];
    dp_model_info info;
    dp_model_info_default(&info);
    dp_status status = dp_model_get_info(slot->model, &info);
    require_status(status, slot->model == NULL ? DP_ERR_ARGUMENT : DP_OK, "a model is asked",
                   dp_last_message());
    fuzz_require(status != DP_OK || info.precision == DP_PRECISION_F32 + slot->precision,
                 "another precision", "");
}

/* ---- calls about pools ---- */

static void create_pool(fuzz_input *in) {
    dp_pool **slot = &pools[fuzz_byte(in) % POOLS];
    dp_pool *pool = NULL;
    dp_pool_options options;
    dp_pool_options_default(&options);
    options.allocator = &memory.allocator;
    options.threads = 1 + fuzz_byte(in) % 3;
    dp_pool_destroy(*slot);
    dp_status status = dp_pool_create(&options, &pool);
    require_status(status, DP_OK, "a pool is created", dp_last_message());
    fuzz_require((status == DP_OK) == (pool != NULL), "a pool of a failure", "");
    *slot = pool;
}

static void destroy_pool(fuzz_input *in) {
    dp_pool **slot = &pools[fuzz_byte(in) % POOLS];
    dp_pool_destroy(*slot);
    *slot = NULL;
}

/* ---- calls about sessions ---- */

static dp_session_options next_session_options(fuzz_input *in) {
    dp_session_options options;
    uint8_t how = fuzz_byte(in);
    dp_session_options_default(&options);
    options.allocator = &memory.allocator;
    options.progress = report;
    options.image_by_image = how / 4 % 2;
    options.threads = 1;
    if (how % 4 == 1) {
        options.pool = pools[how / 8 % POOLS];
        options.threads = options.pool != NULL ? 0 : 2;
    } else if (how % 4 == 2) {
        options.scheduler = &scheduler;
        options.threads = 0;
    }
    return options;
}

static void destroy_session(fuzz_input *in) {
    session_slot *slot = &sessions[fuzz_byte(in) % SESSIONS];
    dp_session_destroy(slot->session);
    *slot = (session_slot){.session = NULL};
}

static void create_session(fuzz_input *in) {
    session_slot *slot = &sessions[fuzz_byte(in) % SESSIONS];
    const model_slot *on = &models[fuzz_byte(in) % MODELS];
    session_slot made = {.family = on->family, .precision = on->precision};
    dp_session_options options = next_session_options(in);
    made.image_by_image = options.image_by_image != 0;
    dp_session_destroy(slot->session);
    size_t before = memory.bytes;
    dp_status status = dp_session_create(on->model, &options, &made.session);
    require_status(status, on->model == NULL ? DP_ERR_ARGUMENT : DP_OK, "a session is created",
                   dp_last_message());
    fuzz_require((status == DP_OK) == (made.session != NULL), "a session of a failure", "");
    size_t size = 0;
    fuzz_require(status != DP_OK || (dp_session_size(on->model, &options, &size) == DP_OK &&
                                     memory.bytes == before + size),
                 "a session takes another size than it said", "");
    *slot = status == DP_OK ? made : (session_slot){.session = NULL};
}

/* Session calls need no memory. */
static void require_session_status(const session_slot *slot, dp_status given, dp_status sound,
                                   const char *call) {
    fuzz_require(memory.calls == 0, "memory is taken while a session works", call);
    require_status(given, slot->session == NULL ? DP_ERR_ARGUMENT : sound, call,
                   slot->session == NULL ? dp_last_message() : dp_session_message(slot->session));
}

/* Where a call may have answered. */
static void take_result(session_slot *slot, dp_status status, const dp_result *result,
                        const answer *expected) {
    fuzz_require((status == DP_OK) == (result->feature_spatial != NULL), "a result of a failure",
                 "");
    if (status == DP_OK) {
        answer given = keep_result(result);
        require_answer(&given, expected, "another answer than that of a fresh session");
        slot->result = expected;
    } else if (status == DP_ERR_CANCELLED) {
        slot->result = NULL;
    }
}

static void spoil(dp_frame *frame, uint8_t how) {
    switch (how % 4) {
    case 0:
        frame->width = 0;
        break;
    case 1:
        frame->plane[0] = NULL;
        break;
    case 2:
        frame->format = -1;
        break;
    default:
        frame->reserved[how / 4 % 2] = 1;
    }
}

static void classify(fuzz_input *in) {
    session_slot *slot = &sessions[fuzz_byte(in) % SESSIONS];
    int number = fuzz_byte(in) % CLIPS;
    uint8_t how = fuzz_byte(in);
    dp_frame spoilt[FRAMES];
    dp_clip clip = clip_of(number);
    dp_status sound = DP_OK;
    if (how >= 224) {
        memcpy(spoilt, frames[number], sizeof spoilt);
        spoil(&spoilt[how % FRAMES], how);
        clip.frames = spoilt;
        sound = DP_ERR_FRAME;
    } else if (how >= 208) {
        clip.frame_count = how % FRAMES;
        sound = DP_ERR_ARGUMENT;
    }
    dp_result result;
    dp_result_default(&result);
    dp_status status = dp_classify_clip(slot->session, &clip, &result);
    require_session_status(slot, status, sound, "a clip is classified");
    if (slot->session != NULL) {
        slot->clip_is_open = slot->clip_is_open && sound != DP_OK;
        take_result(slot, status, &result, &answers[slot->family][slot->precision][number][0]);
    }
}

static void begin_clip(fuzz_input *in) {
    session_slot *slot = &sessions[fuzz_byte(in) % SESSIONS];
    uint8_t how = fuzz_byte(in);
    int crops = how < 240 ? 1 + how % 2 : 65;
    dp_status status = dp_session_begin_clip(slot->session, 0, crops);
    require_session_status(slot, status, how < 240 ? DP_OK : DP_ERR_ARGUMENT, "a clip begins");
    if (status == DP_OK) {
        slot->clip_is_open = true;
        slot->clip = how / 2 % CLIPS;
        slot->crops = crops;
        slot->pushed = 0;
    }
}

static void push_frame(session_slot *slot, const uint8_t *how) {
    dp_frame frame = frames[slot->clip][slot->pushed % FRAMES];
    dp_status sound = DP_OK;
    if (how != NULL) {
        spoil(&frame, *how);
        sound = DP_ERR_FRAME;
    }
    if (!slot->clip_is_open || slot->pushed == FRAMES) {
        sound = DP_ERR_ARGUMENT;
    }
    dp_status status = dp_session_push_frame(slot->session, &frame);
    require_session_status(slot, status, sound, "a frame is pushed");
    slot->pushed += status == DP_OK;
    slot->clip_is_open = slot->clip_is_open && status != DP_ERR_CANCELLED;
    progress.fraction = 0;
}

/* Some frames in a row; the last one may be spoilt. */
static void push_frames(fuzz_input *in) {
    session_slot *slot = &sessions[fuzz_byte(in) % SESSIONS];
    uint8_t how = fuzz_byte(in);
    for (int left = how % 32; left > 0 && !progress.cancelled; left--) {
        push_frame(slot, NULL);
    }
    if (how >= 192 && !progress.cancelled) {
        push_frame(slot, &how);
    }
}

static void finish_clip(fuzz_input *in) {
    session_slot *slot = &sessions[fuzz_byte(in) % SESSIONS];
    bool complete = slot->clip_is_open && slot->pushed == FRAMES;
    dp_result result;
    dp_result_default(&result);
    dp_status status = dp_session_finish_clip(slot->session, &result);
    require_session_status(slot, status, complete ? DP_OK : DP_ERR_ARGUMENT, "a clip ends");
    if (slot->session != NULL) {
        slot->clip_is_open = slot->clip_is_open && !complete;
        take_result(slot, status, &result,
                    &answers[slot->family][slot->precision][slot->clip][slot->crops == 2]);
    }
}

static void preprocess(fuzz_input *in) {
    session_slot *slot = &sessions[fuzz_byte(in) % SESSIONS];
    int number = fuzz_byte(in) % CLIPS;
    int32_t view = fuzz_byte(in) % 8 == 0;
    dp_clip clip = clip_of(number);
    const float *spatial = NULL;
    dp_status status = dp_session_preprocess_view(slot->session, &clip, view, 0, &spatial, NULL);
    dp_status sound = slot->image_by_image || view != 0 ? DP_ERR_ARGUMENT : DP_OK;
    require_session_status(slot, status, sound, "a view is preprocessed");
    if (status == DP_OK) {
        slot->clip_is_open = false;
        fuzz_require(memcmp(spatial, seen[number].bytes, seen[number].size) == 0,
                     "a view is seen otherwise", "");
    }
}

static void ask_top(fuzz_input *in) {
    const session_slot *slot = &sessions[fuzz_byte(in) % SESSIONS];
    int32_t classes = answers[WITH_HEAD][0][0][0].classes;
    int32_t count = fuzz_byte(in) % 6;
    dp_prediction top[6];
    dp_status status = dp_session_top(slot->session, count, top);
    dp_status sound = slot->family == FEATURES                               ? DP_ERR_NO_HEAD
                      : count < 1 || count > classes || slot->result == NULL ? DP_ERR_ARGUMENT
                                                                             : DP_OK;
    require_session_status(slot, status, sound, "the likeliest classes");
    for (int32_t i = 0; status == DP_OK && i < count; i++) {
        fuzz_require(top[i].logit == slot->result->numbers[top[i].index] &&
                         (i == 0 || top[i].logit <= top[i - 1].logit),
                     "the likeliest classes are not those of the last answer", "");
    }
}

/* ---- an input ---- */

typedef void call(fuzz_input *in);

/* Those of sessions come often. */
static call *const calls[] = {
    open_whole,      open_backbone, open_compiled, open_task,    close_model,    compile_model,
    verify_file,     ask_model,     create_pool,   destroy_pool, create_session, create_session,
    destroy_session, classify,      classify,      begin_clip,   push_frames,    push_frames,
    finish_clip,     finish_clip,   preprocess,    ask_top,
};

/* Which report of progress, and which allocation, goes wrong; mostly none. */
static void prepare_call(uint8_t how) {
    memory.calls = memory.failures = 0;
    memory.fail_at = how >= 224 ? 1 + how % 8 : 0;
    progress.calls = 0;
    progress.cancel_at = how < 64 ? how / 2 : 0;
    progress.cancelled = false;
    progress.fraction = 0;
}

static void close_all(bool sessions_first) {
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < SESSIONS && (round == 0) == sessions_first; i++) {
            dp_session_destroy(sessions[i].session);
        }
        for (int i = 0; i < MODELS && (round == 0) != sessions_first; i++) {
            dp_model_close(models[i].model);
        }
        for (int i = 0; i < POOLS && round == 0; i++) {
            dp_pool_destroy(pools[i]);
        }
    }
    memset(sessions, 0, sizeof sessions);
    memset(models, 0, sizeof models);
    memset(pools, 0, sizeof pools);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size, 0};
    bool sessions_first = fuzz_byte(&in) % 2 == 0;
    test_allocator_init(&memory);
    for (int i = 0; i < MAX_CALLS && in.at < in.size; i++) {
        call *next = calls[fuzz_byte(&in) % (sizeof calls / sizeof *calls)];
        prepare_call(fuzz_byte(&in));
        next(&in);
    }
    prepare_call(64);
    close_all(sessions_first);
    fuzz_require(memory.blocks == 0 && memory.mistakes == 0, "memory is not given back rightly",
                 "");
    return 0;
}

/* ---- before the first input: answers of fresh sessions ---- */

static dp_model *open_fresh(family of, int precision) {
    dp_model *model = NULL;
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = DP_PRECISION_F32 + precision;
    const uint8_t *bytes = of == WITH_HEAD ? whole.bytes : halves.backbone;
    size_t size = of == WITH_HEAD ? whole.size : halves.backbone_size;
    fuzz_require(dp_model_open_memory(bytes, size, &options, &model) == DP_OK, "no model",
                 dp_last_message());
    return model;
}

static void keep_compiled(const dp_model *model, gguf_bytes *file) {
    size_t size = 0;
    void *block = NULL;
    fuzz_require(dp_model_compile_memory(model, NULL, 0, &size) == DP_OK &&
                     posix_memalign(&block, 64, size) == 0 &&
                     dp_model_compile_memory(model, block, size, &size) == DP_OK,
                 "no compiled file", dp_last_message());
    *file = (gguf_bytes){block, size, size};
}

static answer ask_fresh(const dp_model *model, int number, int32_t crops) {
    dp_session *session = NULL;
    dp_result result;
    dp_result_default(&result);
    fuzz_require(dp_session_create(model, NULL, &session) == DP_OK &&
                     dp_session_begin_clip(session, 0, crops) == DP_OK,
                 "no session", dp_last_message());
    for (int i = 0; i < FRAMES; i++) {
        fuzz_require(dp_session_push_frame(session, &frames[number][i]) == DP_OK, "no frame", "");
    }
    fuzz_require(dp_session_finish_clip(session, &result) == DP_OK, "no answer",
                 dp_session_message(session));
    answer kept = keep_result(&result);
    dp_session_destroy(session);
    return kept;
}

static void keep_view(const dp_model *model, int number) {
    dp_session *session = NULL;
    dp_model_info info;
    dp_clip clip = clip_of(number);
    const float *spatial = NULL;
    dp_model_info_default(&info);
    fuzz_require(dp_model_get_info(model, &info) == DP_OK &&
                     dp_session_create(model, NULL, &session) == DP_OK &&
                     dp_session_preprocess_view(session, &clip, 0, 0, &spatial, NULL) == DP_OK,
                 "no view", dp_last_message());
    size_t side = (size_t)info.input_size;
    gguf_put(&seen[number], spatial, (size_t)info.spatial_frames * 3 * side * side * sizeof(float));
    dp_session_destroy(session);
}

static void make_frames(void) {
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * i / 7 + i);
    }
    for (int number = 0; number < CLIPS; number++) {
        for (int i = 0; i < FRAMES; i++) {
            frames[number][i] = dp_frame_packed(number * 2, pixels + 61 * i + number, 13 + number,
                                                17 - number - i % 2, 0);
        }
    }
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count;
    (void)arguments;
    make_frames();
    whole.bytes = fuzz_read(find_golden("crops-first.gguf").text, &whole.size);
    halves = split_model(whole.bytes, whole.size);
    for (int precision = 0; precision < PRECISIONS; precision++) {
        for (int of = 0; of < FAMILIES; of++) {
            dp_model *model = open_fresh((family)of, precision);
            keep_compiled(model, &compiled[of][precision]);
            for (int number = 0; number < CLIPS; number++) {
                answers[of][precision][number][0] = ask_fresh(model, number, 1);
                answers[of][precision][number][1] = ask_fresh(model, number, 2);
                if (of == WITH_HEAD && precision == 0) {
                    keep_view(model, number);
                }
            }
            dp_model_close(model);
        }
    }
    return 0;
}
