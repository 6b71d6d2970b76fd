/*
 * Who holds on to what: a session to its model and its pool, a task to its backbone. All of them
 * may be closed in any order and in several threads at the same time; nothing is freed while it is
 * needed, and everything once it is not.
 */
#define _POSIX_C_SOURCE 200809L /* posix_memalign() */
#include "task_halves.h"
#include "test_allocator.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- memory that is counted, from several threads, too ---- */

typedef struct counted_memory {
    dp_allocator allocator;
    atomic_size_t blocks;
} counted_memory;

static void *count_block(void *user, size_t size) {
    counted_memory *memory = user;
    void *block = NULL;
    if (posix_memalign(&block, 64, size) != 0) {
        return NULL;
    }
    atomic_fetch_add(&memory->blocks, 1);
    return block;
}

static void release_block(void *user, void *block, size_t size) {
    counted_memory *memory = user;
    (void)size;
    atomic_fetch_sub(&memory->blocks, 1);
    free(block);
}

static void count_memory(counted_memory *memory) {
    memory->allocator =
        (dp_allocator){.allocate = count_block, .release = release_block, .user = memory};
    atomic_init(&memory->blocks, 0);
}

/* ---- a model, a pool, and what is on them ---- */

static counted_memory of_models, of_pools;
static test_clip clip;
static answer expected;

static void set_up_memory(void) {
    set_up();
    count_memory(&of_models);
    count_memory(&of_pools);
    files.options.allocator = &of_models.allocator;
    clip = make_clip(18, 20, 18);
    dp_model *model = open_whole();
    dp_session *session = new_session(model, 1);
    expected = classify(session, &clip.clip);
    dp_session_destroy(session);
    dp_model_close(model);
    ck_assert_uint_eq(atomic_load(&of_models.blocks), 0);
}

static void tear_down_memory(void) {
    ck_assert_uint_eq(atomic_load(&of_models.blocks), 0);
    ck_assert_uint_eq(atomic_load(&of_pools.blocks), 0);
    free_clip(&clip);
    unload();
}

static dp_pool *new_counted_pool(int threads) {
    dp_pool *pool = NULL;
    dp_pool_options options;
    dp_pool_options_default(&options);
    options.threads = threads;
    options.allocator = &of_pools.allocator;
    (void)dp_pool_create(&options, &pool);
    return must(pool, "a pool");
}

static dp_session *new_session_on(const dp_model *model, dp_pool *pool) {
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = pool == NULL;
    options.pool = pool;
    (void)dp_session_create(model, &options, &session);
    return must(session, "a session");
}

static void check_answer(dp_session *session) {
    answer got = classify(session, &clip.clip);
    ck_assert(same_bits(&got, &expected));
}

START_TEST(sessions_hold_their_model) {
    dp_model *model = open_whole();
    dp_session *one = new_session_on(model, NULL);
    dp_session *two = new_session_on(model, NULL);
    dp_model_close(model);
    check_answer(one);
    dp_session_destroy(one);
    ck_assert_uint_gt(atomic_load(&of_models.blocks), 0);
    check_answer(two);
    dp_prediction top;
    ck_assert_int_eq(dp_session_top(two, 1, &top), DP_OK);
    ck_assert_uint_gt(strlen(top.label), 0);
    dp_session_destroy(two);
    ck_assert_uint_eq(atomic_load(&of_models.blocks), 0);
}
END_TEST

/* What is closed before the session is freed with it, and what is closed after it right away. */
START_TEST(the_last_one_frees_in_any_order) {
    bool model_first = (_i & 1) != 0;
    bool pool_first = (_i & 2) != 0;
    dp_model *model = open_whole();
    dp_pool *pool = new_counted_pool(2);
    dp_session *session = new_session_on(model, pool);
    if (model_first) {
        dp_model_close(model);
    }
    if (pool_first) {
        dp_pool_destroy(pool);
    }
    ck_assert_uint_gt(atomic_load(&of_models.blocks), 0);
    ck_assert_uint_gt(atomic_load(&of_pools.blocks), 0);
    check_answer(session);
    dp_session_destroy(session);
    ck_assert_int_eq(atomic_load(&of_models.blocks) == 0, model_first);
    ck_assert_int_eq(atomic_load(&of_pools.blocks) == 0, pool_first);
    if (!model_first) {
        dp_model_close(model);
    }
    if (!pool_first) {
        dp_pool_destroy(pool);
    }
}
END_TEST

/* A session holds a task, which holds its backbone. */
START_TEST(sessions_hold_a_backbone_by_its_task) {
    dp_model *backbone = open_backbone();
    dp_model *task = open_task(backbone);
    dp_session *session = new_session_on(task, NULL);
    dp_model_close(backbone);
    dp_model_close(task);
    check_answer(session);
    ck_assert_uint_gt(atomic_load(&of_models.blocks), 0);
    dp_session_destroy(session);
    ck_assert_uint_eq(atomic_load(&of_models.blocks), 0);
}
END_TEST

START_TEST(sessions_in_an_arena_hold_their_model) {
    dp_model *model = open_whole();
    dp_session *session = NULL;
    dp_session_options options;
    void *arena = NULL;
    dp_session_options_default(&options);
    options.threads = 1;
    ck_assert_int_eq(dp_session_size(model, &options, &options.arena_size), DP_OK);
    ck_assert_int_eq(posix_memalign(&arena, 64, options.arena_size), 0);
    options.arena = arena;
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
    dp_model_close(model);
    check_answer(session);
    dp_session_destroy(session);
    ck_assert_uint_eq(atomic_load(&of_models.blocks), 0);
    free(arena);
}
END_TEST

START_TEST(sessions_that_were_not_created_hold_nothing) {
    dp_model *model = open_whole();
    dp_pool *pool = new_counted_pool(2);
    dp_session *session = NULL;
    dp_session_options options;
    test_allocator allocator;
    size_t bytes;
    uint64_t small[8];
    test_allocator_init(&allocator);
    dp_session_options_default(&options);
    options.pool = pool;
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    options.arena = small;
    options.arena_size = sizeof small;
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_ERR_ARENA);
    options.arena = NULL;
    options.allocator = &allocator.allocator;
    allocator.fail_at = 1;
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_ERR_MEMORY);
    options.threads = 7;
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_ERR_ARGUMENT);
    dp_model_close(model);
    dp_pool_destroy(pool);
    ck_assert_uint_eq(atomic_load(&of_models.blocks), 0);
    ck_assert_uint_eq(atomic_load(&of_pools.blocks), 0);
}
END_TEST

/* ---- in several threads ---- */

#define USERS 4

static void *classify_and_destroy(void *argument) {
    dp_session *session = argument;
    answer got = classify(session, &clip.clip);
    dp_session_destroy(session);
    return same_bits(&got, &expected) ? argument : NULL;
}

/* All of them let go at about the same time, the owner among them. */
START_TEST(threads_may_close_at_the_same_time) {
    for (int round = 0; round < 20; round++) {
        pthread_t threads[USERS];
        dp_session *sessions[USERS];
        dp_model *backbone = open_backbone();
        dp_model *task = open_task(backbone);
        dp_pool *pool = new_counted_pool(2);
        for (size_t i = 0; i < USERS; i++) {
            sessions[i] = new_session_on(task, i % 2 == 0 ? pool : NULL);
        }
        for (size_t i = 0; i < USERS; i++) {
            ck_assert_int_eq(pthread_create(&threads[i], NULL, classify_and_destroy, sessions[i]),
                             0);
        }
        dp_model_close(task);
        dp_pool_destroy(pool);
        dp_model_close(backbone);
        for (size_t i = 0; i < USERS; i++) {
            void *good = NULL;
            ck_assert_int_eq(pthread_join(threads[i], &good), 0);
            ck_assert_ptr_nonnull(good);
        }
        ck_assert_uint_eq(atomic_load(&of_models.blocks), 0);
        ck_assert_uint_eq(atomic_load(&of_pools.blocks), 0);
    }
}
END_TEST

static void *create_and_destroy(void *argument) {
    for (int i = 0; i < 30; i++) {
        dp_session_destroy(new_session_on(argument, NULL));
    }
    return NULL;
}

/* Counting up and down on one model from several threads leaves it with its owner. */
START_TEST(threads_may_create_at_the_same_time) {
    pthread_t threads[USERS];
    dp_model *model = open_whole();
    for (size_t i = 0; i < USERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, create_and_destroy, model), 0);
    }
    for (size_t i = 0; i < USERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_uint_gt(atomic_load(&of_models.blocks), 0);
    dp_session *session = new_session_on(model, NULL);
    check_answer(session);
    dp_session_destroy(session);
    dp_model_close(model);
}
END_TEST

int main(void) {
    random_seed("test_holding");
    Suite *suite = suite_create("holding");
    TCase *order = add_case(suite, "order", 60, set_up_memory, tear_down_memory);
    tcase_add_test(order, sessions_hold_their_model);
    tcase_add_loop_test(order, the_last_one_frees_in_any_order, 0, 4);
    tcase_add_test(order, sessions_hold_a_backbone_by_its_task);
    tcase_add_test(order, sessions_in_an_arena_hold_their_model);
    tcase_add_test(order, sessions_that_were_not_created_hold_nothing);
    TCase *threads = add_case(suite, "threads", 120, set_up_memory, tear_down_memory);
    tcase_add_test(threads, threads_may_close_at_the_same_time);
    tcase_add_test(threads, threads_may_create_at_the_same_time);
    return run_suite(suite);
}
