/*
 * Text from files: comparing it, and making it safe to print.
 */
#include "base/text.h"

#include "base/size.h"

#include <string.h>

dp_text dp_text_of(const char *string) {
    return (dp_text){string, strlen(string)};
}

bool dp_text_equals(dp_text text, const char *string) {
    return dp_text_compare(text, dp_text_of(string)) == 0;
}

bool dp_text_starts_with(dp_text text, const char *start) {
    size_t length = strlen(start);
    return text.length >= length && memcmp(text.bytes, start, length) == 0;
}

int dp_text_compare(dp_text a, dp_text b) {
    int order = memcmp(a.bytes, b.bytes, dp_size_min(a.length, b.length));
    if (order != 0) {
        return order;
    }
    return (a.length > b.length) - (a.length < b.length);
}

dp_printable dp_text_printable(dp_text text) {
    dp_printable printable;
    size_t count = dp_size_min(text.length, sizeof printable.text - 1);
    for (size_t i = 0; i < count; i++) {
        char c = text.bytes[i];
        printable.text[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    printable.text[count] = '\0';
    return printable;
}
