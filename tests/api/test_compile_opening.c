/*
 * Compiled weight files: every way of opening one gives the same model, and the pages of a mapped
 * one stay those of the file.
 */
#define _XOPEN_SOURCE 700 /* P_tmpdir, mkdtemp() */
#include "compiled_file.h"
#include "gzip.h"
#include "test_allocator.h"

#include <unistd.h>

/* ---- ways to open ---- */

static int64_t read_bytes(void *user, uint64_t offset, void *buffer, size_t size) {
    const file_bytes *from = user;
    size_t rest = from->size - (size_t)offset;
    size_t count = size < rest ? size : rest;
    memcpy(buffer, from->bytes + offset, count);
    return (int64_t)count;
}

static int warnings;

static void count_warnings(void *user, dp_log_level level, const char *message) {
    (void)user;
    (void)message;
    warnings += level == DP_LOG_WARNING;
}

/* A model with the answers of the golden one and all memory from `counting`, which is left empty
 * when it is closed. */
static void expect_model(dp_model *model, const test_allocator *counting, const answer *expected) {
    ck_assert_msg(model != NULL, "%s", dp_last_message());
    answer got = answer_of(model);
    ck_assert(same_bits(&got, expected));
    dp_model_close(model);
    ck_assert_uint_eq(counting->blocks, 0);
    ck_assert_int_eq(counting->mistakes, 0);
}

START_TEST(every_way_of_opening_gives_the_same) {
    static const how whichever = {DP_PRECISION_INT8, DP_TARGET_NATIVE, DP_CPU_ALL};
    dp_model *canonical = open_how(LABELLED_MODEL, whichever);
    answer expected = answer_of(canonical);
    dp_model_close(canonical);
    file_bytes file = compile_golden(LABELLED_MODEL, whichever);
    file_bytes moved = copy_bytes(file.bytes, file.size, 16);
    test_allocator counting;
    dp_model *model = NULL;
    dp_model_options options;
    dp_model_options_default(&options);
    options.log = count_warnings;
    test_allocator_init(&counting);
    options.allocator = &counting.allocator;

    warnings = 0;
    (void)dp_model_open_memory(file.bytes, file.size, &options, &model);
    ck_assert_uint_lt(counting.peak, file.size / 2); /* nothing was copied */
    ck_assert_int_eq(warnings, 0);
    expect_model(model, &counting, &expected);

    (void)dp_model_open_memory(moved.bytes, moved.size, &options, &model);
    ck_assert_uint_ge(counting.bytes, file.size);
    ck_assert_int_eq(warnings, 1);
    expect_model(model, &counting, &expected);

    dp_reader reader = {.read = read_bytes, .user = &file};
    (void)dp_model_open_reader(&reader, &options, &model);
    expect_model(model, &counting, &expected);
    ck_assert_int_eq(warnings, 1);
    free(file.block);
    free(moved.block);
}
END_TEST

#if !defined(DP_NO_ZLIB)

START_TEST(compressed_files_give_the_same) {
    static const how whichever = {DP_PRECISION_INT8, DP_TARGET_NATIVE, DP_CPU_ALL};
    file_bytes file = compile_golden(LABELLED_MODEL, whichever);
    byte_block gzip = gzip_bytes(file.bytes, file.size, 1);
    file_bytes packed = {gzip.bytes, gzip.bytes, gzip.size};
    dp_model *model = NULL;
    test_allocator counting;
    dp_model_options options;
    dp_model_options_default(&options);
    (void)dp_model_open_memory(file.bytes, file.size, &options, &model);
    ck_assert_msg(model != NULL, "%s", dp_last_message());
    answer expected = answer_of(model);
    dp_model_close(model);
    test_allocator_init(&counting);
    options.allocator = &counting.allocator;

    (void)dp_model_open_memory(packed.bytes, packed.size, &options, &model);
    expect_model(model, &counting, &expected);

    dp_reader reader = {.read = read_bytes, .user = &packed};
    (void)dp_model_open_reader(&reader, &options, &model);
    expect_model(model, &counting, &expected);
    free(file.block);
    free(packed.block);
}
END_TEST

#endif /* DP_NO_ZLIB */

START_TEST(opening_may_run_out_of_memory) {
    file_bytes file = compile_golden(LABELLED_MODEL, (how){DP_PRECISION_F32, 0, DP_CPU_ALL});
    file_bytes moved = copy_bytes(file.bytes, file.size, 16);
    dp_model *model = NULL;
    test_allocator counting;
    dp_model_options options;
    dp_model_options_default(&options);
    options.allocator = &counting.allocator;
    size_t fail_at = 0;
    do {
        test_allocator_init(&counting);
        counting.fail_at = ++fail_at;
        dp_status status = dp_model_open_memory(moved.bytes, moved.size, &options, &model);
        ck_assert(status == DP_ERR_MEMORY || (status == DP_OK && counting.calls < fail_at));
        dp_model_close(model);
        ck_assert_uint_eq(counting.blocks, 0);
        ck_assert_int_eq(counting.mistakes, 0);
    } while (counting.calls >= fail_at);
    ck_assert_uint_gt(fail_at, 5);
    free(file.block);
    free(moved.block);
}
END_TEST

/* ---- the file on disk ---- */

static char folder[256];
static char path[sizeof folder + 16];

static void make_folder(void) {
    const char *parent = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/dualpath-test-XXXXXX",
                   parent != NULL ? parent : P_tmpdir);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/model.gguf", folder);
}

static void remove_folder(void) {
    (void)unlink(path);
    (void)rmdir(folder);
}

static void write_file(file_bytes file) {
    FILE *to = must(fopen(path, "wb"), path);
    ck_assert_uint_eq(fwrite(file.bytes, 1, file.size, to), file.size);
    ck_assert_int_eq(fclose(to), 0);
}

/* Kilobytes that /proc/self/smaps says of mappings of `path`: all of them, and those that are not
 * the file's own pages any more. */
typedef struct mapped {
    long size, changed;
} mapped;

static mapped look_at_mapping(void) {
    FILE *maps = must(fopen("/proc/self/smaps", "r"), "smaps");
    char line[1024];
    bool ours = false;
    mapped found = {0, 0};
    while (fgets(line, sizeof line, maps) != NULL) {
        long kilobytes = 0;
        char word[32] = "";
        if (sscanf(line, "%31[A-Za-z_]: %ld kB", word, &kilobytes) != 2) {
            ours = strstr(line, path) != NULL || (strchr(line, '-') == NULL && ours);
        } else if (ours && strcmp(word, "Rss") == 0) {
            found.size += kilobytes;
        } else if (ours && strcmp(word, "Anonymous") == 0) {
            found.changed += kilobytes;
        }
    }
    (void)fclose(maps);
    return found;
}

START_TEST(a_mapped_file_is_used_where_it_lies) {
    if (access("/proc/self/smaps", R_OK) != 0) {
        printf("skipped: there is no /proc/self/smaps\n");
        return;
    }
    file_bytes file = compile_golden(LABELLED_MODEL, (how){DP_PRECISION_BF16, 0, DP_CPU_ALL});
    write_file(file);
    test_allocator counting;
    dp_model_options options;
    dp_model *model = NULL;
    test_allocator_init(&counting);
    dp_model_options_default(&options);
    options.allocator = &counting.allocator;
    ck_assert_int_eq(dp_model_open(path, &options, &model), DP_OK);
    ck_assert_uint_lt(counting.peak, file.size / 2);
    ck_assert_int_ge(info_of(model).weight_bytes, (int64_t)file.size);
    answer got = answer_of(model);
    ck_assert_uint_gt(got.count, 0);
    mapped used = look_at_mapping();
    ck_assert_int_ge(used.size, (long)(file.size / 1024 / 2));
    ck_assert_int_eq(used.changed, 0);
    dp_model_close(model);
    mapped afterwards = look_at_mapping();
    ck_assert_int_eq(afterwards.size, 0);
    free(file.block);
}
END_TEST

/* The name may go, and come back with something else: the model has the old file. */
START_TEST(a_mapped_file_may_be_replaced) {
    file_bytes file = compile_golden(SMALL_MODEL, (how){DP_PRECISION_F32, 0, DP_CPU_ALL});
    dp_model *model = NULL;
    write_file(file);
    ck_assert_int_eq(dp_model_open(path, NULL, &model), DP_OK);
    answer before = answer_of(model);
    ck_assert_int_eq(unlink(path), 0);
    memset(file.bytes, 0, file.size);
    write_file(file);
    answer after = answer_of(model);
    ck_assert(same_bits(&before, &after));
    dp_model_close(model);
    free(file.block);
}
END_TEST

static Suite *opening_suite(void) {
    Suite *suite = suite_create("compile_opening");
    TCase *opening = add_case(suite, "opening", 300, random_restart, NULL);
    tcase_add_checked_fixture(opening, make_folder, remove_folder);
    tcase_add_test(opening, every_way_of_opening_gives_the_same);
#if !defined(DP_NO_ZLIB)
    tcase_add_test(opening, compressed_files_give_the_same);
#endif
    tcase_add_test(opening, opening_may_run_out_of_memory);
    tcase_add_test(opening, a_mapped_file_is_used_where_it_lies);
    tcase_add_test(opening, a_mapped_file_may_be_replaced);
    return suite;
}

int main(void) {
    if (!dpi_is_little_endian()) {
        printf("skipped: compiled files are for little-endian machines\n");
        return 0;
    }
    random_seed("test_compile_opening");
    return run_suite(opening_suite());
}
