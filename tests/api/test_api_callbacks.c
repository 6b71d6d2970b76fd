/*
 * The three callbacks of dualpath.h: progress, which may cancel at any call, logs, and readers
 * that answer little, too much, or not at all.
 */
#define _POSIX_C_SOURCE 200809L /* posix_memalign() */
#include "api_support.h"
#include "suite.h"
#include "test_allocator.h"

#include <check.h>
#include <math.h>
#include <pthread.h>

static test_clip clip;

static void set_up(void) {
    random_restart();
    clip = make_clip(40, 20, 18);
    clip.clip.views = 2;
    clip.clip.crops = 2;
}

static void tear_down(void) {
    free_clip(&clip);
}

/* ---- progress ---- */

/* Everything that was reported; cancels at call `cancel_at`, counted from 1. */
typedef struct watcher {
    int calls, cancel_at;
    double last;
    pthread_t thread;
    int wrong; /* calls from another thread, backwards, or outside of 0 .. 1 */
    char stages[256];
} watcher;

static watcher new_watcher(int cancel_at) {
    return (watcher){.cancel_at = cancel_at, .thread = pthread_self()};
}

/* Keeps the stages in the order they came, once each time they change. */
static void note_stage(watcher *self, const char *stage) {
    size_t used = strlen(self->stages);
    size_t length = strlen(stage);
    if (used >= length && strcmp(self->stages + used - length, stage) == 0) {
        return;
    }
    (void)snprintf(self->stages + used, sizeof self->stages - used, " %s", stage);
}

static int watch(void *user, const char *stage, double fraction) {
    watcher *self = user;
    self->wrong += !pthread_equal(pthread_self(), self->thread) ||
                   !(fraction >= self->last && fraction <= 1.0);
    self->last = fraction;
    note_stage(self, stage);
    return ++self->calls == self->cancel_at ? -7 : 0;
}

static dp_session *new_watched(const dp_model *model, int threads, watcher *user) {
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = threads;
    options.progress = watch;
    options.progress_user = user;
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
    return session;
}

START_TEST(progress_goes_from_none_to_all) {
    dp_model *model = open_golden(_i == 0 ? SMALL_MODEL : LABELLED_MODEL); /* one block; two */
    watcher seen = new_watcher(0);
    dp_session *session = new_watched(model, 3, &seen);
    ck_assert_int_eq(seen.calls, 0);
    (void)classify(session, &clip.clip);
    ck_assert_int_eq(seen.wrong, 0);
    ck_assert(seen.last == 1.0);
    ck_assert_str_eq(seen.stages, " frames patches blocks head frames patches blocks head"
                                  " frames patches blocks head frames patches blocks head");
    dp_session_destroy(session);
    dp_model_close(model);
}
END_TEST

/* The sentence has the stage and the part of the clip that were reported last. */
static void check_cancelled(dp_session *session, const dp_result *result, const watcher *by) {
    dp_prediction top;
    const char *stage = strrchr(by->stages, ' ') + 1;
    char sentence[96];
    (void)snprintf(sentence, sizeof sentence, "cancelled at stage \"%s\", %.0f %% done", stage,
                   floor(100 * by->last + 0.5));
    ck_assert_str_eq(dp_session_message(session), sentence);
    ck_assert(result->logits == NULL && result->probabilities == NULL);
    ck_assert(result->feature_temporal == NULL && result->feature_spatial == NULL);
    ck_assert(result->classes == 0 && result->feature_size == 0 && result->macs == 0);
    ck_assert_int_eq(dp_session_top(session, 1, &top), DP_ERR_ARGUMENT);
}

/* Cancels at the first call, at the second, and so on until there is none left to cancel. */
START_TEST(cancelling_leaves_the_session_usable) {
    dp_model *model = open_golden(SMALL_MODEL);
    dp_session *fresh = new_session(model, 1);
    answer expected = classify(fresh, &clip.clip);
    watcher seen = new_watcher(0);
    dp_session *session = new_watched(model, 2, &seen);
    dp_status status = DP_ERR_CANCELLED;
    int at = 0;
    while (status == DP_ERR_CANCELLED) {
        dp_result result;
        dp_result_default(&result);
        seen = new_watcher(++at);
        status = dp_classify_clip(session, &clip.clip, &result);
        ck_assert_int_eq(seen.wrong, 0);
        if (status == DP_ERR_CANCELLED) {
            ck_assert_int_eq(seen.calls, at);
            check_cancelled(session, &result, &seen);
        }
        seen = new_watcher(0);
        answer got = classify(session, &clip.clip);
        ck_assert(same_bits(&got, &expected));
    }
    ck_assert_int_eq(status, DP_OK);
    ck_assert_int_ge(at, 4 * 4); /* four views and crops of four stages */
    dp_session_destroy(session);
    dp_session_destroy(fresh);
    dp_model_close(model);
}
END_TEST

/* A model of two blocks whose images come one by one: cancelled between any two of its steps. */
START_TEST(cancelling_stops_between_images_and_blocks) {
    dp_model *model = open_golden(LABELLED_MODEL);
    dp_session *session = NULL;
    dp_session_options options;
    watcher seen;
    dp_session_options_default(&options);
    options.threads = 1;
    options.image_by_image = 1;
    options.progress = watch;
    options.progress_user = &seen;
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
    clip.clip.views = clip.clip.crops = 1;
    dp_status status = DP_ERR_CANCELLED;
    int at = 0;
    while (status == DP_ERR_CANCELLED) {
        dp_result result;
        dp_result_default(&result);
        seen = new_watcher(++at);
        status = dp_classify_clip(session, &clip.clip, &result);
        ck_assert_int_eq(seen.calls, status == DP_ERR_CANCELLED ? at : at - 1);
        ck_assert_int_eq(seen.wrong, 0);
    }
    ck_assert_int_eq(status, DP_OK);
    ck_assert_int_gt(at, 9 * 2); /* eight images and a frameset of two blocks */
    dp_session_destroy(session);
    dp_model_close(model);
}
END_TEST

/* ---- progress of opening ---- */

static dp_status open_watched(int unfused, watcher *user, test_allocator *memory,
                              dp_model **model) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.allocator = &memory->allocator;
    options.unfused = unfused;
    options.progress = watch;
    options.progress_user = user;
    return dp_model_open(find_golden(LABELLED_MODEL).text, &options, model);
}

START_TEST(opening_reports_progress) {
    test_allocator memory;
    test_allocator_init(&memory);
    dp_model *model = NULL;
    watcher seen = new_watcher(0);
    ck_assert_int_eq(open_watched(_i, &seen, &memory, &model), DP_OK);
    ck_assert_int_eq(seen.wrong, 0);
    ck_assert(seen.last == 1.0);
    ck_assert_str_eq(seen.stages, " reading fusing");
    dp_model_close(model);
    ck_assert_uint_eq(memory.blocks, 0);
}
END_TEST

START_TEST(cancelling_opens_nothing) {
    dp_status status = DP_ERR_CANCELLED;
    for (int at = 1; status == DP_ERR_CANCELLED; at++) {
        test_allocator memory;
        test_allocator_init(&memory);
        dp_model *model = (dp_model *)&memory;
        watcher seen = new_watcher(at);
        status = open_watched(_i, &seen, &memory, &model);
        ck_assert(status != DP_OK || at > 3);
        ck_assert((status == DP_OK) == (model != NULL));
        ck_assert(status == DP_OK || (seen.calls == at && memory.blocks == 0));
        ck_assert(status == DP_OK || strstr(dp_last_message(), "cancelled") != NULL);
        dp_model_close(model);
        ck_assert_uint_eq(memory.blocks, 0);
        ck_assert_int_eq(memory.mistakes, 0);
    }
    ck_assert_int_eq(status, DP_OK);
}
END_TEST

START_TEST(cancelling_stops_verifying) {
    watcher seen = new_watcher(1);
    dp_model_options options;
    dp_model_options_default(&options);
    options.progress = watch;
    options.progress_user = &seen;
    golden_path path = find_golden(SMALL_MODEL);
    ck_assert_int_eq(dp_model_verify(path.text, &options), DP_ERR_CANCELLED);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "cancelled"));
    seen = new_watcher(0);
    ck_assert_int_eq(dp_model_verify(path.text, &options), DP_OK);
    ck_assert_int_eq(seen.wrong, 0);
}
END_TEST

/* ---- logs ---- */

typedef struct listener {
    int lines, wrong;
    pthread_t thread;
    char last[512];
} listener;

static void listen(void *user, dp_log_level level, const char *message) {
    listener *self = user;
    self->lines++;
    self->wrong += !pthread_equal(pthread_self(), self->thread) ||
                   (level != DP_LOG_INFO && level != DP_LOG_WARNING) || message[0] == '\0' ||
                   strchr(message, '\n') != NULL;
    (void)snprintf(self->last, sizeof self->last, "%s", message);
}

START_TEST(opening_logs_what_was_opened) {
    listener heard = {.thread = pthread_self()};
    dp_model_options options;
    dp_model_info info;
    dp_model *model = NULL;
    dp_model_info_default(&info);
    dp_model_options_default(&options);
    options.log = listen;
    options.log_user = &heard;
    ck_assert_int_eq(dp_model_open("no such file", &options, &model), DP_ERR_IO);
    ck_assert_int_eq(heard.lines, 0);
    ck_assert_int_eq(dp_model_open(find_golden(SMALL_MODEL).text, &options, &model), DP_OK);
    ck_assert_int_eq(heard.lines, 1);
    ck_assert_int_eq(heard.wrong, 0);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    ck_assert_str_eq(heard.last, info.description);
    dp_model_close(model);
}
END_TEST

static int lines_about(dp_session *session, listener *heard, int32_t sampling, int32_t rate,
                       size_t count) {
    dp_clip changed = clip.clip;
    heard->lines = 0;
    changed.sampling = sampling;
    changed.rate = rate;
    changed.frame_count = count;
    ck_assert_uint_gt(classify(session, &changed).count, 0);
    ck_assert_int_eq(heard->wrong, 0);
    return heard->lines;
}

START_TEST(short_clips_are_logged) {
    listener heard = {.thread = pthread_self()};
    dp_model *model = open_golden(SMALL_MODEL);
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 2;
    options.log = listen;
    options.log_user = &heard;
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
    ck_assert_int_eq(lines_about(session, &heard, DP_SAMPLING_FIRST, 1, 16), 0);
    ck_assert_int_eq(lines_about(session, &heard, DP_SAMPLING_FIRST, 1, 15), 1);
    ck_assert_ptr_nonnull(strstr(heard.last, "repeat"));
    ck_assert_int_eq(lines_about(session, &heard, DP_SAMPLING_CENTER, 2, 31), 0);
    ck_assert_int_eq(lines_about(session, &heard, DP_SAMPLING_CENTER, 2, 30), 1);
    ck_assert_int_eq(lines_about(session, &heard, DP_SAMPLING_UNIFORM, 2, 16), 0);
    ck_assert_int_eq(lines_about(session, &heard, DP_SAMPLING_UNIFORM, 1, 5), 1);
    dp_session_destroy(session);
    dp_model_close(model);
}
END_TEST

/* ---- readers ---- */

/* A file in memory, and how it is handed out. */
typedef struct source {
    uint8_t *bytes;
    size_t size;
    size_t most;     /* bytes a call; 0: as many as were asked for */
    size_t end;      /* where the data seems to end */
    size_t break_at; /* from here on, `broken` is answered */
    int64_t broken;
    uint64_t expected_offset;
    int calls, wrong;
} source;

static source new_source(void) {
    source made = {0};
    made.bytes = read_golden(SMALL_MODEL, &made.size);
    made.end = made.size;
    made.break_at = SIZE_MAX;
    return made;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static int64_t read_source(void *user, uint64_t offset, void *buffer, size_t size) {
    source *self = user;
    self->calls++;
    self->wrong += offset != self->expected_offset || buffer == NULL || size == 0;
    if (offset >= self->break_at) {
        return self->broken;
    }
    size_t count = smaller(size, smaller(self->end, self->break_at) - (size_t)offset);
    count = self->most > 0 ? smaller(count, self->most) : count;
    memcpy(buffer, self->bytes + offset, count);
    self->expected_offset += count;
    return (int64_t)count;
}

static dp_status open_source(source *from, test_allocator *memory, dp_model **model) {
    const dp_reader reader = {.read = read_source, .user = from};
    dp_model_options options;
    dp_model_options_default(&options);
    options.allocator = &memory->allocator;
    from->expected_offset = 0;
    return dp_model_open_reader(&reader, &options, model);
}

START_TEST(readers_may_answer_little) {
    static const size_t most[] = {1, 2, 7, 31, 4096, 0};
    dp_model *plain = open_golden(SMALL_MODEL);
    dp_session *fresh = new_session(plain, 1);
    answer expected = classify(fresh, &clip.clip);
    source from = new_source();
    for (size_t i = 0; i < COUNT(most); i++) {
        test_allocator memory;
        test_allocator_init(&memory);
        dp_model *model = NULL;
        from.most = most[i];
        ck_assert_int_eq(open_source(&from, &memory, &model), DP_OK);
        ck_assert_int_eq(from.wrong, 0);
        from.calls = 0;
        dp_session *session = new_session(model, 1);
        answer got = classify(session, &clip.clip);
        ck_assert(same_bits(&got, &expected));
        ck_assert_int_eq(from.calls, 0); /* only while the model is being opened */
        dp_session_destroy(session);
        dp_model_close(model);
        ck_assert_uint_eq(memory.blocks, 0);
    }
    dp_session_destroy(fresh);
    dp_model_close(plain);
    free(from.bytes);
}
END_TEST

static void check_not_opened(source *from, dp_status status, const char *mentioned) {
    test_allocator memory;
    test_allocator_init(&memory);
    dp_model *model = (dp_model *)&memory;
    ck_assert_int_eq(open_source(from, &memory, &model), status);
    ck_assert_ptr_null(model);
    ck_assert_int_eq(from->wrong, 0);
    ck_assert_msg(strstr(dp_last_message(), mentioned) != NULL, "\"%s\" does not mention \"%s\"",
                  dp_last_message(), mentioned);
    ck_assert_uint_eq(memory.blocks, 0);
    ck_assert_int_eq(memory.mistakes, 0);
}

START_TEST(readers_that_fail_are_quoted) {
    static const int64_t broken[] = {-1, -5, INT64_MIN, INT64_MAX, (int64_t)1 << 40};
    source from = new_source();
    for (size_t i = 0; i < COUNT(broken); i++) {
        for (from.break_at = 0; from.break_at < from.size; from.break_at += 5000) {
            char number[64];
            from.broken = broken[i];
            (void)snprintf(number, sizeof number, "answered %lld at byte %zu", (long long)broken[i],
                           from.break_at);
            check_not_opened(&from, DP_ERR_IO, number);
        }
    }
    free(from.bytes);
}
END_TEST

static int64_t one_more(void *user, uint64_t offset, void *buffer, size_t size) {
    (void)user;
    (void)offset;
    memset(buffer, 0, size);
    return (int64_t)size + 1;
}

START_TEST(readers_may_not_answer_more_than_asked) {
    const dp_reader reader = {.read = one_more};
    dp_model *model = (dp_model *)&clip;
    ck_assert_int_eq(dp_model_open_reader(&reader, NULL, &model), DP_ERR_IO);
    ck_assert_ptr_null(model);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "callback answered"));
}
END_TEST

START_TEST(data_that_end_early_are_malformed) {
    source from = new_source();
    size_t step = unless_brief(61, 1999);
    /* the last tensor is padded to 32 bytes, which need not be there */
    for (from.end = 0; from.end <= from.size - 32; from.end += step) {
        check_not_opened(&from, DP_ERR_FORMAT, "");
        ck_assert_str_ne(dp_last_message(), "");
    }
    from.end = from.size - 32;
    check_not_opened(&from, DP_ERR_FORMAT, "head.output.bias");
    free(from.bytes);
}
END_TEST

/* ---- the suite ---- */

static Suite *callbacks_suite(void) {
    Suite *suite = suite_create("api_callbacks");
    TCase *progress = tcase_create("progress");
    tcase_add_checked_fixture(progress, set_up, tear_down);
    tcase_set_timeout(progress, 60);
    tcase_add_loop_test(progress, progress_goes_from_none_to_all, 0, 2);
    tcase_add_test(progress, cancelling_leaves_the_session_usable);
    tcase_add_test(progress, cancelling_stops_between_images_and_blocks);
    tcase_add_loop_test(progress, opening_reports_progress, 0, 2);
    tcase_add_loop_test(progress, cancelling_opens_nothing, 0, 2);
    tcase_add_test(progress, cancelling_stops_verifying);
    suite_add_tcase(suite, progress);

    TCase *logs = tcase_create("logs");
    tcase_add_checked_fixture(logs, set_up, tear_down);
    tcase_add_test(logs, opening_logs_what_was_opened);
    tcase_add_test(logs, short_clips_are_logged);
    suite_add_tcase(suite, logs);

    TCase *readers = tcase_create("readers");
    tcase_add_checked_fixture(readers, set_up, tear_down);
    tcase_set_timeout(readers, 60);
    tcase_add_test(readers, readers_may_answer_little);
    tcase_add_test(readers, readers_that_fail_are_quoted);
    tcase_add_test(readers, readers_may_not_answer_more_than_asked);
    tcase_add_test(readers, data_that_end_early_are_malformed);
    suite_add_tcase(suite, readers);
    return suite;
}

int main(void) {
    random_seed("test_api_callbacks");
    return run_suite(callbacks_suite());
}
