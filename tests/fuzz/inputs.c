/*
 * Readers of frames: Y4M, NumPy, PNG and raw, from a stream in memory or, of PNG, from a folder.
 * The first byte chooses the reader, as in the program, the last one what the command line would
 * have said. Small first bytes stand for a good Y4M header, which is too long to be found by
 * chance.
 */
#define _XOPEN_SOURCE 700 /* fmemopen(), mkdtemp(), P_tmpdir */
#include "../examples/frames.h"
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

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
static unsigned touch(const dp_frame *frame) {
    unsigned sum = 0;
    for (int plane = 0; plane < 3; plane++) {
        fuzz_plane shape = fuzz_plane_of(frame, plane);
        for (ptrdiff_t y = 0; y < shape.rows; y++) {
            const uint8_t *row = frame->plane[plane] + y * frame->stride[plane];
            for (ptrdiff_t x = 0; x < shape.row_bytes; x++) {
                sum += row[x];
            }
        }
    }
    return sum;
}

/* Success comes with frames, failure with a sentence, neither with more memory than allowed. */
static void check_list(const frame_list *list, bool done) {
    fuzz_require(done == (list->message[0] == '\0'), "success or a sentence", list->message);
    fuzz_require(!done || list->count > 0, "success without frames", "");
    fuzz_require(list->bytes <= FUZZ_MAX_FRAMES_BYTES, "too much memory", list->message);
    for (size_t i = 0; done && i < list->count; i++) {
        sink += touch(&list->frames[i]);
    }
}

/* ---- streams ---- */

static bool read_stream(frame_list *list, FILE *file, uint8_t first, uint8_t choice) {
    frame_options raw = {.size = {1 + choice % 17, 1 + choice / 17},
                         .format = choice % FUZZ_FORMATS,
                         .color = COLOR_OF_FILE};
    switch (first) {
    case 0x93:
        return frames_read_npy(list, file);
    case 'Y':
        return frames_read_y4m(list, file, choice % 7 - 1);
    default:
        return frames_read_raw(list, file, &raw);
    }
}

static void fuzz_stream(const uint8_t *stream, size_t size, uint8_t choice) {
    frame_list list;
    FILE *file = fmemopen((void *)(uintptr_t)stream, size, "rb");
    if (file == NULL) {
        return;
    }
    frame_list_init(&list, FUZZ_MAX_FRAMES_BYTES);
    check_list(&list, read_stream(&list, file, stream[0], choice));
    frame_list_free(&list);
    (void)fclose(file);
}

/* ---- a folder with one PNG file ---- */

static char folder[64], png_path[80];

static void remove_folder(void) {
    (void)unlink(png_path);
    (void)rmdir(folder);
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count;
    (void)arguments;
    (void)snprintf(folder, sizeof folder, "%s/dualpath-fuzz-XXXXXX", P_tmpdir);
    fuzz_require(mkdtemp(folder) != NULL && atexit(remove_folder) == 0, "no folder", folder);
    (void)snprintf(png_path, sizeof png_path, "%s/1.png", folder);
    return 0;
}

static void fuzz_png(const uint8_t *bytes, size_t size) {
    frame_list list;
    FILE *file = fopen(png_path, "wb");
    fuzz_require(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0,
                 "no file", png_path);
    frame_list_init(&list, FUZZ_MAX_FRAMES_BYTES);
    check_list(&list, frames_read_pictures(&list, folder, COLOR_OF_FILE));
    frame_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) {
        return 0;
    }
    if (data[0] == 0x89) {
        fuzz_png(data, size);
        return 0;
    }
    bool replaced = data[0] < Y4M_HEADERS;
    const char *header = replaced ? y4m_headers[data[0]] : "";
    size_t header_size = strlen(header), rest = size - 1 - replaced;
    uint8_t *stream = malloc(header_size + rest);
    fuzz_require(stream != NULL, "no memory", "");
    memcpy(stream, header, header_size);
    memcpy(stream + header_size, data + replaced, rest);
    fuzz_stream(stream, header_size + rest, data[size - 1]);
    free(stream);
    return 0;
}
