/*
 * frames.c - a growing list of frames that owns their pixels, with a bound on its memory.
 */
#define _POSIX_C_SOURCE 200809L
#include "frames.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void frame_list_init(frame_list *list, uint64_t max_bytes) {
    memset(list, 0, sizeof *list);
    frame_list_limit(list, max_bytes);
}

void frame_list_limit(frame_list *list, uint64_t max_bytes) {
    list->max_bytes = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX;
    list->color = DP_COLOR_UNKNOWN;
    list->stamp = NAN;
}

static bool has_own_pixels(const frame_list *list, size_t i) {
    return i == 0 || list->frames[i].plane[0] != list->frames[i - 1].plane[0];
}

void frame_list_free(frame_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        if (has_own_pixels(list, i)) {
            free((void *)list->frames[i].plane[0]);
        }
    }
    free(list->frames);
    free(list->seconds);
    free(list->spare);
    frame_list_init(list, list->max_bytes);
}

void frame_list_restart(frame_list *list, size_t frames) {
    frame_list before = *list;
    frame_list_free(list);
    list->stopped = before.stopped;
    list->taker = before.taker;
    list->given = before.given;
    list->expected = frames;
    list->counted = true;
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
#define BYTES_BESIDE_PIXELS (4 * (sizeof(dp_frame) + sizeof(double)))

static bool is_stopped(const frame_list *list) {
    return list->stopped != NULL && list->stopped();
}

static bool check_sides(frame_list *list, const dp_frame *shape) {
    return size_of(shape) > 0 ||
           frame_list_fail(list, "frames of %d x %d pixels; each side must be 1 to %d",
                           shape->width, shape->height, DP_MAX_FRAME_SIDE);
}

/* Whether `frames` more have room, of which `staying` have pixels. */
static bool check_room(frame_list *list, const dp_frame *shape, size_t frames, size_t staying) {
    uint64_t left = list->max_bytes - list->bytes;
    bool fits = frames <= left / BYTES_BESIDE_PIXELS &&
                staying <= (left - frames * BYTES_BESIDE_PIXELS) / size_of(shape);
    return fits ||
           frame_list_fail(list,
                           "frame %zu of %d x %d pixels and those before it take more than the "
                           "%llu bytes that --max-memory allows for frames; more would help, or "
                           "fewer or smaller frames",
                           list->seen + frames, shape->width, shape->height,
                           (unsigned long long)list->max_bytes);
}

bool frame_list_expect(frame_list *list, const dp_frame *shape, size_t frames) {
    if (!list->counted) {
        list->expected = frames;
    }
    if (list->expected == 0) {
        return true;
    }
    if (list->taker.take != NULL && list->taker.expect == NULL) {
        return true; /* they go as they come */
    }
    size_t staying = list->expected;
    if (list->taker.expect != NULL) {
        staying = list->taker.expect(list->taker.user, list);
    }
    return shape == NULL ||
           (check_sides(list, shape) && check_room(list, shape, list->expected, staying));
}

bool frame_list_expect_file(frame_list *list, const dp_frame *shape, FILE *file, uint64_t bytes) {
    struct stat status;
    off_t at = file == stdin ? -1 : ftello(file);
    bool known = bytes > 0 && at >= 0 && fstat(fileno(file), &status) == 0 &&
                 S_ISREG(status.st_mode) && status.st_size > at;
    return frame_list_expect(list, shape,
                             known ? (size_t)((uint64_t)(status.st_size - at) / bytes) : 0);
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

static void *resize(void *block, size_t count, size_t size) {
    return count > SIZE_MAX / size ? NULL : realloc(block, count * size);
}

static bool grow(frame_list *list) {
    if (list->count < list->capacity) {
        return true;
    }
    size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
    dp_frame *frames = resize(list->frames, capacity, sizeof *frames);
    list->frames = frames != NULL ? frames : list->frames;
    double *seconds = frames == NULL ? NULL : resize(list->seconds, capacity, sizeof *seconds);
    list->seconds = seconds != NULL ? seconds : list->seconds;
    list->capacity = seconds != NULL ? capacity : list->capacity;
    return seconds != NULL;
}

/* A block that is free again, or a new one. */
static uint8_t *take_block(frame_list *list, uint64_t size) {
    uint8_t *block = list->spare;
    list->spare = NULL;
    if (block == NULL || list->spare_bytes != size) {
        free(block);
        block = malloc((size_t)size);
    }
    return block;
}

static void spare_block(frame_list *list, const dp_frame *frame) {
    free(list->spare);
    list->spare = (void *)frame->plane[0];
    list->spare_bytes = size_of(frame);
    list->bytes -= list->spare_bytes;
}

uint8_t *frame_list_add(frame_list *list, const dp_frame *shape) {
    if (is_stopped(list)) {
        frame_list_say(list, "stopped at frame %zu", list->seen + 1);
        return NULL;
    }
    if (!check_sides(list, shape) || !check_room(list, shape, 1, 1)) {
        return NULL;
    }
    uint8_t *pixels = grow(list) ? take_block(list, size_of(shape)) : NULL;
    if (pixels == NULL) {
        frame_list_say(list, "out of memory at frame %zu", list->seen + 1);
        return NULL;
    }
    list->bytes += size_of(shape) + BYTES_BESIDE_PIXELS;
    dp_frame *frame = &list->frames[list->count++];
    dp_frame_init_packed(frame, shape->format, pixels, shape->width, shape->height);
    frame->color = shape->color;
    frame->rotation = shape->rotation;
    frame->mirrored = shape->mirrored;
    frame->aspect_width = shape->aspect_width;
    frame->aspect_height = shape->aspect_height;
    return pixels;
}

void frame_list_drop(frame_list *list) {
    spare_block(list, &list->frames[--list->count]);
    list->bytes -= BYTES_BESIDE_PIXELS;
}

/* What the command line says of all frames. */
static void turn_as_given(dp_frame *frame, const frame_options *given) {
    if (given->rotation != ROTATION_OF_FILE || given->mirrored != 0) {
        frame->rotation = given->rotation != ROTATION_OF_FILE ? given->rotation : 0;
        frame->mirrored = given->mirrored;
    }
    if (given->aspect[0] != 0) {
        frame->aspect_width = given->aspect[0];
        frame->aspect_height = given->aspect[1];
    }
}

static double next_seconds(const frame_list *list) {
    bool timed = !isnan(list->stamp) || list->rate[0] == 0;
    return timed ? list->stamp : (double)list->seen * list->rate[1] / list->rate[0];
}

/* The frame before stands in the place of the last one; without pixels, where there is none. */
static void stand_in(frame_list *list) {
    dp_frame *last = &list->frames[list->count - 1];
    spare_block(list, last);
    if (list->count > 1) {
        *last = last[-1];
    } else {
        last->plane[0] = NULL;
    }
}

bool frame_list_take(frame_list *list) {
    frame_fate fate = FRAME_STAYS;
    if (list->given != NULL) {
        turn_as_given(&list->frames[list->count - 1], list->given);
    }
    list->seconds[list->count - 1] = next_seconds(list);
    if (list->taker.take != NULL) {
        fate = list->taker.take(list->taker.user, list);
    }
    if (fate == FRAME_STANDS) {
        stand_in(list);
    } else if (fate != FRAME_STAYS) {
        frame_list_drop(list);
    }
    list->seen++;
    return fate != FRAME_ENDS;
}

void frame_list_close(frame_list *list) {
    size_t first = 0;
    while (first < list->count && list->frames[first].plane[0] == NULL) {
        first++;
    }
    for (size_t i = 0; i < first && first < list->count; i++) {
        list->frames[i] = list->frames[first];
    }
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
        return frame_list_fail(list, "cannot read frame %zu: %s", list->seen + 1, strerror(errno));
    }
    return frame_list_fail(list, "frame %zu is cut short: %zu of %llu bytes", list->seen + 1, got,
                           (unsigned long long)size);
}

bool frame_list_read(frame_list *list, FILE *file, const dp_frame *shape) {
    uint8_t *pixels = frame_list_add(list, shape);
    return pixels != NULL && frame_list_fill(list, file, pixels, size_of(shape)) &&
           frame_list_take(list);
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
    return list->seen > 0 || frame_list_fail(list, "holds no frames");
}
