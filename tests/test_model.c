/*
 * lib/model: small models are written in memory with every key and tensor that
 * docs/weight-format.md has, as they should be and then with one thing wrong. What is wrong must be
 * named; what is right must open, in all variants, and answer the same fused or not.
 */
#include "dualpath.h"
#include "gguf_builder.h"
#include "support.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a file says ---- */

/* The numbers of a model, with the letters of docs/weight-format.md. */
typedef struct shape {
    size_t image, patch, width, heads, blocks, mlp; /* R, p, D, H, L, F */
    size_t features;                                /* O; 0: no projection */
    size_t hidden, classes;                         /* M, C; 0: no head */
    size_t grid, frames, spatial;                   /* g, T, Ts */
    size_t bottleneck[5];                           /* of s1, s2, t0, t1, t2; 0: absent */
    const char *position, *activation, *adapter_activation;
    bool patch_bias, pre_norm, grid_table, skip;
    float scale;
} shape;

static const shape released = {
    .image = 16,
    .patch = 4,
    .width = 32,
    .heads = 2,
    .blocks = 2,
    .mlp = 48,
    .features = 20,
    .hidden = 12,
    .classes = 5,
    .grid = 2,
    .frames = 8,
    .spatial = 4,
    .bottleneck = {8, 6, 5, 7, 9},
    .position = "sincos-time",
    .activation = "quick_gelu",
    .adapter_activation = "gelu",
    .patch_bias = true,
    .pre_norm = true,
    .grid_table = true,
    .scale = 1,
};

/* A metadata value of type u32, f32, bool or string. */
typedef struct entry {
    const char *key;
    uint32_t type, number;
    float real;
    const char *text;
} entry;

typedef struct tensor {
    char name[80];
    size_t rows, columns; /* rows 0: a vector */
    size_t third;         /* dimension behind the columns; 0: none */
    uint32_t type;
    float odd;        /* not 0: this value instead of one of the others */
    const char *twin; /* not NULL: the tensor whose values it has */
} tensor;

/* A file as lists that a test can change before it is written. */
typedef struct recipe {
    entry entries[32];
    size_t entry_count;
    tensor tensors[160];
    size_t tensor_count;
    size_t labels; /* 0: none */
    uint32_t seed; /* of the weights */
} recipe;

static void add_number(recipe *r, const char *key, size_t number) {
    r->entries[r->entry_count++] =
        (entry){.key = key, .type = GGUF_U32, .number = (uint32_t)number};
}

static void add_real(recipe *r, const char *key, float real) {
    r->entries[r->entry_count++] = (entry){.key = key, .type = GGUF_F32, .real = real};
}

static void add_text(recipe *r, const char *key, const char *text) {
    r->entries[r->entry_count++] = (entry){.key = key, .type = GGUF_STRING, .text = text};
}

static void add_entries(recipe *r, const shape *s) {
    add_text(r, "general.architecture", "dualpath");
    add_text(r, "general.name", "a small model");
    add_number(r, "dualpath.format_version", 1);
    add_number(r, "dualpath.image_size", s->image);
    add_number(r, "dualpath.patch_size", s->patch);
    add_number(r, "dualpath.embedding_length", s->width);
    add_number(r, "dualpath.block_count", s->blocks);
    add_number(r, "dualpath.attention.head_count", s->heads);
    add_real(r, "dualpath.attention.layer_norm_epsilon", 1e-5F);
    add_text(r, "dualpath.activation", s->activation);
    add_text(r, "dualpath.adapter.activation", s->adapter_activation);
    add_real(r, "dualpath.adapter.scale", s->scale);
    add_text(r, "dualpath.position.kind", s->position);
    add_number(r, "dualpath.grid", s->grid);
    add_number(r, "dualpath.frames", s->frames);
    add_number(r, "dualpath.spatial_frames", s->spatial);
    add_number(r, "dualpath.sampling_rate", 3);
    r->entries[r->entry_count++] =
        (entry){.key = "dualpath.adapter.serial_skip", .type = GGUF_BOOL, .number = s->skip};
}

static tensor *add_tensor(recipe *r, const char *name, size_t rows, size_t columns) {
    tensor *added = &r->tensors[r->tensor_count++];
    ck_assert_uint_le(r->tensor_count, COUNT(r->tensors));
    *added = (tensor){.rows = rows, .columns = columns, .type = GGUF_TENSOR_F32};
    (void)snprintf(added->name, sizeof added->name, "%s", name);
    return added;
}

/* NAME.weight and NAME.bias; rows 0: a layer norm. */
static void add_affine(recipe *r, const char *name, size_t rows, size_t columns) {
    char full[80];
    (void)snprintf(full, sizeof full, "%s.weight", name);
    add_tensor(r, full, rows, columns);
    (void)snprintf(full, sizeof full, "%s.bias", name);
    add_tensor(r, full, 0, rows > 0 ? rows : columns);
}

static void add_block(recipe *r, const shape *s, size_t block) {
    static const char *const sites[] = {"s1", "s2", "t0", "t1", "t2"};
    const struct {
        const char *name;
        size_t rows, columns;
    } maps[] = {{"norm1", 0, s->width},
                {"attention.qkv", 3 * s->width, s->width},
                {"attention.out", s->width, s->width},
                {"norm2", 0, s->width},
                {"mlp.up", s->mlp, s->width},
                {"mlp.down", s->width, s->mlp}};
    char name[64];
    for (size_t i = 0; i < COUNT(maps); i++) {
        (void)snprintf(name, sizeof name, "block.%zu.%s", block, maps[i].name);
        add_affine(r, name, maps[i].rows, maps[i].columns);
    }
    for (size_t i = 0; i < COUNT(sites); i++) {
        size_t b = s->bottleneck[i];
        if (b > 0) {
            (void)snprintf(name, sizeof name, "block.%zu.adapter.%s.down", block, sites[i]);
            add_affine(r, name, b, s->width);
            (void)snprintf(name, sizeof name, "block.%zu.adapter.%s.up", block, sites[i]);
            add_affine(r, name, s->width, b);
        }
    }
}

static size_t tokens_of(const shape *s) {
    return (s->image / s->patch) * (s->image / s->patch) + 1;
}

static size_t framesets_of(const shape *s) {
    return s->frames / (s->grid * s->grid);
}

static size_t features_of(const shape *s) {
    return s->features > 0 ? s->features : s->width;
}

static void add_tables(recipe *r, const shape *s) {
    add_tensor(r, "class_token", 0, s->width);
    add_tensor(r, "position.spatial", tokens_of(s), s->width);
    if (s->grid_table) {
        add_tensor(r, "position.grid", tokens_of(s), s->width);
    }
    if (strcmp(s->position, "table") == 0) {
        add_tensor(r, "position.table", framesets_of(s) * tokens_of(s), s->width);
    }
}

static void add_tensors(recipe *r, const shape *s) {
    add_tensor(r, "patch.weight", s->width, 3 * s->patch * s->patch);
    if (s->patch_bias) {
        add_tensor(r, "patch.bias", 0, s->width);
    }
    add_tables(r, s);
    if (s->pre_norm) {
        add_affine(r, "pre_norm", 0, s->width);
    }
    for (size_t i = 0; i < s->blocks; i++) {
        add_block(r, s, i);
    }
    add_affine(r, "post_norm", 0, s->width);
    if (s->features > 0) {
        add_tensor(r, "projection.weight", s->features, s->width);
    }
    if (s->classes > 0) {
        add_affine(r, "head.hidden", s->hidden, 2 * features_of(s));
        add_affine(r, "head.output", s->classes, s->hidden);
    }
}

static recipe make_recipe(const shape *s) {
    recipe r = {.labels = s->classes, .seed = random_below(UINT32_MAX)};
    add_entries(&r, s);
    add_tensors(&r, s);
    return r;
}

static entry *find_entry(recipe *r, const char *key) {
    for (size_t i = 0; i < r->entry_count; i++) {
        if (strcmp(r->entries[i].key, key) == 0) {
            return &r->entries[i];
        }
    }
    ck_abort_msg("no key %s", key);
}

static tensor *find_tensor(recipe *r, const char *name) {
    for (size_t i = 0; i < r->tensor_count; i++) {
        if (strcmp(r->tensors[i].name, name) == 0) {
            return &r->tensors[i];
        }
    }
    ck_abort_msg("no tensor %s", name);
}

static void drop_tensor(recipe *r, size_t index) {
    r->tensors[index] = r->tensors[--r->tensor_count];
}

static void drop_entry(recipe *r, const char *key) {
    entry *dropped = find_entry(r, key);
    *dropped = r->entries[--r->entry_count];
}

/* ---- writing it ---- */

static void write_entry(gguf_builder *to, const entry *e) {
    if (e->type == GGUF_U32) {
        gguf_add_u32(to, e->key, e->number);
    } else if (e->type == GGUF_F32) {
        gguf_add_f32(to, e->key, e->real);
    } else if (e->type == GGUF_BOOL) {
        gguf_add_bool(to, e->key, e->number != 0);
    } else {
        gguf_add_text(to, e->key, e->text);
    }
}

/* Numbers that depend on the name of a tensor and the recipe's seed only. */
static uint32_t weight_seed(const recipe *r, const tensor *t) {
    uint32_t hash = r->seed;
    for (const char *c = t->twin != NULL ? t->twin : t->name; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * 16777619;
    }
    return hash;
}

/* All values are multiples of 2^-9 with seven bits, which every type of tensor holds exactly: the
 * first of 32 is 127/512, so that the scale of a block of q8_0 is 1/512. */
static void fill_weights(const recipe *r, const tensor *t, float *values, size_t count) {
    uint32_t state = weight_seed(r, t);
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        values[i] = (float)(i % 32 == 0 ? 127 : (int)((state >> 16) % 255) - 127) / 512;
    }
    if (t->odd != 0) {
        values[random_size(0, count - 1)] = t->odd;
    }
}

static void write_tensor(gguf_builder *to, const recipe *r, const tensor *t) {
    size_t count = (t->rows > 0 ? t->rows : 1) * t->columns * (t->third > 0 ? t->third : 1);
    float *values = malloc(count * sizeof(float));
    ck_assert_ptr_nonnull(values);
    fill_weights(r, t, values, count);
    if (t->third > 0) {
        uint64_t dims[3] = {t->rows, t->columns, t->third};
        gguf_add_tensor(to, t->name, t->type, 3, dims, values);
    } else if (t->rows > 0) {
        gguf_add_matrix(to, t->name, t->type, t->rows, t->columns, values);
    } else {
        gguf_add_vector(to, t->name, t->columns, values);
    }
    free(values);
}

static void write_labels(gguf_builder *to, size_t count) {
    static const char *const names[] = {"jump", "run", "", "sit \"down\"", "walk", "6", "7", "8"};
    ck_assert_uint_le(count, COUNT(names));
    if (count > 0) {
        gguf_add_text_array(to, "dualpath.labels", names, count);
    }
}

static uint8_t *write_recipe(const recipe *r, size_t *size) {
    gguf_builder to = {0};
    for (size_t i = 0; i < r->entry_count; i++) {
        write_entry(&to, &r->entries[i]);
    }
    write_labels(&to, r->labels);
    for (size_t i = 0; i < r->tensor_count; i++) {
        write_tensor(&to, r, &r->tensors[i]);
    }
    gguf_add_crcs(&to);
    return gguf_finish(&to, size);
}

/* ---- opening it ---- */

typedef struct opened {
    uint8_t *bytes;
    dp_model *model;
} opened;

static opened open_recipe(const recipe *r, const dp_model_options *options) {
    size_t size;
    opened o = {write_recipe(r, &size), NULL};
    dp_status status = dp_model_open_memory(o.bytes, size, options, &o.model);
    ck_assert_msg(status == DP_OK, "%s", dp_last_message());
    return o;
}

static void close_opened(opened *o) {
    dp_model_close(o->model);
    free(o->bytes);
}

static void assert_opens(const recipe *r) {
    opened o = open_recipe(r, NULL);
    close_opened(&o);
}

/* Opening fails in both forms, with a sentence that has `named` in it. */
static void assert_refused(const recipe *r, const char *named) {
    for (int unfused = 0; unfused < 2; unfused++) {
        size_t size;
        uint8_t *bytes = write_recipe(r, &size);
        dp_model_options options;
        dp_model *model = (dp_model *)(void *)bytes;
        dp_model_options_default(&options);
        options.unfused = unfused;
        dp_status status = dp_model_open_memory(bytes, size, &options, &model);
        ck_assert_msg(status == DP_ERR_FORMAT, "%s instead of an error that names %s",
                      dp_status_name(status), named);
        ck_assert_ptr_null(model);
        ck_assert_msg(strstr(dp_last_message(), named) != NULL, "\"%s\" does not name %s",
                      dp_last_message(), named);
        free(bytes);
    }
}

/* ---- tensors that are wrong ---- */

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
        recipe r = make_recipe(&released);
        add_tensor(&r, names[i], 0, 32);
        assert_refused(&r, names[i]);
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

/* ---- metadata that is wrong ---- */

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
    }
}
END_TEST

START_TEST(wrong_types_are_named) {
    recipe whole = make_recipe(&released);
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

START_TEST(unknown_choices_are_named) {
    static const char *const keys[] = {"general.architecture", "dualpath.activation",
                                       "dualpath.adapter.activation", "dualpath.position.kind"};
    static const char *const values[] = {"swish", "", "gelu_", "sincos", "\n"};
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
    static const float odd[][3] = {
        {1, NAN, 1}, {1, 1, INFINITY}, {0, 1, 1}, {1, -0.5F, 1}, {1, 1, 9e-7F}};
    for (size_t k = 0; k < COUNT(keys); k++) {
        ck_assert_int_eq(open_with_array(keys[k], sound, 3), DP_OK);
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
    for (size_t site = 0; site < 5; site++) {
        s = released;
        s.bottleneck[site] = 4 * s.width;
        r = make_recipe(&s);
        assert_opens(&r);
        s.bottleneck[site]++;
        r = make_recipe(&s);
        assert_refused(&r, "down.weight");
    }
    s = released;
    s.features = 65537;
    r = make_recipe(&s);
    assert_refused(&r, "projection.weight");
}
END_TEST

START_TEST(an_empty_file_of_tensors_is_refused) {
    recipe r = make_recipe(&released);
    r.tensor_count = 0;
    assert_refused(&r, "missing");
}
END_TEST

/* ---- what a model says of itself ---- */

/* Multiply-adds, by hand: a token of a block as the model page writes it (section 4). */
static size_t plain_token(const shape *s, bool temporal) {
    size_t d = s->width, token = 4 * d * d + 2 * d * s->mlp;
    for (size_t site = temporal ? 2 : 0; site < (temporal ? 5u : 2u); site++) {
        token += 2 * d * s->bottleneck[site];
    }
    return token;
}

/* The same after what may be computed once (section 6), without the way into the block. */
static size_t fused_rest(const shape *s, bool temporal) {
    size_t d = s->width, f = s->mlp;
    const size_t *b = s->bottleneck;
    if (!temporal) {
        return (d + b[0]) * d + 2 * d * (f + b[1]);
    }
    size_t out = b[3] == 0 ? d * d : 2 * d * b[3] + (s->skip ? d * d : 0);
    size_t down = b[4] == 0 ? f * d : (f + d) * b[4] + (s->skip ? f * d : 0);
    return out + d * f + down;
}

/* What queries, keys and values are computed from. */
static size_t fused_inputs(const shape *s, bool temporal) {
    size_t b = temporal ? s->bottleneck[2] : 0;
    return b == 0 ? s->width : b + (s->skip ? s->width : 0);
}

/* All blocks of an image; in the last one, only keys and values are needed of every token. */
static uint64_t image_macs(const shape *s, bool temporal, bool fused) {
    uint64_t n = tokens_of(s), d = s->width, attention = 2 * n * n * d;
    if (!fused) {
        return s->blocks * (n * plain_token(s, temporal) + attention);
    }
    uint64_t enter = temporal ? d * s->bottleneck[2] : 0;
    uint64_t inputs = fused_inputs(s, temporal);
    uint64_t token =
        enter + 3 * inputs * d + (temporal ? 0 : d * s->bottleneck[0]) + fused_rest(s, temporal);
    return (s->blocks - 1) * (n * token + attention) + n * (enter + 2 * inputs * d) + token +
           2 * n * d;
}

static uint64_t macs_by_hand(const shape *s, bool fused) {
    uint64_t images = s->spatial + framesets_of(s), o = features_of(s);
    uint64_t patches = images * (tokens_of(s) - 1) * s->width * 3 * s->patch * s->patch;
    uint64_t projection = s->features > 0 ? images * s->width * o : 0;
    uint64_t head = s->classes > 0 ? 2 * o * s->hidden + s->hidden * s->classes : 0;
    return patches + s->spatial * image_macs(s, false, fused) +
           framesets_of(s) * image_macs(s, true, fused) + projection + head;
}

/* The numbers of the model page for CLIP ViT-B/16, against which the count by hand is held. */
START_TEST(macs_of_vit_b_16) {
    shape s = released;
    s.image = 224, s.patch = 16, s.width = 768, s.heads = 12, s.blocks = 12, s.mlp = 3072;
    s.features = 512, s.hidden = 512, s.classes = 400;
    s.grid = 4, s.frames = 16, s.spatial = 8;
    for (size_t site = 0; site < 5; site++) {
        s.bottleneck[site] = 192;
    }
    size_t inputs = fused_inputs(&s, true);
    size_t token = s.width * 192 + 3 * inputs * s.width + fused_rest(&s, true);
    ck_assert_double_eq_tol((double)plain_token(&s, true), 7.96e6, 5e3);
    ck_assert_double_eq_tol((double)token, 3.98e6, 5e3);
    ck_assert_double_eq_tol((double)macs_by_hand(&s, false), 171e9, 1e9);
    ck_assert_double_eq_tol((double)macs_by_hand(&s, true), 150e9, 1e9);
}
END_TEST

static dp_model_info info_of(const dp_model *model) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    return info;
}

static bool is_adaptation(const char *name) {
    return strstr(name, ".adapter.") != NULL || strncmp(name, "position.", 9) == 0 ||
           strncmp(name, "head.", 5) == 0 || strcmp(name, "class_token") == 0;
}

static void assert_counts(const recipe *r, const dp_model_info *info) {
    int64_t all = 0, adapted = 0;
    for (size_t i = 0; i < r->tensor_count; i++) {
        const tensor *t = &r->tensors[i];
        int64_t count = (int64_t)((t->rows > 0 ? t->rows : 1) * t->columns);
        all += count;
        adapted += is_adaptation(t->name) ? count : 0;
    }
    ck_assert_int_eq(info->parameters, all);
    ck_assert_int_eq(info->adapter_parameters, adapted);
    ck_assert_int_gt(info->weight_bytes, 0);
}

static int32_t largest_bottleneck(const shape *s) {
    size_t largest = 0;
    for (size_t i = 0; i < 5; i++) {
        largest = s->bottleneck[i] > largest ? s->bottleneck[i] : largest;
    }
    return (int32_t)largest;
}

static void assert_info(const shape *s, const recipe *r, const dp_model *model, bool fused) {
    dp_model_info info = info_of(model);
    ck_assert_str_eq(info.name, "a small model");
    ck_assert_str_eq(info.precision, "f32");
    ck_assert_str_eq(info.file_type, "f32");
    ck_assert_ptr_nonnull(strstr(info.description, "blocks"));
    ck_assert_int_eq(info.input_size, (int32_t)s->image);
    ck_assert_int_eq(info.patch_size, (int32_t)s->patch);
    ck_assert_int_eq(info.width, (int32_t)s->width);
    ck_assert_int_eq(info.heads, (int32_t)s->heads);
    ck_assert_int_eq(info.blocks, (int32_t)s->blocks);
    ck_assert_int_eq(info.feature_size, (int32_t)features_of(s));
    ck_assert_int_eq(info.classes, (int32_t)s->classes);
    ck_assert_int_eq(info.frames, (int32_t)s->frames);
    ck_assert_int_eq(info.spatial_frames, (int32_t)s->spatial);
    ck_assert_int_eq(info.grid, (int32_t)s->grid);
    ck_assert_int_eq(info.framesets, (int32_t)framesets_of(s));
    ck_assert_int_eq(info.sampling_rate, 3);
    ck_assert_int_eq(info.adapter_width, largest_bottleneck(s));
    ck_assert(info.mean[0] == 0.485F && info.mean[1] == 0.456F && info.mean[2] == 0.406F);
    ck_assert(info.std[0] == 0.229F && info.std[1] == 0.224F && info.std[2] == 0.225F);
    ck_assert_int_eq(info.macs, (int64_t)macs_by_hand(s, fused));
    assert_counts(r, &info);
}

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

/* ---- variants ---- */

#define MAX_FRAMES 64
#define MAX_ANSWER 160

/* Frames of random bytes, of a size that must be resized. */
typedef struct video {
    uint8_t pixels[MAX_FRAMES][9 * 11 * 3];
    dp_frame frames[MAX_FRAMES];
    dp_clip clip;
} video;

static void make_video(video *v, const shape *s) {
    ck_assert_uint_le(s->frames, MAX_FRAMES);
    dp_clip_default(&v->clip);
    v->clip.frames = v->frames;
    v->clip.frame_count = s->frames;
    v->clip.sampling = DP_SAMPLING_GIVEN;
    for (size_t i = 0; i < s->frames; i++) {
        for (size_t b = 0; b < sizeof v->pixels[i]; b++) {
            v->pixels[i][b] = (uint8_t)random_below(256);
        }
        v->frames[i] = dp_frame_rgb24(v->pixels[i], 9, 11);
    }
}

/* Both features, then the logits. */
typedef struct answer {
    float values[MAX_ANSWER];
    size_t count;
} answer;

static void append(answer *a, const float *values, int32_t count) {
    ck_assert_uint_le(a->count + (size_t)count, MAX_ANSWER);
    if (count > 0) {
        memcpy(a->values + a->count, values, (size_t)count * sizeof(float));
    }
    a->count += (size_t)count;
}

static answer ask_as(const dp_model *model, const video *v, int32_t threads, bool image_by_image) {
    dp_session_options options;
    dp_session *session;
    dp_result result;
    answer a = {.count = 0};
    dp_session_options_default(&options);
    options.threads = threads;
    options.image_by_image = image_by_image;
    dp_result_default(&result);
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
    dp_status status = dp_classify_clip(session, &v->clip, &result);
    ck_assert_msg(status == DP_OK, "%s", dp_session_message(session));
    append(&a, result.feature_temporal, result.feature_size);
    append(&a, result.feature_spatial, result.feature_size);
    append(&a, result.logits, result.classes);
    ck_assert_int_eq(result.macs, info_of(model).macs);
    dp_session_destroy(session);
    return a;
}

/* Image by image, the answer has the same bits. */
static answer ask(const dp_model *model, const video *v, int32_t threads) {
    answer a = ask_as(model, v, threads, false);
    answer one = ask_as(model, v, threads, true);
    ck_assert_mem_eq(one.values, a.values, a.count * sizeof(float));
    return a;
}

static double largest_value(const answer *a) {
    double largest = 0;
    for (size_t i = 0; i < a->count; i++) {
        largest = fmax(largest, fabs((double)a->values[i]));
    }
    return largest;
}

/* What a test that fails prints of a random model. */
static void describe_shape(const shape *s, char *text, size_t size) {
    (void)snprintf(text, size,
                   "R %zu p %zu D %zu H %zu L %zu F %zu O %zu M %zu C %zu g %zu T %zu Ts %zu, "
                   "adapters %zu %zu %zu %zu %zu * %g%s, %s, %s, %s",
                   s->image, s->patch, s->width, s->heads, s->blocks, s->mlp, s->features,
                   s->hidden, s->classes, s->grid, s->frames, s->spatial, s->bottleneck[0],
                   s->bottleneck[1], s->bottleneck[2], s->bottleneck[3], s->bottleneck[4],
                   (double)s->scale, s->skip ? " with skip" : "", s->position, s->activation,
                   s->adapter_activation);
}

/* The largest difference, in parts of the largest value; infinite where one is no number. */
static double distance(const answer *expected, const answer *a) {
    double largest = largest_value(expected), difference = 0;
    ck_assert_uint_eq(a->count, expected->count);
    for (size_t i = 0; i < a->count; i++) {
        double d = fabs((double)a->values[i] - (double)expected->values[i]);
        difference = isfinite(d) ? fmax(difference, d) : INFINITY;
    }
    return largest > 0 ? difference / largest : difference;
}

/* A divisor of n, each as likely. */
static size_t random_divisor(size_t n) {
    for (;;) {
        size_t d = random_size(1, n);
        if (n % d == 0) {
            return d;
        }
    }
}

/* Sometimes around the slices that the engine cuts wide ones into. */
static size_t random_mlp(void) {
    return random_below(4) ? random_size(1, 70)
                           : 1024 * random_size(1, 2) + random_size(0, 40) - 30;
}

static void choose_sizes(shape *s) {
    static const size_t grids[] = {1, 2, 3, 4};
    s->grid = grids[random_below(COUNT(grids))];
    s->patch = random_size(1, 5);
    s->image = s->patch * s->grid * random_size(1, s->grid > 2 ? 1 : 3);
    s->frames = s->grid * s->grid * random_size(1, 3);
    s->spatial = random_divisor(s->frames);
    s->heads = random_size(1, 3);
    s->width = s->heads * random_size(8, 14);
    s->blocks = random_size(1, 3);
    s->mlp = random_mlp();
    s->features = random_below(3) ? random_size(1, 40) : 0;
    s->hidden = random_size(1, 30);
    s->classes = random_below(4) ? random_size(1, 8) : 0;
}

static shape random_shape(void) {
    static const char *const positions[] = {"sincos-time", "sincos-3d", "table"};
    static const char *const activations[] = {"quick_gelu", "gelu", "relu"};
    shape s = {.position = positions[random_below(3)],
               .activation = activations[random_below(3)],
               .adapter_activation = activations[random_below(3)]};
    choose_sizes(&s);
    if (strcmp(s.position, "sincos-3d") == 0) {
        s.width = 16 * s.heads;
    } else if (strcmp(s.position, "sincos-time") == 0 && s.width % 2 != 0) {
        s.width += s.heads; /* odd as well */
    }
    for (size_t site = 0; site < 5; site++) {
        s.bottleneck[site] = random_below(3) ? random_size(1, 4 * s.width / 3) : 0;
    }
    s.patch_bias = random_below(2) != 0;
    s.pre_norm = random_below(2) != 0;
    s.grid_table = strcmp(s.position, "sincos-time") == 0 && random_below(2);
    s.skip = random_below(2) != 0;
    s.scale = random_below(2) ? 1 : random_float();
    return s;
}

static dp_model_options options_of(uint32_t cpu_mask, bool unfused) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.cpu_mask = cpu_mask;
    options.unfused = unfused;
    return options;
}

/* The formulas one by one in plain C, against every other way to compute them. */
START_TEST(variants_answer_the_same_fused_or_not) {
    static const uint32_t masks[] = {0, DP_CPU_AVX2 | DP_CPU_NEON, DP_CPU_ALL};
    for (int i = 0; i <= _i; i++) { /* the _i-th shape of this seed */
        (void)random_shape();
    }
    shape s = random_shape();
    recipe r = make_recipe(&s);
    char text[512];
    describe_shape(&s, text, sizeof text);
    answer expected = {.count = 0};
    video v;
    make_video(&v, &s);
    for (int form = 0; form < 6; form++) {
        dp_model_options options = options_of(masks[form / 2], form % 2 == 0);
        opened o = open_recipe(&r, &options);
        answer a = ask(o.model, &v, form % 3 + 1);
        expected = form == 0 ? a : expected;
        assert_info(&s, &r, o.model, form % 2 != 0);
        double apart = distance(&expected, &a);
        ck_assert_msg(apart <= 1e-4, "form %d differs by %g: %s", form, apart, text);
        close_opened(&o);
    }
}
END_TEST

/* Parts of the largest value that an answer may be off by for its precision. Of 2100 random shapes,
 * with every instruction set, the worst was 0.0042 in bf16, whose numbers are rounded by up to 2^-9
 * of themselves, and 0.011 in int8, where that is 1/254 of the largest of a row. */
static const double rounding[] = {
    [DP_PRECISION_F32] = 1e-4, [DP_PRECISION_BF16] = 0.02, [DP_PRECISION_INT8] = 0.05};

/* With each instruction set, or every so many-th, against f32. */
static void assert_precisions(const recipe *r, const video *v, size_t step, const char *text) {
    static const uint32_t vectors = DP_CPU_AVX2 | DP_CPU_AVX512;
    const uint32_t masks[] = {0,
                              DP_CPU_AVX2 | DP_CPU_NEON,
                              DP_CPU_AVX2 | DP_CPU_VNNI | DP_CPU_NEON | DP_CPU_DOTPROD,
                              vectors,
                              vectors | DP_CPU_VNNI | DP_CPU_BF16,
                              DP_CPU_ALL};
    opened o = open_recipe(r, NULL);
    answer expected = ask(o.model, v, 1);
    close_opened(&o);
    for (size_t i = 0; i < COUNT(masks); i += step) {
        for (int32_t precision = DP_PRECISION_F32; precision < DP_PRECISION_AUTO; precision++) {
            dp_model_options options = options_of(masks[i], false);
            options.precision = precision;
            o = open_recipe(r, &options);
            answer a = ask(o.model, v, precision);
            double apart = distance(&expected, &a);
            ck_assert_msg(apart <= rounding[precision] &&
                              (apart > 0 || precision == DP_PRECISION_F32),
                          "%s with mask %#x differs by %g: %s", info_of(o.model).precision,
                          masks[i], apart, text);
            close_opened(&o);
        }
    }
}

START_TEST(variants_answer_nearly_the_same_in_every_precision) {
    for (int i = 0; i <= _i; i++) { /* the _i-th shape of this seed */
        (void)random_shape();
    }
    shape s = random_shape();
    recipe r = make_recipe(&s);
    char text[512];
    describe_shape(&s, text, sizeof text);
    video v;
    make_video(&v, &s);
    assert_precisions(&r, &v, 1, text);
}
END_TEST

/* Sums of so many bytes might overflow: this matrix alone is f32. */
START_TEST(patches_may_be_too_deep_for_bytes) {
    shape s = released;
    s.image = s.patch = 256;
    s.frames = 4, s.spatial = 1, s.width = 8, s.heads = 1;
    recipe r = make_recipe(&s);
    video v;
    make_video(&v, &s);
    assert_precisions(&r, &v, unless_brief(1, 5), "patches of 256"); /* plain C and all there is */
}
END_TEST

/* A model for a camera's processor: 8 + 1 images of 65 tokens. Beside the weights it gets by with
 * 256 KiB, in any of the precisions and layouts of plain C. */
static void assert_small(const recipe *r, int32_t precision, int32_t target) {
    dp_model_options options = options_of(0, false);
    dp_session_options session;
    size_t bytes;
    options.precision = precision;
    options.target = target;
    opened o = open_recipe(r, &options);
    dp_session_options_default(&session);
    session.threads = 1;
    session.image_by_image = 1;
    ck_assert_int_eq(dp_session_size(o.model, &session, &bytes), DP_OK);
    ck_assert_msg(bytes <= (size_t)256 << 10, "%zu bytes in precision %d", bytes, (int)precision);
    close_opened(&o);
}

START_TEST(a_small_model_fits_a_small_machine) {
    shape s = released;
    s.image = 64, s.patch = 8, s.width = 96, s.heads = 4, s.blocks = 4, s.mlp = 384;
    s.features = 0, s.hidden = 96, s.grid = 4, s.frames = 16, s.spatial = 8;
    for (size_t i = 0; i < COUNT(s.bottleneck); i++) {
        s.bottleneck[i] = 24;
    }
    recipe r = make_recipe(&s);
    for (int32_t precision = DP_PRECISION_F32; precision < DP_PRECISION_AUTO; precision++) {
        assert_small(&r, precision, DP_TARGET_PLAIN);
        assert_small(&r, precision, DP_TARGET_ROWS);
    }
}
END_TEST

/* All types of tensors hold the same values here: the answers have the same bits. */
START_TEST(types_answer_the_same) {
    static const struct {
        uint32_t type;
        const char *name;
    } types[] = {{GGUF_TENSOR_F32, "f32"},
                 {GGUF_TENSOR_F16, "f16"},
                 {GGUF_TENSOR_BF16, "bf16"},
                 {GGUF_TENSOR_Q8_0, "q8_0"}};
    shape s = released;
    s.patch = 8, s.mlp = 64, s.features = 64, s.hidden = 32;
    for (size_t i = 0; i < 5; i++) {
        s.bottleneck[i] = 32;
    }
    recipe r = make_recipe(&s);
    answer expected = {.count = 0};
    video v;
    make_video(&v, &s);
    for (size_t i = 0; i < COUNT(types); i++) {
        for (size_t t = 0; t < r.tensor_count; t++) {
            r.tensors[t].type = r.tensors[t].rows > 0 ? types[i].type : GGUF_TENSOR_F32;
        }
        opened o = open_recipe(&r, NULL);
        answer a = ask(o.model, &v, 1);
        expected = i == 0 ? a : expected;
        ck_assert_mem_eq(a.values, expected.values, a.count * sizeof(float));
        ck_assert_str_eq(info_of(o.model).file_type, types[i].name);
        close_opened(&o);
    }
    find_tensor(&r, "block.1.mlp.up.weight")->type = GGUF_TENSOR_F16;
    opened o = open_recipe(&r, NULL);
    ck_assert_str_eq(info_of(o.model).file_type, "mixed");
    close_opened(&o);
}
END_TEST

/* Keys that have a default may be left out, and mean the same then. */
START_TEST(defaults_are_those_of_the_format) {
    static const char *const keys[] = {
        "dualpath.attention.layer_norm_epsilon", "dualpath.activation",
        "dualpath.adapter.activation",           "dualpath.adapter.scale",
        "dualpath.adapter.serial_skip",          "dualpath.position.kind"};
    recipe r = make_recipe(&released);
    video v;
    opened o = open_recipe(&r, NULL);
    make_video(&v, &released);
    answer expected = ask(o.model, &v, 1);
    close_opened(&o);
    for (size_t i = 0; i < COUNT(keys); i++) {
        drop_entry(&r, keys[i]);
    }
    drop_entry(&r, "general.name");
    o = open_recipe(&r, NULL);
    answer a = ask(o.model, &v, 1);
    ck_assert_mem_eq(a.values, expected.values, a.count * sizeof(float));
    ck_assert_str_eq(info_of(o.model).name, "");
    close_opened(&o);
    shape s = released;
    s.grid = 4, s.frames = 16, s.spatial = 8;
    r = make_recipe(&s);
    drop_entry(&r, "dualpath.grid");
    drop_entry(&r, "dualpath.spatial_frames");
    drop_entry(&r, "dualpath.sampling_rate");
    o = open_recipe(&r, NULL);
    dp_model_info info = info_of(o.model);
    ck_assert(info.grid == 4 && info.spatial_frames == 8 && info.sampling_rate == 4);
    close_opened(&o);
}
END_TEST

/* Without position.grid the temporal path uses the spatial table. */
START_TEST(one_table_serves_both_paths) {
    shape s = released;
    recipe r = make_recipe(&s);
    video v;
    make_video(&v, &s);
    opened o = open_recipe(&r, NULL);
    answer other = ask(o.model, &v, 1);
    close_opened(&o);
    find_tensor(&r, "position.grid")->twin = "position.spatial";
    o = open_recipe(&r, NULL);
    answer two = ask(o.model, &v, 1);
    close_opened(&o);
    drop_tensor(&r, (size_t)(find_tensor(&r, "position.grid") - r.tensors));
    o = open_recipe(&r, NULL);
    answer one = ask(o.model, &v, 1);
    close_opened(&o);
    ck_assert_mem_eq(one.values, two.values, one.count * sizeof(float));
    ck_assert_mem_ne(one.values, other.values, one.count * sizeof(float));
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

static Suite *model_suite(void) {
    Suite *suite = suite_create("model");
    TCase *tensors = add_cases(suite, "tensors");
    tcase_add_test(tensors, missing_tensors_are_named);
    tcase_add_test(tensors, wrong_shapes_are_named);
    tcase_add_test(tensors, matrices_have_two_dimensions);
    tcase_add_test(tensors, unknown_tensors_are_named);
    tcase_add_test(tensors, adapters_are_in_all_blocks_or_none);
    tcase_add_test(tensors, numbers_that_are_not_finite_are_named);
    tcase_add_test(tensors, damaged_tensors_are_named);

    TCase *metadata = add_cases(suite, "metadata");
    tcase_add_test(metadata, missing_keys_are_named);
    tcase_add_test(metadata, wrong_types_are_named);
    tcase_add_loop_test(metadata, numbers_out_of_bounds_are_named, 0, (int)COUNT(number_table));
    tcase_add_loop_test(metadata, reals_out_of_bounds_are_named, 0, (int)COUNT(real_table));
    tcase_add_test(metadata, unknown_choices_are_named);
    tcase_add_test(metadata, mean_and_std_are_checked);
    tcase_add_test(metadata, labels_are_as_many_as_classes);
    tcase_add_loop_test(metadata, relations_between_numbers_are_checked, 0,
                        (int)COUNT(relation_table));
    tcase_add_test(metadata, sizes_from_tensors_are_bounded);
    tcase_add_test(metadata, an_empty_file_of_tensors_is_refused);

    TCase *info = add_cases(suite, "info");
    tcase_add_test(info, macs_of_vit_b_16);
    tcase_add_test(info, labels_are_kept);

    TCase *variants = add_cases(suite, "variants");
    tcase_add_loop_test(variants, variants_answer_the_same_fused_or_not, 0,
                        (int)unless_brief(150, 10));
    tcase_add_loop_test(variants, variants_answer_nearly_the_same_in_every_precision, 0,
                        (int)unless_brief(100, 5));
    tcase_add_test(variants, patches_may_be_too_deep_for_bytes);
    tcase_add_test(variants, a_small_model_fits_a_small_machine);
    tcase_add_test(variants, types_answer_the_same);
    tcase_add_test(variants, defaults_are_those_of_the_format);
    tcase_add_test(variants, one_table_serves_both_paths);
    return suite;
}

int main(void) {
    random_seed("test_model");
    SRunner *runner = srunner_create(model_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
