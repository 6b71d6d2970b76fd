/*
 * Small models as lists that a test can change; see model_recipe.h.
 */
#include "model_recipe.h"

/* ---- what a file says ---- */

/* What all of them have. */
#define COMMON                                                                                 \
    .image = 16, .patch = 4, .width = 32, .heads = 2, .mlp = 48, .features = 20, .classes = 5, \
    .activation = "quick_gelu", .adapter_activation = "gelu", .patch_bias = true,              \
    .pre_norm = true, .scale = 1
#define TWO_PATHS                                                            \
    COMMON, .blocks = 2, .hidden = 12, .grid = 2, .frames = 8, .spatial = 4, \
            .bottleneck = {8, 6, 5, 7, 9}, .position = "sincos-time", .grid_table = true
#define ONE_PATH COMMON, .frames = 4, .spatial = 4

const shape released = {TWO_PATHS};

const shape method_shapes[SHAPES] = {
    [SHAPE_DUALPATH] = {TWO_PATHS},
    [SHAPE_AIM] = {ONE_PATH, .method = DP_METHOD_AIM, .blocks = 2, .bottleneck = {8, 6, 5, 7}},
    [SHAPE_AIM_ONE_TIME] = {ONE_PATH, .method = DP_METHOD_AIM, .blocks = 2,
                            .bottleneck = {0, 6, 5, 7}},
    [SHAPE_ST] = {ONE_PATH, .method = DP_METHOD_ST_ADAPTER, .blocks = 2, .bottleneck = {8, 6},
                  .kernel = {{3, 1, 5}, {1, 3, 3}}},
    [SHAPE_ST_LAST] = {ONE_PATH, .method = DP_METHOD_ST_ADAPTER, .blocks = 2, .bottleneck = {8, 0},
                       .kernel = {{3, 3, 1}}, .first_block = 1},
    [SHAPE_VPT_DEEP] = {ONE_PATH, .method = DP_METHOD_VPT, .blocks = 3, .prompts = 3,
                        .prompt_blocks = 3},
    [SHAPE_VPT_SHALLOW] = {ONE_PATH, .method = DP_METHOD_VPT, .blocks = 2, .prompts = 4,
                           .prompt_blocks = 1},
    [SHAPE_ADAPTFORMER] = {ONE_PATH, .method = DP_METHOD_ADAPTFORMER, .blocks = 2,
                           .bottleneck = {8}},
    [SHAPE_PROBE] = {ONE_PATH, .method = DP_METHOD_PROBE, .blocks = 2},
};

bool has_two_paths(const shape *s) {
    return s->method == DP_METHOD_DUALPATH;
}

const char *site_name(dp_method method, size_t site) {
    static const char *const names[][COUNT(released.bottleneck)] = {
        [DP_METHOD_DUALPATH] = {"s1", "s2", "t0", "t1", "t2"},
        [DP_METHOD_AIM] = {"time_in", "time", "space", "mlp"},
        [DP_METHOD_ST_ADAPTER] = {"conv_attn", "conv_mlp"},
        [DP_METHOD_VPT] = {NULL},
        [DP_METHOD_ADAPTFORMER] = {"mlp"},
        [DP_METHOD_PROBE] = {NULL},
    };
    return names[method][site];
}

void add_number(recipe *r, const char *key, size_t number) {
    r->entries[r->entry_count++] =
        (entry){.key = key, .type = GGUF_U32, .number = (uint32_t)number};
}

static void add_real(recipe *r, const char *key, float real) {
    r->entries[r->entry_count++] = (entry){.key = key, .type = GGUF_F32, .real = real};
}

void add_text(recipe *r, const char *key, const char *text) {
    r->entries[r->entry_count++] = (entry){.key = key, .type = GGUF_STRING, .text = text};
}

static void add_flag(recipe *r, const char *key, bool flag) {
    r->entries[r->entry_count++] = (entry){.key = key, .type = GGUF_BOOL, .number = flag};
}

/* The keys that only some methods have. */
static void add_entries_of_method(recipe *r, const shape *s) {
    add_text(r, "dualpath.method", dp_method_name(s->method));
    if (has_two_paths(s)) {
        add_text(r, "dualpath.position.kind", s->position);
        add_number(r, "dualpath.grid", s->grid);
        add_number(r, "dualpath.spatial_frames", s->spatial);
        add_flag(r, "dualpath.adapter.serial_skip", s->skip);
    }
    if (s->method == DP_METHOD_ST_ADAPTER) {
        add_number(r, "dualpath.adapter.first_block", s->first_block);
    }
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
    add_number(r, "dualpath.frames", s->frames);
    add_number(r, "dualpath.sampling_rate", 3);
    add_text(r, "dualpath.sampling", "center");
    add_text(r, "dualpath.past_end", "repeat");
    add_number(r, "dualpath.views", 1);
    add_number(r, "dualpath.crops", 1);
    add_text(r, "dualpath.average", "logits");
    add_text(r, "dualpath.resize.filter", "bilinear");
    add_text(r, "dualpath.resize.long_side", "down");
    add_flag(r, "dualpath.resize.antialias", false);
    add_flag(r, "dualpath.grid.antialias", false);
    add_flag(r, "dualpath.position.antialias", false);
    add_text(r, "dualpath.crop.offset", "half-even");
    add_entries_of_method(r, s);
}

tensor *add_tensor(recipe *r, const char *name, size_t rows, size_t columns) {
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

/* [b][time][rows][columns] and [b] */
static void add_kernel(recipe *r, const char *adapter, size_t channels, const size_t *kernel) {
    char name[80];
    (void)snprintf(name, sizeof name, "%s.conv.weight", adapter);
    tensor *weight = add_tensor(r, name, channels, kernel[0]);
    weight->behind[0] = kernel[1];
    weight->behind[1] = kernel[2];
    (void)snprintf(name, sizeof name, "%s.conv.bias", adapter);
    add_tensor(r, name, 0, channels);
}

static void add_adapter(recipe *r, const shape *s, size_t block, size_t site) {
    char adapter[64], name[72];
    size_t b = s->bottleneck[site];
    (void)snprintf(adapter, sizeof adapter, "block.%zu.adapter.%s", block,
                   site_name(s->method, site));
    (void)snprintf(name, sizeof name, "%s.down", adapter);
    add_affine(r, name, b, s->width);
    if (s->method == DP_METHOD_ST_ADAPTER) {
        add_kernel(r, adapter, b, s->kernel[site]);
    }
    (void)snprintf(name, sizeof name, "%s.up", adapter);
    add_affine(r, name, s->width, b);
}

static void add_block(recipe *r, const shape *s, size_t block) {
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
    for (size_t i = 0; i < COUNT(s->bottleneck) && block >= s->first_block; i++) {
        if (s->bottleneck[i] > 0) {
            add_adapter(r, s, block, i);
        }
    }
    if (block < s->prompt_blocks) {
        (void)snprintf(name, sizeof name, "block.%zu.prompt", block);
        add_tensor(r, name, s->prompts, s->width);
    }
}

size_t tokens_of(const shape *s) {
    return (s->image / s->patch) * (s->image / s->patch) + 1;
}

size_t framesets_of(const shape *s) {
    return s->grid > 0 ? s->frames / (s->grid * s->grid) : 0;
}

size_t features_of(const shape *s) {
    return s->features > 0 ? s->features : s->width;
}

static void add_tables(recipe *r, const shape *s) {
    add_tensor(r, "class_token", 0, s->width);
    add_tensor(r, "position.spatial", tokens_of(s), s->width);
    if (s->grid_table) {
        add_tensor(r, "position.grid", tokens_of(s), s->width);
    }
    if (s->method == DP_METHOD_AIM) {
        add_tensor(r, "position.time", s->frames, s->width);
    }
    if (has_two_paths(s) && strcmp(s->position, "table") == 0) {
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
    if (s->classes > 0 && has_two_paths(s)) {
        add_affine(r, "head.hidden", s->hidden, 2 * features_of(s));
    }
    if (s->classes > 0) {
        add_affine(r, "head.output", s->classes, has_two_paths(s) ? s->hidden : features_of(s));
    }
}

recipe make_recipe(const shape *s) {
    recipe r = {.labels = s->classes, .seed = random_below(UINT32_MAX)};
    add_entries(&r, s);
    add_tensors(&r, s);
    return r;
}

entry *find_entry(recipe *r, const char *key) {
    for (size_t i = 0; i < r->entry_count; i++) {
        if (strcmp(r->entries[i].key, key) == 0) {
            return &r->entries[i];
        }
    }
    ck_abort_msg("no key %s", key);
}

tensor *find_tensor(recipe *r, const char *name) {
    for (size_t i = 0; i < r->tensor_count; i++) {
        if (strcmp(r->tensors[i].name, name) == 0) {
            return &r->tensors[i];
        }
    }
    ck_abort_msg("no tensor %s", name);
}

void drop_tensor(recipe *r, size_t index) {
    r->tensors[index] = r->tensors[--r->tensor_count];
}

void drop_entry(recipe *r, const char *key) {
    entry *dropped = find_entry(r, key);
    *dropped = r->entries[--r->entry_count];
}

/* ---- writing it ---- */

void write_entry(gguf_builder *to, const entry *e) {
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

/* Returns how many dimensions a matrix has. */
static uint32_t dims_of(const tensor *t, uint64_t dims[5]) {
    uint32_t count = 2;
    dims[0] = t->rows;
    dims[1] = t->columns;
    for (size_t i = 0; i < COUNT(t->behind) && t->behind[i] > 0; i++) {
        dims[count++] = t->behind[i];
    }
    return count;
}

void write_tensor(gguf_builder *to, const recipe *r, const tensor *t) {
    uint64_t dims[5];
    uint32_t dim_count = dims_of(t, dims);
    size_t count = (t->rows > 0 ? t->rows : 1) * t->columns;
    for (size_t i = 2; i < dim_count; i++) {
        count *= (size_t)dims[i];
    }
    float *values = malloc(count * sizeof(float));
    ck_assert_ptr_nonnull(values);
    fill_weights(r, t, values, count);
    if (t->rows > 0) {
        gguf_add_tensor(to, t->name, t->type, dim_count, dims, values);
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

uint8_t *write_recipe(const recipe *r, size_t *size) {
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

opened open_recipe(const recipe *r, const dp_model_options *options) {
    size_t size;
    opened o = {write_recipe(r, &size), NULL};
    dp_status status = dp_model_open_memory(o.bytes, size, options, &o.model);
    ck_assert_msg(status == DP_OK, "%s", dp_last_message());
    return o;
}

void close_opened(opened *o) {
    dp_model_close(o->model);
    free(o->bytes);
}

void assert_opens(const recipe *r) {
    opened o = open_recipe(r, NULL);
    close_opened(&o);
}

void assert_refused(const recipe *r, const char *named) {
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

dp_model_info info_of(const dp_model *model) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    return info;
}
