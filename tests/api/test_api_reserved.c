/*
 * Room for later fields: in what callers give, a reserved byte that is set is an error that says
 * where it is; in what the library fills, all of them become 0.
 */
#include "api_fixture.h"
#include "base/bytes.h"

/* ---- what callers give ---- */

static int64_t read_from_file(void *user, uint64_t offset, void *buffer, size_t size) {
    (void)offset;
    return (int64_t)fread(buffer, 1, size, user);
}

static dp_status use_reader(void *given) {
    dp_reader *reader = given;
    dp_model *opened = NULL;
    FILE *file = must(fopen(find_golden(SMALL_MODEL).text, "rb"), SMALL_MODEL);
    reader->read = read_from_file;
    reader->user = file;
    dp_status status = dp_model_open_reader(reader, NULL, &opened);
    rewind(file);
    ck_assert_int_eq(dp_model_verify_reader(reader, NULL), status);
    (void)fclose(file);
    dp_model_close(opened);
    return status;
}

static int64_t drop_bytes(void *user, const void *bytes, size_t size) {
    (void)user;
    (void)bytes;
    return (int64_t)size;
}

/* Big-endian machines compile nothing, after they have looked at the struct. */
static dp_status use_writer(void *given) {
    dp_writer *writer = given;
    writer->write = drop_bytes;
    dp_status status = dp_model_compile_writer(model, writer);
    return status == DP_ERR_UNSUPPORTED && !dpi_is_little_endian() ? DP_OK : status;
}

static void *allocate(void *user, size_t size) {
    (void)user;
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

static void release(void *user, void *block, size_t size) {
    (void)user;
    (void)size;
    free(block);
}

static const dp_allocator *fill_allocator(void *given) {
    dp_allocator *allocator = given;
    allocator->allocate = allocate;
    allocator->release = release;
    return allocator;
}

static dp_status use_model_allocator(void *given) {
    dp_model_options options;
    dp_model *opened = NULL;
    dp_model_options_default(&options);
    options.allocator = fill_allocator(given);
    dp_status status = dp_model_open(find_golden(SMALL_MODEL).text, &options, &opened);
    dp_model_close(opened);
    return status;
}

static dp_status create_session(const dp_session_options *options) {
    dp_session *created = NULL;
    dp_status status = dp_session_create(model, options, &created);
    dp_session_destroy(created);
    return status;
}

static dp_status use_session_allocator(void *given) {
    dp_session_options options;
    dp_session_options_default(&options);
    options.allocator = fill_allocator(given);
    return create_session(&options);
}

static dp_status create_pool(const dp_pool_options *options) {
    dp_pool *created = NULL;
    dp_status status = dp_pool_create(options, &created);
    dp_pool_destroy(created);
    return status;
}

static dp_status use_pool_allocator(void *given) {
    dp_pool_options options;
    dp_pool_options_default(&options);
    options.allocator = fill_allocator(given);
    return create_pool(&options);
}

static dp_status use_pool_options(void *given) {
    dp_pool_options options;
    dp_pool_options_default(&options);
    options.reserved = ((dp_pool_options *)given)->reserved;
    return create_pool(&options);
}

static void run_alone(void *user, void (*body)(void *argument, int32_t worker), void *argument) {
    (void)user;
    body(argument, 0);
}

static dp_status use_scheduler(void *given) {
    dp_scheduler *scheduler = given;
    dp_session_options options;
    dp_session_options_default(&options);
    scheduler->run = run_alone;
    scheduler->workers = 1;
    options.scheduler = scheduler;
    return create_session(&options);
}

static dp_frame fill_frame(const void *given) {
    dp_frame frame = clip.frames[3];
    memcpy(frame.reserved, ((const dp_frame *)given)->reserved, sizeof frame.reserved);
    return frame;
}

static dp_status use_frame_of_clip(void *given) {
    dp_result result;
    dp_result_default(&result);
    clip.frames[3] = fill_frame(given);
    return dp_classify_clip(session, &clip.clip, &result);
}

static dp_status use_pushed_frame(void *given) {
    dp_frame frame = fill_frame(given);
    dp_status status = dp_session_begin_clip(session, 0, 1);
    return status == DP_OK ? dp_session_push_frame(session, &frame) : status;
}

static const struct {
    const char *name;
    size_t size, first, end; /* of the reserved bytes */
    dp_status (*use)(void *given);
    dp_status refused;
    bool on_session;
} given_structs[] = {
#define STRUCT(name)                               \
#name, sizeof(name), offsetof(name, reserved), \
        offsetof(name, reserved) + sizeof(((name *)NULL)->reserved)
    {STRUCT(dp_reader), use_reader, DP_ERR_ARGUMENT, false},
    {STRUCT(dp_writer), use_writer, DP_ERR_ARGUMENT, false},
    {STRUCT(dp_allocator), use_model_allocator, DP_ERR_ARGUMENT, false},
    {STRUCT(dp_allocator), use_session_allocator, DP_ERR_ARGUMENT, false},
    {STRUCT(dp_allocator), use_pool_allocator, DP_ERR_ARGUMENT, false},
    {STRUCT(dp_pool_options), use_pool_options, DP_ERR_ARGUMENT, false},
    {STRUCT(dp_scheduler), use_scheduler, DP_ERR_ARGUMENT, false},
    {STRUCT(dp_frame), use_frame_of_clip, DP_ERR_FRAME, true},
    {STRUCT(dp_frame), use_pushed_frame, DP_ERR_FRAME, true},
};

START_TEST(reserved_bytes_are_refused_by_place) {
    uint8_t *given = must(calloc(1, given_structs[_i].size), "memory");
    for (size_t byte = given_structs[_i].first; byte < given_structs[_i].end; byte++) {
        char place[32];
        (void)snprintf(place, sizeof place, "byte %zu", byte);
        memset(given, 0, given_structs[_i].size);
        given[byte] = 0x80;
        ck_assert_int_eq(given_structs[_i].use(given), given_structs[_i].refused);
        const char *message =
            given_structs[_i].on_session ? dp_session_message(session) : dp_last_message();
        ck_assert_msg(strstr(message, given_structs[_i].name) != NULL, "%s", message);
        ck_assert_msg(strstr(message, place) != NULL, "%s", message);
    }
    memset(given, 0, given_structs[_i].size);
    ck_assert_int_eq(given_structs[_i].use(given), DP_OK);
    free(given);
}
END_TEST

/* ---- what the library fills ---- */

static bool all_zero(const void *bytes, size_t size) {
    static const uint8_t zeros[256];
    return size <= sizeof zeros && memcmp(bytes, zeros, size) == 0;
}

START_TEST(filled_structs_are_zero_where_reserved) {
    dp_prediction top[2];
    dp_result result;
    memset(top, 0xff, sizeof top);
    memset(&result, 0xff, sizeof result);
    dp_result_default(&result);
    ck_assert(result.reserved == NULL);
    ck_assert(all_zero(result.timings.reserved, sizeof result.timings.reserved));
    memset(&result.timings, 0xff, sizeof result.timings);
    result.reserved = &result;
    ck_assert_int_eq(dp_classify_clip(session, &clip.clip, &result), DP_OK);
    ck_assert(result.reserved == NULL);
    ck_assert(all_zero(result.timings.reserved, sizeof result.timings.reserved));
    ck_assert_int_eq(dp_session_top(session, 2, top), DP_OK);
    for (size_t i = 0; i < COUNT(top); i++) {
        ck_assert(all_zero(top[i].reserved, sizeof top[i].reserved));
    }
    dp_frame frame = dp_frame_rgb24(clip.pixels, 1, 1);
    ck_assert(all_zero(frame.reserved, sizeof frame.reserved));
}
END_TEST

int main(void) {
    random_seed("test_api_reserved");
    Suite *suite = suite_create("api_reserved");
    TCase *reserved = add_case(suite, "reserved", 60, set_up, tear_down);
    tcase_add_loop_test(reserved, reserved_bytes_are_refused_by_place, 0, COUNT(given_structs));
    tcase_add_test(reserved, filled_structs_are_zero_where_reserved);
    return run_suite(suite);
}
