/*
 * Weight files for tests of their reader; see gguf_samples.h.
 */
#define _POSIX_C_SOURCE 200809L
#include "gguf_samples.h"

/* ---- parsing ---- */

dpi_message message;

bool text_is(dpi_text text, const char *expected) {
    return text.length == strlen(expected) && memcmp(text.bytes, expected, text.length) == 0;
}

dp_status parse(const uint8_t *bytes, size_t size, size_t shift, uint8_t **copy, dpi_gguf *gguf) {
    *copy = malloc(size + shift + (size + shift == 0));
    ck_assert_ptr_nonnull(*copy);
    memcpy(*copy + shift, bytes, size);
    message.text[0] = '\0';
    return dpi_gguf_parse(*copy + shift, size, NULL, gguf, &message);
}

void refuse(const uint8_t *bytes, size_t size, dp_status expected, const char *words) {
    uint8_t *copy;
    dpi_gguf gguf;
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

void refuse_built(gguf_builder *builder, const char *words) {
    size_t size;
    uint8_t *bytes = gguf_finish(builder, &size);
    refuse(bytes, size, DP_ERR_FORMAT, words);
    free(bytes);
}

dpi_gguf accept_built(gguf_builder *builder, uint8_t **bytes) {
    dpi_gguf gguf;
    size_t size;
    *bytes = gguf_finish(builder, &size);
    dp_status status = dpi_gguf_parse(*bytes, size, NULL, &gguf, &message);
    ck_assert_msg(status == DP_OK, "%s", message.text);
    return gguf;
}

/* ---- a sound file ---- */

const char *const sample_labels[] = {"walk", "", "r\xc3\xa9sum\xc3\xa9"};
const float sample_means[] = {0.25f, -1.5f, 3e-39f};

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

void add_metadata(gguf_builder *builder) {
    gguf_add_text(builder, "general.architecture", "dualpath");
    gguf_add_u32(builder, "test.u32", 4000000000u);
    gguf_add_f32(builder, "test.f32", -0.5f);
    gguf_add_bool(builder, "test.true", true);
    gguf_add_bool(builder, "test.false", false);
    gguf_add_text(builder, "test.empty", "");
    gguf_add_f32_array(builder, "test.means", sample_means, COUNT(sample_means));
    gguf_add_text_array(builder, "test.labels", sample_labels, COUNT(sample_labels));
    gguf_add_u32_array(builder, "test.nothing", NULL, 0);
    add_all_scalars(builder);
}

float sample_values[2 * 64];

void add_tensors(gguf_builder *builder) {
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

uint8_t *sample_file(size_t *size) {
    gguf_builder builder = {0};
    add_metadata(&builder);
    add_tensors(&builder);
    gguf_add_crcs(&builder);
    return gguf_finish(&builder, size);
}
