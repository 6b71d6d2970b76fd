/*
 * Clips whose frames come one by one, and sessions that go image by image: however a clip gets into
 * a session, and whatever the session holds of it, the answer is the same, bit for bit. What is
 * refused changes nothing, and what ends a clip says so.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime() */
#include "clocks.h"
#include "small_session.h"

#include <check.h>
#include <pthread.h>

#define ASSERT_DONE(call) ck_assert_msg((call) == DP_OK, "%s", dp_session_message(session))

#define REFUSED(call, status, part)                                                         \
    do {                                                                                    \
        ck_assert_int_eq(call, status);                                                     \
        ck_assert_msg(strstr(dp_session_message(session), part) != NULL, "\"%s\" lacks %s", \
                      dp_session_message(session), part);                                   \
    } while (0)

static dp_session *new_kind(const dp_model *of, int32_t threads, bool image_by_image) {
    dp_session *made = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = threads;
    options.image_by_image = image_by_image;
    (void)dp_session_create(of, &options, &made);
    return must(made, "a session");
}

static dp_model *open_as(const char *name, int32_t precision, bool unfused) {
    dp_model *made = NULL;
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = precision;
    options.unfused = unfused;
    (void)dp_model_open(find_golden(name).text, &options, &made);
    return must(made, name);
}

static size_t frames_of(const dp_model *of) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(of, &info), DP_OK);
    return (size_t)info.frames;
}

static void push_frames(dp_session *to, const dp_frame *frames, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(dp_session_push_frame(to, &frames[i]) == DP_OK, "%s", dp_session_message(to));
    }
}

static answer finish(dp_session *of) {
    dp_result result;
    dp_result_default(&result);
    ck_assert_msg(dp_session_finish_clip(of, &result) == DP_OK, "%s", dp_session_message(of));
    return keep_answer(&result);
}

static answer push_clip(dp_session *to, const test_clip *clip, int32_t crop, int32_t crops) {
    ck_assert_int_eq(dp_session_begin_clip(to, crop, crops), DP_OK);
    push_frames(to, clip->frames, clip->clip.frame_count);
    return finish(to);
}

/* ---- the same bits ---- */

/* Two framesets, every frame a frameset, frames of both paths, no head, other layouts; then methods
 * with one path. */
static const char *const model_names[] = {
    SMALL_MODEL,  LABELLED_MODEL,  FEATURES_MODEL,     "released-t32.gguf", "grid1.gguf",
    "paper.gguf", "grid2-3d.gguf", "skip-scaled.gguf", "table-f16.gguf",    "widths-bf16.gguf",
    AIM_MODEL,    ST_MODEL,        VPT_MODEL,          ADAPTFORMER_MODEL,   PROBE_MODEL,
};

static void check_model(const dp_model *of) {
    size_t frames = frames_of(of);
    test_clip clip = make_clip(frames, 37, 21);
    dp_session *all = new_session(of, 1);
    clip.clip.sampling = DP_SAMPLING_GIVEN;
    answer expected = classify(all, &clip.clip);
    for (int kind = 0; kind < 6; kind++) {
        static const int32_t threads[] = {1, 2, 5};
        dp_session *one = new_kind(of, threads[kind / 2], kind % 2 == 1 && !frames_meet(of));
        answer pushed = push_clip(one, &clip, 0, 1);
        answer given = classify(one, &clip.clip);
        answer again = push_clip(one, &clip, 0, 1);
        ck_assert(same_bits(&pushed, &expected));
        ck_assert(same_bits(&given, &expected));
        ck_assert(same_bits(&again, &expected));
        dp_session_destroy(one);
    }
    dp_session_destroy(all);
    free_clip(&clip);
}

START_TEST(pushed_frames_answer_as_given_ones) {
    for (int32_t precision = DP_PRECISION_F32; precision <= DP_PRECISION_INT8; precision++) {
        dp_model *of = open_as(model_names[_i], precision, false);
        check_model(of);
        dp_model_close(of);
    }
    dp_model *of = open_as(model_names[_i], DP_PRECISION_F32, true);
    check_model(of);
    dp_model_close(of);
}
END_TEST

/* Frames whose short side is that of the model are only cut. */
START_TEST(a_crop_is_one_of_those_of_a_clip) {
    test_clip clip = make_clip(SMALL_FRAMES, 31, SMALL_SIDE);
    const int32_t starts[] = {0, 8, 15};
    for (int32_t crop = 0; crop < 3; crop++) {
        test_clip part = clip;
        dp_frame frames[SMALL_FRAMES];
        for (size_t i = 0; i < SMALL_FRAMES; i++) {
            frames[i] = clip.frames[i];
            frames[i].plane[0] += 3 * starts[crop];
            frames[i].width = SMALL_SIDE;
        }
        part.clip.frames = part.frames = frames;
        answer expected = classify(session, &part.clip);
        answer got = push_clip(session, &clip, crop, 3);
        ck_assert(same_bits(&got, &expected));
    }
    free_clip(&clip);
}
END_TEST

START_TEST(views_and_crops_go_image_by_image) {
    test_clip clip = make_clip(50, 31, 18);
    dp_session *one = new_kind(model, 2, true);
    clip.clip.views = 3;
    clip.clip.crops = 2;
    answer expected = classify(session, &clip.clip);
    answer got = classify(one, &clip.clip);
    ck_assert(same_bits(&got, &expected));
    dp_session_destroy(one);
    free_clip(&clip);
}
END_TEST

/* Each frame lies in the same buffer, in a size of its own, and is overwritten when it was pushed.
 */
START_TEST(a_pushed_frame_is_not_needed_any_more) {
    bool image_by_image = _i == 1;
    test_clip clip = make_clip(SMALL_FRAMES, 40, 30);
    dp_session *one = new_kind(model, 1, image_by_image);
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        clip.frames[i].width = (int32_t)random_size(1, 40);
        clip.frames[i].height = (int32_t)random_size(1, 30);
        clip.frames[i].format = i % 2 == 0 ? DP_FORMAT_BGR24 : DP_FORMAT_RGB24;
    }
    answer expected = classify(session, &clip.clip);
    ck_assert_int_eq(dp_session_begin_clip(one, 0, 1), DP_OK);
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        size_t bytes = (size_t)40 * 30 * 3;
        uint8_t *buffer = must(malloc(bytes), "memory");
        dp_frame frame = clip.frames[i];
        memcpy(buffer, frame.plane[0], bytes);
        frame.plane[0] = buffer;
        ck_assert_int_eq(dp_session_push_frame(one, &frame), DP_OK);
        memset(buffer, 0, bytes);
        free(buffer);
    }
    answer got = finish(one);
    ck_assert(same_bits(&got, &expected));
    dp_session_destroy(one);
    free_clip(&clip);
}
END_TEST

typedef struct push_job {
    dp_session *session;
    const dp_frame *frame;
    dp_status status;
} push_job;

static void *push_elsewhere(void *argument) {
    push_job *job = argument;
    job->status = dp_session_push_frame(job->session, job->frame);
    return NULL;
}

START_TEST(each_frame_may_come_from_another_thread) {
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    dp_session *one = new_kind(model, 2, true);
    answer expected = classify(session, &clip.clip);
    ck_assert_int_eq(dp_session_begin_clip(one, 0, 1), DP_OK);
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        pthread_t thread;
        push_job job = {one, &clip.frames[i], DP_ERR_THREAD};
        ck_assert_int_eq(pthread_create(&thread, NULL, push_elsewhere, &job), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_int_eq(job.status, DP_OK);
    }
    answer got = finish(one);
    ck_assert(same_bits(&got, &expected));
    dp_session_destroy(one);
    free_clip(&clip);
}
END_TEST

/* ---- what is refused, and what ends a clip ---- */

static void check_no_clip(void) {
    test_clip clip = make_clip(1, 8, 8);
    dp_result result;
    dp_result_default(&result);
    REFUSED(dp_session_push_frame(session, clip.frames), DP_ERR_ARGUMENT, "no clip is open");
    REFUSED(dp_session_finish_clip(session, &result), DP_ERR_ARGUMENT, "no clip is open");
    ck_assert_ptr_null(result.feature_spatial);
    free_clip(&clip);
}

START_TEST(without_a_clip_there_is_nothing_to_push_to) {
    check_no_clip();
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    (void)push_clip(session, &clip, 0, 1);
    check_no_clip();
    (void)classify(session, &clip.clip);
    check_no_clip();
    free_clip(&clip);
}
END_TEST

START_TEST(null_is_refused) {
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    dp_result result;
    ck_assert_int_eq(dp_session_begin_clip(NULL, 0, 1), DP_ERR_ARGUMENT);
    ck_assert_int_eq(dp_session_push_frame(NULL, clip.frames), DP_ERR_ARGUMENT);
    ck_assert_int_eq(dp_session_finish_clip(NULL, &result), DP_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "session is NULL"));
    ASSERT_DONE(dp_session_begin_clip(session, 0, 1));
    REFUSED(dp_session_push_frame(session, NULL), DP_ERR_ARGUMENT, "frame is NULL");
    REFUSED(dp_session_finish_clip(session, NULL), DP_ERR_ARGUMENT, "result is NULL");
    free_clip(&clip);
}
END_TEST

START_TEST(crops_out_of_range_are_refused) {
    static const int32_t wrong[][2] = {{0, 0}, {0, -1}, {-1, 1}, {1, 1}, {3, 3}, {0, 65}};
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    answer expected = classify(session, &clip.clip);
    ASSERT_DONE(dp_session_begin_clip(session, 0, 1));
    push_frames(session, clip.frames, 3);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        REFUSED(dp_session_begin_clip(session, wrong[i][0], wrong[i][1]), DP_ERR_ARGUMENT, "crop");
    }
    push_frames(session, clip.frames + 3, SMALL_FRAMES - 3);
    answer got = finish(session);
    ck_assert(same_bits(&got, &expected));
    ASSERT_DONE(dp_session_begin_clip(session, DP_MAX_CROPS - 1, DP_MAX_CROPS));
    free_clip(&clip);
}
END_TEST

/* Each of these in the middle of a clip, which then goes on as if nothing had been. */
START_TEST(what_is_refused_changes_nothing) {
    test_clip clip = make_clip(SMALL_FRAMES, 20, 20);
    answer expected = classify(session, &clip.clip);
    dp_result result;
    dp_session_destroy(session);
    session = new_kind(model, 1, _i == 1);
    ASSERT_DONE(dp_session_begin_clip(session, 0, 1));
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        dp_frame wrong = clip.frames[i];
        dp_clip empty;
        char number[32];
        wrong.format = 77;
        (void)snprintf(number, sizeof number, "frame %zu: 77", i);
        REFUSED(dp_session_push_frame(session, &wrong), DP_ERR_FRAME, number);
        dp_result_default(&result);
        (void)snprintf(number, sizeof number, "has %zu frames of the 16", i);
        REFUSED(dp_session_finish_clip(session, &result), DP_ERR_ARGUMENT, number);
        ck_assert_ptr_null(result.feature_spatial);
        result.struct_size = 1;
        REFUSED(dp_session_finish_clip(session, &result), DP_ERR_ARGUMENT, "struct_size");
        dp_clip_default(&empty);
        dp_result_default(&result);
        REFUSED(dp_classify_clip(session, &empty, &result), DP_ERR_ARGUMENT, "no frames");
        push_frames(session, &clip.frames[i], 1);
    }
    REFUSED(dp_session_push_frame(session, clip.frames), DP_ERR_ARGUMENT, "16 frames already");
    answer got = finish(session);
    ck_assert(same_bits(&got, &expected));
    free_clip(&clip);
}
END_TEST

START_TEST(a_whole_clip_ends_a_pushed_one) {
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    const float *seen;
    for (size_t pushed = 0; pushed <= SMALL_FRAMES; pushed += 4) {
        ASSERT_DONE(dp_session_begin_clip(session, 0, 1));
        push_frames(session, clip.frames, pushed);
        (void)classify(session, &clip.clip);
        check_no_clip();
        ASSERT_DONE(dp_session_begin_clip(session, 0, 1));
        push_frames(session, clip.frames, pushed);
        ASSERT_DONE(dp_session_preprocess_view(session, &clip.clip, 0, 0, &seen, NULL));
        check_no_clip();
    }
    free_clip(&clip);
}
END_TEST

START_TEST(beginning_again_drops_what_was_pushed) {
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    test_clip other = make_clip(SMALL_FRAMES, 16, 16);
    answer expected = classify(session, &clip.clip);
    dp_session_destroy(session);
    session = new_kind(model, 1, _i == 1);
    for (size_t pushed = 1; pushed <= SMALL_FRAMES; pushed += 5) {
        ASSERT_DONE(dp_session_begin_clip(session, 1, 2));
        push_frames(session, other.frames, pushed);
        answer got = push_clip(session, &clip, 0, 1);
        ck_assert(same_bits(&got, &expected));
    }
    free_clip(&clip);
    free_clip(&other);
}
END_TEST

START_TEST(the_last_result_stays_until_the_clip_is_finished) {
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    test_clip other = make_clip(SMALL_FRAMES, 16, 16);
    dp_prediction before, after;
    dp_result result;
    dp_session_destroy(session);
    session = new_kind(model, 1, _i == 1);
    dp_result_default(&result);
    ASSERT_DONE(dp_classify_clip(session, &clip.clip, &result));
    answer kept = keep_answer(&result);
    ASSERT_DONE(dp_session_top(session, 1, &before));
    ASSERT_DONE(dp_session_begin_clip(session, 0, 1));
    push_frames(session, other.frames, SMALL_FRAMES);
    answer still = keep_answer(&result);
    ck_assert(same_bits(&still, &kept));
    ASSERT_DONE(dp_session_top(session, 1, &after));
    ck_assert(before.index == after.index && before.logit == after.logit);
    answer got = finish(session);
    ck_assert(!same_bits(&got, &kept));
    ASSERT_DONE(dp_session_top(session, 1, &after));
    ck_assert(after.logit == got.values[after.index]);
    free_clip(&clip);
    free_clip(&other);
}
END_TEST

START_TEST(image_by_image_never_sees_a_whole_view) {
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    const float nothing = 0, *spatial = &nothing;
    dp_session_destroy(session);
    session = new_kind(model, 1, true);
    REFUSED(dp_session_preprocess_view(session, &clip.clip, 0, 0, &spatial, NULL), DP_ERR_ARGUMENT,
            "image by image");
    ck_assert_ptr_null(spatial);
    free_clip(&clip);
}
END_TEST

/* ---- progress and timings ---- */

typedef struct watch {
    int calls, stop_at; /* -1: never */
    double last;
    bool fell;
} watch;

static int look(void *user, const char *stage, double fraction) {
    watch *self = user;
    (void)stage;
    self->fell = self->fell || !(fraction >= self->last && fraction <= 1.0);
    self->last = fraction;
    return self->calls++ == self->stop_at;
}

static dp_session *new_watched(watch *by, bool image_by_image) {
    dp_session *made = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 1;
    options.image_by_image = image_by_image;
    options.progress = look;
    options.progress_user = by;
    (void)dp_session_create(model, &options, &made);
    return must(made, "a session");
}

/* Frames, and after the last one what comes of them; the status of the first that is not DP_OK. */
static dp_status try_clip(dp_session *on, const test_clip *clip, dp_result *result) {
    dp_status status = dp_session_begin_clip(on, 0, 1);
    for (size_t i = 0; status == DP_OK && i < SMALL_FRAMES; i++) {
        status = dp_session_push_frame(on, &clip->frames[i]);
    }
    return status == DP_OK ? dp_session_finish_clip(on, result) : status;
}

START_TEST(progress_never_falls) {
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    for (int kind = 0; kind < 4; kind++) {
        dp_result result;
        watch by = {.stop_at = -1};
        dp_session *on = new_watched(&by, kind % 2 == 1);
        dp_result_default(&result);
        ck_assert_int_eq(kind < 2 ? try_clip(on, &clip, &result)
                                  : dp_classify_clip(on, &clip.clip, &result),
                         DP_OK);
        ck_assert(!by.fell);
        ck_assert(by.last == 1.0);
        dp_session_destroy(on);
    }
    free_clip(&clip);
}
END_TEST

START_TEST(cancelling_ends_the_clip) {
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    answer expected = classify(session, &clip.clip);
    dp_result result;
    watch by = {.stop_at = -1};
    dp_session_destroy(session);
    session = new_watched(&by, _i == 1);
    dp_result_default(&result);
    ASSERT_DONE(try_clip(session, &clip, &result));
    int calls = by.calls;
    ck_assert_int_gt(calls, SMALL_FRAMES);
    for (int stop = 0; stop < calls; stop++) {
        by = (watch){.stop_at = stop};
        dp_result_default(&result);
        REFUSED(try_clip(session, &clip, &result), DP_ERR_CANCELLED, "cancelled at stage");
        ck_assert_ptr_null(result.feature_spatial);
        check_no_clip();
    }
    by = (watch){.stop_at = -1};
    answer got = push_clip(session, &clip, 0, 1);
    ck_assert(same_bits(&got, &expected));
    free_clip(&clip);
}
END_TEST

START_TEST(timings_are_of_all_calls) {
    test_clip clip = make_clip(SMALL_FRAMES, 64, 64);
    dp_result result;
    dp_session_destroy(session);
    session = new_kind(model, 1, _i == 1);
    for (int round = 0; round < 2; round++) {
        dp_result_default(&result);
        double since = clock_ms(CLOCK_MONOTONIC);
        ASSERT_DONE(try_clip(session, &clip, &result));
        double passed = clock_ms(CLOCK_MONOTONIC) - since;
        const dp_timings *t = &result.timings;
        ck_assert(t->frames_ms > 0 && t->patches_ms > 0 && t->blocks_ms > 0 && t->head_ms > 0);
        ck_assert(t->frames_ms + t->patches_ms + t->blocks_ms + t->head_ms <= t->total_ms);
        ck_assert_double_le(t->total_ms, passed + 1e-6);
        ck_assert_int_gt(result.macs, 0);
    }
    free_clip(&clip);
}
END_TEST

/* ---- memory ---- */

static size_t size_of(const dp_model *of, bool image_by_image) {
    dp_session_options options;
    size_t bytes = 0;
    dp_session_options_default(&options);
    options.threads = 1;
    options.image_by_image = image_by_image;
    ck_assert_int_eq(dp_session_size(of, &options, &bytes), DP_OK);
    return bytes;
}

START_TEST(image_by_image_takes_less_memory) {
    dp_model *of = open_golden(model_names[_i]);
    if (!frames_meet(of)) { /* others cannot do it */
        ck_assert_uint_lt(2 * size_of(of, true), size_of(of, false));
    }
    dp_model_close(of);
}
END_TEST

START_TEST(an_arena_of_the_size_is_enough) {
    dp_model *of = open_golden(model_names[_i]);
    bool image_by_image = !frames_meet(of);
    size_t bytes = size_of(of, image_by_image);
    dp_session_options options;
    test_clip clip = make_clip(frames_of(of), 20, 30);
    dp_session *all = new_session(of, 1), *made;
    clip.clip.sampling = DP_SAMPLING_GIVEN;
    answer expected = classify(all, &clip.clip);
    dp_session_options_default(&options);
    options.threads = 1;
    options.image_by_image = image_by_image;
    options.arena = guarded_bytes(bytes, 64);
    options.arena_size = bytes - 1;
    ck_assert_int_eq(dp_session_create(of, &options, &made), DP_ERR_ARENA);
    options.arena_size = bytes;
    ck_assert_int_eq(dp_session_create(of, &options, &made), DP_OK);
    answer got = push_clip(made, &clip, 0, 1);
    ck_assert(same_bits(&got, &expected));
    dp_session_destroy(made);
    guarded_end();
    dp_session_destroy(all);
    free_clip(&clip);
    dp_model_close(of);
}
END_TEST

static Suite *push_suite(void) {
    Suite *suite = suite_create("api_push");
    TCase *bits = tcase_create("bits");
    tcase_add_checked_fixture(bits, set_up, tear_down);
    tcase_set_timeout(bits, 120);
    tcase_add_loop_test(bits, pushed_frames_answer_as_given_ones, 0, (int)COUNT(model_names));
    tcase_add_test(bits, a_crop_is_one_of_those_of_a_clip);
    tcase_add_test(bits, views_and_crops_go_image_by_image);
    tcase_add_loop_test(bits, a_pushed_frame_is_not_needed_any_more, 0, 2);
    tcase_add_test(bits, each_frame_may_come_from_another_thread);
    suite_add_tcase(suite, bits);
    TCase *rules = tcase_create("rules");
    tcase_add_checked_fixture(rules, set_up, tear_down);
    tcase_set_timeout(rules, 60);
    tcase_add_test(rules, without_a_clip_there_is_nothing_to_push_to);
    tcase_add_test(rules, null_is_refused);
    tcase_add_test(rules, crops_out_of_range_are_refused);
    tcase_add_loop_test(rules, what_is_refused_changes_nothing, 0, 2);
    tcase_add_test(rules, a_whole_clip_ends_a_pushed_one);
    tcase_add_loop_test(rules, beginning_again_drops_what_was_pushed, 0, 2);
    tcase_add_loop_test(rules, the_last_result_stays_until_the_clip_is_finished, 0, 2);
    tcase_add_test(rules, image_by_image_never_sees_a_whole_view);
    tcase_add_test(rules, progress_never_falls);
    tcase_add_loop_test(rules, cancelling_ends_the_clip, 0, 2);
    tcase_add_loop_test(rules, timings_are_of_all_calls, 0, 2);
    suite_add_tcase(suite, rules);
    TCase *memory = tcase_create("memory");
    tcase_add_checked_fixture(memory, set_up, tear_down);
    tcase_set_timeout(memory, 60);
    tcase_add_loop_test(memory, image_by_image_takes_less_memory, 0, (int)COUNT(model_names));
    tcase_add_loop_test(memory, an_arena_of_the_size_is_enough, 0, (int)COUNT(model_names));
    suite_add_tcase(suite, memory);
    return suite;
}

int main(void) {
    random_seed("test_api_push");
    return run_suite(push_suite());
}
