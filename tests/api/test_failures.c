/*
 * Everything fails once: the n-th allocation, start of a thread or lock, for n = 1, 2, ...
 * until nothing is left to fail; and waiting for the disk, for every reason. Each time the call
 * says so, leaves nothing behind, and works at the next try.
 */
#define DP_EXPERIMENTAL /* dp_session_peak() */
#define _GNU_SOURCE     /* RTLD_NEXT */
#include "api_support.h"
#include "suite.h"
#include "test_allocator.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include <zlib.h>

/* ---- a pthread_create() that fails ---- */

typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* Where a sanitizer is linked in, its own function stands behind this name. */
extern int __interceptor_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                                        void *) __attribute__((weak));

static atomic_int threads_started, threads_running;
static int failing_thread; /* the number of the start that fails, from 1; 0: none */

typedef struct start {
    void *(*run)(void *);
    void *argument;
} start;

static void *run_counted(void *argument) {
    start begin = *(start *)argument;
    free(argument);
    void *result = begin.run(begin.argument);
    atomic_fetch_sub(&threads_running, 1);
    return result;
}

/* ISO C has no cast from data to functions. */
static void find_function(const char *name, void *function, size_t size) {
    void *found = must(dlsym(RTLD_NEXT, name), name);
    memcpy(function, &found, size);
}

static create_fn real_create(void) {
    create_fn real = __interceptor_pthread_create;
    if (real == NULL) {
        find_function("pthread_create", &real, sizeof real);
    }
    return real;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    if (atomic_fetch_add(&threads_started, 1) + 1 == failing_thread) {
        return EAGAIN;
    }
    start *begin = must(malloc(sizeof *begin), "memory");
    *begin = (start){run, argument};
    atomic_fetch_add(&threads_running, 1);
    int error = real_create()(thread, attributes, run_counted, begin);
    if (error != 0) {
        atomic_fetch_sub(&threads_running, 1);
        free(begin);
    }
    return error;
}

/* ---- locks that cannot be made ---- */

static atomic_int locks_made;
static int failing_lock; /* as with threads */

typedef int (*mutex_fn)(pthread_mutex_t *, const pthread_mutexattr_t *);
typedef int (*condition_fn)(pthread_cond_t *, const pthread_condattr_t *);

extern int __interceptor_pthread_mutex_init(pthread_mutex_t *, const pthread_mutexattr_t *)
    __attribute__((weak));
extern int __interceptor_pthread_cond_init(pthread_cond_t *, const pthread_condattr_t *)
    __attribute__((weak));

static bool lock_fails(void) {
    return atomic_fetch_add(&locks_made, 1) + 1 == failing_lock;
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes) {
    mutex_fn real = __interceptor_pthread_mutex_init;
    if (real == NULL) {
        find_function("pthread_mutex_init", &real, sizeof real);
    }
    return lock_fails() ? ENOMEM : real(mutex, attributes);
}

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes) {
    condition_fn real = __interceptor_pthread_cond_init;
    if (real == NULL) {
        find_function("pthread_cond_init", &real, sizeof real);
    }
    return lock_fails() ? EAGAIN : real(condition, attributes);
}

/* ---- a zlib of another version ---- */

static bool zlib_is_old;

int inflateInit2_(z_streamp stream, int bits, const char *version, int size) {
    int (*real)(z_streamp, int, const char *, int) = NULL;
    find_function("inflateInit2_", &real, sizeof real);
    return real(stream, bits, zlib_is_old ? "0" : version, size);
}

/* ---- disks that fail, or cannot be waited for ---- */

static int flush_error; /* 0: none */

/* A signal interrupts it only once. */
int fsync(int file) {
    (void)file;
    errno = flush_error;
    flush_error = flush_error == EINTR ? 0 : flush_error;
    return errno != 0 ? -1 : 0;
}

/* ---- ways to open ---- */

/* The same model in all forms, and the options they are opened with. */
static struct {
    uint8_t *plain, *gzip;
    size_t plain_size, gzip_size;
    char gzip_path[64];
    dp_model_options options;
} files;

/* Two members: the inflater starts anew in the middle. */
static void compress_file(void) {
    z_stream stream = {0};
    size_t half = files.plain_size / 2;
    size_t room = files.plain_size + 4096;
    files.gzip = must(malloc(room), "memory");
    for (size_t part = 0; part < 2; part++) {
        stream = (z_stream){0};
        ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, 0), Z_OK);
        stream.next_in = files.plain + part * half;
        stream.avail_in = (unsigned)(part == 0 ? half : files.plain_size - half);
        stream.next_out = files.gzip + files.gzip_size;
        stream.avail_out = (unsigned)(room - files.gzip_size);
        ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
        files.gzip_size += stream.total_out;
        ck_assert_int_eq(deflateEnd(&stream), Z_OK);
    }
}

static void set_up(void) {
    random_restart();
    memset(&files, 0, sizeof files);
    files.plain = read_golden(LABELLED_MODEL, &files.plain_size);
    compress_file();
    (void)strcpy(files.gzip_path, P_tmpdir "/dualpath-XXXXXX");
    int descriptor = mkstemp(files.gzip_path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, files.gzip, files.gzip_size), (ssize_t)files.gzip_size);
    ck_assert_int_eq(close(descriptor), 0);
    dp_model_options_default(&files.options);
}

static void tear_down(void) {
    (void)unlink(files.gzip_path);
    free(files.plain);
    free(files.gzip);
}

static dp_status open_plain(dp_model **model) {
    return dp_model_open(find_golden(LABELLED_MODEL).text, &files.options, model);
}

static dp_status open_gzip(dp_model **model) {
    return dp_model_open(files.gzip_path, &files.options, model);
}

static dp_status open_plain_memory(dp_model **model) {
    return dp_model_open_memory(files.plain, files.plain_size, &files.options, model);
}

static dp_status open_gzip_memory(dp_model **model) {
    return dp_model_open_memory(files.gzip, files.gzip_size, &files.options, model);
}

/* Pads the model with zeros, which a file may end with: the reader's buffer has to grow. */
static int64_t read_plain(void *user, uint64_t offset, void *buffer, size_t size) {
    size_t end = 3U << 20;
    (void)user;
    size_t count = offset < end ? end - (size_t)offset : 0;
    count = count < size ? count : size;
    memset(buffer, 0, count);
    if (offset < files.plain_size) {
        size_t left = files.plain_size - (size_t)offset;
        memcpy(buffer, files.plain + offset, left < count ? left : count);
    }
    return (int64_t)count;
}

static int64_t read_gzip(void *user, uint64_t offset, void *buffer, size_t size) {
    size_t left = files.gzip_size - (size_t)offset;
    size_t count = left < size ? left : size;
    (void)user;
    memcpy(buffer, files.gzip + offset, count);
    return (int64_t)count;
}

static dp_status open_plain_reader(dp_model **model) {
    const dp_reader reader = {.read = read_plain};
    return dp_model_open_reader(&reader, &files.options, model);
}

static dp_status open_gzip_reader(dp_model **model) {
    const dp_reader reader = {.read = read_gzip};
    return dp_model_open_reader(&reader, &files.options, model);
}

static dp_status verify_only(dp_model **model) {
    *model = NULL;
    return dp_model_verify(files.gzip_path, &files.options);
}

static dp_status verify_memory_only(dp_model **model) {
    *model = NULL;
    return dp_model_verify_memory(files.gzip, files.gzip_size, &files.options);
}

static dp_status verify_reader_only(dp_model **model) {
    const dp_reader reader = {.read = read_plain};
    *model = NULL;
    return dp_model_verify_reader(&reader, &files.options);
}

static const struct {
    const char *name;
    dp_status (*open)(dp_model **model);
} openings[] = {
    {"plain file", open_plain},
    {"gzip file", open_gzip},
    {"plain memory", open_plain_memory},
    {"gzip memory", open_gzip_memory},
    {"plain reader", open_plain_reader},
    {"gzip reader", open_gzip_reader},
    {"verify", verify_only},
    {"verify memory", verify_memory_only},
    {"verify reader", verify_reader_only},
};

/* ---- memory ---- */

/* From the first allocation that fails, all the others fail, too. */
static void *allocate_no_more(void *user, size_t size) {
    test_allocator *memory = user;
    if (memory->calls >= memory->fail_at) {
        memory->fail_at = memory->calls + 1;
    }
    return test_allocate(user, size);
}

/* Fails allocation `at`, or all from there on; true when the call needs fewer and succeeded. */
static bool opens_with_failure(size_t which, size_t at, bool persistent) {
    test_allocator memory;
    test_allocator_init(&memory);
    memory.fail_at = at;
    memory.allocator.allocate = persistent ? allocate_no_more : test_allocate;
    files.options.allocator = &memory.allocator;
    dp_model *model = (dp_model *)&memory;
    dp_status status = openings[which].open(&model);
    bool reached = memory.calls >= at;
    if (reached) {
        ck_assert_msg(status == DP_ERR_MEMORY, "%s, allocation %zu: %s: %s", openings[which].name,
                      at, dp_status_name(status), dp_last_message());
        ck_assert_ptr_null(model);
        ck_assert_str_ne(dp_last_message(), "");
        ck_assert_uint_eq(memory.blocks, 0);
    } else {
        ck_assert_int_eq(status, DP_OK);
    }
    dp_model_close(model);
    ck_assert_uint_eq(memory.blocks, 0);
    ck_assert_uint_eq(memory.bytes, 0);
    ck_assert_int_eq(memory.mistakes, 0);
    return !reached;
}

START_TEST(opening_survives_every_failure) {
    size_t which = (size_t)_i / 4;
    files.options.unfused = _i % 2;
    size_t at = 1;
    while (!opens_with_failure(which, at, _i / 2 % 2 == 1)) {
        at++;
        ck_assert_uint_lt(at, 10000);
    }
    ck_assert_uint_gt(at, 3);
}
END_TEST

START_TEST(creating_survives_every_failure) {
    static const char *const names[] = {LABELLED_MODEL, AIM_MODEL, ST_MODEL, VPT_MODEL};
    dp_model *model = open_golden(names[_i]);
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 1 + _i;
    bool reached = true;
    for (size_t at = 1; reached; at++) {
        test_allocator memory;
        test_allocator_init(&memory);
        memory.fail_at = at;
        options.allocator = &memory.allocator;
        dp_session *session = (dp_session *)&memory;
        dp_status status = dp_session_create(model, &options, &session);
        reached = memory.calls >= at;
        ck_assert_int_eq(status, reached ? DP_ERR_MEMORY : DP_OK);
        ck_assert((session == NULL) == reached);
        ck_assert(!reached || strstr(dp_last_message(), "session") != NULL);
        ck_assert_int_eq(atomic_load(&threads_running), reached ? 0 : _i);
        dp_session_destroy(session);
        ck_assert_uint_eq(memory.blocks, 0);
        ck_assert_int_eq(memory.mistakes, 0);
    }
    dp_model_close(model);
}
END_TEST

/* Blocks of the test allocator, a few bytes further on. */
static void *allocate_misaligned(void *user, size_t size) {
    uint8_t *block = test_allocate(user, size + 16);
    return block != NULL ? block + 16 : NULL;
}

static void release_misaligned(void *user, void *block, size_t size) {
    test_release(user, (uint8_t *)block - 16, size + 16);
}

static void expect_memory_error(dp_status status, const void *made, const test_allocator *memory) {
    ck_assert_int_eq(status, DP_ERR_MEMORY);
    ck_assert_ptr_null(made);
    ck_assert_str_ne(dp_last_message(), "");
    ck_assert_uint_gt(memory->calls, 0);
    ck_assert_uint_eq(memory->blocks, 0);
    ck_assert_int_eq(memory->mistakes, 0);
}

/* A block at no multiple of 64 bytes is given back, and counts as none. */
START_TEST(misaligned_blocks_count_as_none) {
    test_allocator memory;
    dp_model *model = NULL;
    dp_session *session = NULL;
    dp_pool *pool = NULL;
    dp_session_options creating;
    dp_pool_options pooling;
    ck_assert_int_eq(open_plain(&model), DP_OK);
    test_allocator_init(&memory);
    memory.allocator.allocate = allocate_misaligned;
    memory.allocator.release = release_misaligned;
    dp_session_options_default(&creating);
    dp_pool_options_default(&pooling);
    creating.allocator = pooling.allocator = files.options.allocator = &memory.allocator;
    expect_memory_error(dp_session_create(model, &creating, &session), session, &memory);
    expect_memory_error(dp_pool_create(&pooling, &pool), pool, &memory);
    dp_model_close(model);
    for (size_t i = 0; i < COUNT(openings); i++) {
        memory.calls = 0;
        model = NULL;
        dp_status status = openings[i].open(&model);
        expect_memory_error(status, model, &memory);
    }
}
END_TEST

/* All of a session is one block, of the size that was foretold. */
START_TEST(sessions_take_what_they_said) {
    static const char *const names[] = {LABELLED_MODEL, AIM_MODEL, ST_MODEL, VPT_MODEL};
    dp_model *model = open_golden(names[_i]);
    test_allocator memory;
    test_allocator_init(&memory);
    dp_session_options options;
    dp_session *session = NULL;
    size_t bytes = 0;
    dp_session_options_default(&options);
    options.threads = 3;
    options.allocator = &memory.allocator;
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    ck_assert_uint_eq(memory.calls, 0);
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
    ck_assert_uint_eq(memory.bytes, bytes);
    ck_assert_uint_eq(memory.blocks, 1);
    dp_session_destroy(session);
    dp_model_close(model);
}
END_TEST

START_TEST(inflating_stops_at_the_limit) {
    test_allocator memory;
    dp_model *model = NULL;
    test_allocator_init(&memory);
    files.options.allocator = &memory.allocator;
    files.options.max_inflated_size = files.plain_size;
    ck_assert_int_eq(open_gzip(&model), DP_OK);
    dp_model_close(model);
    const size_t less[] = {files.plain_size - 1, files.plain_size / 2, 1};
    for (size_t i = 0; i < COUNT(less); i++) {
        model = (dp_model *)&memory;
        files.options.max_inflated_size = less[i];
        ck_assert_int_eq(open_gzip(&model), DP_ERR_MEMORY);
        ck_assert_ptr_null(model);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), "limit"));
        ck_assert_uint_eq(memory.blocks, 0);
    }
}
END_TEST

START_TEST(a_zlib_of_another_version_is_refused) {
    test_allocator memory;
    dp_model *model = (dp_model *)&memory;
    test_allocator_init(&memory);
    files.options.allocator = &memory.allocator;
    zlib_is_old = true;
    ck_assert_int_eq(open_gzip(&model), DP_ERR_UNSUPPORTED);
    zlib_is_old = false;
    ck_assert_ptr_null(model);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "cannot start zlib: error -6"));
    ck_assert_uint_eq(memory.blocks, 0);
}
END_TEST

/* ---- threads ---- */

/* Fails the start of thread `at` of four; in an arena when there is one. */
static void create_with_failure(const dp_model *model, void *arena, size_t bytes, int at) {
    test_allocator memory;
    test_allocator_init(&memory);
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 4;
    options.allocator = &memory.allocator;
    options.arena = arena;
    options.arena_size = bytes;
    atomic_store(&threads_started, 0);
    failing_thread = at;
    dp_session *session = (dp_session *)&memory;
    dp_status status = dp_session_create(model, &options, &session);
    failing_thread = 0;
    if (at <= 3) {
        char number[32];
        (void)snprintf(number, sizeof number, "thread %d of 4", at + 1);
        ck_assert_int_eq(status, DP_ERR_THREAD);
        ck_assert_ptr_null(session);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), number));
        ck_assert_int_eq(atomic_load(&threads_started), at);
    } else {
        ck_assert_int_eq(status, DP_OK);
        ck_assert_int_eq(atomic_load(&threads_running), 3);
    }
    dp_session_destroy(session);
    ck_assert_int_eq(atomic_load(&threads_running), 0);
    ck_assert_uint_eq(memory.blocks, 0);
    ck_assert_int_eq(memory.mistakes, 0);
}

START_TEST(creating_survives_threads_that_do_not_start) {
    dp_model *model = NULL;
    ck_assert_int_eq(open_plain(&model), DP_OK);
    dp_session_options options;
    size_t bytes = 0;
    dp_session_options_default(&options);
    options.threads = 4;
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    void *arena = guarded_bytes(bytes, 64);
    for (int at = 1; at <= 4; at++) {
        create_with_failure(model, NULL, 0, at);
        create_with_failure(model, arena, bytes, at);
    }
    guarded_end();
    dp_model_close(model);
}
END_TEST

/* The same for a pool, which has no arena. */
START_TEST(pools_survive_threads_that_do_not_start) {
    test_allocator memory;
    test_allocator_init(&memory);
    dp_pool_options options;
    dp_pool_options_default(&options);
    options.threads = 4;
    options.allocator = &memory.allocator;
    for (int at = 1; at <= 4; at++) {
        dp_pool *pool = (dp_pool *)&memory;
        atomic_store(&threads_started, 0);
        failing_thread = at;
        dp_status status = dp_pool_create(&options, &pool);
        failing_thread = 0;
        ck_assert_int_eq(status, at <= 3 ? DP_ERR_THREAD : DP_OK);
        ck_assert((pool == NULL) == (at <= 3));
        ck_assert(at > 3 || strstr(dp_last_message(), "could not be started") != NULL);
        ck_assert_int_eq(atomic_load(&threads_running), at <= 3 ? 0 : 3);
        dp_pool_destroy(pool);
        ck_assert_int_eq(atomic_load(&threads_running), 0);
        ck_assert_uint_eq(memory.blocks, 0);
        ck_assert_int_eq(memory.mistakes, 0);
    }
}
END_TEST

/* ---- locks ---- */

/* The answer of a new session to a grey clip. */
static float first_logit(dp_session *session) {
    static uint8_t pixels[8 * 8];
    dp_frame frames[2];
    dp_clip clip;
    dp_result result;
    memset(pixels, 100, sizeof pixels);
    (void)dp_frame_init_packed(&frames[0], DP_FORMAT_GRAY8, pixels, 8, 8);
    frames[1] = frames[0];
    dp_clip_default(&clip);
    dp_result_default(&result);
    clip.frames = frames;
    clip.frame_count = COUNT(frames);
    ck_assert_int_eq(dp_classify_clip(session, &clip, &result), DP_OK);
    return result.logits[0];
}

/* A session that creates its threads, or uses those of a pool. */
static dp_status create_session(const dp_model *model, dp_pool *pool, test_allocator *memory,
                                dp_session **session) {
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = pool == NULL ? 3 : 0;
    options.pool = pool;
    options.allocator = &memory->allocator;
    return dp_session_create(model, &options, session);
}

/* Fails lock `at` of a session; true when it needs fewer. The model answers as before. */
static bool creates_with_failing_lock(const dp_model *model, dp_pool *pool, float logit, int at) {
    test_allocator memory;
    test_allocator_init(&memory);
    dp_session *session = (dp_session *)&memory;
    atomic_store(&locks_made, 0);
    failing_lock = at;
    dp_status status = create_session(model, pool, &memory, &session);
    failing_lock = 0;
    bool reached = atomic_load(&locks_made) >= at;
    ck_assert_int_eq(status, reached ? DP_ERR_THREAD : DP_OK);
    if (reached) {
        ck_assert_ptr_null(session);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), "could not be made"));
        ck_assert_uint_eq(memory.blocks, 0);
        ck_assert_int_eq(create_session(model, pool, &memory, &session), DP_OK);
    }
    ck_assert(first_logit(session) == logit);
    dp_session_destroy(session);
    ck_assert_uint_eq(memory.blocks, 0);
    return !reached;
}

START_TEST(sessions_survive_locks_that_cannot_be_made) {
    dp_model *model = NULL;
    dp_pool *pool = NULL;
    dp_session *session = NULL;
    test_allocator memory;
    test_allocator_init(&memory);
    ck_assert_int_eq(open_plain(&model), DP_OK);
    ck_assert_int_eq(dp_pool_create(NULL, &pool), DP_OK);
    ck_assert_int_eq(create_session(model, NULL, &memory, &session), DP_OK);
    float logit = first_logit(session);
    dp_session_destroy(session);
    int at = 1;
    while (!creates_with_failing_lock(model, _i == 0 ? NULL : pool, logit, at)) {
        at++;
    }
    ck_assert_int_eq(at, _i == 0 ? 4 : 2);
    ck_assert_int_eq(atomic_load(&threads_running), (int)dp_pool_threads(pool) - 1);
    dp_pool_destroy(pool);
    dp_model_close(model);
}
END_TEST

START_TEST(pools_survive_locks_that_cannot_be_made) {
    test_allocator memory;
    test_allocator_init(&memory);
    dp_pool_options options;
    dp_pool_options_default(&options);
    options.threads = 2;
    options.allocator = &memory.allocator;
    bool reached = true;
    for (int at = 1; reached; at++) {
        dp_pool *pool = (dp_pool *)&memory;
        atomic_store(&locks_made, 0);
        failing_lock = at;
        dp_status status = dp_pool_create(&options, &pool);
        failing_lock = 0;
        reached = atomic_load(&locks_made) >= at;
        ck_assert_int_eq(status, reached ? DP_ERR_THREAD : DP_OK);
        ck_assert((pool == NULL) == reached);
        ck_assert(!reached || strstr(dp_last_message(), "could not be made") != NULL);
        ck_assert(reached || at == 3);
        dp_pool_destroy(pool);
        ck_assert_int_eq(atomic_load(&threads_running), 0);
        ck_assert_uint_eq(memory.blocks, 0);
    }
}
END_TEST

/* A stream has a lock and a condition, in one block of the size that was foretold. */
START_TEST(streams_survive_locks_that_cannot_be_made) {
    dp_model *model = NULL;
    dp_session *session = NULL;
    test_allocator memory;
    dp_stream_options options;
    size_t bytes = 0;
    ck_assert_int_eq(open_plain(&model), DP_OK);
    ck_assert_int_eq(dp_session_create(model, NULL, &session), DP_OK);
    test_allocator_init(&memory);
    dp_stream_options_default(&options);
    options.allocator = &memory.allocator;
    ck_assert_int_eq(dp_stream_size(model, &options, &bytes), DP_OK);
    bool reached = true;
    for (int at = 1; reached; at++) {
        dp_stream *stream = (dp_stream *)&memory;
        test_allocator_init(&memory);
        atomic_store(&locks_made, 0);
        failing_lock = at;
        dp_status status = dp_stream_create(session, &options, &stream);
        failing_lock = 0;
        reached = atomic_load(&locks_made) >= at;
        ck_assert_int_eq(status, reached ? DP_ERR_THREAD : DP_OK);
        ck_assert((stream == NULL) == reached);
        ck_assert(!reached || strstr(dp_last_message(), "could not be made") != NULL);
        ck_assert(reached || (at == 3 && memory.blocks == 1 && memory.bytes == bytes));
        dp_stream_destroy(stream);
        ck_assert_uint_eq(memory.blocks, 0);
    }
    test_allocator_init(&memory);
    memory.fail_at = 1;
    dp_stream *stream = (dp_stream *)&memory;
    dp_events *events = (dp_events *)&memory;
    dp_events_options of_events;
    dp_status status = dp_stream_create(session, &options, &stream);
    expect_memory_error(status, stream, &memory);
    dp_events_options_default(&of_events);
    of_events.allocator = &memory.allocator;
    memory.calls = 0;
    status = dp_events_create(3, &of_events, &events);
    expect_memory_error(status, events, &memory);
    dp_session_destroy(session);
    dp_model_close(model);
}
END_TEST

/* ---- threads of others ---- */

static void run_both(void *user, void (*body)(void *argument, int32_t worker), void *argument) {
    (void)user;
    body(argument, 0);
    body(argument, 1);
}

/* Sessions on a pool or a scheduler. */
START_TEST(threads_of_others_are_all_that_is_used) {
    const dp_scheduler scheduler = {.run = run_both, .workers = 2};
    dp_model *model = NULL;
    dp_pool *pool = NULL;
    ck_assert_int_eq(open_plain(&model), DP_OK);
    dp_pool_options pooling;
    dp_pool_options_default(&pooling);
    pooling.threads = 4;
    atomic_store(&threads_started, 0);
    ck_assert_int_eq(dp_pool_create(&pooling, &pool), DP_OK);
    ck_assert_int_eq(atomic_load(&threads_started), 3);
    for (int i = 0; i < 2; i++) {
        dp_session *session = NULL;
        dp_session_options options;
        dp_session_options_default(&options);
        options.pool = i == 0 ? pool : NULL;
        options.scheduler = i == 0 ? NULL : &scheduler;
        ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
        double gops;
        ck_assert_int_eq(dp_session_peak(session, 1, &gops), DP_OK);
        dp_session_destroy(session);
        ck_assert_int_eq(atomic_load(&threads_started), 3);
        ck_assert_int_eq(atomic_load(&threads_running), 3);
    }
    dp_pool_destroy(pool);
    ck_assert_int_eq(atomic_load(&threads_running), 0);
    dp_model_close(model);
}
END_TEST

/* ---- what does not reach the disk ---- */

static bool is_there(const char *name, const char *suffix) {
    char path[96];
    (void)snprintf(path, sizeof path, "%s%s", name, suffix);
    return access(path, F_OK) == 0;
}

START_TEST(files_that_do_not_reach_the_disk_are_removed) {
    static const int errors[] = {EIO, ENOSPC, EDQUOT};
    char path[sizeof files.gzip_path + 8];
    dp_model *model = NULL;
    ck_assert_int_eq(open_plain(&model), DP_OK);
    (void)snprintf(path, sizeof path, "%s.new", files.gzip_path);
    for (size_t i = 0; i < COUNT(errors); i++) {
        flush_error = errors[i];
        ck_assert_int_eq(dp_model_compile(model, path), DP_ERR_IO);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), strerror(errors[i])));
        ck_assert(!is_there(path, "") && !is_there(path, ".part"));
    }
    flush_error = 0;
    dp_model_close(model);
}
END_TEST

/* Some file systems have no fsync(), and a signal may interrupt it. */
START_TEST(files_need_not_be_flushed_where_that_is_not_possible) {
    static const int errors[] = {EINVAL, ENOSYS, ENOTSUP, EROFS, EINTR};
    char path[sizeof files.gzip_path + 8];
    dp_model *model = NULL;
    ck_assert_int_eq(open_plain(&model), DP_OK);
    (void)snprintf(path, sizeof path, "%s.new", files.gzip_path);
    for (size_t i = 0; i < COUNT(errors); i++) {
        flush_error = errors[i];
        ck_assert_int_eq(dp_model_compile(model, path), DP_OK);
        ck_assert(is_there(path, "") && !is_there(path, ".part"));
        ck_assert_int_eq(unlink(path), 0);
    }
    flush_error = 0;
    dp_model_close(model);
}
END_TEST

/* ---- the suite ---- */

static Suite *failures_suite(void) {
    Suite *suite = suite_create("failures");
    TCase *memory = tcase_create("memory");
    tcase_add_checked_fixture(memory, set_up, tear_down);
    tcase_set_timeout(memory, 120);
    tcase_add_loop_test(memory, opening_survives_every_failure, 0, 4 * (int)COUNT(openings));
    tcase_add_loop_test(memory, creating_survives_every_failure, 0, 4);
    tcase_add_test(memory, misaligned_blocks_count_as_none);
    tcase_add_loop_test(memory, sessions_take_what_they_said, 0, 4);
    tcase_add_test(memory, inflating_stops_at_the_limit);
    tcase_add_test(memory, a_zlib_of_another_version_is_refused);
    suite_add_tcase(suite, memory);

    TCase *threads = tcase_create("threads");
    tcase_add_checked_fixture(threads, set_up, tear_down);
    tcase_add_test(threads, creating_survives_threads_that_do_not_start);
    tcase_add_test(threads, pools_survive_threads_that_do_not_start);
    tcase_add_test(threads, threads_of_others_are_all_that_is_used);
    suite_add_tcase(suite, threads);

    TCase *locks = tcase_create("locks");
    tcase_add_checked_fixture(locks, set_up, tear_down);
    tcase_add_loop_test(locks, sessions_survive_locks_that_cannot_be_made, 0, 2);
    tcase_add_test(locks, pools_survive_locks_that_cannot_be_made);
    tcase_add_test(locks, streams_survive_locks_that_cannot_be_made);
    suite_add_tcase(suite, locks);

    TCase *disks = add_case(suite, "disks", 60, set_up, tear_down);
    tcase_add_test(disks, files_that_do_not_reach_the_disk_are_removed);
    tcase_add_test(disks, files_need_not_be_flushed_where_that_is_not_possible);
    return suite;
}

int main(void) {
    return run_suite(failures_suite());
}
