/*
 * What the tests use of Check, for machines that have no package of it: one process, no time
 * limits, and the first test that fails ends it. Put this folder on the include path, and link
 * nothing.
 */
#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tests and their cases ---- */

typedef void (*check_test)(int);
typedef void (*check_fixture)(void);

typedef struct TCase {
    const char *name;
    struct {
        check_fixture setup, teardown;
    } fixtures[4];
    size_t fixture_count, count;
    struct {
        const char *name;
        check_test run;
        int first, end; /* of a loop */
    } tests[128];
    struct TCase *next;
} TCase;

typedef struct Suite {
    const char *name;
    TCase *first, **last;
} Suite;

typedef Suite SRunner;

#define CK_ENV 0

#define START_TEST(name) static void name(int _i __attribute__((unused)))
#define END_TEST

static inline void *check_new(size_t size) {
    void *block = calloc(1, size);
    if (block == NULL) {
        exit(EXIT_FAILURE);
    }
    return block;
}

static inline Suite *suite_create(const char *name) {
    Suite *suite = check_new(sizeof *suite);
    suite->name = name;
    suite->last = &suite->first;
    return suite;
}

static inline TCase *tcase_create(const char *name) {
    TCase *tcase = check_new(sizeof *tcase);
    tcase->name = name;
    return tcase;
}

static inline void suite_add_tcase(Suite *suite, TCase *tcase) {
    *suite->last = tcase;
    suite->last = &tcase->next;
}

static inline void check_room(const TCase *tcase, size_t count, size_t room) {
    if (count == room) {
        (void)fprintf(stderr, "%s has more than %zu tests or fixtures\n", tcase->name, room);
        exit(EXIT_FAILURE);
    }
}

static inline void tcase_add_checked_fixture(TCase *tcase, check_fixture setup,
                                             check_fixture teardown) {
    check_room(tcase, tcase->fixture_count, sizeof tcase->fixtures / sizeof tcase->fixtures[0]);
    tcase->fixtures[tcase->fixture_count].setup = setup;
    tcase->fixtures[tcase->fixture_count++].teardown = teardown;
}

/* Check calls these once for all tests of a case, and here they are called for each. */
#define tcase_add_unchecked_fixture tcase_add_checked_fixture

static inline void tcase_set_timeout(TCase *tcase, double seconds) {
    (void)tcase, (void)seconds;
}

static inline void check_add(TCase *tcase, const char *name, check_test run, int first, int end) {
    check_room(tcase, tcase->count, sizeof tcase->tests / sizeof tcase->tests[0]);
    tcase->tests[tcase->count].name = name;
    tcase->tests[tcase->count].run = run;
    tcase->tests[tcase->count].first = first;
    tcase->tests[tcase->count++].end = end;
}

#define tcase_add_test(tcase, test) check_add(tcase, #test, test, 0, 1)
#define tcase_add_loop_test(tcase, test, first, end) check_add(tcase, #test, test, first, end)

/* ---- running them ---- */

static inline SRunner *srunner_create(Suite *suite) {
    return suite;
}

static inline const char **check_current(void) {
    static const char *name = "";
    return &name;
}

static inline void check_run(const TCase *tcase, size_t test, int i) {
    *check_current() = tcase->tests[test].name;
    for (size_t f = 0; f < tcase->fixture_count; f++) {
        if (tcase->fixtures[f].setup != NULL) {
            tcase->fixtures[f].setup();
        }
    }
    tcase->tests[test].run(i);
    for (size_t f = tcase->fixture_count; f-- > 0;) {
        if (tcase->fixtures[f].teardown != NULL) {
            tcase->fixtures[f].teardown();
        }
    }
}

static inline size_t check_run_case(const TCase *tcase) {
    size_t count = 0;
    for (size_t t = 0; t < tcase->count; t++) {
        for (int i = tcase->tests[t].first; i < tcase->tests[t].end; i++, count++) {
            check_run(tcase, t, i);
        }
    }
    return count;
}

static inline void srunner_run_all(SRunner *suite, int mode) {
    size_t count = 0;
    (void)mode;
    for (const TCase *tcase = suite->first; tcase != NULL; tcase = tcase->next) {
        count += check_run_case(tcase);
    }
    (void)printf("%s: %zu checks, none failed\n", suite->name, count);
    (void)fflush(stdout);
}

static inline int srunner_ntests_failed(const SRunner *suite) {
    (void)suite;
    return 0; /* the first one would have ended the program */
}

static inline void srunner_free(SRunner *suite) {
    while (suite->first != NULL) {
        TCase *tcase = suite->first;
        suite->first = tcase->next;
        free(tcase);
    }
    free(suite);
}

/* ---- assertions ---- */

#define ck_abort_msg(...)                                                           \
    do {                                                                            \
        (void)fflush(stdout);                                                       \
        (void)fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, *check_current()); \
        (void)fprintf(stderr, __VA_ARGS__);                                         \
        (void)fputc('\n', stderr);                                                  \
        exit(EXIT_FAILURE);                                                         \
    } while (0)

#define ck_assert_msg(condition, ...)  \
    do {                               \
        if (!(condition)) {            \
            ck_abort_msg(__VA_ARGS__); \
        }                              \
    } while (0)

#define ck_assert(condition) ck_assert_msg(condition, "%s", #condition)

#define CHECK_COMPARE(type, format, a, op, b)                                                    \
    do {                                                                                         \
        type check_a = (a);                                                                      \
        type check_b = (b);                                                                      \
        ck_assert_msg(check_a op check_b, "%s %s %s: " format ", " format, #a, #op, #b, check_a, \
                      check_b);                                                                  \
    } while (0)

#define ck_assert_int_eq(a, b) CHECK_COMPARE(intmax_t, "%jd", a, ==, b)
#define ck_assert_int_lt(a, b) CHECK_COMPARE(intmax_t, "%jd", a, <, b)
#define ck_assert_int_le(a, b) CHECK_COMPARE(intmax_t, "%jd", a, <=, b)
#define ck_assert_int_gt(a, b) CHECK_COMPARE(intmax_t, "%jd", a, >, b)
#define ck_assert_int_ge(a, b) CHECK_COMPARE(intmax_t, "%jd", a, >=, b)
#define ck_assert_uint_eq(a, b) CHECK_COMPARE(uintmax_t, "%ju", a, ==, b)
#define ck_assert_uint_lt(a, b) CHECK_COMPARE(uintmax_t, "%ju", a, <, b)
#define ck_assert_uint_le(a, b) CHECK_COMPARE(uintmax_t, "%ju", a, <=, b)
#define ck_assert_uint_gt(a, b) CHECK_COMPARE(uintmax_t, "%ju", a, >, b)
#define ck_assert_uint_ge(a, b) CHECK_COMPARE(uintmax_t, "%ju", a, >=, b)
#define ck_assert_double_eq(a, b) CHECK_COMPARE(double, "%.17g", a, ==, b)
#define ck_assert_double_lt(a, b) CHECK_COMPARE(double, "%.17g", a, <, b)
#define ck_assert_double_le(a, b) CHECK_COMPARE(double, "%.17g", a, <=, b)
#define ck_assert_double_gt(a, b) CHECK_COMPARE(double, "%.17g", a, >, b)
#define ck_assert_double_ge(a, b) CHECK_COMPARE(double, "%.17g", a, >=, b)
#define ck_assert_float_le(a, b) ck_assert_double_le(a, b)
#define ck_assert_ptr_eq(a, b) CHECK_COMPARE(const void *, "%p", a, ==, b)
#define ck_assert_ptr_null(a) ck_assert_msg((a) == NULL, "%s is not NULL", #a)
#define ck_assert_ptr_nonnull(a) ck_assert_msg((a) != NULL, "%s is NULL", #a)

#define ck_assert_double_eq_tol(a, b, tolerance)                                                \
    do {                                                                                        \
        double check_x = (a);                                                                   \
        double check_y = (b);                                                                   \
        ck_assert_msg(fabs(check_x - check_y) <= (tolerance), "%s == %s: %.17g, %.17g", #a, #b, \
                      check_x, check_y);                                                        \
    } while (0)
#define ck_assert_float_eq_tol(a, b, tolerance) ck_assert_double_eq_tol(a, b, tolerance)

#define CHECK_STRINGS(a, op, b)                                                                  \
    do {                                                                                         \
        const char *check_a = (a);                                                               \
        const char *check_b = (b);                                                               \
        ck_assert_msg(check_a != NULL && check_b != NULL && strcmp(check_a, check_b) op 0,       \
                      "%s %s %s: '%s', '%s'", #a, #op, #b, check_a != NULL ? check_a : "(null)", \
                      check_b != NULL ? check_b : "(null)");                                     \
    } while (0)

#define ck_assert_str_eq(a, b) CHECK_STRINGS(a, ==, b)
#define ck_assert_str_ne(a, b) CHECK_STRINGS(a, !=, b)
#define ck_assert_mem_eq(a, b, size) \
    ck_assert_msg(memcmp(a, b, size) == 0, "%s and %s differ", #a, #b)
#define ck_assert_mem_ne(a, b, size) \
    ck_assert_msg(memcmp(a, b, size) != 0, "%s and %s are the same", #a, #b)

#endif /* CHECK_H */
