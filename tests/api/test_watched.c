/*
 * Long work can be stopped at every report, and memory be limited at every number: whichever way a
 * file comes, nothing is left of a call that was stopped or refused, and the next one works.
 */
#define _POSIX_C_SOURCE 200809L /* posix_memalign(), mkdtemp() */
#include "base/bytes.h"
#include "gzip.h"
#include "model_recipe.h"
#include "split.h"
#include "suite.h"
#include "test_allocator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- files ---- */

/* One model in all forms, large enough to be worked on in pieces. */
static struct {
    byte_block plain, gzip, compiled;
    split_files split;
    char folder[64], path[96], written[96];
} files;

/* Big-endian machines have no compiled files: there it is the same file once more. */
static byte_block compile_plain(void) {
    dp_model *model = NULL;
    byte_block made = {NULL, files.plain.size};
    if (!dpi_is_little_endian()) {
        made.bytes = malloc(made.size);
        ck_assert_ptr_nonnull(made.bytes);
        memcpy(made.bytes, files.plain.bytes, made.size);
        return made;
    }
    ck_assert_int_eq(dp_model_open_memory(files.plain.bytes, files.plain.size, NULL, &model),
                     DP_OK);
    ck_assert_int_eq(dp_model_compile_memory(model, NULL, 0, &made.size), DP_OK);
    made.bytes = malloc(made.size);
    ck_assert_ptr_nonnull(made.bytes);
    ck_assert_int_eq(dp_model_compile_memory(model, made.bytes, made.size, &made.size), DP_OK);
    dp_model_close(model);
    return made;
}

static void make_files(void) {
    shape s = released;
    s.width = 256;
    s.mlp = 1024;
    for (size_t site = 0; site < 5; site++) {
        s.bottleneck[site] = 64;
    }
    recipe r = make_recipe(&s);
    files.plain.bytes = write_recipe(&r, &files.plain.size);
    ck_assert_uint_gt(files.plain.size, (size_t)6 << 20);
#if !defined(DP_NO_ZLIB)
    files.gzip = gzip_bytes(files.plain.bytes, files.plain.size, 1);
#endif
    files.compiled = compile_plain();
    files.split = split_model(files.plain.bytes, files.plain.size);
    (void)snprintf(files.folder, sizeof files.folder, "/tmp/dualpath-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(files.folder));
    (void)snprintf(files.path, sizeof files.path, "%s/model.gguf", files.folder);
    (void)snprintf(files.written, sizeof files.written, "%s/compiled.gguf", files.folder);
    FILE *file = fopen(files.path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(files.plain.bytes, 1, files.plain.size, file), files.plain.size);
    ck_assert_int_eq(fclose(file), 0);
}

static void remove_files(void) {
    (void)unlink(files.path);
    (void)unlink(files.written);
    ck_assert_int_eq(rmdir(files.folder), 0); /* nothing else is left in it */
    free(files.plain.bytes);
    free(files.gzip.bytes);
    free(files.compiled.bytes);
    split_free(&files.split);
}

/* ---- ways to open and to verify ---- */

static int64_t read_block(void *user, uint64_t offset, void *buffer, size_t size) {
    const byte_block *from = user;
    size_t left = from->size - (size_t)offset;
    size_t count = left < size ? left : size;
    memcpy(buffer, from->bytes + offset, count);
    return (int64_t)count;
}

static dp_status open_path(const dp_model_options *options, dp_model **model) {
    dp_model_options verified = *options;
    verified.verify = 1;
    return dp_model_open(files.path, &verified, model);
}

static dp_status open_memory(const dp_model_options *options, dp_model **model) {
    return dp_model_open_memory(files.plain.bytes, files.plain.size, options, model);
}

static dp_status open_reader(const dp_model_options *options, dp_model **model) {
    const dp_reader reader = {.read = read_block, .user = &files.plain};
    return dp_model_open_reader(&reader, options, model);
}

/* Not where it could be used in place. */
static dp_status open_compiled(const dp_model_options *options, dp_model **model) {
    const dp_reader reader = {.read = read_block, .user = &files.compiled};
    return dp_model_open_reader(&reader, options, model);
}

static dp_status open_task(const dp_model_options *options, dp_model **model) {
    dp_model *backbone = NULL;
    dp_model_options first = *options;
    first.as_backbone = 1;
    first.progress = NULL;
    dp_status status =
        dp_model_open_memory(files.split.backbone, files.split.backbone_size, &first, &backbone);
    *model = NULL;
    if (status == DP_OK) {
        status = dp_model_open_task_memory(backbone, files.split.task, files.split.task_size,
                                           options, model);
    }
    dp_model_close(backbone);
    return status;
}

static dp_status verify_path(const dp_model_options *options, dp_model **model) {
    *model = NULL;
    return dp_model_verify(files.path, options);
}

static dp_status verify_reader(const dp_model_options *options, dp_model **model) {
    const dp_reader reader = {.read = read_block, .user = &files.plain};
    *model = NULL;
    return dp_model_verify_reader(&reader, options);
}

#if !defined(DP_NO_ZLIB)

static dp_status open_gzip(const dp_model_options *options, dp_model **model) {
    return dp_model_open_memory(files.gzip.bytes, files.gzip.size, options, model);
}

static dp_status open_gzip_reader(const dp_model_options *options, dp_model **model) {
    const dp_reader reader = {.read = read_block, .user = &files.gzip};
    return dp_model_open_reader(&reader, options, model);
}

static dp_status verify_gzip(const dp_model_options *options, dp_model **model) {
    *model = NULL;
    return dp_model_verify_memory(files.gzip.bytes, files.gzip.size, options);
}

#endif

static const struct {
    dp_status (*run)(const dp_model_options *options, dp_model **model);
    const char *stages;
    int reports; /* at least */
} ways[] = {
    {open_path, " reading verifying fusing", 10},
    {open_memory, " reading fusing", 5},
    {open_reader, " reading fusing", 10},
    {open_compiled, " reading fusing", 10},
    {open_task, " reading fusing", 5},
    {verify_path, " reading verifying", 10},
    {verify_reader, " reading verifying", 10},
#if !defined(DP_NO_ZLIB)
    {open_gzip, " reading inflating verifying fusing", 10},
    {open_gzip_reader, " reading inflating verifying fusing", 10},
    {verify_gzip, " reading inflating verifying", 10},
#endif
};

/* ---- stopping ---- */

typedef struct watcher {
    int calls, cancel_at; /* from 1; 0: never */
    double last;
    int wrong; /* fractions that fall or are not in 0 .. 1 */
    char stages[128];
} watcher;

static int watch(void *user, const char *stage, double fraction) {
    watcher *self = user;
    size_t used = strlen(self->stages);
    size_t length = strlen(stage);
    self->wrong += !(fraction >= self->last && fraction <= 1.0);
    self->last = fraction;
    if (used < length || strcmp(self->stages + used - length, stage) != 0) {
        (void)snprintf(self->stages + used, sizeof self->stages - used, " %s", stage);
    }
    return ++self->calls == self->cancel_at;
}

START_TEST(opening_stops_at_every_report) {
    dp_status status = DP_ERR_CANCELLED;
    watcher seen = {.calls = 0};
    int at = 0;
    while (status == DP_ERR_CANCELLED) {
        test_allocator memory;
        dp_model_options options;
        dp_model *model = NULL;
        test_allocator_init(&memory);
        dp_model_options_default(&options);
        at += (int)unless_brief(1, 9);
        seen = (watcher){.cancel_at = at};
        options.allocator = &memory.allocator;
        options.progress = watch;
        options.progress_user = &seen;
        options.max_memory = at % 2 == 0 ? SIZE_MAX : 0;
        status = ways[_i].run(&options, &model);
        ck_assert_msg(status == DP_OK || status == DP_ERR_CANCELLED, "%s", dp_last_message());
        ck_assert_int_eq(seen.wrong, 0);
        ck_assert(status == DP_OK || seen.calls == at);
        ck_assert(status == DP_OK || (model == NULL && memory.blocks == 0));
        ck_assert(status == DP_OK || strstr(dp_last_message(), "cancelled while") != NULL);
        dp_model_close(model);
        ck_assert_uint_eq(memory.blocks, 0);
        ck_assert_int_eq(memory.mistakes, 0);
    }
    ck_assert_str_eq(seen.stages, ways[_i].stages);
    ck_assert(seen.last == 1.0);
    ck_assert_int_ge(at, ways[_i].reports);
}
END_TEST

/* A file that is replaced stays whole until the new one is. */
START_TEST(compiling_stops_at_every_report) {
    dp_model *model = NULL;
    ck_assert_int_eq(open_memory(NULL, &model), DP_OK);
    ck_assert_int_eq(dp_model_compile(model, files.written), DP_OK);
    dp_status status = DP_ERR_CANCELLED;
    int at = 0;
    while (status == DP_ERR_CANCELLED) {
        watcher seen = {.cancel_at = ++at};
        status = dp_model_compile_watched(model, files.written, watch, &seen);
        ck_assert_int_eq(seen.wrong, 0);
        ck_assert_str_eq(seen.stages, " writing");
        ck_assert_int_eq(seen.calls, status == DP_OK ? at - 1 : at);
        ck_assert(status != DP_OK || seen.last == 1.0);
        ck_assert_int_eq(dp_model_verify(files.written, NULL), DP_OK);
    }
    ck_assert_int_eq(status, DP_OK);
    ck_assert_int_ge(at, 10);
    dp_model_close(model);
}
END_TEST

/* ---- memory ---- */

typedef struct outcome {
    dp_status status;
    size_t peak;
} outcome;

static outcome run_with(size_t which, size_t max_memory) {
    test_allocator memory;
    dp_model_options options;
    dp_model *model = NULL;
    test_allocator_init(&memory);
    dp_model_options_default(&options);
    options.allocator = &memory.allocator;
    options.max_memory = max_memory;
    outcome got = {ways[which].run(&options, &model), 0};
    got.peak = memory.peak;
    ck_assert((got.status == DP_OK) || model == NULL);
    ck_assert(got.status == DP_OK || memory.blocks == 0);
    dp_model_close(model);
    ck_assert_uint_eq(memory.blocks, 0);
    ck_assert_uint_eq(memory.bytes, 0);
    ck_assert_int_eq(memory.mistakes, 0);
    return got;
}

/* What the caller's allocator sees is never more than the limit, and what it saw without one is
 * enough. Growing buffers stop at the limit, and may take less than they would. */
START_TEST(memory_stays_below_every_limit) {
    size_t most = run_with((size_t)_i, SIZE_MAX).peak;
    ck_assert_uint_lt(most, 10 * files.plain.size);
    size_t step = most / unless_brief(20, 3) + 1;
    size_t small_step = unless_brief(256, 2048);
    for (size_t limit = 1; limit < most + step; limit += limit < 4096 ? small_step : step) {
        outcome got = run_with((size_t)_i, limit);
        ck_assert_uint_le(got.peak, limit);
        ck_assert(got.status == DP_OK ? limit > most / 4 : got.status == DP_ERR_MEMORY);
        ck_assert(got.status == DP_OK || limit < most);
        if (got.status != DP_OK) {
            char number[32];
            (void)snprintf(number, sizeof number, "%zu", limit);
            ck_assert_msg(strstr(dp_last_message(), number) != NULL, "%s", dp_last_message());
        }
    }
    ck_assert_int_eq(run_with((size_t)_i, most).status, DP_OK);
}
END_TEST

/* Without an allocator, too, where memory that is read is let go of early. */
START_TEST(the_library_s_own_memory_is_limited) {
    dp_model_options options;
    dp_model *model = NULL;
    dp_model_options_default(&options);
    options.max_memory = (size_t)1 << 20;
    ck_assert_int_eq(ways[_i].run(&options, &model), _i == 5 ? DP_OK : DP_ERR_MEMORY);
    options.max_memory = (size_t)100 << 20;
    ck_assert_int_eq(ways[_i].run(&options, &model), DP_OK);
    dp_model_close(model);
}
END_TEST

static size_t counted(const dp_model *model) {
    return (size_t)info_of(model).counted_bytes;
}

static dp_model *open_limited(size_t max_memory) {
    dp_model_options options;
    dp_model *model = NULL;
    dp_model_options_default(&options);
    options.max_memory = max_memory;
    ck_assert_int_eq(open_memory(&options, &model), DP_OK);
    return model;
}

START_TEST(sessions_count_with_their_model) {
    dp_model *model = open_limited((size_t)100 << 20);
    size_t alone = counted(model);
    size_t bytes = 0;
    dp_session_options options;
    dp_session *session = NULL;
    dp_session *second = NULL;
    dp_session_options_default(&options);
    options.threads = 2;
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
    ck_assert_uint_eq(counted(model), alone + bytes);
    dp_session_destroy(session);
    ck_assert_uint_eq(counted(model), alone);
    size_t peak = run_with(1, SIZE_MAX).peak;
    dp_model_close(model);

    size_t limit = peak > alone + bytes ? peak : alone + bytes;
    model = open_limited(limit);
    dp_session *fits[64];
    size_t count = 0;
    while (dp_session_create(model, &options, &session) == DP_OK) {
        ck_assert_uint_lt(count, COUNT(fits));
        fits[count++] = session;
    }
    ck_assert_uint_eq(count, (limit - alone) / bytes);
    ck_assert_ptr_null(session);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "a session"));
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "max_memory"));
    options.arena_size = bytes;
    ck_assert_int_eq(posix_memalign(&options.arena, 64, bytes), 0);
    ck_assert_int_eq(dp_session_create(model, &options, &second), DP_OK);
    dp_session_destroy(second);
    free(options.arena);
    options.arena = NULL;
    dp_session_destroy(fits[--count]);
    ck_assert_int_eq(dp_session_create(model, &options, &fits[count++]), DP_OK);
    dp_model_close(model);
    while (count > 0) {
        dp_session_destroy(fits[--count]);
    }
}
END_TEST

START_TEST(tasks_count_with_their_backbone) {
    dp_model_options options;
    dp_model *backbone = NULL;
    dp_model *task = NULL;
    test_allocator memory;
    test_allocator_init(&memory);
    dp_model_options_default(&options);
    options.as_backbone = 1;
    options.max_memory = (size_t)100 << 20;
    ck_assert_int_eq(
        dp_model_open_memory(files.split.backbone, files.split.backbone_size, &options, &backbone),
        DP_OK);
    size_t alone = counted(backbone);
    options.as_backbone = 0;
    options.allocator = &memory.allocator;
    for (size_t wanted = 0; wanted <= options.max_memory; wanted += (size_t)50 << 20) {
        dp_model_options own = options;
        own.max_memory = wanted;
        dp_status status = dp_model_open_task_memory(backbone, files.split.task,
                                                     files.split.task_size, &own, &task);
        if (wanted == (size_t)50 << 20) {
            ck_assert_int_eq(status, DP_ERR_ARGUMENT);
            ck_assert_ptr_nonnull(strstr(dp_last_message(), "max_memory"));
            continue;
        }
        ck_assert_msg(status == DP_OK, "%s", dp_last_message());
        ck_assert_uint_eq(counted(task), alone + memory.bytes);
        ck_assert_uint_eq(counted(backbone), counted(task));
        dp_model_close(task);
        ck_assert_uint_eq(counted(backbone), alone);
    }
    ck_assert_int_eq(memory.mistakes, 0);
    dp_model_close(backbone);
}
END_TEST

static void *come_and_go(void *model) {
    for (int i = 0; i < 50; i++) {
        dp_session *session = NULL;
        dp_session_options options;
        dp_session_options_default(&options);
        options.threads = 1;
        dp_status status = dp_session_create(model, &options, &session);
        if (status != DP_OK && status != DP_ERR_MEMORY) {
            return model;
        }
        dp_session_destroy(session);
    }
    return NULL;
}

START_TEST(threads_share_the_account) {
    size_t peak = run_with(1, SIZE_MAX).peak;
    dp_model *model = open_limited(peak);
    size_t alone = counted(model);
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, model), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *failed = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_assert_uint_eq(counted(model), alone);
    dp_model_close(model);
}
END_TEST

/* A model without a limit counts nothing. */
START_TEST(without_a_limit_nothing_is_counted) {
    dp_model *model = open_limited(0);
    ck_assert_uint_eq(counted(model), 0);
    dp_model_close(model);
}
END_TEST

static int64_t read_for_ever(void *user, uint64_t offset, void *buffer, size_t size) {
    *(uint64_t *)user = offset + size;
    memset(buffer, 'G', size);
    return (int64_t)size;
}

START_TEST(readers_without_an_end_are_stopped) {
    uint64_t end = 0;
    const dp_reader reader = {.read = read_for_ever, .user = &end};
    dp_model_options options;
    dp_model *model = NULL;
    dp_model_options_default(&options);
    options.max_memory = (size_t)20 << 20;
    ck_assert_int_eq(dp_model_open_reader(&reader, &options, &model), DP_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "max_memory is 20971520"));
    ck_assert_uint_le(end, options.max_memory);
    ck_assert_uint_gt(end, options.max_memory / 3);
    ck_assert_int_eq(dp_model_verify_reader(&reader, &options), DP_ERR_MEMORY);
}
END_TEST

/* The files are made once for all tests of a case. */
static TCase *add_case_with_files(Suite *suite, const char *name) {
    TCase *made = tcase_create(name);
    tcase_set_timeout(made, 120);
    tcase_add_unchecked_fixture(made, make_files, remove_files);
    suite_add_tcase(suite, made);
    return made;
}

int main(void) {
    Suite *suite = suite_create("watched");
    TCase *stopping = add_case_with_files(suite, "stopping");
    tcase_add_loop_test(stopping, opening_stops_at_every_report, 0, COUNT(ways));
    if (dpi_is_little_endian()) {
        tcase_add_test(stopping, compiling_stops_at_every_report);
    }
    TCase *memory = add_case_with_files(suite, "memory");
    tcase_add_loop_test(memory, memory_stays_below_every_limit, 0, COUNT(ways));
    tcase_add_loop_test(memory, the_library_s_own_memory_is_limited, 0, COUNT(ways));
    tcase_add_test(memory, sessions_count_with_their_model);
    tcase_add_test(memory, tasks_count_with_their_backbone);
    tcase_add_test(memory, threads_share_the_account);
    tcase_add_test(memory, without_a_limit_nothing_is_counted);
    tcase_add_test(memory, readers_without_an_end_are_stopped);
    return run_suite(suite);
}
