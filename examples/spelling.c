/*
 * spelling.c - the name that somebody may have meant.
 */
#include "cli.h"

#include <string.h>

#define MAX_NAME 32

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Characters that are inserted, removed or replaced between two names of up to MAX_NAME. */
static size_t distance_of(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t row[MAX_NAME + 1];
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
            corner = above;
        }
    }
    return row[b_length];
}

spelling spelling_of(const char *text) {
    size_t length = strcspn(text, "=");
    return (spelling){.text = text, .length = length, .distance = length < 7 ? 2 : 3};
}

void spelling_try(spelling *best, const char *name) {
    size_t length = strlen(name);
    if (best->length > MAX_NAME || length > MAX_NAME) {
        return;
    }
    size_t distance = distance_of(best->text, best->length, name, length);
    if (distance < best->distance) {
        best->distance = distance;
        best->name = name;
    }
}

const char *spelling_advice(spelling *best) {
    if (best->name == NULL) {
        return "--help lists them";
    }
    snprintf(best->advice, sizeof best->advice, "did you mean %s?", best->name);
    return best->advice;
}
