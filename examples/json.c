/*
 * json.c - writes JSON: correct strings whatever a file holds, numbers that read back exactly.
 */
#include "cli.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void begin_value(json *j) {
    if (j->comma) {
        fputs(", ", j->out);
    }
    j->comma = true;
}

void json_open(json *j, char bracket) {
    begin_value(j);
    putc(bracket, j->out);
    j->comma = false;
}

void json_close(json *j, char bracket) {
    putc(bracket, j->out);
    j->comma = true;
}

/* The length of the UTF-8 sequence at `s`, which ends with a NUL; 0 if it is not one. Overlong
 * forms, surrogates and what lies beyond U+10FFFF are none. */
static size_t utf8_length(const unsigned char *s) {
    static const unsigned long smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (length < 2) {
        return length;
    }
    unsigned long point = s[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (s[i] & 0x3fU);
    }
    bool surrogate = point >= 0xd800 && point < 0xe000;
    bool valid = s[0] < 0xf8 && point >= smallest[length] && point <= 0x10ffff && !surrogate;
    return valid ? length : 0;
}

/* Escapes quotes, backslashes and control characters; what is not UTF-8 becomes U+FFFD. */
static void write_string(FILE *out, const char *text) {
    const unsigned char *s = (const unsigned char *)text;
    putc('"', out);
    while (*s != '\0') {
        size_t length = utf8_length(s);
        if (length == 0) {
            fputs("\\ufffd", out);
        } else if (*s == '"' || *s == '\\') {
            fprintf(out, "\\%c", *s);
        } else if (*s < 0x20 || *s == 0x7f) {
            fprintf(out, "\\u%04x", *s);
        } else {
            fwrite(s, 1, length, out);
        }
        s += length == 0 ? 1 : length;
    }
    putc('"', out);
}

void json_key(json *j, const char *key) {
    begin_value(j);
    write_string(j->out, key);
    fputs(": ", j->out);
    j->comma = false;
}

void json_string(json *j, const char *text) {
    begin_value(j);
    write_string(j->out, text);
}

void json_integer(json *j, int64_t value) {
    begin_value(j);
    fprintf(j->out, "%" PRId64, value);
}

void json_number(json *j, double value) {
    begin_value(j);
    if (isfinite(value)) {
        fprintf(j->out, "%.9g", value);
    } else {
        fputs("null", j->out);
    }
}

void json_numbers(json *j, const float *values, int32_t count) {
    if (values == NULL) {
        begin_value(j);
        fputs("null", j->out);
        return;
    }
    json_open(j, '[');
    for (int32_t i = 0; i < count; i++) {
        json_number(j, (double)values[i]);
    }
    json_close(j, ']');
}

void json_labels(json *j, const dp_model *model, int32_t classes) {
    json_open(j, '[');
    for (int32_t i = 0; i < classes; i++) {
        json_string(j, dp_model_label(model, i));
    }
    json_close(j, ']');
}
