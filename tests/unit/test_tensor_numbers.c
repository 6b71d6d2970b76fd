/*
 * lib/model, the numbers of a tensor: every type is read exactly, what is not finite is refused,
 * and checksums are those of gzip.
 */
#include "gguf/crc32.h"
#include "gguf_samples.h"

#include <float.h>
#include <math.h>

/* What firmware has in the place of dpi_crc32(). */
#define DP_SMALL_TABLES
#define dpi_crc32 small_crc32
#include "gguf/crc32.c"
#undef dpi_crc32

/* ---- numbers ---- */

static dpi_watch nobody;

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static dpi_tensor tensor_of(dpi_tensor_type type, const uint8_t *data, size_t bytes) {
    dpi_tensor tensor = {.name = {"weights", 7}, .type = type, .dims = 1};
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

static void expect_not_finite(const dpi_tensor *tensor, size_t first, size_t count) {
    float values[1000];
    ck_assert_int_eq(dpi_tensor_read(tensor, first, count, values, &message), DP_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(message.text, "'weights'"));
    ck_assert_ptr_nonnull(strstr(message.text, "NaN"));
}

START_TEST(every_f16_is_exact) {
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint8_t data[3] = {0, (uint8_t)bits, (uint8_t)(bits >> 8)};
        dpi_tensor tensor = tensor_of(DPI_TENSOR_F16, data + 1, 2);
        if ((bits >> 10 & 31) == 31) {
            expect_not_finite(&tensor, 0, 1);
            continue;
        }
        float value;
        ck_assert_int_eq(dpi_tensor_read(&tensor, 0, 1, &value, &message), DP_OK);
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
        dpi_tensor tensor = tensor_of(DPI_TENSOR_BF16, data + 1, 2);
        if ((bits >> 7 & 255) == 255) {
            expect_not_finite(&tensor, 0, 1);
            continue;
        }
        float value;
        ck_assert_int_eq(dpi_tensor_read(&tensor, 0, 1, &value, &message), DP_OK);
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
    dpi_tensor tensor = tensor_of(DPI_TENSOR_F32, bytes.bytes + 1, bytes.size - 1);
    ck_assert_int_eq(dpi_tensor_read(&tensor, 0, COUNT(sound), values, &message), DP_OK);
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
        ck_assert_int_eq(dpi_tensor_read(&tensor, 0, 5, values, &message), DP_OK);
        gguf_free(&one);
    }
    gguf_free(&bytes);
}
END_TEST

/* Wherever it stands in a long tensor, the first such value is the one that is named. */
START_TEST(values_are_finite_everywhere) {
    static const size_t places[] = {0, 1, 255, 256, 257, 511, 512, 767, 768, 999};
    float values[1000];
    gguf_bytes bytes = {0};
    for (size_t i = 0; i < COUNT(values); i++) {
        gguf_put_u32(&bytes, bits_of(i % 2 == 0 ? FLT_MAX : -FLT_MAX));
    }
    dpi_tensor tensor = tensor_of(DPI_TENSOR_F32, bytes.bytes, bytes.size);
    ck_assert_int_eq(dpi_tensor_read(&tensor, 0, COUNT(values), values, &message), DP_OK);
    for (size_t i = 0; i < COUNT(values); i++) {
        ck_assert_uint_eq(bits_of(values[i]), bits_of(i % 2 == 0 ? FLT_MAX : -FLT_MAX));
    }
    for (size_t i = COUNT(places); i > 0; i--) {
        char element[32];
        gguf_bytes one = {0};
        gguf_put_u32(&one, bits_of(i % 2 == 0 ? -INFINITY : NAN));
        memcpy(bytes.bytes + 4 * places[i - 1], one.bytes, 4);
        gguf_free(&one);
        expect_not_finite(&tensor, 0, COUNT(values));
        (void)snprintf(element, sizeof element, "element %zu;", places[i - 1]);
        ck_assert_ptr_nonnull(strstr(message.text, element));
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
    dpi_tensor tensor = tensor_of(DPI_TENSOR_Q8_0, bytes.bytes + 1, bytes.size - 1);
    float all[256];
    float some[64];
    ck_assert_int_eq(dpi_tensor_read(&tensor, 0, 256, all, &message), DP_OK);
    for (int i = 0; i < 256; i++) {
        double quant = i < 128 ? i : i - 256;
        ck_assert((double)all[i] == (double)scales[i / 32] * quant);
    }
    ck_assert_int_eq(dpi_tensor_read(&tensor, 96, 64, some, &message), DP_OK);
    ck_assert_mem_eq(some, all + 96, sizeof some);
    gguf_free(&bytes);
}
END_TEST

START_TEST(q8_0_scales_must_be_finite) {
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    float scales[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    scales[3] = bad[_i];
    gguf_bytes bytes = all_quants(scales);
    dpi_tensor tensor = tensor_of(DPI_TENSOR_Q8_0, bytes.bytes + 1, bytes.size - 1);
    expect_not_finite(&tensor, 64, 64);
    ck_assert_ptr_nonnull(strstr(message.text, "element 96"));
    memset(bytes.bytes + 1 + 3 * 34 + 2, 0, 32); /* even where all quants are 0 */
    expect_not_finite(&tensor, 96, 32);
    gguf_free(&bytes);
}
END_TEST

START_TEST(types_have_names) {
    ck_assert_str_eq(dpi_tensor_type_name(DPI_TENSOR_F32), "f32");
    ck_assert_str_eq(dpi_tensor_type_name(DPI_TENSOR_F16), "f16");
    ck_assert_str_eq(dpi_tensor_type_name(DPI_TENSOR_BF16), "bf16");
    ck_assert_str_eq(dpi_tensor_type_name(DPI_TENSOR_Q8_0), "q8_0");
    ck_assert_str_eq(dpi_tensor_type_name(DPI_TENSOR_I8), "i8");
    ck_assert_str_eq(dpi_tensor_type_name((dpi_tensor_type)2), "unknown");
}
END_TEST

/* Their scale is in another tensor. */
START_TEST(bytes_of_panels_are_no_numbers) {
    static const uint8_t data[4];
    dpi_tensor tensor = tensor_of(DPI_TENSOR_I8, data, sizeof data);
    float values[4];
    ck_assert_int_eq(dpi_tensor_read(&tensor, 0, 4, values, &message), DP_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(message.text, "'weights' has no numbers"));
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
    ck_assert_uint_eq(dpi_crc32(0, (const uint8_t *)"123456789", 9), 0xcbf43926u);
    ck_assert_uint_eq(dpi_crc32(0, bytes, 0), 0);
    for (size_t i = 0; i < 2000; i++) {
        size_t first = random_below(64);
        size_t size = i < 200 ? i : random_below(SIZE - 64);
        size_t part = size == 0 ? 0 : random_below((uint32_t)size);
        uint32_t expected = defined_crc32(bytes + first, size);
        uint32_t head = dpi_crc32(0, bytes + first, part);
        ck_assert_uint_eq(dpi_crc32(0, bytes + first, size), expected);
        ck_assert_uint_eq(dpi_crc32(head, bytes + first + part, size - part), expected);
        ck_assert_uint_eq(small_crc32(head, bytes + first + part, size - part), expected);
    }
}
END_TEST

START_TEST(a_changed_tensor_fails_its_checksum) {
    gguf_builder builder = {0};
    add_tensors(&builder);
    gguf_add_crcs(&builder);
    uint8_t *bytes;
    dpi_gguf gguf = accept_built(&builder, &bytes);
    for (size_t i = 0; i < gguf.tensor_count; i++) {
        const dpi_tensor *tensor = &gguf.tensors[i];
        bytes[(size_t)(tensor->data - bytes) + tensor->bytes - 1] ^= 0x10;
        ck_assert_int_eq(dpi_tensor_check(tensor, &nobody, &message), DP_ERR_CHECKSUM);
        dpi_printable name = dpi_text_printable(tensor->name);
        ck_assert_ptr_nonnull(strstr(message.text, name.text));
        bytes[(size_t)(tensor->data - bytes) + tensor->bytes - 1] ^= 0x10;
        ck_assert_int_eq(dpi_tensor_check(tensor, &nobody, &message), DP_OK);
    }
    dpi_gguf_free(&gguf);
    free(bytes);
}
END_TEST

static int stop_at_once(void *user, const char *stage, double fraction) {
    (void)stage, (void)fraction;
    ++*(int *)user;
    return 1;
}

START_TEST(checking_a_large_tensor_stops_when_asked) {
    int reports = 0;
    dpi_watch watch = {.progress = stop_at_once, .user = &reports, .stage = "verifying"};
    size_t size = 2 * DPI_WATCHED_BYTES;
    uint8_t *data = calloc(size, 1);
    ck_assert_ptr_nonnull(data);
    dpi_tensor tensor = tensor_of(DPI_TENSOR_I8, data, size);
    tensor.has_crc = true;
    tensor.crc = 1; /* which is wrong */
    ck_assert_int_eq(dpi_tensor_check(&tensor, &watch, &message), DP_ERR_CANCELLED);
    ck_assert_int_eq(reports, 1);
    free(data);
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
    gguf_add_f32_array(&builder, "dualpath.tensor_crc32", sample_means, 3);
    refuse_built(&builder, "'dualpath.tensor_crc32'|array of f32|array of u32");
}
END_TEST

static Suite *numbers_suite(void) {
    Suite *suite = suite_create("tensor_numbers");
    TCase *numbers = add_case(suite, "numbers", 60, random_restart, NULL);
    tcase_add_test(numbers, every_f16_is_exact);
    tcase_add_test(numbers, every_bf16_is_exact);
    tcase_add_test(numbers, f32_is_taken_bit_for_bit);
    tcase_add_test(numbers, q8_0_is_exact);
    tcase_add_test(numbers, values_are_finite_everywhere);
    tcase_add_loop_test(numbers, q8_0_scales_must_be_finite, 0, 3);
    tcase_add_test(numbers, types_have_names);
    tcase_add_test(numbers, bytes_of_panels_are_no_numbers);
    tcase_add_test(numbers, crc32_is_that_of_gzip);
    tcase_add_test(numbers, a_changed_tensor_fails_its_checksum);
    tcase_add_test(numbers, checking_a_large_tensor_stops_when_asked);
    tcase_add_loop_test(numbers, the_list_of_checksums_must_fit, 0, 3);
    return suite;
}

int main(void) {
    random_seed("test_tensor_numbers");
    return run_suite(numbers_suite());
}
