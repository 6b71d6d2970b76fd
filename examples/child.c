/*
 * child.c - reads from all pipes of a program whichever has something.
 */
#include "child.h"

#include <stdlib.h>
#include <string.h>

int child_start(child *c, const char *const *arguments, bool has_bytes, const char *input,
                bool (*stopped)(void)) {
    *c = (child){.stopped = stopped};
    return process_start(&c->process, arguments, has_bytes, input);
}

/* ---- reading ---- */

static void read_lines(child *c) {
    if (c->text_capacity - c->text_size < 4096) {
        size_t capacity = 2 * c->text_capacity + 8192;
        char *text = realloc(c->text, capacity);
        if (text == NULL) {
            process_kill(c->process);
            return;
        }
        c->text = text;
        c->text_capacity = capacity;
    }
    c->text_size += process_read(c->process, PROCESS_LINES, c->text + c->text_size,
                                 c->text_capacity - c->text_size);
}

/* Keeps the last line that is not empty. */
static void read_error(child *c) {
    char text[1024];
    size_t size = process_read(c->process, PROCESS_ERROR, text, sizeof text);
    for (size_t i = 0; i < size; i++) {
        bool ends = text[i] == '\n' || text[i] == '\r';
        if (ends && c->next_error_size > 0) {
            c->next_error[c->next_error_size] = '\0';
            memcpy(c->last_error, c->next_error, sizeof c->last_error);
            c->next_error_size = 0;
        } else if (!ends && c->next_error_size < sizeof c->next_error - 1) {
            c->next_error[c->next_error_size++] = text[i];
        }
    }
}

#define LOOKS_EVERY_MS 200 /* whether it was stopped */

/* Waits until one of the pipes has something, and takes it: bytes, if they are asked for. */
static size_t take_something(child *c, uint8_t *bytes, size_t size) {
    unsigned asked = 1U << PROCESS_LINES | 1U << PROCESS_ERROR;
    asked |= size > 0 ? 1U << PROCESS_BYTES : 0;
    unsigned ready = process_wait(c->process, asked, LOOKS_EVERY_MS);
    size_t got = 0;
    if (c->stopped != NULL && c->stopped()) {
        process_kill(c->process);
        return 0;
    }
    if ((ready & 1U << PROCESS_BYTES) != 0) {
        got = process_read(c->process, PROCESS_BYTES, bytes, size);
    }
    if ((ready & 1U << PROCESS_LINES) != 0) {
        read_lines(c);
    }
    if ((ready & 1U << PROCESS_ERROR) != 0 && process_has(c->process, PROCESS_ERROR)) {
        read_error(c);
    }
    return got;
}

size_t child_read(child *c, uint8_t *bytes, size_t size) {
    size_t got = 0;
    while (got < size && process_has(c->process, PROCESS_BYTES)) {
        got += take_something(c, bytes + got, size - got);
    }
    return got;
}

bool child_line(child *c, char *line, size_t size) {
    const char *end = NULL;
    size_t searched = 0;
    for (;;) {
        end = c->text_size > searched ? memchr(c->text + searched, '\n', c->text_size - searched)
                                      : NULL;
        if (end != NULL || !process_has(c->process, PROCESS_LINES)) {
            break;
        }
        searched = c->text_size;
        (void)take_something(c, NULL, 0);
    }
    if (end == NULL) {
        return false;
    }
    size_t length = (size_t)(end - c->text);
    size_t copied = length < size ? length : size - 1;
    memcpy(line, c->text, copied);
    line[copied] = '\0';
    c->text_size -= length + 1;
    memmove(c->text, end + 1, c->text_size);
    return true;
}

/* ---- the end ---- */

static bool end_process(child *c, bool killed) {
    process *p = c->process;
    if (killed) {
        process_kill(p);
    }
    process_close(p, PROCESS_BYTES);
    process_close(p, PROCESS_LINES);
    while (process_has(p, PROCESS_ERROR)) {
        (void)take_something(c, NULL, 0);
    }
    return process_end(p);
}

bool child_end(child *c, bool killed) {
    bool ended_well = c->process != NULL && end_process(c, killed);
    c->process = NULL;
    free(c->text);
    c->text = NULL;
    c->text_size = c->text_capacity = 0;
    return ended_well;
}
