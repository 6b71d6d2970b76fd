/*
 * What fuzz targets share: bounds on what one input may cost, a check that ends the process, bytes
 * of an input as numbers, planes of frames, and where the golden models are.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "dualpath.h"
#include "golden_path.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_size, const uint8_t *second,
                                 size_t second_size, uint8_t *out, size_t max_size, unsigned seed);
/* Of libFuzzer, and of tests/fuzz/main.c: changes bytes in place and returns the new size. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* ---- bounds: what is dearer is left out, so that many inputs are tried ---- */

#define FUZZ_MAX_INFLATED ((size_t)16 << 20)    /* bytes a compressed file may become */
#define FUZZ_MAX_MEMORY ((size_t)256 << 20)     /* bytes of a model and what opening it takes */
#define FUZZ_MAX_SESSION ((size_t)8 << 20)      /* bytes of a session that is created */
#define FUZZ_MAX_MACS ((int64_t)8 << 20)        /* multiply-adds of a clip that is classified */
#define FUZZ_MAX_FRAMES_BYTES ((size_t)1 << 20) /* bytes of frames that a reader may keep */

/* ---- checks ---- */

/* `detail` says what the library said. */
static inline void fuzz_require(bool holds, const char *what, const char *detail) {
    if (!holds) {
        fprintf(stderr, "fuzz: %s; \"%s\"\n", what, detail);
        abort();
    }
}

/* ---- bytes of the input ---- */

typedef struct fuzz_input {
    const uint8_t *bytes;
    size_t size, at;
} fuzz_input;

/* 0 when all are used up. */
static inline uint8_t fuzz_byte(fuzz_input *in) {
    return in->at < in->size ? in->bytes[in->at++] : 0;
}

/* 0 .. bound - 1, of two bytes. */
static inline int32_t fuzz_below(fuzz_input *in, int32_t bound) {
    int32_t high = fuzz_byte(in);
    return (high << 8 | fuzz_byte(in)) % bound;
}

/* ---- frames: what dualpath.h says about planes, told once more ---- */

#define FUZZ_FORMATS 7

typedef struct fuzz_plane {
    ptrdiff_t row_bytes, rows; /* 0 for an unused one */
} fuzz_plane;

static inline fuzz_plane fuzz_plane_of(const dp_frame *frame, int plane) {
    static const struct {
        uint8_t planes, pixel_bytes, chroma_bytes;
    } formats[FUZZ_FORMATS] = {{1, 3, 0}, {1, 3, 0}, {1, 4, 0}, {1, 4, 0},
                               {1, 1, 0}, {2, 1, 2}, {3, 1, 1}};
    if (plane >= formats[frame->format].planes) {
        return (fuzz_plane){0, 0};
    }
    if (plane == 0) {
        ptrdiff_t pixel_bytes = formats[frame->format].pixel_bytes;
        return (fuzz_plane){frame->width * pixel_bytes, frame->height};
    }
    ptrdiff_t chroma_bytes = formats[frame->format].chroma_bytes;
    return (fuzz_plane){(frame->width + 1) / 2 * chroma_bytes, (frame->height + 1) / 2};
}

/* ---- files ---- */

/* All bytes of a file, which the caller frees. */
static inline uint8_t *fuzz_read(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    size_t capacity = 1 << 12;
    uint8_t *bytes = NULL;
    *size = 0;
    fuzz_require(file != NULL, "a file is missing", path);
    do {
        capacity *= 2;
        bytes = realloc(bytes, capacity);
        fuzz_require(bytes != NULL, "no memory", path);
        *size += fread(bytes + *size, 1, capacity - *size, file);
    } while (*size == capacity);
    (void)fclose(file);
    return bytes;
}

#endif /* FUZZ_H */
