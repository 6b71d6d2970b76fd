/*
 * What class tokens attend to: weights that sum up to 1, the same however a clip gets into a
 * session, nearly the same in all precisions and fused or not, and gone when another call takes
 * their place. tests of Python compare them with PyTorch.
 */
#include "small_session.h"

static const char *const model_names[] = {SMALL_MODEL,      LABELLED_MODEL,     "released-t32.gguf",
                                          "grid1.gguf",     "skip-scaled.gguf", "widths-bf16.gguf",
                                          AIM_MODEL,        ST_MODEL,           VPT_MODEL,
                                          ADAPTFORMER_MODEL};

static dp_model_info info_of(const dp_model *of) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(of, &info), DP_OK);
    return info;
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

static dp_session *new_kind(const dp_model *of, int32_t attention, int32_t threads,
                            bool image_by_image) {
    dp_session *made = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = threads;
    options.image_by_image = image_by_image;
    options.attention = attention;
    (void)dp_session_create(of, &options, &made);
    return must(made, "a session");
}

/* Those of a rollout are the weights that blocks multiply with, which AMX rounds to bf16: each is
 * off by up to 2^-9 of itself, and so is their sum. */
#define ROUNDED (1.0F / 512.0F)

/* Of both paths, or the one. */
typedef struct weights {
    float values[4096];
    size_t count;
} weights;

static void keep_path(dp_session *of, int32_t path, int32_t prompts, weights *kept) {
    dp_attention attention;
    ck_assert_msg(dp_session_attention(of, path, &attention) == DP_OK, "%s",
                  dp_session_message(of));
    size_t rows = (size_t)(attention.images * attention.heads);
    size_t tokens = (size_t)attention.tokens;
    ck_assert_int_eq(attention.tokens, attention.side * attention.side + 1 + prompts);
    ck_assert_uint_le(kept->count + rows * tokens, COUNT(kept->values));
    memcpy(kept->values + kept->count, attention.weights, rows * tokens * sizeof(float));
    kept->count += rows * tokens;
    for (size_t i = 0; i < rows; i++) {
        float sum = 0.0F;
        for (size_t t = 0; t < tokens; t++) {
            ck_assert(attention.weights[i * tokens + t] >= 0.0F);
            sum += attention.weights[i * tokens + t];
        }
        ck_assert_float_eq_tol(sum, 1.0F, attention.heads == 1 ? ROUNDED : 1e-4F);
    }
}

static void expect_no_temporal_path(dp_session *of, int32_t method) {
    dp_attention attention;
    memset(&attention, 0x77, sizeof attention);
    ck_assert_int_eq(dp_session_attention(of, DP_PATH_TEMPORAL, &attention), DP_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(dp_session_message(of), "has no temporal path"));
    ck_assert_ptr_nonnull(strstr(dp_session_message(of), dp_method_name(method)));
    ck_assert(attention.weights == NULL && attention.images == 0);
}

static void keep_weights(dp_session *of, const dp_model *model_of, weights *kept) {
    dp_model_info info = info_of(model_of);
    kept->count = 0;
    keep_path(of, DP_PATH_SPATIAL, info.prompts, kept);
    if (info.method == DP_METHOD_DUALPATH) {
        keep_path(of, DP_PATH_TEMPORAL, 0, kept);
    } else {
        expect_no_temporal_path(of, info.method);
    }
}

static float largest_difference(const weights *a, const weights *b) {
    float largest = 0.0F;
    ck_assert_uint_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        largest = fmaxf(largest, fabsf(a->values[i] - b->values[i]));
    }
    return largest;
}

static test_clip clip_for(const dp_model *of) {
    test_clip clip = make_clip((size_t)info_of(of).frames, 37, 21);
    clip.clip.sampling = DP_SAMPLING_GIVEN;
    return clip;
}

static void push_clip(dp_session *to, const test_clip *clip) {
    dp_result result;
    dp_result_default(&result);
    ck_assert_int_eq(dp_session_begin_clip(to, 0, 1), DP_OK);
    for (size_t i = 0; i < clip->clip.frame_count; i++) {
        ck_assert_int_eq(dp_session_push_frame(to, &clip->frames[i]), DP_OK);
    }
    ck_assert_int_eq(dp_session_finish_clip(to, &result), DP_OK);
}

/* Loops go through the models, first with one kind of attention, then with the other. */
#define MODELS ((int)COUNT(model_names))
#define KIND (_i < MODELS ? DP_ATTENTION_LAST : DP_ATTENTION_ROLLOUT)

START_TEST(attention_does_not_depend_on_the_way_of_a_clip) {
    static weights expected, got;
    for (int32_t precision = DP_PRECISION_F32; precision <= DP_PRECISION_INT8; precision++) {
        dp_model *of = open_as(model_names[_i % MODELS], precision, false);
        test_clip clip = clip_for(of);
        dp_session *plain = new_session(of, 1);
        answer without = classify(plain, &clip.clip);
        for (int kind = 0; kind < 4; kind++) {
            dp_session *one = new_kind(of, KIND, 1 + kind / 2, kind % 2 == 1 && !frames_meet(of));
            answer with = classify(one, &clip.clip);
            ck_assert(same_bits(&with, &without));
            keep_weights(one, of, kind == 0 ? &expected : &got);
            ck_assert(kind == 0 || largest_difference(&expected, &got) == 0.0F);
            push_clip(one, &clip);
            keep_weights(one, of, &got);
            ck_assert(largest_difference(&expected, &got) == 0.0F);
            dp_session_destroy(one);
        }
        dp_session_destroy(plain);
        dp_model_close(of);
        free_clip(&clip);
    }
}
END_TEST

/* Rounding makes weights differ, by more in bytes. */
START_TEST(attention_is_that_of_the_formulas_in_every_precision) {
    static weights expected, got;
    static const float bounds[] = {1e-5F, 0.02F, 0.05F};
    dp_model *unfused = open_as(model_names[_i % MODELS], DP_PRECISION_F32, true);
    test_clip clip = clip_for(unfused);
    dp_session *reference = new_kind(unfused, KIND, 1, false);
    (void)classify(reference, &clip.clip);
    keep_weights(reference, unfused, &expected);
    for (int32_t precision = DP_PRECISION_F32; precision <= DP_PRECISION_INT8; precision++) {
        dp_model *of = open_as(model_names[_i % MODELS], precision, false);
        dp_session *one = new_kind(of, KIND, 2, false);
        (void)classify(one, &clip.clip);
        keep_weights(one, of, &got);
        float difference = largest_difference(&expected, &got);
        ck_assert_msg(difference < bounds[precision - DP_PRECISION_F32], "%g in %s",
                      (double)difference, dp_precision_name(precision));
        dp_session_destroy(one);
        dp_model_close(of);
    }
    dp_session_destroy(reference);
    dp_model_close(unfused);
    free_clip(&clip);
}
END_TEST

/* Half of what the heads of the only block attend to, and half of the class token itself. */
START_TEST(the_rollout_of_one_block_is_half_of_its_mean) {
    static weights last, rolled;
    dp_attention attention;
    test_clip clip = clip_for(model);
    dp_session *one = new_kind(model, DP_ATTENTION_LAST, 1, false);
    dp_session *other = new_kind(model, DP_ATTENTION_ROLLOUT, 1, false);
    ck_assert_int_eq(info_of(model).blocks, 1);
    (void)classify(one, &clip.clip);
    (void)classify(other, &clip.clip);
    keep_weights(one, model, &last);
    keep_weights(other, model, &rolled);
    ck_assert_int_eq(dp_session_attention(one, DP_PATH_SPATIAL, &attention), DP_OK);
    size_t heads = (size_t)attention.heads, tokens = (size_t)attention.tokens;
    ck_assert_uint_gt(heads, 1);
    for (size_t i = 0; i < rolled.count; i++) {
        float mean = 0.0F;
        for (size_t head = 0; head < heads; head++) {
            mean += last.values[(i / tokens * heads + head) * tokens + i % tokens] / (float)heads;
        }
        float expected = (mean + (i % tokens == 0 ? 1.0F : 0.0F)) / 2.0F;
        ck_assert_float_eq_tol(rolled.values[i], expected, 1e-6F);
    }
    dp_session_destroy(one);
    dp_session_destroy(other);
    free_clip(&clip);
}
END_TEST

/* The last of several views and crops. */
START_TEST(attention_is_that_of_the_last_view) {
    static weights expected, got;
    test_clip clip = make_clip(SMALL_FRAMES + 9, 31, SMALL_SIDE);
    dp_session *one = new_kind(model, DP_ATTENTION_LAST, 1, false);
    dp_result result;
    dp_result_default(&result);
    clip.clip.sampling = DP_SAMPLING_CENTER;
    clip.clip.views = 9; /* of which the last begins at frame 17 * 9 / 18 = 8 */
    clip.clip.crops = 2;
    ck_assert_int_eq(dp_session_begin_clip(one, 1, 2), DP_OK);
    for (size_t i = 0; i < SMALL_FRAMES; i++) {
        ck_assert_int_eq(dp_session_push_frame(one, &clip.frames[8 + i]), DP_OK);
    }
    ck_assert_int_eq(dp_session_finish_clip(one, &result), DP_OK);
    keep_weights(one, model, &expected);
    (void)classify(one, &clip.clip);
    keep_weights(one, model, &got);
    ck_assert(largest_difference(&expected, &got) == 0.0F);
    dp_session_destroy(one);
    free_clip(&clip);
}
END_TEST

#define REFUSED(part)                                                                              \
    do {                                                                                           \
        ck_assert_int_eq(dp_session_attention(one, DP_PATH_SPATIAL, &attention), DP_ERR_ARGUMENT); \
        ck_assert_msg(strstr(dp_session_message(one), part) != NULL, "\"%s\" lacks %s",            \
                      dp_session_message(one), part);                                              \
        ck_assert_ptr_null(attention.weights);                                                     \
    } while (0)

START_TEST(attention_is_gone_when_another_call_takes_its_place) {
    dp_attention attention;
    dp_stream *stream = NULL;
    dp_window window;
    test_clip clip = make_clip(SMALL_FRAMES, 17, 17);
    dp_session *one = new_kind(model, DP_ATTENTION_LAST, 1, false);
    REFUSED("has no attention");
    for (int i = 0; i < 3; i++) {
        (void)classify(one, &clip.clip);
        ck_assert_int_eq(dp_session_attention(one, DP_PATH_TEMPORAL, &attention), DP_OK);
        if (i == 0) {
            ck_assert_int_eq(dp_session_begin_clip(one, 0, 1), DP_OK);
        } else if (i == 1) {
            ck_assert_int_eq(dp_session_preprocess_view(one, &clip.clip, 0, 0, NULL, NULL), DP_OK);
        } else {
            dp_window_default(&window);
            ck_assert_int_eq(dp_stream_create(one, NULL, &stream), DP_OK);
            ck_assert_int_eq(dp_session_attention(one, DP_PATH_TEMPORAL, &attention), DP_OK);
            ck_assert_int_eq(dp_stream_next(stream, 0, &window), DP_OK);
            dp_stream_destroy(stream);
        }
        REFUSED("has no attention");
    }
    dp_session_destroy(one);
    free_clip(&clip);
}
END_TEST

START_TEST(attention_must_be_asked_for) {
    dp_attention attention;
    test_clip clip = make_clip(SMALL_FRAMES, 17, 17);
    dp_session *one = new_session(model, 1);
    (void)classify(one, &clip.clip);
    REFUSED("set dp_session_options.attention");
    ck_assert_int_eq(dp_session_attention(NULL, 0, &attention), DP_ERR_ARGUMENT);
    ck_assert_int_eq(dp_session_attention(one, 0, NULL), DP_ERR_ARGUMENT);
    ck_assert_int_eq(dp_session_attention(one, 2, &attention), DP_ERR_ARGUMENT);
    ck_assert_str_eq(dp_session_message(one), "2 is no dp_path");
    dp_session_destroy(one);
    free_clip(&clip);
}
END_TEST

/* 4 bytes for each image, head and token, rounded up to cache lines. */
START_TEST(attention_takes_memory_only_where_it_is_asked_for) {
    dp_session_options options;
    dp_model *of = open_golden(model_names[_i]);
    dp_model_info info = info_of(of);
    size_t without = 0, with = 0;
    dp_session_options_default(&options);
    options.threads = 1;
    ck_assert_int_eq(dp_session_size(of, &options, &without), DP_OK);
    options.attention = DP_ATTENTION_LAST;
    ck_assert_int_eq(dp_session_size(of, &options, &with), DP_OK);
    size_t side = (size_t)(info.input_size / info.patch_size);
    size_t bytes = (size_t)((info.spatial_frames + info.framesets) * info.heads) *
                   (side * side + 1 + (size_t)info.prompts) * sizeof(float);
    ck_assert_uint_ge(with - without, bytes);
    ck_assert_uint_lt(with - without, bytes + 3 * 64);
    options.attention = 3;
    ck_assert_int_eq(dp_session_size(of, &options, &with), DP_ERR_ARGUMENT);
    ck_assert_str_eq(dp_last_message(), "dp_session_options: 3 is no dp_attention_kind");
    options.attention = -1;
    ck_assert_int_eq(dp_session_size(of, &options, &with), DP_ERR_ARGUMENT);
    dp_model_close(of);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("api_attention");
    TCase *kept = add_case(suite, "weights", 120, set_up, tear_down);
    tcase_add_loop_test(kept, attention_does_not_depend_on_the_way_of_a_clip, 0, 2 * MODELS);
    tcase_add_loop_test(kept, attention_is_that_of_the_formulas_in_every_precision, 0, 2 * MODELS);
    tcase_add_test(kept, the_rollout_of_one_block_is_half_of_its_mean);
    tcase_add_test(kept, attention_is_that_of_the_last_view);
    TCase *rules = add_case(suite, "rules", 60, set_up, tear_down);
    tcase_add_test(rules, attention_is_gone_when_another_call_takes_its_place);
    tcase_add_test(rules, attention_must_be_asked_for);
    tcase_add_loop_test(rules, attention_takes_memory_only_where_it_is_asked_for, 0, MODELS);
    return run_suite(suite);
}
