/*
 * Stacks: what dualpath.h says of the caller's, and that workers have one of a size of their own.
 * Threads of this program get stacks that are filled with a pattern before; what is overwritten
 * afterwards was used.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "api_support.h"
#include "suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

/* Sanitizers and builds for a debugger take more. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STACKS_ARE_LARGER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define STACKS_ARE_LARGER
#endif

#if !defined(STACKS_ARE_LARGER)

#define SMALL_STACK ((size_t)64 << 10)   /* what dualpath.h asks of a calling thread */
#define LARGE_STACK ((size_t)1024 << 10) /* of a thread that is measured */
#define WORKER_NEEDS ((size_t)48 << 10)

enum { PATTERN = 0xa5, MOST_THREADS = 8 };

typedef struct painted {
    uint8_t *bytes;
    size_t size;
} painted;

static painted paint(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *all =
        mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(all != MAP_FAILED);
    ck_assert_int_eq(mprotect(all, page, PROT_NONE), 0);
    memset(all + page, PATTERN, size);
    return (painted){all + page, size};
}

/* Stacks grow down, from the end. */
static size_t used_bytes(painted stack) {
    size_t first = 0;
    while (first < stack.size && stack.bytes[first] == PATTERN) {
        first++;
    }
    return stack.size - first;
}

static void free_painted(painted stack) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)munmap(stack.bytes - page, stack.size + page);
}

/* ---- a pthread_create() that paints what the library asks for ---- */

typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static create_fn real_create(void) {
    void *found = must(dlsym(RTLD_NEXT, "pthread_create"), "pthread_create");
    create_fn real;
    memcpy(&real, &found, sizeof real); /* ISO C has no cast from data to functions */
    return real;
}

static painted worker_stacks[MOST_THREADS];
static size_t worker_count;
static bool refuses_sizes; /* as for a program with much thread-local data */
static int without_size;   /* threads that were started so */

static int create_on(painted stack, pthread_t *thread, void *(*run)(void *), void *argument) {
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    ck_assert_int_eq(pthread_attr_setstack(&attributes, stack.bytes, stack.size), 0);
    int error = real_create()(thread, &attributes, run, argument);
    (void)pthread_attr_destroy(&attributes);
    return error;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    size_t size = 0;
    without_size += attributes == NULL;
    if (attributes == NULL) {
        return real_create()(thread, NULL, run, argument);
    }
    if (refuses_sizes || worker_count == MOST_THREADS) {
        return EINVAL;
    }
    ck_assert_int_eq(pthread_attr_getstacksize(attributes, &size), 0);
    worker_stacks[worker_count] = paint(size);
    return create_on(worker_stacks[worker_count++], thread, run, argument);
}

static size_t most_used_by_workers(void) {
    size_t most = 0;
    for (; worker_count > 0; worker_count--) {
        size_t used = used_bytes(worker_stacks[worker_count - 1]);
        most = used > most ? used : most;
        free_painted(worker_stacks[worker_count - 1]);
    }
    return most;
}

/* ---- all that a thread can do with a model ---- */

typedef struct task {
    const char *name;
    dp_model_options options;
    const test_clip *clip;
    char compiled[64];
    int32_t threads;
    answer answer;
} task;

static void *do_everything(void *argument) {
    task *t = argument;
    dp_model *opened = NULL;
    golden_path path = find_golden(t->name);
    ck_assert_msg(dp_model_open(path.text, &t->options, &opened) == DP_OK, "%s", dp_last_message());
    dp_session *session = new_session(opened, t->threads);
    t->answer = classify(session, &t->clip->clip);
    dp_session_destroy(session);
    ck_assert_msg(dp_model_compile(opened, t->compiled) == DP_OK, "%s", dp_last_message());
    ck_assert_msg(dp_model_verify(t->compiled, NULL) == DP_OK, "%s", dp_last_message());
    dp_model_close(opened);
    opened = NULL;
    dp_pool *pool = NULL;
    dp_pool_options options;
    dp_pool_options_default(&options); /* as many threads as there are processors */
    options.threads = t->threads == 1 ? 1 : 0;
    ck_assert_int_eq(dp_pool_create(&options, &pool), DP_OK);
    dp_pool_destroy(pool);
    ck_assert_int_eq(dp_model_open("no such file", NULL, &opened), DP_ERR_IO);
    return NULL;
}

static void *do_nothing(void *argument) {
    return argument;
}

static size_t stack_of(void *(*run)(void *), void *argument) {
    pthread_t thread;
    painted stack = paint(LARGE_STACK);
    ck_assert_int_eq(create_on(stack, &thread, run, argument), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    size_t used = used_bytes(stack);
    free_painted(stack);
    return used;
}

static const uint32_t masks[] = {0, DP_CPU_AVX2, DP_CPU_AVX2 | DP_CPU_AVX512, ~DP_CPU_AMX,
                                 DP_CPU_ALL};

static void for_all_kernels(const char *name, const test_clip *clip, void (*check)(task *t)) {
    for (int32_t precision = DP_PRECISION_F32; precision <= DP_PRECISION_INT8; precision++) {
        for (size_t i = 0; i < COUNT(masks); i++) {
            task t = {.name = name, .clip = clip, .threads = 3};
            (void)snprintf(t.compiled, sizeof t.compiled, "/tmp/dualpath-stacks-%ld.gguf",
                           (long)getpid());
            dp_model_options_default(&t.options);
            t.options.precision = precision;
            t.options.cpu_mask = masks[i];
            check(&t);
            (void)unlink(t.compiled);
        }
    }
}

static void for_all(const test_clip *clip, void (*check)(task *t)) {
    static const char *const names[] = {LABELLED_MODEL, AIM_MODEL, ST_MODEL, VPT_MODEL};
    for (size_t i = 0; i < COUNT(names); i++) {
        for_all_kernels(names[i], clip, check);
    }
}

static size_t most_of_callers, most_of_workers;

static void measure(task *t) {
    size_t used = stack_of(do_everything, t);
    most_of_callers = used > most_of_callers ? used : most_of_callers;
    used = most_used_by_workers();
    most_of_workers = used > most_of_workers ? used : most_of_workers;
}

START_TEST(the_library_needs_as_much_as_it_says) {
    test_clip clip = make_clip(SMALL_FRAMES, 64, 64);
    size_t nothing = stack_of(do_nothing, NULL);
    for_all(&clip, measure);
    printf("stack of a caller %zu bytes, of which the C library takes %zu; of a worker %zu\n",
           most_of_callers, nothing, most_of_workers);
    ck_assert_uint_gt(most_of_workers, 0);
    ck_assert_uint_le(most_of_callers, SMALL_STACK);
    ck_assert_uint_le(most_of_workers, WORKER_NEEDS);
    free_clip(&clip);
}
END_TEST

static void run_on_small_stack(task *t) {
    pthread_t thread;
    painted stack = paint(SMALL_STACK);
    ck_assert_int_eq(create_on(stack, &thread, do_everything, t), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_gt(t->answer.count, 0);
    free_painted(stack);
    (void)most_used_by_workers();
}

START_TEST(a_thread_with_a_small_stack_can_call) {
    test_clip clip = make_clip(SMALL_FRAMES, 64, 64);
    for_all(&clip, run_on_small_stack);
    free_clip(&clip);
}
END_TEST

/* ---- workers ---- */

START_TEST(workers_ask_for_a_size_of_their_own) {
    dp_model *model = open_golden(SMALL_MODEL);
    dp_session *session = new_session(model, 3);
    ck_assert_uint_eq(worker_count, 2);
    ck_assert_uint_ge(worker_stacks[0].size, 4 * WORKER_NEEDS);
    dp_session_destroy(session);
    (void)most_used_by_workers();
    dp_model_close(model);
}
END_TEST

START_TEST(a_size_that_is_refused_is_not_asked_for_again) {
    dp_model *model = open_golden(SMALL_MODEL);
    refuses_sizes = true;
    without_size = 0;
    dp_session *session = new_session(model, 3);
    ck_assert_int_eq(without_size, 2);
    dp_session_destroy(session);
    refuses_sizes = false;
    dp_model_close(model);
}
END_TEST

int main(void) {
    random_seed("test_stacks");
    if (is_under_valgrind()) {
        printf("skipped: valgrind does not let others read stacks\n");
        return 0;
    }
    Suite *suite = suite_create("stacks");
    TCase *stacks = add_case(suite, "stacks", 120, NULL, NULL);
    tcase_add_test(stacks, the_library_needs_as_much_as_it_says);
    tcase_add_test(stacks, a_thread_with_a_small_stack_can_call);
    tcase_add_test(stacks, workers_ask_for_a_size_of_their_own);
    tcase_add_test(stacks, a_size_that_is_refused_is_not_asked_for_again);
    return run_suite(suite);
}

#else

int main(void) {
    printf("test_stacks: skipped: stacks of this build are larger\n");
    return 0;
}

#endif
