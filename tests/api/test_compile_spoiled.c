/*
 * Compiled weight files that were changed or damaged: what was changed is refused by name, and no
 * byte is trusted.
 */
#define _XOPEN_SOURCE 700 /* posix_memalign() */
#include "base/bytes.h"
#include "compiled_file.h"
#include "gguf/gguf.h" /* to find what is spoiled in a file */

/* ---- spoiled files ---- */

/* Where `bytes` first stand in the file. */
static uint8_t *find_in(file_bytes file, const void *bytes, size_t size) {
    for (size_t at = 0; at + size <= file.size; at++) {
        if (memcmp(file.bytes + at, bytes, size) == 0) {
            return file.bytes + at;
        }
    }
    ck_abort_msg("not in the file");
}

/* The value of a metadata key, behind its type. */
static uint8_t *value_of(file_bytes file, const char *key) {
    return find_in(file, key, strlen(key)) + strlen(key) + 4;
}

/* What stands behind the name of a tensor: the number of dimensions, 3 sizes of panels, the type,
 * the offset. */
static uint8_t *description_of(file_bytes file, const char *name) {
    return find_in(file, name, strlen(name)) + strlen(name);
}

#define PANEL_TYPE (4 + 3 * 8)

static file_bytes small_bf16(void) {
    how h = {DP_PRECISION_BF16, DP_TARGET_PLAIN, DP_CPU_ALL};
    return compile_golden(LABELLED_MODEL, h);
}

/* A change of one byte in the value of a key, and the words that must name it. */
static const struct {
    const char *key;
    uint8_t value;
    dp_status status;
    const char *word, *other;
} values[] = {
    {"dualpath.compiled.version", 1, DP_ERR_UNSUPPORTED, "version 1", "compile the model again"},
    {"dualpath.compiled.version", 3, DP_ERR_UNSUPPORTED, "version 3", "compile the model again"},
    {"dualpath.compiled.version", 0, DP_ERR_UNSUPPORTED, "version 0", "reads version 2"},
    {"dualpath.compiled.mlp_width", 255, DP_ERR_FORMAT, "fc1", "shape"},
    {"dualpath.compiled.mlp_width", 0, DP_ERR_FORMAT, "mlp_width", "must be 1"},
    {"dualpath.compiled.feature_size", 255, DP_ERR_FORMAT, "projection", "shape"},
    {"dualpath.compiled.head_width", 255, DP_ERR_FORMAT, "head.hidden", "shape"},
    {"dualpath.compiled.head_width", 0, DP_ERR_FORMAT, "head", "one is missing"},
    {"dualpath.compiled.classes", 255, DP_ERR_FORMAT, "labels", "255"},
    {"dualpath.compiled.bottleneck.s1", 0, DP_ERR_FORMAT, "adapter_down_attn|adapter_up_attn",
     "no place"},
    {"dualpath.compiled.bottleneck.t0", 255, DP_ERR_FORMAT, "", "255"},
    {"dualpath.compiled.projection", 0, DP_ERR_FORMAT, "need a projection", "missing"},
    {"dualpath.block_count", 255, DP_ERR_FORMAT, "block.", "missing"},
    {"dualpath.block_count", 1, DP_ERR_FORMAT, "block.1.", "no place"},
    {"dualpath.frames", 240, DP_ERR_FORMAT, "position_table.temporal", "shape"},
};

static bool mentions(const char *message, const char *words) {
    char copy[128];
    (void)snprintf(copy, sizeof copy, "%s", words);
    if (copy[0] == '\0') {
        return true;
    }
    for (char *word = strtok(copy, "|"); word != NULL; word = strtok(NULL, "|")) {
        if (strstr(message, word) != NULL) {
            return true;
        }
    }
    return false;
}

START_TEST(changed_sizes_are_refused) {
    file_bytes file = small_bf16();
    dp_model *model = NULL;
    *value_of(file, values[_i].key) = values[_i].value;
    dp_status status = dp_model_open_memory(file.bytes, file.size, NULL, &model);
    const char *message = dp_last_message();
    ck_assert_msg(status == values[_i].status, "%s = %d: %s, %s", values[_i].key, values[_i].value,
                  dp_status_name(status), message);
    ck_assert_msg(mentions(message, values[_i].word) && mentions(message, values[_i].other),
                  "%s = %d: %s", values[_i].key, values[_i].value, message);
    free(file.block);
}
END_TEST

START_TEST(unknown_names_are_refused) {
    file_bytes file = small_bf16();
    uint8_t *target = value_of(file, "dualpath.compiled.target") + 8;
    uint8_t *precision = value_of(file, "dualpath.compiled.precision") + 8;
    memcpy(target, "risc9", 5);
    refuse_bytes(file, NULL, DP_ERR_UNSUPPORTED, "\"risc9\"", "this machine reads plain, rows");
    memcpy(target, "plain", 5);
    memcpy(precision, "fp16", 4);
    refuse_bytes(file, NULL, DP_ERR_UNSUPPORTED, "\"fp16\"", DP_VERSION_STRING);
    memcpy(precision, "bf16", 4);
    memcpy(value_of(file, "dualpath.compiled.file_type") + 8, "f99", 3);
    refuse_bytes(file, NULL, DP_ERR_FORMAT, "\"f99\"", "file_type");
    free(file.block);
}
END_TEST

START_TEST(a_version_is_a_number) {
    file_bytes file = small_bf16();
    value_of(file, "dualpath.compiled.version")[-4] = DPI_VALUE_I32;
    refuse_bytes(file, NULL, DP_ERR_FORMAT, "dualpath.compiled.version", "must be u32");
    free(file.block);
}
END_TEST

START_TEST(missing_keys_are_refused) {
    static const char *const keys[] = {
        "dualpath.compiled.target",        "dualpath.compiled.precision",
        "dualpath.compiled.mlp_width",     "dualpath.compiled.feature_size",
        "dualpath.compiled.head_width",    "dualpath.compiled.classes",
        "dualpath.compiled.projection",    "dualpath.compiled.pre_norm",
        "dualpath.compiled.bottleneck.t2", "dualpath.compiled.parameters",
        "dualpath.compiled.file_type",     "dualpath.compiled.adapter_parameters"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        file_bytes file = small_bf16();
        *find_in(file, keys[i], strlen(keys[i])) = 'x';
        refuse_bytes(file, NULL, DP_ERR_FORMAT, keys[i], "missing");
        free(file.block);
    }
}
END_TEST

START_TEST(spoiled_tensors_are_refused) {
    static const char panels[] = "block.0.spatial.fc1.panels";
    file_bytes file = small_bf16();
    uint8_t *about = description_of(file, panels);
    about[PANEL_TYPE] = DPI_TENSOR_F16;
    refuse_bytes(file, NULL, DP_ERR_FORMAT, panels, "f16, expected bf16");
    about[PANEL_TYPE] = DPI_TENSOR_BF16;
    uint8_t sides[16];
    memcpy(sides, about + 12, 16); /* as many numbers, in another shape */
    memcpy(about + 12, sides + 8, 8);
    memcpy(about + 20, sides, 8);
    refuse_bytes(file, NULL, DP_ERR_FORMAT, panels, "expected [");
    memcpy(about + 12, sides, 16);
    about[-1] = 'x';
    refuse_bytes(file, NULL, DP_ERR_FORMAT, panels, "missing");
    free(file.block);
}
END_TEST

/* With a smaller alignment, tensors may stand where kernels do not read them. */
START_TEST(misplaced_tensors_are_refused) {
    file_bytes whole = small_bf16();
    file_bytes file = copy_bytes(whole.bytes, whole.size, 0);
    file.size += 32;
    dpi_gguf gguf;
    dpi_message message;
    *value_of(file, "general.alignment") = 32;
    ck_assert_int_eq(dpi_gguf_parse(file.bytes, file.size, NULL, &gguf, &message), DP_OK);
    const dpi_tensor *last = &gguf.tensors[gguf.tensor_count - 1];
    if ((size_t)(last->data - file.bytes) % 64 == 0) {
        uint8_t *end = (uint8_t *)(uintptr_t)last->name.bytes + last->name.length;
        end[4 + 8 * last->dims + 4] += 32;
    }
    dpi_gguf_free(&gguf);
    refuse_bytes(file, NULL, DP_ERR_FORMAT, "begins at byte", "multiple of 64");
    free(file.block);
    free(whole.block);
}
END_TEST

START_TEST(damaged_weights_are_found_when_verified) {
    file_bytes file = small_bf16();
    dp_model_options options;
    dp_model_options_default(&options);
    options.verify = 1;
    dp_model_close(open_bytes(file, &options));
    file.bytes[file.size - 65] ^= 1;
    refuse_bytes(file, &options, DP_ERR_CHECKSUM, "block.1.temporal.adapter_up_mlp", "CRC-32");
    dp_model_close(open_bytes(file, NULL)); /* nothing looks at weights unasked */
    free(file.block);
}
END_TEST

START_TEST(shorter_files_are_refused) {
    file_bytes file = small_bf16();
    size_t step = unless_brief(97, 4001);
    for (size_t size = 0; size + 64 < file.size; size += 1 + random_below((uint32_t)step)) {
        file_bytes cut = copy_bytes(file.bytes, size, 0);
        dp_model *model = NULL;
        ck_assert_int_eq(dp_model_open_memory(cut.bytes, cut.size, NULL, &model), DP_ERR_FORMAT);
        ck_assert_ptr_null(model);
        free(cut.block);
    }
    free(file.block);
}
END_TEST

/* Whatever a byte of the front part becomes, opening ends well: under sanitizers, too. */
START_TEST(no_changed_byte_is_trusted) {
    file_bytes file = small_bf16();
    size_t front = (size_t)(description_of(file, "head.output.panels") - file.bytes);
    size_t opened = 0;
    for (size_t i = 0; i < unless_brief(20000, 200); i++) {
        uint8_t *byte = &file.bytes[random_below((uint32_t)front)];
        uint8_t old = *byte;
        dp_model *model = NULL;
        *byte = (uint8_t)random_below(256);
        if (dp_model_open_memory(file.bytes, file.size, NULL, &model) == DP_OK) {
            opened++;
            ck_assert_int_eq(info_of(model).compiled, 1);
        }
        dp_model_close(model);
        *byte = old;
    }
    ck_assert_uint_gt(opened, 0);
    free(file.block);
}
END_TEST

/* Bytes are what compiled files have; as weights of a canonical one they mean nothing. */
START_TEST(bytes_are_not_canonical_weights) {
    static const char name[] = "block.0.mlp.up.weight";
    size_t size = 0;
    uint8_t *bytes = read_golden(LABELLED_MODEL, &size);
    file_bytes file = copy_bytes(bytes, size, 0);
    description_of(file, name)[4 + 2 * 8] = DPI_TENSOR_I8;
    refuse_bytes(file, NULL, DP_ERR_FORMAT, name, "i8");
    free(file.block);
    free(bytes);
}
END_TEST

static Suite *spoiled_suite(void) {
    Suite *suite = suite_create("compile_spoiled");
    TCase *spoiled = add_case(suite, "spoiled files", 300, random_restart, NULL);
    tcase_add_loop_test(spoiled, changed_sizes_are_refused, 0, (int)COUNT(values));
    tcase_add_test(spoiled, unknown_names_are_refused);
    tcase_add_test(spoiled, a_version_is_a_number);
    tcase_add_test(spoiled, missing_keys_are_refused);
    tcase_add_test(spoiled, spoiled_tensors_are_refused);
    tcase_add_test(spoiled, misplaced_tensors_are_refused);
    tcase_add_test(spoiled, damaged_weights_are_found_when_verified);
    tcase_add_test(spoiled, shorter_files_are_refused);
    tcase_add_test(spoiled, no_changed_byte_is_trusted);
    tcase_add_test(spoiled, bytes_are_not_canonical_weights);
    return suite;
}

int main(void) {
    if (!dpi_is_little_endian()) {
        printf("skipped: compiled files are for little-endian machines\n");
        return 0;
    }
    random_seed("test_compile_spoiled");
    return run_suite(spoiled_suite());
}
