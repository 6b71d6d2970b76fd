/*
 * frames.c - a growing list of frames that owns their pixels, with a bound on its memory.
 */
#include "frames.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void frame_list_init(frame_list *list, uint64_t max_bytes) {
    memset(list, 0, sizeof *list);
    frame_list_limit(list, max_bytes);
}

void frame_list_limit(frame_list *list, uint64_t max_bytes) {
    list->max_bytes = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX;
    list->color = DP_COLOR_UNKNOWN;
}

void frame_list_free(frame_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free((void *)list->frames[i].plane[0]);
    }
    free(list->frames);
    frame_list_init(list, list->max_bytes);
}

void frame_list_say(frame_list *list, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(list->message, sizeof list->message, format, arguments);
    va_end(arguments);
}

/* The bytes of a tightly packed frame; 0: a side is out of range. */
static uint64_t size_of(const dp_frame *shape) {
    return dp_frame_init_packed(NULL, shape->format, NULL, shape->width, shape->height);
}

/* What a frame takes beside its pixels: the list has up to twice as many places as frames, and
 * while it grows there are old and new ones. */
#define BYTES_BESIDE_PIXELS (4 * sizeof(dp_frame))

static bool is_stopped(const frame_list *list) {
    return list->stopped != NULL && list->stopped();
}

static bool check_room(frame_list *list, const dp_frame *shape, uint64_t to_come) {
    uint64_t each = size_of(shape) + BYTES_BESIDE_PIXELS;
    if (size_of(shape) == 0) {
        return frame_list_fail(list, "frames of %d x %d pixels; each side must be 1 to %d",
                               shape->width, shape->height, DP_MAX_FRAME_SIDE);
    }
    if (to_come > (list->max_bytes - list->bytes) / each) {
        return frame_list_fail(
            list,
            "frame %zu of %d x %d pixels and those before it take more than the "
            "%llu bytes that --max-memory allows for frames; more would help, or "
            "fewer or smaller frames",
            list->count + (size_t)to_come, shape->width, shape->height,
            (unsigned long long)list->max_bytes);
    }
    list->bytes += each;
    return true;
}

bool frame_list_reserve(frame_list *list, uint64_t bytes) {
    if (bytes > list->max_bytes - list->bytes) {
        return frame_list_fail(list,
                               "the planes of a frame take more than the %llu bytes that "
                               "--max-memory allows for frames; more would help, or smaller frames",
                               (unsigned long long)list->max_bytes);
    }
    list->bytes += bytes;
    return true;
}

static bool grow(frame_list *list) {
    if (list->count < list->capacity) {
        return true;
    }
    size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
    dp_frame *frames = capacity > SIZE_MAX / sizeof *frames
                           ? NULL
                           : realloc(list->frames, capacity * sizeof *frames);
    if (frames == NULL) {
        return false;
    }
    list->frames = frames;
    list->capacity = capacity;
    return true;
}

uint8_t *frame_list_add(frame_list *list, const dp_frame *shape, uint64_t to_come) {
    if (is_stopped(list)) {
        frame_list_say(list, "stopped at frame %zu", list->count + 1);
        return NULL;
    }
    if (!check_room(list, shape, to_come)) {
        return NULL;
    }
    uint8_t *pixels = grow(list) ? malloc((size_t)size_of(shape)) : NULL;
    if (pixels == NULL) {
        frame_list_say(list, "out of memory at frame %zu", list->count + 1);
        return NULL;
    }
    dp_frame *frame = &list->frames[list->count++];
    dp_frame_init_packed(frame, shape->format, pixels, shape->width, shape->height);
    frame->color = shape->color;
    frame->aspect_width = shape->aspect_width;
    frame->aspect_height = shape->aspect_height;
    return pixels;
}

void frame_list_drop(frame_list *list) {
    dp_frame *last = &list->frames[--list->count];
    list->bytes -= size_of(last) + BYTES_BESIDE_PIXELS;
    free((void *)last->plane[0]);
}

#define READ_AT_ONCE ((size_t)16 << 20)

bool frame_list_fill(frame_list *list, FILE *file, uint8_t *bytes, uint64_t size) {
    size_t got = 0;
    size_t part = 0;
    do {
        uint64_t left = size - got;
        part = fread(bytes + got, 1, left < READ_AT_ONCE ? (size_t)left : READ_AT_ONCE, file);
        got += part;
    } while (part > 0 && got < size && !is_stopped(list));
    if (got == size) {
        return true;
    }
    if (ferror(file)) {
        return frame_list_fail(list, "cannot read frame %zu: %s", list->count, strerror(errno));
    }
    return frame_list_fail(list, "frame %zu is cut short: %zu of %llu bytes", list->count, got,
                           (unsigned long long)size);
}

bool frame_list_read(frame_list *list, FILE *file, const dp_frame *shape, uint64_t to_come) {
    uint8_t *pixels = frame_list_add(list, shape, to_come);
    return pixels != NULL && frame_list_fill(list, file, pixels, size_of(shape));
}

static int32_t color_of_size(int32_t width, int32_t height, bool full_range) {
    if (width >= 1280 || height > 576) {
        return full_range ? DP_COLOR_BT709_FULL : DP_COLOR_BT709_LIMITED;
    }
    return full_range ? DP_COLOR_BT601_FULL : DP_COLOR_BT601_LIMITED;
}

void frame_list_color(frame_list *list, dp_frame *shape, bool full_range) {
    list->color_guessed = shape->color == COLOR_OF_FILE;
    if (list->color_guessed) {
        shape->color = color_of_size(shape->width, shape->height, full_range);
    }
    list->color = shape->color;
}

bool stream_ended(FILE *file) {
    int next = getc(file);
    if (next != EOF) {
        ungetc(next, file);
    }
    return next == EOF;
}

bool frame_list_finish(frame_list *list, FILE *file) {
    if (ferror(file)) {
        return frame_list_fail(list, "cannot read: %s", strerror(errno));
    }
    return list->count > 0 || frame_list_fail(list, "holds no frames");
}
