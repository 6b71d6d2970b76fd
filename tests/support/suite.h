/*
 * What every test program does with Check: cases with a time limit and fixtures, and one run whose
 * failures are the exit status.
 */
#ifndef SUITE_H
#define SUITE_H

#include <check.h>

/* A case of the suite. The fixtures, which may be NULL, run before and after each of its tests. */
static inline TCase *add_case(Suite *suite, const char *name, double seconds, void (*set_up)(void),
                              void (*tear_down)(void)) {
    TCase *made = tcase_create(name);
    tcase_set_timeout(made, seconds);
    tcase_add_checked_fixture(made, set_up, tear_down);
    suite_add_tcase(suite, made);
    return made;
}

/* Returns the exit status of main(), and frees the suite. */
static inline int run_suite(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#endif /* SUITE_H */
