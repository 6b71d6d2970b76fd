/*
 * The tile registers of AMX: the operating system is asked for them when a model is opened that
 * would use them, and not before. Where it refuses, models compute without them and say so.
 *
 * This program has a choice of GEMMs of its own, which can be made to believe in a processor with
 * AMX, and a syscall() of its own, which counts and refuses.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "api_support.h"
#include "suite.h"

#include "gguf/gguf.h"
#include "isa/isa.h"
#include "model/choose.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define X86_FEATURES (DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_VNNI | DP_CPU_BF16 | DP_CPU_AMX)

static bool pretends; /* this processor has all of them */
static bool is_slow;  /* and multiplies bf16 slowly without AMX */

static uint32_t cpu_features(void) {
    return pretends ? X86_FEATURES : dpi_cpu_features();
}

static bool cpu_has_slow_bf16(void) {
    return pretends ? is_slow : dpi_cpu_has_slow_bf16();
}

#define dpi_cpu_features cpu_features
#define dpi_cpu_has_slow_bf16 cpu_has_slow_bf16
#include "isa/dispatch.c"
#undef dpi_cpu_features
#undef dpi_cpu_has_slow_bf16

/* ---- the operating system ---- */

static enum { REALLY, GRANTED, REFUSED } system_answers;
static int asked;

#if defined(__linux__) && defined(__x86_64__)

#define HAS_SYSTEM 1

long syscall(long number, ...) {
    va_list arguments;
    va_start(arguments, number);
    long code = va_arg(arguments, long);
    long address = va_arg(arguments, long);
    va_end(arguments);
    long result = -EPERM;
    asked += number == SYS_arch_prctl;
    if (system_answers == GRANTED) {
        result = 0;
    } else if (system_answers == REALLY) {
        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(code), "S"(address)
                         : "rcx", "r11", "memory");
    }
    errno = result < 0 ? (int)-result : errno;
    return result < 0 ? -1 : result;
}

#else
#define HAS_SYSTEM 0
#endif

static bool build_has_amx(void) {
    bool has = HAS_SYSTEM && dpi_gemm_amx(DP_PRECISION_BF16) != NULL;
    if (!has) {
        printf("skipped: this build has no AMX\n");
    }
    return has;
}

static bool processor_has_amx(void) {
    bool has = HAS_SYSTEM && (dpi_cpu_features() & DP_CPU_AMX) != 0;
    if (!has) {
        printf("skipped: this processor has no AMX\n");
    }
    return has;
}

/* ---- choosing, on a processor that has AMX or seems to ---- */

static struct dp_model chosen;

static void choose(int precision, uint32_t cpu_mask) {
    dpi_message message;
    dpi_gguf none = {0};
    dpi_opening opening = {.cpu_mask = cpu_mask};
    dp_model_options_default(&opening.options);
    opening.options.precision = precision;
    opening.options.cpu_mask = cpu_mask;
    chosen = (struct dp_model){.allocator = NULL};
    asked = 0;
    ck_assert_int_eq(dpi_choose_gemms(&none, &opening, &chosen, &message), DP_OK);
}

static bool uses_amx(void) {
    return ((chosen.gemm->cpu | chosen.gemm_attention->cpu) & DP_CPU_AMX) != 0;
}

static const int precisions[] = {DP_PRECISION_DEFAULT, DP_PRECISION_F32, DP_PRECISION_BF16,
                                 DP_PRECISION_INT8, DP_PRECISION_AUTO};

START_TEST(who_does_not_want_amx_does_not_ask) {
    if (!build_has_amx()) {
        return;
    }
    pretends = true;
    for (size_t i = 0; i < COUNT(precisions); i++) {
        for (uint32_t mask = 0; mask < DP_CPU_AMX; mask++) {
            choose(precisions[i], mask);
            ck_assert_int_eq(asked, 0);
        }
        choose(precisions[i], DP_CPU_ALL & ~DP_CPU_AMX);
        ck_assert_int_eq(asked, 0);
    }
    choose(DP_PRECISION_DEFAULT, DP_CPU_ALL);
    ck_assert_int_eq(asked, 0);
    choose(DP_PRECISION_F32, DP_CPU_ALL);
    ck_assert_int_eq(asked, 0);
}
END_TEST

/* What is chosen then is what is chosen where the mask excludes AMX. */
START_TEST(a_refusal_is_a_choice_without_amx) {
    if (!build_has_amx()) {
        return;
    }
    pretends = true;
    system_answers = REFUSED;
    for (size_t i = 2; i < COUNT(precisions); i++) {
        choose(precisions[i], DP_CPU_ALL & ~DP_CPU_AMX);
        struct dp_model expected = chosen;
        ck_assert(!expected.lacks_amx);
        choose(precisions[i], DP_CPU_ALL);
        ck_assert_int_eq(asked, 1);
        ck_assert(chosen.lacks_amx && chosen.runnable);
        ck_assert_int_eq((int)chosen.precision, (int)expected.precision);
        ck_assert_int_eq((int)chosen.target, (int)expected.target);
        ck_assert_ptr_eq(chosen.gemm, expected.gemm);
        ck_assert_ptr_eq(chosen.gemm_attention, expected.gemm_attention);
        ck_assert_uint_eq(chosen.cpu_mask, DP_CPU_ALL); /* as it was given: tasks compare it */
    }
}
END_TEST

/* Then bf16 is unpacked, and "auto" is f32; AMX is as good as ever. */
START_TEST(slow_bf16_is_not_used_without_amx) {
    const uint32_t without = DP_CPU_ALL & ~DP_CPU_AMX;
    if (!build_has_amx()) {
        return;
    }
    pretends = true;
    for (int i = 0; i < 2; i++) {
        is_slow = i == 1;
        ck_assert_str_eq(dpi_gemm_choose(DP_PRECISION_BF16, without)->name,
                         is_slow ? "avx512" : "avx512-bf16");
        ck_assert_int_eq((int)dpi_precision_auto(without),
                         is_slow ? DP_PRECISION_F32 : DP_PRECISION_BF16);
        ck_assert_str_eq(dpi_gemm_choose(DP_PRECISION_BF16, DP_CPU_ALL)->name, "amx-bf16");
        ck_assert_int_eq((int)dpi_precision_auto(DP_CPU_ALL), DP_PRECISION_BF16);
        ck_assert_str_eq(dpi_gemm_choose(DP_PRECISION_INT8, without)->name, "avx512-vnni");
    }
}
END_TEST

/* Attention by AMX reads rows of bf16, which blocks of bytes and bf16 write where they have AMX. */
START_TEST(attention_reads_what_the_blocks_write) {
    if (!build_has_amx()) {
        return;
    }
    pretends = true;
    const dpi_gemm *amx = dpi_gemm_choose(DP_PRECISION_BF16, DP_CPU_ALL);
    const dpi_gemm *other = dpi_gemm_choose(DP_PRECISION_INT8, DP_CPU_AVX2 | DP_CPU_AVX512);
    ck_assert_int_eq((int)amx->lhs.output_type, DPI_NUMBER_BF16);
    ck_assert_int_eq((int)other->lhs.output_type, DPI_NUMBER_F32);
    ck_assert_str_eq(dpi_gemm_choose_for_attention(amx, 197, DP_CPU_ALL)->name, "amx-bf16");
    ck_assert_str_eq(dpi_gemm_choose_for_attention(other, 197, DP_CPU_ALL)->name, "avx512-bf16");
    const dpi_gemm *vnni =
        dpi_gemm_choose(DP_PRECISION_INT8, DP_CPU_AVX2 | DP_CPU_AVX512 | DP_CPU_VNNI);
    ck_assert_str_eq(dpi_gemm_choose_for_attention(vnni, 197, DP_CPU_ALL)->name, "avx512-vnni");
    ck_assert_str_eq(dpi_gemm_choose_for_attention(vnni, 4097, DP_CPU_ALL)->name, "avx512-bf16");
    const dpi_gemm *reader = dpi_gemm_choose_for_attention(amx, 197, DP_CPU_AVX2);
    ck_assert_ptr_nonnull(reader); /* of rows of f32: some GEMM there is always */
    ck_assert_int_eq((int)reader->attention.type, DPI_NUMBER_F32);
}
END_TEST

/* What was granted once is not asked for again: in one process (CK_FORK=no), by tests before this
 * one, which is the last. */
START_TEST(who_wants_amx_asks_once) {
    if (!build_has_amx()) {
        return;
    }
    pretends = true;
    system_answers = REFUSED;
    bool granted = dpi_amx_request();
    system_answers = GRANTED;
    for (size_t i = 2; i < COUNT(precisions); i++) {
        choose(precisions[i], DP_CPU_ALL);
        ck_assert_int_eq(asked, granted ? 0 : 1);
        granted = true;
        ck_assert(uses_amx() && !chosen.lacks_amx);
    }
}
END_TEST

/* ---- models ---- */

static char warning[256];

static void keep_warning(void *user, dp_log_level level, const char *text) {
    (void)user;
    if (level == DP_LOG_WARNING) {
        (void)snprintf(warning, sizeof warning, "%s", text);
    }
}

static dp_model *open_bf16(uint32_t cpu_mask) {
    dp_model *opened = NULL;
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = DP_PRECISION_BF16;
    options.cpu_mask = cpu_mask;
    options.log = keep_warning;
    warning[0] = '\0';
    (void)dp_model_open(find_golden(SMALL_MODEL).text, &options, &opened);
    return must(opened, SMALL_MODEL);
}

static answer answer_of_model(const dp_model *opened, const test_clip *clip) {
    dp_session *own = new_session(opened, 2);
    answer got = classify(own, &clip->clip);
    dp_session_destroy(own);
    return got;
}

static const char *kernels_of_model(const dp_model *opened) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(opened, &info), DP_OK);
    return info.kernels;
}

static void check_refused(const test_clip *clip) {
    dp_model *without = open_bf16(DP_CPU_ALL & ~DP_CPU_AMX);
    ck_assert_str_eq(warning, "");
    answer expected = answer_of_model(without, clip);
    dp_model *refused = open_bf16(DP_CPU_ALL);
    answer got = answer_of_model(refused, clip);
    ck_assert_str_eq(kernels_of_model(refused), kernels_of_model(without));
    ck_assert_msg(strstr(warning, "AMX") != NULL, "the warning is \"%s\"", warning);
    ck_assert(same_bits(&got, &expected));
    dp_model_close(refused);
    dp_model_close(without);
}

/* Also on a processor that has all that is computed with then. */
START_TEST(a_refused_model_answers_and_says_so) {
    pretends = (X86_FEATURES & ~dpi_cpu_features()) == DP_CPU_AMX;
    if (!build_has_amx() || !(pretends || processor_has_amx())) {
        return;
    }
    test_clip clip = make_clip(SMALL_FRAMES, SMALL_SIDE, SMALL_SIDE);
    system_answers = REFUSED;
    check_refused(&clip);
    free_clip(&clip);
}
END_TEST

/* Linux itself: it refuses while an alternate signal stack has no room for the tile registers. */
START_TEST(a_small_signal_stack_is_in_the_way) {
    if (!processor_has_amx()) {
        return;
    }
    static char memory[2048];
    stack_t small = {.ss_sp = memory, .ss_size = sizeof memory};
    stack_t none = {.ss_flags = SS_DISABLE};
    test_clip clip = make_clip(SMALL_FRAMES, SMALL_SIDE, SMALL_SIDE);
    if (sigaltstack(&small, NULL) != 0) {
        printf("skipped: the system refuses the signal stack itself\n");
        free_clip(&clip);
        return;
    }
    check_refused(&clip);
    ck_assert_int_eq(sigaltstack(&none, NULL), 0);
    dp_model *opened = open_bf16(DP_CPU_ALL);
    ck_assert_str_eq(warning, "");
    ck_assert_str_eq(kernels_of_model(opened), "amx-bf16");
    dp_model_close(opened);
    free_clip(&clip);
}
END_TEST

static void start_anew(void) {
    pretends = is_slow = false;
    system_answers = REALLY;
}

int main(void) {
    random_seed("test_amx");
    Suite *suite = suite_create("amx");
    TCase *choices = add_case(suite, "choices", 60, start_anew, NULL);
    tcase_add_test(choices, who_does_not_want_amx_does_not_ask);
    tcase_add_test(choices, a_refusal_is_a_choice_without_amx);
    tcase_add_test(choices, slow_bf16_is_not_used_without_amx);
    tcase_add_test(choices, attention_reads_what_the_blocks_write);
    TCase *models = add_case(suite, "models", 60, start_anew, NULL);
    tcase_add_test(models, a_refused_model_answers_and_says_so);
    tcase_add_test(models, a_small_signal_stack_is_in_the_way);
    TCase *granted = add_case(suite, "granted", 60, start_anew, NULL);
    tcase_add_test(granted, who_wants_amx_asks_once);
    return run_suite(suite);
}
