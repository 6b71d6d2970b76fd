/*
 * Text from files: comparing it, and making it safe to print.
 */
#include "base/text.h"

#include "base/size.h"

#include <string.h>

dpi_text dpi_text_of(const char *string) {
    return (dpi_text){string, strlen(string)};
}

bool dpi_text_equals(dpi_text text, const char *string) {
    return dpi_text_compare(text, dpi_text_of(string)) == 0;
}

bool dpi_text_contains(dpi_text text, const char *part) {
    size_t length = strlen(part);
    for (size_t i = 0; i + length <= text.length; i++) {
        if (memcmp(text.bytes + i, part, length) == 0) {
            return true;
        }
    }
    return false;
}

bool dpi_text_starts_with(dpi_text text, const char *start) {
    size_t length = strlen(start);
    return text.length >= length && memcmp(text.bytes, start, length) == 0;
}

int dpi_text_compare(dpi_text a, dpi_text b) {
    int order = memcmp(a.bytes, b.bytes, dpi_size_min(a.length, b.length));
    if (order != 0) {
        return order;
    }
    return (a.length > b.length) - (a.length < b.length);
}

dpi_printable dpi_text_printable(dpi_text text) {
    dpi_printable printable;
    size_t count = dpi_size_min(text.length, sizeof printable.text - 1);
    for (size_t i = 0; i < count; i++) {
        char c = text.bytes[i];
        printable.text[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    printable.text[count] = '\0';
    return printable;
}
