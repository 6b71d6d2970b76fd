/*
 * The contract of dualpath.h: opening, verifying and asking models, as a caller sees it who gets
 * things wrong. Each call is refused with its status and a sentence that names what was wrong, and
 * outputs are empty.
 */
#define _XOPEN_SOURCE 700 /* P_tmpdir, mkstemp() */
#include "api_fixture.h"
#include "gemm/gemm.h"
#include "isa/isa.h" /* only to know what is chosen */
#include "spoilt_model.h"

#include <unistd.h>

/* ---- opening ---- */

START_TEST(opening_needs_its_arguments) {
    dp_model *opened = poison;
    const dp_reader none = {.read = NULL};
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
    REFUSED(dp_model_verify_memory(NULL, 100, NULL), DP_ERR_ARGUMENT, "bytes");
    REFUSED(dp_model_verify_reader(NULL, NULL), DP_ERR_ARGUMENT, "callback");
    REFUSED(dp_model_verify_reader(&none, NULL), DP_ERR_ARGUMENT, "callback");
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
    const dp_reader reader = {.read = read_nothing};
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
    REFUSED(dp_model_verify_memory(bytes, size, &options), DP_ERR_ARGUMENT, "struct_size is 3");
    REFUSED(dp_model_verify_reader(&reader, &options), DP_ERR_ARGUMENT, "struct_size is 3");
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
        {.user = NULL}, {.allocate = no_memory}, {.release = no_release}};
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

/* What compress makes begins as gzip does, and no zlib reads it. */
START_TEST(other_compressed_files_are_no_gzip) {
    static const char bytes[] = "\x1f\x9d\x90GGUF";
    dp_model *opened = poison;
    REFUSED(dp_model_open_memory(bytes, sizeof bytes, NULL, &opened), DP_ERR_FORMAT,
            "not a GGUF file");
    ck_assert_ptr_null(opened);
}
END_TEST

#if defined(DP_NO_ZLIB)

START_TEST(gzip_files_need_zlib) {
    static const char bytes[] = "\x1f\x8b\x08";
    dp_model *opened = poison;
    REFUSED(dp_model_open_memory(bytes, sizeof bytes, NULL, &opened), DP_ERR_UNSUPPORTED,
            "this build has no zlib");
    ck_assert_ptr_null(opened);
}
END_TEST

#endif

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
            ck_assert_int_eq(info.precision, DP_PRECISION_F32);
            ck_assert_str_eq(info.kernels, dpi_kernels_choose(DP_CPU_ALL)->name);
            dp_model_close(opened);
        }
    }
}
END_TEST

START_TEST(info_is_about_the_precision) {
    for (uint32_t i = 0; i < 128; i++) {
        uint32_t mask = i < 64 ? i : (i - 64) * DP_CPU_NEON;
        mask &= dpi_amx_request() ? DP_CPU_ALL : ~DP_CPU_AMX;
        for (int32_t asked = DP_PRECISION_F32; asked <= DP_PRECISION_AUTO; asked++) {
            dp_precision used =
                asked == DP_PRECISION_AUTO ? dpi_precision_auto(mask) : (dp_precision)asked;
            dp_model *opened;
            dp_model_info info;
            dp_model_info_default(&info);
            ck_assert_int_eq(open_in(asked, mask, 0, &opened), DP_OK);
            ck_assert_int_eq(dp_model_get_info(opened, &info), DP_OK);
            ck_assert_int_eq(info.precision, used);
            ck_assert_str_eq(info.kernels, dpi_gemm_choose(used, mask)->name);
            const char *last = strrchr(info.description, ' ');
            ck_assert_ptr_nonnull(last);
            ck_assert_str_eq(last + 1, dp_precision_name(info.precision));
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

static void write_file(const char *path, const spoilt_file *file) {
    FILE *stream = must(fopen(path, "wb"), path);
    ck_assert_uint_eq(fwrite(file->bytes, 1, file->size, stream), file->size);
    ck_assert_int_eq(fclose(stream), 0);
}

/* Hands out pieces of odd sizes. */
static int64_t read_spoilt(void *user, uint64_t offset, void *buffer, size_t size) {
    const spoilt_file *from = user;
    size_t left = from->size - (size_t)offset;
    size_t count = left < 4093 ? left : 4093;
    count = count < size ? count : size;
    memcpy(buffer, from->bytes + offset, count);
    return (int64_t)count;
}

static int64_t read_and_fail(void *user, uint64_t offset, void *buffer, size_t size) {
    return offset < 5000 ? read_spoilt(user, offset, buffer, size) : -1;
}

START_TEST(every_source_is_verified) {
    spoilt_file file = find_golden_tensor("class_token");
    dp_reader reader = {.read = read_spoilt, .user = &file};
    ck_assert_int_eq(dp_model_verify_memory(file.bytes, file.size, NULL), DP_OK);
    ck_assert_int_eq(dp_model_verify_reader(&reader, NULL), DP_OK);
    REFUSED(dp_model_verify_memory(file.bytes, file.size / 2, NULL), DP_ERR_FORMAT, "end");
    file.tensor[1] ^= 4;
    REFUSED(dp_model_verify_memory(file.bytes, file.size, NULL), DP_ERR_CHECKSUM, "class_token");
    REFUSED(dp_model_verify_reader(&reader, NULL), DP_ERR_CHECKSUM, "class_token");
    reader.read = read_and_fail;
    REFUSED(dp_model_verify_reader(&reader, NULL), DP_ERR_IO, "read callback");
    file.bytes[0] = 'X';
    REFUSED(dp_model_verify_memory(file.bytes, file.size, NULL), DP_ERR_FORMAT, "not a GGUF file");
    free(file.bytes);
}
END_TEST

START_TEST(verifying_finds_a_flipped_bit) {
    char path[] = P_tmpdir "/dualpath-XXXXXX";
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    (void)close(descriptor);
    spoilt_file file = find_golden_tensor("class_token");
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
    REFUSED(dp_model_verify_memory(bytes, size, NULL), DP_ERR_UNSUPPORTED, key);
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
    ck_assert_int_eq(info.precision, DP_PRECISION_F32);
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

static Suite *opening_suite(void) {
    Suite *suite = suite_create("api_opening");
    TCase *opening = add_case(suite, "opening", 60, set_up, tear_down);
    tcase_add_test(opening, opening_needs_its_arguments);
    tcase_add_test(opening, wrong_options_leave_no_model);
    tcase_add_test(opening, allocators_need_both_functions);
    tcase_add_test(opening, paths_without_a_model_are_named);
    tcase_add_test(opening, long_paths_are_cut);
    tcase_add_test(opening, bytes_that_are_no_model_are_refused);
    tcase_add_test(opening, other_compressed_files_are_no_gzip);
#if defined(DP_NO_ZLIB)
    tcase_add_test(opening, gzip_files_need_zlib);
#endif
    tcase_add_test(opening, memory_of_any_alignment_is_taken);
    tcase_add_test(opening, unknown_cpu_bits_are_ignored);
    tcase_add_test(opening, precisions_are_checked);
    tcase_add_test(opening, unfused_models_are_f32);
    tcase_add_test(opening, info_is_about_the_precision);
    tcase_add_test(opening, rounded_models_are_smaller);
    tcase_add_test(opening, every_source_is_verified);
    tcase_add_test(opening, verifying_finds_a_flipped_bit);
    tcase_add_test(opening, verifying_needs_checksums);

    TCase *asking = add_case(suite, "asking", 60, set_up, tear_down);
    tcase_add_test(asking, info_is_about_the_model);
    tcase_add_test(asking, asking_needs_its_arguments);
    tcase_add_test(asking, labels_belong_to_classes);
    return suite;
}

int main(void) {
    random_seed("test_api_opening");
    return run_suite(opening_suite());
}
