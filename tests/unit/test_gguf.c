/*
 * lib/model's reader of weight files, whole files: sound ones are read exactly, at any address;
 * damaged and cut ones do no harm, and neither does memory that runs out.
 */
#define _POSIX_C_SOURCE 200809L /* posix_memalign() */
#include "gguf/emit.h"
#include "gguf_samples.h"
#include "test_allocator.h"

#include <math.h>

/* ---- sound files ---- */

static dpi_watch nobody;

static void check_metadata(const dpi_gguf *gguf) {
    uint32_t number = 0;
    float value = 0;
    bool yes = false;
    bool no = true;
    dpi_text text = {0};
    float read[3];
    ck_assert_int_eq(dpi_gguf_u32(gguf, "test.u32", true, 1, UINT32_MAX, &number, &message), DP_OK);
    ck_assert_uint_eq(number, 4000000000u);
    ck_assert_int_eq(dpi_gguf_f32(gguf, "test.f32", true, &value, &message), DP_OK);
    ck_assert(value == -0.5f);
    ck_assert_int_eq(dpi_gguf_bool(gguf, "test.true", true, &yes, &message), DP_OK);
    ck_assert_int_eq(dpi_gguf_bool(gguf, "test.false", true, &no, &message), DP_OK);
    ck_assert(yes && !no);
    ck_assert_int_eq(dpi_gguf_text(gguf, "general.architecture", true, &text, &message), DP_OK);
    ck_assert(text_is(text, "dualpath"));
    ck_assert_int_eq(dpi_gguf_text(gguf, "test.empty", true, &text, &message), DP_OK);
    ck_assert(text_is(text, ""));
    ck_assert_int_eq(dpi_gguf_f32_array(gguf, "test.means", true, 3, read, &message), DP_OK);
    ck_assert_mem_eq(read, sample_means, sizeof sample_means);
}

static void check_labels(const dpi_gguf *gguf) {
    bool present = false;
    size_t count = 0;
    size_t cursor = 0;
    ck_assert_int_eq(dpi_gguf_text_array(gguf, "test.labels", &present, &count, &cursor, &message),
                     DP_OK);
    ck_assert(present);
    ck_assert_uint_eq(count, COUNT(sample_labels));
    for (size_t i = 0; i < count; i++) {
        ck_assert(text_is(dpi_gguf_text_array_next(gguf, &cursor), sample_labels[i]));
    }
}

static void check_tensor(const dpi_gguf *gguf, const char *name, dpi_tensor_type type, size_t dims,
                         size_t count, float tolerance) {
    const dpi_tensor *tensor = dpi_gguf_tensor(gguf, name);
    float values[COUNT(sample_values)];
    ck_assert_ptr_nonnull(tensor);
    ck_assert(text_is(tensor->name, name));
    ck_assert_int_eq(tensor->type, type);
    ck_assert_uint_eq(tensor->dims, dims);
    ck_assert_int_eq(dpi_tensor_check(tensor, &nobody, &message), DP_OK);
    ck_assert_int_eq(dpi_tensor_read(tensor, 0, count, values, &message), DP_OK);
    for (size_t i = 0; i < count; i++) {
        ck_assert_float_le(fabsf(values[i] - sample_values[i]), tolerance);
    }
}

START_TEST(sound_files_are_read_at_any_address) {
    size_t size;
    uint8_t *bytes = sample_file(&size);
    uint8_t *copy;
    dpi_gguf gguf;
    ck_assert_msg(parse(bytes, size, (size_t)_i, &copy, &gguf) == DP_OK, "%s", message.text);
    check_metadata(&gguf);
    check_labels(&gguf);
    ck_assert_uint_eq(gguf.tensor_count, 5);
    ck_assert(gguf.has_crcs);
    check_tensor(&gguf, "vector", DPI_TENSOR_F32, 1, 7, 0);
    check_tensor(&gguf, "half", DPI_TENSOR_F16, 2, 15, 0);
    check_tensor(&gguf, "brain", DPI_TENSOR_BF16, 2, 12, 0);
    check_tensor(&gguf, "blocks", DPI_TENSOR_Q8_0, 4, 128, 8.0f / 127);
    check_tensor(&gguf, "a", DPI_TENSOR_F32, 2, 4, 0);
    dpi_gguf_free(&gguf);
    free(copy);
    free(bytes);
}
END_TEST

START_TEST(shapes_are_rows_first) {
    gguf_builder builder = {0};
    add_tensors(&builder);
    uint8_t *bytes;
    dpi_gguf gguf = accept_built(&builder, &bytes);
    const dpi_tensor *half = dpi_gguf_tensor(&gguf, "half");
    const dpi_tensor *blocks = dpi_gguf_tensor(&gguf, "blocks");
    ck_assert_uint_eq(half->shape[0], 3);
    ck_assert_uint_eq(half->shape[1], 5);
    ck_assert_uint_eq(half->bytes, 30);
    ck_assert_uint_eq(blocks->shape[0], 2);
    ck_assert_uint_eq(blocks->shape[3], 32);
    ck_assert_uint_eq(blocks->bytes, 4 * 34);
    ck_assert_ptr_eq(half, &gguf.tensors[1]);
    ck_assert_ptr_null(dpi_gguf_tensor(&gguf, "hal"));
    ck_assert_ptr_null(dpi_gguf_tensor(&gguf, "halff"));
    ck_assert_ptr_null(dpi_gguf_tensor(&gguf, ""));
    ck_assert(!gguf.has_crcs && !half->has_crc);
    ck_assert_int_eq(dpi_tensor_check(half, &nobody, &message), DP_OK);
    dpi_gguf_free(&gguf);
    free(bytes);
}
END_TEST

START_TEST(a_file_without_anything_is_sound) {
    gguf_builder builder = {0};
    uint8_t *bytes;
    dpi_gguf gguf = accept_built(&builder, &bytes);
    uint32_t number = 7;
    ck_assert_uint_eq(gguf.tensor_count, 0);
    ck_assert_ptr_null(dpi_gguf_tensor(&gguf, "x"));
    ck_assert_int_eq(dpi_gguf_u32(&gguf, "x", false, 0, 1, &number, &message), DP_OK);
    ck_assert_uint_eq(number, 7);
    dpi_gguf_free(&gguf);
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
    dpi_gguf gguf = accept_built(&builder, &bytes);
    for (size_t i = 0; i < gguf.tensor_count; i++) {
        ck_assert_uint_eq((size_t)(gguf.tensors[i].data - bytes) % alignments[_i], 0);
        ck_assert_int_eq(dpi_tensor_check(&gguf.tensors[i], &nobody, &message), DP_OK);
    }
    dpi_gguf_free(&gguf);
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
    dpi_gguf gguf = accept_built(&builder, &bytes);
    for (uint32_t i = 0; i < 65536; i++) {
        (void)snprintf(name, sizeof name, "tensor.%u", i);
        const dpi_tensor *tensor = dpi_gguf_tensor(&gguf, name);
        ck_assert_ptr_nonnull(tensor);
        ck_assert(text_is(tensor->name, name));
    }
    dpi_gguf_free(&gguf);
    free(bytes);
}
END_TEST

/* ---- damage ---- */

/* Everything in the file that can be looked at, as an engine would; errors are fine. */
static void touch_everything(const dpi_gguf *gguf) {
    dpi_message ignored;
    float values[32];
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        const dpi_tensor *tensor = &gguf->tensors[i];
        size_t count = 1;
        for (size_t d = 0; d < tensor->dims; d++) {
            count *= (size_t)tensor->shape[d];
        }
        size_t step = count % 32 == 0 ? 32 : 1;
        for (size_t first = 0; first < count; first += step) {
            (void)dpi_tensor_read(tensor, first, step, values, &ignored);
        }
        (void)dpi_tensor_check(tensor, &nobody, &ignored);
    }
    bool present;
    size_t count;
    size_t cursor;
    (void)dpi_gguf_text_array(gguf, "test.labels", &present, &count, &cursor, &ignored);
    for (size_t i = 0; i < count; i++) {
        dpi_text text = dpi_gguf_text_array_next(gguf, &cursor);
        (void)dpi_text_printable(text);
    }
}

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
        dpi_gguf gguf;
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
        dpi_gguf gguf;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (parse(bytes, size, 0, &copy, &gguf) == DP_OK) {
            touch_everything(&gguf);
            dpi_gguf_free(&gguf);
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
        dpi_gguf gguf;
        if (dpi_gguf_parse(copy, size, NULL, &gguf, &message) == DP_OK) {
            touch_everything(&gguf);
            dpi_gguf_free(&gguf);
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
        dpi_gguf gguf;
        test_allocator_init(&failing);
        failing.fail_at = ++fail_at;
        status = dpi_gguf_parse(bytes, size, &failing.allocator, &gguf, &message);
        if (status == DP_OK) {
            dpi_gguf_free(&gguf);
        } else {
            ck_assert_int_eq(status, DP_ERR_MEMORY);
            ck_assert_ptr_nonnull(strstr(message.text, "cannot allocate"));
        }
        ck_assert_uint_eq(failing.blocks, 0);
        ck_assert_int_eq(failing.mistakes, 0);
    }
    ck_assert_uint_gt(fail_at, 2);
    free(bytes);
}
END_TEST

/* ---- writing ---- */

static dp_status count_bytes(void *user, const void *bytes, size_t size, dpi_message *unused) {
    (void)bytes, (void)unused;
    *(uint64_t *)user += size;
    return DP_OK;
}

/* A file with a key and a tensor, of which other bytes may be written than were described. */
static dp_status emit_file(dpi_emitter *to, const dpi_tensor *described,
                           const dpi_tensor *written) {
    dpi_emit_header(to);
    dpi_emit_u32(to, "key", 7);
    dpi_emit_description(to, described);
    dpi_emit_data_begin(to);
    dpi_emit_data(to, written);
    return dpi_emit_end(to);
}

START_TEST(files_that_are_not_what_their_header_says_are_an_error) {
    static const uint8_t data[80];
    const dpi_tensor small = {.name = {"t", 1},
                              .type = DPI_TENSOR_I8,
                              .dims = 1,
                              .shape = {16},
                              .data = data,
                              .bytes = 16};
    dpi_tensor large = small;
    large.bytes = sizeof data;
    dpi_emitter counted = {.message = &message};
    ck_assert_int_eq(emit_file(&counted, &small, &small), DP_OK);
    uint64_t bytes = 0;
    dpi_sink sink = {count_bytes, &bytes};
    dpi_emitter sound = {
        .sink = &sink, .watch = &nobody, .message = &message, .expected = counted.emitted};
    dpi_emitter other = sound;
    ck_assert_int_eq(emit_file(&sound, &small, &small), DP_OK);
    ck_assert_uint_eq(bytes, counted.emitted.bytes);
    other.expected.entries++;
    ck_assert_int_eq(emit_file(&other, &small, &small), DP_ERR_IO);
    ck_assert_str_eq(message.text, "what was written is not what the header says");
    dpi_emitter counting = {.message = &message};
    ck_assert_int_eq(emit_file(&counting, &small, &large), DP_ERR_IO);
}
END_TEST

static Suite *gguf_suite(void) {
    Suite *suite = suite_create("gguf");
    TCase *sound = add_case(suite, "sound files", 60, NULL, NULL);
    tcase_add_loop_test(sound, sound_files_are_read_at_any_address, 0, 9);
    tcase_add_test(sound, shapes_are_rows_first);
    tcase_add_test(sound, a_file_without_anything_is_sound);
    tcase_add_loop_test(sound, alignments_are_followed, 0, 6);
    tcase_add_loop_test(sound, the_largest_file_is_read_quickly, 0, 2);

    TCase *damage = add_case(suite, "damage", 120, random_restart, NULL);
    tcase_add_test(damage, a_file_cut_anywhere_is_refused);
    tcase_add_test(damage, flipped_bits_do_no_harm);
    tcase_add_test(damage, random_damage_does_no_harm);
    tcase_add_test(damage, every_allocation_may_fail);
    TCase *writing = add_case(suite, "writing", 60, NULL, NULL);
    tcase_add_test(writing, files_that_are_not_what_their_header_says_are_an_error);
    return suite;
}

int main(void) {
    random_seed("test_gguf");
    return run_suite(gguf_suite());
}
