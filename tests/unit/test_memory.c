/*
 * lib/os memory.c, account.c and buffer.c, and lib/base/arena.c: sizes that no machine has, limits,
 * what is counted when an allocation fails, and a session that is planned with too much.
 */
#define _DEFAULT_SOURCE
#include "api_support.h"
#include "base/arena.h"
#include "model/model.h"
#include "os/account.h"
#include "os/buffer.h"
#include "os/memory.h"
#include "suite.h"
#include "support.h"
#include "test_allocator.h"

#include <check.h>
#include <string.h>

static dpi_message message;
static test_allocator memory;

static void start_anew(void) {
    test_allocator_init(&memory);
    message.text[0] = '\0';
}

static void check_words(const char *words) {
    ck_assert_msg(strstr(message.text, words) != NULL, "no '%s' in '%s'", words, message.text);
}

/* ---- blocks ---- */

START_TEST(sizes_that_overflow_are_not_allocated) {
    ck_assert_ptr_null(dpi_allocate(NULL, SIZE_MAX));
    ck_assert_ptr_null(dpi_allocate(NULL, SIZE_MAX - DPI_ALIGNMENT));
    ck_assert_ptr_null(dpi_allocate_for(NULL, SIZE_MAX, "a test", &message));
    check_words("a test");
}
END_TEST

#if defined(__linux__)

#define PAGES ((size_t)1 << 20)

/* The first byte that is 0, or PAGES. */
static size_t find_zero(const uint8_t *bytes) {
    const uint8_t *zero = memchr(bytes, 0, PAGES);
    return zero != NULL ? (size_t)(zero - bytes) : PAGES;
}

/* On Linux, pages that were given back read as 0. */
static void check_discarded(const dp_allocator *allocator, bool expected) {
    uint8_t *block = dpi_allocate(allocator, PAGES);
    ck_assert_ptr_nonnull(block);
    memset(block, 7, PAGES);
    dpi_discard(allocator, block + 1, 100); /* less than a page */
    ck_assert_uint_eq(find_zero(block), PAGES);
    dpi_discard(allocator, block + 1, PAGES - 2);
    ck_assert_int_eq(find_zero(block) < PAGES, expected);
    ck_assert(block[0] == 7 && block[PAGES - 1] == 7);
    dpi_release(allocator, block, PAGES);
}

START_TEST(pages_of_the_default_allocator_go_back_at_once) {
    dpi_account *account = NULL;
    dpi_account *others = NULL;
    check_discarded(NULL, true);
    check_discarded(&dpi_default_allocator, true);
    check_discarded(&memory.allocator, false);
    ck_assert_int_eq(dpi_account_open(2 * PAGES, NULL, &account, &message), DP_OK);
    ck_assert_int_eq(dpi_account_share(account, &memory.allocator, &others, &message), DP_OK);
    check_discarded(&account->allocator, true);
    check_discarded(&others->allocator, false);
    dpi_account_close(others);
    dpi_account_close(account);
    ck_assert_uint_eq(memory.blocks, 0);
}
END_TEST

#endif

/* ---- accounts ---- */

#define LIMIT ((size_t)4096)

/* All that is left, and no more; sizes whose sum with what is used overflows are too much, too. */
START_TEST(accounts_give_no_more_than_their_limit) {
    dpi_account *account = NULL;
    ck_assert_int_eq(dpi_account_open(LIMIT, &memory.allocator, &account, &message), DP_OK);
    size_t used = dpi_account_used(account);
    size_t left = LIMIT - used;
    ck_assert_ptr_null(dpi_allocate(&account->allocator, SIZE_MAX));
    ck_assert_ptr_null(dpi_allocate_for(&account->allocator, left + 1, "a test", &message));
    check_words("max_memory is 4096");
    ck_assert_uint_eq(dpi_account_used(account), used);
    ck_assert_uint_eq(memory.calls, 1); /* of the account itself: nobody else was asked */
    void *block = dpi_allocate(&account->allocator, left);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(dpi_account_used(account), LIMIT);
    dpi_release(&account->allocator, block, left);
    dpi_account_release(account, &memory.allocator, NULL, left); /* nothing was given */
    ck_assert_uint_eq(dpi_account_used(account), used);
    dpi_account_close(account);
    ck_assert_uint_eq(memory.blocks, 0);
}
END_TEST

/* The limit is not the reason, and is not blamed. */
START_TEST(what_an_allocator_refuses_is_not_counted) {
    dpi_account *account = NULL;
    dpi_account *task = NULL;
    ck_assert_int_eq(dpi_account_open(LIMIT, NULL, &account, &message), DP_OK);
    size_t used = dpi_account_used(account);
    memory.fail_at = 1;
    ck_assert_int_eq(dpi_account_share(account, &memory.allocator, &task, &message), DP_ERR_MEMORY);
    ck_assert_ptr_null(task);
    check_words("cannot allocate");
    ck_assert_uint_eq(dpi_account_used(account), used);
    memory.fail_at = 3;
    ck_assert_int_eq(dpi_account_share(account, &memory.allocator, &task, &message), DP_OK);
    used = dpi_account_used(account);
    ck_assert_ptr_null(dpi_allocate_for(&task->allocator, 100, "a test", &message));
    check_words("cannot allocate 100 bytes for a test");
    ck_assert_uint_eq(dpi_account_used(account), used);
    dpi_account_close(task);
    dpi_account_close(account);
    ck_assert_uint_eq(memory.blocks, 0);
}
END_TEST

START_TEST(an_account_needs_room_for_itself) {
    dpi_account *account = NULL;
    memory.fail_at = 1;
    ck_assert_int_eq(dpi_account_open(LIMIT, &memory.allocator, &account, &message), DP_ERR_MEMORY);
    check_words("cannot allocate");
    ck_assert_ptr_null(account);
    dpi_account_close(account);
    ck_assert_uint_eq(dpi_account_used(NULL), 0);
}
END_TEST

/* ---- buffers ---- */

/* One byte more than the limit shows that there are too many. */
START_TEST(buffers_end_one_byte_behind_their_limit) {
    dpi_buffer buffer = {.allocator = &memory.allocator};
    for (size_t i = 0; i <= 100000; i++) {
        ck_assert_int_eq(dpi_buffer_grow(&buffer, 10, 100000, "a test", &message), DP_OK);
        buffer.bytes[buffer.size++] = (uint8_t)i;
    }
    ck_assert_int_eq(dpi_buffer_grow(&buffer, 10, 100000, "a test", &message), DP_ERR_MEMORY);
    check_words("a test has more bytes than the limit of 100000");
    ck_assert_uint_eq(buffer.size, 100001);
    for (size_t i = 0; i < buffer.size; i++) {
        ck_assert_uint_eq(buffer.bytes[i], (uint8_t)i);
    }
    dpi_buffer_free(&buffer);
    ck_assert_uint_eq(memory.blocks, 0);
}
END_TEST

/* ---- arenas ---- */

static void check_refused(dpi_arena arena, size_t count, size_t element) {
    ck_assert_ptr_null(dpi_arena_take(&arena, count, element));
    ck_assert(arena.failed);
    size_t used = arena.used;
    ck_assert_ptr_null(dpi_arena_take(&arena, 1, 1)); /* for good */
    ck_assert(arena.failed && arena.used == used);
}

START_TEST(arenas_notice_sizes_that_overflow) {
    check_refused((dpi_arena){.base = NULL}, SIZE_MAX / 2, 3);
    check_refused((dpi_arena){.used = SIZE_MAX - 10}, 1, 1);
    check_refused((dpi_arena){.used = 64}, SIZE_MAX - 63, 1);
    dpi_arena arena = {.base = NULL};
    ck_assert_ptr_null(dpi_arena_floats(&arena, SIZE_MAX / 4 + 1, 4));
    ck_assert(arena.failed);
    ck_assert_ptr_null(dpi_arena_floats(&arena, 1, 1));
    ck_assert(arena.failed);
}
END_TEST

START_TEST(arenas_give_all_they_have_and_no_more) {
    static _Alignas(DPI_ALIGNMENT) uint8_t bytes[4 * DPI_ALIGNMENT];
    dpi_arena arena = {.base = bytes, .size = sizeof bytes};
    ck_assert_ptr_eq(dpi_arena_take(&arena, 1, 1), bytes);
    ck_assert_ptr_eq(dpi_arena_floats(&arena, 3, DPI_ALIGNMENT / sizeof(float)),
                     bytes + DPI_ALIGNMENT);
    ck_assert(!arena.failed);
    check_refused(arena, 1, 1);
    check_refused((dpi_arena){.base = bytes, .size = sizeof bytes}, sizeof bytes + 1, 1);
}
END_TEST

/* ---- sessions ---- */

/* No file can hold such a model; who counts its session must notice all the same. */
START_TEST(sessions_that_no_address_can_hold_are_refused) {
    dp_model *opened = open_golden(SMALL_MODEL);
    struct dp_model huge = *opened;
    dp_session *session = (dp_session *)&huge;
    size_t bytes = 1;
    huge.parameters.width = SIZE_MAX / 2;
    ck_assert_int_eq(dp_session_size(&huge, NULL, &bytes), DP_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "larger than this machine can address"));
    ck_assert_uint_eq(bytes, 0);
    ck_assert_int_eq(dp_session_create(&huge, NULL, &session), DP_ERR_MEMORY);
    ck_assert_ptr_null(session);
    ck_assert_int_eq(dp_stream_size(&huge, NULL, &bytes), DP_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "larger than this machine can address"));
    ck_assert_int_eq(dp_session_size(opened, NULL, &bytes), DP_OK);
    ck_assert_uint_gt(bytes, 0);
    dp_model_close(opened);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("memory");
    TCase *blocks = add_case(suite, "blocks", 20, start_anew, NULL);
    tcase_add_test(blocks, sizes_that_overflow_are_not_allocated);
#if defined(__linux__)
    tcase_add_test(blocks, pages_of_the_default_allocator_go_back_at_once);
#endif
    TCase *accounts = add_case(suite, "accounts", 20, start_anew, NULL);
    tcase_add_test(accounts, accounts_give_no_more_than_their_limit);
    tcase_add_test(accounts, what_an_allocator_refuses_is_not_counted);
    tcase_add_test(accounts, an_account_needs_room_for_itself);
    TCase *regions = add_case(suite, "regions", 20, start_anew, NULL);
    tcase_add_test(regions, buffers_end_one_byte_behind_their_limit);
    tcase_add_test(regions, arenas_notice_sizes_that_overflow);
    tcase_add_test(regions, arenas_give_all_they_have_and_no_more);
    TCase *sessions = add_case(suite, "sessions", 20, NULL, NULL);
    tcase_add_test(sessions, sessions_that_no_address_can_hold_are_refused);
    return run_suite(suite);
}
