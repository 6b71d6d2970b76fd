/*
 * frames_npy.c - a NumPy .npy file of bytes, [frames][height][width][3].
 *
 * A file is a magic, a version, the length of a header and the header: a Python dictionary in one
 * line, of which just the three keys that NumPy writes are understood. The array follows.
 */
#include "frames.h"

#include <string.h>

#define MAX_HEADER 10000 /* NumPy's own bound */
#define DIMENSIONS 4

typedef struct npy_header {
    bool has_type, has_order, has_shape;
    uint64_t shape[DIMENSIONS];
} npy_header;

/* A place in the header's text. `text` ends with a NUL. */
typedef struct cursor {
    frame_list *list; /* gets the message */
    const char *text;
} cursor;

static bool malformed(cursor *at) {
    return frame_list_fail(at->list, "the NumPy header is malformed at '%.20s'", at->text);
}

/* Skips spaces and then `token`, if it is there. */
static bool accept_token(cursor *at, const char *token) {
    at->text += strspn(at->text, " \t\n");
    size_t length = strlen(token);
    bool there = strncmp(at->text, token, length) == 0;
    at->text += there ? length : 0;
    return there;
}

/* A quoted string without escapes, which is all that NumPy writes here. */
static bool read_string(cursor *at, char *string, size_t size) {
    char quote[2] = {accept_token(at, "'") ? '\'' : accept_token(at, "\"") ? '"' : '\0', '\0'};
    size_t length = strcspn(at->text, quote);
    if (quote[0] == '\0' || at->text[length] == '\0' || length >= size) {
        return malformed(at);
    }
    memcpy(string, at->text, length);
    string[length] = '\0';
    at->text += length + 1;
    return true;
}

static bool read_number(cursor *at, uint64_t *number) {
    at->text += strspn(at->text, " \t\n");
    size_t length = strspn(at->text, "0123456789");
    if (length == 0 || length > 15) {
        return malformed(at);
    }
    *number = 0;
    for (size_t i = 0; i < length; i++) {
        *number = *number * 10 + (uint64_t)(at->text[i] - '0');
    }
    at->text += length;
    return true;
}

static bool read_type(cursor *at) {
    char type[32];
    if (!read_string(at, type, sizeof type)) {
        return false;
    }
    size_t order = strspn(type, "|<>=") > 0 ? 1 : 0; /* of bytes; one byte has none: any will do */
    return strcmp(type + order, "u1") == 0 ||
           frame_list_fail(at->list, "the array is of type '%s'; bytes, '|u1', are needed", type);
}

static bool read_order(cursor *at) {
    if (accept_token(at, "True")) {
        return frame_list_fail(at->list, "the array is in Fortran order; C order is needed");
    }
    return accept_token(at, "False") || malformed(at);
}

static bool read_shape(cursor *at, npy_header *header) {
    size_t count = 0;
    if (!accept_token(at, "(")) {
        return malformed(at);
    }
    while (!accept_token(at, ")")) {
        uint64_t extra = 0;
        if (!read_number(at, count < DIMENSIONS ? &header->shape[count] : &extra)) {
            return false;
        }
        count++;
        if (*at->text == 'L') { /* a long integer of Python 2 */
            at->text++;
        }
        if (!accept_token(at, ",") && *at->text != ')') {
            return malformed(at);
        }
    }
    if (count != DIMENSIONS || header->shape[3] != 3) {
        return frame_list_fail(at->list,
                               "an array of %zu dimensions%s; [frames][height][width][3] "
                               "is needed",
                               count, count == DIMENSIONS ? ", the last of them not 3" : "");
    }
    return true;
}

/* One `key: value` of the dictionary. A key that comes twice is malformed, as for NumPy. */
static bool read_entry(cursor *at, npy_header *header) {
    char key[32];
    if (!read_string(at, key, sizeof key)) {
        return false;
    }
    if (!accept_token(at, ":")) {
        return malformed(at);
    }
    at->text += strspn(at->text, " \t\n");
    if (strcmp(key, "descr") == 0 && !header->has_type) {
        header->has_type = true;
        return read_type(at);
    }
    if (strcmp(key, "fortran_order") == 0 && !header->has_order) {
        header->has_order = true;
        return read_order(at);
    }
    if (strcmp(key, "shape") == 0 && !header->has_shape) {
        header->has_shape = true;
        return read_shape(at, header);
    }
    return malformed(at);
}

static bool parse_header(frame_list *list, const char *text, npy_header *header) {
    cursor at = {list, text};
    if (!accept_token(&at, "{")) {
        return malformed(&at);
    }
    while (!accept_token(&at, "}")) {
        if (!read_entry(&at, header)) {
            return false;
        }
        if (!accept_token(&at, ",") && *at.text != '}') {
            return malformed(&at);
        }
    }
    if (!header->has_type || !header->has_order || !header->has_shape) {
        return frame_list_fail(list, "the NumPy header lacks descr, fortran_order or shape");
    }
    return true;
}

/* Reads magic, version and length, and the header's text with a NUL behind it. */
static bool read_header_text(frame_list *list, FILE *file, char text[MAX_HEADER + 1]) {
    uint8_t start[12] = {0};
    if (fread(start, 1, 8, file) != 8 || memcmp(start, "\x93NUMPY", 6) != 0) {
        return frame_list_fail(list, "not a NumPy file");
    }
    if (start[6] < 1 || start[6] > 3 || start[7] != 0) {
        return frame_list_fail(list, "a NumPy file of version %d.%d; 1.0 to 3.0 are known",
                               start[6], start[7]);
    }
    size_t length_size = start[6] == 1 ? 2 : 4;
    bool complete = fread(start + 8, 1, length_size, file) == length_size;
    uint32_t length =
        start[8] | (uint32_t)start[9] << 8 | (uint32_t)start[10] << 16 | (uint32_t)start[11] << 24;
    if (length > MAX_HEADER) {
        return frame_list_fail(list, "a NumPy header of %lu bytes; at most %d are accepted",
                               (unsigned long)length, MAX_HEADER);
    }
    if (!complete || fread(text, 1, length, file) != length) {
        return frame_list_fail(list, "the NumPy header is cut short");
    }
    text[length] = '\0';
    return true;
}

bool frames_read_npy(frame_list *list, FILE *file) {
    char text[MAX_HEADER + 1];
    npy_header header = {0};
    if (!read_header_text(list, file, text) || !parse_header(list, text, &header)) {
        return false;
    }
    if (header.shape[1] > DP_MAX_FRAME_SIDE || header.shape[2] > DP_MAX_FRAME_SIDE) {
        return frame_list_fail(list, "frames of more than %d pixels a side", DP_MAX_FRAME_SIDE);
    }
    dp_frame shape = {.width = (int32_t)header.shape[2],
                      .height = (int32_t)header.shape[1],
                      .format = DP_FORMAT_RGB24};
    if (!frame_list_expect(list, &shape, (size_t)header.shape[0])) {
        return false;
    }
    for (uint64_t i = 0; i < header.shape[0]; i++) {
        if (!frame_list_read(list, file, &shape)) {
            return false;
        }
    }
    if (!stream_ended(file)) {
        return frame_list_fail(list, "goes on after the array; one array a file is needed");
    }
    return frame_list_finish(list, file);
}
