/*
 * canvas.c - a picture in memory: rectangles, text, and the bytes of a PNG file.
 */
#include "canvas.h"

#include "cli.h"

#include <png.h>
#include <stdlib.h>

bool canvas_make(canvas *c, int32_t width, int32_t height, rgb color) {
    *c = (canvas){malloc((size_t)width * (size_t)height * 3), width, height};
    if (c->pixels == NULL) {
        return false;
    }
    canvas_fill(c, 0, 0, width, height, color);
    return true;
}

void canvas_free(canvas *c) {
    free(c->pixels);
    c->pixels = NULL;
}

static int32_t clamp(int32_t value, int32_t high) {
    return value < 0 ? 0 : value > high ? high : value;
}

void canvas_fill(canvas *c, int32_t x, int32_t y, int32_t width, int32_t height, rgb color) {
    int32_t right = clamp(x + width, c->width);
    int32_t bottom = clamp(y + height, c->height);
    for (int32_t row = clamp(y, c->height); row < bottom; row++) {
        uint8_t *pixels = c->pixels + (size_t)row * (size_t)c->width * 3;
        for (ptrdiff_t i = clamp(x, c->width); i < right; i++) {
            pixels[3 * i] = color.r;
            pixels[3 * i + 1] = color.g;
            pixels[3 * i + 2] = color.b;
        }
    }
}

static void draw_character(canvas *c, int32_t x, int32_t y, int32_t scale, rgb color,
                           unsigned char character) {
    for (int32_t row = 0; row < FONT_HEIGHT + FONT_DEPTH; row++) {
        for (int32_t column = 0; column < FONT_WIDTH; column++) {
            if (font_dot(character, column, row)) {
                canvas_fill(c, x + column * scale, y + row * scale, scale, scale, color);
            }
        }
    }
}

int32_t canvas_text(canvas *c, int32_t x, int32_t y, int32_t scale, rgb color, const char *text) {
    while (*text != '\0') {
        uint32_t character = next_character(&text);
        draw_character(c, x, y, scale, color, character < 0x80 ? (unsigned char)character : '?');
        x += (FONT_WIDTH + 1) * scale;
    }
    return x;
}

int32_t canvas_text_width(const char *text, int32_t scale) {
    return text_width(text) * (FONT_WIDTH + 1) * scale;
}

/* The two passes of libpng: the first one only counts. */
bool canvas_encode_png(const canvas *c, uint8_t **bytes, size_t *size) {
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)c->width,
                       .height = (png_uint_32)c->height,
                       .format = PNG_FORMAT_RGB};
    png_alloc_size_t count = 0;
    *bytes = NULL;
    if (png_image_write_to_memory(&image, NULL, &count, 0, c->pixels, 0, NULL) != 0) {
        *bytes = malloc(count);
    }
    *size = count;
    return *bytes != NULL &&
           png_image_write_to_memory(&image, *bytes, &count, 0, c->pixels, 0, NULL) != 0;
}
