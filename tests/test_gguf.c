/*
 * lib/model's reader of weight files: sound files are read exactly, at any address, and every kind
 * of broken file is refused with a sentence that names what is wrong. Each file lies in a heap
 * block of exactly its size, so that a sanitiser sees every byte that is read too many.
 */
#define _POSIX_C_SOURCE 200809L
#include "gguf_builder.h"
#include "model/gguf.h"
#include "test_allocator.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t random_state = 1;

static uint32_t random_bits(void) {
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(random_state >> 32);
}

static float random_value(void) {
    return (float)((int)(random_bits() >> 8) - (1 << 23)) * 0x1p-23f;
}

static void seed_random(void) {
    random_state = (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)random_state);
}

/* ---- parsing ---- */

static dp_message message;

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bool text_is(dp_text text, const char *expected) {
    return text.length == strlen(expected) && memcmp(text.bytes, expected, text.length) == 0;
}

/* Parses a copy in a block of its own size, `shift` bytes off any alignment. */
static dp_status parse(const uint8_t *bytes, size_t size, size_t shift, uint8_t **copy,
                       dp_gguf *gguf) {
    *copy = malloc(size + shift + (size + shift == 0));
    ck_assert_ptr_nonnull(*copy);
    memcpy(*copy + shift, bytes, size);
    message.text[0] = '\0';
    return dp_gguf_parse(*copy + shift, size, NULL, gguf, &message);
}

/* Everything in the file that can be looked at, as an engine would; errors are fine. */
static void touch_everything(const dp_gguf *gguf) {
    dp_message ignored;
    float values[32];
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        const dp_tensor *tensor = &gguf->tensors[i];
        size_t count = 1;
        for (size_t d = 0; d < tensor->dims; d++) {
            count *= (size_t)tensor->shape[d];
        }
        size_t step = count % 32 == 0 ? 32 : 1;
        for (size_t first = 0; first < count; first += step) {
            (void)dp_tensor_read(tensor, first, step, values, &ignored);
        }
        (void)dp_tensor_check(tensor, &ignored);
    }
    bool present;
    size_t count;
    size_t cursor;
    (void)dp_gguf_text_array(gguf, "test.labels", &present, &count, &cursor, &ignored);
    for (size_t i = 0; i < count; i++) {
        dp_text text = dp_gguf_text_array_next(gguf, &cursor);
        (void)dp_make_printable(text.bytes, text.length);
    }
}

/* Asserts that a file is refused with a message that holds all of `words` (separated by '|'). */
static void refuse(const uint8_t *bytes, size_t size, dp_status expected, const char *words) {
    uint8_t *copy;
    dp_gguf gguf;
    dp_status status = parse(bytes, size, 0, &copy, &gguf);
    ck_assert_msg(status == expected, "status %d instead of %d for '%s': %s", (int)status,
                  (int)expected, words, message.text);
    char list[256];
    (void)snprintf(list, sizeof list, "%s", words);
    char *rest = NULL;
    for (char *word = strtok_r(list, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest)) {
        ck_assert_msg(strstr(message.text, word) != NULL, "no '%s' in '%s'", word, message.text);
    }
    ck_assert_ptr_null(gguf.entries);
    ck_assert_ptr_null(gguf.tensors);
    free(copy);
}

/* The same for what a builder holds. */
static void refuse_built(gguf_builder *builder, const char *words) {
    size_t size;
    uint8_t *bytes = gguf_finish(builder, &size);
    refuse(bytes, size, DP_ERR_FORMAT, words);
    free(bytes);
}

/* Parses what a builder holds; *bytes is freed by the caller, after dp_gguf_free(). */
static dp_gguf accept_built(gguf_builder *builder, uint8_t **bytes) {
    dp_gguf gguf;
    size_t size;
    *bytes = gguf_finish(builder, &size);
    dp_status status = dp_gguf_parse(*bytes, size, NULL, &gguf, &message);
    ck_assert_msg(status == DP_OK, "%s", message.text);
    return gguf;
}

/* ---- a sound file ---- */

static const char *const labels[] = {"walk", "", "r\xc3\xa9sum\xc3\xa9"};
static const float means[] = {0.25f, -1.5f, 3e-39f};

static void add_all_scalars(gguf_builder *builder) {
    static const struct {
        const char *key;
        uint32_t type;
        size_t size;
    } scalars[] = {{"test.u8", GGUF_U8, 1},   {"test.i8", GGUF_I8, 1},   {"test.u16", GGUF_U16, 2},
                   {"test.i16", GGUF_I16, 2}, {"test.i32", GGUF_I32, 4}, {"test.u64", GGUF_U64, 8},
                   {"test.i64", GGUF_I64, 8}, {"test.f64", GGUF_F64, 8}};
    static const uint8_t bytes[8] = {0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8};
    for (size_t i = 0; i < COUNT(scalars); i++) {
        gguf_add_value(builder, scalars[i].key, scalars[i].type, bytes, scalars[i].size);
    }
}

static void add_metadata(gguf_builder *builder) {
    gguf_add_text(builder, "general.architecture", "dualpath");
    gguf_add_u32(builder, "test.u32", 4000000000u);
    gguf_add_f32(builder, "test.f32", -0.5f);
    gguf_add_bool(builder, "test.true", true);
    gguf_add_bool(builder, "test.false", false);
    gguf_add_text(builder, "test.empty", "");
    gguf_add_f32_array(builder, "test.means", means, COUNT(means));
    gguf_add_text_array(builder, "test.labels", labels, COUNT(labels));
    gguf_add_u32_array(builder, "test.nothing", NULL, 0);
    add_all_scalars(builder);
}

static float sample_values[2 * 64];

static void add_tensors(gguf_builder *builder) {
    uint64_t shape[4] = {2, 1, 2, 32};
    for (size_t i = 0; i < COUNT(sample_values); i++) {
        sample_values[i] = ((float)i - 60) * 0.125f;
    }
    gguf_add_vector(builder, "vector", 7, sample_values);
    gguf_add_matrix(builder, "half", GGUF_TENSOR_F16, 3, 5, sample_values);
    gguf_add_matrix(builder, "brain", GGUF_TENSOR_BF16, 4, 3, sample_values);
    gguf_add_tensor(builder, "blocks", GGUF_TENSOR_Q8_0, 4, shape, sample_values);
    gguf_add_matrix(builder, "a", GGUF_TENSOR_F32, 2, 2, sample_values);
}

static uint8_t *sample_file(size_t *size) {
    gguf_builder builder = {0};
    add_metadata(&builder);
    add_tensors(&builder);
    gguf_add_crcs(&builder);
    return gguf_finish(&builder, size);
}

static void check_metadata(const dp_gguf *gguf) {
    uint32_t number = 0;
    float value = 0;
    bool yes = false;
    bool no = true;
    dp_text text = {0};
    float read[3];
    ck_assert_int_eq(dp_gguf_u32(gguf, "test.u32", true, 1, UINT32_MAX, &number, &message), DP_OK);
    ck_assert_uint_eq(number, 4000000000u);
    ck_assert_int_eq(dp_gguf_f32(gguf, "test.f32", true, &value, &message), DP_OK);
    ck_assert(value == -0.5f);
    ck_assert_int_eq(dp_gguf_bool(gguf, "test.true", true, &yes, &message), DP_OK);
    ck_assert_int_eq(dp_gguf_bool(gguf, "test.false", true, &no, &message), DP_OK);
    ck_assert(yes && !no);
    ck_assert_int_eq(dp_gguf_text(gguf, "general.architecture", true, &text, &message), DP_OK);
    ck_assert(text_is(text, "dualpath"));
    ck_assert_int_eq(dp_gguf_text(gguf, "test.empty", true, &text, &message), DP_OK);
    ck_assert(text_is(text, ""));
    ck_assert_int_eq(dp_gguf_f32_array(gguf, "test.means", true, 3, read, &message), DP_OK);
    ck_assert_mem_eq(read, means, sizeof means);
}

static void check_labels(const dp_gguf *gguf) {
    bool present = false;
    size_t count = 0;
    size_t cursor = 0;
    ck_assert_int_eq(dp_gguf_text_array(gguf, "test.labels", &present, &count, &cursor, &message),
                     DP_OK);
    ck_assert(present);
    ck_assert_uint_eq(count, COUNT(labels));
    for (size_t i = 0; i < count; i++) {
        ck_assert(text_is(dp_gguf_text_array_next(gguf, &cursor), labels[i]));
    }
}

static void check_tensor(const dp_gguf *gguf, const char *name, dp_tensor_type type, size_t dims,
                         size_t count, float tolerance) {
    const dp_tensor *tensor = dp_gguf_tensor(gguf, name);
    float values[COUNT(sample_values)];
    ck_assert_ptr_nonnull(tensor);
    ck_assert(text_is(tensor->name, name));
    ck_assert_int_eq(tensor->type, type);
    ck_assert_uint_eq(tensor->dims, dims);
    ck_assert_int_eq(dp_tensor_check(tensor, &message), DP_OK);
    ck_assert_int_eq(dp_tensor_read(tensor, 0, count, values, &message), DP_OK);
    for (size_t i = 0; i < count; i++) {
        ck_assert_float_eq_tol(values[i], sample_values[i], tolerance);
    }
}

START_TEST(sound_files_are_read_at_any_address) {
    size_t size;
    uint8_t *bytes = sample_file(&size);
    uint8_t *copy;
    dp_gguf gguf;
    ck_assert_msg(parse(bytes, size, (size_t)_i, &copy, &gguf) == DP_OK, "%s", message.text);
    check_metadata(&gguf);
    check_labels(&gguf);
    ck_assert_uint_eq(gguf.tensor_count, 5);
    ck_assert(gguf.has_crcs);
    check_tensor(&gguf, "vector", DP_TENSOR_F32, 1, 7, 0);
    check_tensor(&gguf, "half", DP_TENSOR_F16, 2, 15, 0);
    check_tensor(&gguf, "brain", DP_TENSOR_BF16, 2, 12, 0);
    check_tensor(&gguf, "blocks", DP_TENSOR_Q8_0, 4, 128, 8.0f / 127);
    check_tensor(&gguf, "a", DP_TENSOR_F32, 2, 4, 0);
    dp_gguf_free(&gguf);
    free(copy);
    free(bytes);
}
END_TEST

START_TEST(shapes_are_rows_first) {
    gguf_builder builder = {0};
    add_tensors(&builder);
    uint8_t *bytes;
    dp_gguf gguf = accept_built(&builder, &bytes);
    const dp_tensor *half = dp_gguf_tensor(&gguf, "half");
    const dp_tensor *blocks = dp_gguf_tensor(&gguf, "blocks");
    ck_assert_uint_eq(half->shape[0], 3);
    ck_assert_uint_eq(half->shape[1], 5);
    ck_assert_uint_eq(half->bytes, 30);
    ck_assert_uint_eq(blocks->shape[0], 2);
    ck_assert_uint_eq(blocks->shape[3], 32);
    ck_assert_uint_eq(blocks->bytes, 4 * 34);
    ck_assert_ptr_eq(half, &gguf.tensors[1]);
    ck_assert_ptr_null(dp_gguf_tensor(&gguf, "hal"));
    ck_assert_ptr_null(dp_gguf_tensor(&gguf, "halff"));
    ck_assert_ptr_null(dp_gguf_tensor(&gguf, ""));
    ck_assert(!gguf.has_crcs && !half->has_crc);
    ck_assert_int_eq(dp_tensor_check(half, &message), DP_OK);
    dp_gguf_free(&gguf);
    free(bytes);
}
END_TEST

START_TEST(a_file_without_anything_is_sound) {
    gguf_builder builder = {0};
    uint8_t *bytes;
    dp_gguf gguf = accept_built(&builder, &bytes);
    uint32_t number = 7;
    ck_assert_uint_eq(gguf.tensor_count, 0);
    ck_assert_ptr_null(dp_gguf_tensor(&gguf, "x"));
    ck_assert_int_eq(dp_gguf_u32(&gguf, "x", false, 0, 1, &number, &message), DP_OK);
    ck_assert_uint_eq(number, 7);
    dp_gguf_free(&gguf);
    free(bytes);
}
END_TEST

START_TEST(alignments_are_followed) {
    static const uint32_t alignments[] = {8, 16, 32, 64, 4096, 65536};
    gguf_builder builder = {0};
    gguf_add_alignment(&builder, alignments[_i]);
    add_tensors(&builder);
    gguf_add_crcs(&builder);
    uint8_t *bytes;
    dp_gguf gguf = accept_built(&builder, &bytes);
    for (size_t i = 0; i < gguf.tensor_count; i++) {
        ck_assert_uint_eq((size_t)(gguf.tensors[i].data - bytes) % alignments[_i], 0);
        ck_assert_int_eq(dp_tensor_check(&gguf.tensors[i], &message), DP_OK);
    }
    dp_gguf_free(&gguf);
    free(bytes);
}
END_TEST

/* 65,536 tensors whose names come in a hostile order: would take minutes were parsing quadratic. */
START_TEST(the_largest_file_is_read_quickly) {
    gguf_builder builder = {.alignment = 0};
    gguf_add_alignment(&builder, 8);
    char name[32];
    for (uint32_t i = 0; i < 65536; i++) {
        float value = (float)i;
        (void)snprintf(name, sizeof name, "tensor.%u", _i == 0 ? i : (i * 40503u) & 65535u);
        gguf_add_vector(&builder, name, 1, &value);
    }
    for (uint32_t i = 1; i < 4096; i++) {
        (void)snprintf(name, sizeof name, "key.%u", _i == 0 ? i : 4096 - i);
        gguf_add_u32(&builder, name, i);
    }
    uint8_t *bytes;
    dp_gguf gguf = accept_built(&builder, &bytes);
    for (uint32_t i = 0; i < 65536; i++) {
        (void)snprintf(name, sizeof name, "tensor.%u", i);
        const dp_tensor *tensor = dp_gguf_tensor(&gguf, name);
        ck_assert_ptr_nonnull(tensor);
        ck_assert(text_is(tensor->name, name));
    }
    dp_gguf_free(&gguf);
    free(bytes);
}
END_TEST

/* ---- numbers ---- */

static dp_tensor tensor_of(dp_tensor_type type, const uint8_t *data, size_t bytes) {
    dp_tensor tensor = {.name = {"weights", 7}, .type = type, .dims = 1};
    tensor.data = data;
    tensor.bytes = bytes;
    return tensor;
}

static double value_of_f16(uint32_t bits) {
    int exponent = (int)(bits >> 10 & 31);
    double fraction = bits & 1023;
    double size =
        exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 15 - 10);
    return bits & 0x8000 ? -size : size;
}

static void expect_not_finite(const dp_tensor *tensor, size_t first, size_t count) {
    float values[64];
    ck_assert_int_eq(dp_tensor_read(tensor, first, count, values, &message), DP_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(message.text, "'weights'"));
    ck_assert_ptr_nonnull(strstr(message.text, "NaN"));
}

START_TEST(every_f16_is_exact) {
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint8_t data[3] = {0, (uint8_t)bits, (uint8_t)(bits >> 8)};
        dp_tensor tensor = tensor_of(DP_TENSOR_F16, data + 1, 2);
        if ((bits >> 10 & 31) == 31) {
            expect_not_finite(&tensor, 0, 1);
            continue;
        }
        float value;
        ck_assert_int_eq(dp_tensor_read(&tensor, 0, 1, &value, &message), DP_OK);
        ck_assert_msg((double)value == value_of_f16(bits), "0x%04x reads as %a", bits,
                      (double)value);
        ck_assert_int_eq(signbit(value) != 0, bits >> 15);
        ck_assert_uint_eq(gguf_f16(value), bits);
    }
}
END_TEST

START_TEST(every_bf16_is_exact) {
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint8_t data[3] = {0, (uint8_t)bits, (uint8_t)(bits >> 8)};
        dp_tensor tensor = tensor_of(DP_TENSOR_BF16, data + 1, 2);
        if ((bits >> 7 & 255) == 255) {
            expect_not_finite(&tensor, 0, 1);
            continue;
        }
        float value;
        ck_assert_int_eq(dp_tensor_read(&tensor, 0, 1, &value, &message), DP_OK);
        ck_assert_uint_eq(bits_of(value), bits << 16);
    }
}
END_TEST

START_TEST(f32_is_taken_bit_for_bit) {
    static const uint32_t sound[] = {0,          0x80000000, 1,          0x807fffff,
                                     0x3f800000, 0x7f7fffff, 0xff7fffff, 0x00800000};
    static const uint32_t broken[] = {0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffffffff};
    gguf_bytes bytes = {0};
    float values[COUNT(sound)];
    gguf_put(&bytes, "x", 1);
    for (size_t i = 0; i < COUNT(sound); i++) {
        gguf_put_u32(&bytes, sound[i]);
    }
    dp_tensor tensor = tensor_of(DP_TENSOR_F32, bytes.bytes + 1, bytes.size - 1);
    ck_assert_int_eq(dp_tensor_read(&tensor, 0, COUNT(sound), values, &message), DP_OK);
    for (size_t i = 0; i < COUNT(sound); i++) {
        ck_assert_uint_eq(bits_of(values[i]), sound[i]);
    }
    for (size_t i = 0; i < COUNT(broken); i++) {
        gguf_bytes one = {0};
        gguf_put_u32(&one, broken[i]);
        memcpy(bytes.bytes + 1 + 4 * 5, one.bytes, 4);
        expect_not_finite(&tensor, 0, COUNT(sound));
        ck_assert_ptr_nonnull(strstr(message.text, "element 5"));
        expect_not_finite(&tensor, 4, 2);
        ck_assert_ptr_nonnull(strstr(message.text, "element 5"));
        ck_assert_int_eq(dp_tensor_read(&tensor, 0, 5, values, &message), DP_OK);
        gguf_free(&one);
    }
    gguf_free(&bytes);
}
END_TEST

/* Four blocks with all signed bytes; the scales are exact, so the products are. */
static gguf_bytes all_quants(const float *scales) {
    gguf_bytes bytes = {0};
    gguf_put(&bytes, "x", 1);
    for (int block = 0; block < 8; block++) {
        gguf_put_u16(&bytes, gguf_f16(scales[block]));
        for (int i = 0; i < 32; i++) {
            uint8_t byte = (uint8_t)(32 * block + i);
            gguf_put(&bytes, &byte, 1);
        }
    }
    return bytes;
}

START_TEST(q8_0_is_exact) {
    static const float scales[8] = {1, -0.5f, 65504, 0x1p-24f, 0, 0.25f, -0x1p-15f, 3};
    gguf_bytes bytes = all_quants(scales);
    dp_tensor tensor = tensor_of(DP_TENSOR_Q8_0, bytes.bytes + 1, bytes.size - 1);
    float all[256];
    float some[64];
    ck_assert_int_eq(dp_tensor_read(&tensor, 0, 256, all, &message), DP_OK);
    for (int i = 0; i < 256; i++) {
        double quant = i < 128 ? i : i - 256;
        ck_assert((double)all[i] == (double)scales[i / 32] * quant);
    }
    ck_assert_int_eq(dp_tensor_read(&tensor, 96, 64, some, &message), DP_OK);
    ck_assert_mem_eq(some, all + 96, sizeof some);
    gguf_free(&bytes);
}
END_TEST

START_TEST(q8_0_scales_must_be_finite) {
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    float scales[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    scales[3] = bad[_i];
    gguf_bytes bytes = all_quants(scales);
    dp_tensor tensor = tensor_of(DP_TENSOR_Q8_0, bytes.bytes + 1, bytes.size - 1);
    expect_not_finite(&tensor, 64, 64);
    ck_assert_ptr_nonnull(strstr(message.text, "element 96"));
    memset(bytes.bytes + 1 + 3 * 34 + 2, 0, 32); /* even where all quants are 0 */
    expect_not_finite(&tensor, 96, 32);
    gguf_free(&bytes);
}
END_TEST

/* ---- checksums ---- */

START_TEST(crc32_is_that_of_zlib) {
    enum { SIZE = 4096 };
    static uint8_t bytes[SIZE];
    seed_random();
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)random_bits();
    }
    ck_assert_uint_eq(dp_crc32(0, (const uint8_t *)"123456789", 9), 0xcbf43926u);
    ck_assert_uint_eq(dp_crc32(0, bytes, 0), 0);
    for (size_t i = 0; i < 2000; i++) {
        size_t first = random_bits() % 64;
        size_t size = i < 200 ? i : random_bits() % (SIZE - 64);
        size_t part = size == 0 ? 0 : random_bits() % size;
        uint32_t expected = (uint32_t)crc32(0, bytes + first, (uInt)size);
        uint32_t head = dp_crc32(0, bytes + first, part);
        ck_assert_uint_eq(dp_crc32(0, bytes + first, size), expected);
        ck_assert_uint_eq(dp_crc32(head, bytes + first + part, size - part), expected);
    }
}
END_TEST

START_TEST(a_changed_tensor_fails_its_checksum) {
    gguf_builder builder = {0};
    add_tensors(&builder);
    gguf_add_crcs(&builder);
    uint8_t *bytes;
    dp_gguf gguf = accept_built(&builder, &bytes);
    for (size_t i = 0; i < gguf.tensor_count; i++) {
        const dp_tensor *tensor = &gguf.tensors[i];
        bytes[(size_t)(tensor->data - bytes) + tensor->bytes - 1] ^= 0x10;
        ck_assert_int_eq(dp_tensor_check(tensor, &message), DP_ERR_CHECKSUM);
        dp_printable name = dp_make_printable(tensor->name.bytes, tensor->name.length);
        ck_assert_ptr_nonnull(strstr(message.text, name.text));
        bytes[(size_t)(tensor->data - bytes) + tensor->bytes - 1] ^= 0x10;
        ck_assert_int_eq(dp_tensor_check(tensor, &message), DP_OK);
    }
    dp_gguf_free(&gguf);
    free(bytes);
}
END_TEST

START_TEST(the_list_of_checksums_must_fit) {
    static const uint32_t crcs[2] = {1, 2};
    gguf_builder builder = {0};
    gguf_add_vector(&builder, "a", 1, crcs_as_floats);
    refuse_built(&builder, "x");
}
END_TEST
