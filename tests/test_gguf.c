/*
 * lib/model's reader of weight files: sound files are read exactly, at any address, and every kind
 * of broken file is refused with a sentence that names what is wrong. Each file lies in a heap
 * block of exactly its size, so that a sanitiser sees every byte that is read too many.
 */
#define _POSIX_C_SOURCE 200809L
#include "gguf_builder.h"
#include "model/gguf.h"
#include "support.h"
#include "test_allocator.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        ck_assert_float_le(fabsf(values[i] - sample_values[i]), tolerance);
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
    double size = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 15 - 10);
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

/* Eight blocks with all signed bytes; the scales are exact, so the products are. */
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
    static const float scales[8] = {1, -0.5f, 65504, 0x1p-24f, 0.25f, 0, -0x1p-15f, 3};
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

START_TEST(types_have_names) {
    ck_assert_str_eq(dp_tensor_type_name(DP_TENSOR_F32), "f32");
    ck_assert_str_eq(dp_tensor_type_name(DP_TENSOR_F16), "f16");
    ck_assert_str_eq(dp_tensor_type_name(DP_TENSOR_BF16), "bf16");
    ck_assert_str_eq(dp_tensor_type_name(DP_TENSOR_Q8_0), "q8_0");
}
END_TEST

/* ---- checksums ---- */

/* By its definition, bit by bit. */
static uint32_t defined_crc32(const uint8_t *bytes, size_t size) {
    uint32_t rest = UINT32_MAX;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        rest ^= (uint32_t)(bytes[bit / 8] >> bit % 8 & 1);
        rest = rest >> 1 ^ (0xedb88320u & (0u - (rest & 1)));
    }
    return ~rest;
}

START_TEST(crc32_is_that_of_gzip) {
    enum { SIZE = 4096 };
    static uint8_t bytes[SIZE];
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)random_below(256);
    }
    ck_assert_uint_eq(dp_crc32(0, (const uint8_t *)"123456789", 9), 0xcbf43926u);
    ck_assert_uint_eq(dp_crc32(0, bytes, 0), 0);
    for (size_t i = 0; i < 2000; i++) {
        size_t first = random_below(64);
        size_t size = i < 200 ? i : random_below(SIZE - 64);
        size_t part = size == 0 ? 0 : random_below((uint32_t)size);
        uint32_t expected = defined_crc32(bytes + first, size);
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
    static const uint32_t crcs[] = {1, 2, 3, 4, 5, 6};
    static const size_t counts[] = {0, 4, 6};
    gguf_builder builder = {0};
    add_tensors(&builder);
    gguf_add_u32_array(&builder, "dualpath.tensor_crc32", crcs, counts[_i]);
    refuse_built(&builder, "'dualpath.tensor_crc32'|must have 5");
    add_tensors(&builder);
    gguf_add_u32(&builder, "dualpath.tensor_crc32", 5);
    refuse_built(&builder, "'dualpath.tensor_crc32'|u32|array of u32");
    add_tensors(&builder);
    gguf_add_f32_array(&builder, "dualpath.tensor_crc32", means, 3);
    refuse_built(&builder, "'dualpath.tensor_crc32'|array of f32|array of u32");
}
END_TEST

/* ---- headers ---- */

START_TEST(other_files_are_refused) {
    static const struct {
        const char *bytes;
        size_t size;
        const char *words;
    } files[] = {
        {"", 0, "not a GGUF file"},
        {"GGU", 3, "not a GGUF file|'GGU'"},
        {"\x89PNG\r\n\x1a\n and more of it than any header", 40, "not a GGUF file|'?PNG'"},
        {"PK\3\4 and more of it than any header", 36, "not a GGUF file|'PK"},
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
        dp_gguf gguf;
        (void)dp_gguf_parse(bytes, cases[i].size, &counting.allocator, &gguf, &message);
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
    dp_gguf gguf = accept_built(&builder, &bytes);
    uint32_t number = 0;
    ck_assert_int_eq(dp_gguf_u32(&gguf, key, true, 0, 9, &number, &message), DP_OK);
    ck_assert_uint_eq(number, 5);
    dp_gguf_free(&gguf);
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
static dp_status get(const dp_gguf *gguf, uint32_t type, const char *key, bool required) {
    uint32_t number = 77;
    float values[3] = {77, 77, 77};
    bool flag = true;
    dp_text text = {"77", 2};
    bool present = true;
    size_t count = 77;
    size_t cursor = 0;
    dp_status status = DP_OK;
    switch (type) {
    case GGUF_U32:
        status = dp_gguf_u32(gguf, key, required, 0, UINT32_MAX, &number, &message);
        break;
    case GGUF_F32:
        status = dp_gguf_f32(gguf, key, required, values, &message);
        break;
    case GGUF_BOOL:
        status = dp_gguf_bool(gguf, key, required, &flag, &message);
        break;
    case GGUF_STRING:
        status = dp_gguf_text(gguf, key, required, &text, &message);
        break;
    case GGUF_ARRAY:
        status = dp_gguf_f32_array(gguf, key, required, 3, values, &message);
        break;
    default:
        status = dp_gguf_text_array(gguf, key, &present, &count, &cursor, &message);
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
    dp_gguf gguf;
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
    dp_gguf_free(&gguf);
    free(copy);
    free(bytes);
}
END_TEST

START_TEST(getters_check_bounds) {
    gguf_builder builder = {0};
    static const float values[] = {1, 2, NAN};
    uint8_t *bytes;
    uint32_t number = 77;
    float value = 77;
    float read[3] = {77, 77, 77};
    gguf_add_u32(&builder, "seven", 7);
    gguf_add_f32(&builder, "nan", NAN);
    gguf_add_f32(&builder, "infinite", -INFINITY);
    gguf_add_f32_array(&builder, "array", values, 3);
    dp_gguf gguf = accept_built(&builder, &bytes);
    ck_assert_int_eq(dp_gguf_u32(&gguf, "seven", true, 7, 7, &number, &message), DP_OK);
    ck_assert_int_eq(dp_gguf_u32(&gguf, "seven", true, 8, 9, &number, &message), DP_ERR_FORMAT);
    ck_assert_str_eq(message.text, "metadata key 'seven' is 7, but must be 8 to 9");
    ck_assert_int_eq(dp_gguf_u32(&gguf, "seven", true, 1, 6, &number, &message), DP_ERR_FORMAT);
    ck_assert_int_eq(dp_gguf_f32(&gguf, "nan", false, &value, &message), DP_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(message.text, "'nan'"));
    ck_assert_int_eq(dp_gguf_f32(&gguf, "infinite", false, &value, &message), DP_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(message.text, "'infinite'"));
    ck_assert_int_eq(dp_gguf_f32_array(&gguf, "array", true, 3, read, &message), DP_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(message.text, "'array'"));
    ck_assert_int_eq(dp_gguf_f32_array(&gguf, "array", true, 2, read, &message), DP_ERR_FORMAT);
    ck_assert_str_eq(message.text, "metadata key 'array' has 3 elements, but must have 2");
    ck_assert(number == 7 && value == 77);
    dp_gguf_free(&gguf);
    free(bytes);
}
END_TEST

/* ---- tensors ---- */

/* One description with 4096 bytes of data behind it. */
static void refuse_tensor(const char *name, uint32_t type, uint32_t dims, const uint64_t *shape,
                          uint64_t offset, const char *words) {
    static const uint8_t data[4096];
    gguf_builder builder = {0};
    gguf_describe(&builder, name, type, dims, shape, offset);
    (void)gguf_add_data(&builder, data, sizeof data);
    refuse_built(&builder, words);
}

START_TEST(names_are_bounded) {
    static const uint64_t shape[1] = {1};
    refuse_tensor("", 0, 1, shape, 0, "tensor description 0|empty");
    refuse_tensor("12345678901234567890123456789012345678901234567890123456789012345", 0, 1, shape,
                  0, "tensor description 0|64 bytes");
    gguf_builder builder = {0};
    const float value = 1;
    gguf_add_vector(&builder, "1234567890123456789012345678901234567890123456789012345678901234", 1,
                    &value);
    uint8_t *bytes;
    dp_gguf gguf = accept_built(&builder, &bytes);
    dp_gguf_free(&gguf);
    free(bytes);
}
END_TEST

START_TEST(names_are_unique) {
    gguf_builder builder = {0};
    add_tensors(&builder);
    gguf_add_vector(&builder, "half", 3, sample_values);
    refuse_built(&builder, "'half'|more than once");
}
END_TEST

START_TEST(shapes_are_bounded) {
    static const uint64_t big = 0x7fffffff;
    const struct {
        uint32_t type, dims;
        uint64_t shape[5];
        const char *words;
    } cases[] = {
        {0, 0, {0}, "'w'|0 dimensions"},
        {0, 5, {1, 1, 1, 1, 1}, "'w'|5 dimensions"},
        {0, 2, {4, 0}, "'w'|dimension of 0"},
        {0, 2, {0, 4}, "'w'|dimension of 0"},
        {0, 1, {big + 1}, "'w'|dimension of 2147483648"},
        {0, 1, {UINT64_MAX}, "'w'|dimension of 18446744073709551615"},
        {0, 4, {big, big, big, big}, "'w'|2^40"},
        {0, 2, {big, big}, "'w'|2^40"},
        {0, 4, {1 << 16, 1 << 16, 1 << 16, 1 << 16}, "'w'|2^40"}, /* a product of 2^64 */
        {0, 2, {1 << 20, (1 << 18) + 1}, "'w'|2^40"},
        {1, 2, {1 << 20, (1 << 19) + 1}, "'w'|2^40"},
        {0, 2, {1 << 20, 1 << 18}, "'w'|past the end"},
        {0, 1, {1025}, "'w'|past the end|4100 bytes|4096 bytes"},
        {8, 1, {33}, "'w'|32 columns"},
        {8, 2, {32, 16}, "'w'|32 columns"},
        {8, 1, {3872}, "'w'|past the end"},
        {2, 1, {32}, "'w'|type 2|Q8_0 (8)"},
        {UINT32_MAX, 1, {32}, "'w'|type 4294967295"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refuse_tensor("w", cases[i].type, cases[i].dims, cases[i].shape, 0, cases[i].words);
    }
    for (uint32_t dims = 6; dims != 0; dims <<= 1) { /* told before that many are read */
        gguf_builder builder = {0};
        gguf_put_text(&builder.descriptions, "w");
        gguf_put_u32(&builder.descriptions, dims);
        gguf_put(&builder.descriptions, "0123456789012345678901234567890123456789", 40);
        builder.tensors = 1;
        refuse_built(&builder, "'w'|dimensions");
    }
}
END_TEST

START_TEST(offsets_lie_inside_the_data) {
    static const struct {
        uint64_t offset, length;
        const char *words;
    } cases[] = {
        {1, 1, "'w'|offset 1|multiple of 32"},
        {16, 1, "'w'|offset 16|multiple of 32"},
        {4096, 1, "'w'|past the end"},
        {4064, 9, "'w'|past the end"},
        {32, 1024, "'w'|past the end"},
        {UINT64_MAX - 31, 1, "'w'|past the end|18446744073709551584"},
        {(uint64_t)1 << 32, 1, "'w'|past the end"},
        {(uint64_t)1 << 63, 1, "'w'|past the end"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refuse_tensor("w", 0, 1, &cases[i].length, cases[i].offset, cases[i].words);
    }
}
END_TEST

START_TEST(tensors_do_not_overlap) {
    static const uint8_t data[256];
    static const uint64_t long_shape[1] = {9}; /* 36 bytes: one number too many for 32 */
    static const uint64_t shape[1] = {8};
    static const struct {
        uint64_t first, second, third;
        const char *words;
    } cases[] = {
        {0, 0, 64, "overlap|'first'|'second'"},    {64, 0, 64, "overlap|'first'|'third'"},
        {64, 0, 96, "overlap|'first'|'third'"},    {0, 32, 96, "overlap|'first'|'second'"},
        {128, 64, 64, "overlap|'second'|'third'"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gguf_builder builder = {0};
        gguf_describe(&builder, "first", 0, 1, long_shape, cases[i].first);
        gguf_describe(&builder, "second", 0, 1, shape, cases[i].second);
        gguf_describe(&builder, "third", 0, 1, shape, cases[i].third);
        (void)gguf_add_data(&builder, data, sizeof data);
        refuse_built(&builder, cases[i].words);
    }
    gguf_builder builder = {0}; /* any order, and gaps, are fine */
    gguf_describe(&builder, "first", 0, 1, long_shape, 96);
    gguf_describe(&builder, "second", 0, 1, shape, 0);
    gguf_describe(&builder, "third", 0, 1, shape, 32);
    (void)gguf_add_data(&builder, data, sizeof data);
    uint8_t *bytes;
    dp_gguf gguf = accept_built(&builder, &bytes);
    dp_gguf_free(&gguf);
    free(bytes);
}
END_TEST

/* ---- damage ---- */

/* What a message about a file that ends at `size` must speak of. */
static const char *subject_of_cut(size_t size, size_t metadata_end, size_t descriptions_end) {
    if (size < 24) {
        return size < 4 ? "GGUF" : "header";
    }
    return size < metadata_end ? "metadata" : size < descriptions_end ? "tensor" : "'";
}

START_TEST(a_file_cut_anywhere_is_refused) {
    gguf_builder builder = {0};
    add_metadata(&builder);
    add_tensors(&builder);
    gguf_add_crcs(&builder);
    size_t metadata_end = 24 + builder.metadata.size;
    size_t descriptions_end = metadata_end + builder.descriptions.size;
    size_t size;
    uint8_t *bytes = gguf_finish(&builder, &size);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy;
        dp_gguf gguf;
        const char *subject = subject_of_cut(cut, metadata_end, descriptions_end);
        ck_assert_msg(parse(bytes, cut, 0, &copy, &gguf) == DP_ERR_FORMAT, "cut at %zu", cut);
        bool counts = strstr(message.text, "too short") != NULL; /* known before the items are */
        ck_assert_msg(counts || strstr(message.text, subject) != NULL, "cut at %zu: %s", cut,
                      message.text);
        free(copy);
    }
    free(bytes);
}
END_TEST

START_TEST(flipped_bits_do_no_harm) {
    size_t size;
    uint8_t *bytes = sample_file(&size);
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        uint8_t *copy;
        dp_gguf gguf;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (parse(bytes, size, 0, &copy, &gguf) == DP_OK) {
            touch_everything(&gguf);
            dp_gguf_free(&gguf);
        } else {
            refused++;
            ck_assert_uint_gt(strlen(message.text), 10);
        }
        ck_assert_msg(bit >= 64 || message.text[0] != '\0', "bit %zu of the header", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        free(copy);
    }
    ck_assert_uint_gt(refused, 1000);
    free(bytes);
}
END_TEST

/* Overwrites random runs with numbers that tend to hurt. */
START_TEST(random_damage_does_no_harm) {
    static const uint64_t numbers[] = {0,          1,          0x7f,     0xff,       0x7fff,
                                       0x7fffffff, 0x80000000, 1u << 20, UINT64_MAX, 1ull << 63};
    size_t size;
    uint8_t *bytes = sample_file(&size);
    for (size_t i = 0; i < 20000; i++) {
        uint8_t *copy = malloc(size);
        memcpy(copy, bytes, size);
        for (uint32_t hurts = 1 + random_below(3); hurts > 0; hurts--) {
            uint64_t number = numbers[random_below(COUNT(numbers))];
            size_t width = (size_t)1 << random_below(4);
            size_t at = 8 + random_below((uint32_t)(size - 8 - width));
            for (size_t b = 0; b < width; b++) {
                copy[at + b] = (uint8_t)(number >> 8 * b);
            }
        }
        dp_gguf gguf;
        if (dp_gguf_parse(copy, size, NULL, &gguf, &message) == DP_OK) {
            touch_everything(&gguf);
            dp_gguf_free(&gguf);
        }
        free(copy);
    }
    free(bytes);
}
END_TEST

/* ---- memory ---- */

START_TEST(every_allocation_may_fail) {
    size_t size;
    uint8_t *bytes = sample_file(&size);
    dp_status status = DP_ERR_MEMORY;
    size_t fail_at = 0;
    while (status != DP_OK) {
        test_allocator failing;
        dp_gguf gguf;
        test_allocator_init(&failing);
        failing.fail_at = ++fail_at;
        status = dp_gguf_parse(bytes, size, &failing.allocator, &gguf, &message);
        if (status == DP_OK) {
            dp_gguf_free(&gguf);
        } else {
            ck_assert_int_eq(status, DP_ERR_MEMORY);
            ck_assert_ptr_nonnull(strstr(message.text, "cannot allocate"));
        }
        ck_assert_uint_eq(failing.blocks, 0);
        ck_assert_int_eq(failing.mistakes, 0);
    }
    ck_assert_uint_gt(fail_at, 4);
    free(bytes);
}
END_TEST

/* ---- the suite ---- */

static TCase *case_of_sound_files(void) {
    TCase *sound = tcase_create("sound files");
    tcase_set_timeout(sound, 60);
    tcase_add_loop_test(sound, sound_files_are_read_at_any_address, 0, 9);
    tcase_add_test(sound, shapes_are_rows_first);
    tcase_add_test(sound, a_file_without_anything_is_sound);
    tcase_add_loop_test(sound, alignments_are_followed, 0, 6);
    tcase_add_loop_test(sound, the_largest_file_is_read_quickly, 0, 2);
    return sound;
}

static TCase *case_of_numbers(void) {
    TCase *numbers = tcase_create("numbers");
    tcase_set_timeout(numbers, 60);
    tcase_add_checked_fixture(numbers, random_restart, NULL);
    tcase_add_test(numbers, every_f16_is_exact);
    tcase_add_test(numbers, every_bf16_is_exact);
    tcase_add_test(numbers, f32_is_taken_bit_for_bit);
    tcase_add_test(numbers, q8_0_is_exact);
    tcase_add_loop_test(numbers, q8_0_scales_must_be_finite, 0, 3);
    tcase_add_test(numbers, types_have_names);
    tcase_add_test(numbers, crc32_is_that_of_gzip);
    tcase_add_test(numbers, a_changed_tensor_fails_its_checksum);
    tcase_add_loop_test(numbers, the_list_of_checksums_must_fit, 0, 3);
    return numbers;
}

static TCase *case_of_structure(void) {
    TCase *structure = tcase_create("structure");
    tcase_set_timeout(structure, 60);
    tcase_add_test(structure, other_files_are_refused);
    tcase_add_test(structure, counts_are_bounded_before_anything_is_allocated);
    tcase_add_test(structure, keys_are_bounded);
    tcase_add_test(structure, a_key_may_be_long);
    tcase_add_test(structure, keys_are_unique);
    tcase_add_test(structure, unknown_value_types_are_refused);
    tcase_add_test(structure, booleans_are_0_or_1);
    tcase_add_test(structure, arrays_are_bounded);
    tcase_add_test(structure, strings_are_bounded);
    tcase_add_test(structure, alignments_are_powers_of_two);
    tcase_add_test(structure, getters_insist_on_key_and_type);
    tcase_add_test(structure, getters_check_bounds);
    tcase_add_test(structure, names_are_bounded);
    tcase_add_test(structure, names_are_unique);
    tcase_add_test(structure, shapes_are_bounded);
    tcase_add_test(structure, offsets_lie_inside_the_data);
    tcase_add_test(structure, tensors_do_not_overlap);
    return structure;
}

static TCase *case_of_damage(void) {
    TCase *damage = tcase_create("damage");
    tcase_set_timeout(damage, 120);
    tcase_add_checked_fixture(damage, random_restart, NULL);
    tcase_add_test(damage, a_file_cut_anywhere_is_refused);
    tcase_add_test(damage, flipped_bits_do_no_harm);
    tcase_add_test(damage, random_damage_does_no_harm);
    tcase_add_test(damage, every_allocation_may_fail);
    return damage;
}

int main(void) {
    random_seed("test_gguf");
    Suite *suite = suite_create("gguf");
    suite_add_tcase(suite, case_of_sound_files());
    suite_add_tcase(suite, case_of_numbers());
    suite_add_tcase(suite, case_of_structure());
    suite_add_tcase(suite, case_of_damage());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
