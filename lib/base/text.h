/*
 * Text: numbers and strings printed into a buffer, and text from a file that cannot be trusted.
 */
#ifndef DP_TEXT_H
#define DP_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
#define DP_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define DP_PRINTF(text, first)
#endif

/* Prints at most size - 1 bytes and a terminating 0; returns the number of bytes before the 0.
 * Knows the formats of printf() that messages need. (format.c) */
size_t dp_print(char *text, size_t size, const char *format, ...) DP_PRINTF(3, 4);
size_t dp_print_list(char *text, size_t size, const char *format, va_list *arguments);

/* Text inside a file, not terminated. (text.c) */
typedef struct dp_text {
    const char *bytes;
    size_t length;
} dp_text;

/* The text of a C string. */
dp_text dp_text_of(const char *string);
bool dp_text_equals(dp_text text, const char *string);
bool dp_text_starts_with(dp_text text, const char *start);
/* Order of two texts, byte by byte; a text stands before those that it begins. */
int dp_text_compare(dp_text a, dp_text b);

/* Text made safe to print: at most 63 bytes; control and non-ASCII bytes become '?'. */
typedef struct dp_printable {
    char text[64];
} dp_printable;
dp_printable dp_text_printable(dp_text text);

/* A dp_text as the argument of a %s. */
#define DP_SHOW(value) dp_text_printable(value).text

#endif /* DP_TEXT_H */
