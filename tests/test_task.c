/*
 * Tasks on a backbone: every golden model is split in two, and what is opened from the halves must
 * answer as the whole does, bit for bit. Then what does not go together, who holds on to what, and
 * what tasks may ask for.
 */
#define _GNU_SOURCE /* mkstemp(), posix_memalign(), P_tmpdir */
#include "api_support.h"
#include "gguf_builder.h"
#include "model/bytes.h"
#include "split.h"
#include "test_allocator.h"

#include <check.h>
#include <pthread.h>
#include <unistd.h>

/* A model in one file, and its halves. */
static struct {
    uint8_t *whole;
    size_t whole_size;
    split_files split;
    dp_model_options options;
} files;

static void load(const char *name) {
    files.whole = read_golden(name, &files.whole_size);
    files.split = split_model(files.whole, files.whole_size);
    dp_model_options_default(&files.options);
}

static void unload(void) {
    free(files.whole);
    split_free(&files.split);
}

static void set_up(void) {
    random_restart();
    load(LABELLED_MODEL);
}

static dp_model *open_whole(void) {
    dp_model *model = NULL;
    (void)dp_model_open_memory(files.whole, files.whole_size, &files.options, &model);
    return must(model, "the whole model");
}

static dp_model *open_backbone(void) {
    dp_model *model = NULL;
    dp_model_options options = files.options;
    options.as_backbone = 1;
    (void)dp_model_open_memory(files.split.backbone, files.split.backbone_size, &options, &model);
    return must(model, "the backbone");
}

static dp_model *open_task(dp_model *backbone) {
    dp_model *model = NULL;
    (void)dp_model_open_task_memory(backbone, files.split.task, files.split.task_size, NULL,
                                    &model);
    return must(model, "the task");
}

static dp_model_info info_of(const dp_model *model) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    return info;
}

static answer ask(const dp_model *model) {
    random_restart();
    test_clip clip = make_clip(70, 45, 37);
    dp_session *session = new_session(model, 2);
    answer given = classify(session, &clip.clip);
    dp_session_destroy(session);
    free_clip(&clip);
    return given;
}

/* ---- the same bits ---- */

static const char *const models[] = {
    "released",    "released-t32",  "paper",      "grid2-3d",       "plain-skip",
    "skip-scaled", "widths-bf16",   "subset-f16", "relu",           "table-f16",
    "grid1",       "features-bf16", "frozen-f16", "quantised-q8_0",
};

static const uint32_t tables[] = {0, DP_CPU_AVX2, DP_CPU_AVX2 | DP_CPU_AVX512, DP_CPU_ALL};
static const int32_t precisions[] = {DP_PRECISION_F32, DP_PRECISION_BF16, DP_PRECISION_INT8};

static void check_same(const char *name) {
    dp_model *whole = open_whole();
    dp_model *backbone = open_backbone();
    dp_model *task = open_task(backbone);
    dp_model_close(backbone);
    dp_model_info ours = info_of(task);
    dp_model_info theirs = info_of(whole);
    answer a = ask(task);
    answer b = ask(whole);
    ck_assert_msg(same_bits(&a, &b), "%s in %s with %s: other bits", name, theirs.precision,
                  theirs.kernels);
    ck_assert_int_eq(ours.macs, theirs.macs);
    ck_assert_int_eq(ours.parameters, theirs.parameters);
    ck_assert_int_eq(ours.adapter_parameters, theirs.adapter_parameters);
    ck_assert_str_eq(ours.backbone, theirs.backbone);
    dp_model_close(task);
    dp_model_close(whole);
}

START_TEST(answers_are_those_of_one_file) {
    char name[64];
    (void)snprintf(name, sizeof name, "%s.gguf", models[_i]);
    load(name);
    for (size_t t = 0; t < COUNT(tables); t++) {
        for (size_t p = 0; p < COUNT(precisions); p++) {
            files.options.cpu_mask = tables[t];
            files.options.precision = precisions[p];
            check_same(name);
        }
    }
    files.options.precision = DP_PRECISION_DEFAULT;
    files.options.unfused = 1;
    check_same(name);
    unload();
}
END_TEST

/* Any model with these frozen tensors is a backbone, one with a task of its own, too; and what a
 * task is opened on may be a task. */
START_TEST(whole_models_are_backbones) {
    dp_model *backbone = NULL;
    files.options.as_backbone = 1;
    ck_assert_int_eq(dp_model_open_memory(files.whole, files.whole_size, &files.options, &backbone),
                     DP_OK);
    answer expected = ask(backbone);
    dp_model *first = open_task(backbone);
    dp_model_close(backbone);
    dp_model *second = open_task(first);
    dp_model_close(first);
    answer given = ask(second);
    ck_assert(same_bits(&given, &expected));
    dp_model_close(second);
}
END_TEST

static int64_t read_bytes(void *user, uint64_t offset, void *buffer, size_t size) {
    const gguf_bytes *from = user;
    size_t left = from->size - (size_t)offset;
    size_t count = left < size ? left : size;
    count = count < 4093 ? count : 4093;
    memcpy(buffer, from->bytes + offset, count);
    return (int64_t)count;
}

typedef struct temporary {
    char path[64];
} temporary;

static temporary write_temporary(const uint8_t *bytes, size_t size) {
    temporary made = {P_tmpdir "/dualpath-XXXXXX"};
    int descriptor = mkstemp(made.path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, bytes, size), (ssize_t)size);
    ck_assert_int_eq(close(descriptor), 0);
    return made;
}

/* Backbones and tasks from paths and through callbacks; of what is not mapped, nothing is needed
 * when the call returns. */
START_TEST(all_ways_lead_to_the_same) {
    dp_model *whole = open_whole();
    answer expected = ask(whole);
    temporary paths[2] = {write_temporary(files.split.backbone, files.split.backbone_size),
                          write_temporary(files.split.task, files.split.task_size)};
    gguf_bytes bytes[2] = {{files.split.backbone, files.split.backbone_size, 0},
                           {files.split.task, files.split.task_size, 0}};
    for (int way = 0; way < 4; way++) {
        const dp_reader readers[2] = {{read_bytes, &bytes[0]}, {read_bytes, &bytes[1]}};
        dp_model *backbone = NULL;
        dp_model *task = NULL;
        files.options.as_backbone = 1;
        dp_status opened = way % 2 == 0
                               ? dp_model_open(paths[0].path, &files.options, &backbone)
                               : dp_model_open_reader(&readers[0], &files.options, &backbone);
        ck_assert_int_eq(opened, DP_OK);
        opened = way / 2 == 0 ? dp_model_open_task(backbone, paths[1].path, NULL, &task)
                              : dp_model_open_task_reader(backbone, &readers[1], NULL, &task);
        ck_assert_int_eq(opened, DP_OK);
        answer given = ask(task);
        ck_assert(same_bits(&given, &expected));
        dp_model_close(task);
        dp_model_close(backbone);
    }
    (void)unlink(paths[0].path);
    (void)unlink(paths[1].path);
    dp_model_close(whole);
}
END_TEST

/* Written as a compiled file, a task is a model of its own. */
static int64_t append(void *user, const void *bytes, size_t size) {
    gguf_put(user, bytes, size);
    return (int64_t)size;
}

START_TEST(compiled_tasks_are_whole) {
    gguf_bytes written[2] = {{0}, {0}};
    dp_model *whole = open_whole();
    dp_model *backbone = open_backbone();
    dp_model *task = open_task(backbone);
    const dp_writer writers[2] = {{append, &written[0]}, {append, &written[1]}};
    ck_assert_int_eq(dp_model_compile(whole, &writers[0]), DP_OK);
    ck_assert_int_eq(dp_model_compile(task, &writers[1]), DP_OK);
    ck_assert_uint_eq(written[0].size, written[1].size);
    ck_assert_int_eq(memcmp(written[0].bytes, written[1].bytes, written[0].size), 0);
    dp_model *compiled = NULL;
    files.options.as_backbone = 1;
    ck_assert_int_eq(
        dp_model_open_memory(written[1].bytes, written[1].size, &files.options, &compiled),
        DP_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "canonical"));
    gguf_free(&written[0]);
    gguf_free(&written[1]);
    dp_model_close(task);
    dp_model_close(backbone);
    dp_model_close(whole);
}
END_TEST

/* ---- memory ---- */

/* Two tasks hold the frozen matrices once. */
START_TEST(frozen_matrices_are_there_once) {
    dp_model *whole = open_whole();
    dp_model *backbone = open_backbone();
    dp_model *tasks[2] = {open_task(backbone), open_task(backbone)};
    int64_t alone = info_of(whole).weight_bytes;
    int64_t shared = info_of(backbone).weight_bytes;
    dp_model_info info = info_of(tasks[0]);
    int64_t arena = shared - (int64_t)files.split.backbone_size;
    ck_assert_int_eq(info.shared_bytes, shared);
    ck_assert_int_eq(info_of(whole).shared_bytes, 0);
    ck_assert_int_gt(info.weight_bytes, 0);
    /* the backbone has position tables of its own */
    ck_assert_int_lt(info.weight_bytes, alone);
    ck_assert_int_lt(info.weight_bytes + arena, alone + alone / 4);
    ck_assert_int_eq(info_of(tasks[1]).weight_bytes, info.weight_bytes);
    for (size_t i = 0; i < 2; i++) {
        dp_model_close(tasks[i]);
    }
    dp_model_close(backbone);
    dp_model_close(whole);
}
END_TEST

/* In every order of closing, all is given back, and not before. */
START_TEST(backbones_live_as_long_as_their_tasks) {
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    test_allocator memory;
    test_allocator_init(&memory);
    files.options.allocator = &memory.allocator;
    dp_model *backbone = open_backbone();
    dp_model *models_of[3] = {backbone, open_task(backbone), open_task(backbone)};
    answer expected = ask(models_of[1]);
    for (int i = 0; i < 3; i++) {
        dp_model *last = models_of[orders[_i][2]];
        if (last != backbone) {
            answer given = ask(last);
            ck_assert(same_bits(&given, &expected));
        }
        ck_assert_uint_gt(memory.blocks, 0);
        dp_model_close(models_of[orders[_i][i]]);
    }
    ck_assert_uint_eq(memory.blocks, 0);
    ck_assert_int_eq(memory.mistakes, 0);
}
END_TEST

static void *open_and_close(void *backbone) {
    for (int i = 0; i < 20; i++) {
        dp_model_close(open_task(backbone));
    }
    return NULL;
}

START_TEST(threads_open_tasks_at_the_same_time) {
    pthread_t threads[4];
    temporary path = write_temporary(files.split.backbone, files.split.backbone_size);
    dp_model *backbone = NULL;
    files.options.as_backbone = 1;
    ck_assert_int_eq(dp_model_open(path.path, &files.options, &backbone), DP_OK);
    dp_model *task = open_task(backbone);
    answer expected = ask(task);
    for (size_t i = 0; i < COUNT(threads); i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, open_and_close, task), 0);
    }
    dp_model_close(backbone);
    for (size_t i = 0; i < COUNT(threads); i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    answer given = ask(task);
    ck_assert(same_bits(&given, &expected));
    dp_model_close(task);
    (void)unlink(path.path);
}
END_TEST

/* The n-th allocation fails, for every n. */
START_TEST(opening_survives_every_failure) {
    dp_model *backbone = open_backbone();
    bool reached = true;
    for (size_t at = 1; reached; at++) {
        test_allocator memory;
        test_allocator_init(&memory);
        memory.fail_at = at;
        dp_model_options options;
        dp_model_options_default(&options);
        options.allocator = &memory.allocator;
        dp_model *task = (dp_model *)&memory;
        gguf_bytes bytes = {files.split.task, files.split.task_size, 0};
        const dp_reader reader = {read_bytes, &bytes};
        dp_status status =
            _i == 0 ? dp_model_open_task_memory(backbone, bytes.bytes, bytes.size, &options, &task)
                    : dp_model_open_task_reader(backbone, &reader, &options, &task);
        reached = memory.calls >= at;
        ck_assert_int_eq(status, reached ? DP_ERR_MEMORY : DP_OK);
        ck_assert((task == NULL) == reached);
        dp_model_close(task);
        ck_assert_uint_eq(memory.blocks, 0);
        ck_assert_int_eq(memory.mistakes, 0);
    }
    /* nobody but its owner holds the backbone any more: asan and valgrind would tell */
    dp_model_close(backbone);
}
END_TEST

/* The same for the backbone, which keeps more. */
START_TEST(backbones_survive_every_failure) {
    bool reached = true;
    files.options.as_backbone = 1;
    for (size_t at = 1; reached; at++) {
        test_allocator memory;
        test_allocator_init(&memory);
        memory.fail_at = at;
        files.options.allocator = &memory.allocator;
        dp_model *model = (dp_model *)&memory;
        gguf_bytes bytes = {files.split.backbone, files.split.backbone_size, 0};
        const dp_reader reader = {read_bytes, &bytes};
        dp_status status = dp_model_open_reader(&reader, &files.options, &model);
        reached = memory.calls >= at;
        ck_assert_int_eq(status, reached ? DP_ERR_MEMORY : DP_OK);
        dp_model_close(model);
        ck_assert_uint_eq(memory.blocks, 0);
        ck_assert_int_eq(memory.mistakes, 0);
    }
}
END_TEST

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
        {DP_PRECISION_BF16, 0, 0, 0, DP_CPU_ALL, "in f32, and bf16"},
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

static Suite *task_suite(void) {
    Suite *suite = suite_create("tasks");
    TCase *same = tcase_create("the same bits");
    tcase_set_timeout(same, 120);
    tcase_add_loop_test(same, answers_are_those_of_one_file, 0, (int)COUNT(models));
    suite_add_tcase(suite, same);

    TCase *sharing = tcase_create("sharing");
    tcase_add_checked_fixture(sharing, set_up, unload);
    tcase_set_timeout(sharing, 120);
    tcase_add_test(sharing, whole_models_are_backbones);
    tcase_add_test(sharing, all_ways_lead_to_the_same);
    if (dp_is_little_endian()) { /* others do not compile */
        tcase_add_test(sharing, compiled_tasks_are_whole);
    }
    tcase_add_test(sharing, frozen_matrices_are_there_once);
    tcase_add_loop_test(sharing, backbones_live_as_long_as_their_tasks, 0, 6);
    tcase_add_test(sharing, threads_open_tasks_at_the_same_time);
    tcase_add_loop_test(sharing, opening_survives_every_failure, 0, 2);
    tcase_add_test(sharing, backbones_survive_every_failure);
    suite_add_tcase(suite, sharing);

    TCase *refused = tcase_create("refused");
    tcase_add_checked_fixture(refused, set_up, unload);
    tcase_set_timeout(refused, 120);
    tcase_add_test(refused, other_backbones_are_refused_by_name);
    tcase_add_test(refused, tasks_need_a_backbone);
    tcase_add_test(refused, tasks_compute_as_their_backbone);
    tcase_add_test(refused, contradictions_are_refused);
    tcase_add_test(refused, tasks_agree_with_their_blocks);
    tcase_add_test(refused, damaged_tasks_do_no_harm);
    tcase_add_test(refused, backbones_carry_checksums);
    suite_add_tcase(suite, refused);
    return suite;
}

int main(void) {
    random_seed("test_task");
    SRunner *runner = srunner_create(task_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
