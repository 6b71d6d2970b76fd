/*
 * lib/os on Windows: names of files, files that replace others, pipes and devices, and what a
 * process may use.
 */
#include "suite.h"
#include "support.h"

#include "os/clock.h"
#include "os/environment.h"
#include "os/file.h"
#include "os/gate.h"
#include "os/new_file.h"
#include "os/processors.h"
#include "os/windows/system.h"

#include <pthread.h>

static dpi_message message;
static dpi_watch nobody;
static char folder[64];

static void make_folder(void) {
    (void)snprintf(folder, sizeof folder, P_tmpdir "/dualpath-windows-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

/* What is left in the folder beside what the test put there fails it. */
static void remove_folder(void) {
    ck_assert_int_eq(_rmdir(folder), 0);
}

typedef struct file_path {
    char text[256];
} file_path;

static file_path path_of(const char *name) {
    file_path path;
    (void)snprintf(path.text, sizeof path.text, "%s/%s", folder, name);
    return path;
}

static void remove_file(file_path path) {
    wchar_t path_16[256];
    ck_assert_int_gt(MultiByteToWideChar(CP_UTF8, 0, path.text, -1, path_16, 256), 0);
    ck_assert(DeleteFileW(path_16));
}

/* ---- files ---- */

static dp_status begin(dpi_new_file *file, file_path path, const char *text) {
    dp_status status = dpi_new_file_begin(path.text, NULL, file, &message);
    if (status == DP_OK) {
        dpi_sink sink = dpi_new_file_sink(file);
        status = sink.write(sink.user, text, strlen(text), &message);
    }
    return status;
}

static dp_status write_anew(file_path path, const char *text) {
    dpi_new_file file;
    dp_status status = begin(&file, path, text);
    return status == DP_OK ? dpi_new_file_end(&file, DP_OK, &message) : status;
}

static void check_file(file_path path, const char *text) {
    dpi_source file;
    dp_status status = dpi_file_open(path.text, SIZE_MAX, NULL, &nobody, &file, &message);
    ck_assert_msg(status == DP_OK, "%s", message.text);
    ck_assert(file.mapped);
    ck_assert_uint_eq(file.size, strlen(text));
    ck_assert_mem_eq(file.bytes, text, file.size);
    dpi_source_close(&file);
}

static void check_refused(const char *name, const char *word) {
    dpi_source file;
    ck_assert_int_eq(dpi_file_open(name, SIZE_MAX, NULL, &nobody, &file, &message), DP_ERR_IO);
    ck_assert_msg(strstr(message.text, word) != NULL, "no '%s' in '%s'", word, message.text);
    ck_assert_ptr_null(file.bytes);
}

static const char *const names[] = {"model.gguf", "two words.gguf",
                                    "\xc3\x84rger mit \xc3\xb6.gguf",
                                    "\xe6\xa8\xa1\xe5\x9e\x8b.gguf", "\xf0\x9f\x8e\xac.gguf"};

START_TEST(names_are_utf8) {
    file_path path = path_of(names[_i]);
    ck_assert_int_eq(write_anew(path, "all of it"), DP_OK);
    check_file(path, "all of it");
    remove_file(path);
}
END_TEST

START_TEST(what_is_no_file_is_refused_by_name) {
    dpi_new_file file;
    file_path not_utf8 = path_of("\xc3.gguf");
    check_refused(path_of("missing").text, strerror(ENOENT));
    check_refused(folder, "is a directory, not a file");
    check_refused("", strerror(ENOENT));
    check_refused("NUL", "device");
    check_refused(not_utf8.text, strerror(EILSEQ));
    ck_assert_int_eq(begin(&file, not_utf8, ""), DP_ERR_IO);
    ck_assert_int_eq(begin(&file, path_of("missing/file"), ""), DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(message.text, strerror(ENOENT)));
    ck_assert_int_eq(dpi_new_file_begin(folder, NULL, &file, &message), DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(message.text, "directory"));
}
END_TEST

START_TEST(an_old_file_stays_until_the_new_one_is_whole) {
    dpi_new_file file;
    file_path path = path_of("model.gguf");
    ck_assert_int_eq(write_anew(path, "old"), DP_OK);
    ck_assert_int_eq(begin(&file, path, "half of"), DP_OK);
    check_file(path, "old");
    ck_assert_int_eq(dpi_new_file_end(&file, DP_ERR_CANCELLED, &message), DP_ERR_CANCELLED);
    check_file(path, "old");
    ck_assert_int_eq(write_anew(path, "new and longer"), DP_OK);
    check_file(path, "new and longer");
    remove_file(path);
}
END_TEST

START_TEST(two_writers_have_a_file_each) {
    dpi_new_file first;
    dpi_new_file second;
    file_path path = path_of("model.gguf");
    ck_assert_int_eq(begin(&first, path, "first"), DP_OK);
    ck_assert_int_eq(begin(&second, path, "second"), DP_OK);
    ck_assert_int_eq(dpi_new_file_end(&second, DP_OK, &message), DP_OK);
    check_file(path, "second");
    ck_assert_int_eq(dpi_new_file_end(&first, DP_OK, &message), DP_OK);
    check_file(path, "first");
    remove_file(path);
}
END_TEST

/* Whether it may be replaced is up to the system. */
START_TEST(the_bytes_of_an_open_file_stay) {
    dpi_source file;
    file_path path = path_of("model.gguf");
    ck_assert_int_eq(write_anew(path, "old"), DP_OK);
    ck_assert_int_eq(dpi_file_open(path.text, SIZE_MAX, NULL, &nobody, &file, &message), DP_OK);
    dp_status status = write_anew(path, "new");
    ck_assert(status == DP_OK || status == DP_ERR_IO);
    ck_assert_mem_eq(file.bytes, "old", 3);
    dpi_source_close(&file);
    check_file(path, status == DP_OK ? "new" : "old");
    remove_file(path);
}
END_TEST

START_TEST(a_file_that_may_not_be_replaced_stays) {
    file_path path = path_of("model.gguf");
    ck_assert_int_eq(write_anew(path, "old"), DP_OK);
    HANDLE other =
        CreateFileA(path.text, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    ck_assert(other != INVALID_HANDLE_VALUE);
    ck_assert_int_eq(write_anew(path, "new"), DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(message.text, "cannot replace"));
    ck_assert_ptr_nonnull(strstr(message.text, strerror(EACCES)));
    (void)CloseHandle(other);
    check_file(path, "old");
    remove_file(path);
}
END_TEST

START_TEST(devices_are_written_to_directly) {
    file_path device = {"NUL"};
    ck_assert_int_eq(write_anew(device, "nothing of this stays"), DP_OK);
}
END_TEST

/* ---- pipes ---- */

#define PIPE_NAME "\\\\.\\pipe\\dualpath-test"
#define PIPED_BYTES 300000

static uint8_t piped[PIPED_BYTES];

/* The other end, in pieces of odd sizes. */
static void *feed_pipe(void *server) {
    DWORD piece = 1;
    (void)ConnectNamedPipe(server, NULL);
    for (DWORD done = 0; done < PIPED_BYTES; piece = piece * 3 % 70001 + 1) {
        DWORD count = 0;
        DWORD left = PIPED_BYTES - done;
        if (!WriteFile(server, piped + done, piece < left ? piece : left, &count, NULL)) {
            break;
        }
        done += count;
    }
    (void)FlushFileBuffers(server);
    (void)CloseHandle(server);
    return NULL;
}

START_TEST(pipes_are_read_to_their_end) {
    dpi_source file;
    pthread_t thread;
    for (size_t i = 0; i < PIPED_BYTES; i++) {
        piped[i] = (uint8_t)random_below(256);
    }
    HANDLE server = CreateNamedPipeA(PIPE_NAME, PIPE_ACCESS_OUTBOUND, PIPE_TYPE_BYTE | PIPE_WAIT, 1,
                                     65536, 65536, 0, NULL);
    ck_assert(server != INVALID_HANDLE_VALUE);
    ck_assert_int_eq(pthread_create(&thread, NULL, feed_pipe, server), 0);
    ck_assert_int_eq(dpi_file_open(PIPE_NAME, SIZE_MAX, NULL, &nobody, &file, &message), DP_OK);
    (void)pthread_join(thread, NULL);
    ck_assert(!file.mapped);
    ck_assert_uint_eq(file.size, PIPED_BYTES);
    ck_assert_mem_eq(file.bytes, piped, PIPED_BYTES);
    dpi_source_close(&file);
}
END_TEST

/* ---- the process ---- */

START_TEST(affinity_says_how_many_processors_there_are) {
    DWORD_PTR mask;
    DWORD_PTR of_system;
    ck_assert(GetProcessAffinityMask(GetCurrentProcess(), &mask, &of_system));
    ck_assert_uint_eq(dpi_processor_count(), (size_t)__builtin_popcountll(mask));
    ck_assert(SetProcessAffinityMask(GetCurrentProcess(), mask & (~mask + 1)));
    ck_assert_uint_eq(dpi_processor_count(), 1);
    ck_assert(SetProcessAffinityMask(GetCurrentProcess(), mask));
}
END_TEST

START_TEST(the_environment_is_that_of_the_process) {
    char value[8];
    ck_assert(SetEnvironmentVariableA("DUALPATH_TEST", "1234567"));
    ck_assert(dpi_environment_read("DUALPATH_TEST", value, sizeof value));
    ck_assert_str_eq(value, "1234567");
    ck_assert(!dpi_environment_read("DUALPATH_TEST", value, sizeof value - 1));
    ck_assert(SetEnvironmentVariableA("DUALPATH_TEST", NULL));
    ck_assert(!dpi_environment_read("DUALPATH_TEST", value, sizeof value));
}
END_TEST

START_TEST(waiting_ends_at_its_deadline) {
    dpi_gate gate;
    ck_assert_int_eq(dpi_gate_init(&gate, &message), DP_OK);
    double deadline = dpi_clock_ms() + 25.0;
    dpi_gate_lock(&gate);
    while (dpi_gate_wait(&gate, deadline)) {
        ck_assert_double_lt(dpi_clock_ms(), deadline);
    }
    ck_assert_double_ge(dpi_clock_ms(), deadline);
    ck_assert(!dpi_gate_wait(&gate, 0.0));
    dpi_gate_unlock(&gate);
    dpi_gate_end(&gate);
}
END_TEST

int main(void) {
    random_seed("test_windows");
    Suite *suite = suite_create("windows");
    TCase *files = add_case(suite, "files", 20, make_folder, remove_folder);
    tcase_add_loop_test(files, names_are_utf8, 0, (int)COUNT(names));
    tcase_add_test(files, what_is_no_file_is_refused_by_name);
    tcase_add_test(files, an_old_file_stays_until_the_new_one_is_whole);
    tcase_add_test(files, two_writers_have_a_file_each);
    tcase_add_test(files, the_bytes_of_an_open_file_stay);
    tcase_add_test(files, a_file_that_may_not_be_replaced_stays);
    tcase_add_test(files, devices_are_written_to_directly);
    TCase *process = add_case(suite, "process", 20, NULL, NULL);
    tcase_add_test(process, pipes_are_read_to_their_end);
    tcase_add_test(process, affinity_says_how_many_processors_there_are);
    tcase_add_test(process, the_environment_is_that_of_the_process);
    tcase_add_test(process, waiting_ends_at_its_deadline);
    return run_suite(suite);
}
