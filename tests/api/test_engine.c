/*
 * The whole way of a clip, against the answers of the PyTorch implementation: every golden case,
 * fused and not, in every precision with every instruction set, any number of threads and all ways
 * to open a model; then what sessions promise: no memory of earlier clips, none of their arena's
 * bytes, none of each other. GOLDEN is the folder of the cases.
 */
#include "dualpath.h"
#include "suite.h"
#include "support.h"

#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- golden cases ---- */

typedef struct golden {
    char name[64], sampling[16];
    int rate, views, crops;
} golden;

static golden goldens[64];
static int golden_count;

static const char *folder_of(const char *variable, const char *otherwise) {
    const char *folder = getenv(variable);
    return folder != NULL ? folder : otherwise;
}

typedef struct file_name {
    char text[512];
} file_name;

static file_name name_file(const char *folder, const char *name, const char *suffix) {
    file_name made;
    (void)snprintf(made.text, sizeof made.text, "%s/%s%s", folder, name, suffix);
    return made;
}

static file_name golden_file(const char *name, const char *suffix) {
    return name_file(folder_of("GOLDEN", "tests/golden"), name, suffix);
}

/* goldens.txt: name, sampling, rate, views, crops. `folder` lies in that of the cases: "", or with
 * a slash at its end. */
static void read_goldens(const char *folder) {
    char list[32], name[32];
    golden g;
    (void)snprintf(list, sizeof list, "%sgoldens", folder);
    FILE *file = fopen(golden_file(list, ".txt").text, "r");
    while (file != NULL && golden_count < (int)COUNT(goldens) &&
           fscanf(file, "%31s %15s %d %d %d", name, g.sampling, &g.rate, &g.views, &g.crops) == 5) {
        (void)snprintf(g.name, sizeof g.name, "%s%s", folder, name);
        goldens[golden_count++] = g;
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* Of DualPath, of the methods with one path, and of other protocols. */
START_TEST(there_are_golden_cases) {
    ck_assert_msg(golden_count >= 18 + 22 + 2, "%d cases in %s", golden_count,
                  golden_file("goldens", ".txt").text);
}
END_TEST

/* ---- clips ---- */

typedef struct video {
    npy_array array;
    dp_frame *frames;
    dp_clip clip;
} video;

/* [n][H][W][3] bytes. */
static video load_video(const char *path) {
    video v = {.array = npy_read(path)};
    ck_assert(v.array.dims == 4 && v.array.shape[3] == 3 && v.array.type == 'u');
    size_t count = v.array.shape[0], height = v.array.shape[1], width = v.array.shape[2];
    v.frames = malloc(count * sizeof *v.frames);
    ck_assert_ptr_nonnull(v.frames);
    for (size_t i = 0; i < count; i++) {
        v.frames[i] =
            dp_frame_rgb24(v.array.bytes + i * height * width * 3, (int32_t)width, (int32_t)height);
    }
    dp_clip_default(&v.clip);
    v.clip.frames = v.frames;
    v.clip.frame_count = count;
    v.clip.sampling = DP_SAMPLING_GIVEN;
    return v;
}

static video load_golden_video(const golden *g) {
    video v = load_video(golden_file(g->name, ".frames.npy").text);
    v.clip.sampling = dp_sampling_from_name(g->sampling);
    ck_assert_msg(v.clip.sampling >= 0, "%s is no sampling", g->sampling);
    v.clip.rate = g->rate;
    v.clip.views = g->views;
    v.clip.crops = g->crops;
    return v;
}

static void free_video(video *v) {
    npy_free(&v->array);
    free(v->frames);
}

/* ---- answers ---- */

typedef struct answer {
    float temporal[1024], spatial[1024], logits[1024], probabilities[1024];
    int32_t features, classes;
    bool two_paths;
} answer;

static void keep(float *to, const float *values, int32_t count) {
    ck_assert_int_le(count, 1024);
    if (count > 0) {
        memcpy(to, values, (size_t)count * sizeof(float));
    }
}

static answer ask_session(dp_session *session, const dp_clip *clip) {
    dp_result result;
    static answer a; /* large, and zeros where there is nothing */
    dp_result_default(&result);
    dp_status status = dp_classify_clip(session, clip, &result);
    ck_assert_msg(status == DP_OK, "%s", dp_session_message(session));
    memset(&a, 0, sizeof a);
    a.features = result.feature_size;
    a.classes = result.classes;
    a.two_paths = result.feature_temporal != NULL;
    keep(a.temporal, result.feature_temporal, a.two_paths ? a.features : 0);
    keep(a.spatial, result.feature_spatial, a.features);
    keep(a.logits, result.logits, a.classes);
    keep(a.probabilities, result.probabilities, a.classes);
    return a;
}

static dp_session *new_session(const dp_model *model, int32_t threads) {
    dp_session_options options;
    dp_session *session;
    dp_session_options_default(&options);
    options.threads = threads;
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
    return session;
}

static answer ask_model(const dp_model *model, const dp_clip *clip, int32_t threads) {
    dp_session *session = new_session(model, threads);
    answer a = ask_session(session, clip);
    dp_session_destroy(session);
    return a;
}

#define ASSERT_SAME_BITS(a, b) ck_assert_mem_eq(&(a), &(b), sizeof(answer))

static double largest_value(const float *values, int32_t count) {
    double largest = 0;
    for (int32_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)values[i]));
    }
    return largest;
}

/* Largest difference in parts of the largest expected value; infinite where one is no number. */
static double distance(const float *expected, const float *got, int32_t count) {
    double difference = 0;
    for (int32_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - (double)expected[i]);
        difference = isfinite(d) ? fmax(difference, d) : INFINITY;
    }
    return difference / largest_value(expected, count);
}

/* 1 - the cosine of the angle between them. */
static double turn(const float *expected, const float *got, int32_t count) {
    double dot = 0, a = 0, b = 0;
    for (int32_t i = 0; i < count; i++) {
        dot += (double)expected[i] * (double)got[i];
        a += (double)expected[i] * (double)expected[i];
        b += (double)got[i] * (double)got[i];
    }
    return 1 - dot / sqrt(a * b);
}

/* How far features and logits may be from those of the golden cases, as a distance and as a turn.
 * That of f32 is the rounding of sums in another order. bf16 rounds each number by up to 2^-9 of
 * itself, int8 by up to 1/254 of the largest of its row, and these cases, with random weights and
 * rows of 16 to 64 numbers, have little to average that out: with any instruction set, the worst of
 * them was off by 0.029 and 2.7e-4 in bf16, and by 0.060 and 1.2e-3 in int8. */
static const struct {
    double distance, turn;
} bounds[] = {[DP_PRECISION_F32] = {1e-4, 1e-8},
              [DP_PRECISION_BF16] = {0.06, 6e-4},
              [DP_PRECISION_INT8] = {0.12, 2.5e-3}};

static void assert_like_file(const char *path, const float *got, int32_t count, int32_t precision) {
    npy_array expected = npy_read(path);
    ck_assert_ptr_nonnull(expected.floats);
    ck_assert_uint_eq(expected.count, (size_t)count);
    double apart = distance(expected.floats, got, count),
           turned = turn(expected.floats, got, count);
    ck_assert_msg(apart <= bounds[precision].distance && turned <= bounds[precision].turn,
                  "%s: in precision %d off by %g of the largest value, turned by %g", path,
                  (int)precision, apart, turned);
    ck_assert_msg(precision == DP_PRECISION_F32 || apart > 1e-5, "%s: nothing was rounded", path);
    npy_free(&expected);
}

static void assert_like_golden(const golden *g, const answer *a, int32_t precision) {
    ck_assert_int_eq(a->two_paths, strstr(g->name, "family/") == NULL);
    if (a->two_paths) {
        assert_like_file(golden_file(g->name, ".temporal.npy").text, a->temporal, a->features,
                         precision);
    }
    assert_like_file(golden_file(g->name, ".spatial.npy").text, a->spatial, a->features, precision);
    if (a->classes > 0) {
        assert_like_file(golden_file(g->name, ".logits.npy").text, a->logits, a->classes,
                         precision);
    }
}

static void assert_probabilities(const answer *a) {
    double total = 0, largest = largest_value(a->logits, a->classes);
    for (int32_t i = 0; i < a->classes; i++) {
        total += exp((double)a->logits[i] - largest);
    }
    for (int32_t i = 0; i < a->classes; i++) {
        double expected = exp((double)a->logits[i] - largest) / total;
        ck_assert_double_eq_tol((double)a->probabilities[i], expected, 1e-6);
    }
}

/* ---- models ---- */

static dp_model *open_path(const char *path, const dp_model_options *options) {
    dp_model *model;
    dp_status status = dp_model_open(path, options, &model);
    ck_assert_msg(status == DP_OK, "%s: %s", path, dp_last_message());
    return model;
}

static dp_model *open_golden(const char *name) {
    return open_path(golden_file(name, ".gguf").text, NULL);
}

#define AVX512 (DP_CPU_AVX2 | DP_CPU_AVX512)
#define VECTORS (DP_CPU_AVX2 | DP_CPU_NEON)

/* All ways to compute: fused and not with each table of kernels, and rounded with each product. */
static const struct {
    uint32_t cpu_mask;
    int32_t precision, unfused;
} forms[] = {
    {0, DP_PRECISION_F32, 0},
    {0, DP_PRECISION_F32, 1},
    {VECTORS, DP_PRECISION_F32, 0},
    {VECTORS, DP_PRECISION_F32, 1},
    {AVX512, DP_PRECISION_F32, 0},
    {AVX512, DP_PRECISION_F32, 1},
    {0, DP_PRECISION_BF16, 0},
    {0, DP_PRECISION_INT8, 0},
    {VECTORS, DP_PRECISION_BF16, 0},
    {VECTORS, DP_PRECISION_INT8, 0},
    {VECTORS | DP_CPU_VNNI | DP_CPU_DOTPROD, DP_PRECISION_INT8, 0},
    {AVX512, DP_PRECISION_BF16, 0},
    {AVX512, DP_PRECISION_INT8, 0},
    {AVX512 | DP_CPU_VNNI | DP_CPU_BF16, DP_PRECISION_BF16, 0},
    {AVX512 | DP_CPU_VNNI | DP_CPU_BF16, DP_PRECISION_INT8, 0},
    {DP_CPU_ALL, DP_PRECISION_BF16, 0},
    {DP_CPU_ALL, DP_PRECISION_INT8, 0},
};

/* A brief test takes plain C fused, vectors unfused, plain C in bf16, and the best there is in bf16
 * and int8. */
static const size_t brief_forms[] = {0, 3, 6, COUNT(forms) - 2, COUNT(forms) - 1};

#define FORMS unless_brief(COUNT(forms), COUNT(brief_forms))

static dp_model_options form_options(size_t form) {
    size_t index = unless_brief(form, brief_forms[form % COUNT(brief_forms)]);
    dp_model_options options;
    dp_model_options_default(&options);
    options.unfused = forms[index].unfused;
    options.cpu_mask = forms[index].cpu_mask;
    options.precision = forms[index].precision;
    return options;
}

/* ---- against PyTorch ---- */

START_TEST(goldens_in_every_form) {
    const golden *g = &goldens[_i];
    video v = load_golden_video(g);
    for (size_t form = 0; form < FORMS; form++) {
        dp_model_options options = form_options(form);
        dp_model *model = open_path(golden_file(g->name, ".gguf").text, &options);
        answer one = ask_model(model, &v.clip, 1);
        assert_like_golden(g, &one, options.precision);
        assert_probabilities(&one);
        for (int32_t threads = 2; threads <= 3; threads++) {
            answer more = ask_model(model, &v.clip, threads);
            ASSERT_SAME_BITS(one, more);
        }
        dp_model_close(model);
    }
    free_video(&v);
}
END_TEST

/* Copies at most 1000 bytes at a time, and no more than it has. */
typedef struct source {
    const uint8_t *bytes;
    size_t size;
    uint64_t expected; /* offset of the next call */
} source;

static int64_t read_source(void *user, uint64_t offset, void *buffer, size_t size) {
    source *from = user;
    ck_assert_uint_eq(offset, from->expected);
    size_t left = from->size - (size_t)offset;
    size_t count = left < size ? left : size;
    count = count < 1000 ? count : 1000;
    if (count > 0) {
        memcpy(buffer, from->bytes + offset, count);
    }
    from->expected += count;
    return (int64_t)count;
}

START_TEST(goldens_opened_in_every_way) {
    const golden *g = &goldens[_i];
    video v = load_golden_video(g);
    size_t size;
    uint8_t *bytes = read_file(golden_file(g->name, ".gguf").text, &size);
    ck_assert_ptr_nonnull(bytes);
    dp_model *model = open_golden(g->name);
    answer expected = ask_model(model, &v.clip, 1);
    dp_model_close(model);
    for (size_t offset = unless_brief(0, 3); offset < 4; offset++) {
        uint8_t *block = guarded_bytes(size + offset, 64);
        memcpy(block + offset, bytes, size);
        ck_assert_int_eq(dp_model_open_memory(block + offset, size, NULL, &model), DP_OK);
        answer a = ask_model(model, &v.clip, 1);
        ASSERT_SAME_BITS(expected, a);
        dp_model_close(model);
    }
    source from = {bytes, size, 0};
    dp_reader reader = {.read = read_source, .user = &from};
    ck_assert_int_eq(dp_model_open_reader(&reader, NULL, &model), DP_OK);
    free(bytes); /* a reader's bytes are not needed any more */
    answer a = ask_model(model, &v.clip, 1);
    ASSERT_SAME_BITS(expected, a);
    dp_model_close(model);
    guarded_end();
    free_video(&v);
}
END_TEST

/* ---- what a session promises ---- */

/* Other frames of the same shape. */
static video other_video(const golden *g) {
    video v = load_golden_video(g);
    for (size_t i = 0; i < v.array.count; i++) {
        v.array.file[(size_t)(v.array.bytes - v.array.file) + i] = (uint8_t)random_below(256);
    }
    return v;
}

START_TEST(a_session_does_not_remember) {
    const golden *g = &goldens[_i];
    video first = load_golden_video(g), second = other_video(g);
    dp_model *model = open_golden(g->name);
    answer fresh = ask_model(model, &first.clip, 2);
    dp_session *session = new_session(model, 2);
    answer other = ask_session(session, &second.clip);
    answer again = ask_session(session, &first.clip);
    ASSERT_SAME_BITS(fresh, again);
    if (fresh.two_paths) {
        ck_assert_mem_ne(fresh.temporal, other.temporal, sizeof fresh.temporal);
    }
    ck_assert_mem_ne(fresh.spatial, other.spatial, sizeof fresh.spatial);
    dp_session_destroy(session);
    dp_model_close(model);
    free_video(&first);
    free_video(&second);
}
END_TEST

static answer ask_in_arena(const dp_model *model, const dp_clip *clip, int32_t threads, int fill) {
    dp_session_options options;
    dp_session *session;
    dp_session_options_default(&options);
    options.threads = threads;
    ck_assert_int_eq(dp_session_size(model, &options, &options.arena_size), DP_OK);
    options.arena = guarded_bytes(options.arena_size, 64);
    memset(options.arena, fill, options.arena_size);
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
    answer a = ask_session(session, clip);
    dp_session_destroy(session);
    guarded_end();
    return a;
}

/* An arena of exactly the size that was asked for, whatever it held. */
START_TEST(a_session_lives_in_any_arena) {
    const golden *g = &goldens[_i];
    video v = load_golden_video(g);
    for (size_t form = 0; form < FORMS; form++) {
        dp_model_options options = form_options(form);
        dp_model *model = open_path(golden_file(g->name, ".gguf").text, &options);
        answer expected = ask_model(model, &v.clip, 1);
        for (int32_t threads = (int32_t)unless_brief(1, 3); threads <= 3; threads++) {
            answer zeros = ask_in_arena(model, &v.clip, threads, 0);
            answer ones = ask_in_arena(model, &v.clip, threads, 0xff);
            ASSERT_SAME_BITS(expected, zeros);
            ASSERT_SAME_BITS(expected, ones);
        }
        dp_model_close(model);
    }
    free_video(&v);
}
END_TEST

/* A session of its own on a model that others use, too. */
typedef struct user {
    dp_session *session;
    const dp_clip *clip;
    dp_status status;
    float temporal[1024];
    int32_t features;
} user;

static void *use_session(void *argument) {
    user *u = argument;
    for (int round = 0; round < 5 && u->status == DP_OK; round++) {
        dp_result result;
        dp_result_default(&result);
        u->status = dp_classify_clip(u->session, u->clip, &result);
        u->features = result.feature_size;
        if (u->status == DP_OK && u->features <= 1024) {
            memcpy(u->temporal, result.feature_temporal, (size_t)u->features * sizeof(float));
        }
    }
    return NULL;
}

START_TEST(sessions_share_a_model) {
    static user users[3];
    static answer expected[COUNT(users)];
    pthread_t threads[COUNT(users)];
    video videos[COUNT(users)];
    dp_model *model = open_golden("released");
    for (size_t i = 0; i < COUNT(users); i++) {
        videos[i] = other_video(&goldens[0]);
        expected[i] = ask_model(model, &videos[i].clip, 1);
        users[i] = (user){.session = new_session(model, (int32_t)i + 1), .clip = &videos[i].clip};
    }
    for (size_t i = 0; i < COUNT(users); i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_session, &users[i]), 0);
    }
    for (size_t i = 0; i < COUNT(users); i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(users[i].status, DP_OK);
        ck_assert_int_eq(users[i].features, expected[i].features);
        ck_assert_mem_eq(users[i].temporal, expected[i].temporal,
                         (size_t)users[i].features * sizeof(float));
        dp_session_destroy(users[i].session);
        free_video(&videos[i]);
    }
    dp_model_close(model);
}
END_TEST

/* ---- what the paths see ---- */

/* Frames `order[i]` in place of frames i. */
static answer ask_in_order(const dp_model *model, const video *v, const size_t *order) {
    dp_frame frames[64];
    dp_clip clip = v->clip;
    ck_assert_uint_le(clip.frame_count, COUNT(frames));
    for (size_t i = 0; i < clip.frame_count; i++) {
        frames[i] = v->frames[order[i]];
    }
    clip.frames = frames;
    return ask_model(model, &clip, 1);
}

/* The spatial path of this model sees all frames one by one, and forgets their order; the temporal
 * path must not. */
START_TEST(the_temporal_path_sees_time) {
    video v = load_video(golden_file("frozen-f16", ".frames.npy").text);
    dp_model *model = open_golden("frozen-f16");
    size_t order[64], count = v.clip.frame_count;
    for (size_t i = 0; i < count; i++) {
        order[i] = count - 1 - i;
    }
    answer forwards = ask_model(model, &v.clip, 1);
    answer backwards = ask_in_order(model, &v, order);
    ck_assert_double_le(distance(forwards.spatial, backwards.spatial, forwards.features), 1e-5);
    ck_assert_double_ge(distance(forwards.temporal, backwards.temporal, forwards.features), 1e-3);
    ck_assert_double_ge(distance(forwards.logits, backwards.logits, forwards.classes), 1e-4);
    dp_model_close(model);
    free_video(&v);
}
END_TEST

/* Two framesets in the other order are the same pictures: only the encoding of time tells. */
START_TEST(framesets_know_their_time) {
    static const char *const names[] = {"released-t32", "grid2-3d", "table-f16"};
    for (size_t n = 0; n < COUNT(names); n++) {
        video v = load_video(golden_file(names[n], ".frames.npy").text);
        dp_model *model = open_golden(names[n]);
        size_t order[64], count = v.clip.frame_count;
        for (size_t i = 0; i < count; i++) {
            order[i] = (i + count / 2) % count;
        }
        answer a = ask_model(model, &v.clip, 1);
        answer swapped = ask_in_order(model, &v, order);
        double apart = distance(a.temporal, swapped.temporal, a.features);
        ck_assert_msg(apart >= 1e-3, "%s: %g", names[n], apart);
        dp_model_close(model);
        free_video(&v);
    }
}
END_TEST

/* A frame that the spatial path skips changes y_t and not y_s; one that it sees changes both. */
START_TEST(each_path_sees_its_frames) {
    video v = load_video(golden_file("released", ".frames.npy").text);
    dp_model *model = open_golden("released");
    answer before = ask_model(model, &v.clip, 1);
    uint8_t black[32 * 32 * 3] = {0};
    for (size_t i = 0; i < v.clip.frame_count; i++) {
        dp_frame kept = v.frames[i];
        v.frames[i] = dp_frame_rgb24(black, 32, 32);
        answer after = ask_model(model, &v.clip, 1);
        bool spatial = memcmp(before.spatial, after.spatial, sizeof after.spatial) != 0;
        ck_assert_int_eq(spatial, i % 2 == 0);
        ck_assert_mem_ne(before.temporal, after.temporal, sizeof after.temporal);
        v.frames[i] = kept;
    }
    dp_model_close(model);
    free_video(&v);
}
END_TEST

/* ---- the suite ---- */

static TCase *add_cases(Suite *suite, const char *name) {
    TCase *cases = tcase_create(name);
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, random_restart, NULL);
    suite_add_tcase(suite, cases);
    return cases;
}

static Suite *engine_suite(void) {
    int some = (int)unless_brief((size_t)golden_count, 6);
    Suite *suite = suite_create("engine");
    TCase *answers = add_cases(suite, "answers");
    tcase_add_test(answers, there_are_golden_cases);
    tcase_add_loop_test(answers, goldens_in_every_form, 0, golden_count);
    tcase_add_loop_test(answers, goldens_opened_in_every_way, 0, some);

    TCase *sessions = add_cases(suite, "sessions");
    tcase_add_loop_test(sessions, a_session_does_not_remember, 0, some);
    tcase_add_loop_test(sessions, a_session_lives_in_any_arena, 0, some);
    tcase_add_test(sessions, sessions_share_a_model);

    TCase *paths = add_cases(suite, "paths");
    tcase_add_test(paths, the_temporal_path_sees_time);
    tcase_add_test(paths, framesets_know_their_time);
    tcase_add_test(paths, each_path_sees_its_frames);
    return suite;
}

int main(void) {
    random_seed("test_engine");
    read_goldens("");
    read_goldens("family/");
    read_goldens("protocols/");
    return run_suite(engine_suite());
}
