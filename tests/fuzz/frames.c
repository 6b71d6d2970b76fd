/*
 * libFuzzer on clips: bytes become a precision, sampling options and frame descriptors of all
 * formats, sizes and strides, each plane a heap block of exactly the described bytes. It is known
 * beforehand whether a clip is sound: then it must be classified, and else refused with the right
 * status. Its frames are then pushed one by one, each the same way.
 */
#include "fuzz.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define MODEL_FRAMES 16 /* of the model below */
#define MAX_FRAMES 40
#define MAX_PICTURES 4
#define MAX_CLASSES 3

/* Of each precision: a session of one thread, and one of three that goes image by image. */
static struct { dp_session *session, *other; } engines[DP_PRECISION_AUTO];

static dp_session *session, *other; /* those of this input */

static void check(bool holds, const char *what) {
    fuzz_require(holds, what, dp_session_message(session));
}

static dp_session *new_session(const dp_model *model, int threads, bool image_by_image) {
    dp_session *made = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = threads;
    options.image_by_image = image_by_image;
    check(dp_session_create(model, &options, &made) == DP_OK, dp_last_message());
    return made;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    golden_path path = find_golden("crops-first.gguf");
    (void)argc;
    (void)argv;
    for (int32_t precision = 0; precision < DP_PRECISION_AUTO; precision++) {
        dp_model_options options;
        dp_model *model = NULL;
        dp_model_options_default(&options);
        options.precision = precision;
        check(dp_model_open(path.text, &options, &model) == DP_OK, dp_last_message());
        engines[precision].session = new_session(model, 1, false);
        engines[precision].other = new_session(model, 3, true);
    }
    return 0;
}

/* ---- pictures ---- */

/* Numbers of a frame, but its sides: sound are first, first + step, ... of which there are `count`;
 * with a count of 0 all. A new field of dp_frame is a line here. */
static const struct field {
    size_t offset;
    int32_t first, step, count;
    bool of_chroma; /* not looked at without chroma */
} fields[] = {
    {offsetof(dp_frame, format), 0, 1, FUZZ_FORMATS, false},
    {offsetof(dp_frame, color), 0, 1, 6, true},
    {offsetof(dp_frame, rotation), 0, 90, 4, false},
    {offsetof(dp_frame, mirrored), 0, 1, 0, false},
    {offsetof(dp_frame, aspect_width), 1, 1, DP_MAX_ASPECT, false},
    {offsetof(dp_frame, aspect_height), 1, 1, DP_MAX_ASPECT, false},
    {offsetof(dp_frame, reserved), 0, 1, 1, false},
    {sizeof(dp_frame) - sizeof(int32_t), 0, 1, 1, false}, /* the last of `reserved` */
};
#define FIELDS ((int)(sizeof fields / sizeof *fields))

static void set_field(dp_frame *frame, const struct field *f, int32_t value) {
    memcpy((char *)frame + f->offset, &value, sizeof value);
}

static void choose_field(fuzz_input *in, dp_frame *frame, const struct field *f) {
    int32_t choice = fuzz_byte(in);
    set_field(frame, f, f->first + f->step * (f->count > 0 ? choice % f->count : choice - 128));
}

/* Whether the frame stays sound: some values of some fields do not matter. */
static bool spoil_field(fuzz_input *in, dp_frame *frame) {
    const struct field *f = &fields[fuzz_byte(in) % FIELDS];
    int32_t beyond = fuzz_byte(in);
    bool matters = f->count > 0 && (!f->of_chroma || fuzz_plane_of(frame, 1).rows > 0);
    int32_t above = f->first + f->step * (f->count - 1) + 1 + beyond / 2;
    set_field(frame, f, beyond % 2 == 0 ? f->first - 1 - beyond / 2 : above);
    return !matters;
}

typedef struct picture {
    dp_frame frame;
    void *blocks[3];
    bool sound;
} picture;

static void make_plane(fuzz_input *in, picture *made, int plane) {
    fuzz_plane shape = fuzz_plane_of(&made->frame, plane);
    if (shape.rows == 0) {
        made->frame.plane[plane] = (const uint8_t *)(uintptr_t)fuzz_byte(in); /* ignored */
        made->frame.stride[plane] = fuzz_byte(in);
        return;
    }
    uint8_t how = fuzz_byte(in);
    ptrdiff_t stride = shape.row_bytes + how % 8;
    ptrdiff_t last_row = (shape.rows - 1) * stride;
    uint8_t *block = malloc((size_t)(last_row + shape.row_bytes));
    check(block != NULL, "no memory");
    for (ptrdiff_t i = 0; i < last_row + shape.row_bytes; i++) {
        block[i] = (uint8_t)(how * i + i / 7);
    }
    bool flip = how >= 128;
    made->blocks[plane] = block;
    made->frame.plane[plane] = flip ? block + last_row : block;
    made->frame.stride[plane] = flip ? -stride : stride;
}

/* One thing that makes a frame unusable. Some do not matter for some frames. */
static void spoil(fuzz_input *in, picture *made) {
    dp_frame *frame = &made->frame;
    int plane = fuzz_byte(in) % 3;
    fuzz_plane shape = fuzz_plane_of(frame, plane);
    if (shape.rows == 0) {
        plane = 0;
        shape = fuzz_plane_of(frame, plane);
    }
    made->sound = false;
    switch (fuzz_byte(in) % 8) {
    case 0:
        frame->width = -fuzz_byte(in);
        break;
    case 1:
        frame->height = DP_MAX_FRAME_SIDE + 1 + fuzz_byte(in);
        break;
    case 2:
        frame->plane[plane] = NULL;
        break;
    case 3:
        made->sound = shape.rows == 1;
        frame->stride[plane] = shape.row_bytes - 1;
        break;
    case 4:
        made->sound = shape.rows == 1;
        frame->stride[plane] = 1 - shape.row_bytes;
        break;
    case 5:
        frame->stride[plane] = PTRDIFF_MIN + fuzz_byte(in) % 2;
        made->sound = shape.rows == 1 && frame->stride[plane] > PTRDIFF_MIN;
        break;
    default:
        made->sound = spoil_field(in, frame);
    }
}

static picture make_picture(fuzz_input *in) {
    picture made = {.sound = true};
    for (int i = 0; i < FIELDS; i++) {
        choose_field(in, &made.frame, &fields[i]);
    }
    uint8_t how = fuzz_byte(in);
    made.frame.width = 1 + fuzz_below(in, how % 8 == 0 ? 3000 : 40);
    made.frame.height = 1 + fuzz_below(in, how % 8 == 0 ? 20 : 40);
    for (int plane = 0; plane < 3; plane++) {
        make_plane(in, &made, plane);
    }
    if (how >= 224) {
        spoil(in, &made);
    } else if (how >= 128) { /* which stands for square pixels */
        made.frame.aspect_width = made.frame.aspect_height = 0;
    }
    return made;
}

static void free_picture(picture *made) {
    for (int plane = 0; plane < 3; plane++) {
        free(made->blocks[plane]);
    }
}

/* ---- clips ---- */

typedef struct fuzzed_clip {
    picture pictures[MAX_PICTURES];
    dp_frame *frames; /* a block of exactly frame_count */
    bool sound[MAX_FRAMES];
    dp_clip clip;
    dp_status expected;
} fuzzed_clip;

/* 1 .. 3, or rarely a number that is out of range. */
static int32_t next_count(fuzz_input *in) {
    static const int32_t wrong[] = {0, -1, 257, INT32_MIN};
    uint8_t how = fuzz_byte(in);
    return how < 248 ? 1 + how % 3 : wrong[how % 4];
}

static void choose_options(fuzz_input *in, dp_clip *clip) {
    uint8_t how = fuzz_byte(in);
    clip->frame_count = 1 + (size_t)fuzz_byte(in) % MAX_FRAMES;
    clip->sampling = how % (DP_SAMPLING_SEGMENTS + 1);
    clip->rate = how < 200 ? fuzz_byte(in) % 32 : fuzz_below(in, 65537);
    clip->views = next_count(in);
    clip->crops = next_count(in);
    if (clip->sampling == DP_SAMPLING_GIVEN && how < 240) {
        clip->frame_count = MODEL_FRAMES;
        clip->views = 1;
    }
    if (how == 255) {
        clip->sampling = DP_SAMPLING_SEGMENTS + 1 + fuzz_byte(in);
    }
}

static bool are_sound(const dp_clip *clip) {
    bool given = clip->sampling == DP_SAMPLING_GIVEN;
    bool one_view = given || clip->sampling == DP_SAMPLING_SEGMENTS;
    return clip->sampling <= DP_SAMPLING_SEGMENTS && clip->views >= 0 && clip->views <= 3 &&
           clip->crops >= 0 && clip->crops <= 3 && (!one_view || clip->views <= 1) &&
           (!given || clip->frame_count == MODEL_FRAMES);
}

static void make_clip(fuzz_input *in, fuzzed_clip *made) {
    dp_clip_default(&made->clip);
    choose_options(in, &made->clip);
    made->expected = are_sound(&made->clip) ? DP_OK : DP_ERR_ARGUMENT;
    for (size_t i = 0; i < MAX_PICTURES; i++) {
        made->pictures[i] = make_picture(in);
    }
    made->frames = malloc(made->clip.frame_count * sizeof *made->frames);
    check(made->frames != NULL, "no memory");
    for (size_t i = 0; i < made->clip.frame_count; i++) {
        const picture *used = &made->pictures[fuzz_byte(in) % MAX_PICTURES];
        made->frames[i] = used->frame;
        made->sound[i] = used->sound;
        if (!used->sound && made->expected == DP_OK) {
            made->expected = DP_ERR_FRAME;
        }
    }
    made->clip.frames = made->frames;
}

static void free_clip(fuzzed_clip *made) {
    for (size_t i = 0; i < MAX_PICTURES; i++) {
        free_picture(&made->pictures[i]);
    }
    free(made->frames);
}

/* ---- answers ---- */

static void check_answer(dp_session *of, const dp_result *result) {
    double sum = 0;
    dp_prediction top;
    check(result->classes == MAX_CLASSES, "wrong number of classes");
    check(dp_session_top(of, 1, &top) == DP_OK, "no top class");
    for (int32_t i = 0; i < MAX_CLASSES; i++) {
        check(isfinite(result->logits[i]) != 0, "a logit is not finite");
        check(result->probabilities[i] >= 0, "a negative probability");
        check(result->logits[i] <= top.logit, "the top class is not the top");
        sum += (double)result->probabilities[i];
    }
    check(fabs(sum - 1) < 1e-5, "probabilities do not add up to 1");
}

static void check_same(const dp_result *a, const dp_result *b) {
    check(memcmp(a->logits, b->logits, MAX_CLASSES * sizeof(float)) == 0,
          "threads change the answer");
}

/* How many of the frames were taken: as many as a model takes, of those that are sound. */
static size_t push_frames(dp_session *to, const fuzzed_clip *made) {
    size_t taken = 0;
    check(dp_session_begin_clip(to, 0, 1) == DP_OK, "no clip begins");
    for (size_t i = 0; i < made->clip.frame_count; i++) {
        dp_status expected = taken == MODEL_FRAMES ? DP_ERR_ARGUMENT
                             : made->sound[i]      ? DP_OK
                                                   : DP_ERR_FRAME;
        check(dp_session_push_frame(to, &made->frames[i]) == expected, "a frame pushed");
        taken += expected == DP_OK;
    }
    return taken;
}

/* `given` is the answer to the clip, if it was classified. */
static void check_pushed(const fuzzed_clip *made, const dp_result *given) {
    dp_result pushed, again;
    dp_result_default(&pushed);
    dp_result_default(&again);
    size_t taken = push_frames(other, made);
    dp_status expected = taken == MODEL_FRAMES ? DP_OK : DP_ERR_ARGUMENT;
    check(dp_session_finish_clip(other, &pushed) == expected, "a pushed clip finished");
    if (expected != DP_OK) {
        return;
    }
    check_answer(other, &pushed);
    if (given->logits != NULL && made->clip.sampling == DP_SAMPLING_GIVEN &&
        made->clip.crops == 1) {
        check_same(given, &pushed);
    }
    check(push_frames(session, made) == taken, "another session takes other frames");
    check(dp_session_finish_clip(session, &again) == DP_OK, "fails with all images together");
    check_same(&again, &pushed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size, 0};
    fuzzed_clip made;
    dp_result result, again;
    int precision = fuzz_byte(&in) % DP_PRECISION_AUTO;
    session = engines[precision].session;
    other = engines[precision].other;
    make_clip(&in, &made);
    dp_result_default(&result);
    dp_result_default(&again);
    dp_status status = dp_classify_clip(session, &made.clip, &result);
    check(status == made.expected, dp_status_name(status));
    if (status == DP_OK) {
        check_answer(session, &result);
        check(dp_classify_clip(other, &made.clip, &again) == DP_OK, "fails with threads");
        check_same(&result, &again);
    } else {
        check(result.logits == NULL && result.feature_temporal == NULL, "a result of a failure");
        check(dp_session_message(session)[0] != '\0', "a failure without a sentence");
    }
    check_pushed(&made, &result);
    free_clip(&made);
    return 0;
}
