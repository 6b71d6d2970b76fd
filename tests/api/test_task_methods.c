/*
 * Tasks of all methods on one backbone: what was trained in one way or the other shares the frozen
 * matrices of one file, and each task answers as its whole file does, bit for bit.
 */
#include "model_recipe.h"
#include "split.h"
#include "suite.h"

/* ---- models that share their frozen tensors ---- */

/* Weights depend on the seed and on the name of a tensor, and so all of these have the same ones.
 */
#define SEED 5

/* All with two blocks. */
static recipe recipe_of(size_t index) {
    shape s = method_shapes[index];
    s.blocks = 2;
    s.prompt_blocks = s.prompt_blocks > 1 ? 2 : s.prompt_blocks;
    recipe r = make_recipe(&s);
    r.seed = SEED;
    return r;
}

/* A model in one file, and what of it is a task. */
typedef struct halves {
    uint8_t *whole;
    size_t whole_size;
    split_files split;
} halves;

static halves split_recipe(size_t index) {
    halves made;
    recipe r = recipe_of(index);
    made.whole = write_recipe(&r, &made.whole_size);
    made.split = split_model(made.whole, made.whole_size);
    return made;
}

static void free_halves(halves *h) {
    free(h->whole);
    split_free(&h->split);
}

static dp_model *open_whole(const halves *h, dp_model_options options, int32_t as_backbone) {
    dp_model *model = NULL;
    options.as_backbone = as_backbone;
    dp_status status = dp_model_open_memory(h->whole, h->whole_size, &options, &model);
    ck_assert_msg(status == DP_OK, "%s", dp_last_message());
    return model;
}

static dp_model *open_task(dp_model *backbone, const halves *h) {
    dp_model *model = NULL;
    dp_status status =
        dp_model_open_task_memory(backbone, h->split.task, h->split.task_size, NULL, &model);
    ck_assert_msg(status == DP_OK, "%s", dp_last_message());
    return model;
}

/* ---- answers ---- */

#define SIDE 18
#define MAX_FRAMES 8

typedef struct answer {
    float values[64];
    size_t count;
} answer;

static void append(answer *a, const float *values, int32_t count) {
    for (int32_t i = 0; values != NULL && i < count; i++) {
        ck_assert_uint_lt(a->count, COUNT(a->values));
        a->values[a->count++] = values[i];
    }
}

/* Of the same pixels, whoever is asked. */
static answer ask(const dp_model *model) {
    static uint8_t pixels[MAX_FRAMES][SIDE * SIDE * 3];
    dp_frame frames[MAX_FRAMES];
    dp_session *session;
    dp_clip clip;
    dp_result result;
    answer a = {.count = 0};
    dp_clip_default(&clip);
    dp_result_default(&result);
    clip.frames = frames;
    clip.frame_count = (size_t)info_of(model).frames;
    clip.sampling = DP_SAMPLING_GIVEN;
    ck_assert_uint_le(clip.frame_count, MAX_FRAMES);
    for (size_t i = 0; i < clip.frame_count; i++) {
        for (size_t b = 0; b < sizeof pixels[i]; b++) {
            pixels[i][b] = (uint8_t)(i * 67 + b * b % 251);
        }
        frames[i] = dp_frame_rgb24(pixels[i], SIDE, SIDE);
    }
    ck_assert_int_eq(dp_session_create(model, NULL, &session), DP_OK);
    ck_assert_msg(dp_classify_clip(session, &clip, &result) == DP_OK, "%s",
                  dp_session_message(session));
    append(&a, result.feature_temporal, result.feature_size);
    append(&a, result.feature_spatial, result.feature_size);
    append(&a, result.logits, result.classes);
    dp_session_destroy(session);
    return a;
}

static void assert_same_bits(const answer *expected, const answer *got, size_t index) {
    ck_assert_uint_gt(expected->count, 0);
    ck_assert_uint_eq(expected->count, got->count);
    ck_assert_msg(memcmp(expected->values, got->values, got->count * sizeof(float)) == 0,
                  "the task of method %s answers with other bits",
                  dp_method_name(method_shapes[index].method));
}

/* ---- tests ---- */

/* Whichever method the backbone's own task is of; all tasks are open at the same time. */
static void assert_tasks_on(size_t backbone_index, dp_model_options options) {
    halves files[SHAPES];
    dp_model *tasks[SHAPES];
    for (size_t i = 0; i < SHAPES; i++) {
        files[i] = split_recipe(i);
    }
    dp_model *backbone = open_whole(&files[backbone_index], options, 1);
    for (size_t i = 0; i < SHAPES; i++) {
        tasks[i] = open_task(backbone, &files[i]);
    }
    dp_model_close(backbone);
    for (size_t i = 0; i < SHAPES; i++) {
        dp_model *whole = open_whole(&files[i], options, 0);
        answer expected = ask(whole), got = ask(tasks[i]);
        assert_same_bits(&expected, &got, i);
        dp_model_info of_task = info_of(tasks[i]), of_whole = info_of(whole);
        ck_assert_int_eq(of_task.method, method_shapes[i].method);
        ck_assert_int_eq(of_task.macs, of_whole.macs);
        ck_assert_int_eq(of_task.parameters, of_whole.parameters);
        ck_assert_int_eq(of_task.adapter_parameters, of_whole.adapter_parameters);
        ck_assert_str_eq(of_task.backbone, files[i].split.hash);
        ck_assert_str_eq(of_task.backbone, of_whole.backbone);
        ck_assert_int_lt(of_task.weight_bytes, of_whole.weight_bytes);
        dp_model_close(whole);
    }
    for (size_t i = 0; i < SHAPES; i++) {
        dp_model_close(tasks[i]);
        free_halves(&files[i]);
    }
}

START_TEST(tasks_of_all_methods_share_a_backbone) {
    dp_model_options options;
    dp_model_options_default(&options);
    for (int32_t precision = DP_PRECISION_F32; precision <= DP_PRECISION_INT8; precision++) {
        options.precision = precision;
        assert_tasks_on((size_t)_i, options);
    }
    options.precision = DP_PRECISION_F32;
    options.unfused = 1;
    assert_tasks_on((size_t)_i, options);
}
END_TEST

/* A task has all that its method needs, and nothing else. */
START_TEST(tasks_lack_nothing_of_their_method) {
    halves whole = split_recipe((size_t)_i);
    dp_model_options options;
    dp_model_options_default(&options);
    dp_model *backbone = open_whole(&whole, options, 1);
    recipe task = recipe_of((size_t)_i);
    size_t kept = 0;
    task.labels = 0;
    for (size_t i = 0; i < task.tensor_count; i++) {
        const char *name = task.tensors[i].name;
        if (strstr(name, ".adapter.") != NULL || strstr(name, ".prompt") != NULL ||
            strncmp(name, "position.", 9) == 0 || strncmp(name, "head.", 5) == 0 ||
            strcmp(name, "class_token") == 0) {
            task.tensors[kept++] = task.tensors[i];
        }
    }
    task.tensor_count = kept;
    add_text(&task, "dualpath.backbone.hash", whole.split.hash);
    for (size_t i = 0; i < kept; i++) {
        recipe r = task;
        dp_model *model = NULL;
        size_t size;
        const char *name = task.tensors[i].name;
        drop_tensor(&r, i);
        uint8_t *bytes = write_recipe(&r, &size);
        dp_status status = dp_model_open_task_memory(backbone, bytes, size, NULL, &model);
        bool sound = strcmp(name, "position.grid") == 0 || strcmp(name, "block.1.prompt") == 0;
        ck_assert_msg(status == (sound ? DP_OK : DP_ERR_FORMAT), "without %s: %s", name,
                      dp_status_name(status));
        dp_model_close(model);
        free(bytes);
    }
    dp_model_close(backbone);
    free_halves(&whole);
}
END_TEST

int main(void) {
    random_seed("test_task_methods");
    Suite *suite = suite_create("tasks of all methods");
    TCase *tasks = add_case(suite, "tasks", 120, random_restart, NULL);
    tcase_add_loop_test(tasks, tasks_of_all_methods_share_a_backbone, 0, SHAPES);
    tcase_add_loop_test(tasks, tasks_lack_nothing_of_their_method, 0, SHAPES);
    return run_suite(suite);
}
