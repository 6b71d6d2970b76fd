/*
 * libFuzzer on the readers of frames: Y4M, NumPy and raw, from a stream in memory. The first byte
 * of the input chooses the reader, the second what the command line would have said.
 */
#define _POSIX_C_SOURCE 200809L
#include "../examples/frames.h"

#include <stdlib.h>

#define MAX_BYTES (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

/* Adds up every sample that a frame describes, so that the sanitizer sees it touched. */
static unsigned touch_plane(const dp_frame *frame, int plane, int32_t bytes, int32_t rows) {
    unsigned sum = 0;
    for (int32_t y = 0; y < rows; y++) {
        const uint8_t *row = frame->plane[plane] + y * frame->stride[plane];
        for (int32_t x = 0; x < bytes; x++) {
            sum += row[x];
        }
    }
    return sum;
}

static unsigned touch(const dp_frame *f) {
    static const int32_t pixel_bytes[] = {3, 3, 4, 4, 1, 1, 1};
    int32_t chroma_width = (f->width + 1) / 2, chroma_height = (f->height + 1) / 2;
    unsigned sum = touch_plane(f, 0, f->width * pixel_bytes[f->format], f->height);
    if (f->format == DP_FORMAT_NV12) {
        sum += touch_plane(f, 1, 2 * chroma_width, chroma_height);
    }
    if (f->format == DP_FORMAT_I420) {
        sum += touch_plane(f, 1, chroma_width, chroma_height);
        sum += touch_plane(f, 2, chroma_width, chroma_height);
    }
    return sum;
}

static bool read_frames(frame_list *list, FILE *file, uint8_t reader, uint8_t choice) {
    frame_options raw = {
        .size = {1 + choice % 17, 1 + choice / 17}, .format = choice % 7, .color = COLOR_OF_FILE};
    switch (reader % 3) {
    case 0:
        return frames_read_y4m(list, file, choice % 5 - 1);
    case 1:
        return frames_read_npy(list, file);
    default:
        return frames_read_raw(list, file, &raw);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) {
        return 0;
    }
    FILE *file = fmemopen((void *)(uintptr_t)(data + 2), size - 2, "rb");
    if (file == NULL) {
        return 0;
    }
    frame_list list;
    frame_list_init(&list, MAX_BYTES);
    bool done = read_frames(&list, file, data[0], data[1]);
    /* Success comes with frames, failure with a sentence, neither with more memory than allowed. */
    if (done != (list.message[0] == '\0') || (done && list.count == 0) || list.bytes > MAX_BYTES) {
        abort();
    }
    for (size_t i = 0; done && i < list.count; i++) {
        sink += touch(&list.frames[i]);
    }
    frame_list_free(&list);
    fclose(file);
    return 0;
}
