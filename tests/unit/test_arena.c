/*
 * lib/base/arena.c: pieces of a region, counted first. What does not fit is refused, and so is
 * everything after it.
 */
#include "base/arena.h"
#include "suite.h"
#include "support.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

/* Takes pieces of some sizes; the last one that it got. */
static uint8_t *take_pieces(dpi_arena *arena) {
    uint8_t *last = NULL;
    for (size_t bytes = 1; bytes < 300; bytes += 37) {
        last = dpi_arena_take(arena, bytes, 1);
        ck_assert_uint_eq((uintptr_t)last % DPI_ALIGNMENT, 0);
    }
    return last;
}

static dpi_arena arena_of(size_t size) {
    uint8_t *block = aligned_alloc(DPI_ALIGNMENT, (size / DPI_ALIGNMENT + 1) * DPI_ALIGNMENT);
    ck_assert_ptr_nonnull(block);
    return (dpi_arena){.base = block, .size = size};
}

static size_t count_pieces(void) {
    dpi_arena counted = {.base = NULL};
    ck_assert_ptr_null(take_pieces(&counted));
    ck_assert(!counted.failed);
    return counted.used;
}

START_TEST(what_was_counted_fits) {
    dpi_arena arena = arena_of(count_pieces());
    ck_assert_ptr_nonnull(take_pieces(&arena));
    ck_assert(!arena.failed);
    ck_assert_uint_eq(arena.used, arena.size);
    free(arena.base);
}
END_TEST

START_TEST(one_byte_less_is_refused) {
    dpi_arena arena = arena_of(count_pieces() - 1);
    ck_assert_ptr_null(take_pieces(&arena));
    ck_assert(arena.failed);
    ck_assert_uint_le(arena.used, arena.size);
    free(arena.base);
}
END_TEST

START_TEST(nothing_is_given_after_a_refusal) {
    dpi_arena arena = arena_of(1000);
    ck_assert_ptr_null(dpi_arena_take(&arena, 1001, 1));
    ck_assert_ptr_null(dpi_arena_take(&arena, 1, 1));
    ck_assert(arena.failed);
    free(arena.base);
}
END_TEST

/* Also where nothing but the size is counted. */
START_TEST(sizes_that_no_number_holds_are_refused) {
    for (int kind = 0; kind < 6; kind++) {
        dpi_arena arena = kind % 2 == 0 ? (dpi_arena){.base = NULL} : arena_of(1000);
        arena.used = 1;
        if (kind / 2 == 0) {
            (void)dpi_arena_take(&arena, SIZE_MAX / 2, 3);
        } else if (kind / 2 == 1) {
            (void)dpi_arena_take(&arena, SIZE_MAX - 10, 1);
        } else {
            (void)dpi_arena_floats(&arena, SIZE_MAX / 8, 9);
        }
        ck_assert(arena.failed);
        free(arena.base);
    }
}
END_TEST

static Suite *arena_suite(void) {
    Suite *suite = suite_create("arena");
    TCase *pieces = add_case(suite, "pieces", 60, NULL, NULL);
    tcase_add_test(pieces, what_was_counted_fits);
    tcase_add_test(pieces, one_byte_less_is_refused);
    tcase_add_test(pieces, nothing_is_given_after_a_refusal);
    tcase_add_test(pieces, sizes_that_no_number_holds_are_refused);
    return suite;
}

int main(void) {
    return run_suite(arena_suite());
}
