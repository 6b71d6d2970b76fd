/*
 * The contract of dualpath.h, as a caller sees it who gets things wrong: every call with NULL and
 * with every number out of its range. Each is refused with its status and a sentence that names
 * what was wrong, outputs are empty, and what was there before still works.
 */
#define _XOPEN_SOURCE 700 /* P_tmpdir, mkstemp() */
#include "api_support.h"
#include "gguf_builder.h"
#include "kernels/kernels.h" /* only to know what is chosen */
#include "model/gguf.h"      /* only to find tensors in a file, to spoil them */

#include <check.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <unistd.h>

/* What most tests need: a model, a session and a clip, and the answer to it. */
static dp_model *model;
static dp_session *session;
static test_clip clip;
static answer expected;

static void set_up(void) {
    random_restart();
    model = open_golden(SMALL_MODEL);
    session = new_session(model, 1);
    clip = make_clip(SMALL_FRAMES, SMALL_SIDE, SMALL_SIDE);
    expected = classify(session, &clip.clip);
}

static void tear_down(void) {
    free_clip(&clip);
    dp_session_destroy(session);
    dp_model_close(model);
}

static void check_still_works(void) {
    answer got = classify(session, &clip.clip);
    ck_assert(same_bits(&got, &expected));
}

static void check_refused(dp_status got, dp_status status, const char *message,
                          const char *mentioned) {
    ck_assert_msg(got == status, "%s, expected %s; \"%s\"", dp_status_name(got),
                  dp_status_name(status), message);
    ck_assert_msg(strstr(message, mentioned) != NULL, "\"%s\" does not mention \"%s\"", message,
                  mentioned);
}

/* The call must fail with this status; its sentence must mention this. */
#define REFUSED(call, status, mentioned) \
    check_refused((call), (status), dp_last_message(), (mentioned))

/* The same for calls on `session`. C does not say which argument comes first. */
#define SESSION_REFUSED(call, status, mentioned)                                       \
    do {                                                                               \
        dp_status refused_as = (call);                                                 \
        check_refused(refused_as, (status), dp_session_message(session), (mentioned)); \
    } while (0)

/* ---- versions and names ---- */

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

START_TEST(statuses_have_names) {
    static const char *const names[] = {
        "DP_OK",         "DP_ERR_ARGUMENT",  "DP_ERR_MEMORY",      "DP_ERR_ARENA",
        "DP_ERR_IO",     "DP_ERR_FORMAT",    "DP_ERR_UNSUPPORTED", "DP_ERR_CHECKSUM",
        "DP_ERR_FRAME",  "DP_ERR_CANCELLED", "DP_ERR_NO_HEAD",     "DP_ERR_NUMERIC",
        "DP_ERR_THREAD", "DP_ERR_BACKBONE"};
    for (size_t i = 0; i < COUNT(names); i++) {
        ck_assert_str_eq(dp_status_name((dp_status)i), names[i]);
    }
    static const int others[] = {COUNT(names), 255, 65536, INT_MAX, -1, INT_MIN};
    for (size_t i = 0; i < COUNT(others); i++) {
        ck_assert_str_eq(dp_status_name((dp_status)others[i]), "DP_ERR_UNKNOWN");
    }
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

/* ---- opening ---- */

/* A place for an output that is not NULL, to see that it becomes NULL. */
static void *const poison = &expected;

START_TEST(opening_needs_its_arguments) {
    dp_model *opened = poison;
    const dp_reader none = {NULL, NULL};
    golden_path path = find_golden(SMALL_MODEL);
    REFUSED(dp_model_open(path.text, NULL, NULL), DP_ERR_ARGUMENT, "model is NULL");
    REFUSED(dp_model_open_memory("", 0, NULL, NULL), DP_ERR_ARGUMENT, "model is NULL");
    REFUSED(dp_model_open_reader(&none, NULL, NULL), DP_ERR_ARGUMENT, "model is NULL");
    REFUSED(dp_model_open(NULL, NULL, &opened), DP_ERR_ARGUMENT, "path");
    ck_assert_ptr_null(opened);
    opened = poison;
    REFUSED(dp_model_open_memory(NULL, 100, NULL, &opened), DP_ERR_ARGUMENT, "bytes");
    ck_assert_ptr_null(opened);
    opened = poison;
    REFUSED(dp_model_open_reader(NULL, NULL, &opened), DP_ERR_ARGUMENT, "callback");
    ck_assert_ptr_null(opened);
    opened = poison;
    REFUSED(dp_model_open_reader(&none, NULL, &opened), DP_ERR_ARGUMENT, "callback");
    ck_assert_ptr_null(opened);
    REFUSED(dp_model_verify(NULL, NULL), DP_ERR_ARGUMENT, "path");
}
END_TEST

static int64_t read_nothing(void *user, uint64_t offset, void *buffer, size_t size) {
    (void)user;
    (void)offset;
    (void)buffer;
    (void)size;
    ck_abort_msg("the reader was called");
    return -1;
}

START_TEST(wrong_options_leave_no_model) {
    size_t size;
    uint8_t *bytes = read_golden(SMALL_MODEL, &size);
    const dp_reader reader = {read_nothing, NULL};
    dp_model_options options;
    dp_model_options_default(&options);
    options.struct_size = 3;
    dp_model *opened = poison;
    REFUSED(dp_model_open(find_golden(SMALL_MODEL).text, &options, &opened), DP_ERR_ARGUMENT,
            "struct_size is 3");
    ck_assert_ptr_null(opened);
    opened = poison;
    REFUSED(dp_model_open_memory(bytes, size, &options, &opened), DP_ERR_ARGUMENT,
            "struct_size is 3");
    ck_assert_ptr_null(opened);
    opened = poison;
    REFUSED(dp_model_open_reader(&reader, &options, &opened), DP_ERR_ARGUMENT, "struct_size is 3");
    ck_assert_ptr_null(opened);
    REFUSED(dp_model_verify(find_golden(SMALL_MODEL).text, &options), DP_ERR_ARGUMENT,
            "struct_size is 3");
    free(bytes);
}
END_TEST

static void *no_memory(void *user, size_t size) {
    (void)user;
    (void)size;
    return NULL;
}

static void no_release(void *user, void *block, size_t size) {
    (void)user;
    (void)block;
    (void)size;
}

START_TEST(allocators_need_both_functions) {
    const dp_allocator halves[] = {
        {NULL, NULL, NULL}, {no_memory, NULL, NULL}, {NULL, no_release, NULL}};
    dp_model_options opening;
    dp_session_options creating;
    dp_model_options_default(&opening);
    dp_session_options_default(&creating);
    for (size_t i = 0; i < COUNT(halves); i++) {
        dp_model *opened = poison;
        dp_session *created = poison;
        size_t bytes = 1;
        opening.allocator = creating.allocator = &halves[i];
        REFUSED(dp_model_open(find_golden(SMALL_MODEL).text, &opening, &opened), DP_ERR_ARGUMENT,
                "allocator");
        REFUSED(dp_session_create(model, &creating, &created), DP_ERR_ARGUMENT, "allocator");
        REFUSED(dp_session_size(model, &creating, &bytes), DP_ERR_ARGUMENT, "allocator");
        ck_assert_ptr_null(opened);
        ck_assert_ptr_null(created);
        ck_assert_uint_eq(bytes, 0);
    }
}
END_TEST

START_TEST(paths_without_a_model_are_named) {
    static const struct {
        const char *path;
        dp_status status;
    } paths[] = {
        {"", DP_ERR_IO},
        {"no/such/file.gguf", DP_ERR_IO},
        {"/", DP_ERR_IO},
        {"/dev/null", DP_ERR_IO},
    };
    for (size_t i = 0; i < COUNT(paths); i++) {
        dp_model *opened = poison;
        REFUSED(dp_model_open(paths[i].path, NULL, &opened), paths[i].status, paths[i].path);
        ck_assert_ptr_null(opened);
        REFUSED(dp_model_verify(paths[i].path, NULL), paths[i].status, paths[i].path);
    }
}
END_TEST

/* A path that no message has room for is cut, not a reason to fail otherwise. */
START_TEST(long_paths_are_cut) {
    size_t length = 5000;
    char *path = must(malloc(length + 1), "memory");
    memset(path, 'x', length);
    path[length] = '\0';
    dp_model *opened = poison;
    REFUSED(dp_model_open(path, NULL, &opened), DP_ERR_IO, "xxxxxxxx");
    ck_assert_ptr_null(opened);
    ck_assert_uint_lt(strlen(dp_last_message()), 512);
    free(path);
}
END_TEST

START_TEST(bytes_that_are_no_model_are_refused) {
    static const char text[] = "This is a letter, not a model.";
    for (size_t size = 0; size < sizeof text; size++) {
        uint8_t *bytes = must(malloc(size + 1), "memory");
        memcpy(bytes + 1, text, size);
        dp_model *opened = poison;
        dp_status status = dp_model_open_memory(bytes + 1, size, NULL, &opened);
        ck_assert_int_eq(status, DP_ERR_FORMAT);
        ck_assert_ptr_null(opened);
        ck_assert_str_ne(dp_last_message(), "");
        free(bytes);
    }
}
END_TEST

START_TEST(memory_of_any_alignment_is_taken) {
    size_t size;
    uint8_t *bytes = read_golden(SMALL_MODEL, &size);
    for (size_t shift = 0; shift < 9; shift++) {
        uint8_t *moved = must(malloc(size + shift), "memory");
        dp_model *opened = NULL;
        memcpy(moved + shift, bytes, size);
        ck_assert_int_eq(dp_model_open_memory(moved + shift, size, NULL, &opened), DP_OK);
        dp_session *other = new_session(opened, 1);
        answer got = classify(other, &clip.clip);
        ck_assert(same_bits(&got, &expected));
        dp_session_destroy(other);
        dp_model_close(opened);
        free(moved);
    }
    free(bytes);
}
END_TEST

START_TEST(unknown_cpu_bits_are_ignored) {
    static const uint32_t masks[] = {0,           DP_CPU_AVX2, DP_CPU_AVX512, DP_CPU_VNNI,
                                     DP_CPU_BF16, DP_CPU_AMX,  DP_CPU_ALL,    1U << 31};
    for (size_t i = 0; i < COUNT(masks); i++) {
        dp_model_options options;
        dp_model_options_default(&options);
        options.cpu_mask = masks[i];
        dp_model *opened = NULL;
        dp_model_info info;
        dp_model_info_default(&info);
        ck_assert_int_eq(dp_model_open(find_golden(SMALL_MODEL).text, &options, &opened), DP_OK);
        ck_assert_int_eq(dp_model_get_info(opened, &info), DP_OK);
        ck_assert((masks[i] & DP_CPU_AVX2) != 0 || strcmp(info.kernels, "c") == 0);
        dp_model_close(opened);
    }
}
END_TEST

/* ---- precision ---- */

static dp_status open_in(int32_t precision, uint32_t cpu_mask, int32_t unfused, dp_model **opened) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = precision;
    options.cpu_mask = cpu_mask;
    options.unfused = unfused;
    *opened = poison;
    return dp_model_open(find_golden(SMALL_MODEL).text, &options, opened);
}

START_TEST(precisions_are_checked) {
    static const int32_t wrong[] = {-1, DP_PRECISION_AUTO + 1, 32, 256, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char text[64];
        dp_model *opened;
        (void)snprintf(text, sizeof text, "dp_model_options: precision is %d,", (int)wrong[i]);
        REFUSED(open_in(wrong[i], DP_CPU_ALL, 0, &opened), DP_ERR_ARGUMENT, text);
        ck_assert_ptr_null(opened);
        REFUSED(open_in(wrong[i], DP_CPU_ALL, 1, &opened), DP_ERR_ARGUMENT, text);
    }
}
END_TEST

START_TEST(unfused_models_are_f32) {
    for (int32_t precision = DP_PRECISION_F32; precision <= DP_PRECISION_AUTO; precision++) {
        dp_model *opened;
        dp_model_info info;
        dp_model_info_default(&info);
        dp_status status = open_in(precision, DP_CPU_ALL, 1, &opened);
        if (precision == DP_PRECISION_BF16 || precision == DP_PRECISION_INT8) {
            REFUSED(status, DP_ERR_ARGUMENT, "unfused models are f32 only");
            ck_assert_ptr_null(opened);
        } else {
            ck_assert_int_eq(status, DP_OK);
            ck_assert_int_eq(dp_model_get_info(opened, &info), DP_OK);
            ck_assert_str_eq(info.precision, "f32");
            ck_assert_str_eq(info.kernels, dp_kernels_choose(DP_CPU_ALL)->name);
            dp_model_close(opened);
        }
    }
}
END_TEST

START_TEST(info_is_about_the_precision) {
    for (uint32_t i = 0; i < 128; i++) {
        uint32_t mask = i < 64 ? i : (i - 64) * DP_CPU_NEON;
        for (int32_t asked = DP_PRECISION_F32; asked <= DP_PRECISION_AUTO; asked++) {
            dp_precision used =
                asked == DP_PRECISION_AUTO ? dp_precision_auto(mask) : (dp_precision)asked;
            dp_model *opened;
            dp_model_info info;
            dp_model_info_default(&info);
            ck_assert_int_eq(open_in(asked, mask, 0, &opened), DP_OK);
            ck_assert_int_eq(dp_model_get_info(opened, &info), DP_OK);
            ck_assert_str_eq(info.precision, dp_precision_name(used));
            ck_assert_str_eq(info.kernels, dp_product_choose(used, mask)->name);
            const char *last = strrchr(info.description, ' ');
            ck_assert_ptr_nonnull(last);
            ck_assert_str_eq(last + 1, info.precision);
            dp_model_close(opened);
        }
    }
}
END_TEST

/* With plain C, whose panels are the same in all precisions but for the size of their numbers. */
START_TEST(rounded_models_are_smaller) {
    int64_t bytes[DP_PRECISION_AUTO];
    for (int32_t precision = DP_PRECISION_F32; precision < DP_PRECISION_AUTO; precision++) {
        dp_model *opened;
        dp_model_info info;
        dp_model_info_default(&info);
        ck_assert_int_eq(open_in(precision, 0, 0, &opened), DP_OK);
        ck_assert_int_eq(dp_model_get_info(opened, &info), DP_OK);
        bytes[precision] = info.weight_bytes;
        dp_model_close(opened);
    }
    ck_assert(bytes[DP_PRECISION_F32] > bytes[DP_PRECISION_BF16]);
    ck_assert(bytes[DP_PRECISION_BF16] > bytes[DP_PRECISION_INT8]);
}
END_TEST

/* ---- files whose tensors were spoilt ---- */

/* A golden file in memory, and a tensor in it whose bytes may be written to. */
typedef struct spoilt_file {
    uint8_t *bytes, *tensor;
    size_t size, tensor_size;
} spoilt_file;

static spoilt_file find_tensor(const char *name) {
    spoilt_file file = {0};
    dp_message message;
    dp_gguf gguf;
    file.bytes = read_golden(SMALL_MODEL, &file.size);
    ck_assert_int_eq(dp_gguf_parse(file.bytes, file.size, NULL, &gguf, &message), DP_OK);
    const dp_tensor *tensor = dp_gguf_tensor(&gguf, name);
    ck_assert_ptr_nonnull(tensor);
    file.tensor = file.bytes + (tensor->data - file.bytes);
    file.tensor_size = tensor->bytes;
    dp_gguf_free(&gguf);
    return file;
}

/* As a file has it, on any machine. */
static void put_float(uint8_t *bytes, float value) {
    gguf_bytes four = {0};
    gguf_put_f32(&four, value);
    memcpy(bytes, four.bytes, four.size);
    gguf_free(&four);
}

/* All values of a tensor become this. */
static spoilt_file fill_tensor(const char *name, float value) {
    spoilt_file file = find_tensor(name);
    for (size_t i = 0; i < file.tensor_size; i += sizeof value) {
        put_float(file.tensor + i, value);
    }
    return file;
}

static void write_file(const char *path, const spoilt_file *file) {
    FILE *stream = must(fopen(path, "wb"), path);
    ck_assert_uint_eq(fwrite(file->bytes, 1, file->size, stream), file->size);
    ck_assert_int_eq(fclose(stream), 0);
}

START_TEST(verifying_finds_a_flipped_bit) {
    char path[] = P_tmpdir "/dualpath-XXXXXX";
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    (void)close(descriptor);
    spoilt_file file = find_tensor("class_token");
    write_file(path, &file);
    ck_assert_int_eq(dp_model_verify(path, NULL), DP_OK);
    file.tensor[1] ^= 4;
    write_file(path, &file);
    REFUSED(dp_model_verify(path, NULL), DP_ERR_CHECKSUM, "class_token");
    dp_model_options options;
    dp_model_options_default(&options);
    dp_model *opened = NULL;
    ck_assert_int_eq(dp_model_open(path, &options, &opened), DP_OK);
    dp_model_close(opened);
    options.verify = 1;
    opened = poison;
    REFUSED(dp_model_open(path, &options, &opened), DP_ERR_CHECKSUM, "class_token");
    ck_assert_ptr_null(opened);
    (void)unlink(path);
    free(file.bytes);
}
END_TEST

/* The key of the checksums gets another name, so that the file has none. */
START_TEST(verifying_needs_checksums) {
    static const char key[] = "dualpath.tensor_crc32";
    size_t size;
    uint8_t *bytes = read_golden(SMALL_MODEL, &size);
    size_t at = 0;
    while (memcmp(bytes + at, key, sizeof key - 1) != 0) {
        at++;
        ck_assert_uint_lt(at + sizeof key, size);
    }
    bytes[at]++;
    dp_model_options options;
    dp_model_options_default(&options);
    options.verify = 1;
    dp_model *opened = poison;
    REFUSED(dp_model_open_memory(bytes, size, &options, &opened), DP_ERR_UNSUPPORTED, key);
    ck_assert_ptr_null(opened);
    options.verify = 0;
    ck_assert_int_eq(dp_model_open_memory(bytes, size, &options, &opened), DP_OK);
    dp_model_close(opened);
    free(bytes);
}
END_TEST

/* ---- asking a model ---- */

START_TEST(info_is_about_the_model) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    ck_assert_str_eq(info.name, "crops-first");
    ck_assert_str_eq(info.precision, "f32");
    ck_assert_str_eq(info.file_type, "f32");
    ck_assert_ptr_nonnull(strstr(info.description, "16 frames"));
    ck_assert(info.input_size == 16 && info.patch_size == 4 && info.width == 16);
    ck_assert(info.heads == 2 && info.blocks == 1 && info.classes == 3);
    ck_assert(info.frames == 16 && info.spatial_frames == 8 && info.grid == 4);
    ck_assert(info.framesets == 1 && info.sampling_rate == 4 && info.feature_size == 16);
    ck_assert(info.adapter_width > 0 && info.macs > 0 && info.weight_bytes > 0);
    ck_assert(info.parameters > info.adapter_parameters && info.adapter_parameters > 0);
    for (size_t c = 0; c < 3; c++) {
        ck_assert(info.mean[c] > 0 && info.mean[c] < 1 && info.std[c] > 0 && info.std[c] < 1);
    }
}
END_TEST

START_TEST(asking_needs_its_arguments) {
    dp_model_info info;
    dp_model_info_default(&info);
    REFUSED(dp_model_get_info(NULL, &info), DP_ERR_ARGUMENT, "model is NULL");
    REFUSED(dp_model_get_info(model, NULL), DP_ERR_ARGUMENT, "info is NULL");
    ck_assert_ptr_null(dp_model_label(NULL, 0));
}
END_TEST

START_TEST(labels_belong_to_classes) {
    dp_model *labelled = open_golden(LABELLED_MODEL);
    dp_model *headless = open_golden(FEATURES_MODEL);
    ck_assert_str_eq(dp_model_label(labelled, 0), "bow");
    for (int32_t i = 0; i < 3; i++) {
        ck_assert_str_ne(dp_model_label(labelled, i), "");
        ck_assert_str_eq(dp_model_label(model, i), "");
    }
    static const int32_t others[] = {3, 4, INT32_MAX, -1, INT32_MIN};
    for (size_t i = 0; i < COUNT(others); i++) {
        ck_assert_ptr_null(dp_model_label(labelled, others[i]));
        ck_assert_ptr_null(dp_model_label(model, others[i]));
        ck_assert_ptr_null(dp_model_label(headless, others[i]));
    }
    ck_assert_ptr_null(dp_model_label(headless, 0));
    dp_model_close(labelled);
    dp_model_close(headless);
}
END_TEST

/* ---- sessions ---- */

START_TEST(sessions_need_their_arguments) {
    dp_session *created = poison;
    size_t bytes = 1;
    REFUSED(dp_session_create(NULL, NULL, &created), DP_ERR_ARGUMENT, "model is NULL");
    ck_assert_ptr_null(created);
    REFUSED(dp_session_create(model, NULL, NULL), DP_ERR_ARGUMENT, "session is NULL");
    REFUSED(dp_session_size(NULL, NULL, &bytes), DP_ERR_ARGUMENT, "model is NULL");
    ck_assert_uint_eq(bytes, 0);
    REFUSED(dp_session_size(model, NULL, NULL), DP_ERR_ARGUMENT, "size is NULL");
}
END_TEST

START_TEST(null_may_be_closed) {
    dp_model_close(NULL);
    dp_session_destroy(NULL);
    ck_assert_str_eq(dp_session_message(NULL), "");
    ck_assert_int_eq(dp_session_threads(NULL), 0);
}
END_TEST

START_TEST(thread_counts_are_checked) {
    static const int32_t wrong[] = {-1, 257, INT32_MAX, INT32_MIN};
    dp_session_options options;
    dp_session_options_default(&options);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char number[16];
        dp_session *created = poison;
        size_t bytes = 1;
        options.threads = wrong[i];
        (void)snprintf(number, sizeof number, "threads is %d", (int)wrong[i]);
        REFUSED(dp_session_create(model, &options, &created), DP_ERR_ARGUMENT, number);
        ck_assert_ptr_null(created);
        REFUSED(dp_session_size(model, &options, &bytes), DP_ERR_ARGUMENT, "0 .. 256");
        ck_assert_uint_eq(bytes, 0);
    }
    size_t before = 0;
    for (options.threads = 1; options.threads <= 256; options.threads++) {
        size_t bytes = 0;
        ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
        ck_assert_uint_gt(bytes, before);
        before = bytes;
    }
}
END_TEST

START_TEST(sessions_say_how_many_threads_they_have) {
    for (int threads = 1; threads <= 5; threads++) {
        dp_session *created = new_session(model, threads);
        ck_assert_int_eq(dp_session_threads(created), threads);
        dp_session_destroy(created);
    }
    dp_session *created = NULL;
    ck_assert_int_eq(dp_session_create(model, NULL, &created), DP_OK);
    ck_assert_int_ge(dp_session_threads(created), 1);
    dp_session_destroy(created);
}
END_TEST

static dp_session_options arena_options(void *arena, size_t size) {
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 1;
    options.arena = arena;
    options.arena_size = size;
    return options;
}

START_TEST(size_does_not_look_at_the_arena) {
    size_t plain = 0;
    size_t with_arena = 1;
    dp_session_options options = arena_options(NULL, 0);
    ck_assert_int_eq(dp_session_size(model, &options, &plain), DP_OK);
    options = arena_options((void *)(uintptr_t)1, 5);
    ck_assert_int_eq(dp_session_size(model, &options, &with_arena), DP_OK);
    ck_assert_uint_eq(plain, with_arena);
}
END_TEST

/* The arena ends at a page that must not be touched, and what is around it is watched. */
START_TEST(arenas_of_the_right_size_do) {
    size_t bytes = 0;
    dp_session_options options = arena_options(NULL, 0);
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    options = arena_options(guarded_bytes(bytes, 64), bytes);
    dp_session *created = NULL;
    ck_assert_int_eq(dp_session_create(model, &options, &created), DP_OK);
    answer got = classify(created, &clip.clip);
    ck_assert(same_bits(&got, &expected));
    dp_session_destroy(created);
    guarded_end();
}
END_TEST

/* At every size below, for sessions that hold all images (0) and for those that hold one (1). */
START_TEST(smaller_arenas_are_refused) {
    size_t bytes = 0;
    dp_session_options options = arena_options(NULL, 0);
    options.image_by_image = _i;
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    options.arena = guarded_bytes(bytes, 64);
    size_t step = unless_brief(1, 997);
    for (size_t less = 1; less <= bytes; less += step) {
        char number[64];
        dp_session *created = poison;
        options.arena_size = bytes - less;
        (void)snprintf(number, sizeof number, "has %zu bytes, the session needs %zu", bytes - less,
                       bytes);
        REFUSED(dp_session_create(model, &options, &created), DP_ERR_ARENA, number);
        ck_assert_ptr_null(created);
    }
    guarded_end();
}
END_TEST

START_TEST(arenas_must_be_aligned) {
    size_t bytes = 0;
    dp_session_options options = arena_options(NULL, 0);
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_OK);
    uint8_t *memory = guarded_bytes(bytes + 64, 64);
    for (size_t shift = 1; shift < 64; shift++) {
        dp_session *created = poison;
        options = arena_options(memory + shift, bytes);
        REFUSED(dp_session_create(model, &options, &created), DP_ERR_ARENA, "aligned to 64");
        ck_assert_ptr_null(created);
    }
    guarded_end();
}
END_TEST

/* ---- messages ---- */

static void *start_with_an_empty_message(void *unused) {
    (void)unused;
    dp_model *opened = NULL;
    ck_assert_str_eq(dp_last_message(), "");
    ck_assert_int_eq(dp_model_open("another thread's file", NULL, &opened), DP_ERR_IO);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "another thread's file"));
    return NULL;
}

START_TEST(each_thread_has_its_last_message) {
    pthread_t thread;
    dp_model *opened = NULL;
    REFUSED(dp_model_open("this thread's file", NULL, &opened), DP_ERR_IO, "this thread's file");
    ck_assert_int_eq(pthread_create(&thread, NULL, start_with_an_empty_message, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "this thread's file"));
}
END_TEST

START_TEST(last_message_stays_until_the_next_failure) {
    dp_model *opened = NULL;
    REFUSED(dp_model_open("first", NULL, &opened), DP_ERR_IO, "'first'");
    dp_model_close(open_golden(SMALL_MODEL));
    SESSION_REFUSED(dp_classify_clip(session, &clip.clip, NULL), DP_ERR_ARGUMENT, "result");
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "'first'"));
    REFUSED(dp_model_open("second", NULL, &opened), DP_ERR_IO, "'second'");
    ck_assert_ptr_null(strstr(dp_last_message(), "'first'"));
}
END_TEST

START_TEST(sessions_keep_their_own_message) {
    dp_session *other = new_session(model, 1);
    ck_assert_str_eq(dp_session_message(session), "");
    SESSION_REFUSED(dp_classify_clip(session, &clip.clip, NULL), DP_ERR_ARGUMENT, "NULL");
    ck_assert_str_eq(dp_session_message(other), "");
    ck_assert_str_ne(dp_session_message(session), "");
    dp_session_destroy(other);
    check_still_works(); /* the sentence is of the last call that failed */
    ck_assert_str_eq(dp_session_message(session), "the result is NULL");
}
END_TEST

/* ---- clips ---- */

static void check_empty(const dp_result *result) {
    ck_assert(result->logits == NULL && result->probabilities == NULL);
    ck_assert(result->feature_temporal == NULL && result->feature_spatial == NULL);
    ck_assert(result->classes == 0 && result->feature_size == 0 && result->macs == 0);
    ck_assert(result->timings.total_ms == 0 && result->timings.blocks_ms == 0);
}

/* The result of an earlier call is passed again: it must not survive. */
static void check_clip_refused(const dp_clip *wrong, dp_status status, const char *mentioned) {
    dp_result result;
    dp_result_default(&result);
    ck_assert_int_eq(dp_classify_clip(session, &clip.clip, &result), DP_OK);
    SESSION_REFUSED(dp_classify_clip(session, wrong, &result), status, mentioned);
    check_empty(&result);
    check_still_works();
}

START_TEST(classifying_needs_its_arguments) {
    dp_result result;
    dp_result_default(&result);
    REFUSED(dp_classify_clip(NULL, &clip.clip, &result), DP_ERR_ARGUMENT, "session is NULL");
    REFUSED(dp_classify_clip(NULL, NULL, NULL), DP_ERR_ARGUMENT, "session is NULL");
    SESSION_REFUSED(dp_classify_clip(session, &clip.clip, NULL), DP_ERR_ARGUMENT, "result is NULL");
    check_clip_refused(NULL, DP_ERR_ARGUMENT, "clip is NULL");
}
END_TEST

START_TEST(frame_counts_are_checked) {
    static const size_t wrong[] = {0, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / sizeof(dp_frame) + 1};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        dp_clip changed = clip.clip;
        changed.frame_count = wrong[i];
        check_clip_refused(&changed, DP_ERR_ARGUMENT, "frames");
    }
    dp_clip changed = clip.clip;
    changed.frames = NULL;
    check_clip_refused(&changed, DP_ERR_ARGUMENT, "no frames");
}
END_TEST

#define FIELD(name) offsetof(dp_clip, name)

static const struct {
    size_t field;
    int32_t value;
    const char *mentioned;
} wrong_numbers[] = {
    {FIELD(sampling), -1, "-1 is no dp_sampling"},
    {FIELD(sampling), 4, "4 is no dp_sampling"},
    {FIELD(sampling), INT32_MAX, "dp_sampling"},
    {FIELD(sampling), INT32_MIN, "dp_sampling"},
    {FIELD(rate), -1, "rate is -1, expected 0 .. 65536"},
    {FIELD(rate), 65537, "rate is 65537"},
    {FIELD(rate), INT32_MAX, "rate"},
    {FIELD(rate), INT32_MIN, "rate"},
    {FIELD(views), 0, "views is 0, expected 1 .. 256"},
    {FIELD(views), -1, "views is -1"},
    {FIELD(views), 257, "views is 257"},
    {FIELD(views), INT32_MAX, "views"},
    {FIELD(views), INT32_MIN, "views"},
    {FIELD(crops), 0, "crops is 0, expected 1 .. 64"},
    {FIELD(crops), -1, "crops is -1"},
    {FIELD(crops), 65, "crops is 65"},
    {FIELD(crops), INT32_MAX, "crops"},
    {FIELD(crops), INT32_MIN, "crops"},
};

START_TEST(numbers_of_a_clip_are_checked) {
    dp_clip changed = clip.clip;
    memcpy((uint8_t *)&changed + wrong_numbers[_i].field, &wrong_numbers[_i].value,
           sizeof wrong_numbers[_i].value);
    check_clip_refused(&changed, DP_ERR_ARGUMENT, wrong_numbers[_i].mentioned);
}
END_TEST

START_TEST(largest_numbers_of_a_clip_do) {
    dp_clip changed = clip.clip;
    changed.rate = 65536;
    changed.frame_count = 1;
    changed.views = (int32_t)unless_brief(DP_MAX_VIEWS, 1);
    changed.crops = (int32_t)unless_brief(1, DP_MAX_CROPS);
    dp_result result;
    dp_result_default(&result);
    ck_assert_int_eq(dp_classify_clip(session, &changed, &result), DP_OK);
    changed.views = 1;
    changed.crops = DP_MAX_CROPS;
    ck_assert_int_eq(dp_classify_clip(session, &changed, &result), DP_OK);
}
END_TEST

START_TEST(given_frames_are_exactly_as_many) {
    test_clip longer = make_clip(SMALL_FRAMES + 1, 3, 2);
    longer.clip.sampling = DP_SAMPLING_GIVEN;
    check_clip_refused(&longer.clip, DP_ERR_ARGUMENT, "exactly the model's 16 frames, not 17");
    longer.clip.frame_count = SMALL_FRAMES - 1;
    check_clip_refused(&longer.clip, DP_ERR_ARGUMENT, "exactly the model's 16 frames, not 15");
    longer.clip.frame_count = SMALL_FRAMES;
    longer.clip.views = 2;
    check_clip_refused(&longer.clip, DP_ERR_ARGUMENT, "one view, not 2");
    longer.clip.views = 1;
    ck_assert_uint_gt(classify(session, &longer.clip).count, 0);
    free_clip(&longer);
}
END_TEST

/* ---- frames ---- */

static const uint8_t samples[4096];

#define FRAME(format, color, width, height, p0, p1, p2, s0, s1, s2) \
    { {p0, p1, p2}, {s0, s1, s2}, width, height, format, color }
/* 8 x 6 unless it says otherwise; the planes of all formats fit. */
#define PACKED(format, width, height, stride) \
    FRAME(format, 0, width, height, samples, NULL, NULL, stride, 0, 0)
#define NV12(color, p0, p1, s0, s1) FRAME(DP_FORMAT_NV12, color, 8, 6, p0, p1, NULL, s0, s1, 0)
#define I420(color, p0, p1, p2, s0, s1, s2) \
    FRAME(DP_FORMAT_I420, color, 8, 6, p0, p1, p2, s0, s1, s2)
#define GARBAGE ((const uint8_t *)1)

static const struct {
    dp_frame frame;
    const char *mentioned;
} wrong_frames[] = {
    {PACKED(DP_FORMAT_RGB24, 0, 6, 24), "0 x 6"},
    {PACKED(DP_FORMAT_RGB24, 8, 0, 24), "8 x 0"},
    {PACKED(DP_FORMAT_RGB24, -1, 6, 24), "-1 x 6"},
    {PACKED(DP_FORMAT_RGB24, 8, -6, 24), "8 x -6"},
    {PACKED(DP_FORMAT_RGB24, INT32_MIN, 6, 24), "outside of 1 .. 65536"},
    {PACKED(DP_FORMAT_RGB24, 8, INT32_MIN, 24), "outside of 1 .. 65536"},
    {PACKED(DP_FORMAT_RGB24, 65537, 6, 1 << 20), "65537 x 6"},
    {PACKED(DP_FORMAT_RGB24, 8, 65537, 24), "8 x 65537"},
    {PACKED(DP_FORMAT_RGB24, INT32_MAX, INT32_MAX, 24), "outside of 1 .. 65536"},
    {PACKED(-1, 8, 6, 24), "-1 is no dp_format"},
    {PACKED(7, 8, 6, 32), "7 is no dp_format"},
    {PACKED(INT32_MAX, 8, 6, 32), "dp_format"},
    {PACKED(INT32_MIN, 8, 6, 32), "dp_format"},
    /* strides */
    {PACKED(DP_FORMAT_RGB24, 8, 6, 0), "stride of 0 bytes for rows of 24"},
    {PACKED(DP_FORMAT_RGB24, 8, 6, 23), "stride of 23 bytes"},
    {PACKED(DP_FORMAT_RGB24, 8, 6, -23), "stride of -23 bytes"},
    {PACKED(DP_FORMAT_BGR24, 8, 6, 23), "rows of 24"},
    {PACKED(DP_FORMAT_RGBA, 8, 6, 31), "rows of 32"},
    {PACKED(DP_FORMAT_BGRA, 8, 6, -31), "rows of 32"},
    {PACKED(DP_FORMAT_GRAY8, 8, 6, 7), "rows of 8"},
    {PACKED(DP_FORMAT_GRAY8, 8, 2, 7), "rows of 8"},
    {PACKED(DP_FORMAT_GRAY8, 8, 6, PTRDIFF_MAX), "more than"},
    {PACKED(DP_FORMAT_GRAY8, 8, 6, PTRDIFF_MIN), "more than"},
    {PACKED(DP_FORMAT_GRAY8, 8, 6, -PTRDIFF_MAX), "more than"},
    {PACKED(DP_FORMAT_GRAY8, 8, 6, PTRDIFF_MAX / 2), "more than"},
    {NV12(0, samples, samples, 7, 8), "plane 0 has a stride of 7 bytes for rows of 8"},
    {NV12(0, samples, samples, 8, 7), "plane 1 has a stride of 7 bytes for rows of 8"},
    {NV12(0, samples, samples, 8, PTRDIFF_MIN), "plane 1"},
    {I420(0, samples, samples, samples, 7, 4, 4), "plane 0 has a stride of 7 bytes"},
    {I420(0, samples, samples, samples, 8, 3, 4), "plane 1 has a stride of 3 bytes for rows of 4"},
    {I420(0, samples, samples, samples, 8, 4, -3), "plane 2 has a stride of -3 bytes"},
    {I420(0, samples, samples, samples, 8, 4, PTRDIFF_MAX), "plane 2"},
    /* planes */
    {FRAME(DP_FORMAT_RGB24, 0, 8, 6, NULL, NULL, NULL, 24, 0, 0), "plane 0 is NULL"},
    {FRAME(DP_FORMAT_BGR24, 0, 8, 6, NULL, samples, samples, 24, 0, 0), "plane 0 is NULL"},
    {FRAME(DP_FORMAT_RGBA, 0, 8, 6, NULL, NULL, NULL, 32, 0, 0), "plane 0 is NULL"},
    {FRAME(DP_FORMAT_BGRA, 0, 8, 6, NULL, NULL, NULL, 32, 0, 0), "plane 0 is NULL"},
    {FRAME(DP_FORMAT_GRAY8, 0, 8, 6, NULL, NULL, NULL, 8, 0, 0), "plane 0 is NULL"},
    {NV12(0, NULL, samples, 8, 8), "plane 0 is NULL"},
    {NV12(0, samples, NULL, 8, 8), "plane 1 is NULL"},
    {I420(0, NULL, samples, samples, 8, 4, 4), "plane 0 is NULL"},
    {I420(0, samples, NULL, samples, 8, 4, 4), "plane 1 is NULL"},
    {I420(0, samples, samples, NULL, 8, 4, 4), "plane 2 is NULL"},
    /* colours */
    {NV12(-1, samples, samples, 8, 8), "-1 is no dp_color"},
    {NV12(4, samples, samples, 8, 8), "4 is no dp_color"},
    {I420(INT32_MAX, samples, samples, samples, 8, 4, 4), "dp_color"},
    {I420(INT32_MIN, samples, samples, samples, 8, 4, 4), "dp_color"},
};

START_TEST(wrong_frames_are_named) {
    static const size_t places[] = {0, 5, SMALL_FRAMES - 1};
    dp_frame frames[SMALL_FRAMES];
    for (size_t i = 0; i < COUNT(places); i++) {
        char number[16];
        dp_clip changed = clip.clip;
        memcpy(frames, clip.frames, sizeof frames);
        frames[places[i]] = wrong_frames[_i].frame;
        changed.frames = frames;
        (void)snprintf(number, sizeof number, "frame %zu: ", places[i]);
        check_clip_refused(&changed, DP_ERR_FRAME, number);
        check_clip_refused(&changed, DP_ERR_FRAME, wrong_frames[_i].mentioned);
    }
}
END_TEST

/* Also frames that the model does not sample: a clip is sound as a whole or not at all. */
START_TEST(frames_beside_the_sample_are_checked) {
    dp_frame frames[SMALL_FRAMES + 1];
    dp_clip changed = clip.clip;
    memcpy(frames, clip.frames, SMALL_FRAMES * sizeof frames[0]);
    frames[SMALL_FRAMES] = clip.frames[0];
    frames[SMALL_FRAMES].width = 0;
    changed.frames = frames;
    changed.frame_count = SMALL_FRAMES + 1;
    check_clip_refused(&changed, DP_ERR_FRAME, "frame 16: ");
}
END_TEST

/* What is not used may be anything; a single row needs no stride. */
static const dp_frame odd_frames[] = {
    FRAME(DP_FORMAT_RGB24, 99, 8, 6, samples, GARBAGE, GARBAGE, 24, PTRDIFF_MIN, -1),
    FRAME(DP_FORMAT_GRAY8, INT32_MIN, 8, 6, samples, GARBAGE, NULL, 8, 1, PTRDIFF_MAX),
    FRAME(DP_FORMAT_NV12, 3, 8, 6, samples, samples, GARBAGE, 8, 8, PTRDIFF_MIN),
    PACKED(DP_FORMAT_GRAY8, 8, 1, 0),
    PACKED(DP_FORMAT_GRAY8, 8, 1, -3),
    PACKED(DP_FORMAT_GRAY8, 8, 1, -INT32_MAX),
    PACKED(DP_FORMAT_RGB24, 1, 1, 0),
    FRAME(DP_FORMAT_I420, 1, 1, 1, samples, samples, samples, 0, 0, 0),
    FRAME(DP_FORMAT_I420, 2, 8, 2, samples, samples, samples, 8, 0, 0),
    FRAME(DP_FORMAT_NV12, 3, 7, 1, samples, samples, NULL, 0, 0, 0),
    FRAME(DP_FORMAT_NV12, 3, 7, 5, samples, samples, NULL, 7, 8, 0),
};

START_TEST(odd_frames_do) {
    dp_frame frames[SMALL_FRAMES];
    dp_clip changed = clip.clip;
    memcpy(frames, clip.frames, sizeof frames);
    frames[3] = odd_frames[_i];
    changed.frames = frames;
    ck_assert_uint_gt(classify(session, &changed).count, 0);
    check_still_works();
}
END_TEST

START_TEST(rgb24_describes_packed_pixels) {
    dp_frame frame = dp_frame_rgb24(samples, 7, 5);
    ck_assert(frame.plane[0] == samples && frame.plane[1] == NULL && frame.plane[2] == NULL);
    ck_assert(frame.stride[0] == 21 && frame.width == 7 && frame.height == 5);
    ck_assert_int_eq(frame.format, DP_FORMAT_RGB24);
    static const int32_t sides[] = {0, -1, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < COUNT(sides); i++) {
        frame = dp_frame_rgb24(NULL, sides[i], sides[i]);
        ck_assert_int_eq(frame.width, sides[i]);
    }
}
END_TEST

/* ---- answers that are not numbers ---- */

START_TEST(overflow_is_not_an_answer) {
    spoilt_file file = fill_tensor("head.hidden.weight", FLT_MAX);
    dp_model *broken = NULL;
    ck_assert_int_eq(dp_model_open_memory(file.bytes, file.size, NULL, &broken), DP_OK);
    dp_session *asked = new_session(broken, 1);
    dp_result result;
    dp_prediction top;
    dp_result_default(&result);
    check_refused(dp_classify_clip(asked, &clip.clip, &result), DP_ERR_NUMERIC,
                  dp_session_message(asked), "not finite");
    check_empty(&result);
    ck_assert_int_eq(dp_session_top(asked, 1, &top), DP_ERR_ARGUMENT);
    dp_session_destroy(asked);
    dp_model_close(broken);
    free(file.bytes);
}
END_TEST

/* ---- the likeliest classes ---- */

START_TEST(top_needs_its_arguments) {
    dp_prediction top[4];
    static const int32_t counts[] = {0, -1, 4, INT32_MAX, INT32_MIN};
    REFUSED(dp_session_top(NULL, 1, top), DP_ERR_ARGUMENT, "session is NULL");
    SESSION_REFUSED(dp_session_top(session, 1, NULL), DP_ERR_ARGUMENT, "place");
    for (size_t i = 0; i < COUNT(counts); i++) {
        SESSION_REFUSED(dp_session_top(session, counts[i], top), DP_ERR_ARGUMENT,
                        "expected 1 .. 3");
    }
    check_still_works();
}
END_TEST

START_TEST(top_needs_a_result) {
    dp_session *fresh = new_session(model, 1);
    dp_prediction top;
    dp_status status = dp_session_top(fresh, 1, &top);
    check_refused(status, DP_ERR_ARGUMENT, dp_session_message(fresh), "no result");
    dp_session_destroy(fresh);
}
END_TEST

START_TEST(top_is_in_order) {
    dp_model *labelled = open_golden(LABELLED_MODEL);
    dp_session *asked = new_session(labelled, 1);
    dp_result result;
    dp_result_default(&result);
    ck_assert_int_eq(dp_classify_clip(asked, &clip.clip, &result), DP_OK);
    for (int32_t count = 1; count <= 3; count++) {
        dp_prediction top[4];
        memset(top, 0x77, sizeof top);
        top[count].index = 1234;
        ck_assert_int_eq(dp_session_top(asked, count, top), DP_OK);
        ck_assert_int_eq(top[count].index, 1234);
        for (int32_t i = 0; i < count; i++) {
            ck_assert(i == 0 || top[i].logit < top[i - 1].logit);
            ck_assert(top[i].logit == result.logits[top[i].index]);
            ck_assert(top[i].probability == result.probabilities[top[i].index]);
            ck_assert_ptr_eq(top[i].label, dp_model_label(labelled, top[i].index));
        }
        for (int32_t i = 0; i < 3; i++) {
            ck_assert(top[0].logit >= result.logits[i]);
        }
    }
    dp_session_destroy(asked);
    dp_model_close(labelled);
}
END_TEST

START_TEST(equal_classes_are_ordered_by_index) {
    spoilt_file file = fill_tensor("head.output.weight", 0.0F);
    const float bias[3] = {1.0F, 2.0F, 2.0F};
    dp_model *even = NULL;
    ck_assert_int_eq(dp_model_open_memory(file.bytes, file.size, NULL, &even), DP_OK);
    dp_model_close(even);
    spoilt_file other = find_tensor("head.output.bias");
    for (size_t i = 0; i < COUNT(bias); i++) {
        put_float(file.bytes + (other.tensor - other.bytes) + i * sizeof bias[0], bias[i]);
    }
    ck_assert_int_eq(dp_model_open_memory(file.bytes, file.size, NULL, &even), DP_OK);
    dp_session *asked = new_session(even, 1);
    ck_assert_uint_gt(classify(asked, &clip.clip).count, 0);
    static const int32_t order[] = {1, 2, 0};
    for (int32_t count = 1; count <= 3; count++) {
        dp_prediction top[3];
        ck_assert_int_eq(dp_session_top(asked, count, top), DP_OK);
        for (int32_t i = 0; i < count; i++) {
            ck_assert_int_eq(top[i].index, order[i]);
            ck_assert_str_eq(top[i].label, "");
        }
    }
    dp_session_destroy(asked);
    dp_model_close(even);
    free(other.bytes);
    free(file.bytes);
}
END_TEST

START_TEST(without_a_head_there_are_features_only) {
    dp_model *headless = open_golden(FEATURES_MODEL);
    dp_session *asked = new_session(headless, 1);
    dp_result result;
    dp_prediction top;
    dp_result_default(&result);
    ck_assert_int_eq(dp_classify_clip(asked, &clip.clip, &result), DP_OK);
    ck_assert(result.logits == NULL && result.probabilities == NULL && result.classes == 0);
    ck_assert(result.feature_temporal != NULL && result.feature_spatial != NULL);
    ck_assert_int_eq(result.feature_size, 16);
    dp_status status = dp_session_top(asked, 1, &top);
    check_refused(status, DP_ERR_NO_HEAD, dp_session_message(asked), "features only");
    dp_session_destroy(asked);
    dp_model_close(headless);
}
END_TEST

START_TEST(results_are_consistent) {
    dp_model_info info;
    dp_result result;
    dp_model_info_default(&info);
    dp_result_default(&result);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    dp_clip changed = clip.clip;
    changed.views = 2;
    changed.crops = 3;
    ck_assert_int_eq(dp_classify_clip(session, &changed, &result), DP_OK);
    ck_assert_int_eq(result.classes, info.classes);
    ck_assert_int_eq(result.feature_size, info.feature_size);
    ck_assert_int_eq(result.macs, 6 * info.macs);
    double sum = 0;
    double highest = fmax(fmax(result.logits[0], result.logits[1]), result.logits[2]);
    for (int i = 0; i < 3; i++) {
        sum += exp(result.logits[i] - highest);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(result.probabilities[i], exp(result.logits[i] - highest) / sum,
                                1e-6);
    }
    const dp_timings *ms = &result.timings;
    ck_assert(ms->frames_ms >= 0 && ms->patches_ms >= 0 && ms->blocks_ms >= 0 && ms->head_ms >= 0);
    ck_assert_double_ge(ms->total_ms + 1e-6,
                        ms->frames_ms + ms->patches_ms + ms->blocks_ms + ms->head_ms);
}
END_TEST

/* What a result points at is there until the next clip. */
START_TEST(results_stay_until_the_next_clip) {
    dp_result result;
    dp_prediction top[3];
    double gops;
    dp_result_default(&result);
    ck_assert_int_eq(dp_classify_clip(session, &clip.clip, &result), DP_OK);
    ck_assert_int_eq(dp_session_top(session, 3, top), DP_OK);
    ck_assert_int_eq(dp_session_top(session, 4, top), DP_ERR_ARGUMENT);
    ck_assert_int_eq(dp_session_peak(session, 1, &gops), DP_OK);
    answer kept = keep_answer(&result);
    ck_assert(same_bits(&kept, &expected));
}
END_TEST

/* ---- measuring ---- */

START_TEST(peak_needs_its_arguments) {
    static const double wrong[] = {0, 0.999, -5, 10000.1, HUGE_VAL, -HUGE_VAL};
    double gops = 0;
    REFUSED(dp_session_peak(NULL, 1, &gops), DP_ERR_ARGUMENT, "session is NULL");
    SESSION_REFUSED(dp_session_peak(session, 1, NULL), DP_ERR_ARGUMENT, "place");
    SESSION_REFUSED(dp_session_peak(session, NAN, &gops), DP_ERR_ARGUMENT, "1 .. 10000");
    for (size_t i = 0; i < COUNT(wrong); i++) {
        SESSION_REFUSED(dp_session_peak(session, wrong[i], &gops), DP_ERR_ARGUMENT, "1 .. 10000");
    }
    ck_assert_int_eq(dp_session_peak(session, 1, &gops), DP_OK);
    ck_assert_double_gt(gops, 0);
    check_still_works();
}
END_TEST

/* ---- the suite ---- */

static TCase *add_case(Suite *suite, const char *name) {
    TCase *made = tcase_create(name);
    tcase_add_checked_fixture(made, set_up, tear_down);
    tcase_set_timeout(made, 60);
    suite_add_tcase(suite, made);
    return made;
}

static void add_model_cases(Suite *suite) {
    TCase *opening = add_case(suite, "opening");
    tcase_add_test(opening, opening_needs_its_arguments);
    tcase_add_test(opening, wrong_options_leave_no_model);
    tcase_add_test(opening, allocators_need_both_functions);
    tcase_add_test(opening, paths_without_a_model_are_named);
    tcase_add_test(opening, long_paths_are_cut);
    tcase_add_test(opening, bytes_that_are_no_model_are_refused);
    tcase_add_test(opening, memory_of_any_alignment_is_taken);
    tcase_add_test(opening, unknown_cpu_bits_are_ignored);
    tcase_add_test(opening, precisions_are_checked);
    tcase_add_test(opening, unfused_models_are_f32);
    tcase_add_test(opening, info_is_about_the_precision);
    tcase_add_test(opening, rounded_models_are_smaller);
    tcase_add_test(opening, verifying_finds_a_flipped_bit);
    tcase_add_test(opening, verifying_needs_checksums);

    TCase *asking = add_case(suite, "asking");
    tcase_add_test(asking, info_is_about_the_model);
    tcase_add_test(asking, asking_needs_its_arguments);
    tcase_add_test(asking, labels_belong_to_classes);
}

static void add_session_cases(Suite *suite) {
    TCase *sessions = add_case(suite, "sessions");
    tcase_add_test(sessions, sessions_need_their_arguments);
    tcase_add_test(sessions, null_may_be_closed);
    tcase_add_test(sessions, thread_counts_are_checked);
    tcase_add_test(sessions, sessions_say_how_many_threads_they_have);
    tcase_add_test(sessions, peak_needs_its_arguments);

    TCase *arenas = add_case(suite, "arenas");
    tcase_add_test(arenas, size_does_not_look_at_the_arena);
    tcase_add_test(arenas, arenas_of_the_right_size_do);
    tcase_add_loop_test(arenas, smaller_arenas_are_refused, 0, 2);
    tcase_add_test(arenas, arenas_must_be_aligned);

    TCase *messages = add_case(suite, "messages");
    tcase_add_test(messages, each_thread_has_its_last_message);
    tcase_add_test(messages, last_message_stays_until_the_next_failure);
    tcase_add_test(messages, sessions_keep_their_own_message);
}

static void add_clip_cases(Suite *suite) {
    TCase *clips = add_case(suite, "clips");
    tcase_add_test(clips, classifying_needs_its_arguments);
    tcase_add_test(clips, frame_counts_are_checked);
    tcase_add_loop_test(clips, numbers_of_a_clip_are_checked, 0, (int)COUNT(wrong_numbers));
    tcase_add_test(clips, largest_numbers_of_a_clip_do);
    tcase_add_test(clips, given_frames_are_exactly_as_many);

    TCase *frames = add_case(suite, "frames");
    tcase_add_loop_test(frames, wrong_frames_are_named, 0, (int)COUNT(wrong_frames));
    tcase_add_test(frames, frames_beside_the_sample_are_checked);
    tcase_add_loop_test(frames, odd_frames_do, 0, (int)COUNT(odd_frames));
    tcase_add_test(frames, rgb24_describes_packed_pixels);

    TCase *results = add_case(suite, "results");
    tcase_add_test(results, overflow_is_not_an_answer);
    tcase_add_test(results, top_needs_its_arguments);
    tcase_add_test(results, top_needs_a_result);
    tcase_add_test(results, top_is_in_order);
    tcase_add_test(results, equal_classes_are_ordered_by_index);
    tcase_add_test(results, without_a_head_there_are_features_only);
    tcase_add_test(results, results_are_consistent);
    tcase_add_test(results, results_stay_until_the_next_clip);
}

static Suite *api_suite(void) {
    Suite *suite = suite_create("api");
    TCase *names = add_case(suite, "names");
    tcase_add_test(names, versions_agree);
    tcase_add_test(names, statuses_have_names);

    TCase *sizes = add_case(suite, "structs");
    tcase_add_loop_test(sizes, struct_sizes_are_checked, 0, (int)COUNT(structs));
    tcase_add_loop_test(sizes, reserved_fields_must_be_zero, 0, (int)COUNT(structs));
    tcase_add_loop_test(sizes, initialisers_take_null, 0, (int)COUNT(structs));
    tcase_add_test(sizes, defaults_are_as_documented);

    add_model_cases(suite);
    add_session_cases(suite);
    add_clip_cases(suite);
    return suite;
}

int main(void) {
    random_seed("test_api");
    SRunner *runner = srunner_create(api_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
