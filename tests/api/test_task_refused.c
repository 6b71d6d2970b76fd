/*
 * Tasks and backbones that do not go together, files that contradict themselves, and damaged ones.
 */
#define _GNU_SOURCE
#include "task_halves.h"

/* ---- what does not go together ---- */

/* Opening must fail so, with these words in the message. */
static void refuse(dp_model *backbone, const uint8_t *bytes, size_t size,
                   const dp_model_options *options, dp_status expected, const char *words) {
    dp_model *model = (dp_model *)(uintptr_t)1;
    dp_status status = dp_model_open_task_memory(backbone, bytes, size, options, &model);
    ck_assert_msg(status == expected, "%s: %s", dp_status_name(status), dp_last_message());
    ck_assert_ptr_null(model);
    ck_assert_msg(strstr(dp_last_message(), words) != NULL, "%s", dp_last_message());
}

START_TEST(other_backbones_are_refused_by_name) {
    size_t size = 0;
    uint8_t *bytes = read_golden("quantised-q8_0.gguf", &size);
    dp_model *other = NULL;
    files.options.as_backbone = 1;
    ck_assert_int_eq(dp_model_open_memory(bytes, size, &files.options, &other), DP_OK);
    refuse(other, files.split.task, files.split.task_size, NULL, DP_ERR_BACKBONE, files.split.hash);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), info_of(other).backbone));
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "\"split\""));
    ck_assert_str_ne(info_of(other).backbone, files.split.hash);
    ck_assert_uint_eq(strlen(info_of(other).backbone), 16);
    dp_model_close(other);
    free(bytes);
}
END_TEST

START_TEST(tasks_need_a_backbone) {
    dp_model *model = NULL;
    dp_model *alone = open_whole();
    ck_assert_int_eq(dp_model_open_memory(files.split.task, files.split.task_size, NULL, &model),
                     DP_ERR_BACKBONE);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), files.split.hash));
    refuse(NULL, files.split.task, files.split.task_size, NULL, DP_ERR_ARGUMENT,
           "backbone is NULL");
    refuse(alone, files.split.task, files.split.task_size, NULL, DP_ERR_BACKBONE, "as_backbone");
    dp_model *backbone = open_backbone();
    refuse(backbone, files.whole, files.whole_size, NULL, DP_ERR_BACKBONE, "not a task");
    refuse(backbone, NULL, 0, NULL, DP_ERR_ARGUMENT, "NULL");
    ck_assert_int_eq(dp_model_open_task(backbone, NULL, NULL, &model), DP_ERR_ARGUMENT);
    ck_assert_int_eq(dp_model_open_task_reader(backbone, NULL, NULL, &model), DP_ERR_ARGUMENT);
    ck_assert_int_eq(dp_model_open_task(backbone, "", NULL, NULL), DP_ERR_ARGUMENT);
    dp_model_close(backbone);
    dp_model_close(alone);
}
END_TEST

START_TEST(tasks_compute_as_their_backbone) {
    static const struct {
        int32_t precision, target, unfused, as_backbone;
        uint32_t cpu_mask;
        const char *words;
    } wrong[] = {
        {77, 0, 0, 0, DP_CPU_ALL, "precision is 77"},
        {DP_PRECISION_BF16, 0, 0, 0, DP_CPU_ALL, "backbone, f32, and bf16"},
        {0, DP_TARGET_ROWS, 0, 0, DP_CPU_ALL, "rows"},
        {0, 0, 1, 0, DP_CPU_ALL, "unfused"},
        {0, 0, 0, 1, DP_CPU_ALL, "as_backbone"},
        {0, 0, 0, 0, DP_CPU_AVX2, "cpu_mask"},
    };
    files.options.cpu_mask = 0;
    dp_model *backbone = open_backbone();
    for (size_t i = 0; i < COUNT(wrong); i++) {
        dp_model_options options;
        dp_model_options_default(&options);
        options.precision = wrong[i].precision;
        options.target = wrong[i].target;
        options.unfused = wrong[i].unfused;
        options.as_backbone = wrong[i].as_backbone;
        options.cpu_mask = wrong[i].cpu_mask;
        refuse(backbone, files.split.task, files.split.task_size, &options, DP_ERR_ARGUMENT,
               wrong[i].words);
    }
    dp_model *task = NULL;
    files.options.precision = DP_PRECISION_F32;
    files.options.target = DP_TARGET_PLAIN;
    ck_assert_int_eq(dp_model_open_task_memory(backbone, files.split.task, files.split.task_size,
                                               &files.options, &task),
                     DP_OK);
    ck_assert_str_eq(info_of(task).kernels, info_of(backbone).kernels);
    dp_model_close(task);
    dp_model_close(backbone);
}
END_TEST

/* What is said once more of an unfused backbone is no contradiction. */
START_TEST(tasks_of_unfused_backbones_may_say_so) {
    dp_model_options options;
    dp_model *task = NULL;
    files.options.cpu_mask = 0;
    files.options.unfused = 1;
    dp_model *backbone = open_backbone();
    dp_model_options_default(&options);
    options.unfused = 1;
    ck_assert_int_eq(dp_model_open_task_memory(backbone, files.split.task, files.split.task_size,
                                               &options, &task),
                     DP_OK);
    dp_model_close(task);
    options.cpu_mask = DP_CPU_AVX2;
    refuse(backbone, files.split.task, files.split.task_size, &options, DP_ERR_ARGUMENT,
           "cpu_mask is not that");
    dp_model_close(backbone);
}
END_TEST

/* ---- files that contradict themselves ---- */

/* The task with `from` become `to`, of the same length, everywhere. */
static uint8_t *replace(const char *from, const char *to, size_t length) {
    uint8_t *bytes = must(malloc(files.split.task_size), "memory");
    size_t found = 0;
    memcpy(bytes, files.split.task, files.split.task_size);
    for (size_t i = 0; i + length <= files.split.task_size; i++) {
        if (memcmp(bytes + i, from, length) == 0) {
            memcpy(bytes + i, to, length);
            found++;
        }
    }
    ck_assert_uint_gt(found, 0);
    return bytes;
}

static void refuse_replaced(const char *from, const char *to, size_t length, dp_status expected,
                            const char *words) {
    dp_model *backbone = open_backbone();
    uint8_t *bytes = replace(from, to, length);
    refuse(backbone, bytes, files.split.task_size, NULL, expected, words);
    free(bytes);
    dp_model_close(backbone);
}

START_TEST(contradictions_are_refused) {
    static const struct {
        const char *from, *to;
        dp_status status;
        const char *words;
    } wrong[] = {
        {"class_token", "class_tokem", DP_ERR_FORMAT, "class_token"},
        {"class_token", "patch.biass", DP_ERR_FORMAT, "class_token"},
        {"dualpath.backbone.hash", "dualpath.backbone.hush", DP_ERR_BACKBONE, "not a task"},
        {"block.1.adapter.t2.down.bias", "block.9.adapter.t2.down.bias", DP_ERR_FORMAT, "block."},
        {"head.output.bias", "norm.output.bias", DP_ERR_FORMAT, "output.bias"},
        {"quick_gelu", "relu_gelu_", DP_ERR_FORMAT, "activation"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        refuse_replaced(wrong[i].from, wrong[i].to, strlen(wrong[i].from), wrong[i].status,
                        wrong[i].words);
    }
}
END_TEST

/* The task in which two keys of the same length have changed places. */
static uint8_t *swap_keys(const char *one, const char *other) {
    size_t length = strlen(one);
    uint8_t *bytes = replace(one, other, length);
    for (size_t i = 0; i + length <= files.split.task_size; i++) {
        if (memcmp(files.split.task + i, other, length) == 0) {
            memcpy(bytes + i, one, length);
        }
    }
    return bytes;
}

START_TEST(a_hash_is_a_text_of_sixteen_digits) {
    static const struct {
        const char *other;
        dp_status status;
        const char *words;
    } wrong[] = {
        {"dualpath.sampling_rate", DP_ERR_FORMAT, "'dualpath.backbone.hash' is of type u32"},
        {"dualpath.backbone.name", DP_ERR_BACKBONE, "a task of backbone split"},
    };
    dp_model *backbone = open_backbone();
    for (size_t i = 0; i < COUNT(wrong); i++) {
        uint8_t *bytes = swap_keys("dualpath.backbone.hash", wrong[i].other);
        refuse(backbone, bytes, files.split.task_size, NULL, wrong[i].status, wrong[i].words);
        free(bytes);
    }
    dp_model_close(backbone);
}
END_TEST

/* What a task says of the frozen blocks is what their file says. */
START_TEST(tasks_agree_with_their_blocks) {
    static const struct {
        const char *key;
        uint32_t value;
    } wrong[] = {{"dualpath.patch_size", 1},
                 {"dualpath.block_count", 1},
                 {"dualpath.attention.head_count", 1}};
    dp_model *backbone = open_backbone();
    for (size_t i = 0; i < COUNT(wrong); i++) {
        size_t length = strlen(wrong[i].key);
        uint8_t *bytes = replace(wrong[i].key, wrong[i].key, length);
        for (size_t at = 0; at + length + 8 <= files.split.task_size; at++) {
            if (memcmp(bytes + at, wrong[i].key, length) == 0) {
                bytes[at + length + 4] = (uint8_t)wrong[i].value;
            }
        }
        refuse(backbone, bytes, files.split.task_size, NULL, DP_ERR_BACKBONE, wrong[i].key);
        free(bytes);
    }
    dp_model_close(backbone);
}
END_TEST

/* Of a file that ends anywhere, or has a byte that is another, no part is believed. */
START_TEST(damaged_tasks_do_no_harm) {
    dp_model *backbone = open_backbone();
    for (size_t i = 0; i < unless_brief(3000, 50); i++) {
        size_t size =
            i % 2 == 0 ? random_below((uint32_t)files.split.task_size) : files.split.task_size;
        uint8_t *bytes = guarded_bytes(size + 1, 1);
        memcpy(bytes + 1, files.split.task, size);
        if (i % 2 == 1) {
            /* most of what can be wrong stands in front of the numbers */
            bytes[1 + random_below(8192) % size] ^= (uint8_t)(1 + random_below(255));
        }
        dp_model *task = NULL;
        (void)dp_model_open_task_memory(backbone, bytes + 1, size, NULL, &task);
        dp_model_close(task);
        guarded_end();
    }
    dp_model_close(backbone);
}
END_TEST

/* A backbone without checksums has no hash. */
START_TEST(backbones_carry_checksums) {
    dp_model *model = NULL;
    static const char key[] = "dualpath.tensor_crc32";
    for (size_t at = 0; at + sizeof key <= files.split.backbone_size; at++) {
        if (memcmp(files.split.backbone + at, key, sizeof key - 1) == 0) {
            files.split.backbone[at]++;
        }
    }
    files.options.as_backbone = 1;
    ck_assert_int_eq(dp_model_open_memory(files.split.backbone, files.split.backbone_size,
                                          &files.options, &model),
                     DP_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), key));
    files.options.as_backbone = 0;
    ck_assert_int_eq(dp_model_open_memory(files.split.backbone, files.split.backbone_size,
                                          &files.options, &model),
                     DP_OK);
    ck_assert_str_eq(info_of(model).backbone, "");
    dp_model_close(model);
}
END_TEST

static Suite *refused_suite(void) {
    Suite *suite = suite_create("tasks refused");
    TCase *refused = add_case(suite, "refused", 120, set_up, unload);
    tcase_add_test(refused, other_backbones_are_refused_by_name);
    tcase_add_test(refused, tasks_need_a_backbone);
    tcase_add_test(refused, tasks_compute_as_their_backbone);
    tcase_add_test(refused, tasks_of_unfused_backbones_may_say_so);
    tcase_add_test(refused, contradictions_are_refused);
    tcase_add_test(refused, a_hash_is_a_text_of_sixteen_digits);
    tcase_add_test(refused, tasks_agree_with_their_blocks);
    tcase_add_test(refused, damaged_tasks_do_no_harm);
    tcase_add_test(refused, backbones_carry_checksums);
    return suite;
}

int main(void) {
    random_seed("test_task_refused");
    return run_suite(refused_suite());
}
