/*
 * Compiled weight files: they answer as the files they were made of, bit for bit, however they are
 * opened; what was changed in them is refused by name; and their pages stay those of the file.
 */
#define _XOPEN_SOURCE 700 /* P_tmpdir, mkdtemp() */
#include "api_support.h"
#include "gguf_builder.h"
#include "model/bytes.h"
#include "model/gguf.h" /* to find what is spoiled in a file */
#include "test_allocator.h"

#include <check.h>
#include <unistd.h>
#if !defined(DP_NO_ZLIB)
#include <zlib.h>
#endif

/* ---- what most tests need ---- */

/* A growing file in memory, and how its writer misbehaves. */
typedef struct sink {
    gguf_bytes all;
    size_t most;    /* bytes that are taken at a time; 0: any */
    size_t calls;   /* so far */
    size_t fail_at; /* the call that answers `failure`; 0: none */
    int64_t failure;
} sink;

static int64_t take_bytes(void *user, const void *bytes, size_t size) {
    sink *to = user;
    if (++to->calls == to->fail_at) {
        return to->failure;
    }
    size_t taken = to->most != 0 && size > to->most ? to->most : size;
    gguf_put(&to->all, bytes, taken);
    return (int64_t)taken;
}

typedef struct how {
    int precision, target;
    uint32_t cpu_mask;
} how;

static dp_model_options options_of(how h) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = h.precision;
    options.target = h.target;
    options.cpu_mask = h.cpu_mask;
    return options;
}

static dp_model *open_how(const char *name, how h) {
    dp_model *model = NULL;
    dp_model_options options = options_of(h);
    (void)dp_model_open(find_golden(name).text, &options, &model);
    return must(model, name);
}

/* A file in memory, at an address that is a multiple of 64, and 16 bytes behind another such
 * address. */
typedef struct file_bytes {
    uint8_t *block, *bytes;
    size_t size;
} file_bytes;

static file_bytes copy_bytes(const uint8_t *bytes, size_t size, size_t behind) {
    file_bytes copy = {NULL, NULL, size};
    ck_assert_int_eq(posix_memalign((void **)&copy.block, 64, size + 64), 0);
    copy.bytes = copy.block + behind;
    memcpy(copy.bytes, bytes, size);
    return copy;
}

static file_bytes compile(const dp_model *model) {
    sink to = {.most = 0};
    dp_writer writer = {take_bytes, &to};
    ck_assert_msg(dp_model_compile(model, &writer) == DP_OK, "%s", dp_last_message());
    file_bytes copy = copy_bytes(to.all.bytes, to.all.size, 0);
    gguf_free(&to.all);
    return copy;
}

static file_bytes compile_golden(const char *name, how h) {
    dp_model *model = open_how(name, h);
    file_bytes file = compile(model);
    dp_model_close(model);
    return file;
}

static dp_model *open_bytes(file_bytes file, const dp_model_options *options) {
    dp_model *model = NULL;
    (void)dp_model_open_memory(file.bytes, file.size, options, &model);
    return must(model, "a compiled model");
}

static dp_model_info info_of(const dp_model *model) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    return info;
}

static answer answer_of(const dp_model *model) {
    dp_model_info info = info_of(model);
    random_restart();
    test_clip clip = make_clip((size_t)info.frames, 24, 20);
    dp_session *session = new_session(model, 1);
    answer got = classify(session, &clip.clip);
    dp_session_destroy(session);
    free_clip(&clip);
    return got;
}

static void refuse_bytes(file_bytes file, const dp_model_options *options, dp_status status,
                         const char *word, const char *other) {
    dp_model *model = NULL;
    dp_status got = dp_model_open_memory(file.bytes, file.size, options, &model);
    const char *message = dp_last_message();
    ck_assert_msg(got == status, "%s, expected %s: %s", dp_status_name(got), dp_status_name(status),
                  message);
    ck_assert_ptr_null(model);
    ck_assert_msg(strstr(message, word) != NULL && strstr(message, other) != NULL,
                  "no '%s' or no '%s' in \"%s\"", word, other, message);
}

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
    dp_model *model = open_how(SMALL_MODEL, (how){DP_PRECISION_F32, target, cpu_mask});
    size_t bytes;
    bool can = dp_session_size(model, NULL, &bytes) == DP_OK;
    dp_model_close(model);
    return can;
}

static const char *const goldens[] = {
    "released",     "released-t32", "paper",         "grid2-3d",   "plain-skip",
    "skip-scaled",  "widths-bf16",  "subset-f16",    "relu",       "table-f16",
    "crops-first",  "grid1",        "features-bf16", "frozen-f16", "quantised-q8_0",
    "short-center", "views-center", "crops-uniform"};

static void compare_info(const dp_model_info *a, const dp_model_info *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->description, b->description);
    ck_assert_str_eq(a->precision, b->precision);
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
                  after.precision, dp_target_name(after.target));
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

static void expect_same_file(file_bytes a, file_bytes b) {
    ck_assert_uint_eq(a.size, b.size);
    ck_assert_mem_eq(a.bytes, b.bytes, a.size);
    free(a.block);
    free(b.block);
}

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

/* ---- ways to open ---- */

static int64_t read_bytes(void *user, uint64_t offset, void *buffer, size_t size) {
    const file_bytes *from = user;
    size_t rest = from->size - (size_t)offset;
    size_t count = size < rest ? size : rest;
    memcpy(buffer, from->bytes + offset, count);
    return (int64_t)count;
}

static int warnings;

static void count_warnings(void *user, dp_log_level level, const char *message) {
    (void)user;
    (void)message;
    warnings += level == DP_LOG_WARNING;
}

/* A model with the answers of the golden one and all memory from `counting`, which is left empty
 * when it is closed. */
static void expect_model(dp_model *model, const test_allocator *counting, const answer *expected) {
    ck_assert_msg(model != NULL, "%s", dp_last_message());
    answer got = answer_of(model);
    ck_assert(same_bits(&got, expected));
    dp_model_close(model);
    ck_assert_uint_eq(counting->blocks, 0);
    ck_assert_int_eq(counting->mistakes, 0);
}

START_TEST(every_way_of_opening_gives_the_same) {
    static const how whichever = {DP_PRECISION_INT8, DP_TARGET_NATIVE, DP_CPU_ALL};
    dp_model *canonical = open_how(LABELLED_MODEL, whichever);
    answer expected = answer_of(canonical);
    dp_model_close(canonical);
    file_bytes file = compile_golden(LABELLED_MODEL, whichever);
    file_bytes moved = copy_bytes(file.bytes, file.size, 16);
    test_allocator counting;
    dp_model *model = NULL;
    dp_model_options options;
    dp_model_options_default(&options);
    options.log = count_warnings;
    test_allocator_init(&counting);
    options.allocator = &counting.allocator;

    warnings = 0;
    (void)dp_model_open_memory(file.bytes, file.size, &options, &model);
    ck_assert_uint_lt(counting.peak, file.size / 2); /* nothing was copied */
    ck_assert_int_eq(warnings, 0);
    expect_model(model, &counting, &expected);

    (void)dp_model_open_memory(moved.bytes, moved.size, &options, &model);
    ck_assert_uint_ge(counting.bytes, file.size);
    ck_assert_int_eq(warnings, 1);
    expect_model(model, &counting, &expected);

    dp_reader reader = {read_bytes, &file};
    (void)dp_model_open_reader(&reader, &options, &model);
    expect_model(model, &counting, &expected);
    ck_assert_int_eq(warnings, 1);
    free(file.block);
    free(moved.block);
}
END_TEST

#if !defined(DP_NO_ZLIB)

static file_bytes pack_bytes(file_bytes file) {
    z_stream stream = {.next_in = file.bytes, .avail_in = (uInt)file.size};
    ck_assert_int_eq(deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    size_t room = deflateBound(&stream, file.size);
    uint8_t *packed = must(malloc(room), "memory");
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    file_bytes result = {packed, packed, stream.total_out};
    (void)deflateEnd(&stream);
    return result;
}

START_TEST(compressed_files_give_the_same) {
    static const how whichever = {DP_PRECISION_INT8, DP_TARGET_NATIVE, DP_CPU_ALL};
    file_bytes file = compile_golden(LABELLED_MODEL, whichever);
    file_bytes packed = pack_bytes(file);
    dp_model *model = NULL;
    test_allocator counting;
    dp_model_options options;
    dp_model_options_default(&options);
    (void)dp_model_open_memory(file.bytes, file.size, &options, &model);
    ck_assert_msg(model != NULL, "%s", dp_last_message());
    answer expected = answer_of(model);
    dp_model_close(model);
    test_allocator_init(&counting);
    options.allocator = &counting.allocator;

    (void)dp_model_open_memory(packed.bytes, packed.size, &options, &model);
    expect_model(model, &counting, &expected);

    dp_reader reader = {read_bytes, &packed};
    (void)dp_model_open_reader(&reader, &options, &model);
    expect_model(model, &counting, &expected);
    free(file.block);
    free(packed.block);
}
END_TEST

#endif /* DP_NO_ZLIB */

START_TEST(opening_may_run_out_of_memory) {
    file_bytes file = compile_golden(LABELLED_MODEL, (how){DP_PRECISION_F32, 0, DP_CPU_ALL});
    file_bytes moved = copy_bytes(file.bytes, file.size, 16);
    dp_model *model = NULL;
    test_allocator counting;
    dp_model_options options;
    dp_model_options_default(&options);
    options.allocator = &counting.allocator;
    size_t fail_at = 0;
    do {
        test_allocator_init(&counting);
        counting.fail_at = ++fail_at;
        dp_status status = dp_model_open_memory(moved.bytes, moved.size, &options, &model);
        ck_assert(status == DP_ERR_MEMORY || (status == DP_OK && counting.calls < fail_at));
        dp_model_close(model);
        ck_assert_uint_eq(counting.blocks, 0);
        ck_assert_int_eq(counting.mistakes, 0);
    } while (counting.calls >= fail_at);
    ck_assert_uint_gt(fail_at, 5);
    free(file.block);
    free(moved.block);
}
END_TEST

/* ---- the file on disk ---- */

static char folder[256];
static char path[sizeof folder + 16];

static void make_folder(void) {
    const char *parent = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/dualpath-test-XXXXXX",
                   parent != NULL ? parent : P_tmpdir);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/model.gguf", folder);
}

static void remove_folder(void) {
    (void)unlink(path);
    (void)rmdir(folder);
}

static void write_file(file_bytes file) {
    FILE *to = must(fopen(path, "wb"), path);
    ck_assert_uint_eq(fwrite(file.bytes, 1, file.size, to), file.size);
    ck_assert_int_eq(fclose(to), 0);
}

/* Kilobytes that /proc/self/smaps says of mappings of `path`: all of them, and those that are not
 * the file's own pages any more. */
typedef struct mapped {
    long size, changed;
} mapped;

static mapped look_at_mapping(void) {
    FILE *maps = must(fopen("/proc/self/smaps", "r"), "smaps");
    char line[1024];
    bool ours = false;
    mapped found = {0, 0};
    while (fgets(line, sizeof line, maps) != NULL) {
        long kilobytes = 0;
        char word[32] = "";
        if (sscanf(line, "%31[A-Za-z_]: %ld kB", word, &kilobytes) != 2) {
            ours = strstr(line, path) != NULL || (strchr(line, '-') == NULL && ours);
        } else if (ours && strcmp(word, "Rss") == 0) {
            found.size += kilobytes;
        } else if (ours && strcmp(word, "Anonymous") == 0) {
            found.changed += kilobytes;
        }
    }
    (void)fclose(maps);
    return found;
}

START_TEST(a_mapped_file_is_used_where_it_lies) {
    if (access("/proc/self/smaps", R_OK) != 0) {
        printf("skipped: there is no /proc/self/smaps\n");
        return;
    }
    file_bytes file = compile_golden(LABELLED_MODEL, (how){DP_PRECISION_BF16, 0, DP_CPU_ALL});
    write_file(file);
    test_allocator counting;
    dp_model_options options;
    dp_model *model = NULL;
    test_allocator_init(&counting);
    dp_model_options_default(&options);
    options.allocator = &counting.allocator;
    ck_assert_int_eq(dp_model_open(path, &options, &model), DP_OK);
    ck_assert_uint_lt(counting.peak, file.size / 2);
    ck_assert_int_ge(info_of(model).weight_bytes, (int64_t)file.size);
    answer got = answer_of(model);
    ck_assert_uint_gt(got.count, 0);
    mapped used = look_at_mapping();
    ck_assert_int_ge(used.size, (long)(file.size / 1024 / 2));
    ck_assert_int_eq(used.changed, 0);
    dp_model_close(model);
    mapped afterwards = look_at_mapping();
    ck_assert_int_eq(afterwards.size, 0);
    free(file.block);
}
END_TEST

/* The name may go, and come back with something else: the model has the old file. */
START_TEST(a_mapped_file_may_be_replaced) {
    file_bytes file = compile_golden(SMALL_MODEL, (how){DP_PRECISION_F32, 0, DP_CPU_ALL});
    dp_model *model = NULL;
    write_file(file);
    ck_assert_int_eq(dp_model_open(path, NULL, &model), DP_OK);
    answer before = answer_of(model);
    ck_assert_int_eq(unlink(path), 0);
    memset(file.bytes, 0, file.size);
    write_file(file);
    answer after = answer_of(model);
    ck_assert(same_bits(&before, &after));
    dp_model_close(model);
    free(file.block);
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
        options.precision = fitting[i];
        dp_model *model = open_bytes(file, &options);
        ck_assert_str_eq(info_of(model).precision, "int8");
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

START_TEST(targets_have_names) {
    static const char *const names[] = {"native", "plain", "rows", "avx2", "avx512", "neon"};
    for (size_t i = 0; i < COUNT(names); i++) {
        ck_assert_str_eq(dp_target_name((int32_t)i), names[i]);
    }
    static const int32_t others[] = {-1, COUNT(names), INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT(others); i++) {
        dp_model *model = NULL;
        dp_model_options options = options_of((how){0, others[i], DP_CPU_ALL});
        ck_assert_ptr_null(dp_target_name(others[i]));
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
    sink to = {.most = 1009};
    dp_writer writer = {take_bytes, &to};
    ck_assert_int_eq(dp_model_compile(model, &writer), DP_OK);
    ck_assert_uint_eq(to.all.size, file.size);
    ck_assert_mem_eq(to.all.bytes, file.bytes, file.size);
    gguf_free(&to.all);
    free(file.block);
    dp_model_close(model);
}
END_TEST

START_TEST(failing_writers_are_reported) {
    static const int64_t failures[] = {0, -1, INT64_MIN, INT64_MAX};
    dp_model *model = open_how(SMALL_MODEL, (how){0, 0, DP_CPU_ALL});
    sink counted = {.most = 0};
    dp_writer writer = {take_bytes, &counted};
    ck_assert_int_eq(dp_model_compile(model, &writer), DP_OK);
    gguf_free(&counted.all);
    for (size_t fail_at = 1; fail_at <= counted.calls; fail_at++) {
        sink to = {.fail_at = fail_at, .failure = failures[fail_at % COUNT(failures)]};
        writer.user = &to;
        ck_assert_int_eq(dp_model_compile(model, &writer), DP_ERR_IO);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), "write callback"));
        ck_assert_uint_eq(to.calls, fail_at); /* it is not called again */
        gguf_free(&to.all);
    }
    dp_model_close(model);
}
END_TEST

START_TEST(only_fused_models_are_written) {
    sink to = {.most = 0};
    dp_writer writer = {take_bytes, &to};
    dp_model_options options;
    dp_model *model = NULL;
    dp_model_options_default(&options);
    options.unfused = 1;
    ck_assert_int_eq(dp_model_open(find_golden(SMALL_MODEL).text, &options, &model), DP_OK);
    ck_assert_int_eq(dp_model_compile(model, &writer), DP_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "unfused"));
    ck_assert_uint_eq(to.calls, 0);
    ck_assert_int_eq(dp_model_compile(NULL, &writer), DP_ERR_ARGUMENT);
    ck_assert_int_eq(dp_model_compile(model, NULL), DP_ERR_ARGUMENT);
    writer.write = NULL;
    ck_assert_int_eq(dp_model_compile(model, &writer), DP_ERR_ARGUMENT);
    dp_model_close(model);
}
END_TEST

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
    {"dualpath.compiled.version", 2, DP_ERR_UNSUPPORTED, "version 2", "compile the model again"},
    {"dualpath.compiled.version", 0, DP_ERR_UNSUPPORTED, "version 0", "1 is needed"},
    {"dualpath.compiled.mlp_width", 255, DP_ERR_FORMAT, "widen", "shape"},
    {"dualpath.compiled.mlp_width", 0, DP_ERR_FORMAT, "mlp_width", "must be 1"},
    {"dualpath.compiled.feature_size", 255, DP_ERR_FORMAT, "projection", "shape"},
    {"dualpath.compiled.head_width", 255, DP_ERR_FORMAT, "head.hidden", "shape"},
    {"dualpath.compiled.head_width", 0, DP_ERR_FORMAT, "head", "one is missing"},
    {"dualpath.compiled.classes", 255, DP_ERR_FORMAT, "labels", "255"},
    {"dualpath.compiled.bottleneck.s1", 0, DP_ERR_FORMAT, "s1|squeeze_n|leave_d", "no place"},
    {"dualpath.compiled.bottleneck.t0", 255, DP_ERR_FORMAT, "", "255"},
    {"dualpath.block_count", 255, DP_ERR_FORMAT, "block.", "missing"},
    {"dualpath.block_count", 1, DP_ERR_FORMAT, "block.1.", "no place"},
    {"dualpath.frames", 240, DP_ERR_FORMAT, "first.temporal", "shape"},
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
    refuse_bytes(file, NULL, DP_ERR_UNSUPPORTED, "\"risc9\"", "can be read: plain, rows");
    memcpy(target, "plain", 5);
    memcpy(precision, "fp16", 4);
    refuse_bytes(file, NULL, DP_ERR_UNSUPPORTED, "\"fp16\"", DP_VERSION_STRING);
    memcpy(precision, "bf16", 4);
    memcpy(value_of(file, "dualpath.compiled.file_type") + 8, "f99", 3);
    refuse_bytes(file, NULL, DP_ERR_FORMAT, "\"f99\"", "file_type");
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
    static const char panels[] = "block.0.spatial.widen.panels";
    file_bytes file = small_bf16();
    uint8_t *about = description_of(file, panels);
    about[PANEL_TYPE] = DP_TENSOR_F16;
    refuse_bytes(file, NULL, DP_ERR_FORMAT, panels, "f16, expected bf16");
    about[PANEL_TYPE] = DP_TENSOR_BF16;
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
    dp_gguf gguf;
    dp_message message;
    *value_of(file, "general.alignment") = 32;
    ck_assert_int_eq(dp_gguf_parse(file.bytes, file.size, NULL, &gguf, &message), DP_OK);
    const dp_tensor *last = &gguf.tensors[gguf.tensor_count - 1];
    if ((size_t)(last->data - file.bytes) % 64 == 0) {
        uint8_t *end = (uint8_t *)(uintptr_t)last->name.bytes + last->name.length;
        end[4 + 8 * last->dims + 4] += 32;
    }
    dp_gguf_free(&gguf);
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
    refuse_bytes(file, &options, DP_ERR_CHECKSUM, "block.1.temporal.narrow_d", "CRC-32");
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
    description_of(file, name)[4 + 2 * 8] = DP_TENSOR_I8;
    refuse_bytes(file, NULL, DP_ERR_FORMAT, name, "i8");
    free(file.block);
    free(bytes);
}
END_TEST

/* ---- big-endian machines ---- */

/* Weights of compiled files are used as they stand, so both ways are refused there. */
START_TEST(compiled_files_are_refused) {
    gguf_builder builder = {0};
    gguf_add_text(&builder, "general.architecture", "dualpath");
    gguf_add_u32(&builder, "dualpath.compiled.version", 1);
    file_bytes file = {NULL, NULL, 0};
    file.bytes = file.block = gguf_finish(&builder, &file.size);
    refuse_bytes(file, NULL, DP_ERR_UNSUPPORTED, "compiled files are for little-endian machines",
                 "open the canonical file");
    free(file.block);
}
END_TEST

START_TEST(nothing_is_compiled) {
    sink to = {.most = 0};
    dp_writer writer = {take_bytes, &to};
    dp_model *model = open_golden(LABELLED_MODEL);
    ck_assert_int_eq(dp_model_compile(model, &writer), DP_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "little-endian"));
    ck_assert_uint_eq(to.all.size, 0);
    dp_model_close(model);
}
END_TEST

/* ---- the program ---- */

static TCase *add_case(Suite *suite, const char *name) {
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, random_restart, NULL);
    suite_add_tcase(suite, tests);
    return tests;
}

static Suite *compile_suite(void) {
    Suite *suite = suite_create("compile");
    TCase *same = add_case(suite, "the same answers");
    tcase_add_loop_test(same, compiled_models_answer_the_same, 0, (int)COUNT(goldens));
    tcase_add_test(same, native_is_what_is_chosen_here);
    tcase_add_test(same, files_do_not_depend_on_the_machine);
    tcase_add_test(same, compiled_models_can_be_written_again);

    TCase *opening = add_case(suite, "opening");
    tcase_add_checked_fixture(opening, make_folder, remove_folder);
    tcase_add_test(opening, every_way_of_opening_gives_the_same);
#if !defined(DP_NO_ZLIB)
    tcase_add_test(opening, compressed_files_give_the_same);
#endif
    tcase_add_test(opening, opening_may_run_out_of_memory);
    tcase_add_test(opening, a_mapped_file_is_used_where_it_lies);
    tcase_add_test(opening, a_mapped_file_may_be_replaced);
    tcase_add_test(opening, another_precision_is_refused);
    tcase_add_test(opening, another_target_is_refused);
    tcase_add_test(opening, targets_have_names);

    TCase *writing = add_case(suite, "writing");
    tcase_add_test(writing, writers_may_take_little_at_a_time);
    tcase_add_test(writing, failing_writers_are_reported);
    tcase_add_test(writing, only_fused_models_are_written);

    TCase *spoiled = add_case(suite, "spoiled files");
    tcase_add_loop_test(spoiled, changed_sizes_are_refused, 0, (int)COUNT(values));
    tcase_add_test(spoiled, unknown_names_are_refused);
    tcase_add_test(spoiled, missing_keys_are_refused);
    tcase_add_test(spoiled, spoiled_tensors_are_refused);
    tcase_add_test(spoiled, misplaced_tensors_are_refused);
    tcase_add_test(spoiled, damaged_weights_are_found_when_verified);
    tcase_add_test(spoiled, shorter_files_are_refused);
    tcase_add_test(spoiled, no_changed_byte_is_trusted);
    tcase_add_test(spoiled, bytes_are_not_canonical_weights);
    return suite;
}

static Suite *big_endian_suite(void) {
    Suite *suite = suite_create("compile, big-endian");
    TCase *refused = add_case(suite, "refused");
    tcase_add_test(refused, compiled_files_are_refused);
    tcase_add_test(refused, nothing_is_compiled);
    return suite;
}

int main(void) {
    random_seed("test_compile");
    SRunner *runner = srunner_create(dp_is_little_endian() ? compile_suite() : big_endian_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
