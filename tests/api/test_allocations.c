/*
 * Who asks the C library for memory. This program has malloc() and its kin of its own, which count:
 * classifying allocates nothing, and neither does anything else where the caller gave an allocator
 * or an arena. Where that cannot be (under sanitizers and valgrind, which replace malloc()
 * themselves, and with another library than glibc), the tests say so and pass.
 */
#define DP_EXPERIMENTAL         /* dp_session_peak() */
#define _POSIX_C_SOURCE 200809L /* posix_memalign() */
#include "api_support.h"
#include "suite.h"
#include "test_allocator.h"

#include <check.h>
#include <errno.h>
#include <stdatomic.h>

static atomic_size_t asked;

#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !HAS_FEATURE(address_sanitizer) && !HAS_FEATURE(thread_sanitizer)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
    atomic_fetch_add(&asked, 1);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    atomic_fetch_add(&asked, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    atomic_fetch_add(&asked, 1);
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    atomic_fetch_add(&asked, 1);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    atomic_fetch_add(&asked, 1);
    *block = __libc_memalign(alignment, size);
    return *block != NULL ? 0 : ENOMEM;
}

#endif

static test_clip clip;

static void set_up(void) {
    random_restart();
    clip = make_clip(50, 45, 37);
    clip.clip.views = 2;
    clip.clip.crops = 2;
}

static void tear_down(void) {
    free_clip(&clip);
}

/* Loops go through these in each precision. */
static const char *const model_names[] = {LABELLED_MODEL, AIM_MODEL, ST_MODEL, VPT_MODEL};

#define PRECISIONS ((int)DP_PRECISION_AUTO)
#define MODELS_AND_PRECISIONS (PRECISIONS * (int)COUNT(model_names))
#define NAME(i) model_names[(i) / PRECISIONS]
#define PRECISION(i) ((i) % PRECISIONS)

static dp_model *open_in(const char *name, int32_t precision) {
    dp_model_options options;
    dp_model *model = NULL;
    dp_model_options_default(&options);
    options.precision = precision;
    (void)dp_model_open(find_golden(name).text, &options, &model);
    return must(model, name);
}

static bool is_counting(void) {
    size_t before = atomic_load(&asked);
    void *volatile block = malloc(1);
    free(block);
    if (atomic_load(&asked) == before) {
        printf("skipped: calls of malloc() cannot be counted here\n");
        return false;
    }
    return true;
}

static void check_none_since(size_t before) {
    size_t since = atomic_load(&asked) - before;
    ck_assert_msg(since == 0, "the C library was asked for memory %zu times", since);
}

/* All calls of a session: one that fails, too. Asserts nothing, because Check allocates. */
static bool use_session(dp_session *session) {
    dp_prediction top[3];
    dp_result result;
    dp_clip wrong = clip.clip;
    double gops;
    dp_result_default(&result);
    wrong.rate = -1;
    return dp_classify_clip(session, &clip.clip, &result) == DP_OK &&
           dp_session_top(session, 3, top) == DP_OK &&
           dp_classify_clip(session, &wrong, &result) == DP_ERR_ARGUMENT &&
           dp_classify_clip(session, &clip.clip, &result) == DP_OK &&
           dp_session_peak(session, 1, &gops) == DP_OK;
}

START_TEST(classifying_allocates_nothing) {
    dp_model *model = open_in(NAME(_i), PRECISION(_i));
    for (int threads = 1; threads <= 4 && is_counting(); threads++) {
        dp_session *session = new_session(model, threads);
        size_t before = atomic_load(&asked);
        bool used = use_session(session);
        check_none_since(before);
        ck_assert(used);
        dp_session_destroy(session);
    }
    dp_model_close(model);
}
END_TEST

/* All calls of a stream and of events. */
static bool use_stream(dp_stream *stream, dp_events *events) {
    dp_prediction top[3];
    dp_event event;
    dp_window window;
    bool good = true;
    for (int64_t i = 0; i < 40; i++) {
        dp_window_default(&window);
        good = good && dp_stream_push(stream, &clip.frames[i], i) == DP_OK &&
               dp_stream_next(stream, 0, &window) == DP_OK;
        if (window.ready) {
            good = good && dp_stream_top(stream, 3, top) == DP_OK &&
                   dp_events_push_window(events, &window) == DP_OK;
        }
        while (dp_events_next(events, &event) == 1) {
        }
    }
    good = good && dp_stream_finish(stream) == DP_OK;
    good = good && dp_stream_next(stream, 1, &window) == DP_OK;
    good = good && dp_stream_reset(stream) == DP_OK;
    return good && dp_events_finish(events) == DP_OK && dp_events_reset(events) == DP_OK;
}

START_TEST(streams_allocate_nothing) {
    dp_model *model = open_in(NAME(_i), PRECISION(_i));
    dp_stream_options options;
    dp_stream *stream = NULL;
    dp_events *events = NULL;
    dp_session *session = new_session(model, 2);
    dp_model_info info;
    dp_model_info_default(&info);
    dp_stream_options_default(&options);
    options.rate = 1;
    options.hop = 3;
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    ck_assert_int_eq(dp_stream_create(session, &options, &stream), DP_OK);
    ck_assert_int_eq(dp_events_create(info.classes, NULL, &events), DP_OK);
    if (is_counting()) {
        size_t before = atomic_load(&asked);
        bool used = use_stream(stream, events);
        check_none_since(before);
        ck_assert(used);
    }
    dp_events_destroy(events);
    dp_stream_destroy(stream);
    dp_session_destroy(session);
    dp_model_close(model);
}
END_TEST

static void run_in_reverse(void *user, void (*body)(void *argument, int32_t worker),
                           void *argument) {
    (void)user;
    for (int32_t i = 3; i-- > 0;) {
        body(argument, i);
    }
}

/* Two sessions with the threads of others: all calls of one of them, and its end. */
START_TEST(threads_of_others_allocate_nothing) {
    const dp_scheduler scheduler = {.run = run_in_reverse, .workers = 3};
    dp_session_options options;
    dp_pool_options pooling;
    dp_pool *pool = NULL;
    dp_session_options_default(&options);
    dp_pool_options_default(&pooling);
    pooling.threads = 3;
    dp_model *model = open_in(LABELLED_MODEL, DP_PRECISION_F32);
    ck_assert_int_eq(dp_pool_create(&pooling, &pool), DP_OK);
    for (int i = 0; i < 2 && is_counting(); i++) {
        dp_session *sessions[2] = {NULL, NULL};
        options.pool = i == 0 ? pool : NULL;
        options.scheduler = i == 0 ? NULL : &scheduler;
        ck_assert_int_eq(dp_session_create(model, &options, &sessions[0]), DP_OK);
        ck_assert_int_eq(dp_session_create(model, &options, &sessions[1]), DP_OK);
        size_t before = atomic_load(&asked);
        bool used = use_session(sessions[0]);
        dp_session_destroy(sessions[0]);
        used = use_session(sessions[1]) && used;
        check_none_since(before);
        ck_assert(used);
        dp_session_destroy(sessions[1]);
    }
    dp_pool_destroy(pool);
    dp_model_close(model);
}
END_TEST

/* Also not from the allocator of the session or of the model. */
START_TEST(classifying_asks_no_allocator) {
    test_allocator memory;
    test_allocator_init(&memory);
    dp_model_options opening;
    dp_session_options creating;
    dp_model *own = NULL;
    dp_session *session = NULL;
    dp_model_options_default(&opening);
    dp_session_options_default(&creating);
    opening.allocator = creating.allocator = &memory.allocator;
    opening.precision = PRECISION(_i);
    creating.threads = 2;
    ck_assert_int_eq(dp_model_open(find_golden(NAME(_i)).text, &opening, &own), DP_OK);
    ck_assert_int_eq(dp_session_create(own, &creating, &session), DP_OK);
    size_t before = memory.calls;
    ck_assert(use_session(session));
    ck_assert_uint_eq(memory.calls, before);
    dp_session_destroy(session);
    dp_model_close(own);
    ck_assert_uint_eq(memory.blocks, 0);
}
END_TEST

/* Creates, uses and destroys a session of one thread in an arena. */
START_TEST(arenas_hold_all_of_a_session) {
    dp_model *model = open_in(NAME(_i), PRECISION(_i));
    dp_session_options options;
    dp_session *session = NULL;
    size_t bytes = 0;
    dp_session_options_default(&options);
    options.threads = 1;
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    options.arena = guarded_bytes(bytes, 64);
    options.arena_size = bytes;
    if (is_counting()) {
        size_t before = atomic_load(&asked);
        dp_status status = dp_session_create(model, &options, &session);
        bool used = status == DP_OK && use_session(session);
        dp_session_destroy(session);
        check_none_since(before);
        ck_assert(used);
    }
    dp_model_close(model);
    guarded_end();
}
END_TEST

/* An allocator that hands out one region and takes nothing back. */
typedef struct region {
    uint8_t *bytes;
    size_t size, used;
} region;

static void *take(void *user, size_t size) {
    region *self = user;
    size_t start = (self->used + 63) / 64 * 64;
    if (size > self->size - start) {
        return NULL;
    }
    self->used = start + size;
    return self->bytes + start;
}

static void give_back(void *user, void *block, size_t size) {
    (void)user;
    (void)block;
    (void)size;
}

START_TEST(allocators_are_all_that_is_asked) {
    region memory = {.size = (size_t)8 << 20};
    memory.bytes = guarded_bytes(memory.size, 64);
    const dp_allocator allocator = {.allocate = take, .release = give_back, .user = &memory};
    dp_model_options opening;
    dp_session_options creating;
    dp_model *own = NULL;
    dp_session *session = NULL;
    dp_model_options_default(&opening);
    dp_session_options_default(&creating);
    opening.allocator = creating.allocator = &allocator;
    opening.precision = PRECISION(_i);
    opening.verify = 1;
    creating.threads = 1;
    golden_path path = find_golden(NAME(_i));
    if (is_counting()) {
        size_t before = atomic_load(&asked);
        dp_status opened = dp_model_open(path.text, &opening, &own);
        dp_status created = opened == DP_OK ? dp_session_create(own, &creating, &session) : opened;
        dp_session_destroy(session);
        dp_model_close(own);
        check_none_since(before);
        ck_assert_int_eq(created, DP_OK);
    }
    guarded_end();
}
END_TEST

static Suite *allocations_suite(void) {
    Suite *suite = suite_create("allocations");
    TCase *made = tcase_create("allocations");
    tcase_add_checked_fixture(made, set_up, tear_down);
    tcase_set_timeout(made, 60);
    tcase_add_loop_test(made, classifying_allocates_nothing, 0, MODELS_AND_PRECISIONS);
    tcase_add_loop_test(made, streams_allocate_nothing, 0, MODELS_AND_PRECISIONS);
    tcase_add_loop_test(made, classifying_asks_no_allocator, 0, MODELS_AND_PRECISIONS);
    tcase_add_loop_test(made, arenas_hold_all_of_a_session, 0, MODELS_AND_PRECISIONS);
    tcase_add_loop_test(made, allocators_are_all_that_is_asked, 0, MODELS_AND_PRECISIONS);
    tcase_add_test(made, threads_of_others_allocate_nothing);
    suite_add_tcase(suite, made);
    return suite;
}

int main(void) {
    random_seed("test_allocations");
    return run_suite(allocations_suite());
}
