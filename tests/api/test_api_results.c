/*
 * The contract of dualpath.h: results and the likeliest classes, and what is no answer.
 */
#define DP_EXPERIMENTAL         /* dp_session_peak() */
#define _POSIX_C_SOURCE 200809L /* clock_gettime() */
#include "api_fixture.h"
#include "clocks.h"
#include "spoilt_model.h"

#include <float.h>
#include <math.h>

/* ---- answers that are not numbers ---- */

/* Of logits, and of the features of a model without a head. */
START_TEST(overflow_is_not_an_answer) {
    spoilt_file file = _i == 0 ? fill_golden_tensor("head.hidden.weight", FLT_MAX)
                               : fill_tensor_of(FEATURES_MODEL, "post_norm.weight", FLT_MAX);
    dp_model *broken = NULL;
    ck_assert_int_eq(dp_model_open_memory(file.bytes, file.size, NULL, &broken), DP_OK);
    dp_session *asked = new_session(broken, 1);
    dp_result result;
    dp_prediction top;
    dp_result_default(&result);
    check_refused(dp_classify_clip(asked, &clip.clip, &result), DP_ERR_NUMERIC,
                  dp_session_message(asked), "not finite");
    check_empty(&result);
    ck_assert_int_eq(dp_session_top(asked, 1, &top), _i == 0 ? DP_ERR_ARGUMENT : DP_ERR_NO_HEAD);
    dp_session_destroy(asked);
    dp_model_close(broken);
    free(file.bytes);
}
END_TEST

/* ---- the likeliest classes ---- */

START_TEST(top_needs_its_arguments) {
    dp_prediction top[4];
    static const int32_t counts[] = {0, -1, 4, INT32_MAX, INT32_MIN};
    REFUSED(dp_session_top(NULL, 1, top), DP_ERR_ARGUMENT, "session is NULL");
    SESSION_REFUSED(dp_session_top(session, 1, NULL), DP_ERR_ARGUMENT, "place");
    for (size_t i = 0; i < COUNT(counts); i++) {
        SESSION_REFUSED(dp_session_top(session, counts[i], top), DP_ERR_ARGUMENT,
                        "expected 1 .. 3");
    }
    check_still_works();
}
END_TEST

START_TEST(top_needs_a_result) {
    dp_session *fresh = new_session(model, 1);
    dp_prediction top;
    dp_status status = dp_session_top(fresh, 1, &top);
    check_refused(status, DP_ERR_ARGUMENT, dp_session_message(fresh), "no result");
    dp_session_destroy(fresh);
}
END_TEST

START_TEST(top_is_in_order) {
    dp_model *labelled = open_golden(LABELLED_MODEL);
    dp_session *asked = new_session(labelled, 1);
    dp_result result;
    dp_result_default(&result);
    ck_assert_int_eq(dp_classify_clip(asked, &clip.clip, &result), DP_OK);
    for (int32_t count = 1; count <= 3; count++) {
        dp_prediction top[4];
        memset(top, 0x77, sizeof top);
        top[count].index = 1234;
        ck_assert_int_eq(dp_session_top(asked, count, top), DP_OK);
        ck_assert_int_eq(top[count].index, 1234);
        for (int32_t i = 0; i < count; i++) {
            ck_assert(i == 0 || top[i].logit < top[i - 1].logit);
            ck_assert(top[i].logit == result.logits[top[i].index]);
            ck_assert(top[i].probability == result.probabilities[top[i].index]);
            ck_assert_ptr_eq(top[i].label, dp_model_label(labelled, top[i].index));
        }
        for (int32_t i = 0; i < 3; i++) {
            ck_assert(top[0].logit >= result.logits[i]);
        }
    }
    dp_session_destroy(asked);
    dp_model_close(labelled);
}
END_TEST

START_TEST(equal_classes_are_ordered_by_index) {
    spoilt_file file = fill_golden_tensor("head.output.weight", 0.0F);
    const float bias[3] = {1.0F, 2.0F, 2.0F};
    dp_model *even = NULL;
    ck_assert_int_eq(dp_model_open_memory(file.bytes, file.size, NULL, &even), DP_OK);
    dp_model_close(even);
    spoilt_file other = find_golden_tensor("head.output.bias");
    for (size_t i = 0; i < COUNT(bias); i++) {
        put_float(file.bytes + (other.tensor - other.bytes) + i * sizeof bias[0], bias[i]);
    }
    ck_assert_int_eq(dp_model_open_memory(file.bytes, file.size, NULL, &even), DP_OK);
    dp_session *asked = new_session(even, 1);
    ck_assert_uint_gt(classify(asked, &clip.clip).count, 0);
    static const int32_t order[] = {1, 2, 0};
    for (int32_t count = 1; count <= 3; count++) {
        dp_prediction top[3];
        ck_assert_int_eq(dp_session_top(asked, count, top), DP_OK);
        for (int32_t i = 0; i < count; i++) {
            ck_assert_int_eq(top[i].index, order[i]);
            ck_assert_str_eq(top[i].label, "");
        }
    }
    dp_session_destroy(asked);
    dp_model_close(even);
    free(other.bytes);
    free(file.bytes);
}
END_TEST

START_TEST(without_a_head_there_are_features_only) {
    dp_model *headless = open_golden(FEATURES_MODEL);
    dp_session *asked = new_session(headless, 1);
    dp_result result;
    dp_prediction top;
    dp_result_default(&result);
    ck_assert_int_eq(dp_classify_clip(asked, &clip.clip, &result), DP_OK);
    ck_assert(result.logits == NULL && result.probabilities == NULL && result.classes == 0);
    ck_assert(result.feature_temporal != NULL && result.feature_spatial != NULL);
    ck_assert_int_eq(result.feature_size, 16);
    dp_status status = dp_session_top(asked, 1, &top);
    check_refused(status, DP_ERR_NO_HEAD, dp_session_message(asked), "features only");
    dp_session_destroy(asked);
    dp_model_close(headless);
}
END_TEST

/* Of methods with one path: what the temporal path would give is NULL, and all else is there. */
START_TEST(one_path_has_one_feature) {
    static const char *const names[] = {AIM_MODEL, ST_MODEL, VPT_MODEL, ADAPTFORMER_MODEL,
                                        PROBE_MODEL};
    dp_model *one_path = open_golden(names[_i]);
    dp_session *asked = new_session(one_path, 1);
    dp_model_info info;
    dp_result result;
    const float *seen = NULL, *not_seen = poison;
    dp_model_info_default(&info);
    dp_result_default(&result);
    ck_assert_int_eq(dp_model_get_info(one_path, &info), DP_OK);
    ck_assert_int_eq(dp_classify_clip(asked, &clip.clip, &result), DP_OK);
    ck_assert(info.framesets == 0 && info.grid == 0 && info.spatial_frames == info.frames);
    ck_assert(result.feature_temporal == NULL && result.feature_spatial != NULL);
    ck_assert(result.logits != NULL && result.probabilities != NULL);
    ck_assert(result.classes == info.classes && result.feature_size == info.feature_size);
    ck_assert_int_eq(result.macs, info.macs);
    ck_assert_int_eq(dp_session_preprocess_view(asked, &clip.clip, 0, 0, &seen, &not_seen), DP_OK);
    ck_assert(seen != NULL && not_seen == NULL);
    ck_assert_int_eq(dp_session_preprocess_view(asked, &clip.clip, 0, 0, NULL, NULL), DP_OK);
    dp_session_destroy(asked);
    dp_model_close(one_path);
}
END_TEST

START_TEST(results_are_consistent) {
    dp_model_info info;
    dp_result result;
    dp_model_info_default(&info);
    dp_result_default(&result);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    dp_clip changed = clip.clip;
    changed.views = 2;
    changed.crops = 3;
    ck_assert_int_eq(dp_classify_clip(session, &changed, &result), DP_OK);
    ck_assert_int_eq(result.classes, info.classes);
    ck_assert_int_eq(result.feature_size, info.feature_size);
    ck_assert_int_eq(result.macs, 6 * info.macs);
    double sum = 0;
    double highest = fmax(fmax(result.logits[0], result.logits[1]), result.logits[2]);
    for (int i = 0; i < 3; i++) {
        sum += exp(result.logits[i] - highest);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(result.probabilities[i], exp(result.logits[i] - highest) / sum,
                                1e-6);
    }
    const dp_timings *ms = &result.timings;
    ck_assert(ms->blocks_ms > 0); /* the sum is, too */
    ck_assert(ms->frames_ms >= 0 && ms->patches_ms >= 0 && ms->blocks_ms >= 0 && ms->head_ms >= 0);
    ck_assert_double_ge(ms->total_ms + 1e-6,
                        ms->frames_ms + ms->patches_ms + ms->blocks_ms + ms->head_ms);
}
END_TEST

/* The progress callback of a session; waits once, longer than a second. */
static int wait_once(void *user, const char *stage, double fraction) {
    bool *waited = user;
    (void)stage;
    (void)fraction;
    sleep_ms(*waited ? 0 : 1020);
    *waited = true;
    return 0;
}

START_TEST(timings_are_milliseconds_of_the_call) {
    bool waited = false;
    dp_result result;
    dp_session_options options;
    dp_session *waiting = NULL;
    dp_session_options_default(&options);
    options.progress = wait_once;
    options.progress_user = &waited;
    ck_assert_int_eq(dp_session_create(model, &options, &waiting), DP_OK);
    dp_result_default(&result);
    double since = clock_ms(CLOCK_MONOTONIC);
    ck_assert_int_eq(dp_classify_clip(waiting, &clip.clip, &result), DP_OK);
    double passed = clock_ms(CLOCK_MONOTONIC) - since;
    ck_assert(waited);
    ck_assert_double_ge(result.timings.total_ms, 1020);
    ck_assert_double_le(result.timings.total_ms, passed + 1e-6);
    dp_session_destroy(waiting);
}
END_TEST

/* What a result points at is there until the next clip. */
START_TEST(results_stay_until_the_next_clip) {
    dp_result result;
    dp_prediction top[3];
    double gops;
    dp_result_default(&result);
    ck_assert_int_eq(dp_classify_clip(session, &clip.clip, &result), DP_OK);
    ck_assert_int_eq(dp_session_top(session, 3, top), DP_OK);
    ck_assert_int_eq(dp_session_top(session, 4, top), DP_ERR_ARGUMENT);
    ck_assert_int_eq(dp_session_peak(session, 1, &gops), DP_OK);
    answer kept = keep_answer(&result);
    ck_assert(same_bits(&kept, &expected));
}
END_TEST

static Suite *results_suite(void) {
    Suite *suite = suite_create("api_results");
    TCase *results = add_case(suite, "results", 60, set_up, tear_down);
    tcase_add_loop_test(results, overflow_is_not_an_answer, 0, 2);
    tcase_add_test(results, top_needs_its_arguments);
    tcase_add_test(results, top_needs_a_result);
    tcase_add_test(results, top_is_in_order);
    tcase_add_test(results, equal_classes_are_ordered_by_index);
    tcase_add_test(results, without_a_head_there_are_features_only);
    tcase_add_loop_test(results, one_path_has_one_feature, 0, 5);
    tcase_add_test(results, results_are_consistent);
    tcase_add_test(results, timings_are_milliseconds_of_the_call);
    tcase_add_test(results, results_stay_until_the_next_clip);
    return suite;
}

int main(void) {
    random_seed("test_api_results");
    return run_suite(results_suite());
}
