/*
 * file_names.c - lists a directory: frame2.png before frame10.png.
 */
#define _POSIX_C_SOURCE 200809L
#include "file_names.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void file_names_free(file_names *names) {
    for (size_t i = 0; i < names->count; i++) {
        free(names->names[i]);
    }
    free(names->names);
    *names = (file_names){0};
}

static bool add_name(file_names *names, const char *name) {
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 64 : names->capacity * 2;
        char **grown = realloc(names->names, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        names->names = grown;
        names->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return false;
    }
    names->names[names->count++] = copy;
    return true;
}

/* Compares two runs of digits by value and steps over them. */
static int compare_numbers(const char **a, const char **b) {
    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    size_t a_length = strspn(*a, "0123456789"), b_length = strspn(*b, "0123456789");
    if (a_length != b_length) {
        return a_length < b_length ? -1 : 1;
    }
    int order = strncmp(*a, *b, a_length);
    *a += a_length;
    *b += b_length;
    return order;
}

static int compare_names(const void *left, const void *right) {
    const char *a = *(char *const *)left, *b = *(char *const *)right;
    int order = 0;
    while (order == 0 && *a != '\0' && *b != '\0') {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            order = compare_numbers(&a, &b);
        } else {
            order = (unsigned char)*a++ - (unsigned char)*b++;
        }
    }
    if (order == 0) {
        order = (unsigned char)*a - (unsigned char)*b;
    }
    /* "1" and "01": any order will do, but always the same. */
    return order != 0 ? order : strcmp(*(char *const *)left, *(char *const *)right);
}

static bool has_suffix(const char *name, const char *const *suffixes) {
    size_t length = strlen(name);
    for (; *suffixes != NULL; suffixes++) {
        size_t suffix = strlen(*suffixes);
        if (name[0] != '.' && length > suffix &&
            strcasecmp(name + length - suffix, *suffixes) == 0) {
            return true;
        }
    }
    return false;
}

/* NULL at the end of a directory, with errno 0, and where it cannot be read. */
static const char *next_name(DIR *directory) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    return entry != NULL ? entry->d_name : NULL;
}

static bool add_names(file_names *names, frame_list *list, DIR *directory,
                      const char *const *suffixes) {
    const char *name = next_name(directory);
    for (; name != NULL; name = next_name(directory)) {
        if (has_suffix(name, suffixes) && !add_name(names, name)) {
            return frame_list_fail(list, "out of memory");
        }
    }
    return errno == 0 || frame_list_fail(list, "cannot read: %s", strerror(errno));
}

bool file_names_list(file_names *names, frame_list *list, const char *directory,
                     const char *const *suffixes) {
    *names = (file_names){0};
    DIR *open = opendir(directory);
    if (open == NULL) {
        return frame_list_fail(list, "cannot open: %s", strerror(errno));
    }
    bool done = add_names(names, list, open, suffixes);
    closedir(open);
    if (names->count > 0) {
        qsort(names->names, names->count, sizeof *names->names, compare_names);
    }
    return done;
}
