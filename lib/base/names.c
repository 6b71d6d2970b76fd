/*
 * Names of the numbers in dualpath.h, in both directions. Each table begins with number 0. Tables
 * of characters, unlike tables of pointers, need no relocations.
 */
#include "dualpath.h"

#include <stddef.h>
#include <string.h>

#define UNKNOWN (-1) /* DP_ERR_UNKNOWN and its like */

typedef char number_name[20];

static const number_name status_names[] = {
    "DP_OK",         "DP_ERR_ARGUMENT",  "DP_ERR_MEMORY",      "DP_ERR_ARENA",
    "DP_ERR_IO",     "DP_ERR_FORMAT",    "DP_ERR_UNSUPPORTED", "DP_ERR_CHECKSUM",
    "DP_ERR_FRAME",  "DP_ERR_CANCELLED", "DP_ERR_NO_HEAD",     "DP_ERR_NUMERIC",
    "DP_ERR_THREAD", "DP_ERR_BACKBONE",
};
static const number_name precision_names[] = {"default", "f32", "bf16", "int8", "auto"};
static const number_name target_names[] = {"native", "plain", "rows", "avx2", "avx512", "neon"};
static const number_name sampling_names[] = {"model",  "first",    "uniform", "given",
                                             "center", "interval", "spread",  "segments"};
static const number_name full_names[] = {"refuse", "wait", "drop"};

#define COUNT(names) ((int32_t)(sizeof(names) / sizeof(names)[0]))

static int32_t find_name(const number_name *names, int32_t count, const char *name) {
    for (int32_t number = 0; name != NULL && number < count; number++) {
        if (strcmp(names[number], name) == 0) {
            return number;
        }
    }
    return UNKNOWN;
}

#define NAME_OF(names, number, unknown) \
    ((number) >= 0 && (number) < COUNT(names) ? (names)[number] : (unknown))

const char *dp_status_name(int32_t status) {
    return NAME_OF(status_names, status, "DP_ERR_UNKNOWN");
}

int32_t dp_status_from_name(const char *name) {
    return find_name(status_names, COUNT(status_names), name);
}

const char *dp_precision_name(int32_t precision) {
    return NAME_OF(precision_names, precision, "unknown");
}

int32_t dp_precision_from_name(const char *name) {
    return find_name(precision_names, COUNT(precision_names), name);
}

const char *dp_target_name(int32_t target) {
    return NAME_OF(target_names, target, "unknown");
}

int32_t dp_target_from_name(const char *name) {
    return find_name(target_names, COUNT(target_names), name);
}

const char *dp_sampling_name(int32_t sampling) {
    return NAME_OF(sampling_names, sampling, "unknown");
}

int32_t dp_sampling_from_name(const char *name) {
    return find_name(sampling_names, COUNT(sampling_names), name);
}

const char *dp_full_name(int32_t full) {
    return NAME_OF(full_names, full, "unknown");
}

int32_t dp_full_from_name(const char *name) {
    return find_name(full_names, COUNT(full_names), name);
}
