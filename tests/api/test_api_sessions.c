/*
 * The contract of dualpath.h: sessions, their threads, arenas and messages, as a caller sees it who
 * gets things wrong.
 */
#define DP_EXPERIMENTAL /* dp_session_peak() */
#include "api_fixture.h"

#include <math.h>
#include <pthread.h>

/* ---- sessions ---- */

START_TEST(sessions_need_their_arguments) {
    dp_session *created = poison;
    size_t bytes = 1;
    REFUSED(dp_session_create(NULL, NULL, &created), DP_ERR_ARGUMENT, "model is NULL");
    ck_assert_ptr_null(created);
    REFUSED(dp_session_create(model, NULL, NULL), DP_ERR_ARGUMENT, "session is NULL");
    REFUSED(dp_session_size(NULL, NULL, &bytes), DP_ERR_ARGUMENT, "model is NULL");
    ck_assert_uint_eq(bytes, 0);
    REFUSED(dp_session_size(model, NULL, NULL), DP_ERR_ARGUMENT, "size is NULL");
}
END_TEST

START_TEST(null_may_be_closed) {
    dp_model_close(NULL);
    dp_session_destroy(NULL);
    ck_assert_str_eq(dp_session_message(NULL), "");
    ck_assert_int_eq(dp_session_threads(NULL), 0);
}
END_TEST

START_TEST(thread_counts_are_checked) {
    static const int32_t wrong[] = {-1, 257, INT32_MAX, INT32_MIN};
    dp_session_options options;
    dp_session_options_default(&options);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char number[16];
        dp_session *created = poison;
        size_t bytes = 1;
        options.threads = wrong[i];
        (void)snprintf(number, sizeof number, "threads is %d", (int)wrong[i]);
        REFUSED(dp_session_create(model, &options, &created), DP_ERR_ARGUMENT, number);
        ck_assert_ptr_null(created);
        REFUSED(dp_session_size(model, &options, &bytes), DP_ERR_ARGUMENT, "0 .. 256");
        ck_assert_uint_eq(bytes, 0);
    }
    size_t before = 0;
    for (options.threads = 1; options.threads <= 256; options.threads++) {
        size_t bytes = 0;
        ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
        ck_assert_uint_gt(bytes, before);
        before = bytes;
    }
}
END_TEST

START_TEST(sessions_say_how_many_threads_they_have) {
    for (int threads = 1; threads <= 5; threads++) {
        dp_session *created = new_session(model, threads);
        ck_assert_int_eq(dp_session_threads(created), threads);
        dp_session_destroy(created);
    }
    dp_session *created = NULL;
    ck_assert_int_eq(dp_session_create(model, NULL, &created), DP_OK);
    ck_assert_int_ge(dp_session_threads(created), 1);
    dp_session_destroy(created);
}
END_TEST

static dp_session_options arena_options(void *arena, size_t size) {
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 1;
    options.arena = arena;
    options.arena_size = size;
    return options;
}

START_TEST(size_does_not_look_at_the_arena) {
    size_t plain = 0;
    size_t with_arena = 1;
    dp_session_options options = arena_options(NULL, 0);
    ck_assert_int_eq(dp_session_size(model, &options, &plain), DP_OK);
    options = arena_options((void *)(uintptr_t)1, 5);
    ck_assert_int_eq(dp_session_size(model, &options, &with_arena), DP_OK);
    ck_assert_uint_eq(plain, with_arena);
}
END_TEST

/* The arena ends at a page that must not be touched, and what is around it is watched. */
START_TEST(arenas_of_the_right_size_do) {
    size_t bytes = 0;
    dp_session_options options = arena_options(NULL, 0);
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    options = arena_options(guarded_bytes(bytes, 64), bytes);
    dp_session *created = NULL;
    ck_assert_int_eq(dp_session_create(model, &options, &created), DP_OK);
    answer got = classify(created, &clip.clip);
    ck_assert(same_bits(&got, &expected));
    dp_session_destroy(created);
    guarded_end();
}
END_TEST

/* At every size below, for sessions that hold all images (0) and for those that hold one (1). */
START_TEST(smaller_arenas_are_refused) {
    size_t bytes = 0;
    dp_session_options options = arena_options(NULL, 0);
    options.image_by_image = _i;
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    options.arena = guarded_bytes(bytes, 64);
    size_t step = unless_brief(1, 997);
    for (size_t less = 1; less <= bytes; less += step) {
        char number[64];
        dp_session *created = poison;
        options.arena_size = bytes - less;
        (void)snprintf(number, sizeof number, "has %zu bytes, a session needs %zu", bytes - less,
                       bytes);
        REFUSED(dp_session_create(model, &options, &created), DP_ERR_ARENA, number);
        ck_assert_ptr_null(created);
    }
    guarded_end();
}
END_TEST

START_TEST(arenas_must_be_aligned) {
    size_t bytes = 0;
    dp_session_options options = arena_options(NULL, 0);
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    uint8_t *memory = guarded_bytes(bytes + 64, 64);
    for (size_t shift = 1; shift < 64; shift++) {
        dp_session *created = poison;
        options = arena_options(memory + shift, bytes);
        REFUSED(dp_session_create(model, &options, &created), DP_ERR_ARENA, "aligned to 64");
        ck_assert_ptr_null(created);
    }
    guarded_end();
}
END_TEST

/* ---- messages ---- */

static void *start_with_an_empty_message(void *unused) {
    (void)unused;
    dp_model *opened = NULL;
    ck_assert_str_eq(dp_last_message(), "");
    ck_assert_int_eq(dp_model_open("another thread's file", NULL, &opened), DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "another thread's file"));
    return NULL;
}

START_TEST(each_thread_has_its_last_message) {
    pthread_t thread;
    dp_model *opened = NULL;
    REFUSED(dp_model_open("this thread's file", NULL, &opened), DP_ERR_IO, "this thread's file");
    ck_assert_int_eq(pthread_create(&thread, NULL, start_with_an_empty_message, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "this thread's file"));
}
END_TEST

START_TEST(last_message_stays_until_the_next_failure) {
    dp_model *opened = NULL;
    REFUSED(dp_model_open("first", NULL, &opened), DP_ERR_IO, "'first'");
    dp_model_close(open_golden(SMALL_MODEL));
    SESSION_REFUSED(dp_classify_clip(session, &clip.clip, NULL), DP_ERR_ARGUMENT, "result");
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "'first'"));
    REFUSED(dp_model_open("second", NULL, &opened), DP_ERR_IO, "'second'");
    ck_assert_ptr_null(strstr(dp_last_message(), "'first'"));
}
END_TEST

START_TEST(sessions_keep_their_own_message) {
    dp_session *other = new_session(model, 1);
    ck_assert_str_eq(dp_session_message(session), "");
    SESSION_REFUSED(dp_classify_clip(session, &clip.clip, NULL), DP_ERR_ARGUMENT, "NULL");
    ck_assert_str_eq(dp_session_message(other), "");
    ck_assert_str_ne(dp_session_message(session), "");
    dp_session_destroy(other);
    check_still_works(); /* the sentence is of the last call that failed */
    ck_assert_str_eq(dp_session_message(session), "the result is NULL");
}
END_TEST

/* ---- measuring ---- */

START_TEST(peak_needs_its_arguments) {
    static const double wrong[] = {0, 0.999, -5, 10000.1, HUGE_VAL, -HUGE_VAL};
    double gops = 0;
    REFUSED(dp_session_peak(NULL, 1, &gops), DP_ERR_ARGUMENT, "session is NULL");
    SESSION_REFUSED(dp_session_peak(session, 1, NULL), DP_ERR_ARGUMENT, "place");
    SESSION_REFUSED(dp_session_peak(session, NAN, &gops), DP_ERR_ARGUMENT, "1 .. 10000");
    for (size_t i = 0; i < COUNT(wrong); i++) {
        SESSION_REFUSED(dp_session_peak(session, wrong[i], &gops), DP_ERR_ARGUMENT, "1 .. 10000");
    }
    ck_assert_int_eq(dp_session_peak(session, 1, &gops), DP_OK);
    ck_assert_double_gt(gops, 0);
    check_still_works();
}
END_TEST

static Suite *sessions_suite(void) {
    Suite *suite = suite_create("api_sessions");
    TCase *sessions = add_case(suite, "sessions", 60, set_up, tear_down);
    tcase_add_test(sessions, sessions_need_their_arguments);
    tcase_add_test(sessions, null_may_be_closed);
    tcase_add_test(sessions, thread_counts_are_checked);
    tcase_add_test(sessions, sessions_say_how_many_threads_they_have);
    tcase_add_test(sessions, peak_needs_its_arguments);

    TCase *arenas = add_case(suite, "arenas", 60, set_up, tear_down);
    tcase_add_test(arenas, size_does_not_look_at_the_arena);
    tcase_add_test(arenas, arenas_of_the_right_size_do);
    tcase_add_loop_test(arenas, smaller_arenas_are_refused, 0, 2);
    tcase_add_test(arenas, arenas_must_be_aligned);

    TCase *messages = add_case(suite, "messages", 60, set_up, tear_down);
    tcase_add_test(messages, each_thread_has_its_last_message);
    tcase_add_test(messages, last_message_stays_until_the_next_failure);
    tcase_add_test(messages, sessions_keep_their_own_message);
    return suite;
}

int main(void) {
    random_seed("test_api_sessions");
    return run_suite(sessions_suite());
}
