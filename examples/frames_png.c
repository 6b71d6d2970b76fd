/*
 * frames_png.c - PNG files of any kind as RGB24 frames. Alpha is dropped, as the library does with
 * RGBA; 16-bit samples are scaled to 8 bits.
 */
#define _POSIX_C_SOURCE 200809L
#include "pictures.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What libpng's callbacks need: where the message goes and which file it is about. */
typedef struct png_place {
    frame_list *list;
    const char *name;
} png_place;

static void on_error(png_structp png, png_const_charp message) {
    const png_place *place = png_get_error_ptr(png);
    frame_list_say(place->list, "%.200s: %s", place->name, message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

/* Asks libpng for 8-bit R G B, whatever the file holds. */
static void ask_for_rgb(png_structp png, png_infop info) {
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
    png_read_update_info(png, info);
}

/* Called where libpng may jump to: keeps nothing that a jump could lose. */
static void decode(png_structp png, png_infop info, const png_place *place, FILE *file) {
    png_init_io(png, file);
    png_set_user_limits(png, DP_MAX_FRAME_SIDE, DP_MAX_FRAME_SIDE);
    png_read_info(png, info);
    int passes = png_set_interlace_handling(png);
    ask_for_rgb(png, info);
    dp_frame shape = {.width = (int32_t)png_get_image_width(png, info),
                      .height = (int32_t)png_get_image_height(png, info),
                      .format = DP_FORMAT_RGB24};
    size_t row = 3 * (size_t)shape.width;
    if (png_get_rowbytes(png, info) != row) {
        png_error(png, "cannot be converted to RGB");
    }
    uint8_t *pixels = frame_list_add(place->list, &shape);
    if (pixels == NULL) {
        png_longjmp(png, 1);
    }
    for (int pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < (size_t)shape.height; y++) {
            png_read_row(png, pixels + y * row, NULL);
        }
    }
    png_read_end(png, NULL);
}

static bool read_png(png_place *place, FILE *file) {
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, place, on_error, on_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    volatile bool done = false;
    if (info == NULL) {
        frame_list_say(place->list, "%.200s: out of memory", place->name);
    } else if (setjmp(png_jmpbuf(png)) == 0) {
        decode(png, info, place, file);
        done = true;
    }
    png_destroy_read_struct(&png, &info, NULL);
    return done && frame_list_take(place->list);
}

static bool open_png(frame_list *list, const char *directory, const char *name) {
    size_t length = strlen(directory) + strlen(name) + 2;
    char *path = malloc(length);
    if (path == NULL) {
        return frame_list_fail(list, "out of memory");
    }
    snprintf(path, length, "%s/%s", directory, name);
    struct stat status;
    bool regular = stat(path, &status) == 0 && S_ISREG(status.st_mode);
    FILE *file = regular ? fopen(path, "rb") : NULL;
    free(path);
    if (file == NULL) {
        return frame_list_fail(list, "%.200s: %s", name,
                               regular ? strerror(errno) : "not a regular file");
    }
    png_place place = {list, name};
    bool done = read_png(&place, file);
    fclose(file);
    return done;
}

bool frames_read_png(frame_list *list, const char *directory, const file_names *names) {
    bool done = frame_list_expect(list, NULL, names->count);
    for (size_t i = 0; done && i < names->count; i++) {
        done = open_png(list, directory, names->names[i]);
    }
    return done;
}
