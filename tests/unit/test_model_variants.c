/*
 * lib/model, sound models of all variants: what they say of themselves, and that they answer the
 * same fused or not, in every precision, with every instruction set, in every type of tensor.
 */
#include "base/bytes.h"
#include "model/model.h"
#include "model_recipe.h"
#include "suite.h"

#include <math.h>

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

/* ---- of the methods with one path ---- */

static size_t all_tokens(const shape *s) {
    return tokens_of(s) + s->prompts;
}

/* Of a token. In the last block keys and values are made of all tokens, and then all of it of the
 * class token. */
typedef struct token_macs {
    uint64_t keys_values, rest;
} token_macs;

/* The attention over time of AIM, in which the output matrix goes with the adapter after it. */
static uint64_t time_attention_token(const shape *s, bool fused) {
    uint64_t d = s->width, in = s->bottleneck[0], out = s->bottleneck[1];
    if (!fused) {
        return 4 * d * d + 2 * d * (in + out);
    }
    return d * in + 3 * d * (d + in) + 2 * d * out;
}

/* Attention over an image's tokens, and the MLP. Adapters there are not fused with anything, but
 * the way down of A_space is one matrix that reads what the output matrix reads. */
static token_macs space_token(const shape *s) {
    uint64_t d = s->width, adapters = 0;
    if (s->method == DP_METHOD_AIM) {
        adapters = s->bottleneck[2] + s->bottleneck[3];
    } else if (s->method == DP_METHOD_ADAPTFORMER) {
        adapters = s->bottleneck[0];
    }
    return (token_macs){2 * d * d, 2 * d * d + 2 * d * s->mlp + 2 * d * adapters};
}

/* All images and blocks, without convolutions. */
static uint64_t one_path_macs(const shape *s, bool fused) {
    uint64_t n = all_tokens(s), d = s->width, t = s->frames, macs = 0;
    token_macs token = space_token(s);
    for (size_t block = 0; block < s->blocks; block++) {
        bool last = fused && block + 1 == s->blocks;
        uint64_t rows = last ? 1 : n;
        macs += t * (rows * (token.keys_values + token.rest + 2 * n * d));
        macs += last ? t * n * token.keys_values : 0;
        if (s->method == DP_METHOD_AIM) {
            macs += t * n * (time_attention_token(s, fused) + 2 * t * d);
        }
    }
    return macs;
}

/* Ways down and up of all tokens, and each tap for each patch. The last block's before the MLP
 * changes nothing that is read: fused, it is left out. */
static uint64_t convolution_macs(const shape *s, bool fused) {
    uint64_t macs = 0, n = tokens_of(s);
    for (size_t which = 0; which < 2 && s->method == DP_METHOD_ST_ADAPTER; which++) {
        const size_t *k = s->kernel[which];
        uint64_t b = s->bottleneck[which];
        uint64_t blocks = s->blocks - s->first_block - (fused && which == 1 ? 1 : 0);
        macs += blocks * s->frames * (2 * n * s->width * b + (n - 1) * k[0] * k[1] * k[2] * b);
    }
    return macs;
}

/* ---- of all ---- */

static uint64_t head_macs(const shape *s) {
    uint64_t o = features_of(s);
    if (s->classes == 0) {
        return 0;
    }
    return has_two_paths(s) ? 2 * o * s->hidden + s->hidden * s->classes : o * s->classes;
}

static uint64_t macs_by_hand(const shape *s, bool fused) {
    uint64_t images = s->spatial + framesets_of(s);
    uint64_t features = s->method == DP_METHOD_ST_ADAPTER ? 1 : images; /* of the mean, or each */
    uint64_t patches = images * (tokens_of(s) - 1) * s->width * 3 * s->patch * s->patch;
    uint64_t projection = s->features > 0 ? features * s->width * s->features : 0;
    uint64_t blocks = has_two_paths(s) ? s->spatial * image_macs(s, false, fused) +
                                             framesets_of(s) * image_macs(s, true, fused)
                                       : one_path_macs(s, fused) + convolution_macs(s, fused);
    return patches + blocks + projection + head_macs(s);
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

static bool is_adaptation(const char *name) {
    return strstr(name, ".adapter.") != NULL || strstr(name, ".prompt") != NULL ||
           strncmp(name, "position.", 9) == 0 || strncmp(name, "head.", 5) == 0 ||
           strcmp(name, "class_token") == 0;
}

static void assert_counts(const recipe *r, const dp_model_info *info) {
    int64_t all = 0, adapted = 0;
    for (size_t i = 0; i < r->tensor_count; i++) {
        const tensor *t = &r->tensors[i];
        int64_t count = (int64_t)((t->rows > 0 ? t->rows : 1) * t->columns);
        for (size_t d = 0; d < COUNT(t->behind) && t->behind[d] > 0; d++) {
            count *= (int64_t)t->behind[d];
        }
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
    ck_assert_int_eq(info.precision, DP_PRECISION_F32);
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
    ck_assert_int_eq(info.method, s->method);
    ck_assert_int_eq(info.prompts, (int32_t)s->prompts);
    ck_assert_int_eq(info.sampling_rate, 3);
    ck_assert_int_eq(info.adapter_width, largest_bottleneck(s));
    ck_assert(info.mean[0] == 0.485F && info.mean[1] == 0.456F && info.mean[2] == 0.406F);
    ck_assert(info.std[0] == 0.229F && info.std[1] == 0.224F && info.std[2] == 0.225F);
    ck_assert_int_eq(info.macs, (int64_t)macs_by_hand(s, fused));
    assert_counts(r, &info);
}

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

static dp_session_options session_options(int32_t threads, bool image_by_image) {
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = threads;
    options.image_by_image = image_by_image;
    return options;
}

static answer ask_as(const dp_model *model, const video *v, int32_t threads, bool image_by_image) {
    dp_session_options options = session_options(threads, image_by_image);
    dp_session *session;
    dp_result result;
    answer a = {.count = 0};
    dp_result_default(&result);
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_OK);
    dp_status status = dp_classify_clip(session, &v->clip, &result);
    ck_assert_msg(status == DP_OK, "%s", dp_session_message(session));
    bool two_paths = info_of(model).framesets > 0;
    ck_assert_int_eq(result.feature_temporal != NULL, two_paths);
    append(&a, result.feature_temporal, two_paths ? result.feature_size : 0);
    append(&a, result.feature_spatial, result.feature_size);
    append(&a, result.logits, result.classes);
    ck_assert_int_eq(result.macs, info_of(model).macs);
    dp_session_destroy(session);
    return a;
}

static bool frames_meet(const dp_model *model) {
    int32_t method = info_of(model).method;
    return method == DP_METHOD_AIM || method == DP_METHOD_ST_ADAPTER;
}

/* No memory is asked for, and none is stated. */
static void assert_not_image_by_image(const dp_model *model, int32_t threads) {
    dp_session_options options = session_options(threads, true);
    dp_session *session = (dp_session *)(void *)&options;
    size_t bytes = 1;
    ck_assert_int_eq(dp_session_create(model, &options, &session), DP_ERR_UNSUPPORTED);
    ck_assert_ptr_null(session);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), dp_method_name(info_of(model).method)));
    ck_assert_int_eq(dp_session_size(model, &options, &bytes), DP_ERR_UNSUPPORTED);
}

/* Image by image, the answer has the same bits, unless the blocks need all frames at once. */
static answer ask(const dp_model *model, const video *v, int32_t threads) {
    answer a = ask_as(model, v, threads, false);
    if (frames_meet(model)) {
        assert_not_image_by_image(model, threads);
    } else {
        answer one = ask_as(model, v, threads, true);
        ck_assert_mem_eq(one.values, a.values, a.count * sizeof(float));
    }
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
    const size_t *k = s->kernel[0], *l = s->kernel[1];
    (void)snprintf(text, size,
                   "%s: R %zu p %zu D %zu H %zu L %zu F %zu O %zu M %zu C %zu g %zu T %zu Ts %zu, "
                   "adapters %zu %zu %zu %zu %zu * %g%s from block %zu, kernels %zu %zu %zu and "
                   "%zu %zu %zu, %zu prompts in %zu blocks, %s, %s, %s",
                   dp_method_name(s->method), s->image, s->patch, s->width, s->heads, s->blocks,
                   s->mlp, s->features, s->hidden, s->classes, s->grid, s->frames, s->spatial,
                   s->bottleneck[0], s->bottleneck[1], s->bottleneck[2], s->bottleneck[3],
                   s->bottleneck[4], (double)s->scale, s->skip ? " with skip" : "", s->first_block,
                   k[0], k[1], k[2], l[0], l[1], l[2], s->prompts, s->prompt_blocks,
                   has_two_paths(s) ? s->position : "one path", s->activation,
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

/* What the shapes of all methods have. */
static void choose_sizes(shape *s) {
    static const char *const activations[] = {"quick_gelu", "gelu", "relu"};
    s->activation = activations[random_below(3)];
    s->adapter_activation = activations[random_below(3)];
    s->heads = random_size(1, 3);
    s->width = s->heads * random_size(8, 14);
    s->blocks = random_size(1, 3);
    s->mlp = random_mlp();
    s->features = random_below(3) ? random_size(1, 40) : 0;
    s->classes = random_below(4) ? random_size(1, 8) : 0;
    s->patch_bias = random_below(2) != 0;
    s->pre_norm = random_below(2) != 0;
    s->scale = random_below(2) ? 1 : random_float();
}

static size_t random_bottleneck(const shape *s) {
    return random_size(1, 4 * s->width / 3);
}

static void choose_two_paths(shape *s) {
    static const size_t grids[] = {1, 2, 3, 4};
    static const char *const positions[] = {"sincos-time", "sincos-3d", "table"};
    s->position = positions[random_below(3)];
    s->grid = grids[random_below(COUNT(grids))];
    s->patch = random_size(1, 5);
    s->image = s->patch * s->grid * random_size(1, s->grid > 2 ? 1 : 3);
    s->frames = s->grid * s->grid * random_size(1, 3);
    s->spatial = random_divisor(s->frames);
    s->hidden = random_size(1, 30);
    if (strcmp(s->position, "sincos-3d") == 0) {
        s->width = 16 * s->heads;
    } else if (strcmp(s->position, "sincos-time") == 0 && s->width % 2 != 0) {
        s->width += s->heads; /* odd as well */
    }
    for (size_t site = 0; site < 5; site++) {
        s->bottleneck[site] = random_below(3) ? random_bottleneck(s) : 0;
    }
    s->grid_table = strcmp(s->position, "sincos-time") == 0 && random_below(2);
    s->skip = random_below(2) != 0;
}

static void choose_convolutions(shape *s) {
    unsigned sites = 1 + random_below(3); /* as bits */
    s->first_block = random_size(0, s->blocks - 1);
    for (size_t which = 0; which < 2; which++) {
        s->bottleneck[which] = (sites >> which & 1) != 0 ? random_bottleneck(s) : 0;
        for (size_t axis = 0; axis < 3; axis++) {
            size_t half = random_below(4) ? random_size(0, 2) : random_size(3, 7);
            s->kernel[which][axis] = 2 * half + 1;
        }
    }
}

static void choose_one_path(shape *s) {
    s->patch = random_size(1, 5);
    s->image = s->patch * random_size(1, 5);
    s->frames = s->spatial = random_size(1, 9);
    if (s->method == DP_METHOD_AIM) {
        for (size_t site = 0; site < 4; site++) {
            s->bottleneck[site] = site > 0 || random_below(2) ? random_bottleneck(s) : 0;
        }
    } else if (s->method == DP_METHOD_ST_ADAPTER) {
        choose_convolutions(s);
    } else if (s->method == DP_METHOD_VPT) {
        s->prompts = random_size(1, 12);
        s->prompt_blocks = random_below(2) ? s->blocks : 1;
    } else if (s->method == DP_METHOD_ADAPTFORMER) {
        s->bottleneck[0] = random_bottleneck(s);
    }
}

static shape random_shape(dp_method method) {
    shape s = {.method = method};
    choose_sizes(&s);
    if (has_two_paths(&s)) {
        choose_two_paths(&s);
    } else {
        choose_one_path(&s);
    }
    return s;
}

/* The methods that have something of their own in a block. */
static const dp_method other_methods[] = {DP_METHOD_AIM, DP_METHOD_ST_ADAPTER, DP_METHOD_VPT,
                                          DP_METHOD_ADAPTFORMER, DP_METHOD_PROBE};

/* The index-th shape of this seed. */
static shape random_shape_at(int index, bool two_paths) {
    shape s = random_shape(two_paths ? DP_METHOD_DUALPATH : other_methods[0]);
    for (int i = 1; i <= index; i++) {
        s = random_shape(two_paths ? DP_METHOD_DUALPATH
                                   : other_methods[(size_t)i % COUNT(other_methods)]);
    }
    return s;
}

static dp_model_options options_of(uint32_t cpu_mask, bool unfused) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.cpu_mask = cpu_mask;
    options.unfused = unfused;
    return options;
}

/* A compiled file of a model; NULL where there is none: compiled files are for little-endian
 * machines, fused, and for a target. */
static uint8_t *compile(const dp_model *model, bool fused, size_t *size) {
    if (!fused || !dpi_is_little_endian() || info_of(model).target == DP_TARGET_NATIVE) {
        return NULL;
    }
    ck_assert_int_eq(dp_model_compile_memory(model, NULL, 0, size), DP_OK);
    uint8_t *bytes = malloc(*size);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_int_eq(dp_model_compile_memory(model, bytes, *size, size), DP_OK);
    return bytes;
}

/* It says the same of itself, and answers with the same bits. */
static void assert_compiled_alike(const shape *s, const recipe *r, const opened *o, const video *v,
                                  dp_model_options options, const answer *a) {
    size_t size = 0;
    opened compiled = {compile(o->model, options.unfused == 0, &size), NULL};
    if (compiled.bytes == NULL) {
        return;
    }
    dp_status status = dp_model_open_memory(compiled.bytes, size, &options, &compiled.model);
    ck_assert_msg(status == DP_OK, "%s", dp_last_message());
    assert_info(s, r, compiled.model, true);
    answer again = ask_as(compiled.model, v, 1, false);
    ck_assert_uint_eq(again.count, a->count);
    ck_assert_mem_eq(again.values, a->values, a->count * sizeof(float));
    close_opened(&compiled);
}

/* The formulas one by one in plain C, against every other way to compute them. */
static void assert_same_answers(const shape *s) {
    static const uint32_t masks[] = {0, DP_CPU_AVX2 | DP_CPU_NEON, DP_CPU_ALL};
    recipe r = make_recipe(s);
    char text[512];
    describe_shape(s, text, sizeof text);
    answer expected = {.count = 0};
    video v;
    make_video(&v, s);
    for (int form = 0; form < 6; form++) {
        dp_model_options options = options_of(masks[form / 2], form % 2 == 0);
        opened o = open_recipe(&r, &options);
        answer a = ask(o.model, &v, form % 3 + 1);
        expected = form == 0 ? a : expected;
        assert_info(s, &r, o.model, form % 2 != 0);
        double apart = distance(&expected, &a);
        ck_assert_msg(apart <= 1e-4, "form %d differs by %g: %s", form, apart, text);
        assert_compiled_alike(s, &r, &o, &v, options, &a);
        close_opened(&o);
    }
}

START_TEST(variants_answer_the_same_fused_or_not) {
    shape s = random_shape_at(_i, true);
    assert_same_answers(&s);
}
END_TEST

START_TEST(variants_with_one_path_answer_the_same_fused_or_not) {
    shape s = random_shape_at(_i, false);
    assert_same_answers(&s);
}
END_TEST

START_TEST(small_models_of_all_methods_answer_the_same_fused_or_not) {
    assert_same_answers(&method_shapes[_i]);
}
END_TEST

/* The narrowest adapters that there are: of methods that need them all, of DualPath at each site
 * alone and at all of them. */
START_TEST(adapters_of_methods_may_be_of_width_one) {
    shape s = method_shapes[_i];
    for (size_t i = 0; i < COUNT(s.bottleneck); i++) {
        s.bottleneck[i] = s.bottleneck[i] > 0;
    }
    s.prompts = s.prompts > 0;
    assert_same_answers(&s);
}
END_TEST

START_TEST(adapters_may_be_of_width_one) {
    for (size_t site = 0; site <= COUNT(released.bottleneck); site++) {
        shape s = released;
        for (size_t i = 0; i < COUNT(s.bottleneck); i++) {
            s.bottleneck[i] = i == site || site == COUNT(s.bottleneck);
        }
        assert_same_answers(&s);
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
                          "%s with mask %#x differs by %g: %s",
                          dp_precision_name(info_of(o.model).precision), masks[i], apart, text);
            close_opened(&o);
        }
    }
}

static void assert_all_precisions(const shape *s) {
    recipe r = make_recipe(s);
    char text[512];
    describe_shape(s, text, sizeof text);
    video v;
    make_video(&v, s);
    assert_precisions(&r, &v, 1, text);
}

START_TEST(variants_answer_nearly_the_same_in_every_precision) {
    shape s = random_shape_at(_i, true);
    assert_all_precisions(&s);
}
END_TEST

START_TEST(variants_with_one_path_answer_nearly_the_same_in_every_precision) {
    shape s = random_shape_at(_i, false);
    assert_all_precisions(&s);
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

/* What a model of bytes has its attention with: the GEMM of its blocks, or one of floats. */
static void assert_attention_of_bytes(const recipe *r, bool few_tokens) {
    dp_model_options options = options_of(DP_CPU_ALL, false);
    options.precision = DP_PRECISION_INT8;
    opened o = open_recipe(r, &options);
    const dpi_gemm *blocks = o.model->gemm, *attention = o.model->gemm_attention;
    bool own = few_tokens && blocks->attention.tokens_of_bytes > 0;
    ck_assert(own ? attention == blocks : attention->layout.precision != DP_PRECISION_INT8);
    close_opened(&o);
}

START_TEST(attention_may_have_too_many_tokens_for_bytes) {
    shape s = released;
    recipe few = make_recipe(&s);
    assert_attention_of_bytes(&few, true);
    s.image = 68, s.patch = 2; /* 1,157 tokens */
    s.frames = 4, s.spatial = 1, s.width = 8, s.heads = 1;
    recipe r = make_recipe(&s);
    video v;
    make_video(&v, &s);
    assert_attention_of_bytes(&r, false);
    assert_precisions(&r, &v, unless_brief(1, 5), "1,157 tokens");
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

/* A compiled file says which type its canonical file had. */
static void assert_compiled_type(const dp_model *model, const char *name) {
    size_t size = 0;
    dp_model *compiled = NULL;
    uint8_t *bytes = compile(model, true, &size);
    dp_status status = dp_model_open_memory(bytes, size, NULL, &compiled);
    ck_assert_msg(status == DP_OK, "%s", dp_last_message());
    ck_assert_str_eq(info_of(compiled).file_type, name);
    dp_model_close(compiled);
    free(bytes);
}

typedef struct type_row {
    uint32_t type;
    const char *name;
} type_row;

static const type_row type_table[] = {{GGUF_TENSOR_F32, "f32"},
                                      {GGUF_TENSOR_F16, "f16"},
                                      {GGUF_TENSOR_BF16, "bf16"},
                                      {GGUF_TENSOR_Q8_0, "q8_0"}};

/* Kernels have too few columns for blocks of bytes. */
static void set_types(recipe *r, uint32_t type) {
    for (size_t t = 0; t < r->tensor_count; t++) {
        tensor *changed = &r->tensors[t];
        bool kernel = changed->behind[0] > 0 && type == GGUF_TENSOR_Q8_0;
        changed->type = changed->rows > 0 && !kernel ? type : GGUF_TENSOR_F32;
    }
}

/* All widths are multiples of 32. */
static shape shape_of_blocks(size_t index) {
    shape s = method_shapes[index];
    s.patch = 8, s.mlp = 64, s.features = 64, s.hidden = 32;
    for (size_t i = 0; i < 5; i++) {
        s.bottleneck[i] = s.bottleneck[i] > 0 ? 32 : 0;
    }
    return s;
}

/* All types of tensors hold the same values here: the answers have the same bits. */
START_TEST(types_answer_the_same) {
    shape s = shape_of_blocks((size_t)_i);
    recipe r = make_recipe(&s);
    answer expected = {.count = 0};
    video v;
    make_video(&v, &s);
    for (size_t i = 0; i < COUNT(type_table); i++) {
        set_types(&r, type_table[i].type);
        opened o = open_recipe(&r, NULL);
        answer a = ask(o.model, &v, 1);
        expected = i == 0 ? a : expected;
        ck_assert_mem_eq(a.values, expected.values, a.count * sizeof(float));
        ck_assert_str_eq(info_of(o.model).file_type, type_table[i].name);
        close_opened(&o);
    }
    find_tensor(&r, "block.1.mlp.up.weight")->type = GGUF_TENSOR_F16;
    opened o = open_recipe(&r, NULL);
    ck_assert_str_eq(info_of(o.model).file_type, "mixed");
    if (dpi_is_little_endian()) {
        assert_compiled_type(o.model, "mixed");
    }
    close_opened(&o);
}
END_TEST

/* Keys that have a default may be left out, and mean the same then. */
START_TEST(defaults_are_those_of_the_format) {
    static const char *const keys[] = {"dualpath.attention.layer_norm_epsilon",
                                       "dualpath.activation",
                                       "dualpath.adapter.activation",
                                       "dualpath.adapter.scale",
                                       "dualpath.adapter.serial_skip",
                                       "dualpath.position.kind",
                                       "dualpath.method"};
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

static Suite *variants_suite(void) {
    Suite *suite = suite_create("model_variants");
    TCase *info = add_case(suite, "info", 120, random_restart, NULL);
    tcase_add_test(info, macs_of_vit_b_16);

    TCase *variants = add_case(suite, "variants", 120, random_restart, NULL);
    tcase_add_loop_test(variants, variants_answer_the_same_fused_or_not, 0,
                        (int)unless_brief(150, 10));
    tcase_add_loop_test(variants, variants_with_one_path_answer_the_same_fused_or_not, 0,
                        (int)unless_brief(150, 10));
    tcase_add_loop_test(variants, small_models_of_all_methods_answer_the_same_fused_or_not, 0,
                        SHAPES);
    tcase_add_loop_test(variants, adapters_of_methods_may_be_of_width_one, 0, SHAPES);
    tcase_add_test(variants, adapters_may_be_of_width_one);
    tcase_add_loop_test(variants, variants_answer_nearly_the_same_in_every_precision, 0,
                        (int)unless_brief(100, 5));
    tcase_add_loop_test(variants, variants_with_one_path_answer_nearly_the_same_in_every_precision,
                        0, (int)unless_brief(100, 5));
    tcase_add_test(variants, patches_may_be_too_deep_for_bytes);
    tcase_add_test(variants, attention_may_have_too_many_tokens_for_bytes);
    tcase_add_test(variants, a_small_model_fits_a_small_machine);
    tcase_add_loop_test(variants, types_answer_the_same, 0, SHAPES);
    tcase_add_test(variants, defaults_are_those_of_the_format);
    tcase_add_test(variants, one_table_serves_both_paths);
    return suite;
}

int main(void) {
    random_seed("test_model_variants");
    return run_suite(variants_suite());
}
