/*
 * Text: numbers and strings printed into a buffer, and text from a file that cannot be trusted.
 */
#ifndef DPI_TEXT_H
#define DPI_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__) && !defined(__clang__)
/* of the standard, which printf() of Windows is not */
#define DPI_PRINTF(text, first) __attribute__((format(gnu_printf, text, first)))
#elif defined(__GNUC__)
#define DPI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define DPI_PRINTF(text, first)
#endif

/* Prints at most size - 1 bytes and a terminating 0; returns the number of bytes before the 0.
 * Knows the formats of printf() that messages need. (format.c) */
size_t dpi_print(char *text, size_t size, const char *format, ...) DPI_PRINTF(3, 4);
size_t dpi_print_list(char *text, size_t size, const char *format, va_list *arguments);

/* Text inside a file, not terminated. (text.c) */
typedef struct dpi_text {
    const char *bytes;
    size_t length;
} dpi_text;

/* The text of a C string. */
dpi_text dpi_text_of(const char *string);
bool dpi_text_equals(dpi_text text, const char *string);
bool dpi_text_starts_with(dpi_text text, const char *start);
bool dpi_text_contains(dpi_text text, const char *part);
/* Compares two texts byte by byte; a prefix comes before longer texts. */
int dpi_text_compare(dpi_text a, dpi_text b);

/* Text made safe to print: at most 63 bytes; control and non-ASCII bytes become '?'. */
typedef struct dpi_printable {
    char text[64];
} dpi_printable;
dpi_printable dpi_text_printable(dpi_text text);

/* A dpi_text as the argument of a %s. */
#define DPI_SHOW(value) dpi_text_printable(value).text

#endif /* DPI_TEXT_H */
