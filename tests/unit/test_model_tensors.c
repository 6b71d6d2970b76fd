/*
 * lib/model, tensors of a weight file: one that is missing, of another shape, unknown, damaged or
 * not finite is refused by its name.
 */
#include "model_recipe.h"
#include "suite.h"

#include <math.h>

/* Without these, a file is another, sound model. */
static bool is_optional(const char *name) {
    return strcmp(name, "patch.bias") == 0 || strcmp(name, "position.grid") == 0;
}

/* Of the first block that has adapters. */
static bool is_first_of_adapters(const shape *s, const char *name, const char *suffix) {
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "block.%zu.adapter.", s->first_block);
    return strncmp(name, prefix, strlen(prefix)) == 0 && strstr(name, suffix) != NULL;
}

/* The tensor that a reader misses, or that it finds out of place, when this one is not there. The
 * first block that has adapters says which there are, and two prompts that all blocks have some;
 * the head goes together. */
static const char *missed_instead(const shape *s, const char *name, char *buffer, size_t size) {
    if (s->method == DP_METHOD_ST_ADAPTER && s->bottleneck[1] == 0 &&
        is_first_of_adapters(s, name, "down.weight")) {
        return "conv_mlp.down.weight"; /* either would do, and there is none */
    }
    if (is_first_of_adapters(s, name, "down.weight")) {
        (void)snprintf(buffer, size, "%.*s", (int)(strlen(name) - strlen("down.weight")), name);
        return buffer;
    }
    if (strcmp(name, "block.1.prompt") == 0) {
        return "block.2.prompt";
    }
    if (strcmp(name, "head.output.weight") == 0) {
        return "head.output";
    }
    if (strcmp(name, "projection.weight") == 0) {
        return has_two_paths(s) ? "head.hidden.weight" : "head.output.weight";
    }
    return name;
}

START_TEST(missing_tensors_are_named) {
    const shape *s = &method_shapes[_i];
    recipe whole = make_recipe(s);
    whole.labels = 0; /* they would tell that there is a head */
    for (size_t i = 0; i < whole.tensor_count; i++) {
        recipe r = whole;
        const char *name = whole.tensors[i].name;
        char buffer[80];
        drop_tensor(&r, i);
        if (is_optional(name)) {
            assert_opens(&r);
        } else {
            assert_refused(&r, missed_instead(s, name, buffer, sizeof buffer));
        }
    }
}
END_TEST

/* Their rows say what the model's size is: with another number of them, another tensor is wrong. */
static bool says_its_rows(const shape *s, const char *name) {
    static const char *const names[] = {"block.0.mlp.up.weight", "projection.weight",
                                        "head.hidden.weight", "head.output.weight",
                                        "block.0.prompt"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return is_first_of_adapters(s, name, "down.weight");
}

static void assert_shape_refused(const shape *s, const recipe *whole, size_t index, size_t rows,
                                 size_t columns) {
    recipe r = *whole;
    const tensor *old = &whole->tensors[index];
    bool rows_only = columns == old->columns && says_its_rows(s, old->name);
    r.tensors[index].rows = rows;
    r.tensors[index].columns = columns;
    if (rows_only && s->prompt_blocks == 1 && strcmp(old->name, "block.0.prompt") == 0) {
        assert_opens(&r); /* another number of prompts, and no other tensor knows of it */
    } else {
        assert_refused(&r, rows_only ? "the shape is [" : old->name);
    }
}

static bool is_kernel(const tensor *t) {
    return t->behind[0] > 0;
}

START_TEST(wrong_shapes_are_named) {
    const shape *s = &method_shapes[_i];
    recipe whole = make_recipe(s);
    whole.labels = 0; /* another number of classes is sound without them */
    for (size_t i = 0; i < whole.tensor_count; i++) {
        size_t rows = whole.tensors[i].rows, columns = whole.tensors[i].columns;
        if (is_kernel(&whole.tensors[i])) {
            continue;
        }
        assert_shape_refused(s, &whole, i, rows, columns + 1);
        assert_shape_refused(s, &whole, i, rows, 1);
        if (rows > 0) {
            assert_shape_refused(s, &whole, i, rows + 1, columns);
            assert_shape_refused(s, &whole, i, 0, rows * columns);
            assert_shape_refused(s, &whole, i, 0, columns);
        } else {
            assert_shape_refused(s, &whole, i, columns, 1);
            assert_shape_refused(s, &whole, i, 2, columns);
        }
        if (rows > 0 && rows != columns) {
            assert_shape_refused(s, &whole, i, columns, rows);
        }
    }
}
END_TEST

/* A third dimension, even of one element, is another shape. */
START_TEST(matrices_have_two_dimensions) {
    recipe whole = make_recipe(&method_shapes[_i]);
    for (size_t i = 0; i < whole.tensor_count; i++) {
        bool matrix = whole.tensors[i].rows > 0 && !is_kernel(&whole.tensors[i]);
        for (size_t third = 1; third < 3 && matrix; third++) {
            recipe r = whole;
            r.tensors[i].behind[0] = third;
            assert_refused(&r, whole.tensors[i].name);
        }
    }
}
END_TEST

/* ---- kernels of ST-Adapter ---- */

typedef struct kernel_row {
    size_t sizes[5]; /* channels, time, rows, columns, more; 0: no such dimension */
    const char *named;
} kernel_row;

/* Of block 0, which says what the sizes are. */
#define CONV "block.0.adapter.conv_attn.conv"
static const kernel_row kernel_table[] = {
    {{8, 2, 1, 5}, "adapter conv_attn: a kernel of 2 x 1 x 5, expected odd sizes"},
    {{8, 3, 2, 5}, "adapter conv_attn: a kernel of 3 x 2 x 5, expected odd sizes"},
    {{8, 3, 1, 14}, "adapter conv_attn: a kernel of 3 x 1 x 14, expected odd sizes"},
    {{8, 16, 1, 5}, CONV ".weight: the shape is [8][16][1][5], with a kernel wider than 15"},
    {{8, 3, 17, 5}, CONV ".weight: the shape is [8][3][17][5], with a kernel wider than 15"},
    {{8, 3, 1, 255}, CONV ".weight: the shape is [8][3][1][255], with a kernel wider than 15"},
    {{7, 3, 1, 5}, CONV ".weight: the shape is [7][3][1][5], expected [8][3][1][5]"},
    {{9, 3, 1, 5}, CONV ".weight: the shape is [9][3][1][5], expected [8][3][1][5]"},
    {{8, 3, 5}, CONV ".weight: the shape is [8][3][5], expected one of four sizes"},
    {{8, 15}, CONV ".weight: the shape is [8][15], expected one of four sizes"},
    {{0, 120}, CONV ".weight: the shape is [120], expected one of four sizes"},
    {{8, 3, 1, 5, 1}, CONV ".weight"},
    /* sound by themselves, and not those of the next block */
    {{8, 1, 3, 5}, "block.1.adapter.conv_attn.conv.weight: the shape is [8][3][1][5], expected"},
    {{8, 3, 1, 3}, "block.1.adapter.conv_attn.conv.weight: the shape is [8][3][1][5], expected"},
};

static void set_kernel(recipe *r, const char *name, const size_t *sizes) {
    tensor *kernel = find_tensor(r, name);
    kernel->rows = sizes[0];
    kernel->columns = sizes[1];
    memcpy(kernel->behind, sizes + 2, sizeof kernel->behind);
}

START_TEST(kernels_of_other_shapes_are_named) {
    const kernel_row *row = &kernel_table[_i];
    recipe r = make_recipe(&method_shapes[SHAPE_ST]);
    set_kernel(&r, CONV ".weight", row->sizes);
    assert_refused(&r, row->named);
}
END_TEST

/* Each tensor of the others is held against the first, whichever its block. */
START_TEST(kernels_are_the_same_in_all_blocks) {
    static const char *const names[] = {"block.1.adapter.conv_attn.conv.weight",
                                        "block.1.adapter.conv_mlp.conv.weight"};
    static const size_t sizes[][5] = {{8, 1, 3, 5}, {8, 3, 5, 1}, {8, 3, 1, 7},   {8, 4, 1, 5},
                                      {9, 3, 1, 5}, {8, 3, 5},    {8, 3, 1, 5, 2}};
    for (size_t i = 0; i < COUNT(names); i++) {
        for (size_t k = 0; k < COUNT(sizes); k++) {
            recipe r = make_recipe(&method_shapes[SHAPE_ST]);
            set_kernel(&r, names[i], sizes[k]);
            assert_refused(&r, names[i]);
        }
    }
}
END_TEST

/* Of one tap, and of more than the frames and patches there are. */
START_TEST(kernels_may_be_of_any_odd_size) {
    for (size_t size = 1; size <= 15; size += 2) {
        for (size_t axis = 0; axis < 3; axis++) {
            shape s = method_shapes[SHAPE_ST];
            s.kernel[0][axis] = s.kernel[1][2 - axis] = size;
            recipe r = make_recipe(&s);
            assert_opens(&r);
        }
    }
}
END_TEST

/* ---- tensors out of place ---- */

static bool has_name(const recipe *r, const char *name) {
    for (size_t i = 0; i < r->tensor_count; i++) {
        if (strcmp(r->tensors[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Wherever they are in the file. */
static void assert_stranger_refused(const shape *s, const char *name) {
    const recipe whole = make_recipe(s);
    const size_t last = whole.tensor_count;
    const size_t places[] = {0, last / 2, last};
    for (size_t i = 0; i < COUNT(places) && !has_name(&whole, name); i++) {
        recipe r = whole;
        tensor *added = add_tensor(&r, name, 0, 32);
        tensor stranger = *added;
        *added = r.tensors[places[i]];
        r.tensors[places[i]] = stranger;
        assert_refused(&r, name);
    }
}

/* The last ones have a place in models of some method, or in another block. */
START_TEST(unknown_tensors_are_named) {
    static const char *const names[] = {"surprise",
                                        "block.0.norm3.weight",
                                        "block.3.norm1.weight",
                                        "block.00.norm1.weight",
                                        "block.0.adapter.s3.down.weight",
                                        "position.table",
                                        "projection.bias",
                                        "BLOCK.0.norm1.weight",
                                        "block.3.prompt",
                                        "position.times",
                                        "block.0.adapter.s1.up.bias",
                                        "block.0.adapter.t2.up.weight",
                                        "block.0.adapter.time_in.up.bias",
                                        "block.0.adapter.time.up.weight",
                                        "block.1.adapter.space.up.bias",
                                        "block.0.adapter.mlp.up.bias",
                                        "block.0.adapter.conv_attn.up.bias",
                                        "block.1.adapter.conv_mlp.conv.bias",
                                        "block.0.adapter.mlp.conv.weight",
                                        "position.time"};
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_stranger_refused(&method_shapes[_i], names[i]);
    }
    if (!has_two_paths(&method_shapes[_i])) {
        assert_stranger_refused(&method_shapes[_i], "position.grid");
        assert_stranger_refused(&method_shapes[_i], "head.hidden.weight");
        assert_stranger_refused(&method_shapes[_i], "head.hidden.bias");
    }
    if (method_shapes[_i].method != DP_METHOD_VPT) {
        assert_stranger_refused(&method_shapes[_i], "block.0.prompt");
    }
}
END_TEST

START_TEST(a_table_for_the_grid_goes_with_one_kind) {
    shape s = released;
    s.position = "sincos-3d";
    recipe r = make_recipe(&s);
    assert_refused(&r, "position.grid");
}
END_TEST

/* An adapter in one block only, whichever. */
static void assert_refused_in_one_block(const shape *with, size_t site) {
    shape without = *with;
    without.bottleneck[site] = 0;
    for (size_t block = 0; block < 2; block++) {
        recipe r = make_recipe(&without), all = make_recipe(with);
        char prefix[48], missing[64];
        const char *name = site_name(with->method, site);
        (void)snprintf(prefix, sizeof prefix, "block.%zu.adapter.%s.", block, name);
        (void)snprintf(missing, sizeof missing, "block.1.adapter.%s.down.weight", name);
        for (size_t i = 0; i < all.tensor_count; i++) {
            if (strncmp(all.tensors[i].name, prefix, strlen(prefix)) == 0) {
                r.tensors[r.tensor_count++] = all.tensors[i];
            }
        }
        assert_refused(&r, block == 0 ? missing : prefix);
    }
}

START_TEST(adapters_are_in_all_blocks_or_none) {
    assert_refused_in_one_block(&released, 3);
    assert_refused_in_one_block(&method_shapes[SHAPE_AIM], 0);
    assert_refused_in_one_block(&method_shapes[SHAPE_ST], 0);
    assert_refused_in_one_block(&method_shapes[SHAPE_ST], 1);
}
END_TEST

/* Those that make a method what it is. */
START_TEST(adapters_of_a_method_may_not_be_left_out) {
    static const struct {
        size_t shape, site;
    } needed[] = {{SHAPE_AIM, 1}, {SHAPE_AIM, 2}, {SHAPE_AIM, 3}, {SHAPE_ADAPTFORMER, 0}};
    for (size_t i = 0; i < COUNT(needed); i++) {
        shape s = method_shapes[needed[i].shape];
        char named[64];
        (void)snprintf(named, sizeof named,
                       "block.0.adapter.%s.down.weight: this tensor is missing",
                       site_name(s.method, needed[i].site));
        s.bottleneck[needed[i].site] = 0;
        recipe r = make_recipe(&s);
        assert_refused(&r, named);
    }
    shape s = method_shapes[SHAPE_ST];
    s.bottleneck[0] = s.bottleneck[1] = 0;
    recipe r = make_recipe(&s);
    assert_refused(&r, "method \"st-adapter\"");
}
END_TEST

/* Which blocks of four have prompts, as bits: the first one alone or all of them. */
START_TEST(prompts_are_in_the_first_block_or_in_all) {
    shape s = method_shapes[SHAPE_VPT_DEEP];
    s.blocks = s.prompt_blocks = 4;
    for (unsigned blocks = 0; blocks < 16; blocks++) {
        recipe r = make_recipe(&s);
        for (size_t block = 0; block < 4; block++) {
            char name[32];
            (void)snprintf(name, sizeof name, "block.%zu.prompt", block);
            if ((blocks >> block & 1) == 0) {
                drop_tensor(&r, (size_t)(find_tensor(&r, name) - r.tensors));
            }
        }
        if (blocks == 1 || blocks == 15) {
            assert_opens(&r);
        } else {
            assert_refused(&r, ".prompt: this tensor");
        }
    }
}
END_TEST

START_TEST(numbers_that_are_not_finite_are_named) {
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    recipe whole = make_recipe(&method_shapes[_i]);
    for (size_t i = 0; i < whole.tensor_count; i++) {
        recipe r = whole;
        r.tensors[i].odd = odd[i % COUNT(odd)];
        assert_refused(&r, whole.tensors[i].name);
        if (r.tensors[i].rows > 0) {
            r.tensors[i].type = i % 2 ? GGUF_TENSOR_F16 : GGUF_TENSOR_BF16;
            assert_refused(&r, whole.tensors[i].name);
        }
    }
}
END_TEST

START_TEST(damaged_tensors_are_named) {
    recipe r = make_recipe(&released);
    size_t size;
    uint8_t *bytes = write_recipe(&r, &size);
    dp_model_options options;
    dp_model *model = NULL;
    dp_model_options_default(&options);
    options.verify = 1;
    ck_assert_int_eq(dp_model_open_memory(bytes, size, &options, &model), DP_OK);
    dp_model_close(model);
    bytes[size - 1] ^= 1; /* the last tensor ends here */
    ck_assert_int_eq(dp_model_open_memory(bytes, size, &options, &model), DP_ERR_CHECKSUM);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "head.output.bias"));
    free(bytes);
}
END_TEST

static Suite *tensors_suite(void) {
    Suite *suite = suite_create("model_tensors");
    TCase *tensors = add_case(suite, "tensors", 120, random_restart, NULL);
    tcase_add_loop_test(tensors, missing_tensors_are_named, 0, SHAPES);
    tcase_add_loop_test(tensors, wrong_shapes_are_named, 0, SHAPES);
    tcase_add_loop_test(tensors, matrices_have_two_dimensions, 0, SHAPES);
    tcase_add_loop_test(tensors, unknown_tensors_are_named, 0, SHAPES);
    tcase_add_test(tensors, a_table_for_the_grid_goes_with_one_kind);
    tcase_add_test(tensors, adapters_are_in_all_blocks_or_none);
    tcase_add_test(tensors, adapters_of_a_method_may_not_be_left_out);
    tcase_add_test(tensors, prompts_are_in_the_first_block_or_in_all);
    tcase_add_loop_test(tensors, numbers_that_are_not_finite_are_named, 0, SHAPES);
    tcase_add_test(tensors, damaged_tensors_are_named);

    TCase *kernels = add_case(suite, "kernels", 120, random_restart, NULL);
    tcase_add_loop_test(kernels, kernels_of_other_shapes_are_named, 0, (int)COUNT(kernel_table));
    tcase_add_test(kernels, kernels_are_the_same_in_all_blocks);
    tcase_add_test(kernels, kernels_may_be_of_any_odd_size);
    return suite;
}

int main(void) {
    random_seed("test_model_tensors");
    return run_suite(tensors_suite());
}
