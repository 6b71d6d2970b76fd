/*
 * Text from a format and arguments, in the same way on every machine and in every locale: what
 * messages need of printf(), where there may be no C library to print with. Knows %s with a
 * precision, %d, %u and %x with l, ll or z and a width filled with zeros, %g, and %%.
 */
#include "base/size.h"
#include "base/text.h"

#include <stdint.h>

#include <string.h>

/* The output buffer; text that does not fit is dropped. */
typedef struct text_output {
    char *text;
    size_t size, used; /* `size` includes the terminating 0 */
} text_output;

static void write_bytes(text_output *to, const char *bytes, size_t count) {
    size_t space = to->size - 1 - to->used;
    count = dpi_size_min(count, space);
    memcpy(to->text + to->used, bytes, count);
    to->used += count;
}

static void write_text(text_output *to, const char *text) {
    write_bytes(to, text, strlen(text));
}

/* At least `width` digits. */
static void write_unsigned(text_output *to, uint64_t value, uint32_t base, size_t width) {
    char digits[20];
    size_t first = sizeof digits;
    while (first > 0 && (value > 0 || sizeof digits - first < width || first == sizeof digits)) {
        digits[--first] = "0123456789abcdef"[value % base];
        value /= base;
    }
    write_bytes(to, digits + first, sizeof digits - first);
}

static void write_signed(text_output *to, int64_t value) {
    if (value < 0) {
        write_text(to, "-");
    }
    write_unsigned(to, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, 0);
}

/* ---- %g ---- */

#define DIGITS 6

/* A value as 0.DDDDDD times ten to the power of `point`. */
typedef struct decimal {
    char digits[DIGITS];
    size_t count; /* without zeros at the end, at least 1 */
    int point;
} decimal;

/* Of a positive number that is finite. */
static decimal to_decimal(double value) {
    decimal made = {.count = DIGITS, .point = DIGITS};
    for (; value >= 1e6; made.point++) {
        value /= 10.0;
    }
    for (; value < 1e5; made.point--) {
        value *= 10.0;
    }
    uint32_t number = (uint32_t)(value + 0.5);
    if (number == 1000000) {
        number = 100000;
        made.point++;
    }
    for (size_t i = DIGITS; i > 0; i--) {
        made.digits[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    while (made.count > 1 && made.digits[made.count - 1] == '0') {
        made.count--;
    }
    return made;
}

static void write_zeros(text_output *to, int count) {
    for (int i = 0; i < count; i++) {
        write_text(to, "0");
    }
}

/* 1.23e-07 */
static void write_scientific(text_output *to, const decimal *value) {
    int exponent = value->point - 1;
    write_bytes(to, value->digits, 1);
    if (value->count > 1) {
        write_text(to, ".");
        write_bytes(to, value->digits + 1, value->count - 1);
    }
    write_text(to, exponent < 0 ? "e-" : "e+");
    write_unsigned(to, (uint64_t)(exponent < 0 ? -exponent : exponent), 10, 2);
}

static void write_fixed(text_output *to, const decimal *value) {
    size_t whole = value->point > 0 ? (size_t)value->point : 0;
    size_t before = dpi_size_min(whole, value->count);
    write_bytes(to, value->digits, before);
    write_zeros(to, whole > 0 ? (int)(whole - before) : 1);
    if (before < value->count) {
        write_text(to, ".");
        write_zeros(to, -value->point);
        write_bytes(to, value->digits + before, value->count - before);
    }
}

static void write_real(text_output *to, double value) {
    if (value != value) {
        write_text(to, "nan");
        return;
    }
    if (value < 0.0) {
        write_text(to, "-");
        value = -value;
    }
    if (value == 0.0) {
        write_text(to, "0");
    } else if (value > 1.7976931348623157e308) {
        write_text(to, "inf");
    } else {
        decimal rounded = to_decimal(value);
        bool fixed = rounded.point > -4 && rounded.point <= DIGITS;
        (fixed ? write_fixed : write_scientific)(to, &rounded);
    }
}

/* ---- the format ---- */

/* A conversion: what is between % and its letter. */
typedef struct conversion {
    size_t width;
    size_t precision; /* SIZE_MAX: none is given */
    int longs;        /* of "l" and "ll" */
    bool size;        /* "z" */
} conversion;

static size_t scan_number(const char **format) {
    size_t number = 0;
    for (; **format >= '0' && **format <= '9'; (*format)++) {
        number = number * 10 + (size_t)(**format - '0');
    }
    return number;
}

static conversion scan_conversion(const char **format) {
    conversion read = {.precision = SIZE_MAX};
    read.width = scan_number(format);
    if (**format == '.') {
        (*format)++;
        read.precision = scan_number(format);
    }
    for (; **format == 'l'; (*format)++) {
        read.longs++;
    }
    if (**format == 'z') {
        (*format)++;
        read.size = true;
    }
    return read;
}

static int64_t next_signed(const conversion *given, va_list *arguments) {
    return given->longs == 2   ? va_arg(*arguments, long long)
           : given->longs == 1 ? va_arg(*arguments, long)
                               : va_arg(*arguments, int);
}

static uint64_t next_unsigned(const conversion *given, va_list *arguments) {
    return given->size         ? va_arg(*arguments, size_t)
           : given->longs == 2 ? va_arg(*arguments, unsigned long long)
           : given->longs == 1 ? va_arg(*arguments, unsigned long)
                               : va_arg(*arguments, unsigned);
}

static void write_string(text_output *to, const char *text, size_t longest) {
    const char *end = longest == SIZE_MAX ? NULL : memchr(text, '\0', longest);
    size_t length = longest == SIZE_MAX ? strlen(text) : longest;
    write_bytes(to, text, end != NULL ? (size_t)(end - text) : length);
}

static void write_argument(text_output *to, char letter, const conversion *given,
                           va_list *arguments) {
    switch (letter) {
    case 's':
        write_string(to, va_arg(*arguments, const char *), given->precision);
        break;
    case 'd':
        write_signed(to, next_signed(given, arguments));
        break;
    case 'u':
        write_unsigned(to, next_unsigned(given, arguments), 10, given->width);
        break;
    case 'x':
        write_unsigned(to, next_unsigned(given, arguments), 16, given->width);
        break;
    case 'g':
        write_real(to, va_arg(*arguments, double));
        break;
    default:
        write_bytes(to, &letter, 1); /* %% */
        break;
    }
}

size_t dpi_print_list(char *text, size_t size, const char *format, va_list *arguments) {
    text_output to = {text, size, 0};
    while (*format != '\0') {
        const char *percent = strchr(format, '%');
        if (percent == NULL) {
            write_text(&to, format);
            break;
        }
        write_bytes(&to, format, (size_t)(percent - format));
        format = percent + 1;
        conversion given = scan_conversion(&format);
        write_argument(&to, *format, &given, arguments);
        format += *format != '\0';
    }
    text[to.used] = '\0';
    return to.used;
}

size_t dpi_print(char *text, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t used = dpi_print_list(text, size, format, &arguments);
    va_end(arguments);
    return used;
}
