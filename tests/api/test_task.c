/*
 * Tasks on a backbone: every golden model is split in two, and what is opened from the halves must
 * answer as the whole does, bit for bit. Then who holds on to what.
 */
#define _GNU_SOURCE /* mkstemp(), posix_memalign(), P_tmpdir */
#include "base/bytes.h"
#include "gguf_builder.h"
#include "task_halves.h"
#include "test_allocator.h"

#include <pthread.h>
#include <unistd.h>

/* ---- the same bits ---- */

static const char *const models[] = {
    "released",
    "released-t32",
    "paper",
    "grid2-3d",
    "plain-skip",
    "skip-scaled",
    "widths-bf16",
    "subset-f16",
    "relu",
    "table-f16",
    "grid1",
    "features-bf16",
    "frozen-f16",
    "quantised-q8_0",
    "family/probe",
    "family/features",
    "family/vpt_deep",
    "family/vpt_shallow",
    "family/vpt_timm",
    "family/adaptformer",
    "family/aim",
    "family/aim_two",
    "family/aim_timm",
    "family/aim_q8_0",
    "family/st",
    "family/st_mlp_only",
    "family/st_attn_only",
    "family/st_3x3x3",
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
    ck_assert_msg(same_bits(&a, &b), "%s in %s with %s: other bits", name,
                  dp_precision_name(theirs.precision), theirs.kernels);
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
        const dp_reader readers[2] = {{.read = read_bytes, .user = &bytes[0]},
                                      {.read = read_bytes, .user = &bytes[1]}};
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
    const dp_writer writers[2] = {{.write = append, .user = &written[0]},
                                  {.write = append, .user = &written[1]}};
    ck_assert_int_eq(dp_model_compile_writer(whole, &writers[0]), DP_OK);
    ck_assert_int_eq(dp_model_compile_writer(task, &writers[1]), DP_OK);
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
        const dp_reader reader = {.read = read_bytes, .user = &bytes};
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
        const dp_reader reader = {.read = read_bytes, .user = &bytes};
        dp_status status = dp_model_open_reader(&reader, &files.options, &model);
        reached = memory.calls >= at;
        ck_assert_int_eq(status, reached ? DP_ERR_MEMORY : DP_OK);
        dp_model_close(model);
        ck_assert_uint_eq(memory.blocks, 0);
        ck_assert_int_eq(memory.mistakes, 0);
    }
}
END_TEST

static Suite *task_suite(void) {
    Suite *suite = suite_create("tasks");
    TCase *same = add_case(suite, "the same bits", 120, NULL, NULL);
    tcase_add_loop_test(same, answers_are_those_of_one_file, 0, (int)COUNT(models));

    TCase *sharing = add_case(suite, "sharing", 120, set_up, unload);
    tcase_add_test(sharing, whole_models_are_backbones);
    tcase_add_test(sharing, all_ways_lead_to_the_same);
    if (dpi_is_little_endian()) { /* others do not compile */
        tcase_add_test(sharing, compiled_tasks_are_whole);
    }
    tcase_add_test(sharing, frozen_matrices_are_there_once);
    tcase_add_loop_test(sharing, backbones_live_as_long_as_their_tasks, 0, 6);
    tcase_add_test(sharing, threads_open_tasks_at_the_same_time);
    tcase_add_loop_test(sharing, opening_survives_every_failure, 0, 2);
    tcase_add_test(sharing, backbones_survive_every_failure);
    return suite;
}

int main(void) {
    random_seed("test_task");
    return run_suite(task_suite());
}
