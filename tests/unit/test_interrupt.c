/*
 * examples/posix/interrupts.c: the signals that stop the program, once or twice.
 */
#include "../../examples/posix/interrupts.c" /* first: it says which POSIX it needs */
#include "../../examples/progress.c"
#include "suite.h"
#include "support.h"

#include <check.h>
#include <sys/wait.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

/* Whoever started us may ignore some, as nohup(1) does; and tests may share a process. */
static void forget_signals(void) {
    interrupt_seen = 0;
    for (size_t i = 0; i < COUNT(signals); i++) {
        (void)signal(signals[i], SIG_DFL);
    }
}

/* As timeout(1) sends it: to the program, and then to its group. */
START_TEST(two_at_once_are_one) {
    catch_interrupts();
    ck_assert(!interrupted());
    ck_assert_int_eq(raise(signals[_i]), 0);
    ck_assert(interrupted());
    ck_assert_int_eq(raise(signals[_i]), 0);
    ck_assert_int_eq(raise(SIGHUP), 0);
    ck_assert(interrupted());
}
END_TEST

START_TEST(a_later_one_ends_the_program) {
    const struct timespec later = {0, 1000000L * (SAME_INTERRUPT_MS + 50)};
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        catch_interrupts();
        (void)raise(SIGINT);
        (void)nanosleep(&later, NULL);
        (void)raise(signals[_i]);
        _exit(0);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), signals[_i]);
}
END_TEST

START_TEST(an_ignored_one_stays_ignored) {
    (void)signal(signals[_i], SIG_IGN);
    catch_interrupts();
    ck_assert_int_eq(raise(signals[_i]), 0);
    ck_assert(!interrupted());
}
END_TEST

int main(void) {
    Suite *suite = suite_create("interrupts");
    TCase *stops = add_case(suite, "signals", 20, forget_signals, NULL);
    tcase_add_loop_test(stops, two_at_once_are_one, 0, (int)COUNT(signals));
    tcase_add_loop_test(stops, a_later_one_ends_the_program, 0, (int)COUNT(signals));
    tcase_add_loop_test(stops, an_ignored_one_stays_ignored, 0, (int)COUNT(signals));
    return run_suite(suite);
}
