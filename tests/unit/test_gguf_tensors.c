/*
 * lib/model's reader of weight files, descriptions of tensors: names, shapes, types and offsets are
 * bounded, and tensors lie inside the file and beside each other.
 */
#include "gguf_samples.h"

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
    dpi_gguf gguf = accept_built(&builder, &bytes);
    dpi_gguf_free(&gguf);
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
    dpi_gguf gguf = accept_built(&builder, &bytes);
    dpi_gguf_free(&gguf);
    free(bytes);
}
END_TEST

static Suite *tensors_suite(void) {
    Suite *suite = suite_create("gguf_tensors");
    TCase *tensors = add_case(suite, "tensors", 60, NULL, NULL);
    tcase_add_test(tensors, names_are_bounded);
    tcase_add_test(tensors, names_are_unique);
    tcase_add_test(tensors, shapes_are_bounded);
    tcase_add_test(tensors, offsets_lie_inside_the_data);
    tcase_add_test(tensors, tensors_do_not_overlap);
    return suite;
}

int main(void) {
    random_seed("test_gguf_tensors");
    return run_suite(tensors_suite());
}
