/*
 * foreign.c - what an input is that no reader takes, by how it begins, and what helps.
 */
#include "frames.h"

#include <string.h>

#define PICTURE ", one frame: a clip is a folder of PNG files, or a video"
#define UNPACK ": unpack it into a pipe, and give - as INPUT"
#define FETCH ": download the video itself"

static const struct {
    size_t at, length;
    const char *bytes;
    foreign_kind kind;
} magics[] = {
#define MAGIC(at, bytes, what)              \
    {                                       \
        (at), sizeof(bytes) - 1, (bytes), { \
            (what), false                   \
        }                                   \
    }
#define VIDEO(at, bytes, what)              \
    {                                       \
        (at), sizeof(bytes) - 1, (bytes), { \
            (what), true                    \
        }                                   \
    }
    MAGIC(0, "GGUF", "a weight file: MODEL goes before INPUT"),
    VIDEO(4, "ftyp", "an MP4 or QuickTime video"),
    VIDEO(0, "\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    VIDEO(8, "AVI ", "an AVI video"),
    MAGIC(8, "WAVE", "sound (WAV), which has no frames"),
    VIDEO(0, "GIF8", "a GIF"),
    MAGIC(0, "\x89PNG", "a PNG picture" PICTURE),
    MAGIC(0, "\xff\xd8\xff", "a JPEG picture" PICTURE),
    MAGIC(0, "\x1f\x8b", "compressed with gzip" UNPACK),
    MAGIC(0, "\x28\xb5\x2f\xfd", "compressed with zstd" UNPACK),
    MAGIC(0,
          "\xfd"
          "7zXZ",
          "compressed with xz" UNPACK),
    MAGIC(0, "PK\3\4", "a ZIP archive, such as .npz: unpack it, and give a .npy file"),
    MAGIC(4, "\0\0\0\0{\"", "a safetensors file: dualpath-convert makes a MODEL of it"),
    MAGIC(4, "pytorch", "an ONNX model, which has no frames"),
    MAGIC(0, "version https://git-lfs", "a Git LFS pointer: 'git lfs pull' fetches the file"),
    MAGIC(0, "<!DOCTYPE", "a page of HTML" FETCH),
    MAGIC(0, "<!doctype", "a page of HTML" FETCH),
    MAGIC(0, "<html", "a page of HTML" FETCH),
};

foreign_kind foreign_kind_of(FILE *file) {
    char start[32];
    size_t size = fread(start, 1, sizeof start, file);
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        if (size >= magics[i].at + magics[i].length &&
            memcmp(start + magics[i].at, magics[i].bytes, magics[i].length) == 0) {
            return magics[i].kind;
        }
    }
    return (foreign_kind){NULL, true};
}
