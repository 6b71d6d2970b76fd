/*
 * Files of other formats, which are told by how they begin.
 */
#include "gguf/foreign.h"
#include "base/size.h"
#include "dp_config.h"

#include <string.h>

#define CONVERT ": dualpath-convert makes a weight file of a checkpoint"
#define FETCH ": download the weight file itself"
#define UNPACK ": unpack it first"
#define CLIP ", a clip to classify and no model"

typedef struct magic {
    uint16_t at, length;
    const char *bytes;
    const char *what; /* with what helps */
} magic;

#define MAGIC(at, bytes, what) \
    { (at), sizeof(bytes) - 1, (bytes), (what) }

static const magic magics[] = {
    MAGIC(0, "PK\3\4", "a ZIP archive such as torch.save() writes" CONVERT),
    MAGIC(4, "\0\0\0\0{\"", "a safetensors file" CONVERT),
    MAGIC(0, "\x80\2", "a pickle such as old versions of torch.save() write" CONVERT),
    MAGIC(0, "\x80\4", "a pickle: save the weights with torch.save(), for dualpath-convert"),
    MAGIC(4, "pytorch", "an ONNX model: give dualpath-convert the checkpoint of PyTorch"),
    MAGIC(0, "\x89HDF\r\n", "an HDF5 file: dualpath-convert reads checkpoints of PyTorch"),
    MAGIC(0, "version https://git-lfs", "a Git LFS pointer: 'git lfs pull' fetches the file"),
    MAGIC(0, "<!DOCTYPE", "a page of HTML" FETCH),
    MAGIC(0, "<!doctype", "a page of HTML" FETCH),
    MAGIC(0, "<html", "a page of HTML" FETCH),
    MAGIC(0,
          "\x7f"
          "ELF",
          "a program or a library"),
    MAGIC(0, "BZh", "compressed with bzip2" UNPACK),
    MAGIC(0,
          "\xfd"
          "7zXZ",
          "compressed with xz" UNPACK),
    MAGIC(0, "\x28\xb5\x2f\xfd", "compressed with zstd" UNPACK),
    MAGIC(257, "ustar", "a tar archive" UNPACK),
    MAGIC(0, "\x89PNG", "a PNG picture" CLIP),
    MAGIC(0, "\xff\xd8\xff", "a JPEG picture" CLIP),
    MAGIC(4, "ftyp", "an MP4 video" CLIP),
    MAGIC(0, "\x1a\x45\xdf\xa3", "a Matroska or WebM video" CLIP),
    MAGIC(0, "YUV4MPEG2", "a Y4M video" CLIP),
    MAGIC(0, "\x93NUMPY", "a NumPy array" CLIP),
};

/* What the bytes are, or NULL. */
static const char *recognise(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        const magic *m = &magics[i];
        if (size >= (size_t)m->at + m->length && memcmp(bytes + m->at, m->bytes, m->length) == 0) {
            return m->what;
        }
    }
    return NULL;
}

dp_status dpi_refuse_foreign(const uint8_t *bytes, size_t size, dpi_message *message) {
    const char *what = DPI_HAS_ADVICE ? recognise(bytes, size) : NULL;
    if (what != NULL) {
        return dpi_fail(message, DP_ERR_FORMAT, "not a GGUF file but %s", what);
    }
    dpi_text start = {(const char *)bytes, dpi_size_min(size, 4)};
    return dpi_fail(message, DP_ERR_FORMAT,
                    "not a GGUF file: it begins with '%s' instead of 'GGUF'", DPI_SHOW(start));
}
