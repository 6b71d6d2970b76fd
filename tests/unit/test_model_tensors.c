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

/* The tensor that a reader misses, or that it finds out of place, when this one is not there. Block
 * 0 says which adapters there are; the head goes together. */
static const char *missed_instead(const char *name, char *buffer, size_t size) {
    if (strncmp(name, "block.0.adapter.", 16) == 0 && strstr(name, "down.weight") != NULL) {
        (void)snprintf(buffer, size, "%.*s", (int)(strlen(name) - strlen("down.weight")), name);
        return buffer;
    }
    return strcmp(name, "projection.weight") == 0 ? "head.hidden.weight" : name;
}

START_TEST(missing_tensors_are_named) {
    recipe whole = make_recipe(&released);
    for (size_t i = 0; i < whole.tensor_count; i++) {
        recipe r = whole;
        const char *name = whole.tensors[i].name;
        char buffer[80];
        drop_tensor(&r, i);
        if (is_optional(name)) {
            assert_opens(&r);
        } else {
            assert_refused(&r, missed_instead(name, buffer, sizeof buffer));
        }
    }
}
END_TEST

/* Their rows say what the model's size is: with another number of them, another tensor is wrong. */
static bool says_its_rows(const char *name) {
    static const char *const names[] = {"block.0.mlp.up.weight", "projection.weight",
                                        "head.hidden.weight", "head.output.weight"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return strncmp(name, "block.0.adapter.", 16) == 0 && strstr(name, "down.weight") != NULL;
}

static void assert_shape_refused(const recipe *whole, size_t index, size_t rows, size_t columns) {
    recipe r = *whole;
    const tensor *old = &whole->tensors[index];
    bool rows_only = columns == old->columns && says_its_rows(old->name);
    r.tensors[index].rows = rows;
    r.tensors[index].columns = columns;
    assert_refused(&r, rows_only ? "the shape is [" : old->name);
}

START_TEST(wrong_shapes_are_named) {
    recipe whole = make_recipe(&released);
    whole.labels = 0; /* another number of classes is sound without them */
    for (size_t i = 0; i < whole.tensor_count; i++) {
        size_t rows = whole.tensors[i].rows, columns = whole.tensors[i].columns;
        assert_shape_refused(&whole, i, rows, columns + 1);
        assert_shape_refused(&whole, i, rows, 1);
        if (rows > 0) {
            assert_shape_refused(&whole, i, rows + 1, columns);
            assert_shape_refused(&whole, i, 0, rows * columns);
            assert_shape_refused(&whole, i, 0, columns);
        } else {
            assert_shape_refused(&whole, i, columns, 1);
            assert_shape_refused(&whole, i, 2, columns);
        }
        if (rows > 0 && rows != columns) {
            assert_shape_refused(&whole, i, columns, rows);
        }
    }
}
END_TEST

/* A third dimension, even of one element, is another shape. */
START_TEST(matrices_have_two_dimensions) {
    recipe whole = make_recipe(&released);
    for (size_t i = 0; i < whole.tensor_count; i++) {
        for (size_t third = 1; third < 3 && whole.tensors[i].rows > 0; third++) {
            recipe r = whole;
            r.tensors[i].third = third;
            assert_refused(&r, whole.tensors[i].name);
        }
    }
}
END_TEST

/* Wherever they are in the file. */
static void assert_stranger_refused(const char *name) {
    const size_t last = make_recipe(&released).tensor_count;
    const size_t places[] = {0, last / 2, last};
    for (size_t i = 0; i < COUNT(places); i++) {
        recipe r = make_recipe(&released);
        tensor *added = add_tensor(&r, name, 0, 32);
        tensor stranger = *added;
        *added = r.tensors[places[i]];
        r.tensors[places[i]] = stranger;
        assert_refused(&r, name);
    }
}

START_TEST(unknown_tensors_are_named) {
    static const char *const names[] = {"surprise",
                                        "block.0.norm3.weight",
                                        "block.2.norm1.weight",
                                        "block.00.norm1.weight",
                                        "block.0.adapter.s3.down.weight",
                                        "position.table",
                                        "projection.bias",
                                        "BLOCK.0.norm1.weight"};
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_stranger_refused(names[i]);
    }
    shape s = released;
    s.position = "sincos-3d";
    recipe r = make_recipe(&s);
    assert_refused(&r, "position.grid");
}
END_TEST

/* An adapter in one block only, whichever. */
START_TEST(adapters_are_in_all_blocks_or_none) {
    shape with = released, without = released;
    without.bottleneck[3] = 0;
    for (size_t block = 0; block < 2; block++) {
        recipe r = make_recipe(&without), all = make_recipe(&with);
        char prefix[32];
        (void)snprintf(prefix, sizeof prefix, "block.%zu.adapter.t1.", block);
        for (size_t i = 0; i < all.tensor_count; i++) {
            if (strncmp(all.tensors[i].name, prefix, strlen(prefix)) == 0) {
                r.tensors[r.tensor_count++] = all.tensors[i];
            }
        }
        assert_refused(&r, block == 0 ? "block.1.adapter.t1.down.weight" : prefix);
    }
}
END_TEST

START_TEST(numbers_that_are_not_finite_are_named) {
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    recipe whole = make_recipe(&released);
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
    tcase_add_test(tensors, missing_tensors_are_named);
    tcase_add_test(tensors, wrong_shapes_are_named);
    tcase_add_test(tensors, matrices_have_two_dimensions);
    tcase_add_test(tensors, unknown_tensors_are_named);
    tcase_add_test(tensors, adapters_are_in_all_blocks_or_none);
    tcase_add_test(tensors, numbers_that_are_not_finite_are_named);
    tcase_add_test(tensors, damaged_tensors_are_named);
    return suite;
}

int main(void) {
    random_seed("test_model_tensors");
    return run_suite(tensors_suite());
}
