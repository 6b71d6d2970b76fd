/*
 * text.c - messages, and text from files that is safe to show on a terminal.
 */
#include "cli.h"

#include <stdarg.h>

void print_text(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        putc(byte < 0x20 || byte == 0x7f ? '?' : byte, out);
    }
}

int text_width(const char *text) {
    int width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
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
}
