/*
 * libFuzzer on the readers of frames: Y4M, NumPy and raw, from a stream in memory. The first byte
 * chooses the reader, as in the program, the last one what the command line would have said. Small
 * first bytes stand for a good Y4M header, which is too long to be found by chance.
 */
#define _POSIX_C_SOURCE 200809L
#include "../examples/frames.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

#define Y4M_HEADERS 9
static const char *const y4m_headers[Y4M_HEADERS] = {
    "YUV4MPEG2 ",
    "YUV4MPEG2 W9 H5\nFRAME\n",
    "YUV4MPEG2 W9 H5 Cmono XCOLORRANGE=FULL\nFRAME\n",
    "YUV4MPEG2 W9 H5 C444\nFRAME\n",
    "YUV4MPEG2 W9 H5 C422\nFRAME\n",
    "YUV4MPEG2 W9 H5 C411\nFRAME\n",
    "YUV4MPEG2 W9 H5 F25:1 It A16:11 C420p10\nFRAME\n",
    "YUV4MPEG2 W9 H5 Cmono12\nFRAME\n",
    "YUV4MPEG2 W9 H5 XYSCSS=444P16 XCOLORRANGE=FULL\nFRAME\n",
};

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

static bool read_frames(frame_list *list, FILE *file, uint8_t first, uint8_t choice) {
    frame_options raw = {
        .size = {1 + choice % 17, 1 + choice / 17}, .format = choice % 7, .color = COLOR_OF_FILE};
    switch (first) {
    case 0x93:
        return frames_read_npy(list, file);
    case 'Y':
        return frames_read_y4m(list, file, choice % 7 - 1);
    default:
        return frames_read_raw(list, file, &raw);
    }
}

static void fuzz_stream(const char *stream, size_t size, uint8_t choice) {
    FILE *file = fmemopen((void *)stream, size, "rb");
    if (file == NULL) {
        return;
    }
    frame_list list;
    frame_list_init(&list, MAX_BYTES);
    bool done = read_frames(&list, file, (uint8_t)stream[0], choice);
    /* Success comes with frames, failure with a sentence, neither with more memory than allowed. */
    if (done != (list.message[0] == '\0') || (done && list.count == 0) || list.bytes > MAX_BYTES) {
        abort();
    }
    for (size_t i = 0; done && i < list.count; i++) {
        sink += touch(&list.frames[i]);
    }
    frame_list_free(&list);
    fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) {
        return 0;
    }
    bool replaced = data[0] < Y4M_HEADERS;
    const char *header = replaced ? y4m_headers[data[0]] : "";
    size_t header_size = strlen(header), rest = size - 1 - replaced;
    char *stream = malloc(header_size + rest);
    if (stream != NULL) {
        memcpy(stream, header, header_size);
        memcpy(stream + header_size, data + replaced, rest);
        fuzz_stream(stream, header_size + rest, data[size - 1]);
    }
    free(stream);
    return 0;
}
