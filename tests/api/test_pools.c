/*
 * Whose threads compute: pools that sessions share, and schedulers of the host. Whatever the
 * arrangement, the answer is that of one session with one thread, bit for bit.
 */
#define DP_EXPERIMENTAL         /* dp_session_peak() */
#define _POSIX_C_SOURCE 200809L /* clock_gettime() */
#include "api_support.h"
#include "clocks.h"
#include "suite.h"
#include "test_allocator.h"

#include <check.h>
#include <fenv.h>
#include <pthread.h>
#include <stdatomic.h>

#define MAX_USERS 4

static dp_model *models[4];
static test_clip clip;
static answer expected[4]; /* of each model with one thread */

static void set_up(void) {
    static const char *const names[] = {SMALL_MODEL, LABELLED_MODEL, AIM_MODEL, ST_MODEL};
    random_restart();
    clip = make_clip(40, 20, 18);
    clip.clip.views = 2;
    for (size_t i = 0; i < COUNT(models); i++) {
        models[i] = open_golden(names[i]);
        dp_session *session = new_session(models[i], 1);
        expected[i] = classify(session, &clip.clip);
        dp_session_destroy(session);
    }
}

static void tear_down(void) {
    for (size_t i = 0; i < COUNT(models); i++) {
        dp_model_close(models[i]);
    }
    free_clip(&clip);
}

static bool answers_as_expected(dp_session *session, size_t model) {
    answer got = classify(session, &clip.clip);
    return same_bits(&got, &expected[model]);
}

static void check_refused(dp_status status, const char *part) {
    ck_assert_int_eq(status, DP_ERR_ARGUMENT);
    ck_assert_msg(strstr(dp_last_message(), part) != NULL, "\"%s\" does not say \"%s\"",
                  dp_last_message(), part);
}

/* ---- pools ---- */

static dp_session *new_pooled(const dp_model *model, dp_pool *pool) {
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.pool = pool;
    (void)dp_session_create(model, &options, &session);
    return must(session, "a session");
}

START_TEST(pools_need_their_arguments) {
    static const int32_t wrong[] = {-1, DP_MAX_THREADS + 1, INT32_MAX, INT32_MIN};
    dp_pool_options options;
    dp_pool_options_default(&options);
    check_refused(dp_pool_create(&options, NULL), "pool is NULL");
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char number[64];
        dp_pool *pool = (dp_pool *)&options;
        options.threads = wrong[i];
        (void)snprintf(number, sizeof number, "dp_pool_options: threads is %d", (int)wrong[i]);
        check_refused(dp_pool_create(&options, &pool), number);
        ck_assert_ptr_null(pool);
    }
    const dp_allocator broken[] = {{.allocate = test_allocate}, {.release = test_release}};
    options.threads = 1;
    for (size_t i = 0; i < COUNT(broken); i++) {
        dp_pool *pool = (dp_pool *)&options;
        options.allocator = &broken[i];
        check_refused(dp_pool_create(&options, &pool), "dp_pool_options: the allocator lacks");
        ck_assert_ptr_null(pool);
    }
    dp_pool_destroy(NULL);
    ck_assert_int_eq(dp_pool_threads(NULL), 0);
}
END_TEST

START_TEST(pools_say_how_many_threads_they_have) {
    dp_pool *pool = NULL;
    ck_assert_int_eq(dp_pool_create(NULL, &pool), DP_OK);
    dp_session *alone = new_session(models[0], 0);
    ck_assert_int_eq(dp_pool_threads(pool), dp_session_threads(alone));
    dp_session_destroy(alone);
    dp_pool_destroy(pool);
    for (int threads = 1; threads <= DP_MAX_THREADS; threads += threads < 4 ? 1 : 84) {
        pool = new_pool(threads);
        dp_session *session = new_pooled(models[0], pool);
        ck_assert_int_eq(dp_pool_threads(pool), threads);
        ck_assert_int_eq(dp_session_threads(session), threads);
        dp_session_destroy(session);
        dp_pool_destroy(pool);
    }
}
END_TEST

/* One block of memory, given back with its size; none when it cannot be had. */
START_TEST(pools_take_memory_from_their_allocator) {
    test_allocator memory;
    test_allocator_init(&memory);
    dp_pool_options options;
    dp_pool_options_default(&options);
    options.threads = 3;
    options.allocator = &memory.allocator;
    for (memory.fail_at = 1; memory.fail_at <= 2; memory.fail_at++) {
        dp_pool *pool = (dp_pool *)&memory;
        memory.calls = 0;
        dp_status status = dp_pool_create(&options, &pool);
        ck_assert_int_eq(status, memory.fail_at == 1 ? DP_ERR_MEMORY : DP_OK);
        ck_assert((pool == NULL) == (memory.fail_at == 1));
        ck_assert_uint_eq(memory.calls, 1);
        ck_assert(pool != NULL || strstr(dp_last_message(), "for the pool") != NULL);
        dp_pool_destroy(pool);
        ck_assert_uint_eq(memory.blocks, 0);
        ck_assert_int_eq(memory.mistakes, 0);
    }
}
END_TEST

/* ---- sessions on a pool ---- */

START_TEST(sessions_have_the_threads_of_their_pool) {
    dp_pool *pool = new_pool(3);
    dp_session_options options;
    dp_session_options_default(&options);
    size_t own = 0;
    size_t pooled = 0;
    options.threads = 3;
    ck_assert_int_eq(dp_session_size(models[0], &options, &own), DP_OK);
    options.pool = pool;
    ck_assert_int_eq(dp_session_size(models[0], &options, &pooled), DP_OK);
    ck_assert_uint_lt(pooled, own);
    for (options.threads = 0; options.threads <= 5; options.threads++) {
        dp_session *session = (dp_session *)&options;
        size_t bytes = 1;
        dp_status sized = dp_session_size(models[0], &options, &bytes);
        dp_status status = dp_session_create(models[0], &options, &session);
        ck_assert_int_eq(status, sized);
        if (options.threads == 0 || options.threads == 3) {
            ck_assert_int_eq(status, DP_OK);
            ck_assert_uint_eq(bytes, pooled);
            ck_assert(answers_as_expected(session, 0));
            dp_session_destroy(session);
            continue;
        }
        char sentence[64];
        (void)snprintf(sentence, sizeof sentence, "threads is %d, the pool has 3: expected 0 or 3",
                       (int)options.threads);
        check_refused(status, sentence);
        ck_assert_ptr_null(session);
        ck_assert_uint_eq(bytes, 0);
    }
    dp_pool_destroy(pool);
}
END_TEST

/* A thread of the host: a session of its own on the shared pool, for some clips or, when it is a
 * guest, a new one for each clip. */
typedef struct pool_user {
    dp_pool *pool;
    size_t model, clips;
    bool guest;
    size_t right;
} pool_user;

static void *use_pool(void *argument) {
    pool_user *self = argument;
    dp_session *session = new_pooled(models[self->model], self->pool);
    for (size_t i = 0; i < self->clips; i++) {
        self->right += answers_as_expected(session, self->model);
        if (self->guest) {
            dp_session_destroy(session);
            session = new_pooled(models[self->model], self->pool);
        }
    }
    dp_session_destroy(session);
    return NULL;
}

/* Pools of 1 to 5 threads, 1 to 4 sessions at the same time, each of another model. */
START_TEST(sessions_share_a_pool) {
    int threads = 1 + _i / MAX_USERS;
    size_t count = 1 + (size_t)_i % MAX_USERS;
    size_t clips = unless_brief(25, 2);
    dp_pool *pool = new_pool(threads);
    pool_user users[MAX_USERS];
    pthread_t running[MAX_USERS];
    for (size_t i = 0; i < count; i++) {
        users[i] = (pool_user){pool, i % COUNT(models), clips, i == 2, 0};
        ck_assert_int_eq(pthread_create(&running[i], NULL, use_pool, &users[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_join(running[i], NULL), 0);
        ck_assert_uint_eq(users[i].right, clips);
    }
    dp_pool_destroy(pool);
}
END_TEST

/* Cancels a clip of one session halfway, while it classifies one of the other. */
static int classify_other_and_cancel(void *other, const char *stage, double fraction) {
    (void)stage;
    return fraction < 0.5 ? 0 : 1 + answers_as_expected(other, 1);
}

START_TEST(a_cancelled_session_leaves_the_pool_usable) {
    dp_pool *pool = new_pool(3);
    dp_session *other = new_pooled(models[1], pool);
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.pool = pool;
    options.progress = classify_other_and_cancel;
    options.progress_user = other;
    ck_assert_int_eq(dp_session_create(models[0], &options, &session), DP_OK);
    for (int i = 0; i < 3; i++) {
        dp_result result;
        dp_result_default(&result);
        ck_assert_int_eq(dp_classify_clip(session, &clip.clip, &result), DP_ERR_CANCELLED);
        ck_assert(answers_as_expected(other, 1));
    }
    dp_session_destroy(session);
    ck_assert(answers_as_expected(other, 1));
    dp_session_destroy(other);
    dp_pool_destroy(pool);
}
END_TEST

/* Sessions end in any order, pool and model after them in either; an arena is used again. */
START_TEST(all_end_in_any_order) {
    dp_model *model = open_golden(LABELLED_MODEL);
    dp_pool *pool = new_pool(2);
    dp_session *sessions[3];
    for (size_t i = 0; i < COUNT(sessions); i++) {
        sessions[i] = new_pooled(model, pool);
        ck_assert(answers_as_expected(sessions[i], 1));
    }
    size_t first = (size_t)_i % COUNT(sessions);
    dp_session_destroy(sessions[first]);
    ck_assert(answers_as_expected(sessions[(first + 1) % COUNT(sessions)], 1));
    dp_session_destroy(sessions[(first + 2) % COUNT(sessions)]);
    ck_assert(answers_as_expected(sessions[(first + 1) % COUNT(sessions)], 1));
    dp_session_destroy(sessions[(first + 1) % COUNT(sessions)]);
    if (_i < 3) {
        dp_model_close(model);
        dp_pool_destroy(pool);
    } else {
        dp_pool_destroy(pool);
        dp_model_close(model);
    }
}
END_TEST

START_TEST(arenas_serve_sessions_of_a_pool) {
    dp_pool *pool = new_pool(2);
    dp_session_options options;
    size_t bytes = 0;
    dp_session_options_default(&options);
    options.pool = pool;
    ck_assert_int_eq(dp_session_size(models[1], &options, &bytes), DP_OK);
    options.arena = guarded_bytes(bytes, 64);
    options.arena_size = bytes;
    for (int i = 0; i < 3; i++) {
        dp_session *session = NULL;
        ck_assert_int_eq(dp_session_create(models[1], &options, &session), DP_OK);
        ck_assert(answers_as_expected(session, 1));
        dp_session_destroy(session);
    }
    guarded_end();
    dp_pool_destroy(pool);
}
END_TEST

START_TEST(pools_sleep_between_clips) {
    dp_pool *pool = new_pool(5);
    dp_session *session = new_pooled(models[0], pool);
    for (int i = 0; i < 2; i++) {
        double before = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
        sleep_ms(400);
        ck_assert_double_lt(clock_ms(CLOCK_PROCESS_CPUTIME_ID) - before, 80.0);
        ck_assert(answers_as_expected(session, 0));
    }
    dp_session_destroy(session);
    dp_pool_destroy(pool);
}
END_TEST

/* ---- schedulers ---- */

typedef void (*body_fn)(void *argument, int32_t worker);

/* A host: how it calls the workers of a session, and what it saw. */
typedef struct host {
    int32_t workers;
    int rounding; /* of the host's own threads */
    pthread_t caller;
    atomic_int runs, wrong;
} host;

static void note_run(host *self) {
    atomic_fetch_add(&self->runs, 1);
    atomic_fetch_add(&self->wrong, !pthread_equal(pthread_self(), self->caller));
}

static void run_in_order(void *user, body_fn body, void *argument) {
    host *self = user;
    note_run(self);
    for (int32_t i = 0; i < self->workers; i++) {
        body(argument, i);
    }
}

static void run_in_reverse(void *user, body_fn body, void *argument) {
    host *self = user;
    note_run(self);
    for (int32_t i = self->workers; i-- > 0;) {
        body(argument, i);
    }
}

/* One call of body() in a thread. */
typedef struct call {
    host *of;
    body_fn body;
    void *argument;
    int32_t worker;
    long delay_ms;
} call;

static void *make_call(void *argument) {
    const call *self = argument;
    (void)fesetround(self->of->rounding);
    if (self->delay_ms > 0) {
        sleep_ms(self->delay_ms);
    }
    self->body(self->argument, self->worker);
    atomic_fetch_add(&self->of->wrong, fegetround() != self->of->rounding);
    return NULL;
}

/* All workers in threads of their own; those with odd numbers `delay_ms` after the others, which
 * are done by then. */
static void run_threads(host *self, body_fn body, void *argument, long delay_ms) {
    pthread_t threads[8];
    call calls[8];
    note_run(self);
    for (int32_t i = 0; i < self->workers; i++) {
        calls[i] = (call){self, body, argument, i, i % 2 == 0 ? 0 : delay_ms};
        if (pthread_create(&threads[i], NULL, make_call, &calls[i]) != 0) {
            abort();
        }
    }
    for (int32_t i = 0; i < self->workers; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

static void run_in_threads(void *user, body_fn body, void *argument) {
    run_threads(user, body, argument, 0);
}

static void run_late(void *user, body_fn body, void *argument) {
    run_threads(user, body, argument, 1);
}

/* Also some that do not exist, which may do nothing. */
static void run_too_many(void *user, body_fn body, void *argument) {
    static const int32_t strange[] = {-1, INT32_MIN, INT32_MAX, 8};
    host *self = user;
    note_run(self);
    for (size_t i = 0; i < COUNT(strange); i++) {
        body(argument, strange[i]);
    }
    body(argument, self->workers);
    body(argument, self->workers - 1);
}

static void run_none(void *user, body_fn body, void *argument) {
    (void)body;
    (void)argument;
    note_run(user);
}

static const struct {
    const char *name;
    void (*run)(void *user, body_fn body, void *argument);
} ways[] = {
    {"in order", run_in_order}, {"in reverse", run_in_reverse}, {"in threads", run_in_threads},
    {"late", run_late},         {"too many", run_too_many},     {"none", run_none},
};

static dp_session *new_scheduled(const dp_model *model, const dp_scheduler *scheduler) {
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.scheduler = scheduler;
    (void)dp_session_create(model, &options, &session);
    return must(session, "a session");
}

static host new_host(int32_t workers) {
    host made = {.workers = workers, .rounding = FE_TONEAREST, .caller = pthread_self()};
    return made;
}

/* In all ways and with 1 to 4 workers. The scheduler was copied. */
START_TEST(hosts_schedule_as_they_like) {
    size_t way = (size_t)_i / 4;
    host self = new_host(1 + _i % 4);
    for (size_t model = 0; model < COUNT(models); model++) {
        dp_scheduler scheduler = {.run = ways[way].run, .workers = self.workers, .user = &self};
        dp_session *session = new_scheduled(models[model], &scheduler);
        scheduler = (dp_scheduler){0};
        ck_assert_int_eq(dp_session_threads(session), self.workers);
        ck_assert_msg(answers_as_expected(session, model), "%s", ways[way].name);
        ck_assert(answers_as_expected(session, model));
        dp_session_destroy(session);
    }
    ck_assert_int_gt(atomic_load(&self.runs), 10);
    ck_assert_int_eq(atomic_load(&self.wrong), 0);
}
END_TEST

/* Threads of the host round as the caller does while they work for us, and as before afterwards. */
START_TEST(host_threads_keep_their_rounding) {
    dp_session *alone = new_session(models[0], 1);
    (void)fesetround(FE_UPWARD);
    answer upward = classify(alone, &clip.clip);
    ck_assert(!same_bits(&upward, &expected[0]));
    host self = new_host(4);
    self.rounding = FE_DOWNWARD;
    dp_scheduler scheduler = {.run = run_in_threads, .workers = self.workers, .user = &self};
    dp_session *session = new_scheduled(models[0], &scheduler);
    answer got = classify(session, &clip.clip);
    ck_assert(same_bits(&got, &upward));
    ck_assert_int_eq(fegetround(), FE_UPWARD);
    (void)fesetround(FE_TONEAREST);
    ck_assert_int_eq(atomic_load(&self.wrong), 0);
    dp_session_destroy(session);
    dp_session_destroy(alone);
}
END_TEST

START_TEST(wrong_schedulers_are_named) {
    static const int32_t wrong[] = {0, -1, DP_MAX_THREADS + 1, INT32_MIN, INT32_MAX};
    dp_session *session = (dp_session *)&clip;
    host self = new_host(2);
    dp_scheduler scheduler = {.run = NULL, .workers = 2, .user = &self};
    dp_session_options options;
    dp_session_options_default(&options);
    options.scheduler = &scheduler;
    check_refused(dp_session_create(models[0], &options, &session), "dp_scheduler: run is NULL");
    ck_assert_ptr_null(session);
    scheduler.run = run_in_order;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char sentence[64];
        scheduler.workers = wrong[i];
        (void)snprintf(sentence, sizeof sentence, "dp_scheduler: workers is %d, expected 1 .. 256",
                       (int)wrong[i]);
        check_refused(dp_session_create(models[0], &options, &session), sentence);
    }
    scheduler.workers = 2;
    options.threads = 3;
    check_refused(dp_session_create(models[0], &options, &session),
                  "threads is 3, the scheduler has 2: expected 0 or 2");
    options.threads = 2;
    options.pool = new_pool(2);
    check_refused(dp_session_create(models[0], &options, &session), "pool and scheduler are both");
    ck_assert_int_eq(atomic_load(&self.runs), 0);
    dp_pool_destroy(options.pool);
}
END_TEST

/* Measuring runs on the threads of others, too. */
START_TEST(peak_is_measured_on_any_threads) {
    host self = new_host(2);
    const dp_scheduler scheduler = {.run = run_in_threads, .workers = self.workers, .user = &self};
    dp_pool *pool = new_pool(2);
    dp_session *sessions[] = {new_pooled(models[0], pool), new_scheduled(models[0], &scheduler)};
    for (size_t i = 0; i < COUNT(sessions); i++) {
        double gops = 0;
        ck_assert_int_eq(dp_session_peak(sessions[i], 5, &gops), DP_OK);
        ck_assert_double_gt(gops, 0.0);
        dp_session_destroy(sessions[i]);
    }
    ck_assert_int_gt(atomic_load(&self.runs), 0);
    dp_pool_destroy(pool);
}
END_TEST

/* ---- the suite ---- */

static Suite *pools_suite(void) {
    Suite *suite = suite_create("pools");
    TCase *pools = tcase_create("pools");
    tcase_add_checked_fixture(pools, set_up, tear_down);
    tcase_set_timeout(pools, 120);
    tcase_add_test(pools, pools_need_their_arguments);
    tcase_add_test(pools, pools_say_how_many_threads_they_have);
    tcase_add_test(pools, pools_take_memory_from_their_allocator);
    tcase_add_test(pools, sessions_have_the_threads_of_their_pool);
    tcase_add_loop_test(pools, sessions_share_a_pool, 0, 5 * MAX_USERS);
    tcase_add_test(pools, a_cancelled_session_leaves_the_pool_usable);
    tcase_add_loop_test(pools, all_end_in_any_order, 0, 6);
    tcase_add_test(pools, arenas_serve_sessions_of_a_pool);
    tcase_add_test(pools, pools_sleep_between_clips);
    suite_add_tcase(suite, pools);

    TCase *schedulers = tcase_create("schedulers");
    tcase_add_checked_fixture(schedulers, set_up, tear_down);
    tcase_set_timeout(schedulers, 120);
    tcase_add_loop_test(schedulers, hosts_schedule_as_they_like, 0, 4 * (int)COUNT(ways));
    tcase_add_test(schedulers, host_threads_keep_their_rounding);
    tcase_add_test(schedulers, wrong_schedulers_are_named);
    tcase_add_test(schedulers, peak_is_measured_on_any_threads);
    suite_add_tcase(suite, schedulers);
    return suite;
}

int main(void) {
    random_seed("test_pools");
    return run_suite(pools_suite());
}
