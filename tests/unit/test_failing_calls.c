/*
 * lib/os where the operating system refuses a call, or a signal interrupts it: the code is compiled
 * once more, with calls in front of the system's that fail as a test says.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#define _FILE_OFFSET_BITS 64
#include "suite.h"
#include "support.h"
#include "test_allocator.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *name; /* of the call that fails, or "every call" */
    int error;
    int times;
} failing;

static void fail_call(const char *name, int error, int times) {
    failing.name = name;
    failing.error = error;
    failing.times = times;
}

static bool fails(const char *name) {
    bool meant = failing.times > 0 &&
                 (strcmp(failing.name, name) == 0 || strcmp(failing.name, "every call") == 0);
    if (!meant) {
        return false;
    }
    failing.times--;
    errno = failing.error;
    return true;
}

static int open_or_fail(const char *name, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? (mode_t)va_arg(arguments, int) : 0;
    va_end(arguments);
    return fails("open") ? -1 : open(name, flags, mode);
}

static ssize_t read_or_fail(int file, void *bytes, size_t size) {
    return fails("read") ? -1 : read(file, bytes, size);
}

static ssize_t write_or_fail(int file, const void *bytes, size_t size) {
    return fails("write") ? -1 : write(file, bytes, size);
}

static int fstat_or_fail(int file, struct stat *about) {
    return fails("fstat") ? -1 : fstat(file, about);
}

static int fsync_or_fail(int file) {
    return fails("fsync") ? -1 : fsync(file);
}

static int close_or_fail(int file) {
    int result = close(file);
    return fails("close") ? -1 : result;
}

static int rename_or_fail(const char *from, const char *to) {
    return fails("rename") ? -1 : rename(from, to);
}

static int clock_or_fail(clockid_t clock, struct timespec *now) {
    return fails("clock_gettime") ? -1 : clock_gettime(clock, now);
}

static long sysconf_or_fail(int name) {
    return fails("sysconf") ? -1 : sysconf(name);
}

#if defined(__linux__)
static int affinity_or_fail(pid_t process, size_t size, cpu_set_t *set) {
    return fails("sched_getaffinity") ? -1 : sched_getaffinity(process, size, set);
}
#define sched_getaffinity affinity_or_fail
#endif

static int atfork_or_fail(void (*before)(void), void (*parent)(void), void (*child)(void)) {
    return fails("pthread_atfork") ? failing.error : pthread_atfork(before, parent, child);
}

static int attributes_or_fail(pthread_attr_t *made) {
    return fails("pthread_attr_init") ? failing.error : pthread_attr_init(made);
}

static int create_or_fail(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument) {
    return fails("pthread_create") ? failing.error
                                   : pthread_create(thread, attributes, run, argument);
}

static int mutex_or_fail(pthread_mutex_t *made, const pthread_mutexattr_t *attributes) {
    return fails("pthread_mutex_init") ? failing.error : pthread_mutex_init(made, attributes);
}

static int condition_or_fail(pthread_cond_t *made, const pthread_condattr_t *attributes) {
    return fails("pthread_cond_init") ? failing.error : pthread_cond_init(made, attributes);
}

static int condition_attributes_or_fail(pthread_condattr_t *made) {
    return fails("pthread_condattr_init") ? failing.error : pthread_condattr_init(made);
}

static int condition_clock_or_fail(pthread_condattr_t *attributes, clockid_t clock) {
    return fails("pthread_condattr_setclock") ? failing.error
                                              : pthread_condattr_setclock(attributes, clock);
}

#define open(...) open_or_fail(__VA_ARGS__)
#define read(file, bytes, size) read_or_fail(file, bytes, size)
#define write(file, bytes, size) write_or_fail(file, bytes, size)
#define fstat(file, about) fstat_or_fail(file, about)
#define fsync fsync_or_fail
#define close close_or_fail
#define rename rename_or_fail
#define clock_gettime clock_or_fail
#define sysconf sysconf_or_fail
#define pthread_atfork atfork_or_fail
#define pthread_attr_init attributes_or_fail
#define pthread_create create_or_fail
#define pthread_mutex_init mutex_or_fail
#define pthread_cond_init condition_or_fail
#define pthread_condattr_init condition_attributes_or_fail
#define pthread_condattr_setclock condition_clock_or_fail
#include "os/file.c"
#include "os/forks.c"
#include "os/gate.c"
#include "os/new_file.c"
#include "os/posix/clock.c"
#include "os/posix/condition.c"
#include "os/posix/descriptor.c"
#include "os/posix/lock.c"
#include "os/posix/processors.c"
#include "os/workers.c"
#undef open
#undef read
#undef write
#undef fstat
#undef fsync
#undef close
#undef rename
#undef clock_gettime
#undef sched_getaffinity
#undef sysconf
#undef pthread_atfork
#undef pthread_attr_init
#undef pthread_create
#undef pthread_mutex_init
#undef pthread_cond_init
#undef pthread_condattr_init
#undef pthread_condattr_setclock

static dpi_message message;
static char folder[64];
static char path[80];

static void fail_nothing(void) {
    fail_call("", 0, 0);
}

static void make_folder(void) {
    fail_nothing();
    (void)snprintf(folder, sizeof folder, "/tmp/dualpath-calls-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/file", folder);
}

static void remove_folder(void) {
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else was left in it */
}

/* ---- reading ---- */

static void put_file(const char *text) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    ck_assert_int_eq(fclose(file), 0);
}

static int stop(void *user, const char *stage, double fraction) {
    (void)user;
    (void)stage;
    (void)fraction;
    return 1;
}

#if defined(__linux__)

/* Reads a file that cannot be mapped. */
static dp_status read_hidden(dpi_watch *watch, test_allocator *memory) {
    dpi_source source;
    test_allocator_init(memory);
    dp_status status =
        dpi_file_open("/proc/self/status", SIZE_MAX, &memory->allocator, watch, &source, &message);
    ck_assert_int_eq(source.bytes != NULL, status == DP_OK);
    dpi_source_close(&source);
    ck_assert_uint_eq(memory->blocks, 0);
    return status;
}

START_TEST(reading_says_why_it_fails) {
    dpi_watch nobody = {.stage = "reading"};
    test_allocator memory;
    fail_call("read", EIO, 1);
    ck_assert_int_eq(read_hidden(&nobody, &memory), DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(message.text, strerror(EIO)));
    fail_call("fstat", EOVERFLOW, 1);
    ck_assert_int_eq(read_hidden(&nobody, &memory), DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(message.text, "cannot examine"));
    ck_assert_ptr_nonnull(strstr(message.text, strerror(EOVERFLOW)));
}
END_TEST

START_TEST(interrupted_reading_goes_on_unless_it_is_cancelled) {
    dpi_watch nobody = {.stage = "reading"};
    dpi_watch impatient = {.stage = "reading", .progress = stop};
    test_allocator memory;
    fail_call("read", EINTR, 3);
    ck_assert_int_eq(read_hidden(&nobody, &memory), DP_OK);
    ck_assert_int_eq(failing.times, 0);
    fail_call("read", EINTR, 3);
    ck_assert_int_eq(read_hidden(&impatient, &memory), DP_ERR_CANCELLED);
    ck_assert_int_eq(failing.times, 2);
}
END_TEST

#endif

/* A file with holes, which takes no space. */
START_TEST(files_larger_than_half_the_addresses_are_refused) {
    dpi_watch nobody = {.stage = "reading"};
    dpi_source source;
    put_file("");
    if (sizeof(size_t) > 4 || truncate(path, (off_t)1 << 31) != 0) {
        printf("skipped: no file is too large here\n");
        return;
    }
    ck_assert_int_eq(dpi_file_open(path, SIZE_MAX, NULL, &nobody, &source, &message), DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(message.text, "too large"));
}
END_TEST

/* ---- writing ---- */

#define TEXT "what is written"

/* Writes the file; `path` is what it was before, or all of TEXT. */
static dp_status write_anew(void) {
    dpi_new_file file;
    dp_status status = dpi_new_file_begin(path, NULL, &file, &message);
    if (status == DP_OK) {
        dpi_sink sink = dpi_new_file_sink(&file);
        status = sink.write(sink.user, TEXT, strlen(TEXT), &message);
        status = dpi_new_file_end(&file, status, &message);
    }
    return status;
}

static void check_file(const char *expected) {
    char text[64] = "";
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(text, 1, sizeof text - 1, file), strlen(expected));
    (void)fclose(file);
    ck_assert_str_eq(text, expected);
}

static const struct {
    const char *name;
    int error;
    bool matters;
} writing[] = {
    {"open", EACCES, true},   {"open", EINTR, false},   {"write", ENOSPC, true},
    {"write", EINTR, false},  {"fsync", EIO, true},     {"fsync", EINTR, false},
    {"fsync", EINVAL, false}, {"fsync", ENOSYS, false}, {"fsync", ENOTSUP, false},
    {"fsync", EROFS, false},  {"close", EIO, true},     {"close", EINTR, false},
    {"rename", EACCES, true},
};

/* What cannot be written leaves the old file. Some file systems have no fsync(). */
START_TEST(files_are_replaced_by_whole_ones_or_stay) {
    put_file("old");
    fail_call(writing[_i].name, writing[_i].error, 1);
    dp_status status = write_anew();
    ck_assert_int_eq(failing.times, 0);
    ck_assert_int_eq(status, writing[_i].matters ? DP_ERR_IO : DP_OK);
    if (writing[_i].matters) {
        ck_assert_ptr_nonnull(strstr(message.text, strerror(writing[_i].error)));
    }
    check_file(writing[_i].matters ? "old" : TEXT);
}
END_TEST

/* What failed first is what is said. */
START_TEST(a_failure_of_close_hides_no_other) {
    dpi_new_file file;
    put_file("old");
    ck_assert_int_eq(dpi_new_file_begin(path, NULL, &file, &message), DP_OK);
    fail_call("close", EIO, 1);
    ck_assert_int_eq(dpi_new_file_end(&file, DP_ERR_CANCELLED, &message), DP_ERR_CANCELLED);
    ck_assert_int_eq(failing.times, 0);
    check_file("old");
}
END_TEST

START_TEST(devices_that_do_not_open_are_named) {
    dpi_new_file file;
    fail_call("open", ENXIO, 1);
    ck_assert_int_eq(dpi_new_file_begin("/dev/null", NULL, &file, &message), DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(message.text, "cannot write '/dev/null'"));
    ck_assert_ptr_nonnull(strstr(message.text, strerror(ENXIO)));
}
END_TEST

START_TEST(names_that_are_all_taken_are_no_place) {
    fail_call("open", EEXIST, MAX_NAMES - 1);
    ck_assert_int_eq(write_anew(), DP_OK);
    check_file(TEXT);
    fail_call("open", EEXIST, MAX_NAMES);
    ck_assert_int_eq(write_anew(), DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(message.text, strerror(EEXIST)));
    ck_assert_int_eq(failing.times, 0);
}
END_TEST

/* ---- clock and processors ---- */

START_TEST(no_clock_is_a_time_of_0) {
    double before = dpi_clock_ms();
    ck_assert_double_gt(before, 0.0);
    fail_call("clock_gettime", EINVAL, 1);
    ck_assert_double_eq(dpi_clock_ms(), 0.0);
    ck_assert_double_ge(dpi_clock_ms(), before);
}
END_TEST

/* Without its affinity, those that are there count; and one is there for sure. */
START_TEST(there_is_always_a_processor) {
    fail_call("sched_getaffinity", EINVAL, 1);
    ck_assert_uint_eq(dpi_affine_processors(), (size_t)sysconf(_SC_NPROCESSORS_ONLN));
    fail_call("every call", EINVAL, 2);
    ck_assert_uint_eq(dpi_affine_processors(), 1);
}
END_TEST

#if defined(__linux__)

START_TEST(a_setting_is_read_unless_that_fails) {
    const file_path here = {"/."};
    char text[64];
    put_file("150000 100000");
    fail_call("read", EINTR, 2);
    read_setting(folder, &here, "file", text);
    ck_assert_str_eq(text, "150000 100000");
    ck_assert_int_eq(failing.times, 0);
    fail_call("read", EIO, 1);
    read_setting(folder, &here, "file", text);
    ck_assert_str_eq(text, "");
}
END_TEST

#endif

/* ---- threads ---- */

static dp_status start_two(void) {
    static _Alignas(64) uint8_t memory[4096];
    dpi_workers *workers = NULL;
    ck_assert_uint_le(dpi_workers_size(2), sizeof memory);
    dp_status status = dpi_workers_start(memory, 2, &workers, &message);
    ck_assert_int_eq(workers != NULL, status == DP_OK);
    dpi_workers_stop(workers);
    return status;
}

/* Forks are watched from the first that succeeds on. */
START_TEST(workers_that_do_not_start_are_refused) {
    dpi_gate gate;
    fail_call("pthread_atfork", ENOMEM, 1);
    ck_assert_int_eq(dpi_gate_init(&gate, &message), DP_ERR_THREAD);
    ck_assert_ptr_nonnull(strstr(message.text, "forks"));
    fail_call("pthread_atfork", ENOMEM, 1);
    ck_assert_int_eq(start_two(), DP_ERR_THREAD);
    ck_assert_ptr_nonnull(strstr(message.text, "forks"));
    fail_call("pthread_attr_init", ENOMEM, 1);
    ck_assert_int_eq(start_two(), DP_ERR_THREAD);
    ck_assert_ptr_nonnull(strstr(message.text, strerror(ENOMEM)));
    ck_assert_int_eq(start_two(), DP_OK);
}
END_TEST

/* As glibc does where thread-local data leaves no room on a stack of that size. */
START_TEST(a_small_stack_is_exchanged_for_the_default) {
    fail_call("pthread_create", EINVAL, 1);
    ck_assert_int_eq(start_two(), DP_OK);
    ck_assert_int_eq(failing.times, 0);
    fail_call("pthread_create", EINVAL, 2);
    ck_assert_int_eq(start_two(), DP_ERR_THREAD);
    ck_assert_int_eq(failing.times, 0);
}
END_TEST

START_TEST(gates_that_cannot_be_made_are_refused) {
    static const char *const calls[] = {"pthread_mutex_init", "pthread_cond_init",
                                        "pthread_condattr_init", "pthread_condattr_setclock"};
    dpi_gate gate;
    for (size_t i = 0; i < COUNT(calls); i++) {
        fail_call(calls[i], ENOMEM, 1);
        ck_assert_int_eq(dpi_gate_init(&gate, &message), DP_ERR_THREAD);
        ck_assert_ptr_nonnull(strstr(message.text, "could not be made"));
        ck_assert_int_eq(failing.times, 0);
    }
    ck_assert_int_eq(dpi_gate_init(&gate, &message), DP_OK);
    dpi_gate_lock(&gate);
    ck_assert(!dpi_gate_wait(&gate, dpi_clock_ms() + 2.0)); /* nobody wakes it */
    dpi_gate_unlock(&gate);
    dpi_gate_end(&gate);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("failing_calls");
    TCase *files = add_case(suite, "files", 20, make_folder, remove_folder);
#if defined(__linux__)
    tcase_add_test(files, reading_says_why_it_fails);
    tcase_add_test(files, interrupted_reading_goes_on_unless_it_is_cancelled);
#endif
    tcase_add_test(files, files_larger_than_half_the_addresses_are_refused);
    tcase_add_loop_test(files, files_are_replaced_by_whole_ones_or_stay, 0, (int)COUNT(writing));
    tcase_add_test(files, a_failure_of_close_hides_no_other);
    tcase_add_test(files, devices_that_do_not_open_are_named);
    tcase_add_test(files, names_that_are_all_taken_are_no_place);
#if defined(__linux__)
    tcase_add_test(files, a_setting_is_read_unless_that_fails);
#endif
    TCase *process = add_case(suite, "process", 20, fail_nothing, NULL);
    tcase_add_test(process, no_clock_is_a_time_of_0);
    tcase_add_test(process, there_is_always_a_processor);
    tcase_add_test(process, workers_that_do_not_start_are_refused);
    tcase_add_test(process, a_small_stack_is_exchanged_for_the_default);
    tcase_add_test(process, gates_that_cannot_be_made_are_refused);
    return run_suite(suite);
}
