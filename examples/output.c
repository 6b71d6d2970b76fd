/*
 * output.c - files that the program writes itself. The library has the code for that, but no call;
 * this is the only place where the program uses what is not in dualpath.h.
 */
#define _XOPEN_SOURCE 700 /* realpath() */
#include "output.h"

#include "cli.h"
#include "os/descriptor.h"
#include "os/new_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct output {
    const char *what;
    dpi_new_file file;
    dp_status status;
    dpi_message message; /* of the first failure */
};

output *output_begin(const char *what, const char *path) {
    output *o = calloc(1, sizeof *o);
    if (o == NULL) {
        complain(what, "out of memory");
        return NULL;
    }
    o->what = what;
    if (dpi_new_file_begin(path, NULL, &o->file, &o->message) != DP_OK) {
        complain(what, "%s", o->message.text);
        free(o);
        return NULL;
    }
    return o;
}

bool output_add(output *o, const void *bytes, size_t size) {
    dpi_sink sink = dpi_new_file_sink(&o->file);
    if (o->status == DP_OK) {
        o->status = sink.write(sink.user, bytes, size, &o->message);
    }
    return o->status == DP_OK;
}

bool output_end(output *o) {
    dp_status status = dpi_new_file_end(&o->file, o->status, &o->message);
    if (status != DP_OK) {
        complain(o->what, "%s", o->message.text);
    }
    free(o);
    return status == DP_OK;
}

void output_drop(output *o) {
    (void)dpi_new_file_end(&o->file, DP_ERR_CANCELLED, &o->message);
    free(o);
}

bool output_write(const char *what, const char *path, const void *bytes, size_t size) {
    output *o = output_begin(what, path);
    if (o == NULL) {
        return false;
    }
    (void)output_add(o, bytes, size);
    return output_end(o);
}

/* ---- text ---- */

static const char *escape_of(uint32_t character, const escape *escapes) {
    for (; escapes->character != '\0'; escapes++) {
        if (character == (unsigned char)escapes->character) {
            return escapes->text;
        }
    }
    return character == NOT_UTF8 ? "\xef\xbf\xbd" : is_control(character) ? " " : NULL;
}

bool output_add_line(output *o, const char *text, const escape *escapes) {
    bool done = true;
    while (done && *text != '\0') {
        const char *start = text;
        const char *instead = escape_of(next_character(&text), escapes);
        done = instead != NULL ? output_add(o, instead, strlen(instead))
                               : output_add(o, start, (size_t)(text - start));
    }
    return done;
}

/* ---- two names of one file ---- */

static bool lead_to_same(const char *a, const char *b) {
    char *real_a = realpath(a, NULL);
    char *real_b = realpath(b, NULL);
    bool same = real_a != NULL && real_b != NULL && strcmp(real_a, real_b) == 0;
    free(real_a);
    free(real_b);
    return same;
}

/* The folder that a path leads to, or NULL; the caller frees it. */
static char *folder_of(const char *path) {
    size_t length = dpi_folder_length(path);
    char *name = malloc(length + 2);
    if (name != NULL) {
        memcpy(name, path, length);
        memcpy(name + length, ".", 2);
    }
    return name;
}

/* Of files that are not there yet. */
static bool will_be_same(const char *a, const char *b) {
    char *folder_a = folder_of(a);
    char *folder_b = folder_of(b);
    bool same = folder_a != NULL && folder_b != NULL &&
                strcmp(a + dpi_folder_length(a), b + dpi_folder_length(b)) == 0 &&
                lead_to_same(folder_a, folder_b);
    free(folder_a);
    free(folder_b);
    return same;
}

/* Hard links are two names, each of which gets a file of its own. Devices and pipes can take what
 * two options write. */
static bool name_same(const char *a, const char *b) {
    struct stat about_a, about_b;
    bool there_a = stat(a, &about_a) == 0;
    bool there_b = stat(b, &about_b) == 0;
    if (there_a && there_b) {
        return S_ISREG(about_a.st_mode) && lead_to_same(a, b);
    }
    return !there_a && !there_b && will_be_same(a, b);
}

int outputs_check(const output_name *names, size_t count) {
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i && names[i].path != NULL; j++) {
            if (names[j].path != NULL && name_same(names[j].path, names[i].path)) {
                complain(names[i].option, "'%.300s' is the file of %s, too: each needs its own",
                         names[i].path, names[j].option);
                return STATUS_USAGE;
            }
        }
    }
    return STATUS_OK;
}
