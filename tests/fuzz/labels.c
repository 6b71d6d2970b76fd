/*
 * Text from weight files, such as labels, on its way out: for a terminal, and as JSON. The input is
 * the text. A terminal gets UTF-8 without control characters, as wide as was said; JSON is one
 * string of UTF-8, in which quotes, backslashes and control characters are escaped.
 */
#define _POSIX_C_SOURCE 200809L /* open_memstream() */
#include "../examples/cli.h"
#include "fuzz.h"

#include <string.h>

typedef struct written {
    char *text;
    size_t size;
    FILE *out;
} written;

static void begin(written *to) {
    to->out = open_memstream(&to->text, &to->size);
    fuzz_require(to->out != NULL, "no memory", "");
}

static void end(written *to) {
    fuzz_require(fclose(to->out) == 0, "no memory", "");
}

static size_t utf8_length(const char *at) {
    unsigned char first = (unsigned char)*at;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < length; i++) {
        length = ((unsigned char)at[i] & 0xc0) == 0x80 ? length : 0;
    }
    return first > 0xf4 ? 0 : length;
}

/* C0, DEL and C1. */
static bool steers(const char *at) {
    unsigned char first = (unsigned char)at[0];
    return first < 0x20 || first == 0x7f || (first == 0xc2 && (unsigned char)at[1] < 0xa0);
}

static void check_printed(const char *text) {
    written to;
    begin(&to);
    print_text(to.out, text);
    end(&to);
    int width = 0;
    for (size_t at = 0; at < to.size; width++) {
        size_t length = utf8_length(to.text + at);
        fuzz_require(length > 0, "a text that is not UTF-8", "");
        fuzz_require(!steers(to.text + at), "a control character for a terminal", "");
        at += length;
    }
    fuzz_require(text_width(text) == width, "another width than what is printed", to.text);
    free(to.text);
}

/* The length of an escape; 0 for what is none. */
static size_t escape_length(const char *at) {
    return at[1] == '"' || at[1] == '\\'                             ? 2
           : at[1] == 'u' && strspn(at + 2, "0123456789abcdef") >= 4 ? 6
                                                                     : 0;
}

static void check_json(const char *text) {
    written to;
    begin(&to);
    json j = {.out = to.out};
    json_string(&j, text);
    end(&to);
    fuzz_require(to.size >= 2 && to.text[0] == '"' && to.text[to.size - 1] == '"', "no string",
                 to.text);
    size_t at = 1;
    while (at < to.size - 1) {
        unsigned char byte = (unsigned char)to.text[at];
        size_t length = byte == '\\' ? escape_length(to.text + at) : utf8_length(to.text + at);
        fuzz_require(byte >= 0x20 && byte != '"' && length > 0, "a string that is not JSON",
                     to.text);
        at += length;
    }
    fuzz_require(at == to.size - 1, "a string that ends too late", to.text);
    free(to.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    fuzz_require(text != NULL, "no memory", "");
    memcpy(text, data, size);
    text[size] = '\0';
    check_printed(text);
    check_json(text);
    free(text);
    return 0;
}
