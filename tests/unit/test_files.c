/*
 * How the bytes of a model get into memory: files, pipes and things that are neither, and gzip
 * data that is sound, cut, damaged, followed by something else, or a bomb.
 */
#define _XOPEN_SOURCE 700 /* P_tmpdir, mkdtemp() */
#include "base/size.h"
#include "dp_config.h"
#include "gguf/inflate.h"
#include "gzip.h"
#include "os/file.h"
#include "os/memory.h"
#include "os/new_file.h"
#include "suite.h"
#include "support.h"
#include "test_allocator.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static dpi_message message;
static dpi_watch nobody;
static test_allocator counting;

static void *must(void *block) {
    ck_assert_ptr_nonnull(block);
    return block;
}

static void expect_words(const char *word, const char *other) {
    ck_assert_msg(strstr(message.text, word) != NULL, "no '%s' in '%s'", word, message.text);
    ck_assert_msg(strstr(message.text, other) != NULL, "no '%s' in '%s'", other, message.text);
}

static void expect_nothing_held(void) {
    ck_assert_uint_eq(counting.blocks, 0);
    ck_assert_uint_eq(counting.bytes, 0);
    ck_assert_int_eq(counting.mistakes, 0);
}

/* Bytes that compress, but not to nothing. */
static uint8_t *some_bytes(size_t size) {
    uint8_t *bytes = must(malloc(size + 1));
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24 & 15);
    }
    return bytes;
}

/* ---- files ---- */

static char folder[256];
static char path[sizeof folder + 16];

static void make_folder(void) {
    const char *parent = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/dualpath-test-XXXXXX",
                   parent != NULL ? parent : P_tmpdir);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/model.gguf", folder);
    test_allocator_init(&counting);
}

static void remove_folder(void) {
    (void)unlink(path);
    (void)rmdir(folder);
}

static void write_file(const uint8_t *bytes, size_t size) {
    FILE *file = must(fopen(path, "wb"));
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void refuse_file(const char *name, const char *word, const char *other) {
    dpi_source file;
    ck_assert_int_eq(dpi_file_open(name, SIZE_MAX, &counting.allocator, &nobody, &file, &message),
                     DP_ERR_IO);
    expect_words(word, other);
    ck_assert_ptr_null(file.bytes);
    dpi_source_close(&file);
    expect_nothing_held();
}

/* Opens `path` and compares all of it. */
static void accept_file(const uint8_t *bytes, size_t size, bool allocates) {
    dpi_source file;
    dp_status status = dpi_file_open(path, SIZE_MAX, &counting.allocator, &nobody, &file, &message);
    ck_assert_msg(status == DP_OK, "%s", message.text);
    ck_assert_uint_eq(file.size, size);
    ck_assert_mem_eq(file.bytes, bytes, size);
    ck_assert_int_eq(counting.calls > 0, allocates);
    dpi_source_close(&file);
    ck_assert_ptr_null(file.bytes);
    expect_nothing_held();
}

START_TEST(files_are_mapped) {
    static const size_t sizes[] = {1, 4095, 4096, 4097, 300000};
    uint8_t *bytes = some_bytes(sizes[_i]);
    write_file(bytes, sizes[_i]);
    accept_file(bytes, sizes[_i], false);
    free(bytes);
}
END_TEST

typedef struct feed {
    const uint8_t *bytes;
    size_t size;
} feed;

/* The other end of the pipe, in pieces of odd sizes. */
static void *feed_pipe(void *argument) {
    const feed *what = argument;
    int pipe_end = open(path, O_WRONLY);
    size_t done = 0;
    for (size_t piece = 1; pipe_end >= 0 && done < what->size; piece = piece * 3 % 70001 + 1) {
        ssize_t count = write(pipe_end, what->bytes + done, dpi_size_min(piece, what->size - done));
        if (count <= 0) {
            break;
        }
        done += (size_t)count;
    }
    (void)close(pipe_end);
    return NULL;
}

START_TEST(pipes_are_read) {
    static const size_t sizes[] = {1, 65536, 65537, 300000};
    uint8_t *bytes = some_bytes(sizes[_i]);
    feed what = {bytes, sizes[_i]};
    pthread_t thread;
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, feed_pipe, &what), 0);
    accept_file(bytes, sizes[_i], true);
    (void)pthread_join(thread, NULL);
    free(bytes);
}
END_TEST

START_TEST(empty_pipes_are_refused) {
    feed what = {NULL, 0};
    pthread_t thread;
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, feed_pipe, &what), 0);
    refuse_file(path, path, "empty");
    (void)pthread_join(thread, NULL);
}
END_TEST

START_TEST(reading_a_pipe_may_run_out_of_memory) {
    uint8_t *bytes = some_bytes(300000);
    feed what = {bytes, 300000};
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    for (size_t fail_at = 1; fail_at <= 3; fail_at++) {
        pthread_t thread;
        dpi_source file;
        test_allocator_init(&counting);
        counting.fail_at = fail_at;
        ck_assert_int_eq(pthread_create(&thread, NULL, feed_pipe, &what), 0);
        ck_assert_int_eq(
            dpi_file_open(path, SIZE_MAX, &counting.allocator, &nobody, &file, &message),
            DP_ERR_MEMORY);
        expect_words(path, "allocate");
        expect_nothing_held();
        (void)pthread_join(thread, NULL);
    }
    free(bytes);
}
END_TEST

START_TEST(what_is_no_file_is_refused_by_name) {
    char long_name[1000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    refuse_file(path, path, "No such file");
    refuse_file(folder, folder, "directory");
    refuse_file("", "cannot open", "No such file");
    refuse_file(long_name, "xxxx", "too long");
    refuse_file("/dev/zero", "/dev/zero", "device");
    write_file((const uint8_t *)"", 0);
    refuse_file(path, path, "empty");
}
END_TEST

/* Files that claim to be empty, and cannot be mapped, as Linux has them. */
START_TEST(files_that_hide_their_size_are_read) {
    const char *name = "/proc/self/status";
    dpi_source file;
    if (access(name, R_OK) != 0) {
        printf("skipped: there is no %s\n", name);
        return;
    }
    ck_assert_int_eq(dpi_file_open(name, SIZE_MAX, &counting.allocator, &nobody, &file, &message),
                     DP_OK);
    ck_assert_uint_gt(file.size, 5);
    ck_assert_mem_eq(file.bytes, "Name:", 5);
    dpi_source_close(&file);
    expect_nothing_held();
}
END_TEST

START_TEST(a_name_without_a_folder_is_in_this_one) {
    char before[4096];
    dpi_new_file file;
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(dpi_new_file_begin("model.gguf", NULL, &file, &message), DP_OK);
    dpi_sink sink = dpi_new_file_sink(&file);
    ck_assert_int_eq(access("model.gguf.part", F_OK), 0);
    ck_assert_int_eq(sink.write(sink.user, "all", 3, &message), DP_OK);
    ck_assert_int_eq(dpi_new_file_end(&file, DP_OK, &message), DP_OK);
    ck_assert_int_eq(chdir(before), 0);
    accept_file((const uint8_t *)"all", 3, false);
}
END_TEST

START_TEST(closing_nothing_does_nothing) {
    dpi_source file = {0};
    dpi_source_close(&file);
    dpi_source_close(&file);
}
END_TEST

/* ---- gzip ---- */

#if !defined(DP_NO_ZLIB)

static byte_block join(byte_block a, byte_block b) {
    byte_block both = {must(malloc(a.size + b.size)), a.size + b.size};
    memcpy(both.bytes, a.bytes, a.size);
    memcpy(both.bytes + a.size, b.bytes, b.size);
    return both;
}

typedef struct answer {
    dp_status status;
    uint8_t *bytes;
    size_t size, allocated;
} answer;

static answer inflate_block(byte_block packed, size_t limit) {
    dpi_source from = {.bytes = packed.bytes, .size = packed.size};
    dpi_source to;
    dp_status status = dpi_inflate(&from, limit, &counting.allocator, &nobody, &to, &message);
    answer got = {status, to.buffer.bytes, to.size, to.buffer.capacity};
    if (got.status != DP_OK) {
        ck_assert_ptr_null(got.bytes);
        ck_assert_uint_eq(got.size + got.allocated, 0);
        expect_nothing_held();
    }
    return got;
}

static void drop(answer got) {
    dpi_release(&counting.allocator, got.bytes, got.allocated);
    expect_nothing_held();
}

static void expect_inflates(byte_block packed, size_t limit, const uint8_t *bytes, size_t size) {
    answer got = inflate_block(packed, limit);
    ck_assert_msg(got.status == DP_OK, "%s", message.text);
    ck_assert_uint_eq(got.size, size);
    ck_assert_ptr_nonnull(got.bytes);
    ck_assert_mem_eq(got.bytes, bytes, size);
    ck_assert_uint_eq(counting.blocks, 1);
    drop(got);
}

static void start_counting(void) {
    test_allocator_init(&counting);
}

START_TEST(gzip_is_known_by_its_magic) {
    ck_assert(dpi_is_gzip((const uint8_t *)"\x1f\x8b", 2));
    ck_assert(!dpi_is_gzip((const uint8_t *)"\x1f\x8b", 1));
    ck_assert(!dpi_is_gzip((const uint8_t *)"GGUF", 4));
    ck_assert(!dpi_is_gzip(NULL, 0));
}
END_TEST

START_TEST(sound_data_inflates) {
    static const size_t sizes[] = {0, 1, 1000, 65535, 65536, 65537, 500000, 3000000};
    size_t size = sizes[_i];
    uint8_t *bytes = some_bytes(size);
    for (int level = 0; level <= 9; level += 3) {
        byte_block packed = gzip_bytes(bytes, size, level);
        expect_inflates(packed, SIZE_MAX, bytes, size);
        expect_inflates(packed, size, bytes, size); /* exactly the limit */
        if (size > 0) {
            char number[32];
            (void)snprintf(number, sizeof number, " %zu bytes", size - 1);
            ck_assert_int_eq(inflate_block(packed, size - 1).status, DP_ERR_MEMORY);
            expect_words("limit", number);
            ck_assert_int_eq(inflate_block(packed, 0).status, DP_ERR_MEMORY);
        }
        free(packed.bytes);
    }
    free(bytes);
}
END_TEST

START_TEST(one_allocation_holds_an_honest_file) {
    uint8_t *bytes = some_bytes(3000000);
    byte_block packed = gzip_bytes(bytes, 3000000, 6);
    drop(inflate_block(packed, SIZE_MAX));
    ck_assert_uint_lt(counting.peak, 3000000 + 100000);
    free(packed.bytes);
    free(bytes);
}
END_TEST

START_TEST(all_members_are_joined) {
    uint8_t *bytes = some_bytes(400000);
    byte_block first = gzip_bytes(bytes, 300000, 6);
    byte_block nothing = gzip_bytes(bytes, 0, 6);
    byte_block second = gzip_bytes(bytes + 300000, 100000, 1);
    byte_block head = join(first, nothing);
    byte_block packed = join(head, second);
    expect_inflates(packed, SIZE_MAX, bytes, 400000);
    expect_inflates(packed, 400000, bytes, 400000);
    ck_assert_int_eq(inflate_block(packed, 399999).status, DP_ERR_MEMORY);
    byte_block *blocks[] = {&first, &nothing, &second, &head, &packed};
    for (size_t i = 0; i < COUNT(blocks); i++) {
        free(blocks[i]->bytes);
    }
    free(bytes);
}
END_TEST

START_TEST(what_follows_must_be_gzip) {
    static const struct {
        const char *bytes;
        size_t size;
        const char *word;
    } tails[] = {
        {"\0", 1, "1 bytes of something else"},
        {"\x1f", 1, "1 bytes of something else"},
        {"garbage", 7, "7 bytes of something else"},
        {"\0\0\0\0\0\0\0\0", 8, "8 bytes of something else"},
        {"\x1f\x8bgarbage", 9, "damaged"},
        {"\x1f\x8b", 2, "cut off"},
    };
    uint8_t *bytes = some_bytes(1000);
    byte_block packed = gzip_bytes(bytes, 1000, 6);
    for (size_t i = 0; i < COUNT(tails); i++) {
        byte_block tail = {(uint8_t *)(uintptr_t)tails[i].bytes, tails[i].size};
        byte_block both = join(packed, tail);
        ck_assert_int_eq(inflate_block(both, SIZE_MAX).status, DP_ERR_FORMAT);
        expect_words("gzip", tails[i].word);
        free(both.bytes);
    }
    free(packed.bytes);
    free(bytes);
}
END_TEST

START_TEST(cut_data_is_refused) {
    uint8_t *bytes = some_bytes(2000);
    byte_block packed = gzip_bytes(bytes, 2000, 6);
    for (size_t size = 0; size < packed.size; size++) {
        byte_block cut = {must(malloc(size + 1)), size};
        memcpy(cut.bytes, packed.bytes, size);
        ck_assert_int_eq(inflate_block(cut, 2000).status, DP_ERR_FORMAT);
        expect_words("gzip", "cut off");
        free(cut.bytes);
    }
    free(packed.bytes);
    free(bytes);
}
END_TEST

/* Some bits mean nothing here: time and system in the header, and what fills up the last byte
 * before the trailer. Then the answer is the same. */
START_TEST(damaged_data_is_refused) {
    uint8_t *bytes = some_bytes(1000);
    byte_block packed = gzip_bytes(bytes, 1000, 6);
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * packed.size; bit++) {
        packed.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        answer got = inflate_block(packed, 1000000);
        if (got.status == DP_OK) {
            ck_assert(bit / 8 < 10 || bit / 8 == packed.size - 9);
            ck_assert_uint_eq(got.size, 1000);
            ck_assert_mem_eq(got.bytes, bytes, 1000);
            drop(got);
        } else {
            ck_assert_int_eq(got.status, DP_ERR_FORMAT);
            expect_words("gzip", "");
            refused++;
        }
        packed.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert_uint_gt(refused, 8 * (packed.size - 11));
    free(packed.bytes);
    free(bytes);
}
END_TEST

/* 64 MiB of zeros in 64 KiB, with a limit of 1 MiB: little memory is touched. */
START_TEST(bombs_are_defused) {
    size_t size = (size_t)64 << 20;
    uint8_t *zeros = must(calloc(1, size));
    byte_block packed = gzip_bytes(zeros, size, 9);
    ck_assert_uint_lt(packed.size, 70000);
    ck_assert_int_eq(inflate_block(packed, (size_t)1 << 20).status, DP_ERR_MEMORY);
    expect_words("limit", "1048576");
    ck_assert_uint_lt(counting.peak, (size_t)2 << 20);
    free(packed.bytes);
    free(zeros);
}
END_TEST

/* The size that ends a file is a hint: a lie is noticed, and costs no memory. */
START_TEST(lies_about_the_size_are_refused) {
    uint8_t *bytes = some_bytes(1000);
    byte_block packed = gzip_bytes(bytes, 1000, 6);
    memset(packed.bytes + packed.size - 4, 0xff, 4);
    ck_assert_int_eq(inflate_block(packed, SIZE_MAX).status, DP_ERR_FORMAT);
    expect_words("damaged", "length");
    ck_assert_uint_lt(counting.peak, 200000);
    free(packed.bytes);
    free(bytes);
}
END_TEST

START_TEST(every_allocation_may_fail) {
    uint8_t *bytes = some_bytes(400000);
    byte_block first = gzip_bytes(bytes, 300000, 6);
    byte_block second = gzip_bytes(bytes + 300000, 100000, 6);
    byte_block packed = join(first, second);
    size_t fail_at = 0;
    answer got = {.status = DP_ERR_MEMORY};
    while (got.status != DP_OK) {
        test_allocator_init(&counting);
        counting.fail_at = ++fail_at;
        got = inflate_block(packed, SIZE_MAX);
        ck_assert(got.status == DP_OK || got.status == DP_ERR_MEMORY);
    }
    drop(got);
    ck_assert_uint_gt(fail_at, 4); /* of zlib's two, and ours: the first and when it grew */
    free(packed.bytes);
    free(second.bytes);
    free(first.bytes);
    free(bytes);
}
END_TEST

static TCase *case_of_gzip(void) {
    TCase *gzip = tcase_create("gzip");
    tcase_set_timeout(gzip, 60);
    tcase_add_checked_fixture(gzip, start_counting, NULL);
    tcase_add_test(gzip, gzip_is_known_by_its_magic);
    tcase_add_loop_test(gzip, sound_data_inflates, 0, 8);
    tcase_add_test(gzip, one_allocation_holds_an_honest_file);
    tcase_add_test(gzip, all_members_are_joined);
    tcase_add_test(gzip, what_follows_must_be_gzip);
    tcase_add_test(gzip, cut_data_is_refused);
    tcase_add_test(gzip, damaged_data_is_refused);
    tcase_add_test(gzip, bombs_are_defused);
    tcase_add_test(gzip, lies_about_the_size_are_refused);
    tcase_add_test(gzip, every_allocation_may_fail);
    return gzip;
}

#endif /* DP_NO_ZLIB */

/* ---- builds that leave parts out ---- */

static bool has_files(void) {
    dpi_source file;
    return dpi_file_open("", 1, NULL, &nobody, &file, &message) != DP_ERR_UNSUPPORTED;
}

START_TEST(what_was_left_out_is_said) {
    if (!has_files()) {
        expect_words("this build has no files", "cannot open ''");
        dpi_new_file file;
        ck_assert_int_eq(dpi_new_file_begin("x", NULL, &file, &message), DP_ERR_UNSUPPORTED);
        expect_words("this build has no files", "cannot write 'x'");
    }
#if defined(DP_NO_ZLIB)
    dpi_source nothing = {.bytes = (const uint8_t *)""};
    dpi_source inflated;
    ck_assert_int_eq(dpi_inflate(&nothing, 0, NULL, &nobody, &inflated, &message),
                     DP_ERR_UNSUPPORTED);
    expect_words("gzip-compressed", "this build has no zlib");
#endif
}
END_TEST

/* ---- the suite ---- */

static TCase *case_of_files(void) {
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 60);
    tcase_add_checked_fixture(files, make_folder, remove_folder);
    tcase_add_loop_test(files, files_are_mapped, 0, 5);
    tcase_add_loop_test(files, pipes_are_read, 0, 4);
    tcase_add_test(files, empty_pipes_are_refused);
    tcase_add_test(files, reading_a_pipe_may_run_out_of_memory);
    tcase_add_test(files, what_is_no_file_is_refused_by_name);
    tcase_add_test(files, files_that_hide_their_size_are_read);
    tcase_add_test(files, a_name_without_a_folder_is_in_this_one);
    tcase_add_test(files, closing_nothing_does_nothing);
    return files;
}

static Suite *files_suite(void) {
    Suite *suite = suite_create("files");
    TCase *build = tcase_create("build");
    tcase_add_test(build, what_was_left_out_is_said);
    suite_add_tcase(suite, build);
    if (has_files()) {
        suite_add_tcase(suite, case_of_files());
    }
#if !defined(DP_NO_ZLIB)
    suite_add_tcase(suite, case_of_gzip());
#endif
    return suite;
}

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN); /* of a pipe whose reader gave up */
    return run_suite(files_suite());
}
