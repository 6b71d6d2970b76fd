/*
 * canvas.h - an RGB picture that is drawn into, and becomes a PNG file.
 */
#ifndef CANVAS_H
#define CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FONT_WIDTH 5
#define FONT_HEIGHT 7 /* above the line */
#define FONT_DEPTH 2  /* below it */

/* Whether a dot of a character is set, x 0 .. 4, y 0 .. 8. What is not printable ASCII is a '?'.
 * (font.c) */
bool font_dot(unsigned char character, int32_t x, int32_t y);

typedef struct canvas {
    uint8_t *pixels; /* [height][width][3] */
    int32_t width, height;
} canvas;

typedef struct rgb {
    uint8_t r, g, b;
} rgb;

/* One color all over; false when there is no memory. */
bool canvas_make(canvas *c, int32_t width, int32_t height, rgb color);
void canvas_free(canvas *c);

/* What lies outside of the picture is cut off. */
void canvas_fill(canvas *c, int32_t x, int32_t y, int32_t width, int32_t height, rgb color);
/* Characters of UTF-8 text are FONT_WIDTH + 1 dots apart, of `scale` pixels each. Returns x behind
 * the text. */
int32_t canvas_text(canvas *c, int32_t x, int32_t y, int32_t scale, rgb color, const char *text);
int32_t canvas_text_width(const char *text, int32_t scale);

/* The picture as a PNG file, which is the caller's to free() in any case; false when there is no
 * memory. */
bool canvas_encode_png(const canvas *c, uint8_t **bytes, size_t *size);

#endif /* CANVAS_H */
