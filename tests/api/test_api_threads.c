/*
 * Threads, seen from outside: the answer is the same, bit for bit, with any number of them, from
 * any of them, and whatever other sessions do.
 */
#include "small_session.h"

#include <pthread.h>

/* ---- threads ---- */

static const char *const models[] = {SMALL_MODEL, LABELLED_MODEL, FEATURES_MODEL,
                                     "quantised-q8_0.gguf", "grid1.gguf"};

START_TEST(threads_do_not_change_a_bit) {
    for (int unfused = 0; unfused < 2; unfused++) {
        dp_model *tried = NULL;
        dp_model_options options;
        dp_model_options_default(&options);
        options.unfused = unfused;
        ck_assert_int_eq(dp_model_open(find_golden(models[_i]).text, &options, &tried), DP_OK);
        test_clip clip = make_clip(33, 37, 29);
        clip.clip.views = 2;
        answer expected = {{0}, 0};
        for (int threads = 1; threads <= (int)unless_brief(8, 3); threads++) {
            dp_session *other = new_session(tried, threads);
            answer got = classify(other, &clip.clip);
            expected = threads == 1 ? got : expected;
            ck_assert(same_bits(&got, &expected));
            dp_session_destroy(other);
        }
        free_clip(&clip);
        dp_model_close(tried);
    }
}
END_TEST

START_TEST(default_threads_do_not_either) {
    test_clip clip = make_clip(SMALL_FRAMES, 16, 16);
    dp_session *other = NULL;
    ck_assert_int_eq(dp_session_create(model, NULL, &other), DP_OK);
    answer expected = classify(session, &clip.clip);
    answer got = classify(other, &clip.clip);
    ck_assert(same_bits(&got, &expected));
    dp_session_destroy(other);
    free_clip(&clip);
}
END_TEST

/* What a session was asked before leaves no trace. */
START_TEST(earlier_clips_leave_no_trace) {
    test_clip first = make_clip(SMALL_FRAMES, 16, 16);
    test_clip second = make_clip(45, 64, 21);
    second.clip.views = 3;
    second.clip.crops = 2;
    answer expected = classify(session, &first.clip);
    answer other = classify(session, &second.clip);
    answer got = classify(session, &first.clip);
    ck_assert(same_bits(&got, &expected));
    ck_assert(!same_bits(&other, &expected));
    free_clip(&first);
    free_clip(&second);
}
END_TEST

/* Threads with sessions of their own on one model, while others open the same file and fail. */
#define CALLERS 4
#define ROUNDS 6

typedef struct caller {
    pthread_t thread;
    int number;
    test_clip clip;
    answer expected;
    int wrong;
} caller;

static void *call_often(void *argument) {
    caller *self = argument;
    char name[32];
    (void)snprintf(name, sizeof name, "missing file %d", self->number);
    for (int round = 0; round < ROUNDS; round++) {
        dp_session *own = new_session(model, 1 + self->number % 3);
        answer got = classify(own, &self->clip.clip);
        dp_model *opened = NULL;
        dp_status status = dp_model_open(name, NULL, &opened);
        self->wrong += !same_bits(&got, &self->expected) || status != DP_ERR_IO ||
                       strstr(dp_last_message(), name) == NULL;
        opened = open_golden(SMALL_MODEL);
        dp_model_close(opened);
        dp_session_destroy(own);
    }
    return NULL;
}

START_TEST(sessions_run_side_by_side) {
    caller callers[CALLERS] = {0};
    for (int i = 0; i < CALLERS; i++) {
        callers[i].number = i;
        callers[i].clip = make_clip(SMALL_FRAMES, 16 + i, 18);
        callers[i].expected = classify(session, &callers[i].clip.clip);
    }
    for (int i = 0; i < CALLERS; i++) {
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        ck_assert_int_eq(pthread_join(callers[i].thread, NULL), 0);
        ck_assert_int_eq(callers[i].wrong, 0);
        free_clip(&callers[i].clip);
    }
}
END_TEST

static void *call_once(void *argument) {
    caller *self = argument;
    answer got = classify(session, &self->clip.clip);
    self->wrong = !same_bits(&got, &self->expected);
    return NULL;
}

/* One thread at a time may be another one each time. */
START_TEST(sessions_move_between_threads) {
    caller one = {.clip = make_clip(SMALL_FRAMES, 16, 16)};
    one.expected = classify(session, &one.clip.clip);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(pthread_create(&one.thread, NULL, call_once, &one), 0);
        ck_assert_int_eq(pthread_join(one.thread, NULL), 0);
        ck_assert_int_eq(one.wrong, 0);
        (void)call_once(&one);
        ck_assert_int_eq(one.wrong, 0);
    }
    free_clip(&one.clip);
}
END_TEST

static Suite *threads_suite(void) {
    Suite *suite = suite_create("api_threads");
    TCase *threads = add_case(suite, "threads", 120, set_up, tear_down);
    tcase_add_loop_test(threads, threads_do_not_change_a_bit, 0, (int)COUNT(models));
    tcase_add_test(threads, default_threads_do_not_either);
    tcase_add_test(threads, earlier_clips_leave_no_trace);
    tcase_add_test(threads, sessions_run_side_by_side);
    tcase_add_test(threads, sessions_move_between_threads);
    return suite;
}

int main(void) {
    random_seed("test_api_threads");
    return run_suite(threads_suite());
}
