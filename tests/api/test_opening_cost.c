/*
 * What a file costs to open is bounded by its size: memory is counted by an allocator, and work by
 * the reports to the progress callback, which come at least once for so many bytes, numbers or
 * multiply-adds (base/watch.h). The files are what someone would make who wants much for little.
 */
#define _POSIX_C_SOURCE 200809L /* posix_memalign() */
#include "base/watch.h"
#include "gguf/gguf.h"
#include "gguf/inflate.h"
#include "gzip.h"
#include "model_recipe.h"
#include "suite.h"
#include "test_allocator.h"

#define MIB ((size_t)1 << 20)

/* ---- files ---- */

/* Matrices are q8_0 where their rows allow it, and all weights are 0, so that their checksums would
 * be wrong: the key has another name. */
static byte_block make_file(const shape *s) {
    recipe r = make_recipe(s);
    dpi_gguf gguf;
    dpi_message message;
    for (size_t i = 0; i < r.tensor_count; i++) {
        if (r.tensors[i].columns % 32 == 0) {
            r.tensors[i].type = GGUF_TENSOR_Q8_0;
        }
    }
    byte_block made;
    made.bytes = write_recipe(&r, &made.size);
    ck_assert_int_eq(dpi_gguf_parse(made.bytes, made.size, NULL, &gguf, &message), DP_OK);
    dpi_text key = dpi_gguf_entry_of(&gguf, DPI_GGUF_CRC_KEY)->key;
    ((char *)(uintptr_t)key.bytes)[0] = 'D';
    for (size_t i = 0; i < gguf.tensor_count; i++) {
        memset((uint8_t *)(uintptr_t)gguf.tensors[i].data, 0, gguf.tensors[i].bytes);
    }
    dpi_gguf_free(&gguf);
    return made;
}

/* ---- what opening takes ---- */

typedef struct cost {
    dp_status status;
    size_t peak;
    size_t reports;
} cost;

static int count_report(void *user, const char *stage, double fraction) {
    (void)stage, (void)fraction;
    ++*(size_t *)user;
    return 0;
}

static cost open_file(byte_block file, size_t max_inflated_size) {
    cost taken = {DP_OK, 0, 0};
    test_allocator memory;
    dp_model_options options;
    dp_model *model = NULL;
    test_allocator_init(&memory);
    dp_model_options_default(&options);
    options.allocator = &memory.allocator;
    options.progress = count_report;
    options.progress_user = &taken.reports;
    options.max_inflated_size = max_inflated_size;
    taken.status = dp_model_open_memory(file.bytes, file.size, &options, &model);
    taken.peak = memory.peak;
    dp_model_close(model);
    ck_assert_uint_eq(memory.blocks, 0);
    return taken;
}

/* ---- files that ask for much ---- */

/* clang-format off */
#define SMALLEST .heads = 1, .blocks = 1, .grid = 1, .spatial = 1, .scale = 1, \
                 .activation = "gelu", .adapter_activation = "gelu"
#define ONE_PATCH SMALLEST, .image = 1, .patch = 1, .frames = 1, .position = "table"

static const struct {
    shape s;
    bool opens;
} bombs[] = {
    /* 66.8 million positions from a table of 4097 rows */
    {{SMALLEST, .image = 64, .patch = 1, .width = 64, .mlp = 32, .frames = 255,
      .position = "sincos-time"}, false},
    {{SMALLEST, .image = 64, .patch = 1, .width = 64, .mlp = 32, .frames = 255,
      .position = "sincos-3d"}, false},
    {{SMALLEST, .image = 64, .patch = 1, .width = 64, .mlp = 32, .frames = 4,
      .position = "sincos-time"}, true},
    /* adapters that are four times as wide as the model, for products with frozen matrices */
    {{ONE_PATCH, .width = 640, .mlp = 32, .bottleneck = {0, 0, 2560, 0, 0}}, false},
    {{ONE_PATCH, .width = 384, .mlp = 3072, .bottleneck = {0, 0, 0, 0, 1536}}, false},
    {{ONE_PATCH, .width = 320, .mlp = 320, .bottleneck = {320, 320, 320, 320, 320}}, true},
    /* one output, for which a panel has many columns */
    {{ONE_PATCH, .width = 1, .mlp = 65536}, true},
    {{SMALLEST, .image = 256, .patch = 256, .width = 1, .mlp = 32, .frames = 1,
      .position = "table"}, false},
    {{ONE_PATCH, .width = 1, .mlp = 32, .features = 65536, .hidden = 1, .classes = 1}, false},
    {{ONE_PATCH, .width = 1, .mlp = 32, .hidden = 65536, .classes = 1}, true},
    /* bytes that become f32, as they do in files that are used */
    {{ONE_PATCH, .width = 512, .mlp = 2048}, true},
    {{ONE_PATCH, .width = 512, .mlp = 2048, .bottleneck = {128, 128, 128, 128, 128}}, true},
};
/* clang-format on */

/* 4 MiB, 2^22 numbers or 2^27 multiply-adds each: together far below a second. */
#define MOST_REPORTS 60

START_TEST(memory_and_work_are_bounded_by_the_size) {
    byte_block file = make_file(&bombs[_i].s);
    cost taken = open_file(file, 0);
    if (bombs[_i].opens) {
        ck_assert_msg(taken.status == DP_OK, "%s", dp_last_message());
    } else {
        ck_assert_int_eq(taken.status, DP_ERR_FORMAT);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), "out of proportion"));
        ck_assert_uint_lt(taken.peak, MIB); /* nothing was taken for it */
    }
    ck_assert_uint_le(taken.peak, 8 * MIB + 9 * file.size);
    ck_assert_uint_le(taken.reports, MOST_REPORTS);
    free(file.bytes);
}
END_TEST

/* Between two reports there are at most DPI_WATCHED_MACS, rounded up to rows of a tile. */
START_TEST(long_products_are_reported_within_a_block) {
    const shape s = {ONE_PATCH, .width = 512, .mlp = 3072, .bottleneck = {0, 0, 1024, 0, 0}};
    const shape without = {ONE_PATCH, .width = 512, .mlp = 3072};
    size_t macs = 3 * s.width * s.width * s.bottleneck[2];
    byte_block file = make_file(&s);
    byte_block less = make_file(&without);
    cost taken = open_file(file, 0);
    ck_assert_msg(taken.status == DP_OK, "%s", dp_last_message());
    ck_assert_uint_ge(taken.reports, open_file(less, 0).reports + macs / DPI_WATCHED_MACS);
    free(file.bytes);
    free(less.bytes);
}
END_TEST

typedef struct stopper {
    size_t reports, stop_at;
} stopper;

static int stop_at_report(void *user, const char *stage, double fraction) {
    (void)stage, (void)fraction;
    stopper *self = user;
    return ++self->reports == self->stop_at;
}

/* Also in the middle of a long table, which is computed, and of a matrix of 6 million numbers. */
START_TEST(long_work_stops_at_every_report) {
    static const shape shapes[] = {
        {SMALLEST, .image = 64, .patch = 1, .width = 64, .mlp = 32, .frames = 4,
         .position = "sincos-time"},
        {ONE_PATCH, .width = 96, .mlp = 32, .features = 65536},
    };
    byte_block file = make_file(&shapes[_i]);
    dp_status status = DP_ERR_CANCELLED;
    stopper seen = {0, 0};
    for (size_t at = 1; status == DP_ERR_CANCELLED; at++) {
        dp_model_options options;
        dp_model *model = NULL;
        seen = (stopper){0, at};
        dp_model_options_default(&options);
        options.progress = stop_at_report;
        options.progress_user = &seen;
        status = dp_model_open_memory(file.bytes, file.size, &options, &model);
        ck_assert(status == DP_OK ? seen.reports < at : seen.reports == at && model == NULL);
        dp_model_close(model);
    }
    ck_assert_msg(status == DP_OK, "%s", dp_last_message());
    ck_assert_uint_gt(seen.reports, 4); /* which come anyway */
    free(file.bytes);
}
END_TEST

/* ---- gzip ---- */

#if !defined(DP_NO_ZLIB)

/* A thousand times its size, unless the caller has asked for that. */
START_TEST(gzip_inflates_by_its_size) {
    const shape s = {ONE_PATCH, .width = 512, .mlp = 2048};
    byte_block file = make_file(&s);
    byte_block packed = gzip_bytes(file.bytes, file.size, 9);
    ck_assert_uint_lt(packed.size, file.size / 100);
    cost taken = open_file(packed, 0);
    ck_assert_int_eq(taken.status, DP_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "max_inflated_size"));
    ck_assert_uint_lt(taken.peak, 3 * dpi_inflated_limit(packed.size));
    taken = open_file(packed, file.size);
    ck_assert_msg(taken.status == DP_OK, "%s", dp_last_message());
    ck_assert_uint_le(taken.peak, 9 * MIB + 10 * file.size);
    ck_assert_uint_le(taken.reports, MOST_REPORTS);
    free(packed.bytes);
    free(file.bytes);
}
END_TEST

START_TEST(what_weights_deflate_to_is_far_from_the_limit) {
    ck_assert_uint_eq(dpi_inflated_limit(0), MIB);
    ck_assert_uint_eq(dpi_inflated_limit(1000), MIB + 8000);
    ck_assert_uint_eq(dpi_inflated_limit(SIZE_MAX / 8), SIZE_MAX);
    ck_assert_uint_eq(dpi_inflated_limit(SIZE_MAX), SIZE_MAX);
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("opening_cost");
    TCase *files = add_case(suite, "files", 60, NULL, NULL);
    tcase_add_loop_test(files, memory_and_work_are_bounded_by_the_size, 0, COUNT(bombs));
    tcase_add_test(files, long_products_are_reported_within_a_block);
    tcase_add_loop_test(files, long_work_stops_at_every_report, 0, 2);
#if !defined(DP_NO_ZLIB)
    TCase *gzip = add_case(suite, "gzip", 60, NULL, NULL);
    tcase_add_test(gzip, gzip_inflates_by_its_size);
    tcase_add_test(gzip, what_weights_deflate_to_is_far_from_the_limit);
#endif
    return run_suite(suite);
}
