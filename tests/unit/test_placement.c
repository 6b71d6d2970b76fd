/*
 * Threads that are kept off a processor: lib/os/placement.h.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "suite.h"

#include "os/placement.h"

#if DPI_HAS_PLACEMENT

#include <sched.h>

static cpu_set_t at_first; /* where this process may run */

/* The number of the n-th processor of a set. */
static int processor_of(const cpu_set_t *set, int n) {
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET((size_t)i, set) && n-- == 0) {
            return i;
        }
    }
    ck_abort_msg("the set has too few processors");
}

static cpu_set_t allowed_now(void) {
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    return set;
}

/* musl's macros cast the pointer: that of an object would be a warning. */
static void assert_without(cpu_set_t expected, int processor) {
    cpu_set_t set = allowed_now(), *rest = &expected;
    CPU_CLR((size_t)processor, rest);
    ck_assert(CPU_EQUAL(&set, rest));
}

static void allow_all_again(void) {
    ck_assert_int_eq(sched_setaffinity(0, sizeof at_first, &at_first), 0);
}

static cpu_set_t allow_only(int processor) {
    cpu_set_t only, *set = &only;
    CPU_ZERO(set);
    CPU_SET((size_t)processor, set);
    ck_assert_int_eq(sched_setaffinity(0, sizeof only, &only), 0);
    return only;
}

static void remember_affinity(void) {
    at_first = allowed_now();
}

START_TEST(a_thread_is_kept_off_one_processor_at_a_time) {
    if (CPU_COUNT(&at_first) < 2) {
        return; /* there is nowhere else */
    }
    int first = processor_of(&at_first, 0), second = processor_of(&at_first, 1);
    dpi_placement here = dpi_placement_here();
    dpi_placement_avoid(&here, first);
    assert_without(at_first, first);
    ck_assert(dpi_current_processor() != first);
    dpi_placement_avoid(&here, second);
    assert_without(at_first, second);
    ck_assert(dpi_current_processor() != second);
    dpi_placement_avoid(&here, DPI_NO_PROCESSOR);
    cpu_set_t set = allowed_now();
    ck_assert(CPU_EQUAL(&set, &at_first));
}
END_TEST

START_TEST(a_thread_of_one_processor_stays) {
    int first = processor_of(&at_first, 0);
    cpu_set_t only = allow_only(first);
    dpi_placement here = dpi_placement_here();
    dpi_placement_avoid(&here, first);
    cpu_set_t set = allowed_now();
    ck_assert(CPU_EQUAL(&set, &only));
    allow_all_again();
}
END_TEST

START_TEST(a_thread_never_gets_a_processor_that_it_did_not_have) {
    if (CPU_COUNT(&at_first) < 2) {
        return;
    }
    int first = processor_of(&at_first, 0), second = processor_of(&at_first, 1);
    cpu_set_t only = allow_only(first);
    dpi_placement here = dpi_placement_here();
    const int callers[] = {second, first, DPI_NO_PROCESSOR, second, first};
    for (size_t i = 0; i < sizeof callers / sizeof *callers; i++) {
        dpi_placement_avoid(&here, callers[i]);
        cpu_set_t set = allowed_now();
        ck_assert(CPU_EQUAL(&set, &only));
    }
    allow_all_again();
}
END_TEST

START_TEST(what_others_say_of_its_affinity_holds) {
    if (CPU_COUNT(&at_first) < 2) {
        return;
    }
    int first = processor_of(&at_first, 0), second = processor_of(&at_first, 1);
    dpi_placement here = dpi_placement_here();
    dpi_placement_avoid(&here, first);
    cpu_set_t only = allow_only(first);
    dpi_placement_avoid(&here, second);
    cpu_set_t set = allowed_now();
    ck_assert(CPU_EQUAL(&set, &only));
    allow_all_again();
}
END_TEST

START_TEST(a_thread_that_the_system_does_not_know_is_left_alone) {
    dpi_placement gone = {
        .thread = INT32_MAX, .avoided = DPI_NO_PROCESSOR, .removed = DPI_NO_PROCESSOR};
    dpi_placement_avoid(&gone, processor_of(&at_first, 0));
    ck_assert_int_eq(gone.avoided, DPI_NO_PROCESSOR);
    dpi_placement unborn = {.avoided = DPI_NO_PROCESSOR, .removed = DPI_NO_PROCESSOR};
    dpi_placement_avoid(&unborn, processor_of(&at_first, 0));
    cpu_set_t set = allowed_now();
    ck_assert(CPU_EQUAL(&set, &at_first));
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("placement");
#if DPI_HAS_PLACEMENT
    TCase *placement = add_case(suite, "placement", 20, remember_affinity, allow_all_again);
    tcase_add_test(placement, a_thread_is_kept_off_one_processor_at_a_time);
    tcase_add_test(placement, a_thread_of_one_processor_stays);
    tcase_add_test(placement, a_thread_never_gets_a_processor_that_it_did_not_have);
    tcase_add_test(placement, what_others_say_of_its_affinity_holds);
    tcase_add_test(placement, a_thread_that_the_system_does_not_know_is_left_alone);
#endif
    return run_suite(suite);
}
