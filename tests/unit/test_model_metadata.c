/*
 * lib/model, metadata of a weight file: keys that are missing, of another type or out of bounds,
 * alone or held against each other, are refused by their name.
 */
#include "model_recipe.h"
#include "suite.h"

#include <float.h>
#include <math.h>

static const char *const required_keys[] = {
    "general.architecture",          "dualpath.format_version",   "dualpath.image_size",
    "dualpath.patch_size",           "dualpath.embedding_length", "dualpath.block_count",
    "dualpath.attention.head_count", "dualpath.frames",
};

START_TEST(missing_keys_are_named) {
    for (size_t i = 0; i < COUNT(required_keys); i++) {
        recipe r = make_recipe(&released);
        drop_entry(&r, required_keys[i]);
        assert_refused(&r, required_keys[i]);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), "missing"));
    }
}
END_TEST

START_TEST(wrong_types_are_named) {
    recipe whole = make_recipe(&method_shapes[_i]);
    for (size_t i = 0; i < whole.entry_count; i++) {
        recipe r = whole;
        r.entries[i].type = r.entries[i].type == GGUF_F32 ? GGUF_U32 : GGUF_F32;
        assert_refused(&r, r.entries[i].key);
    }
}
END_TEST

typedef struct number_row {
    const char *key;
    uint32_t below, above; /* the bounds are from below + 1 to above - 1 */
} number_row;

static const number_row number_table[] = {
    {"dualpath.format_version", 0, 2},
    {"dualpath.image_size", 0, 4097},
    {"dualpath.patch_size", 0, 257},
    {"dualpath.embedding_length", 0, 16385},
    {"dualpath.block_count", 0, 257},
    {"dualpath.attention.head_count", 0, 1025},
    {"dualpath.grid", 0, 17},
    {"dualpath.frames", 0, 4097},
    {"dualpath.spatial_frames", 0, 257},
    {"dualpath.sampling_rate", 0, 65537},
    {"dualpath.views", 0, 257},
    {"dualpath.crops", 0, 65},
};

START_TEST(numbers_out_of_bounds_are_named) {
    const number_row *row = &number_table[_i];
    const uint32_t wrong[] = {row->below, row->above, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        recipe r = make_recipe(&released);
        find_entry(&r, row->key)->number = wrong[i];
        assert_refused(&r, row->key);
    }
}
END_TEST

typedef struct real_row {
    const char *key;
    float value;
} real_row;

static const real_row real_table[] = {
    {"dualpath.attention.layer_norm_epsilon", 0},
    {"dualpath.attention.layer_norm_epsilon", -1e-5F},
    {"dualpath.attention.layer_norm_epsilon", 1.5F},
    {"dualpath.attention.layer_norm_epsilon", NAN},
    {"dualpath.attention.layer_norm_epsilon", INFINITY},
    {"dualpath.adapter.scale", NAN},
    {"dualpath.adapter.scale", -INFINITY},
};

START_TEST(reals_out_of_bounds_are_named) {
    recipe r = make_recipe(&released);
    find_entry(&r, real_table[_i].key)->real = real_table[_i].value;
    assert_refused(&r, real_table[_i].key);
}
END_TEST

START_TEST(the_least_and_largest_epsilon_are_accepted) {
    static const float bounds[] = {FLT_MIN, 1};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        recipe r = make_recipe(&released);
        find_entry(&r, "dualpath.attention.layer_norm_epsilon")->real = bounds[i];
        assert_opens(&r);
    }
}
END_TEST

START_TEST(unknown_choices_are_named) {
    static const char *const keys[] = {"general.architecture",
                                       "dualpath.activation",
                                       "dualpath.adapter.activation",
                                       "dualpath.position.kind",
                                       "dualpath.sampling",
                                       "dualpath.past_end",
                                       "dualpath.resize.filter",
                                       "dualpath.resize.long_side",
                                       "dualpath.crop.offset",
                                       "dualpath.average",
                                       "dualpath.method"};
    static const char *const values[] = {"swish", "", "gelu_", "sincos", "given", "model", "\n"};
    for (size_t k = 0; k < COUNT(keys); k++) {
        for (size_t v = 0; v < COUNT(values); v++) {
            recipe r = make_recipe(&released);
            find_entry(&r, keys[k])->text = values[v];
            assert_refused(&r, keys[k]);
        }
    }
}
END_TEST

/* Opens the released model with one more array of floats in its metadata. */
static dp_status open_with_array(const char *key, const float *values, size_t count) {
    recipe r = make_recipe(&released);
    gguf_builder to = {0};
    size_t size;
    dp_model *model = NULL;
    for (size_t i = 0; i < r.entry_count; i++) {
        write_entry(&to, &r.entries[i]);
    }
    gguf_add_f32_array(&to, key, values, count);
    for (size_t i = 0; i < r.tensor_count; i++) {
        write_tensor(&to, &r, &r.tensors[i]);
    }
    uint8_t *bytes = gguf_finish(&to, &size);
    dp_status status = dp_model_open_memory(bytes, size, NULL, &model);
    dp_model_close(model);
    free(bytes);
    return status;
}

START_TEST(mean_and_std_are_checked) {
    static const char *const keys[] = {"dualpath.image_mean", "dualpath.image_std"};
    static const float sound[] = {0.5F, 0.5F, 0.5F, 0.5F};
    static const float least[] = {1e-6F, 1e-6F, 1e-6F};
    static const float odd[][3] = {
        {1, NAN, 1}, {1, 1, INFINITY}, {0, 1, 1}, {1, -0.5F, 1}, {1, 1, 9e-7F}};
    for (size_t k = 0; k < COUNT(keys); k++) {
        ck_assert_int_eq(open_with_array(keys[k], sound, 3), DP_OK);
        ck_assert_int_eq(open_with_array(keys[k], least, 3), DP_OK);
        for (size_t count = 0; count <= 4; count += count == 2 ? 2 : 1) {
            ck_assert_int_eq(open_with_array(keys[k], sound, count), DP_ERR_FORMAT);
            ck_assert_ptr_nonnull(strstr(dp_last_message(), keys[k]));
        }
        for (size_t i = 0; i < (k == 0 ? 2 : COUNT(odd)); i++) {
            ck_assert_int_eq(open_with_array(keys[k], odd[i], 3), DP_ERR_FORMAT);
            ck_assert_ptr_nonnull(strstr(dp_last_message(), keys[k]));
        }
    }
}
END_TEST

START_TEST(labels_are_as_many_as_classes) {
    for (size_t labels = 0; labels <= 8; labels++) {
        recipe r = make_recipe(&released);
        r.labels = labels;
        if (labels == 0 || labels == 5) {
            assert_opens(&r);
        } else {
            assert_refused(&r, "dualpath.labels");
        }
    }
    shape s = released;
    s.classes = 0;
    recipe r = make_recipe(&s);
    r.labels = 1;
    assert_refused(&r, "dualpath.labels");
}
END_TEST

/* What must hold between numbers that are sound by themselves. */
typedef struct relation_row {
    const char *key;
    uint32_t value;
    const char *named;
} relation_row;

static const relation_row relation_table[] = {
    {"dualpath.image_size", 18, "dualpath.image_size"},                /* no multiple of p = 4 */
    {"dualpath.grid", 3, "dualpath.image_size"},                       /* R = 16 is none of g */
    {"dualpath.patch_size", 5, "dualpath.image_size"},                 /* nor of p */
    {"dualpath.attention.head_count", 3, "dualpath.embedding_length"}, /* D = 32 */
    {"dualpath.attention.head_count", 64, "dualpath.embedding_length"},
    {"dualpath.embedding_length", 33, "dualpath.embedding_length"},
    {"dualpath.frames", 10, "dualpath.frames"},        /* none of g * g = 4 */
    {"dualpath.frames", 12, "position.table"},         /* three framesets, for a table of two */
    {"dualpath.spatial_frames", 3, "dualpath.frames"}, /* T = 8 */
    {"dualpath.spatial_frames", 16, "dualpath.frames"},
    {"dualpath.image_size", 4096, "tokens"}, /* 1024 * 1024 of them */
    {"dualpath.frames", 4096, "256 images"},
    {"dualpath.block_count", 3, "block.2.norm1.weight"},
    {"dualpath.block_count", 1, "block.1."},
};

START_TEST(relations_between_numbers_are_checked) {
    shape s = released;
    s.position = "table";
    s.grid_table = false;
    recipe r = make_recipe(&s);
    assert_opens(&r);
    find_entry(&r, relation_table[_i].key)->number = relation_table[_i].value;
    assert_refused(&r, relation_table[_i].named);
}
END_TEST

START_TEST(sizes_from_tensors_are_bounded) {
    shape s = released;
    s.position = "sincos-3d";
    s.grid_table = false;
    s.width = 24; /* no multiple of 16 */
    recipe r = make_recipe(&s);
    assert_refused(&r, "sincos-3d");
    s = released;
    s.width = 33;
    s.heads = 1;
    r = make_recipe(&s);
    assert_refused(&r, "sincos-time");
    s = released;
    s.image = 255; /* 65026 tokens of 32 for 248 framesets: positions that are not in the file */
    s.patch = s.grid = 1;
    s.frames = 248;
    s.spatial = 8;
    s.grid_table = false;
    r = make_recipe(&s);
    assert_refused(&r, "position values");
    s = released;
    s.features = 65537;
    r = make_recipe(&s);
    assert_refused(&r, "projection.weight");
    static const char *const long_ones[] = {"block.0.mlp.up.weight",
                                            "block.0.adapter.s1.down.weight"};
    for (size_t i = 0; i < COUNT(long_ones); i++) {
        r = make_recipe(&released);
        tensor *matrix = find_tensor(&r, long_ones[i]);
        matrix->rows = 65537;
        matrix->type = GGUF_TENSOR_Q8_0;
        char named[80];
        (void)snprintf(named, sizeof named, "%s: 65537 rows", long_ones[i]);
        assert_refused(&r, named);
    }
}
END_TEST

START_TEST(an_empty_file_of_tensors_is_refused) {
    recipe r = make_recipe(&released);
    r.tensor_count = 0;
    assert_refused(&r, "missing");
}
END_TEST

START_TEST(labels_are_kept) {
    recipe r = make_recipe(&released);
    opened o = open_recipe(&r, NULL);
    ck_assert_str_eq(dp_model_label(o.model, 0), "jump");
    ck_assert_str_eq(dp_model_label(o.model, 2), "");
    ck_assert_str_eq(dp_model_label(o.model, 4), "walk");
    ck_assert_ptr_null(dp_model_label(o.model, 5));
    ck_assert_ptr_null(dp_model_label(o.model, -1));
    close_opened(&o);
    r.labels = 0;
    o = open_recipe(&r, NULL);
    ck_assert_str_eq(dp_model_label(o.model, 4), "");
    ck_assert_ptr_null(dp_model_label(o.model, 5));
    close_opened(&o);
}
END_TEST

/* ---- methods ---- */

/* Keys that only some methods have. */
typedef struct method_key {
    const char *key;
    uint32_t methods; /* 1u << dp_method or'ed */
    uint32_t type, number;
    const char *text;
} method_key;

#define ONLY_DUALPATH (1u << DP_METHOD_DUALPATH)

static const method_key method_keys[] = {
    {"dualpath.position.kind", ONLY_DUALPATH, GGUF_STRING, 0, "table"},
    {"dualpath.grid", ONLY_DUALPATH, GGUF_U32, 2, NULL},
    {"dualpath.spatial_frames", ONLY_DUALPATH, GGUF_U32, 4, NULL},
    {"dualpath.adapter.serial_skip", ONLY_DUALPATH, GGUF_BOOL, 0, NULL},
    {"dualpath.adapter.first_block", 1u << DP_METHOD_ST_ADAPTER, GGUF_U32, 0, NULL},
};

/* Also with the value that would change nothing. */
START_TEST(keys_of_other_methods_are_named) {
    const shape *s = &method_shapes[_i];
    for (size_t i = 0; i < COUNT(method_keys); i++) {
        const method_key *k = &method_keys[i];
        if ((k->methods >> s->method & 1) != 0) {
            continue;
        }
        recipe r = make_recipe(s);
        r.entries[r.entry_count++] =
            (entry){.key = k->key, .type = k->type, .number = k->number, .text = k->text};
        assert_refused(&r, k->key);
        ck_assert_ptr_nonnull(strstr(dp_last_message(), dp_method_name(s->method)));
    }
}
END_TEST

START_TEST(unknown_methods_are_named) {
    static const char *const names[] = {"", "AIM", "aim ", "st_adapter", "dual-path", "unknown"};
    for (size_t i = 0; i < COUNT(names); i++) {
        recipe r = make_recipe(&method_shapes[_i]);
        char named[80];
        find_entry(&r, "dualpath.method")->text = names[i];
        (void)snprintf(named, sizeof named, "dualpath.method: \"%s\"", names[i]);
        assert_refused(&r, named);
        ck_assert_ptr_nonnull(
            strstr(dp_last_message(), "dualpath, aim, st-adapter, vpt, adaptformer, probe"));
    }
}
END_TEST

/* What has adapters, prompts or a head of one method is not a model of another one. */
START_TEST(a_file_is_of_one_method) {
    const shape *s = &method_shapes[_i];
    for (int32_t method = DP_METHOD_DUALPATH; method <= DP_METHOD_PROBE; method++) {
        recipe r = make_recipe(s);
        find_entry(&r, "dualpath.method")->text = dp_method_name(method);
        if (method != (int32_t)s->method) {
            assert_refused(&r, "");
        }
    }
    recipe r = make_recipe(s);
    drop_entry(&r, "dualpath.method"); /* dualpath */
    if (has_two_paths(s)) {
        assert_opens(&r);
    } else {
        assert_refused(&r, "");
    }
}
END_TEST

START_TEST(the_first_block_with_adapters_is_one_of_the_blocks) {
    static const uint32_t wrong[] = {2, 3, 255, 256, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        recipe r = make_recipe(&method_shapes[SHAPE_ST]);
        find_entry(&r, "dualpath.adapter.first_block")->number = wrong[i];
        assert_refused(&r, "dualpath.adapter.first_block");
    }
    recipe r = make_recipe(&method_shapes[SHAPE_ST]);
    find_entry(&r, "dualpath.adapter.first_block")->number = 1;
    assert_refused(&r, "block.0.adapter.conv_"); /* tensors that have no place then */
    r = make_recipe(&method_shapes[SHAPE_ST_LAST]);
    find_entry(&r, "dualpath.adapter.first_block")->number = 0;
    assert_refused(&r, "block.0.adapter.conv_"); /* and that are missing */
    r = make_recipe(&method_shapes[SHAPE_ST]);
    drop_entry(&r, "dualpath.adapter.first_block");
    assert_opens(&r);
}
END_TEST

/* All frames are images of one path, of any number that need not divide anything. */
START_TEST(frames_of_one_path_are_bounded) {
    static const size_t sound[] = {1, 7, 256}, wrong[] = {257, 4096};
    shape s = method_shapes[_i];
    for (size_t i = 0; i < COUNT(sound); i++) {
        s.frames = s.spatial = sound[i];
        recipe r = make_recipe(&s);
        assert_opens(&r);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        s.frames = s.spatial = wrong[i];
        recipe r = make_recipe(&s);
        assert_refused(&r, "dualpath.frames");
    }
}
END_TEST

/* Beside the 17 tokens of an image, 65536 in all. */
START_TEST(prompts_are_bounded) {
    shape s = method_shapes[SHAPE_VPT_SHALLOW];
    s.width = 8;
    s.prompts = 65536 - 17;
    recipe r = make_recipe(&s);
    assert_opens(&r);
    s.prompts++;
    r = make_recipe(&s);
    assert_refused(&r, "65537 tokens an image");
    s.prompts = 65536;
    r = make_recipe(&s);
    assert_refused(&r, "65553 tokens an image");
    s.prompts++;
    r = make_recipe(&s);
    assert_refused(&r, "block.0.prompt: 65537 rows");
}
END_TEST

START_TEST(bottlenecks_of_methods_are_bounded) {
    for (size_t site = 0; site < COUNT(released.bottleneck); site++) {
        shape s = method_shapes[_i];
        if (s.bottleneck[site] == 0) {
            continue;
        }
        s.bottleneck[site] = 4 * s.width;
        recipe r = make_recipe(&s);
        assert_opens(&r);
        s.bottleneck[site]++;
        r = make_recipe(&s);
        char named[64];
        (void)snprintf(named, sizeof named, "adapter %s: the %zu rows of its down.weight",
                       site_name(s.method, site), s.bottleneck[site]);
        assert_refused(&r, named);
    }
}
END_TEST

static Suite *metadata_suite(void) {
    Suite *suite = suite_create("model_metadata");
    TCase *metadata = add_case(suite, "metadata", 120, random_restart, NULL);
    tcase_add_test(metadata, missing_keys_are_named);
    tcase_add_loop_test(metadata, wrong_types_are_named, 0, SHAPES);
    tcase_add_loop_test(metadata, numbers_out_of_bounds_are_named, 0, (int)COUNT(number_table));
    tcase_add_loop_test(metadata, reals_out_of_bounds_are_named, 0, (int)COUNT(real_table));
    tcase_add_test(metadata, the_least_and_largest_epsilon_are_accepted);
    tcase_add_test(metadata, unknown_choices_are_named);
    tcase_add_test(metadata, mean_and_std_are_checked);
    tcase_add_test(metadata, labels_are_as_many_as_classes);
    tcase_add_test(metadata, labels_are_kept);
    tcase_add_loop_test(metadata, relations_between_numbers_are_checked, 0,
                        (int)COUNT(relation_table));
    tcase_add_test(metadata, sizes_from_tensors_are_bounded);
    tcase_add_test(metadata, an_empty_file_of_tensors_is_refused);

    TCase *methods = add_case(suite, "methods", 120, random_restart, NULL);
    tcase_add_loop_test(methods, keys_of_other_methods_are_named, 0, SHAPES);
    tcase_add_loop_test(methods, unknown_methods_are_named, 0, SHAPES);
    tcase_add_loop_test(methods, a_file_is_of_one_method, 0, SHAPES);
    tcase_add_test(methods, the_first_block_with_adapters_is_one_of_the_blocks);
    tcase_add_loop_test(methods, frames_of_one_path_are_bounded, 1, SHAPES);
    tcase_add_test(methods, prompts_are_bounded);
    tcase_add_loop_test(methods, bottlenecks_of_methods_are_bounded, 0, SHAPES);
    return suite;
}

int main(void) {
    random_seed("test_model_metadata");
    return run_suite(metadata_suite());
}
