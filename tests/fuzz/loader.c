/*
 * libFuzzer on opening models. The input is the file; its last byte, which in a sound file is the
 * last of a weight, also chooses how it is opened: with or without checksums, in which precision,
 * from memory, through a callback, gzip-compressed, or as a backbone. A task is opened on the
 * backbone of the smallest golden model. The golden models are good seeds, and so are compiled ones
 * and tasks.
 */
#include "dualpath.h"
#include "split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct input {
    const uint8_t *bytes;
    size_t size;
} input;

/* Hands out pieces of odd sizes. */
static int64_t read_input(void *user, uint64_t offset, void *buffer, size_t size) {
    const input *from = user;
    size_t rest = from->size - (size_t)offset;
    size_t count = size < rest ? size : rest;
    count = count < 4093 ? count : 4093;
    memcpy(buffer, from->bytes + offset, count);
    return (int64_t)count;
}

static void open_packed(input from, const dp_model_options *options, dp_model **model) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)from.bytes, .avail_in = (uInt)from.size};
    if (deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return;
    }
    size_t room = deflateBound(&stream, from.size);
    uint8_t *packed = malloc(room);
    if (packed != NULL) {
        stream.next_out = packed;
        stream.avail_out = (uInt)room;
        (void)deflate(&stream, Z_FINISH);
        (void)dp_model_open_memory(packed, stream.total_out, options, model);
    }
    free(packed);
    (void)deflateEnd(&stream);
}

/* What an embedder asks first. */
static void ask(const dp_model *model) {
    dp_model_info info;
    size_t bytes;
    dp_model_info_default(&info);
    if (dp_model_get_info(model, &info) != DP_OK || dp_session_size(model, NULL, &bytes) != DP_OK ||
        strlen(info.description) == 0) {
        abort();
    }
    for (int32_t i = 0; i < info.classes; i++) {
        if (dp_model_label(model, i) == NULL) {
            abort();
        }
    }
}

/* What tasks are opened on: fused, in bytes, and formula by formula. */
static dp_model *backbones[3];

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    static split_files files; /* the backbones are used where they are */
    const char *folder = getenv("GOLDEN");
    char path[1024];
    (void)count;
    (void)arguments;
    (void)snprintf(path, sizeof path, "%s/crops-first.gguf",
                   folder != NULL ? folder : "tests/golden");
    files = split_path(path);
    for (int i = 0; i < 3; i++) {
        dp_model_options options;
        dp_model_options_default(&options);
        options.as_backbone = 1;
        options.precision = i == 1 ? DP_PRECISION_INT8 : DP_PRECISION_F32;
        options.unfused = i == 2;
        if (dp_model_open_memory(files.backbone, files.backbone_size, &options, &backbones[i]) !=
            DP_OK) {
            abort();
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input from = {data, size};
    dp_reader reader = {.read = read_input, .user = &from};
    dp_model *model = NULL;
    dp_model_options options;
    unsigned choice = size > 0 ? data[size - 1] : 0;
    dp_model_options_default(&options);
    options.max_inflated_size = (size_t)16 << 20;
    options.verify = choice % 2 != 0;
    options.unfused = choice / 2 % 2 != 0;
    options.precision = options.unfused != 0 ? DP_PRECISION_DEFAULT : (int32_t)(choice / 16 % 5);
    options.as_backbone = choice / 4 % 4 == 3;
    switch (choice / 4 % 4) {
    case 0:
        (void)dp_model_open_reader(&reader, &options, &model);
        break;
    case 1:
        open_packed(from, &options, &model);
        break;
    default:
        if (dp_model_open_memory(data, size, &options, &model) == DP_ERR_BACKBONE) {
            (void)dp_model_open_task_memory(backbones[choice % 3], data, size, NULL, &model);
        }
    }
    if (model != NULL) {
        ask(model);
    }
    dp_model_close(model);
    return 0;
}
