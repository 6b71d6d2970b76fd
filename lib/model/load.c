/*
 * Loading weight files. The bytes come from a path, from memory or from a callback. Compressed
 * bytes are inflated, all are parsed, and checked where that is wanted. A compiled file that begins
 * at an unaligned address is copied. All memory that this takes is counted where it is limited.
 */
#include "model/load.h"
#include "base/size.h"
#include "dp_config.h"
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

/* ---- the account ---- */

/* A task counts on the account of its backbone. */
static dp_status open_account(dpi_opening *opening, dpi_message *message) {
    dp_model_options *options = &opening->options;
    dpi_account *counted = opening->backbone != NULL ? opening->backbone->account : NULL;
    dp_status status = DP_OK;
    if (!DPI_HAS_ACCOUNTS) {
        return options->max_memory == 0 ? DP_OK
                                        : dpi_fail(message, DP_ERR_UNSUPPORTED,
                                                   "dp_model_options: this build does not count "
                                                   "memory: max_memory cannot be had");
    }
    if (counted != NULL) {
        status = dpi_account_share(counted, options->allocator, &opening->account, message);
    } else if (options->max_memory > 0) {
        status =
            dpi_account_open(options->max_memory, options->allocator, &opening->account, message);
    }
    if (opening->account != NULL) {
        options->allocator = &opening->account->allocator;
        options->max_memory = opening->account->counted->limit;
    }
    return status;
}

static void close_account(dpi_opening *opening) {
    if (DPI_HAS_ACCOUNTS) {
        dpi_account_close(opening->account);
    }
}

/* ---- bytes ---- */

/* What a pipe or a callback may give where memory has no limit: it need not have an end. */
#define UNLIMITED_BYTES ((uint64_t)8 << 30)

static size_t unsized_limit(const dp_model_options *options) {
    if (options->max_memory > 0) {
        return options->max_memory;
    }
    return UNLIMITED_BYTES < SIZE_MAX / 2 ? (size_t)UNLIMITED_BYTES : SIZE_MAX / 2;
}

/* The first block that a callback's bytes are read into. */
#define FIRST_BLOCK ((size_t)1 << 20)

static dp_status read_by_callback(const dp_reader *reader, dpi_opening *opening, dpi_buffer *buffer,
                                  dpi_message *message) {
    size_t limit = unsized_limit(&opening->options);
    for (;;) {
        dp_status status =
            dpi_buffer_grow(buffer, FIRST_BLOCK, limit, "what the read callback gives", message);
        if (status != DP_OK) {
            return status;
        }
        size_t space = dpi_size_min(buffer->capacity - buffer->size, DPI_WATCHED_BYTES);
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
        status = dpi_watch_advance(&opening->watch, (uint64_t)count, message);
        if (status != DP_OK) {
            return status;
        }
    }
}

static dp_status read_origin(const dpi_origin *origin, dpi_opening *opening, dpi_source *source,
                             dpi_message *message) {
    const dp_model_options *options = &opening->options;
    dpi_buffer buffer = {.allocator = options->allocator};
    dp_status status;
    switch (origin->kind) {
    case DPI_FROM_PATH:
        return dpi_file_open(origin->path, unsized_limit(options), options->allocator,
                             &opening->watch, source, message);
    case DPI_FROM_MEMORY:
        *source = (dpi_source){.bytes = origin->bytes, .size = origin->size};
        return DP_OK;
    default: /* DPI_FROM_READER */
        status = read_by_callback(origin->reader, opening, &buffer, message);
        *source = dpi_source_of_buffer(buffer);
        return status;
    }
}

/* Replaces the source by what it inflates to. */
static dp_status inflate_source(dpi_source *source, dpi_opening *opening, dpi_message *message) {
    const dp_model_options *options = &opening->options;
    size_t limit = options->max_inflated_size > 0 ? options->max_inflated_size
                                                  : dpi_inflated_limit(source->size);
    dpi_source inflated;
    dpi_watch_stage(&opening->watch, "inflating", 0.3, source->size);
    dp_status status =
        dpi_inflate(source, limit, options->allocator, &opening->watch, &inflated, message);
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
static dp_status open_weight_file(const dpi_origin *origin, dpi_opening *opening, weight_file *file,
                                  dpi_message *message) {
    dpi_watch_stage(&opening->watch, "reading", 0.0, 0);
    dp_status status = dpi_watch_advance(&opening->watch, 0, message);
    if (status == DP_OK) {
        status = read_origin(origin, opening, &file->source, message);
    }
    if (status == DP_OK && dpi_is_gzip(file->source.bytes, file->source.size)) {
        file->inflated = true;
        status = inflate_source(&file->source, opening, message);
    }
    return status == DP_OK ? parse_file(file, &opening->options, message) : status;
}

static uint64_t count_tensor_bytes(const dpi_gguf *gguf) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        bytes += gguf->tensors[i].bytes;
    }
    return bytes;
}

/* `last`: the fraction of the call that is done then. */
static dp_status check_checksums(const weight_file *file, dpi_watch *watch, double last,
                                 dpi_message *message) {
    const dpi_gguf *gguf = &file->gguf;
    if (!gguf->has_crcs) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        DPI_GGUF_CRC_KEY ": this file carries no checksums to verify");
    }
    dpi_watch_stage(watch, "verifying", last, count_tensor_bytes(gguf));
    dp_status status = DP_OK;
    for (size_t i = 0; i < gguf->tensor_count && status == DP_OK; i++) {
        const dpi_tensor *tensor = &gguf->tensors[i];
        status = dpi_tensor_check(tensor, watch, message);
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
    dp_status status =
        dpi_buffer_grow(&copy, source->size, source->size,
                        "a copy of the compiled model, whose bytes are not aligned to 64", message);
    if (status != DP_OK) {
        return status;
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
        log_sentence(options, DP_LOG_WARNING,
                     "the operating system refuses the tile registers of AMX to this process: the "
                     "model computes without them");
    }
    log_sentence(options, DP_LOG_INFO, model->description);
}

static dp_status load_model(const dpi_origin *origin, dpi_opening *opening, weight_file *file,
                            dp_model **model, dpi_message *message) {
    const dp_model_options *options = &opening->options;
    dp_status status = open_weight_file(origin, opening, file, message);
    if (status == DP_OK && needs_copy(file)) {
        status = copy_aligned(file, options, message);
    }
    bool verified = options->verify != 0 || (file->inflated && file->gguf.has_crcs);
    if (status == DP_OK && verified) {
        status = check_checksums(file, &opening->watch, 0.4, message);
    }
    return status == DP_OK ? dpi_model_build(&file->gguf, &file->source, opening, model, message)
                           : status;
}

dp_status dpi_model_load(const dpi_origin *origin, dpi_opening *opening, dp_model **model,
                         dpi_message *message) {
    weight_file file = {.inflated = false};
    dp_status status = open_account(opening, message);
    if (status == DP_OK) {
        status = load_model(origin, opening, &file, model, message);
    }
    close_weight_file(&file);
    if (status == DP_OK) {
        log_opened(&opening->options, *model);
    } else {
        close_account(opening);
    }
    return status;
}

dp_status dpi_weight_file_verify(const dpi_origin *origin, dpi_opening *opening,
                                 dpi_message *message) {
    weight_file file = {.inflated = false};
    dp_status status = open_account(opening, message);
    if (status == DP_OK) {
        status = open_weight_file(origin, opening, &file, message);
    }
    if (status == DP_OK) {
        status = check_checksums(&file, &opening->watch, 1.0, message);
    }
    close_weight_file(&file);
    close_account(opening);
    return status;
}
