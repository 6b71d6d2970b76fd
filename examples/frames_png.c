/*
 * frames_png.c - the PNG files of a directory, of any kind, as RGB24 frames.
 *
 * Names are put in the order a person would: frame2.png before frame10.png. Alpha is dropped, as
 * the library does with RGBA; 16-bit samples are scaled to 8 bits.
 */
#define _POSIX_C_SOURCE 200809L
#include "frames.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct name_list {
    char **names;
    size_t count, capacity;
} name_list;

static void free_names(name_list *names) {
    for (size_t i = 0; i < names->count; i++) {
        free(names->names[i]);
    }
    free(names->names);
}

static bool add_name(name_list *names, const char *name) {
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 64 : names->capacity * 2;
        char **grown = realloc(names->names, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        names->names = grown;
        names->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return false;
    }
    names->names[names->count++] = copy;
    return true;
}

/* Compares two runs of digits by value and steps over them. */
static int compare_numbers(const char **a, const char **b) {
    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    size_t a_length = strspn(*a, "0123456789"), b_length = strspn(*b, "0123456789");
    if (a_length != b_length) {
        return a_length < b_length ? -1 : 1;
    }
    int order = strncmp(*a, *b, a_length);
    *a += a_length;
    *b += b_length;
    return order;
}

static int compare_names(const void *left, const void *right) {
    const char *a = *(char *const *)left, *b = *(char *const *)right;
    int order = 0;
    while (order == 0 && *a != '\0' && *b != '\0') {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            order = compare_numbers(&a, &b);
        } else {
            order = (unsigned char)*a++ - (unsigned char)*b++;
        }
    }
    if (order == 0) {
        order = (unsigned char)*a - (unsigned char)*b;
    }
    /* "1" and "01": any order will do, but always the same. */
    return order != 0 ? order : strcmp(*(char *const *)left, *(char *const *)right);
}

static bool is_png_name(const char *name) {
    size_t length = strlen(name);
    return name[0] != '.' && length > 4 && strcasecmp(name + length - 4, ".png") == 0;
}

/* NULL at the end of a directory, with errno 0, and where it cannot be read. */
static const char *next_name(DIR *directory) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    return entry != NULL ? entry->d_name : NULL;
}

static bool add_names(frame_list *list, DIR *directory, name_list *names) {
    const char *name = next_name(directory);
    for (; name != NULL; name = next_name(directory)) {
        if (is_png_name(name) && !add_name(names, name)) {
            return frame_list_fail(list, "out of memory");
        }
    }
    return errno == 0 || frame_list_fail(list, "cannot read: %s", strerror(errno));
}

static bool list_names(frame_list *list, const char *directory, name_list *names) {
    DIR *open = opendir(directory);
    if (open == NULL) {
        return frame_list_fail(list, "cannot open: %s", strerror(errno));
    }
    bool done = add_names(list, open, names);
    closedir(open);
    if (names->count > 0) {
        qsort(names->names, names->count, sizeof *names->names, compare_names);
    }
    return done &&
           (names->count > 0 ||
            frame_list_fail(list, "holds no .png files; of JPEG files: ffmpeg -pattern_type "
                                  "glob -i '*.jpg' -f yuv4mpegpipe - | dualpath classify MODEL -"));
}

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

bool frames_read_png(frame_list *list, const char *directory) {
    name_list names = {0};
    bool done = list_names(list, directory, &names) && frame_list_expect(list, NULL, names.count);
    for (size_t i = 0; done && i < names.count; i++) {
        done = open_png(list, directory, names.names[i]);
    }
    free_names(&names);
    return done;
}
