/*
 * Windows of a stream: which frames they have, and that each answers as dp_classify_clip() does on
 * these frames, bit for bit, whatever was computed before and however much of it is used again.
 */
#include "api/stream.h"
#include "model_recipe.h"
#include "small_stream.h"

/* ---- the same bits ---- */

/* Two framesets, every frame a frameset, frames of both paths, no head, other layouts; then methods
 * with one path, whose frames meet in the blocks or not. */
static const char *const model_names[] = {
    SMALL_MODEL,
    LABELLED_MODEL,
    FEATURES_MODEL,
    "released-t32.gguf",
    "grid1.gguf",
    "paper.gguf",
    "grid2-3d.gguf",
    "skip-scaled.gguf",
    "table-f16.gguf",
    "widths-bf16.gguf",
    AIM_MODEL,
    "family/aim.gguf",
    "family/aim_timm.gguf",
    ST_MODEL,
    "family/st_mlp_only.gguf",
    "family/st_3x3x3.gguf",
    VPT_MODEL,
    "family/vpt_shallow.gguf",
    ADAPTFORMER_MODEL,
    PROBE_MODEL,
    "family/features.gguf",
};

static dp_model *open_as(const char *name, int32_t precision) {
    dp_model *made = NULL;
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = precision;
    (void)dp_model_open(find_golden(name).text, &options, &made);
    return must(made, name);
}

static dp_session *new_kind(const dp_model *of, int32_t threads, bool image_by_image) {
    dp_session *made = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = threads;
    options.image_by_image = image_by_image;
    (void)dp_session_create(of, &options, &made);
    return must(made, "a session");
}

/* A film in which some frames are those before once more. */
static test_clip make_film(size_t count, bool still) {
    test_clip film = make_clip(count, 23, 17);
    for (size_t i = 1; i < count && still; i++) {
        if (random_below(4) != 0) {
            film.frames[i].plane[0] = film.frames[i - 1].plane[0];
        }
    }
    return film;
}

static int32_t at_random(size_t below) {
    return (int32_t)random_below((uint32_t)below);
}

/* A stream of random rules on a film of random length. */
static void check_random_stream(const dp_model *of, dp_session *on, dp_session *reference) {
    dp_stream_options options = default_options();
    size_t frames = frames_of(of);
    options.hop = 1 + at_random(frames + 3);
    options.rate = 1 + at_random(3);
    options.skip_unchanged = at_random(2);
    size_t length = 1 + (size_t)at_random(3 * frames * (size_t)options.rate);
    test_clip film = make_film(length, options.skip_unchanged != 0);
    dp_stream *stream = new_stream(on, &options);
    int64_t windows = 0;
    for (size_t i = 0; i < length; i++) {
        push(stream, &film.frames[i], (int64_t)i * 1000);
        windows += check_windows(stream, reference, &film);
    }
    size_t sampled = (length - 1) / (size_t)options.rate + 1;
    size_t hop = (size_t)options.hop;
    ck_assert_uint_eq((size_t)windows, sampled < frames ? 0 : (sampled - frames) / hop + 1);
    ck_assert_int_eq(dp_stream_finish(stream), DP_OK);
    windows = check_windows(stream, reference, &film);
    bool ends_with_window = sampled >= frames && (sampled - frames) % hop == 0;
    bool ends_between = sampled > frames && (sampled - frames) / hop * hop + hop >= sampled;
    ck_assert_int_eq(windows, ends_with_window || ends_between ? 0 : 1);
    dp_stream_destroy(stream);
    free_clip(&film);
}

START_TEST(windows_answer_as_clips_of_their_frames) {
    for (int32_t precision = DP_PRECISION_F32; precision <= DP_PRECISION_INT8; precision++) {
        dp_model *of = open_as(model_names[_i], precision);
        dp_session *reference = new_session(of, 1);
        for (int kind = 0; kind < 4; kind++) {
            dp_session *on = new_kind(of, 1 + 2 * (kind / 2), kind % 2 == 1 && !frames_meet(of));
            for (int i = 0; i < 3; i++) {
                check_random_stream(of, on, reference);
            }
            dp_session_destroy(on);
        }
        dp_session_destroy(reference);
        dp_model_close(of);
    }
}
END_TEST

/* ---- which frames ---- */

static void expect_frames(const dp_window *window, int64_t start, int64_t step, int64_t last) {
    for (int64_t t = 0; t < window->frame_count; t++) {
        int64_t expected = start + step * t;
        ck_assert_int_eq(window->frames[t], expected < last ? expected : last);
        ck_assert_int_eq(window->times_us[t], 1000 * window->frames[t]);
    }
}

static dp_window only_window(dp_stream *stream) {
    dp_window window = next(stream);
    ck_assert_int_eq(window.ready, 1);
    ck_assert_int_eq(window.frame_count, SMALL_FRAMES);
    return window;
}

START_TEST(a_window_is_ready_with_its_last_frame) {
    dp_stream_options options = default_options();
    test_clip film = make_clip(60, 17, 17);
    options.rate = 3;
    options.hop = 2;
    dp_stream *stream = new_stream(session, &options);
    int64_t windows = 0;
    for (int64_t i = 0; i < 60; i++) {
        push(stream, &film.frames[i], 1000 * i);
        dp_window window = next(stream);
        bool expected =
            i % 3 == 0 && i / 3 >= SMALL_FRAMES - 1 && (i / 3 - (SMALL_FRAMES - 1)) % 2 == 0;
        ck_assert_int_eq(window.ready, expected);
        if (expected) {
            ck_assert_int_eq(window.number, windows);
            expect_frames(&window, 6 * windows, 3, INT64_MAX);
            windows++;
        } else {
            ck_assert_ptr_null(window.logits);
            ck_assert_ptr_null(window.frames);
        }
    }
    ck_assert_int_eq(windows, 3);
    dp_stream_destroy(stream);
    free_clip(&film);
}
END_TEST

START_TEST(the_last_window_ends_with_the_last_frame) {
    dp_stream_options options = default_options();
    test_clip film = make_clip(SMALL_FRAMES + 6, 17, 17);
    options.rate = 1;
    options.hop = SMALL_FRAMES;
    dp_stream *stream = new_stream(session, &options);
    for (int64_t i = 0; i < SMALL_FRAMES + 6; i++) {
        push(stream, &film.frames[i], 1000 * i);
        check_windows(stream, session, &film);
    }
    ck_assert_int_eq(dp_stream_finish(stream), DP_OK);
    dp_window window = only_window(stream);
    expect_frames(&window, 6, 1, SMALL_FRAMES + 5);
    dp_stream_destroy(stream);
    free_clip(&film);
}
END_TEST

START_TEST(a_short_stream_is_a_short_clip) {
    dp_stream_options options = default_options();
    test_clip film = make_clip(5, 17, 17);
    options.rate = 2;
    dp_stream *stream = new_stream(session, &options);
    for (int64_t i = 0; i < 5; i++) {
        push(stream, &film.frames[i], 1000 * i);
        ck_assert_int_eq(check_windows(stream, session, &film), 0);
    }
    ck_assert_int_eq(dp_stream_finish(stream), DP_OK);
    dp_window window = only_window(stream);
    expect_frames(&window, 0, 2, 4);
    answer got = keep_window(&window);
    film.clip.rate = 2;
    answer expected = classify(session, &film.clip);
    ck_assert(same_bits(&got, &expected));
    ck_assert_int_eq(check_windows(stream, session, &film), 0);
    dp_stream_destroy(stream);
    free_clip(&film);
}
END_TEST

START_TEST(a_stream_without_frames_has_no_window) {
    dp_stream *stream = new_stream(session, NULL);
    test_clip film = make_clip(1, 17, 17);
    ck_assert_int_eq(check_windows(stream, session, &film), 0);
    ck_assert_int_eq(dp_stream_finish(stream), DP_OK);
    ck_assert_int_eq(check_windows(stream, session, &film), 0);
    dp_stream_destroy(stream);
    free_clip(&film);
}
END_TEST

START_TEST(a_reset_stream_begins_anew) {
    test_clip film = make_clip(SMALL_FRAMES, 17, 17);
    dp_stream_options options = default_options();
    options.rate = 1;
    dp_stream *stream = new_stream(session, &options);
    for (int round = 0; round < 3; round++) {
        int64_t windows = 0;
        for (int64_t i = 0; i < SMALL_FRAMES; i++) {
            push(stream, &film.frames[i], 1000 * i);
            windows += check_windows(stream, session, &film);
        }
        ck_assert_int_eq(windows, 1);
        if (round == 1) {
            ck_assert_int_eq(dp_stream_finish(stream), DP_OK);
        }
        ck_assert_int_eq(dp_stream_reset(stream), DP_OK);
    }
    dp_stream_destroy(stream);
    free_clip(&film);
}
END_TEST

/* ---- what is used again ---- */

static int64_t macs_of_clip(const dp_model *of) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(of, &info), DP_OK);
    return info.macs;
}

/* The multiply-adds of each window of a film in `macs`. */
static int64_t count_macs(dp_session *on, const dp_stream_options *options, const test_clip *film,
                          int64_t *macs) {
    dp_stream *stream = new_stream(on, options);
    int64_t windows = 0;
    for (size_t i = 0; i < film->clip.frame_count; i++) {
        push(stream, &film->frames[i], 0);
        dp_window window = next(stream);
        if (window.ready) {
            macs[windows++] = window.macs;
        }
    }
    dp_stream_destroy(stream);
    return windows;
}

/* SMALL_MODEL has 8 spatial frames and a frameset. */
START_TEST(a_window_costs_its_new_images) {
    dp_stream_options options = default_options();
    test_clip film = make_clip(SMALL_FRAMES + 8, 17, 17);
    int64_t macs[9], whole = macs_of_clip(model);
    options.rate = 1;
    options.hop = 2;
    ck_assert_int_eq(count_macs(session, &options, &film, macs), 5);
    ck_assert_int_eq(macs[0], whole);
    for (int i = 1; i < 5; i++) {
        ck_assert_int_lt(macs[i], whole / 3);
        ck_assert_int_eq(macs[i], macs[1]);
    }
    free_clip(&film);
}
END_TEST

START_TEST(a_still_picture_costs_one_image_and_the_head) {
    dp_stream_options options = default_options();
    test_clip film = make_clip(SMALL_FRAMES + 8, 17, 17);
    int64_t macs[5], whole = macs_of_clip(model);
    for (size_t i = 1; i < film.clip.frame_count; i++) {
        film.frames[i].plane[0] = film.frames[0].plane[0];
    }
    options.rate = 1;
    options.hop = 2;
    options.skip_unchanged = 1;
    ck_assert_int_eq(count_macs(session, &options, &film, macs), 5);
    ck_assert_int_lt(macs[0], whole / 3);
    for (int i = 1; i < 5; i++) {
        ck_assert_int_lt(macs[i], whole / 10);
    }
    free_clip(&film);
}
END_TEST

/* A picture that is still through frames between windows is computed again: nothing of it is kept.
 */
START_TEST(a_still_picture_between_windows_is_not_kept) {
    dp_stream_options options = default_options();
    test_clip film = make_clip(3 * SMALL_FRAMES + 24, 17, 17);
    int64_t macs[3], whole = macs_of_clip(model);
    for (size_t i = 1; i < film.clip.frame_count; i++) {
        film.frames[i].plane[0] = film.frames[0].plane[0];
    }
    options.rate = 1;
    options.hop = SMALL_FRAMES + 24;
    options.skip_unchanged = 1;
    ck_assert_int_eq(count_macs(session, &options, &film, macs), 2);
    ck_assert_int_lt(macs[0], whole / 3);
    ck_assert_int_gt(macs[1], whole / 20);
    ck_assert_int_lt(macs[1], whole / 3);
    free_clip(&film);
}
END_TEST

/* Multiply-adds of the call that takes a frame, which are in a window or still to come in one. */
static int64_t macs_of_frame(dp_stream *stream, const dp_frame *frame) {
    int64_t before = stream->macs;
    push(stream, frame, 0);
    dp_window window = next(stream);
    return (window.ready ? window.macs : stream->macs) - before;
}

/* A spatial image of this model has nearly twice the multiply-adds of a frameset: without its last
 * blocks, which come with the next frame, the largest call would have 1.3 times the mean. */
START_TEST(frames_cost_about_the_same) {
    shape deep = released;
    deep.blocks = 6;
    deep.frames = 4;
    deep.spatial = 2;
    recipe r = make_recipe(&deep);
    opened o = open_recipe(&r, NULL);
    dp_session *on = new_session(must(o.model, "a model"), 1);
    dp_stream_options options = default_options();
    options.rate = 1;
    dp_stream *stream = new_stream(on, &options);
    test_clip film = make_clip(24, 17, 17);
    int64_t sum = 0, largest = 0;

    ck_assert_uint_gt(stream->late.blocks, 0);
    for (size_t i = 0; i < 24; i++) {
        int64_t macs = macs_of_frame(stream, &film.frames[i]);
        if (i >= deep.frames) {
            sum += macs;
            largest = macs > largest ? macs : largest;
        }
    }
    int64_t of_each_pair = dpi_image_macs(o.model, DPI_SPATIAL) +
                           dpi_image_macs(o.model, DPI_TEMPORAL) + dpi_head_macs(o.model);
    ck_assert_int_eq(sum, 10 * of_each_pair);
    ck_assert_int_lt(100 * largest, 115 * (sum / 20));
    dp_stream_destroy(stream);
    dp_session_destroy(on);
    close_opened(&o);
    free_clip(&film);
}
END_TEST

/* What a later window costs, with this hop. */
static int64_t cost_of_window(const dp_model *of, int32_t hop, bool still) {
    dp_stream_options options = default_options();
    dp_session *on = new_session(of, 1);
    test_clip film = make_clip(frames_of(of) + 2 * (size_t)hop, 17, 17);
    int64_t macs[3];
    for (size_t i = 1; i < film.clip.frame_count && still; i++) {
        film.frames[i].plane[0] = film.frames[0].plane[0];
    }
    options.rate = 1;
    options.hop = hop;
    options.skip_unchanged = still;
    ck_assert_int_eq(count_macs(on, &options, &film, macs), 3);
    ck_assert_int_eq(macs[1], macs[2]);
    dp_session_destroy(on);
    free_clip(&film);
    return macs[1];
}

/* A window of T frames costs T images and the head; a later one as many images as it has new
 * frames, and none while the picture is still. */
START_TEST(frames_of_one_path_are_computed_once) {
    static const char *const names[] = {VPT_MODEL, "family/vpt_shallow.gguf", ADAPTFORMER_MODEL,
                                        PROBE_MODEL};
    dp_model *of = open_golden(names[_i]);
    int32_t frames = (int32_t)frames_of(of);
    int64_t whole = macs_of_clip(of), one = cost_of_window(of, 1, false);
    int64_t image = cost_of_window(of, 2, false) - one;
    ck_assert_int_gt(image, 0);
    ck_assert_int_eq(one, whole - (frames - 1) * image);
    ck_assert_int_eq(cost_of_window(of, frames, false), whole);
    ck_assert_int_eq(cost_of_window(of, frames + 3, false), whole);
    ck_assert_int_eq(cost_of_window(of, 1, true), one - image);
    dp_model_close(of);
}
END_TEST

/* Where frames meet in the blocks, no image of a window is that of another window. */
START_TEST(windows_whose_frames_meet_are_computed_anew) {
    static const char *const names[] = {AIM_MODEL, ST_MODEL};
    dp_model *of = open_golden(names[_i]);
    int64_t whole = macs_of_clip(of);
    for (int32_t hop = 1; hop <= (int32_t)frames_of(of) + 1; hop++) {
        ck_assert_int_eq(cost_of_window(of, hop, false), whole);
        ck_assert_int_eq(cost_of_window(of, hop, true), whole);
    }
    dp_model_close(of);
}
END_TEST

/* Of which the session has memory that streams and clips use in turns. Of the second, a spatial
 * image has blocks left when its call ends. */
static const char *const shared_models[] = {SMALL_MODEL, "relu.gguf", AIM_MODEL, ST_MODEL,
                                            VPT_MODEL};

/* A clip that is open for frames ends. */
START_TEST(the_session_can_be_used_in_between) {
    dp_stream_options options = default_options();
    dp_model *of = open_golden(shared_models[_i]);
    size_t frames = frames_of(of);
    test_clip film = make_clip(frames, 17, 17);
    dp_session *on = new_session(of, 1), *other = new_session(of, 1);
    options.rate = 1;
    dp_stream *stream = new_stream(on, &options);
    int64_t windows = 0;
    answer expected = classify(other, &film.clip);
    for (size_t i = 0; i < frames; i++) {
        push(stream, &film.frames[i], 1000 * (int64_t)i);
        windows += check_windows(stream, other, &film);
        answer got = classify(on, &film.clip);
        ck_assert(same_bits(&got, &expected));
        ck_assert_int_eq(dp_session_begin_clip(on, 0, 1), DP_OK);
        ck_assert_int_eq(dp_session_push_frame(on, &film.frames[0]), DP_OK);
    }
    ck_assert_int_eq(windows, 1);
    (void)check_windows(stream, other, &film);
    ck_assert_int_eq(dp_session_push_frame(on, &film.frames[0]), DP_ERR_ARGUMENT);
    dp_session_destroy(other);
    dp_stream_destroy(stream);
    dp_session_destroy(on);
    dp_model_close(of);
    free_clip(&film);
}
END_TEST

START_TEST(streams_share_a_session) {
    dp_stream_options options = default_options();
    dp_model *of = open_golden(shared_models[_i]);
    size_t length = frames_of(of) + 4;
    test_clip films[3];
    dp_stream *streams[3];
    dp_session *on = new_session(of, 1), *other = new_session(of, 1);
    int64_t windows = 0;
    options.rate = 1;
    options.hop = 4;
    for (int s = 0; s < 3; s++) {
        films[s] = make_clip(length, 17, 17);
        streams[s] = new_stream(on, &options);
    }
    for (size_t i = 0; i < length; i++) {
        for (int s = 0; s < 3; s++) {
            push(streams[s], &films[s].frames[i], 1000 * (int64_t)i);
            windows += check_windows(streams[s], other, &films[s]);
        }
    }
    ck_assert_int_eq(windows, 6);
    for (int s = 0; s < 3; s++) {
        dp_stream_destroy(streams[s]);
        free_clip(&films[s]);
    }
    dp_session_destroy(other);
    dp_session_destroy(on);
    dp_model_close(of);
}
END_TEST

START_TEST(the_likeliest_classes_are_those_of_the_window) {
    dp_stream_options options = default_options();
    test_clip film = make_clip(SMALL_FRAMES, 17, 17);
    dp_prediction top[2], expected[2];
    options.rate = 1;
    dp_stream *stream = new_stream(session, &options);
    ck_assert_int_eq(dp_stream_top(stream, 2, top), DP_ERR_ARGUMENT);
    ck_assert_str_eq(dp_last_message(), "this stream has no result yet");
    for (int64_t i = 0; i < SMALL_FRAMES; i++) {
        push(stream, &film.frames[i], 0);
        (void)next(stream);
    }
    (void)classify(session, &film.clip);
    ck_assert_int_eq(dp_session_top(session, 2, expected), DP_OK);
    ck_assert_int_eq(dp_stream_top(stream, 2, top), DP_OK);
    ck_assert_mem_eq(top, expected, sizeof top);
    dp_stream_destroy(stream);
    free_clip(&film);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("stream");
    TCase *bits = add_case(suite, "bits", 300, set_up, tear_down);
    tcase_add_loop_test(bits, windows_answer_as_clips_of_their_frames, 0, (int)COUNT(model_names));
    TCase *frames = add_case(suite, "frames", 60, set_up, tear_down);
    tcase_add_test(frames, a_window_is_ready_with_its_last_frame);
    tcase_add_test(frames, the_last_window_ends_with_the_last_frame);
    tcase_add_test(frames, a_short_stream_is_a_short_clip);
    tcase_add_test(frames, a_stream_without_frames_has_no_window);
    tcase_add_test(frames, a_reset_stream_begins_anew);
    TCase *again = add_case(suite, "again", 60, set_up, tear_down);
    tcase_add_test(again, a_window_costs_its_new_images);
    tcase_add_test(again, a_still_picture_costs_one_image_and_the_head);
    tcase_add_test(again, a_still_picture_between_windows_is_not_kept);
    tcase_add_test(again, frames_cost_about_the_same);
    tcase_add_loop_test(again, frames_of_one_path_are_computed_once, 0, 4);
    tcase_add_loop_test(again, windows_whose_frames_meet_are_computed_anew, 0, 2);
    tcase_add_loop_test(again, the_session_can_be_used_in_between, 0, (int)COUNT(shared_models));
    tcase_add_loop_test(again, streams_share_a_session, 0, (int)COUNT(shared_models));
    tcase_add_test(again, the_likeliest_classes_are_those_of_the_window);
    return run_suite(suite);
}
