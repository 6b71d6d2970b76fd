/*
 * command_line.c - each argument in quotes: a backslash is itself, but those before a quote are
 * doubled, and a quote within the argument has one more before it.
 */
#include "command_line.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <errno.h>
#include <stdbool.h>

/* Characters of UTF-16 take at most three bytes each. */
#define LONGEST_TEXT (3 * COMMAND_LINE_SIZE)

typedef struct text {
    char bytes[LONGEST_TEXT];
    size_t size;
    bool fits;
} text;

static void add(text *t, char byte, size_t times) {
    t->fits = t->fits && times < sizeof t->bytes - t->size;
    for (; t->fits && times > 0; times--) {
        t->bytes[t->size++] = byte;
    }
}

static void add_argument(text *t, const char *argument) {
    size_t backslashes = 0;
    add(t, ' ', t->size > 0);
    add(t, '"', 1);
    for (; *argument != '\0'; argument++) {
        add(t, '\\', *argument == '"' ? backslashes + 1 : 0);
        add(t, *argument, 1);
        backslashes = *argument == '\\' ? backslashes + 1 : 0;
    }
    add(t, '\\', backslashes);
    add(t, '"', 1);
}

int command_line_write(wchar_t line[COMMAND_LINE_SIZE], const char *const *arguments) {
    text *t = malloc(sizeof *t);
    if (t == NULL) {
        return ENOMEM;
    }
    t->size = 0;
    t->fits = true;
    for (; *arguments != NULL; arguments++) {
        add_argument(t, *arguments);
    }
    add(t, '\0', 1);
    bool fits = t->fits;
    bool written = fits && MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, t->bytes, -1, line,
                                               COMMAND_LINE_SIZE) > 0;
    fits = fits && (written || GetLastError() != ERROR_INSUFFICIENT_BUFFER);
    free(t);
    return written ? 0 : fits ? EILSEQ : E2BIG;
}
