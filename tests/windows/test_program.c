/*
 * examples/windows: Ctrl-C and what waits while it comes, and command lines.
 */
#include "../../examples/windows/command_line.h"
#include "../../examples/windows/interrupts.c"
#include "os/descriptor.h"
#include "suite.h"
#include "support.h"

#include <fcntl.h>
#include <io.h>
#include <pthread.h>
#include <shellapi.h>

#define SOON_MS 100

/* ---- Ctrl-C ---- */

static void forget_interrupts(void) {
    atomic_store(&interrupt_seen, false);
    catch_interrupts();
    ck_assert_ptr_nonnull(main_thread);
}

START_TEST(two_at_once_are_one) {
    ck_assert(!interrupted());
    ck_assert(on_event(CTRL_C_EVENT));
    ck_assert(interrupted());
    ck_assert(on_event(CTRL_BREAK_EVENT));
}
END_TEST

START_TEST(a_later_one_ends_the_program) {
    ck_assert(on_event(_i == 0 ? CTRL_C_EVENT : CTRL_BREAK_EVENT));
    Sleep(SAME_INTERRUPT_MS + 50);
    ck_assert(!on_event(CTRL_C_EVENT));
}
END_TEST

static void *close_console(void *user) {
    (void)user;
    (void)on_event(CTRL_CLOSE_EVENT);
    return NULL;
}

/* Who returns is ended. */
START_TEST(a_console_that_closes_waits_for_the_program) {
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, close_console, NULL), 0);
    while (!interrupted()) {
        Sleep(1);
    }
    Sleep(SOON_MS);
    ck_assert_int_eq(pthread_kill(thread, 0), 0);
}
END_TEST

typedef struct event_later {
    unsigned before_ms;
    int pipe; /* -1, or what gets a byte some time afterwards */
} event_later;

static void *interrupt_later(void *user) {
    const event_later *later = user;
    Sleep(later->before_ms);
    (void)on_event(CTRL_C_EVENT);
    if (later->pipe >= 0) {
        Sleep(4 * SOON_MS);
        (void)_write(later->pipe, "x", 1);
    }
    return NULL;
}

static void open_pipe(int ends[2]) {
    ck_assert_int_eq(_pipe(ends, 64, _O_BINARY), 0);
}

static void close_pipe(const int ends[2]) {
    (void)_close(ends[0]);
    (void)_close(ends[1]);
}

/* Whether reading begins before the event or just after it; and one read is ended, not the next. */
START_TEST(what_waits_for_a_pipe_goes_on) {
    char byte = 0;
    int ends[2];
    pthread_t thread;
    open_pipe(ends);
    event_later later = {_i == 0 ? SOON_MS : 0, ends[1]};
    ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_later, &later), 0);
    Sleep(_i == 0 ? 0 : SOON_MS);
    ck_assert_int_eq(dpi_descriptor_read(ends[0], &byte, 1), -1);
    ck_assert_int_eq(errno, EINTR);
    ck_assert(interrupted());
    ck_assert_int_eq(dpi_descriptor_read(ends[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    close_pipe(ends);
}
END_TEST

/* ---- command lines ---- */

#define MOST_ARGUMENTS 6
#define LONGEST_ARGUMENT 20

static void make_argument(char *argument) {
    static const char *const letters[] = {
        "\\", "\"", " ", "a", "\t", "\xc3\xa4", "%", "^", "\xf0\x9f\x8f\x83"};
    argument[0] = '\0';
    for (size_t length = random_size(0, LONGEST_ARGUMENT); length > 0; length--) {
        strcat(argument, letters[random_below(COUNT(letters))]);
    }
}

static void check_argument(const wchar_t *taken, const char *given) {
    char text[4 * LONGEST_ARGUMENT + 1];
    ck_assert_int_gt(WideCharToMultiByte(CP_UTF8, 0, taken, -1, text, sizeof text, NULL, NULL), 0);
    ck_assert_str_eq(text, given);
}

START_TEST(windows_takes_apart_what_is_written) {
    static wchar_t line[COMMAND_LINE_SIZE];
    static char texts[MOST_ARGUMENTS][4 * LONGEST_ARGUMENT + 1];
    for (int repeat = 0; repeat < 2000; repeat++) {
        const char *arguments[MOST_ARGUMENTS + 2] = {"program"};
        int count = (int)random_size(0, MOST_ARGUMENTS), taken = 0;
        for (int i = 0; i < count; i++) {
            make_argument(texts[i]);
            arguments[i + 1] = texts[i];
        }
        ck_assert_int_eq(command_line_write(line, arguments), 0);
        wchar_t **words = CommandLineToArgvW(line, &taken);
        ck_assert_int_eq(taken, count + 1);
        for (int i = 0; i < taken; i++) {
            check_argument(words[i], arguments[i]);
        }
        (void)LocalFree(words);
    }
}
END_TEST

START_TEST(what_is_no_command_line_is_refused) {
    static wchar_t line[COMMAND_LINE_SIZE];
    static char text[COMMAND_LINE_SIZE + 1];
    const char *const broken[] = {"program", "\xc3", NULL};
    const char *const arguments[] = {"p", text, NULL};
    const size_t fits = COMMAND_LINE_SIZE - 1 - strlen("\"p\" \"\"");
    memset(text, 'x', fits);
    ck_assert_int_eq(command_line_write(line, broken), EILSEQ);
    ck_assert_int_eq(command_line_write(line, arguments), 0);
    text[fits] = 'x';
    ck_assert_int_eq(command_line_write(line, arguments), E2BIG);
    memset(text, '"', sizeof text - 1);
    ck_assert_int_eq(command_line_write(line, arguments), E2BIG);
}
END_TEST

int main(void) {
    random_seed("test_program");
    Suite *suite = suite_create("program");
    TCase *stops = add_case(suite, "interrupts", 20, forget_interrupts, NULL);
    tcase_add_loop_test(stops, what_waits_for_a_pipe_goes_on, 0, 2);
    tcase_add_test(stops, two_at_once_are_one);
    tcase_add_loop_test(stops, a_later_one_ends_the_program, 0, 2);
    tcase_add_test(stops, a_console_that_closes_waits_for_the_program);
    TCase *lines = add_case(suite, "command lines", 60, NULL, NULL);
    tcase_add_test(lines, windows_takes_apart_what_is_written);
    tcase_add_test(lines, what_is_no_command_line_is_refused);
    return run_suite(suite);
}
