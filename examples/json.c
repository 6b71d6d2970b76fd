/*
 * json.c - writes JSON: correct strings whatever a file holds, numbers that read back exactly.
 */
#include "cli.h"

#include <inttypes.h>
#include <math.h>

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

/* Escapes quotes, backslashes and control characters; what is not UTF-8 becomes U+FFFD. */
static void write_string(FILE *out, const char *text) {
    putc('"', out);
    while (*text != '\0') {
        const char *start = text;
        uint32_t character = next_character(&text);
        if (character == NOT_UTF8) {
            fputs("\\ufffd", out);
        } else if (character == '"' || character == '\\') {
            fprintf(out, "\\%c", (char)character);
        } else if (is_control(character)) {
            fprintf(out, "\\u%04x", (unsigned)character);
        } else {
            fwrite(start, 1, (size_t)(text - start), out);
        }
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

void json_truth(json *j, bool value) {
    begin_value(j);
    fputs(value ? "true" : "false", j->out);
}

void json_null(json *j) {
    begin_value(j);
    fputs("null", j->out);
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
        json_null(j);
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

void json_predictions(json *j, const dp_prediction *top, int32_t count) {
    json_open(j, '[');
    for (int32_t i = 0; i < count; i++) {
        json_open(j, '{');
        json_key(j, "index");
        json_integer(j, top[i].index);
        json_key(j, "label");
        json_string(j, top[i].label);
        json_key(j, "probability");
        json_number(j, (double)top[i].probability);
        json_key(j, "logit");
        json_number(j, (double)top[i].logit);
        json_close(j, '}');
    }
    json_close(j, ']');
}
