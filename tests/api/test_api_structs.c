/*
 * The contract of dualpath.h: versions, and structs that state their own size. A size that
 * is wrong, or a reserved field that is not zero, is refused by the name of the struct.
 */
#include "api_fixture.h"

#include <limits.h>

/* ---- versions ---- */

START_TEST(versions_agree) {
    char text[32];
    ck_assert_uint_eq(dp_version(),
                      DP_VERSION_MAJOR * 10000 + DP_VERSION_MINOR * 100 + DP_VERSION_PATCH);
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
    size_t size, reserved, end; /* where the reserved fields begin and end */
    void (*set_default)(void *given);
    dp_status (*use)(void *given);
    bool on_session;
} structs[] = {
#define STRUCT(name, first)                     \
#name, sizeof(name), offsetof(name, first), \
        offsetof(name, reserved) + sizeof(((name *)NULL)->reserved)
    {STRUCT(dp_model_options, reserved), default_model_options, use_model_options, false},
    {STRUCT(dp_pool_options, reserved), default_pool_options, use_pool_options, false},
    {STRUCT(dp_session_options, reserved), default_session_options, use_session_options, false},
    {STRUCT(dp_model_info, reserved), default_info, use_info, false},
    {STRUCT(dp_clip, reserved), default_clip, use_clip, true},
    {STRUCT(dp_result, reserved), default_result, use_result, true},
};

/* With a block of exactly the struct's size: whatever its struct_size says, nothing behind it may
 * be read. */
START_TEST(struct_sizes_are_checked) {
    size_t size = structs[_i].size;
    const size_t wrong[] = {0, 1, sizeof(size_t), size - 1, size + 1, 2 * size, 65536, SIZE_MAX};
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
        const char *message =
            structs[_i].on_session ? dp_session_message(session) : dp_last_message();
        check_refused(status, DP_ERR_ARGUMENT, message, structs[_i].name);
        check_refused(status, DP_ERR_ARGUMENT, message, "struct_size");
        check_refused(status, DP_ERR_ARGUMENT, message, "_default()");
    }
    free(before);
    free(given);
}
END_TEST

START_TEST(reserved_fields_must_be_zero) {
    uint8_t *given = must(malloc(structs[_i].size), "memory");
    ck_assert_uint_eq(structs[_i].end, structs[_i].size);
    for (size_t i = structs[_i].reserved; i < structs[_i].size; i++) {
        structs[_i].set_default(given);
        given[i] = 1;
        dp_status status = structs[_i].use(given);
        const char *message =
            structs[_i].on_session ? dp_session_message(session) : dp_last_message();
        check_refused(status, DP_ERR_ARGUMENT, message, structs[_i].name);
        check_refused(status, DP_ERR_ARGUMENT, message, "reserved");
    }
    free(given);
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
    ck_assert_uint_eq(opening.max_inflated_size,
                      sizeof(size_t) > 4 ? (size_t)((uint64_t)8 << 30) : SIZE_MAX);
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
    ck_assert(empty.sampling == DP_SAMPLING_CENTER && empty.rate == 0);
    ck_assert(empty.views == 1 && empty.crops == 1);
}
END_TEST

static Suite *structs_suite(void) {
    Suite *suite = suite_create("api_structs");
    TCase *names = add_case(suite, "names", 60, set_up, tear_down);
    tcase_add_test(names, versions_agree);

    TCase *sizes = add_case(suite, "structs", 60, set_up, tear_down);
    tcase_add_loop_test(sizes, struct_sizes_are_checked, 0, (int)COUNT(structs));
    tcase_add_loop_test(sizes, reserved_fields_must_be_zero, 0, (int)COUNT(structs));
    tcase_add_loop_test(sizes, initialisers_take_null, 0, (int)COUNT(structs));
    tcase_add_test(sizes, defaults_are_as_documented);
    return suite;
}

int main(void) {
    random_seed("test_api_structs");
    return run_suite(structs_suite());
}
