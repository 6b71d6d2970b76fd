/*
 * text.c - messages, and text from files that is safe to show on a terminal.
 */
#include "cli.h"

#include <stdarg.h>

/* Overlong forms, surrogates and what lies beyond U+10FFFF are no characters. */
uint32_t next_character(const char **text) {
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)*text;
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    uint32_t point = length < 2 ? s[0] : s[0] & (0x7fU >> length);
    bool valid = length > 0 && s[0] < 0xf8;
    for (size_t i = 1; valid && i < length; i++) {
        valid = (s[i] & 0xc0) == 0x80;
        point = point << 6 | (s[i] & 0x3fU);
    }
    bool surrogate = point >= 0xd800 && point < 0xe000;
    valid = valid && point >= smallest[length] && point <= 0x10ffff && !surrogate;
    *text += valid ? length : 1;
    return valid ? point : NOT_UTF8;
}

/* C0, DEL and C1; what turns the direction of text; separators of lines and paragraphs. */
bool is_control(uint32_t character) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},
                  {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

void print_text(FILE *out, const char *text) {
    while (*text != '\0') {
        const char *start = text;
        uint32_t character = next_character(&text);
        if (character == NOT_UTF8 || is_control(character)) {
            putc('?', out);
        } else {
            fwrite(start, 1, (size_t)(text - start), out);
        }
    }
}

void print_label(FILE *out, const dp_prediction *p) {
    if (p->label[0] != '\0') {
        print_text(out, p->label);
    } else {
        fprintf(out, "class %d", p->index);
    }
}

int text_width(const char *text) {
    int width = 0;
    while (*text != '\0') {
        (void)next_character(&text);
        width++;
    }
    return width;
}

void complain(const char *subject, const char *format, ...) {
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    fputs("dualpath: ", stderr);
    print_text(stderr, subject);
    fputs(": ", stderr);
    print_text(stderr, sentence);
    putc('\n', stderr);
    fflush(stderr); /* Windows has a buffer for it (windows/terminal.c) */
}
