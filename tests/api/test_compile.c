/*
 * Compiled weight files: they answer as the files they were made of, bit for bit; what is asked of
 * them and not there is refused; writers may take little, or fail. Machines that cannot use them
 * refuse them.
 */
#define _XOPEN_SOURCE 700 /* posix_memalign() */
#include "compiled_file.h"
#include "model/compile.h"

/* ---- the same answers ---- */

#define AVX2_MASK (DP_CPU_AVX2 | DP_CPU_VNNI)

/* Targets with what reads them: its own canonical panels have that layout. */
static const struct {
    dp_target target;
    uint32_t cpu_mask;
    bool is_native;
} targets[] = {{DP_TARGET_PLAIN, 0, true},
               {DP_TARGET_ROWS, 0, false},
               {DP_TARGET_AVX2, AVX2_MASK, true},
               {DP_TARGET_AVX512, DP_CPU_ALL, true},
               {DP_TARGET_NEON, ~(uint32_t)AVX2_MASK, true}};

static const dp_precision precisions[] = {DP_PRECISION_F32, DP_PRECISION_BF16, DP_PRECISION_INT8};

/* Whether this machine has products for a target. */
static bool can_run(dp_target target, uint32_t cpu_mask) {
    dp_model *model = open_how(SMALL_MODEL, (how){DP_PRECISION_F32, (int)target, cpu_mask});
    size_t bytes;
    bool can = dp_session_size(model, NULL, &bytes) == DP_OK;
    dp_model_close(model);
    return can;
}

static const char *const goldens[] = {
    "released",           "released-t32",        "paper",
    "grid2-3d",           "plain-skip",          "skip-scaled",
    "widths-bf16",        "subset-f16",          "relu",
    "table-f16",          "crops-first",         "grid1",
    "features-bf16",      "frozen-f16",          "quantised-q8_0",
    "short-center",       "views-center",        "crops-uniform",
    "family/probe",       "family/features",     "family/vpt_deep",
    "family/vpt_shallow", "family/vpt_timm",     "family/adaptformer",
    "family/aim",         "family/aim_two",      "family/aim_widths",
    "family/aim_timm",    "family/aim_q8_0",     "family/st",
    "family/st_mlp_only", "family/st_attn_only", "family/st_3x3x3"};

static void compare_info(const dp_model_info *a, const dp_model_info *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->description, b->description);
    ck_assert_int_eq(a->precision, b->precision);
    ck_assert_str_eq(a->file_type, b->file_type);
    ck_assert_mem_eq(&a->input_size, &b->input_size,
                     offsetof(dp_model_info, weight_bytes) - offsetof(dp_model_info, input_size));
}

static void round_trip(const char *name, dp_precision precision, dp_target target,
                       uint32_t cpu_mask) {
    dp_model *canonical = open_how(name, (how){(int)precision, DP_TARGET_NATIVE, cpu_mask});
    file_bytes file = compile_golden(name, (how){(int)precision, (int)target, cpu_mask});
    dp_model_options options = options_of((how){DP_PRECISION_DEFAULT, DP_TARGET_NATIVE, cpu_mask});
    options.verify = 1;
    dp_model *compiled = open_bytes(file, &options);
    dp_model_info before = info_of(canonical);
    dp_model_info after = info_of(compiled);
    compare_info(&before, &after);
    ck_assert_int_eq(before.compiled, 0);
    ck_assert_int_eq(after.compiled, 1);
    ck_assert_int_eq(after.target, (int)target);
    for (int32_t i = 0; i < before.classes; i++) {
        ck_assert_str_eq(dp_model_label(canonical, i), dp_model_label(compiled, i));
    }
    answer expected = answer_of(canonical);
    answer got = answer_of(compiled);
    ck_assert_msg(same_bits(&expected, &got), "%s, %s for %s answers something else", name,
                  dp_precision_name(after.precision), dp_target_name(after.target));
    dp_model_close(compiled);
    dp_model_close(canonical);
    free(file.block);
}

START_TEST(compiled_models_answer_the_same) {
    char name[64];
    (void)snprintf(name, sizeof name, "%s.gguf", goldens[_i]);
    for (size_t t = 0; t < COUNT(targets); t++) {
        if (!can_run(targets[t].target, targets[t].cpu_mask)) {
            printf("skipped: nothing here reads %s\n", dp_target_name((int32_t)targets[t].target));
            continue;
        }
        for (size_t p = 0; p < COUNT(precisions); p++) {
            round_trip(name, precisions[p], targets[t].target, targets[t].cpu_mask);
        }
    }
}
END_TEST

START_TEST(native_is_what_is_chosen_here) {
    for (size_t t = 0; t < COUNT(targets); t++) {
        if (!targets[t].is_native || !can_run(targets[t].target, targets[t].cpu_mask)) {
            continue;
        }
        for (size_t p = 0; p < COUNT(precisions); p++) {
            how native = {(int)precisions[p], DP_TARGET_NATIVE, targets[t].cpu_mask};
            dp_model *model = open_how(SMALL_MODEL, native);
            ck_assert_int_eq(info_of(model).target, (int)targets[t].target);
            dp_model_close(model);
        }
    }
}
END_TEST
/* Whoever has fused multiply-adds writes the same bytes. */
START_TEST(files_do_not_depend_on_the_machine) {
    if (!can_run(DP_TARGET_AVX512, DP_CPU_ALL)) {
        printf("skipped: this machine has one family of instruction sets only\n");
        return;
    }
    for (size_t t = 0; t < COUNT(targets); t++) {
        for (size_t p = 0; p < COUNT(precisions); p++) {
            how here = {(int)precisions[p], (int)targets[t].target, DP_CPU_ALL};
            how there = {(int)precisions[p], (int)targets[t].target, DP_CPU_AVX2};
            expect_same_file(compile_golden(LABELLED_MODEL, here),
                             compile_golden(LABELLED_MODEL, there));
        }
    }
}
END_TEST

START_TEST(compiled_models_can_be_written_again) {
    file_bytes file = compile_golden(LABELLED_MODEL, (how){DP_PRECISION_INT8, 0, DP_CPU_ALL});
    dp_model *model = open_bytes(file, NULL);
    file_bytes again = compile(model);
    dp_model_close(model);
    expect_same_file(file, again);
}
END_TEST

/* ---- what is asked for and what is there ---- */

START_TEST(another_precision_is_refused) {
    file_bytes file = compile_golden(SMALL_MODEL, (how){DP_PRECISION_INT8, 0, DP_CPU_ALL});
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = DP_PRECISION_F32;
    refuse_bytes(file, &options, DP_ERR_UNSUPPORTED, "precision int8", "f32 was asked");
    options.precision = DP_PRECISION_BF16;
    refuse_bytes(file, &options, DP_ERR_UNSUPPORTED, "precision int8", "bf16 was asked");
    options.precision = DP_PRECISION_DEFAULT;
    options.unfused = 1;
    refuse_bytes(file, &options, DP_ERR_UNSUPPORTED, "fused", "canonical");
    options.unfused = 0;
    static const dp_precision fitting[] = {DP_PRECISION_INT8, DP_PRECISION_AUTO};
    for (size_t i = 0; i < COUNT(fitting); i++) {
        options.precision = (int32_t)fitting[i];
        dp_model *model = open_bytes(file, &options);
        ck_assert_int_eq(info_of(model).precision, DP_PRECISION_INT8);
        dp_model_close(model);
    }
    free(file.block);
}
END_TEST

START_TEST(another_target_is_refused) {
    file_bytes file = compile_golden(SMALL_MODEL, (how){0, DP_TARGET_AVX2, DP_CPU_ALL});
    dp_model_options options = options_of((how){0, DP_TARGET_NATIVE, 0});
    refuse_bytes(file, &options, DP_ERR_UNSUPPORTED, "compiled for avx2", "read plain, rows");
    options.target = DP_TARGET_PLAIN;
    refuse_bytes(file, &options, DP_ERR_UNSUPPORTED, "compiled for avx2", "plain was asked");
    options.target = DP_TARGET_AVX2;
    dp_model *model = open_bytes(file, &options);
    ck_assert_str_eq(info_of(model).kernels, "none");
    file_bytes again = compile(model);
    dp_session *session = NULL;
    size_t bytes = 1;
    ck_assert_int_eq(dp_session_create(model, NULL, &session), DP_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "laid out for avx2"));
    ck_assert_int_eq(dp_session_size(model, NULL, &bytes), DP_ERR_UNSUPPORTED);
    ck_assert_uint_eq(bytes, 0);
    dp_model_close(model);
    expect_same_file(file, again);
}
END_TEST

START_TEST(other_targets_are_refused) {
    static const int32_t others[] = {DP_TARGET_UNKNOWN, DP_TARGET_NEON + 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT(others); i++) {
        dp_model *model = NULL;
        dp_model_options options = options_of((how){0, others[i], DP_CPU_ALL});
        ck_assert_int_eq(dp_model_open(find_golden(SMALL_MODEL).text, &options, &model),
                         DP_ERR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), "target"));
    }
}
END_TEST

/* ---- writing ---- */

START_TEST(writers_may_take_little_at_a_time) {
    dp_model *model = open_how(SMALL_MODEL, (how){0, 0, DP_CPU_ALL});
    file_bytes file = compile(model);
    static const size_t most[] = {1, 2, 1009};
    for (size_t i = 0; i < COUNT(most); i++) {
        sink to = {.most = most[i]};
        dp_writer writer = {.write = take_bytes, .user = &to};
        ck_assert_int_eq(dp_model_compile_writer(model, &writer), DP_OK);
        ck_assert_uint_eq(to.all.size, file.size);
        ck_assert_mem_eq(to.all.bytes, file.bytes, file.size);
        gguf_free(&to.all);
    }
    free(file.block);
    dp_model_close(model);
}
END_TEST

START_TEST(failing_writers_are_reported) {
    static const int64_t failures[] = {0, -1, INT64_MIN, INT64_MAX};
    dp_model *model = open_how(SMALL_MODEL, (how){0, 0, DP_CPU_ALL});
    sink counted = {.most = 0};
    dp_writer writer = {.write = take_bytes, .user = &counted};
    ck_assert_int_eq(dp_model_compile_writer(model, &writer), DP_OK);
    gguf_free(&counted.all);
    for (size_t fail_at = 1; fail_at <= counted.calls; fail_at++) {
        sink to = {.fail_at = fail_at, .failure = failures[fail_at % COUNT(failures)]};
        writer.user = &to;
        ck_assert_int_eq(dp_model_compile_writer(model, &writer), DP_ERR_IO);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), "write callback"));
        ck_assert_uint_eq(to.calls, fail_at); /* it is not called again */
        gguf_free(&to.all);
    }
    dp_model_close(model);
}
END_TEST

START_TEST(only_fused_models_are_written) {
    sink to = {.most = 0};
    dp_writer writer = {.write = take_bytes, .user = &to};
    dp_model_options options;
    dp_model *model = NULL;
    dp_model_options_default(&options);
    options.unfused = 1;
    ck_assert_int_eq(dp_model_open(find_golden(SMALL_MODEL).text, &options, &model), DP_OK);
    ck_assert_int_eq(dp_model_compile_writer(model, &writer), DP_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "unfused"));
    ck_assert_uint_eq(to.calls, 0);
    ck_assert_int_eq(dp_model_compile_writer(NULL, &writer), DP_ERR_ARGUMENT);
    ck_assert_int_eq(dp_model_compile_writer(model, NULL), DP_ERR_ARGUMENT);
    writer.write = NULL;
    ck_assert_int_eq(dp_model_compile_writer(model, &writer), DP_ERR_ARGUMENT);
    dp_model_close(model);
}
END_TEST

/* Of GEMMs whose panels are those of no target. */
START_TEST(only_models_for_a_target_are_written) {
    struct dp_model model = {.fused = true, .target = DP_TARGET_NATIVE};
    dpi_message message;
    uint64_t size = 0;
    model.gemm_f32 = model.gemm = dpi_target_packing(DP_TARGET_PLAIN, DP_PRECISION_F32);
    ck_assert_int_eq(dpi_compiled_size(&model, &size, &message), DP_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(message.text, "choose a target"));
}
END_TEST

/* ---- big-endian machines ---- */

/* Weights of compiled files are used as they stand, so both ways are refused there. */
START_TEST(compiled_files_are_refused) {
    gguf_builder builder = {0};
    gguf_add_text(&builder, "general.architecture", "dualpath");
    gguf_add_u32(&builder, "dualpath.compiled.version", 2);
    file_bytes file = {NULL, NULL, 0};
    file.bytes = file.block = gguf_finish(&builder, &file.size);
    refuse_bytes(file, NULL, DP_ERR_UNSUPPORTED, "compiled files are for little-endian machines",
                 "open the canonical file");
    free(file.block);
}
END_TEST

START_TEST(nothing_is_compiled) {
    sink to = {.most = 0};
    dp_writer writer = {.write = take_bytes, .user = &to};
    dp_model *model = open_golden(LABELLED_MODEL);
    ck_assert_int_eq(dp_model_compile_writer(model, &writer), DP_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "little-endian"));
    ck_assert_uint_eq(to.all.size, 0);
    dp_model_close(model);
}
END_TEST

static Suite *compile_suite(void) {
    Suite *suite = suite_create("compile");
    TCase *same = add_case(suite, "the same answers", 300, random_restart, NULL);
    tcase_add_loop_test(same, compiled_models_answer_the_same, 0, (int)COUNT(goldens));
    tcase_add_test(same, native_is_what_is_chosen_here);
    tcase_add_test(same, files_do_not_depend_on_the_machine);
    tcase_add_test(same, compiled_models_can_be_written_again);

    TCase *asked = add_case(suite, "what is asked for", 300, random_restart, NULL);
    tcase_add_test(asked, another_precision_is_refused);
    tcase_add_test(asked, another_target_is_refused);
    tcase_add_test(asked, other_targets_are_refused);

    TCase *writing = add_case(suite, "writing", 300, random_restart, NULL);
    tcase_add_test(writing, writers_may_take_little_at_a_time);
    tcase_add_test(writing, failing_writers_are_reported);
    tcase_add_test(writing, only_fused_models_are_written);
    tcase_add_test(writing, only_models_for_a_target_are_written);
    return suite;
}

static Suite *big_endian_suite(void) {
    Suite *suite = suite_create("compile, big-endian");
    TCase *refused = add_case(suite, "refused", 300, random_restart, NULL);
    tcase_add_test(refused, compiled_files_are_refused);
    tcase_add_test(refused, nothing_is_compiled);
    return suite;
}

int main(void) {
    random_seed("test_compile");
    return run_suite(dpi_is_little_endian() ? compile_suite() : big_endian_suite());
}
