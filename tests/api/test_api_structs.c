/*
 * The contract of dualpath.h: versions, and structs that state their own size. A size that
 * is wrong, or a byte that this version has no field for, is refused by the name of the struct.
 */
#include "api_fixture.h"

#include <limits.h>

/* ---- versions ---- */

START_TEST(versions_agree) {
    char text[32];
    ck_assert_uint_eq(dp_version(),
                      DP_VERSION_MAJOR * 10000 + DP_VERSION_MINOR * 100 + DP_VERSION_PATCH);
    ck_assert_uint_eq(dp_version(), DP_VERSION_NUMBER);
    (void)snprintf(text, sizeof text, "%d.%d.%d", DP_VERSION_MAJOR, DP_VERSION_MINOR,
                   DP_VERSION_PATCH);
    ck_assert_str_eq(dp_version_string(), text);
    ck_assert_str_eq(DP_VERSION_STRING, text);
    ck_assert_uint_eq(dp_abi_version(), DP_ABI_VERSION);
}
END_TEST

/* ---- structs with a struct_size ---- */

static void default_model_options(void *given) {
    dp_model_options_default(given);
}

static void default_pool_options(void *given) {
    dp_pool_options_default(given);
}

static void default_session_options(void *given) {
    dp_session_options_default(given);
}

static void default_info(void *given) {
    dp_model_info_default(given);
}

static void default_result(void *given) {
    dp_result_default(given);
}

static void default_clip(void *given) {
    dp_clip_default(given);
    if (given != NULL) {
        ((dp_clip *)given)->frames = clip.frames;
        ((dp_clip *)given)->frame_count = 1;
    }
}

static dp_status use_model_options(void *given) {
    dp_model *opened = NULL;
    dp_status status = dp_model_open(find_golden(SMALL_MODEL).text, given, &opened);
    ck_assert((status == DP_OK) == (opened != NULL));
    dp_model_close(opened);
    return status;
}

static dp_status use_pool_options(void *given) {
    dp_pool *created = NULL;
    dp_status status = dp_pool_create(given, &created);
    ck_assert((status == DP_OK) == (created != NULL));
    dp_pool_destroy(created);
    return status;
}

static dp_status use_session_options(void *given) {
    size_t bytes;
    return dp_session_size(model, given, &bytes);
}

static dp_status use_info(void *given) {
    return dp_model_get_info(model, given);
}

static dp_status use_clip(void *given) {
    dp_result result;
    dp_result_default(&result);
    return dp_classify_clip(session, given, &result);
}

static dp_status use_result(void *given) {
    return dp_classify_clip(session, &clip.clip, given);
}

static const struct {
    const char *name;
    size_t size, alignment;
    void (*set_default)(void *given);
    dp_status (*use)(void *given);
    bool on_session, filled; /* calls on a session; by the library */
} structs[] = {
#define STRUCT(name) #name, sizeof(name), _Alignof(name)
    {STRUCT(dp_model_options), default_model_options, use_model_options, false, false},
    {STRUCT(dp_pool_options), default_pool_options, use_pool_options, false, false},
    {STRUCT(dp_session_options), default_session_options, use_session_options, false, false},
    {STRUCT(dp_model_info), default_info, use_info, false, true},
    {STRUCT(dp_clip), default_clip, use_clip, true, false},
    {STRUCT(dp_result), default_result, use_result, true, true},
};

static const char *message_of(int index) {
    return structs[index].on_session ? dp_session_message(session) : dp_last_message();
}

/* With a block of exactly the struct's size: whatever its struct_size says, nothing behind it may
 * be read. */
START_TEST(sizes_of_no_version_are_refused) {
    size_t size = structs[_i].size;
    size_t alignment = structs[_i].alignment;
    const size_t wrong[] = {
        0,        1,           sizeof(size_t), size - alignment, size - 1,
        size + 1, 4096 + size, 65536,          SIZE_MAX,         SIZE_MAX / alignment * alignment};
    void *given = must(malloc(size), "memory");
    structs[_i].set_default(given);
    ck_assert_uint_eq(*(size_t *)given, size);
    ck_assert_int_eq(structs[_i].use(given), DP_OK);
    uint8_t *before = must(malloc(size), "memory");
    for (size_t i = 0; i < COUNT(wrong); i++) {
        structs[_i].set_default(given);
        *(size_t *)given = wrong[i];
        memcpy(before, given, size);
        dp_status status = structs[_i].use(given);
        ck_assert_mem_eq(before, given, size);
        check_refused(status, DP_ERR_ARGUMENT, message_of(_i), structs[_i].name);
        check_refused(status, DP_ERR_ARGUMENT, message_of(_i), "struct_size");
        check_refused(status, DP_ERR_ARGUMENT, message_of(_i), "_default()");
    }
    free(before);
    free(given);
}
END_TEST

/* A struct of a later version: fields that this one does not know are 0, or refused by their place;
 * where the library fills the struct, they become 0. */
START_TEST(later_fields_are_refused_or_cleared) {
    size_t size = structs[_i].size;
    size_t longer = size + 3 * structs[_i].alignment;
    uint8_t *given = must(malloc(longer), "memory");
    for (size_t byte = size; byte < longer; byte++) {
        char place[48];
        (void)snprintf(place, sizeof place, "byte %zu is set", byte);
        memset(given, 0, longer);
        structs[_i].set_default(given);
        memcpy(given, &longer, sizeof longer);
        ck_assert_int_eq(structs[_i].use(given), DP_OK);
        given[byte] = 0x80;
        dp_status status = structs[_i].use(given);
        if (structs[_i].filled) {
            ck_assert_int_eq(status, DP_OK);
            ck_assert_uint_eq(given[byte], 0);
            ck_assert_uint_eq(*(size_t *)given, longer);
        } else {
            check_refused(status, DP_ERR_ARGUMENT, message_of(_i), structs[_i].name);
            check_refused(status, DP_ERR_ARGUMENT, message_of(_i), place);
        }
    }
    free(given);
}
END_TEST

/* dp_X_init(), with the size of an older version, of a newer one, and of none. */
START_TEST(initialisers_write_as_much_as_the_caller_has) {
    const size_t sizes[] = {0,
                            sizeof(size_t) - 1,
                            sizeof(size_t),
                            offsetof(dp_clip, views),
                            sizeof(dp_clip),
                            sizeof(dp_clip) + 24};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        uint8_t given[sizeof(dp_clip) + 64];
        dp_clip known;
        dp_clip_default(&known);
        memset(given, 0xa5, sizeof given);
        dp_clip_init((dp_clip *)(void *)given, sizes[i]);
        for (size_t byte = sizes[i] < sizeof(size_t) ? 0 : sizes[i]; byte < sizeof given; byte++) {
            ck_assert_uint_eq(given[byte], 0xa5);
        }
        for (size_t byte = sizeof(size_t); byte < sizes[i]; byte++) {
            ck_assert_uint_eq(given[byte],
                              byte < sizeof known ? ((const uint8_t *)&known)[byte] : 0);
        }
        if (sizes[i] >= sizeof(size_t)) {
            ck_assert_mem_eq(given, &sizes[i], sizeof(size_t));
        }
    }
}
END_TEST

START_TEST(initialisers_take_null) {
    structs[_i].set_default(NULL);
}
END_TEST

START_TEST(defaults_are_as_documented) {
    dp_model_options opening;
    memset(&opening, 0xff, sizeof opening);
    dp_model_options_default(&opening);
    ck_assert(opening.allocator == NULL && opening.log == NULL && opening.progress == NULL);
    ck_assert(opening.verify == 0 && opening.unfused == 0);
    ck_assert_int_eq(opening.precision, DP_PRECISION_DEFAULT);
    ck_assert_int_eq(opening.target, DP_TARGET_NATIVE);
    ck_assert_uint_eq(opening.cpu_mask, DP_CPU_ALL);
    ck_assert(opening.max_inflated_size == 0 && opening.max_memory == 0);
    dp_session_options creating;
    memset(&creating, 0xff, sizeof creating);
    dp_session_options_default(&creating);
    ck_assert(creating.allocator == NULL && creating.arena == NULL && creating.arena_size == 0);
    ck_assert(creating.log == NULL && creating.progress == NULL && creating.threads == 0);
    ck_assert(creating.pool == NULL && creating.scheduler == NULL);
    dp_pool_options pooling;
    memset(&pooling, 0xff, sizeof pooling);
    dp_pool_options_default(&pooling);
    ck_assert(pooling.threads == 0 && pooling.allocator == NULL);
    dp_clip empty;
    memset(&empty, 0xff, sizeof empty);
    dp_clip_default(&empty);
    ck_assert(empty.frames == NULL && empty.frame_count == 0);
    ck_assert(empty.sampling == DP_SAMPLING_MODEL && empty.rate == 0);
    ck_assert(empty.views == 0 && empty.crops == 0);
}
END_TEST

static Suite *structs_suite(void) {
    Suite *suite = suite_create("api_structs");
    TCase *names = add_case(suite, "names", 60, set_up, tear_down);
    tcase_add_test(names, versions_agree);

    TCase *sizes = add_case(suite, "structs", 60, set_up, tear_down);
    tcase_add_loop_test(sizes, sizes_of_no_version_are_refused, 0, (int)COUNT(structs));
    tcase_add_loop_test(sizes, later_fields_are_refused_or_cleared, 0, (int)COUNT(structs));
    tcase_add_test(sizes, initialisers_write_as_much_as_the_caller_has);
    tcase_add_loop_test(sizes, initialisers_take_null, 0, (int)COUNT(structs));
    tcase_add_test(sizes, defaults_are_as_documented);
    return suite;
}

int main(void) {
    random_seed("test_api_structs");
    return run_suite(structs_suite());
}
