/*
 * Loading weight files. The bytes come from a path, from memory or from a callback. Compressed
 * bytes are inflated, all are parsed, and checked where that is wanted. A compiled file that begins
 * at an unaligned address is copied.
 */
#include "model/load.h"
#include "gguf/inflate.h"
#include "os/file.h"
#include "os/memory.h"

#include <string.h>

/* A parsed file and what holds its bytes. */
typedef struct weight_file {
    dpi_source source;
    dpi_gguf gguf;
    bool inflated;
} weight_file;

static void log_sentence(const dp_model_options *options, dp_log_level level, const char *text) {
    if (options->log != NULL) {
        options->log(options->log_user, level, text);
    }
}

/* ---- bytes ---- */

static dp_status report_reading(const dp_model_options *options, dpi_message *message) {
    if (options->progress == NULL ||
        options->progress(options->progress_user, "reading", 0.0) == 0) {
        return DP_OK;
    }
    return dpi_fail(message, DP_ERR_CANCELLED, "opening was cancelled while reading");
}

/* The first block that a callback's bytes are read into. */
#define FIRST_BLOCK ((size_t)1 << 20)

static dp_status read_by_callback(const dp_reader *reader, const dp_model_options *options,
                                  dpi_buffer *buffer, dpi_message *message) {
    for (;;) {
        dp_status status = report_reading(options, message);
        if (status != DP_OK) {
            return status;
        }
        if (!dpi_buffer_grow(buffer, FIRST_BLOCK, SIZE_MAX)) {
            return dpi_fail(message, DP_ERR_MEMORY,
                            "cannot allocate memory to read the model into, after %zu bytes",
                            buffer->size);
        }
        size_t space = buffer->capacity - buffer->size;
        int64_t count =
            reader->read(reader->user, buffer->size, buffer->bytes + buffer->size, space);
        if (count < 0 || (uint64_t)count > space) {
            return dpi_fail(message, DP_ERR_IO,
                            "the read callback answered %lld at byte %zu, asked for %zu",
                            (long long)count, buffer->size, space);
        }
        if (count == 0) {
            return DP_OK;
        }
        buffer->size += (size_t)count;
    }
}

static dp_status read_origin(const dpi_origin *origin, const dp_model_options *options,
                             dpi_source *source, dpi_message *message) {
    dpi_buffer buffer = {.allocator = options->allocator};
    dp_status status = DP_OK;
    switch (origin->kind) {
    case DPI_FROM_PATH:
        return dpi_file_open(origin->path, options->allocator, source, message);
    case DPI_FROM_MEMORY:
        *source = (dpi_source){.bytes = origin->bytes, .size = origin->size};
        return DP_OK;
    case DPI_FROM_READER:
        status = read_by_callback(origin->reader, options, &buffer, message);
        *source = dpi_source_of_buffer(buffer);
        break;
    }
    return status;
}

/* Replaces the source by what it inflates to. */
static dp_status inflate_source(dpi_source *source, const dp_model_options *options,
                                dpi_message *message) {
    dpi_source inflated;
    dp_status status =
        dpi_inflate(source, options->max_inflated_size, options->allocator, &inflated, message);
    if (status == DP_OK) {
        dpi_source_close(source);
        *source = inflated;
    }
    return status;
}

/* ---- files ---- */

static dp_status parse_file(weight_file *file, const dp_model_options *options,
                            dpi_message *message) {
    return dpi_gguf_parse(file->source.bytes, file->source.size, options->allocator, &file->gguf,
                          message);
}

static void close_weight_file(weight_file *file) {
    dpi_gguf_free(&file->gguf);
    dpi_source_close(&file->source);
}

/* The caller closes the file, also after a failure. */
static dp_status open_weight_file(const dpi_origin *origin, const dp_model_options *options,
                                  weight_file *file, dpi_message *message) {
    *file = (weight_file){.inflated = false};
    dp_status status = read_origin(origin, options, &file->source, message);
    if (status == DP_OK) {
        status = report_reading(options, message);
    }
    if (status == DP_OK && dpi_is_gzip(file->source.bytes, file->source.size)) {
        file->inflated = true;
        status = inflate_source(&file->source, options, message);
    }
    return status == DP_OK ? parse_file(file, options, message) : status;
}

static dp_status check_checksums(const weight_file *file, dpi_message *message) {
    const dpi_gguf *gguf = &file->gguf;
    if (!gguf->has_crcs) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        DPI_GGUF_CRC_KEY ": this file carries no checksums to verify");
    }
    dp_status status = DP_OK;
    for (size_t i = 0; i < gguf->tensor_count && status == DP_OK; i++) {
        const dpi_tensor *tensor = &gguf->tensors[i];
        status = dpi_tensor_check(tensor, message);
        dpi_source_unload(&file->source, tensor->data, tensor->bytes);
    }
    return status;
}

/* Moves the bytes into a block of our own and parses them again. */
static dp_status copy_aligned(weight_file *file, const dp_model_options *options,
                              dpi_message *message) {
    dpi_source *source = &file->source;
    dpi_buffer copy = {.allocator = options->allocator};
    dpi_gguf_free(&file->gguf);
    if (!dpi_buffer_grow(&copy, source->size, source->size)) {
        return dpi_fail(message, DP_ERR_MEMORY,
                        "the bytes of the compiled model are not aligned to %d, and %zu bytes for "
                        "a copy cannot be allocated",
                        DPI_ALIGNMENT, source->size);
    }
    log_sentence(options, DP_LOG_WARNING,
                 "the bytes of the compiled model are not aligned to 64: they are copied");
    memcpy(copy.bytes, source->bytes, source->size);
    copy.size = source->size;
    dpi_source_close(source);
    *source = dpi_source_of_buffer(copy);
    return parse_file(file, options, message);
}

/* Kernels read the weights of compiled files where they lie, at aligned addresses. */
static bool needs_copy(const weight_file *file) {
    return (uintptr_t)file->source.bytes % DPI_ALIGNMENT != 0 && dpi_is_compiled(&file->gguf);
}

static void log_opened(const dp_model_options *options, const struct dp_model *model) {
    if (model->lacks_amx) {
        char text[160];
        (void)dpi_print(text, sizeof text,
                        "the operating system refuses the tile registers of AMX to this process: "
                        "the model computes with %s",
                        model->gemm->name);
        log_sentence(options, DP_LOG_WARNING, text);
    }
    log_sentence(options, DP_LOG_INFO, model->description);
}

dp_status dpi_model_load(const dpi_origin *origin, const dpi_opening *opening, dp_model **model,
                         dpi_message *message) {
    const dp_model_options *options = &opening->options;
    weight_file file;
    dp_status status = open_weight_file(origin, options, &file, message);
    if (status == DP_OK && needs_copy(&file)) {
        status = copy_aligned(&file, options, message);
    }
    bool verified = options->verify != 0 || (file.inflated && file.gguf.has_crcs);
    if (status == DP_OK && verified) {
        status = check_checksums(&file, message);
    }
    if (status == DP_OK) {
        status = dpi_model_build(&file.gguf, &file.source, opening, model, message);
    }
    close_weight_file(&file);
    if (status == DP_OK) {
        log_opened(options, *model);
    }
    return status;
}

dp_status dpi_weight_file_verify(const dpi_origin *origin, const dp_model_options *options,
                                 dpi_message *message) {
    weight_file file;
    dp_status status = open_weight_file(origin, options, &file, message);
    if (status == DP_OK) {
        status = check_checksums(&file, message);
    }
    close_weight_file(&file);
    return status;
}
