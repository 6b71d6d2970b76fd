/*
 * The contract of dualpath.h after fork(): the child may use and free what its parent made,
 * whatever the parent's threads did at that moment. A child that waits for threads it does not have
 * is stopped by its alarm, and fails.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "small_session.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 20 /* seconds that a child has */

static test_clip clip;
static answer expected;

static void set_up_clip(void) {
    set_up();
    clip = make_clip(SMALL_FRAMES, SMALL_SIDE, SMALL_SIDE);
    expected = classify(session, &clip.clip);
}

static void tear_down_clip(void) {
    free_clip(&clip);
    tear_down();
}

/* Check has a handler of its own for the alarm. */
static void have_patience(void) {
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(PATIENCE);
}

/* Writes the counts of `make coverage`, which _exit() drops. */
extern void __gcov_dump(void) __attribute__((weak));

static void leave(bool good) {
    if (__gcov_dump != NULL) {
        __gcov_dump();
    }
    _exit(good ? 0 : 1);
}

/* What a child does; true: all is well. */
typedef bool (*child_fn)(void *argument);

static void check_child(child_fn act, void *argument) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        have_patience();
        leave(act(argument));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM, "the child hangs");
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child: status %#x",
                  (unsigned)status);
}

static bool answers_as_expected(dp_session *asked) {
    answer got = classify(asked, &clip.clip);
    return same_bits(&got, &expected);
}

static dp_session *session_on(dp_pool *pool) {
    dp_session *made = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.pool = pool;
    (void)dp_session_create(model, &options, &made);
    return must(made, "a session on a pool");
}

/* Threads in a child of a process that has threads: a sanitizer's own locks may be held there. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || defined(HAS_SANITIZER)
#define THREADS_OF_CHILD 1
#else
#define THREADS_OF_CHILD 3
#endif

/* ---- sessions ---- */

static bool use_and_destroy(void *argument) {
    dp_session *own = argument;
    bool good = answers_as_expected(own) && answers_as_expected(own);
    dp_session_destroy(own);
    return good;
}

static bool destroy_only(void *argument) {
    dp_session_destroy(argument);
    return true;
}

START_TEST(a_child_uses_and_destroys_a_session) {
    dp_session *own = new_session(model, 3);
    ck_assert(answers_as_expected(own));
    check_child(use_and_destroy, own);
    check_child(destroy_only, own);
    ck_assert(answers_as_expected(own)); /* the parent's goes on */
    dp_session_destroy(own);
}
END_TEST

static bool make_new_ones(void *argument) {
    dp_pool *pool = new_pool(THREADS_OF_CHILD);
    dp_session *pooled = session_on(pool);
    dp_session *own = new_session(model, THREADS_OF_CHILD);
    bool good = answers_as_expected(own) && answers_as_expected(pooled);
    (void)argument;
    dp_session_destroy(own);
    dp_session_destroy(pooled);
    dp_pool_destroy(pool);
    return good;
}

START_TEST(a_child_makes_sessions_of_its_own) {
    dp_session *own = new_session(model, 3);
    check_child(make_new_ones, NULL);
    dp_session_destroy(own);
}
END_TEST

/* The model goes with the session: the last holder in the child is the child's. */
static bool free_everything(void *argument) {
    dp_model_close(model);
    bool good = answers_as_expected(argument);
    dp_session_destroy(argument);
    dp_session_destroy(session);
    return good;
}

START_TEST(a_child_frees_a_model_that_sessions_hold) {
    dp_session *own = new_session(model, 2);
    check_child(free_everything, own);
    ck_assert(answers_as_expected(own));
    dp_session_destroy(own);
}
END_TEST

/* A child of a child counts two forks. */
static bool fork_again(void *argument) {
    check_child(use_and_destroy, argument);
    return use_and_destroy(argument) && make_new_ones(NULL);
}

START_TEST(a_grandchild_does_so_too) {
    dp_session *own = new_session(model, 3);
    check_child(fork_again, own);
    dp_session_destroy(own);
}
END_TEST

/* ---- pools ---- */

typedef struct pooled {
    dp_pool *pool;
    dp_session *session;
} pooled;

static bool use_pool_and_destroy(void *argument) {
    pooled *given = argument;
    dp_session *more = session_on(given->pool);
    bool good = answers_as_expected(given->session) && answers_as_expected(more);
    dp_pool_destroy(given->pool);
    good = good && answers_as_expected(more);
    dp_session_destroy(given->session);
    dp_session_destroy(more);
    return good;
}

START_TEST(a_child_uses_and_destroys_a_pool) {
    pooled made = {.pool = new_pool(3)};
    made.session = session_on(made.pool);
    check_child(use_pool_and_destroy, &made);
    ck_assert(answers_as_expected(made.session));
    dp_session_destroy(made.session);
    dp_pool_destroy(made.pool);
}
END_TEST

/* ---- a fork while other threads are in calls ---- */

typedef struct busy {
    pooled made;
    dp_session *own; /* of the thread, with workers of its own */
    atomic_bool stop;
    atomic_int clips;
} busy;

static void *classify_all_the_time(void *argument) {
    busy *self = argument;
    while (!atomic_load(&self->stop)) {
        (void)answers_as_expected(self->made.session);
        (void)answers_as_expected(self->own);
        atomic_fetch_add(&self->clips, 1);
    }
    return NULL;
}

static bool take_over(void *argument) {
    busy *given = argument;
    bool good = answers_as_expected(given->own);
    dp_session_destroy(given->own);
    return use_pool_and_destroy(&given->made) && good;
}

/* Each fork finds locks and loops of the other thread in some state, as chance has it. */
START_TEST(a_fork_in_the_middle_of_a_call) {
    pthread_t thread;
    busy other = {.made = {.pool = new_pool(4)}, .own = new_session(model, 4)};
    other.made.session = session_on(other.made.pool);
    ck_assert_int_eq(pthread_create(&thread, NULL, classify_all_the_time, &other), 0);
    while (atomic_load(&other.clips) == 0) {
        (void)usleep(100);
    }
    for (size_t i = 0; i < unless_brief(150, 20); i++) {
        check_child(take_over, &other);
    }
    atomic_store(&other.stop, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(answers_as_expected(other.own));
    dp_session_destroy(other.own);
    dp_session_destroy(other.made.session);
    dp_pool_destroy(other.made.pool);
}
END_TEST

/* ---- a fork in a callback: the child comes out of the call, too ---- */

static pid_t forked;

static int fork_once(void *user, const char *stage, double fraction) {
    (void)user;
    (void)fraction;
    if (forked < 0 && strcmp(stage, "blocks") == 0) {
        forked = fork();
        if (forked == 0) {
            have_patience();
        }
    }
    return 0;
}

START_TEST(a_fork_in_a_callback) {
    int status = 0;
    dp_session *own = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 3;
    options.progress = fork_once;
    ck_assert_int_eq(dp_session_create(model, &options, &own), DP_OK);
    forked = -1;
    bool good = answers_as_expected(own);
    if (forked == 0) {
        dp_session_destroy(own);
        leave(good);
    }
    ck_assert_int_gt(forked, 0);
    ck_assert(good);
    ck_assert_int_eq(waitpid(forked, &status, 0), forked);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child: status %#x",
                  (unsigned)status);
    dp_session_destroy(own);
}
END_TEST

/* ---- streams ---- */

static dp_stream *new_stream(dp_session *on) {
    dp_stream *stream = NULL;
    dp_stream_options options;
    dp_stream_options_default(&options);
    options.rate = 1;
    (void)dp_stream_create(on, &options, &stream);
    return must(stream, "a stream");
}

/* The frames of the clip make one window. */
static bool streams_as_expected(dp_stream *stream) {
    dp_window window;
    bool good = dp_stream_reset(stream) == DP_OK;
    dp_window_default(&window);
    for (int64_t i = 0; i < SMALL_FRAMES && good; i++) {
        good = dp_stream_push(stream, &clip.frames[i], i) == DP_OK &&
               dp_stream_next(stream, 0, &window) == DP_OK;
    }
    return good && window.ready &&
           memcmp(window.logits, expected.values, (size_t)window.classes * sizeof(float)) == 0;
}

static bool stream_and_destroy(void *argument) {
    dp_stream *stream = argument;
    bool good = streams_as_expected(stream) && streams_as_expected(stream);
    dp_stream_destroy(stream);
    return good;
}

static bool destroy_stream_only(void *argument) {
    dp_stream_destroy(argument);
    return true;
}

static void *wait_for_a_window(void *argument) {
    dp_window window;
    dp_window_default(&window);
    (void)dp_stream_next(argument, -1, &window);
    return NULL;
}

/* A thread of the parent waits for frames, which the child has not got. */
START_TEST(a_child_resets_a_stream_that_its_parent_waits_for) {
    pthread_t waiting;
    dp_session *own = new_session(model, 3);
    dp_stream *stream = new_stream(own);
    ck_assert_int_eq(pthread_create(&waiting, NULL, wait_for_a_window, stream), 0);
    usleep(20000);
    check_child(stream_and_destroy, stream);
    check_child(destroy_stream_only, stream);
    ck_assert_int_eq(dp_stream_finish(stream), DP_OK);
    ck_assert_int_eq(pthread_join(waiting, NULL), 0);
    ck_assert(streams_as_expected(stream));
    dp_stream_destroy(stream);
    dp_session_destroy(own);
}
END_TEST

int main(void) {
    random_seed("test_fork");
    Suite *suite = suite_create("fork");
    TCase *forks = add_case(suite, "forks", 240, set_up_clip, tear_down_clip);
    tcase_add_test(forks, a_child_uses_and_destroys_a_session);
    tcase_add_test(forks, a_child_makes_sessions_of_its_own);
    tcase_add_test(forks, a_child_frees_a_model_that_sessions_hold);
    tcase_add_test(forks, a_grandchild_does_so_too);
    tcase_add_test(forks, a_child_uses_and_destroys_a_pool);
    tcase_add_test(forks, a_fork_in_the_middle_of_a_call);
    tcase_add_test(forks, a_fork_in_a_callback);
    tcase_add_test(forks, a_child_resets_a_stream_that_its_parent_waits_for);
    return run_suite(suite);
}
