/*
 * lib/model, the protocol of a model: what a file says is what dp_model_info says, of compiled
 * files as well, and what a clip does that leaves it to the model.
 */
#include "base/bytes.h"
#include "model_recipe.h"
#include "suite.h"

/* ---- what files say ---- */

typedef struct choice_row {
    const char *key, *value;
    size_t field; /* of dp_model_info: its name */
    const char *others;
} choice_row;

#define TEXT_FIELD(name) offsetof(dp_model_info, name)
#define SAMPLING 0 /* no text, but dp_model_info.sampling */

static const choice_row choice_table[] = {
    {"dualpath.sampling", "center", SAMPLING, "first, uniform, center, interval, spread, segments"},
    {"dualpath.sampling", "first", SAMPLING, "first"},
    {"dualpath.sampling", "uniform", SAMPLING, "uniform"},
    {"dualpath.sampling", "interval", SAMPLING, "interval"},
    {"dualpath.sampling", "spread", SAMPLING, "spread"},
    {"dualpath.sampling", "segments", SAMPLING, "segments"},
    {"dualpath.past_end", "repeat", TEXT_FIELD(past_end), "repeat, wrap"},
    {"dualpath.past_end", "wrap", TEXT_FIELD(past_end), "wrap"},
    {"dualpath.average", "logits", TEXT_FIELD(average), "logits, probabilities"},
    {"dualpath.average", "probabilities", TEXT_FIELD(average), "probabilities"},
    {"dualpath.resize.filter", "bilinear", TEXT_FIELD(resize_filter), "bilinear, bicubic"},
    {"dualpath.resize.filter", "bicubic", TEXT_FIELD(resize_filter), "bicubic"},
    {"dualpath.resize.long_side", "down", TEXT_FIELD(resize_long_side), "down, nearest"},
    {"dualpath.resize.long_side", "nearest", TEXT_FIELD(resize_long_side), "nearest"},
    {"dualpath.crop.offset", "half-even", TEXT_FIELD(crop_offset), "half-even, down"},
    {"dualpath.crop.offset", "down", TEXT_FIELD(crop_offset), "down"},
};

static const char *said_of(const dp_model_info *info, const choice_row *row) {
    return row->field == SAMPLING ? dp_sampling_name(info->sampling)
                                  : *(const char *const *)((const uint8_t *)info + row->field);
}

/* The model of a file that `model` is compiled to. */
static opened compile(const dp_model *model) {
    opened o = {0};
    size_t size = 0;
    ck_assert_int_eq(dp_model_compile_memory(model, NULL, 0, &size), DP_OK);
    o.bytes = aligned_alloc(64, (size + 63) / 64 * 64);
    ck_assert_ptr_nonnull(o.bytes);
    ck_assert_int_eq(dp_model_compile_memory(model, o.bytes, size, &size), DP_OK);
    ck_assert_int_eq(dp_model_open_memory(o.bytes, size, NULL, &o.model), DP_OK);
    return o;
}

START_TEST(choices_are_kept) {
    const choice_row *row = &choice_table[_i];
    recipe r = make_recipe(&released);
    find_entry(&r, row->key)->text = row->value;
    opened canonical = open_recipe(&r, NULL);
    dp_model_info of_canonical = info_of(canonical.model);
    ck_assert_str_eq(said_of(&of_canonical, row), row->value);
    if (dpi_is_little_endian()) { /* others do not compile */
        opened compiled = compile(canonical.model);
        dp_model_info of_compiled = info_of(compiled.model);
        ck_assert_str_eq(said_of(&of_compiled, row), row->value);
        close_opened(&compiled);
    }
    close_opened(&canonical);
}
END_TEST

START_TEST(other_choices_are_told_what_is_known) {
    const choice_row *row = &choice_table[_i];
    recipe r = make_recipe(&released);
    find_entry(&r, row->key)->text = "sometimes";
    assert_refused(&r, row->key);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "\"sometimes\" is not a known value"));
    ck_assert_ptr_nonnull(strstr(dp_last_message(), row->others));
}
END_TEST

typedef struct flag_row {
    const char *key;
    size_t field;
} flag_row;

static const flag_row flag_table[] = {
    {"dualpath.resize.antialias", offsetof(dp_model_info, resize_antialias)},
    {"dualpath.grid.antialias", offsetof(dp_model_info, grid_antialias)},
    {"dualpath.position.antialias", offsetof(dp_model_info, position_antialias)},
};

static int32_t flag_of(const dp_model *model, size_t field) {
    int32_t flag;
    dp_model_info info = info_of(model);
    memcpy(&flag, (const uint8_t *)&info + field, sizeof flag);
    return flag;
}

START_TEST(flags_are_kept) {
    const flag_row *row = &flag_table[_i];
    recipe r = make_recipe(&released);
    find_entry(&r, row->key)->number = 1;
    opened canonical = open_recipe(&r, NULL);
    ck_assert_int_eq(flag_of(canonical.model, row->field), 1);
    if (dpi_is_little_endian()) {
        opened compiled = compile(canonical.model);
        ck_assert_int_eq(flag_of(compiled.model, row->field), 1);
        close_opened(&compiled);
    }
    close_opened(&canonical);
}
END_TEST

/* The default of each key is what it is without the key. */
START_TEST(keys_that_are_absent_stand_for_dualpath) {
    recipe r = make_recipe(&released);
    size_t dropped = 0;
    for (size_t i = 0; i < COUNT(choice_table); i++) {
        bool first = i == 0 || strcmp(choice_table[i].key, choice_table[i - 1].key) != 0;
        if (first) {
            drop_entry(&r, choice_table[i].key);
            dropped++;
        }
    }
    drop_entry(&r, "dualpath.views");
    drop_entry(&r, "dualpath.crops");
    for (size_t i = 0; i < COUNT(flag_table); i++) {
        drop_entry(&r, flag_table[i].key);
    }
    ck_assert_uint_eq(dropped, 6);
    opened o = open_recipe(&r, NULL);
    dp_model_info info = info_of(o.model);
    ck_assert_int_eq(info.sampling, DP_SAMPLING_CENTER);
    ck_assert_str_eq(info.past_end, "repeat");
    ck_assert_str_eq(info.average, "logits");
    ck_assert_str_eq(info.resize_filter, "bilinear");
    ck_assert_str_eq(info.resize_long_side, "down");
    ck_assert_str_eq(info.crop_offset, "half-even");
    ck_assert(info.views == 1 && info.crops == 1);
    ck_assert(!info.resize_antialias && !info.grid_antialias && !info.position_antialias);
    close_opened(&o);
}
END_TEST

START_TEST(views_and_crops_are_kept) {
    recipe r = make_recipe(&released);
    find_entry(&r, "dualpath.views")->number = 3;
    find_entry(&r, "dualpath.crops")->number = 2;
    opened canonical = open_recipe(&r, NULL);
    dp_model_info of_canonical = info_of(canonical.model);
    ck_assert(of_canonical.views == 3 && of_canonical.crops == 2);
    if (dpi_is_little_endian()) {
        opened compiled = compile(canonical.model);
        dp_model_info of_compiled = info_of(compiled.model);
        ck_assert(of_compiled.views == 3 && of_compiled.crops == 2);
        close_opened(&compiled);
    }
    close_opened(&canonical);
    find_entry(&r, "dualpath.sampling")->text = "segments";
    assert_refused(&r, "dualpath.views: sampling in segments has one view, not 3");
}
END_TEST

/* ---- what clips do ---- */

/* T is 8, the rate of the file 3. */
static void assert_sampled(const dp_model *model, const dp_clip *clip, int32_t view,
                           const size_t expected[8]) {
    size_t indices[8];
    ck_assert_int_eq(dp_model_sample_view(model, clip, view, 8, indices), DP_OK);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(indices[i], expected[i]);
    }
}

START_TEST(clips_are_sampled_as_the_model_says) {
    /* interval: a = (40 - 24 + 1) / 2 = 8.5; spread: s = 40 - 22 = 18 */
    static const size_t of_model[8] = {12, 15, 18, 21, 24, 27, 30, 33};
    static const size_t of_clip[8] = {18, 21, 24, 27, 30, 33, 36, 39};
    static const size_t short_ones[8] = {0, 3, 6, 9, 2, 5, 8, 1};
    static const size_t segments[8] = {2, 7, 12, 17, 22, 26, 31, 36};
    recipe r = make_recipe(&released);
    find_entry(&r, "dualpath.sampling")->text = "interval";
    find_entry(&r, "dualpath.past_end")->text = "wrap";
    find_entry(&r, "dualpath.views")->number = 2;
    opened o = open_recipe(&r, NULL);
    dp_clip clip;
    dp_clip_default(&clip);
    clip.frame_count = 40;
    assert_sampled(o.model, &clip, 1, of_model);
    clip.sampling = DP_SAMPLING_SPREAD;
    assert_sampled(o.model, &clip, 1, of_clip);
    clip.frame_count = 10;
    assert_sampled(o.model, &clip, 1, short_ones);
    clip.frame_count = 40;
    clip.sampling = DP_SAMPLING_SEGMENTS;
    assert_sampled(o.model, &clip, 0, segments);
    close_opened(&o);
}
END_TEST

START_TEST(views_default_to_those_of_the_model) {
    size_t index;
    recipe r = make_recipe(&released);
    find_entry(&r, "dualpath.views")->number = 3;
    opened o = open_recipe(&r, NULL);
    dp_clip clip;
    dp_clip_default(&clip);
    clip.frame_count = 8;
    ck_assert_int_eq(dp_model_sample_view(o.model, &clip, 2, 1, &index), DP_OK);
    ck_assert_int_eq(dp_model_sample_view(o.model, &clip, 3, 1, &index), DP_ERR_ARGUMENT);
    clip.views = 4;
    ck_assert_int_eq(dp_model_sample_view(o.model, &clip, 3, 1, &index), DP_OK);
    clip.sampling = DP_SAMPLING_SEGMENTS;
    ck_assert_int_eq(dp_model_sample_view(o.model, &clip, 0, 1, &index), DP_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(dp_last_message(), "DP_SAMPLING_SEGMENTS has one view, not 4"));
    clip.views = 0;
    ck_assert_int_eq(dp_model_sample_view(o.model, &clip, 1, 1, &index), DP_ERR_ARGUMENT);
    clip.sampling = DP_SAMPLING_GIVEN;
    ck_assert_int_eq(dp_model_sample_view(o.model, &clip, 0, 1, &index), DP_OK);
    close_opened(&o);
}
END_TEST

START_TEST(words_say_the_protocol) {
    recipe r = make_recipe(&released);
    opened o = open_recipe(&r, NULL);
    ck_assert_str_eq(
        info_of(o.model).protocol,
        "A clip is seen in 1 view of 8 frames, 3 apart, around its middle, and in 1 crop; where it "
        "is too short, its last frame repeats. Frames are resized bilinearly without antialiasing, "
        "the long side rounded down, crop offsets rounded half to even; cells of "
        "framesets are shrunk without antialiasing, their frame indices without; the logits of "
        "views are averaged.");
    close_opened(&o);
    find_entry(&r, "dualpath.sampling")->text = "interval";
    find_entry(&r, "dualpath.past_end")->text = "wrap";
    find_entry(&r, "dualpath.views")->number = 3;
    find_entry(&r, "dualpath.crops")->number = 2;
    o = open_recipe(&r, NULL);
    const char *said = info_of(o.model).protocol;
    ck_assert_ptr_nonnull(strstr(said, "in 3 views of 8 frames, 3 apart, from the middles of"));
    ck_assert_ptr_nonnull(strstr(said, "and in 2 crops; where it is too short, it begins again."));
    close_opened(&o);
}
END_TEST

static Suite *protocol_suite(void) {
    Suite *suite = suite_create("model_protocol");
    TCase *files = add_case(suite, "files", 60, random_restart, NULL);
    tcase_add_loop_test(files, choices_are_kept, 0, (int)COUNT(choice_table));
    tcase_add_loop_test(files, other_choices_are_told_what_is_known, 0, (int)COUNT(choice_table));
    tcase_add_loop_test(files, flags_are_kept, 0, (int)COUNT(flag_table));
    tcase_add_test(files, keys_that_are_absent_stand_for_dualpath);
    tcase_add_test(files, views_and_crops_are_kept);
    tcase_add_test(files, words_say_the_protocol);
    TCase *clips = add_case(suite, "clips", 60, random_restart, NULL);
    tcase_add_test(clips, clips_are_sampled_as_the_model_says);
    tcase_add_test(clips, views_default_to_those_of_the_model);
    return suite;
}

int main(void) {
    random_seed("test_model_protocol");
    return run_suite(protocol_suite());
}
