/*
 * The process around the library: its locale, its floating-point mode, its limit of memory, and its
 * end.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#define DP_EXPERIMENTAL /* dp_session_peak() */
#include "small_session.h"

#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZER_NEEDS_MEMORY
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER_NEEDS_MEMORY
#endif

/* ---- locale ---- */

#define LOCALE "de_DE.UTF-8"

/* Takes a locale whose numbers have commas: one of the system, or one that is made in a folder. */
static bool take_locale(char folder[64]) {
    char command[256];
    (void)snprintf(folder, 64, "/tmp/dualpath-locale-XXXXXX");
    must(mkdtemp(folder), "a temporary folder");
    if (setlocale(LC_ALL, LOCALE) == NULL) {
        (void)snprintf(command, sizeof command,
                       "localedef -i de_DE -f UTF-8 %s/" LOCALE " >/dev/null 2>&1", folder);
        bool made = system(command) == 0 && setenv("LOCPATH", folder, 1) == 0;
        if (!made || setlocale(LC_ALL, LOCALE) == NULL) {
            return false;
        }
    }
    return localeconv()->decimal_point[0] == ',';
}

static void remove_locale(const char *folder) {
    char command[256];
    (void)setlocale(LC_ALL, "C");
    (void)unsetenv("LOCPATH");
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    (void)!system(command);
}

START_TEST(a_locale_with_commas_changes_nothing) {
    char folder[64];
    dp_model_info info;
    dp_model_info other_info;
    test_clip clip = make_clip(SMALL_FRAMES, SMALL_SIDE, SMALL_SIDE);
    answer expected = classify(session, &clip.clip);
    dp_model_info_default(&info);
    dp_model_info_default(&other_info);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    if (!take_locale(folder)) {
        printf("skipped: there is no locale with a decimal comma\n");
    }
    dp_model *other = open_golden(SMALL_MODEL);
    dp_session *own = new_session(other, 1);
    answer got = classify(own, &clip.clip);
    ck_assert(same_bits(&got, &expected));
    ck_assert_int_eq(dp_model_get_info(other, &other_info), DP_OK);
    ck_assert_str_eq(other_info.description, info.description);
    ck_assert_int_eq(dp_session_peak(own, 0.5, NULL), DP_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(dp_session_message(own), "0.5 milliseconds"));
    dp_session_destroy(own);
    dp_model_close(other);
    remove_locale(folder);
    free_clip(&clip);
}
END_TEST

/* ---- floating point ---- */

typedef struct mode {
    int rounding;
    unsigned flush; /* bits of MXCSR */
} mode;

#define FLUSH_TO_ZERO 0x8000U
#define DENORMALS_ARE_ZERO 0x0040U

static void set_mode(mode m) {
    ck_assert_int_eq(fesetround(m.rounding), 0);
#if defined(__SSE2__)
    _mm_setcsr((_mm_getcsr() & ~(FLUSH_TO_ZERO | DENORMALS_ARE_ZERO)) | m.flush);
#endif
}

static unsigned flush_bits(void) {
#if defined(__SSE2__)
    return _mm_getcsr() & (FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
#else
    return 0;
#endif
}

static const mode modes[] = {
    {FE_TONEAREST, 0},
#if defined(FE_UPWARD) && defined(FE_DOWNWARD) && defined(FE_TOWARDZERO)
    {FE_UPWARD, 0},
    {FE_DOWNWARD, 0},
    {FE_TOWARDZERO, 0},
#endif
#if defined(__SSE2__)
    {FE_TONEAREST, FLUSH_TO_ZERO | DENORMALS_ARE_ZERO},
    {FE_UPWARD, FLUSH_TO_ZERO | DENORMALS_ARE_ZERO},
#endif
};

/* The session was made in the usual mode, and its workers with it. */
START_TEST(all_threads_compute_in_the_mode_of_the_caller) {
    static const char *const names[] = {SMALL_MODEL, AIM_MODEL, ST_MODEL, VPT_MODEL};
    const mode usual = {FE_TONEAREST, 0};
    dp_model *of = open_golden(names[_i]);
    test_clip clip = make_clip(SMALL_FRAMES, 40, 30);
    dp_session *alone = new_session(of, 1), *many = new_session(of, 4);
    answer expected = classify(alone, &clip.clip);
    for (size_t round = 0; round < unless_brief(5, 1); round++) {
        for (size_t i = 0; i < COUNT(modes) && !is_under_valgrind(); i++) {
            set_mode(modes[i]);
            answer one = classify(alone, &clip.clip);
            answer four = classify(many, &clip.clip);
            int rounding = fegetround();
            unsigned flush = flush_bits();
            set_mode(usual);
            ck_assert_int_eq(rounding, modes[i].rounding);
            ck_assert_uint_eq(flush, modes[i].flush);
            ck_assert_msg(same_bits(&one, &four), "mode %zu: threads differ", i);
            check_close(&one, &expected);
            ck_assert(modes[i].rounding == FE_TONEAREST || !same_bits(&one, &expected));
            answer again = classify(many, &clip.clip);
            ck_assert_msg(same_bits(&again, &expected), "mode %zu leaves a trace", i);
        }
    }
    dp_session_destroy(many);
    dp_session_destroy(alone);
    dp_model_close(of);
    free_clip(&clip);
}
END_TEST

/* ---- a limit of memory ---- */

#if defined(__linux__) && !defined(SANITIZER_NEEDS_MEMORY)

static size_t address_space(void) {
    unsigned long pages = 0;
    FILE *file = must(fopen("/proc/self/statm", "r"), "statm");
    ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
    (void)fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit_memory(size_t more) {
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = more == 0 ? limit.rlim_max : address_space() + more;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

static bool limits_are_kept(void) {
    limit_memory(1 << 20);
    void *block = mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    limit_memory(0);
    if (block != MAP_FAILED) {
        (void)munmap(block, 64 << 20);
    }
    return block == MAP_FAILED;
}

/* Opens the model and makes a session with a thread of its own. A thread that has no stack is one
 * that cannot be started. */
static dp_status open_and_create(void) {
    dp_model *opened = NULL;
    dp_session *made = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 2;
    dp_status status = dp_model_open(find_golden(LABELLED_MODEL).text, NULL, &opened);
    if (status == DP_OK) {
        status = dp_session_create(opened, &options, &made);
    }
    if (status != DP_OK) {
        ck_assert_ptr_null(made);
        ck_assert_msg(status == DP_ERR_MEMORY || status == DP_ERR_THREAD, "%s: %s",
                      dp_status_name(status), dp_last_message());
        ck_assert_msg(strstr(dp_last_message(), status == DP_ERR_THREAD ? "thread" : "") != NULL &&
                          dp_last_message()[0] != '\0',
                      "the sentence is \"%s\"", dp_last_message());
    }
    dp_session_destroy(made);
    dp_model_close(opened);
    return status;
}

/* With so many more bytes, again and again: what leaked would make later calls fail earlier. */
START_TEST(little_memory_is_a_status) {
    if (is_under_valgrind() || !limits_are_kept()) {
        printf("skipped: nobody keeps RLIMIT_AS here\n");
        return;
    }
    int seen[DP_ERR_BACKBONE + 1] = {0};
    (void)open_and_create(); /* what the C library takes once */
    for (size_t more = 4096; more < (size_t)16 << 20; more += more / 4) {
        limit_memory(more);
        dp_status first = open_and_create();
        dp_status last = first;
        for (int i = 0; i < 40; i++) {
            last = open_and_create();
        }
        limit_memory(0);
        ck_assert_msg(last == first, "%zu bytes: %s at first, and then %s", more,
                      dp_status_name(first), dp_status_name(last));
        seen[first]++;
        ck_assert_int_eq(open_and_create(), DP_OK);
    }
    ck_assert_int_gt(seen[DP_OK], 0);
    ck_assert_int_gt(seen[DP_ERR_MEMORY] + seen[DP_ERR_THREAD], 0);
}
END_TEST

#endif

/* ---- the end of a process ---- */

static struct {
    dp_model *model;
    dp_pool *pool;
    dp_session *pooled, *own;
} at_end;

/* As destructors of static objects do. */
static void close_at_exit(void) {
    dp_session_destroy(at_end.own);
    dp_pool_destroy(at_end.pool);
    dp_model_close(at_end.model);
    dp_session_destroy(at_end.pooled);
}

static void open_for_all_time(void) {
    dp_session_options options;
    at_end.model = open_golden(SMALL_MODEL);
    at_end.own = new_session(at_end.model, 3);
    ck_assert_int_eq(dp_pool_create(NULL, &at_end.pool), DP_OK);
    dp_session_options_default(&options);
    options.pool = at_end.pool;
    ck_assert_int_eq(dp_session_create(at_end.model, &options, &at_end.pooled), DP_OK);
    test_clip clip = make_clip(SMALL_FRAMES, SMALL_SIDE, SMALL_SIDE);
    (void)classify(at_end.own, &clip.clip);
    (void)classify(at_end.pooled, &clip.clip);
    free_clip(&clip);
}

/* Closed by a handler, or by nobody. */
START_TEST(a_process_ends_with_open_sessions) {
    for (int handled = 0; handled < 2; handled++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            (void)signal(SIGALRM, SIG_DFL);
            (void)alarm(20);
            open_for_all_time();
            if (handled) {
                (void)atexit(close_at_exit);
            }
            exit(7);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 7, "status %#x",
                      (unsigned)status);
    }
}
END_TEST

int main(void) {
    random_seed("test_host");
    Suite *suite = suite_create("host");
    TCase *host = add_case(suite, "host", 120, set_up, tear_down);
    tcase_add_test(host, a_locale_with_commas_changes_nothing);
    tcase_add_loop_test(host, all_threads_compute_in_the_mode_of_the_caller, 0, 4);
#if defined(__linux__) && !defined(SANITIZER_NEEDS_MEMORY)
    tcase_add_test(host, little_memory_is_a_status);
#endif
    tcase_add_test(host, a_process_ends_with_open_sessions);
    return run_suite(suite);
}
