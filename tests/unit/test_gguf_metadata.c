/*
 * lib/model's reader of weight files, header and metadata: counts, lengths, types and keys are
 * checked before anything is believed, and getters insist on what they were asked for.
 */
#define _POSIX_C_SOURCE 200809L /* posix_memalign() */
#include "gguf_samples.h"
#include "test_allocator.h"

#include <math.h>

/* ---- headers ---- */

START_TEST(other_files_are_refused) {
    static const struct {
        const char *bytes;
        size_t size;
        const char *words;
    } files[] = {
        {"", 0, "not a GGUF file"},
        {"GGU", 3, "not a GGUF file|'GGU'"},
        {"what it is, nobody knows", 24, "not a GGUF file|'what'"},
        {"PK\3", 3, "'PK?'"},
        {"GGUF", 4, "header|4 bytes"},
        {"GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 23, "header|23 bytes"},
        {"GGUF\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, "big-endian"},
        {"GGUF\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, "version 2|version 3"},
        {"GGUF\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, "version 4|version 3"},
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        refuse((const uint8_t *)files[i].bytes, files[i].size, DP_ERR_FORMAT, files[i].words);
    }
}
END_TEST

/* What people have instead of a weight file, and the word that helps. */
START_TEST(other_files_are_named) {
    static const struct {
        char bytes[48];
        const char *words;
    } files[] = {
        {"PK\3\4", "a ZIP archive such as torch.save() writes|dualpath-convert"},
        {"1234\0\0\0\0{\"a\": ", "a safetensors file|dualpath-convert"},
        {"\x80\2\x8a\nl\xfc", "a pickle|torch.save()|dualpath-convert"},
        {"\x80\4\x95", "a pickle|torch.save()|dualpath-convert"},
        {"\x08\x07\x12\x07pytorch", "an ONNX model|dualpath-convert"},
        {"\x89HDF\r\n\x1a\n", "an HDF5 file|dualpath-convert"},
        {"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer|git lfs pull"},
        {"<!DOCTYPE html>", "a page of HTML|download"},
        {"<!doctype html>", "a page of HTML|download"},
        {"<html>", "a page of HTML|download"},
        {"\x7f"
         "ELF\2\1",
         "a program or a library"},
        {"BZh9", "compressed with bzip2|unpack"},
        {"\xfd"
         "7zXZ",
         "compressed with xz|unpack"},
        {"\x28\xb5\x2f\xfd", "compressed with zstd|unpack"},
        {"\x89PNG\r\n\x1a\n", "a PNG picture|clip"},
        {"\xff\xd8\xff\xe0", "a JPEG picture|clip"},
        {"\0\0\0\x18"
         "ftypmp42",
         "an MP4 video|clip"},
        {"\x1a\x45\xdf\xa3", "a Matroska or WebM video|clip"},
        {"YUV4MPEG2 W4 H4\n", "a Y4M video|clip"},
        {"\x93NUMPY\1", "a NumPy array|clip"},
    };
    uint8_t file[262];
    for (size_t i = 0; i < COUNT(files); i++) {
        memset(file, 0, sizeof file);
        memcpy(file, files[i].bytes, sizeof files[i].bytes);
        refuse(file, sizeof file, DP_ERR_FORMAT, files[i].words);
    }
    memset(file, 0, sizeof file);
    memcpy(file + 257, "ustar", 5);
    refuse(file, sizeof file, DP_ERR_FORMAT, "a tar archive|unpack");
    refuse(file, sizeof file - 1, DP_ERR_FORMAT, "it begins with|instead of 'GGUF'");
}
END_TEST

/* A header with any counts in front of `size` zeros. */
static uint8_t *header_with(uint64_t tensors, uint64_t entries, size_t size) {
    gguf_bytes bytes = {0};
    static const uint8_t zero;
    gguf_put(&bytes, "GGUF", 4);
    gguf_put_u32(&bytes, 3);
    gguf_put_u64(&bytes, tensors);
    gguf_put_u64(&bytes, entries);
    while (bytes.size < size) {
        gguf_put(&bytes, &zero, 1);
    }
    return bytes.bytes;
}

START_TEST(counts_are_bounded_before_anything_is_allocated) {
    static const struct {
        uint64_t tensors, entries;
        size_t size;
        const char *words;
    } cases[] = {
        {UINT64_MAX, 0, 24, "18446744073709551615 tensors|65536"},
        {0, UINT64_MAX, 24, "18446744073709551615 metadata entries|4096"},
        {65537, 0, 4000000, "65537 tensors|65536"},
        {0, 4097, 4000000, "4097 metadata entries|4096"},
        {(uint64_t)1 << 63, 0, 24, "tensors"},
        {65536, 0, 24 + 65536 * 33 - 1, "65536 tensors|too short"},
        {0, 4096, 24 + 4096 * 14 - 1, "4096 metadata entries|too short"},
        {1, 0, 24, "1 tensors|too short"},
        {0, 1, 24, "1 metadata entries|too short"},
    };
    test_allocator counting;
    test_allocator_init(&counting);
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t *bytes = header_with(cases[i].tensors, cases[i].entries, cases[i].size);
        refuse(bytes, cases[i].size, DP_ERR_FORMAT, cases[i].words);
        dpi_gguf gguf;
        (void)dpi_gguf_parse(bytes, cases[i].size, &counting.allocator, &gguf, &message);
        ck_assert_uint_eq(counting.calls, 0);
        free(bytes);
    }
}
END_TEST

/* ---- metadata ---- */

/* A file with one entry, made of bytes as they stand. */
static void refuse_entry(const gguf_bytes *entry, const char *words) {
    gguf_builder builder = {0};
    gguf_put(&builder.metadata, entry->bytes, entry->size);
    builder.entries = 1;
    refuse_built(&builder, words);
}

static void refuse_value(uint32_t type, const void *bytes, size_t size, const char *words) {
    gguf_builder builder = {0};
    gguf_add_value(&builder, "test.key", type, bytes, size);
    refuse_built(&builder, words);
}

START_TEST(keys_are_bounded) {
    static const uint64_t lengths[] = {65536, (uint64_t)1 << 32, UINT64_MAX};
    gguf_bytes entry = {0};
    gguf_put_u64(&entry, 0);
    gguf_put_u32(&entry, GGUF_U32);
    gguf_put_u32(&entry, 1);
    refuse_entry(&entry, "metadata entry 0|empty");
    for (size_t i = 0; i < COUNT(lengths); i++) {
        entry.size = 0;
        gguf_put_u64(&entry, lengths[i]);
        gguf_put(&entry, "padding", 7);
        refuse_entry(&entry, "metadata entry 0|65535 bytes");
    }
    entry.size = 0;
    gguf_put_u64(&entry, 65535);
    gguf_put(&entry, "padding", 7);
    refuse_entry(&entry, "metadata entry 0|ends");
    gguf_free(&entry);
}
END_TEST

START_TEST(a_key_may_be_long) {
    static char key[65536];
    memset(key, 'k', 65535);
    gguf_builder builder = {0};
    gguf_add_u32(&builder, key, 5);
    uint8_t *bytes;
    dpi_gguf gguf = accept_built(&builder, &bytes);
    uint32_t number = 0;
    ck_assert_int_eq(dpi_gguf_u32(&gguf, key, true, 0, 9, &number, &message), DP_OK);
    ck_assert_uint_eq(number, 5);
    dpi_gguf_free(&gguf);
    free(bytes);
}
END_TEST

START_TEST(keys_are_unique) {
    gguf_builder builder = {0};
    add_metadata(&builder);
    gguf_add_u32(&builder, "test.means", 1);
    refuse_built(&builder, "'test.means'|more than once");
    gguf_add_u32(&builder, "general.alignment", 32);
    add_metadata(&builder);
    gguf_add_u32(&builder, "general.alignment", 64);
    refuse_built(&builder, "'general.alignment'|more than once");
}
END_TEST

START_TEST(unknown_value_types_are_refused) {
    static const uint32_t types[] = {13, 255, UINT32_MAX};
    for (size_t i = 0; i < COUNT(types); i++) {
        char words[64];
        gguf_bytes array = {0};
        (void)snprintf(words, sizeof words, "'test.key'|type %u", types[i]);
        refuse_value(types[i], "\0\0\0\0\0\0\0\0", 8, words);
        gguf_put_u32(&array, types[i]);
        gguf_put_u64(&array, 0);
        refuse_value(GGUF_ARRAY, array.bytes, array.size, words);
        gguf_free(&array);
    }
}
END_TEST

START_TEST(booleans_are_0_or_1) {
    refuse_value(GGUF_BOOL, "\2", 1, "'test.key'|neither 0 nor 1");
    refuse_value(GGUF_BOOL, "\377", 1, "'test.key'|neither 0 nor 1");
    gguf_bytes array = {0};
    gguf_put_u32(&array, GGUF_BOOL);
    gguf_put_u64(&array, 4);
    gguf_put(&array, "\1\0\1\3", 4);
    refuse_value(GGUF_ARRAY, array.bytes, array.size, "'test.key'|neither 0 nor 1");
    gguf_free(&array);
}
END_TEST

static void refuse_array(uint32_t type, uint64_t count, const char *words) {
    gguf_bytes array = {0};
    gguf_put_u32(&array, type);
    gguf_put_u64(&array, count);
    gguf_put(&array, "\0\0\0\0\0\0\0\0", 8);
    refuse_value(GGUF_ARRAY, array.bytes, array.size, words);
    gguf_free(&array);
}

START_TEST(arrays_are_bounded) {
    refuse_array(GGUF_ARRAY, 0, "'test.key'|arrays of arrays");
    refuse_array(GGUF_ARRAY, 1, "'test.key'|arrays of arrays");
    refuse_array(GGUF_U8, ((uint64_t)1 << 24) + 1, "'test.key'|2^24");
    refuse_array(GGUF_U64, UINT64_MAX / 8 + 2, "'test.key'|2^24");
    refuse_array(GGUF_STRING, UINT64_MAX, "'test.key'|2^24");
    for (uint32_t type = GGUF_U8; type <= GGUF_F64; type++) {
        if (type != GGUF_ARRAY) {
            refuse_array(type, (uint64_t)1 << 24, "'test.key'|ends");
            refuse_array(type, 9, "'test.key'|ends");
        }
    }
}
END_TEST

START_TEST(strings_are_bounded) {
    static const uint64_t lengths[] = {((uint64_t)1 << 20) + 1, UINT64_MAX, UINT64_MAX - 7};
    gguf_bytes value = {0};
    gguf_bytes array = {0};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        value.size = array.size = 0;
        gguf_put_u64(&value, lengths[i]);
        refuse_value(GGUF_STRING, value.bytes, value.size, "'test.key'|1 MiB");
        gguf_put_u32(&array, GGUF_STRING);
        gguf_put_u64(&array, 2);
        gguf_put_text(&array, "sound");
        gguf_put_u64(&array, lengths[i]);
        refuse_value(GGUF_ARRAY, array.bytes, array.size, "'test.key'|1 MiB");
    }
    value.size = 0;
    gguf_put_u64(&value, (uint64_t)1 << 20);
    refuse_value(GGUF_STRING, value.bytes, value.size, "'test.key'|ends");
    gguf_free(&value);
    gguf_free(&array);
}
END_TEST

START_TEST(alignments_are_powers_of_two) {
    static const uint32_t alignments[] = {0, 1, 4, 7, 9, 24, 33, 65535, 131072, UINT32_MAX};
    for (size_t i = 0; i < COUNT(alignments); i++) {
        gguf_builder builder = {0};
        char words[64];
        (void)snprintf(words, sizeof words, "'general.alignment'|%u", alignments[i]);
        gguf_add_u32(&builder, "general.alignment", alignments[i]);
        add_tensors(&builder);
        refuse_built(&builder, words);
    }
    gguf_builder builder = {0};
    gguf_add_text(&builder, "general.alignment", "32");
    refuse_built(&builder, "'general.alignment'|string|u32");
}
END_TEST

/* A getter of each type, for a key of another type and for one that is missing. */
static dp_status get(const dpi_gguf *gguf, uint32_t type, const char *key, bool required) {
    uint32_t number = 77;
    float values[3] = {77, 77, 77};
    bool flag = true;
    dpi_text text = {"77", 2};
    bool present = true;
    size_t count = 77;
    size_t cursor = 0;
    dp_status status = DP_OK;
    switch (type) {
    case GGUF_U32:
        status = dpi_gguf_u32(gguf, key, required, 0, UINT32_MAX, &number, &message);
        break;
    case GGUF_F32:
        status = dpi_gguf_f32(gguf, key, required, values, &message);
        break;
    case GGUF_BOOL:
        status = dpi_gguf_bool(gguf, key, required, &flag, &message);
        break;
    case GGUF_STRING:
        status = dpi_gguf_text(gguf, key, required, &text, &message);
        break;
    case GGUF_ARRAY:
        status = dpi_gguf_f32_array(gguf, key, required, 3, values, &message);
        break;
    default:
        status = dpi_gguf_text_array(gguf, key, &present, &count, &cursor, &message);
        ck_assert(!present && count == 0);
    }
    ck_assert(number == 77 && values[0] == 77 && values[2] == 77 && flag && text_is(text, "77"));
    return status;
}

START_TEST(getters_insist_on_key_and_type) {
    static const struct {
        uint32_t type;
        const char *wrong[3];
    } getters[] = {{GGUF_U32, {"test.i32", "test.f32", "test.nothing"}},
                   {GGUF_F32, {"test.u32", "test.f64", "test.means"}},
                   {GGUF_BOOL, {"test.u8", "test.empty", "test.labels"}},
                   {GGUF_STRING, {"test.labels", "test.u64", "test.true"}},
                   {GGUF_ARRAY, {"test.labels", "test.f32", "test.nothing"}},
                   {GGUF_F64, {"test.means", "test.empty", "test.nothing"}}};
    size_t size;
    uint8_t *bytes = sample_file(&size);
    uint8_t *copy;
    dpi_gguf gguf;
    ck_assert_int_eq(parse(bytes, size, 0, &copy, &gguf), DP_OK);
    for (size_t i = 0; i < COUNT(getters); i++) {
        for (size_t w = 0; w < 3; w++) {
            const char *key = getters[i].wrong[w];
            ck_assert_int_eq(get(&gguf, getters[i].type, key, false), DP_ERR_FORMAT);
            ck_assert_msg(strstr(message.text, key) != NULL, "%s", message.text);
            ck_assert_msg(strstr(message.text, "must be") != NULL, "%s", message.text);
        }
        ck_assert_int_eq(get(&gguf, getters[i].type, "test.none", false), DP_OK);
        if (getters[i].type != GGUF_F64) {
            ck_assert_int_eq(get(&gguf, getters[i].type, "test.none", true), DP_ERR_FORMAT);
            ck_assert_ptr_nonnull(strstr(message.text, "'test.none'"));
            ck_assert_ptr_nonnull(strstr(message.text, "missing"));
        }
    }
    dpi_gguf_free(&gguf);
    free(copy);
    free(bytes);
}
END_TEST

START_TEST(getters_check_bounds) {
    gguf_builder builder = {0};
    static const float values[] = {1, 2, NAN};
    uint8_t *bytes;
    uint32_t number = 77;
    uint64_t large = 77;
    float value = 77;
    float read[3] = {77, 77, 77};
    const uint8_t two_to_32[8] = {[4] = 1};
    gguf_add_u32(&builder, "seven", 7);
    gguf_add_value(&builder, "large", GGUF_U64, two_to_32, sizeof two_to_32);
    gguf_add_f32(&builder, "nan", NAN);
    gguf_add_f32(&builder, "infinite", -INFINITY);
    gguf_add_f32_array(&builder, "array", values, 3);
    dpi_gguf gguf = accept_built(&builder, &bytes);
    ck_assert_int_eq(dpi_gguf_u32(&gguf, "seven", true, 7, 7, &number, &message), DP_OK);
    ck_assert_int_eq(dpi_gguf_u32(&gguf, "seven", true, 8, 9, &number, &message), DP_ERR_FORMAT);
    ck_assert_str_eq(message.text, "metadata key 'seven' is 7, but must be 8 to 9");
    ck_assert_int_eq(dpi_gguf_u32(&gguf, "seven", true, 1, 6, &number, &message), DP_ERR_FORMAT);
    ck_assert_int_eq(dpi_gguf_u64(&gguf, "large", true, UINT32_MAX, &large, &message),
                     DP_ERR_FORMAT);
    ck_assert_str_eq(message.text,
                     "metadata key 'large' is 4294967296, but must be at most 4294967295");
    ck_assert_int_eq(dpi_gguf_u64(&gguf, "none", false, UINT64_MAX, &large, &message), DP_OK);
    ck_assert_uint_eq(large, 77);
    ck_assert_int_eq(dpi_gguf_u64(&gguf, "large", true, UINT64_MAX, &large, &message), DP_OK);
    ck_assert_uint_eq(large, (uint64_t)1 << 32);
    ck_assert_int_eq(dpi_gguf_f32(&gguf, "nan", false, &value, &message), DP_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(message.text, "'nan'"));
    ck_assert_int_eq(dpi_gguf_f32(&gguf, "infinite", false, &value, &message), DP_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(message.text, "'infinite'"));
    ck_assert_int_eq(dpi_gguf_f32_array(&gguf, "array", true, 3, read, &message), DP_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(message.text, "'array'"));
    ck_assert_int_eq(dpi_gguf_f32_array(&gguf, "array", true, 2, read, &message), DP_ERR_FORMAT);
    ck_assert_str_eq(message.text, "metadata key 'array' has 3 elements, but must have 2");
    ck_assert(number == 7 && value == 77);
    dpi_gguf_free(&gguf);
    free(bytes);
}
END_TEST

static Suite *metadata_suite(void) {
    Suite *suite = suite_create("gguf_metadata");
    TCase *metadata = add_case(suite, "metadata", 60, NULL, NULL);
    tcase_add_test(metadata, other_files_are_refused);
    tcase_add_test(metadata, other_files_are_named);
    tcase_add_test(metadata, counts_are_bounded_before_anything_is_allocated);
    tcase_add_test(metadata, keys_are_bounded);
    tcase_add_test(metadata, a_key_may_be_long);
    tcase_add_test(metadata, keys_are_unique);
    tcase_add_test(metadata, unknown_value_types_are_refused);
    tcase_add_test(metadata, booleans_are_0_or_1);
    tcase_add_test(metadata, arrays_are_bounded);
    tcase_add_test(metadata, strings_are_bounded);
    tcase_add_test(metadata, alignments_are_powers_of_two);
    tcase_add_test(metadata, getters_insist_on_key_and_type);
    tcase_add_test(metadata, getters_check_bounds);
    return suite;
}

int main(void) {
    random_seed("test_gguf_metadata");
    return run_suite(metadata_suite());
}
