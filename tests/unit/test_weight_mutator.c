/*
 * The mutator of the fuzzers (tests/support): what it takes apart it puts together again, and what
 * it mutates is sometimes a sound model and sometimes not. Otherwise fuzzers would try little.
 */
#include "api_support.h"
#include "suite.h"
#include "weight_file.h"
#include "weight_mutator.h"

#include <check.h>

#define MAX_SIZE ((size_t)1 << 18)
#define TRIES 200

static const char *const goldens[] = {
    SMALL_MODEL, FEATURES_MODEL,    "table-f16.gguf", "quantised-q8_0.gguf", AIM_MODEL, ST_MODEL,
    VPT_MODEL,   ADAPTFORMER_MODEL, PROBE_MODEL};

START_TEST(a_file_is_put_together_as_it_was) {
    static weight_file file;
    size_t size;
    size_t made_size;
    uint8_t *bytes = read_golden(goldens[_i], &size);
    ck_assert(weight_file_parse(&file, bytes, size));
    ck_assert(file.has_crcs);
    uint8_t *made = weight_file_write(&file, &made_size);
    dp_status status = dp_model_verify_memory(made, made_size, NULL);
    ck_assert_msg(status == DP_OK, "%s", dp_last_message());
    dp_model *model = NULL;
    status = dp_model_open_memory(made, made_size, NULL, &model);
    ck_assert_msg(status == DP_OK, "%s", dp_last_message());
    dp_model_close(model);
    free(made);
    free(bytes);
}
END_TEST

/* Whether a mutation of a golden model opens. */
static bool mutate_and_open(const char *name, uint32_t seed) {
    static uint8_t mutated[MAX_SIZE];
    size_t size;
    uint8_t *bytes = read_golden(name, &size);
    memcpy(mutated, bytes, size);
    free(bytes);
    dp_model *model = NULL;
    size_t made = weight_mutate(mutated, size, MAX_SIZE, seed);
    dp_status status = made > 0 ? dp_model_open_memory(mutated, made, NULL, &model) : DP_ERR_FORMAT;
    dp_model_close(model);
    return status == DP_OK;
}

START_TEST(mutations_are_sound_and_unsound) {
    int sound = 0;
    for (int i = 0; i < TRIES; i++) {
        sound += mutate_and_open(goldens[_i], random_below(UINT32_MAX));
    }
    ck_assert_int_gt(sound, TRIES / 8);
    ck_assert_int_lt(sound, TRIES - TRIES / 8);
}
END_TEST

START_TEST(parts_of_two_files_become_one) {
    static uint8_t out[MAX_SIZE];
    static weight_file file;
    size_t sizes[2];
    uint8_t *first = read_golden(SMALL_MODEL, &sizes[0]);
    uint8_t *second = read_golden(FEATURES_MODEL, &sizes[1]);
    size_t made = weight_cross(first, sizes[0], second, sizes[1], out, MAX_SIZE, 1);
    ck_assert_uint_gt(made, 0);
    ck_assert(weight_file_parse(&file, out, made));
    ck_assert_uint_eq(weight_cross(first, 100, second, sizes[1], out, MAX_SIZE, 1), 0);
    free(first);
    free(second);
}
END_TEST

static Suite *mutator_suite(void) {
    Suite *suite = suite_create("weight_mutator");
    TCase *mutator = add_case(suite, "mutator", 120, random_restart, NULL);
    tcase_add_loop_test(mutator, a_file_is_put_together_as_it_was, 0, (int)COUNT(goldens));
    tcase_add_loop_test(mutator, mutations_are_sound_and_unsound, 0, (int)COUNT(goldens));
    tcase_add_test(mutator, parts_of_two_files_become_one);
    return suite;
}

int main(void) {
    random_seed("test_weight_mutator");
    return run_suite(mutator_suite());
}
