/*
 * Where compiled files are written to: a path, memory, a callback. All get the same bytes; a file
 * that cannot be written leaves nothing behind, and what was there before stays.
 */
#define _XOPEN_SOURCE 700    /* P_tmpdir, mkdtemp(), posix_memalign() */
#define _FILE_OFFSET_BITS 64 /* readdir() on 32-bit machines, too */
#include "compiled_file.h"
#include "test_allocator.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const how whichever = {DP_PRECISION_INT8, DP_TARGET_PLAIN, DP_CPU_ALL};

static char folder[256];
static char path[sizeof folder + 16];
static dp_model *compiled; /* what is compiled in each test */
static file_bytes expected;

static void make_folder(void) {
    const char *parent = getenv("TMPDIR");
    random_restart();
    (void)snprintf(folder, sizeof folder, "%s/dualpath-test-XXXXXX",
                   parent != NULL ? parent : P_tmpdir);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/model.gguf", folder);
    compiled = open_how(LABELLED_MODEL, whichever);
    expected = compile(compiled);
}

static void remove_folder(void) {
    char command[sizeof folder + 16];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
    dp_model_close(compiled);
    free(expected.block);
}

static size_t files_in_folder(void) {
    DIR *listing = opendir(folder);
    size_t count = 0;
    ck_assert_ptr_nonnull(listing);
    while (readdir(listing) != NULL) {
        count++;
    }
    ck_assert_int_eq(closedir(listing), 0);
    return count - 2; /* . and .. */
}

static void write_text(const char *name, const char *text) {
    FILE *file = must(fopen(name, "wb"), name);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static bool holds_text(const char *name, const char *text) {
    size_t size = 0;
    uint8_t *bytes = read_file(name, &size);
    bool holds = bytes != NULL && size == strlen(text) && memcmp(bytes, text, size) == 0;
    free(bytes);
    return holds;
}

static void expect_compiled(const char *name) {
    size_t size = 0;
    uint8_t *bytes = must(read_file(name, &size), name);
    ck_assert_uint_eq(size, expected.size);
    ck_assert_mem_eq(bytes, expected.bytes, size);
    free(bytes);
}

static void refuse_path(const char *name, dp_status status, const char *word, const char *other) {
    dp_status got = dp_model_compile(compiled, name);
    const char *message = dp_last_message();
    ck_assert_msg(got == status, "%s, expected %s: %s", dp_status_name(got), dp_status_name(status),
                  message);
    ck_assert_msg(strstr(message, word) != NULL && strstr(message, other) != NULL,
                  "no '%s' or no '%s' in \"%s\"", word, other, message);
}

/* ---- memory ---- */

START_TEST(memory_gets_the_same_bytes) {
    size_t size = 0;
    ck_assert_int_eq(dp_model_compile_memory(compiled, NULL, 0, &size), DP_OK);
    ck_assert_uint_eq(size, expected.size);
    uint8_t *exact = guarded_bytes(size, 1);
    ck_assert_int_eq(dp_model_compile_memory(compiled, exact, size, &size), DP_OK);
    ck_assert_uint_eq(size, expected.size);
    ck_assert_mem_eq(exact, expected.bytes, size);
    uint8_t *longer = guarded_bytes(size + 100, 1);
    memset(longer, 0xa5, size + 100);
    ck_assert_int_eq(dp_model_compile_memory(compiled, longer, size + 100, &size), DP_OK);
    ck_assert_mem_eq(longer, expected.bytes, size);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(longer[size + i], 0xa5);
    }
    guarded_end();
}
END_TEST

START_TEST(short_buffers_are_left_alone) {
    const size_t capacities[] = {0, 1, expected.size / 2, expected.size - 1};
    for (size_t i = 0; i < COUNT(capacities); i++) {
        uint8_t *bytes = guarded_bytes(expected.size, 1);
        size_t size = 0;
        char number[32];
        memset(bytes, 0xa5, expected.size);
        ck_assert_int_eq(dp_model_compile_memory(compiled, bytes, capacities[i], &size),
                         DP_ERR_ARGUMENT);
        (void)snprintf(number, sizeof number, "takes %zu", expected.size);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), number));
        ck_assert_uint_eq(size, expected.size);
        for (size_t j = 0; j < expected.size; j++) {
            ck_assert(bytes[j] == 0xa5);
        }
        guarded_end();
    }
}
END_TEST

START_TEST(missing_arguments_are_refused) {
    size_t size = 7;
    ck_assert_int_eq(dp_model_compile_memory(NULL, NULL, 0, &size), DP_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "model is NULL"));
    ck_assert_uint_eq(size, 0);
    ck_assert_int_eq(dp_model_compile_memory(compiled, NULL, 0, NULL), DP_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "size is NULL"));
    ck_assert_int_eq(dp_model_compile(NULL, path), DP_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "model is NULL"));
    refuse_path(NULL, DP_ERR_ARGUMENT, "path", "NULL");
    ck_assert_uint_eq(files_in_folder(), 0);
}
END_TEST

/* ---- a path ---- */

START_TEST(paths_get_the_same_bytes) {
    ck_assert_int_eq(dp_model_compile(compiled, path), DP_OK);
    expect_compiled(path);
    ck_assert_uint_eq(files_in_folder(), 1);
    struct stat about;
    mode_t mask = umask(0);
    (void)umask(mask);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_int_eq((int)(about.st_mode & 0777), (int)(0666 & ~mask));
}
END_TEST

START_TEST(a_file_is_replaced_and_keeps_its_permissions) {
    struct stat about;
    write_text(path, "something else");
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(dp_model_compile(compiled, path), DP_OK);
    expect_compiled(path);
    ck_assert_uint_eq(files_in_folder(), 1);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_int_eq((int)(about.st_mode & 0777), 0640);
}
END_TEST

/* A model that lies in the file itself goes on with the old one. */
START_TEST(a_file_may_replace_the_one_it_comes_from) {
    ck_assert_int_eq(dp_model_compile(compiled, path), DP_OK);
    dp_model *mapped = NULL;
    ck_assert_int_eq(dp_model_open(path, NULL, &mapped), DP_OK);
    answer before = answer_of(mapped);
    ck_assert_int_eq(dp_model_compile(mapped, path), DP_OK);
    answer after = answer_of(mapped);
    ck_assert(same_bits(&before, &after));
    expect_compiled(path);
    dp_model_close(mapped);
}
END_TEST

/* A program without standard input: the next file that is opened has its number. */
START_TEST(descriptor_0_is_one_like_any) {
    dp_model *mapped = NULL;
    int saved = dup(STDIN_FILENO);
    ck_assert_int_eq(close(STDIN_FILENO), 0);
    ck_assert_int_eq(dp_model_compile(compiled, path), DP_OK);
    ck_assert_int_eq(fcntl(STDIN_FILENO, F_GETFD), -1);
    ck_assert_int_eq(dp_model_open(path, NULL, &mapped), DP_OK);
    ck_assert_int_eq(fcntl(STDIN_FILENO, F_GETFD), -1);
    ck_assert_int_eq(dp_model_compile(compiled, "/dev/null"), DP_OK);
    ck_assert_int_eq(fcntl(STDIN_FILENO, F_GETFD), -1);
    ck_assert(saved < 0 || dup2(saved, STDIN_FILENO) == STDIN_FILENO);
    ck_assert(saved < 0 || close(saved) == 0);
    expect_compiled(path);
    ck_assert_uint_eq(files_in_folder(), 1);
    dp_model_close(mapped);
}
END_TEST

/* Names that are taken, by files or links, are neither written to nor removed. */
START_TEST(names_of_others_are_not_used) {
    char first[sizeof path + 16];
    char second[sizeof path + 16];
    (void)snprintf(first, sizeof first, "%s.part", path);
    (void)snprintf(second, sizeof second, "%s.part2", path);
    write_text(first, "of another program");
    ck_assert_int_eq(symlink("/dev/full", second), 0);
    ck_assert_int_eq(dp_model_compile(compiled, path), DP_OK);
    expect_compiled(path);
    ck_assert(holds_text(first, "of another program"));
    ck_assert_uint_eq(files_in_folder(), 3);
}
END_TEST

/* Of a hundred names, one that is free is enough. */
START_TEST(a_hundred_names_are_tried) {
    char name[sizeof path + 16];
    (void)snprintf(name, sizeof name, "%s.part", path);
    write_text(name, "of another program");
    for (int i = 2; i < 100; i++) {
        (void)snprintf(name, sizeof name, "%s.part%d", path, i);
        write_text(name, "of another program");
    }
    ck_assert_int_eq(dp_model_compile(compiled, path), DP_OK);
    expect_compiled(path);
    ck_assert_int_eq(unlink(path), 0);
    (void)snprintf(name, sizeof name, "%s.part100", path);
    write_text(name, "of another program");
    refuse_path(path, DP_ERR_IO, path, "File exists");
    ck_assert_uint_eq(files_in_folder(), 100);
    ck_assert(holds_text(name, "of another program"));
}
END_TEST

START_TEST(links_stay_and_what_they_name_is_replaced) {
    char named[sizeof path + 16];
    struct stat about;
    (void)snprintf(named, sizeof named, "%s/named", folder);
    write_text(named, "something else");
    ck_assert_int_eq(symlink("named", path), 0);
    ck_assert_int_eq(dp_model_compile(compiled, path), DP_OK);
    ck_assert_int_eq(lstat(path, &about), 0);
    ck_assert(S_ISLNK(about.st_mode));
    expect_compiled(named);
    ck_assert_uint_eq(files_in_folder(), 2);
}
END_TEST

/* A name may have 255 bytes, so that nothing can be appended to it. */
START_TEST(the_longest_names_are_written) {
    char name[sizeof folder + 256];
    int length = snprintf(name, sizeof name, "%s/", folder);
    memset(name + length, 'm', 255);
    name[length + 255] = '\0';
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(dp_model_compile(compiled, name), DP_OK);
        expect_compiled(name);
        ck_assert_uint_eq(files_in_folder(), 1);
    }
}
END_TEST

typedef struct pipe_reader {
    uint8_t *bytes;
    size_t size;
} pipe_reader;

static void *read_pipe(void *argument) {
    pipe_reader *to = argument;
    to->bytes = read_file(path, &to->size);
    return NULL;
}

START_TEST(pipes_are_written_to_directly) {
    pthread_t thread;
    pipe_reader read = {NULL, 0};
    struct stat about;
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_pipe, &read), 0);
    ck_assert_int_eq(dp_model_compile(compiled, path), DP_OK);
    (void)pthread_join(thread, NULL);
    ck_assert_uint_eq(read.size, expected.size);
    ck_assert_mem_eq(read.bytes, expected.bytes, read.size);
    free(read.bytes);
    ck_assert_int_eq(lstat(path, &about), 0);
    ck_assert(S_ISFIFO(about.st_mode));
    ck_assert_uint_eq(files_in_folder(), 1);
}
END_TEST

/* ---- a path that cannot be written ---- */

START_TEST(full_disks_are_reported) {
    if (access("/dev/full", W_OK) != 0) {
        printf("skipped: there is no /dev/full\n");
        return;
    }
    refuse_path("/dev/full", DP_ERR_IO, "cannot write '/dev/full'", "No space left");
    ck_assert_int_eq(dp_model_compile(compiled, "/dev/null"), DP_OK);
}
END_TEST

/* A file that gets too long: what was there stays. */
START_TEST(files_that_end_early_are_removed) {
    struct rlimit before;
    struct rlimit limit;
    void (*old_handler)(int) = signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    write_text(path, "the old file");
    limit = before;
    limit.rlim_cur = expected.size / 2;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    dp_status status = dp_model_compile(compiled, path);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, old_handler);
    ck_assert_int_eq(status, DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "cannot write"));
    ck_assert_ptr_nonnull(strstr(dp_last_message(), path));
    ck_assert(holds_text(path, "the old file"));
    ck_assert_uint_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(places_that_cannot_be_are_refused_by_name) {
    char name[6000];
    (void)snprintf(name, sizeof name, "%s/no/such/folder.gguf", folder);
    refuse_path(name, DP_ERR_IO, "cannot create", "no/such/folder.gguf");
    refuse_path(folder, DP_ERR_IO, folder, "directory");
    refuse_path("", DP_ERR_IO, "cannot create", "''");
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    refuse_path(name, DP_ERR_IO, "cannot create", "xxxxxxxx");
    name[3000] = '\0';
    refuse_path(name, DP_ERR_IO, "cannot create", "too long");
    if (geteuid() != 0) {
        ck_assert_int_eq(chmod(folder, 0500), 0);
        refuse_path(path, DP_ERR_IO, "cannot create", "Permission denied");
        ck_assert_int_eq(chmod(folder, 0700), 0);
    }
    ck_assert_uint_eq(files_in_folder(), 0);
}
END_TEST

static bool is_link(const char *name) {
    struct stat about;
    return lstat(name, &about) == 0 && S_ISLNK(about.st_mode);
}

/* Links to what is not there, to themselves, through what is no folder. */
START_TEST(links_that_lead_nowhere_stay) {
    static const char *const targets[] = {"not-there", "no/such/folder", "model.gguf",
                                          "/dev/null/file"};
    for (size_t i = 0; i < COUNT(targets); i++) {
        ck_assert_int_eq(symlink(targets[i], path), 0);
        refuse_path(path, DP_ERR_IO, "cannot create", path);
        ck_assert(is_link(path));
        ck_assert_uint_eq(files_in_folder(), 1);
        ck_assert_int_eq(unlink(path), 0);
    }
}
END_TEST

/* An open file without a name can be found in /proc and cannot be replaced. */
START_TEST(files_without_a_name_are_refused) {
    char name[64];
    int descriptor = open(path, O_RDWR | O_CREAT, 0600);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(unlink(path), 0);
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    if (access(name, F_OK) == 0) {
        ck_assert_int_eq(symlink(name, path), 0);
        refuse_path(path, DP_ERR_IO, "cannot create", path);
        ck_assert(is_link(path));
        ck_assert_uint_eq(files_in_folder(), 1);
    } else {
        printf("skipped: there is no /proc\n");
    }
    (void)close(descriptor);
}
END_TEST

START_TEST(what_cannot_be_compiled_creates_nothing) {
    dp_model_options options;
    dp_model *unfused = NULL;
    size_t size = 7;
    dp_model_options_default(&options);
    options.unfused = 1;
    ck_assert_int_eq(dp_model_open(find_golden(SMALL_MODEL).text, &options, &unfused), DP_OK);
    ck_assert_int_eq(dp_model_compile(unfused, path), DP_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "unfused"));
    ck_assert_int_eq(dp_model_compile_memory(unfused, NULL, 0, &size), DP_ERR_UNSUPPORTED);
    ck_assert_uint_eq(size, 0);
    ck_assert_uint_eq(files_in_folder(), 0);
    dp_model_close(unfused);
}
END_TEST

START_TEST(running_out_of_memory_creates_nothing) {
    test_allocator counting;
    dp_model_options options = options_of(whichever);
    dp_model *model = NULL;
    test_allocator_init(&counting);
    options.allocator = &counting.allocator;
    ck_assert_int_eq(dp_model_open(find_golden(SMALL_MODEL).text, &options, &model), DP_OK);
    size_t blocks = counting.blocks;
    dp_status status = DP_ERR_MEMORY;
    for (size_t failing = 1; status != DP_OK; failing++) {
        counting.fail_at = counting.calls + failing;
        status = dp_model_compile(model, path);
        ck_assert_int_eq(status, counting.calls < counting.fail_at ? DP_OK : DP_ERR_MEMORY);
        ck_assert_uint_eq(counting.blocks, blocks);
        ck_assert_int_eq(counting.mistakes, 0);
        ck_assert_uint_eq(files_in_folder(), status == DP_OK ? 1 : 0);
    }
    dp_model_close(model);
}
END_TEST

/* ---- the program ---- */

static Suite *sinks_suite(void) {
    Suite *suite = suite_create("where compiled files go");
    TCase *memory = add_case(suite, "memory", 60, make_folder, remove_folder);
    tcase_add_test(memory, memory_gets_the_same_bytes);
    tcase_add_test(memory, short_buffers_are_left_alone);
    tcase_add_test(memory, missing_arguments_are_refused);

    TCase *paths = add_case(suite, "paths", 60, make_folder, remove_folder);
    tcase_add_test(paths, paths_get_the_same_bytes);
    tcase_add_test(paths, a_file_is_replaced_and_keeps_its_permissions);
    tcase_add_test(paths, a_file_may_replace_the_one_it_comes_from);
    tcase_add_test(paths, descriptor_0_is_one_like_any);
    tcase_add_test(paths, names_of_others_are_not_used);
    tcase_add_test(paths, a_hundred_names_are_tried);
    tcase_add_test(paths, links_stay_and_what_they_name_is_replaced);
    tcase_add_test(paths, the_longest_names_are_written);
    tcase_add_test(paths, pipes_are_written_to_directly);

    TCase *failures = add_case(suite, "failures", 60, make_folder, remove_folder);
    tcase_add_test(failures, full_disks_are_reported);
    tcase_add_test(failures, files_that_end_early_are_removed);
    tcase_add_test(failures, places_that_cannot_be_are_refused_by_name);
    tcase_add_test(failures, links_that_lead_nowhere_stay);
    tcase_add_test(failures, files_without_a_name_are_refused);
    tcase_add_test(failures, what_cannot_be_compiled_creates_nothing);
    tcase_add_test(failures, running_out_of_memory_creates_nothing);
    return suite;
}

int main(void) {
    random_seed("test_compile_sinks");
    if (!dpi_is_little_endian()) {
        printf("skipped: compiled files are for little-endian machines\n");
        return 0;
    }
    return run_suite(sinks_suite());
}
