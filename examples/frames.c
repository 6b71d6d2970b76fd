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
    list->max_bytes = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX;
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

/* Columns or rows of a chroma plane at half the resolution. */
static uint64_t halved(int32_t side) {
    return ((uint64_t)side + 1) / 2;
}

uint64_t frame_size(int32_t width, int32_t height, int32_t format) {
    uint64_t pixels = (uint64_t)width * (uint64_t)height;
    switch (format) {
    case DP_FORMAT_GRAY8:
        return pixels;
    case DP_FORMAT_NV12:
    case DP_FORMAT_I420:
        return pixels + 2 * halved(width) * halved(height);
    case DP_FORMAT_RGBA:
    case DP_FORMAT_BGRA:
        return 4 * pixels;
    default:
        return 3 * pixels;
    }
}

/* Points the planes of a tightly packed frame into its pixels. */
static void set_planes(dp_frame *frame, const uint8_t *pixels) {
    int32_t width = frame->width, height = frame->height, format = frame->format;
    bool planar = format == DP_FORMAT_I420 || format == DP_FORMAT_NV12;
    int32_t luma_format = planar ? DP_FORMAT_GRAY8 : format;
    ptrdiff_t chroma_width = (ptrdiff_t)halved(width);
    frame->plane[0] = pixels;
    frame->stride[0] = (ptrdiff_t)frame_size(width, 1, luma_format);
    if (planar) {
        frame->plane[1] = pixels + frame_size(width, height, DP_FORMAT_GRAY8);
        frame->stride[1] = format == DP_FORMAT_NV12 ? 2 * chroma_width : chroma_width;
    }
    if (format == DP_FORMAT_I420) {
        frame->plane[2] = frame->plane[1] + halved(width) * halved(height);
        frame->stride[2] = chroma_width;
    }
}

/* The list takes memory as well: without it, a billion frames of one pixel would seem small. */
static bool check_room(frame_list *list, const dp_frame *shape, uint64_t to_come) {
    if (shape->width < 1 || shape->height < 1 || shape->width > DP_MAX_FRAME_SIDE ||
        shape->height > DP_MAX_FRAME_SIDE) {
        return frame_list_fail(list, "frames of %d x %d pixels; each side must be 1 to %d",
                               shape->width, shape->height, DP_MAX_FRAME_SIDE);
    }
    uint64_t each = frame_size(shape->width, shape->height, shape->format) + sizeof(dp_frame);
    if (to_come > (list->max_bytes - list->bytes) / each) {
        return frame_list_fail(list,
                               "frame %zu of %d x %d pixels and those before it take more than the "
                               "%llu bytes that --max-memory allows",
                               list->count + (size_t)to_come, shape->width, shape->height,
                               (unsigned long long)list->max_bytes);
    }
    list->bytes += each;
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
    if (!check_room(list, shape, to_come)) {
        return NULL;
    }
    uint64_t size = frame_size(shape->width, shape->height, shape->format);
    uint8_t *pixels = grow(list) ? malloc((size_t)size) : NULL;
    if (pixels == NULL) {
        frame_list_say(list, "out of memory at frame %zu", list->count + 1);
        return NULL;
    }
    dp_frame *frame = &list->frames[list->count++];
    *frame = *shape;
    set_planes(frame, pixels);
    return pixels;
}

bool frame_list_fill(frame_list *list, FILE *file, uint8_t *bytes, uint64_t size) {
    size_t got = fread(bytes, 1, (size_t)size, file);
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
    return pixels != NULL &&
           frame_list_fill(list, file, pixels,
                           frame_size(shape->width, shape->height, shape->format));
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
