/*
 * Compressed weight files: all members of a gzip file are inflated into one block of memory. The
 * block grows as bytes come out, up to the caller's limit: a size that the file claims is only a
 * hint.
 */
#include "gguf/inflate.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/size.h"
#include "dp_config.h"
#include "os/memory.h"

bool dpi_is_gzip(const uint8_t *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

#define INFLATED_ANYWAY ((size_t)1 << 20)
#define INFLATED_RATIO 8

size_t dpi_inflated_limit(size_t size) {
    size_t limit = 0;
    bool fits =
        dpi_size_mul(size, INFLATED_RATIO, &limit) && dpi_size_add(limit, INFLATED_ANYWAY, &limit);
    return fits ? limit : SIZE_MAX;
}

#if defined(DP_NO_ZLIB)

dp_status dpi_inflate(const dpi_source *compressed, size_t limit, const dp_allocator *allocator,
                      dpi_watch *watch, dpi_source *inflated, dpi_message *message) {
    (void)compressed, (void)limit, (void)allocator, (void)watch;
    *inflated = (dpi_source){0};
    return dpi_fail(message, DP_ERR_UNSUPPORTED,
                    "the file is gzip-compressed, and this build has no zlib: decompress it first");
}

#else

#define ZLIB_CONST
#include <zlib.h>

/* Deflate cannot compress better. */
#define MAX_RATIO 1032

/* Where zlib's memory comes from, and why there is none. */
typedef struct zlib_memory {
    const dp_allocator *allocator;
    dpi_message *message;
} zlib_memory;

/* zlib does not say the size of what it frees, so the size is stored before the block, which
 * stays aligned. */
static void *allocate_for_zlib(void *opaque, unsigned items, unsigned item_size) {
    const zlib_memory *memory = opaque;
    size_t size;
    if (!dpi_size_mul(items, item_size, &size) || !dpi_size_add(size, DPI_ALIGNMENT, &size)) {
        (void)dpi_fail_to_allocate(memory->allocator, SIZE_MAX, "zlib", memory->message);
        return NULL;
    }
    uint8_t *block = dpi_allocate_for(memory->allocator, size, "zlib", memory->message);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    return block + DPI_ALIGNMENT;
}

static void release_for_zlib(void *opaque, void *pointer) {
    const zlib_memory *memory = opaque;
    uint8_t *block = (uint8_t *)pointer - DPI_ALIGNMENT;
    size_t size;
    memcpy(&size, block, sizeof size);
    dpi_release(memory->allocator, block, size);
}

/* The last four bytes of a gzip file are the size of its last member, modulo 2^32: a hint that
 * usually saves growing. It is ignored where the file is too short for it, or the limit too low.
 * One more byte lets zlib see the end. */
static size_t hinted_capacity(const dpi_source *compressed, size_t limit) {
    size_t size = compressed->size;
    size_t hint = size >= 4 ? dpi_load_u32(compressed->bytes + size - 4) : 0;
    size_t least = 65536;
    return hint > least && hint <= limit && hint / MAX_RATIO <= size ? hint + 1 : least;
}

static dp_status fail_inflate(const z_stream *stream, int result, size_t at, dpi_message *message) {
    if (result == Z_MEM_ERROR) {
        return DP_ERR_MEMORY; /* and allocate_for_zlib() has said why */
    }
    if (result == Z_BUF_ERROR) {
        return dpi_fail(message, DP_ERR_FORMAT, "the gzip data is cut off: it ends after %zu bytes",
                        at);
    }
    return dpi_fail(message, DP_ERR_FORMAT, "the gzip data is damaged before byte %zu: %s", at,
                    stream->msg != NULL ? stream->msg : "not deflate data");
}

/* What follows the end of a member must be another one. */
static dp_status begin_member(z_stream *stream, const uint8_t *rest, size_t size, size_t at,
                              dpi_message *message) {
    if (!dpi_is_gzip(rest, size)) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "%zu bytes of something else follow the gzip data, from byte %zu", size,
                        at);
    }
    (void)inflateReset(stream);
    return DP_OK;
}

/* One step of zlib, from byte *at of the compressed bytes to the end of what was inflated so far.
 */
static int inflate_chunk(z_stream *stream, const dpi_source *compressed, size_t *at,
                         dpi_buffer *out) {
    size_t given = dpi_size_min(compressed->size - *at, DPI_WATCHED_BYTES);
    size_t space = dpi_size_min(out->capacity - out->size, DPI_WATCHED_BYTES);
    stream->next_in = compressed->bytes + *at;
    stream->avail_in = (unsigned)given;
    stream->next_out = out->bytes + out->size;
    stream->avail_out = (unsigned)space;
    int result = inflate(stream, Z_NO_FLUSH);
    dpi_source_discard(compressed, compressed->bytes + *at, given - stream->avail_in);
    *at += given - stream->avail_in;
    out->size += space - stream->avail_out;
    return result;
}

static dp_status inflate_members(z_stream *stream, const dpi_source *compressed, size_t limit,
                                 dpi_watch *watch, dpi_buffer *out, dpi_message *message) {
    size_t first = hinted_capacity(compressed, limit);
    size_t at = 0;
    for (bool done = false; !done;) {
        size_t before = at;
        dp_status status =
            dpi_buffer_grow(out, first, limit, "what the gzip data inflates to", message);
        if (status != DP_OK) {
            return status;
        }
        int result = inflate_chunk(stream, compressed, &at, out);
        if (out->size > limit) {
            return dpi_fail(message, DP_ERR_MEMORY,
                            "the gzip data inflates to more than the limit of %zu bytes "
                            "(max_inflated_size)",
                            limit);
        }
        if (result != Z_OK && result != Z_STREAM_END) {
            return fail_inflate(stream, result, at, message);
        }
        status = dpi_watch_advance(watch, at - before, message);
        if (status != DP_OK) {
            return status;
        }
        done = result == Z_STREAM_END && at == compressed->size;
        if (result == Z_STREAM_END && !done) {
            status =
                begin_member(stream, compressed->bytes + at, compressed->size - at, at, message);
            if (status != DP_OK) {
                return status;
            }
        }
    }
    return DP_OK;
}

dp_status dpi_inflate(const dpi_source *compressed, size_t limit, const dp_allocator *allocator,
                      dpi_watch *watch, dpi_source *inflated, dpi_message *message) {
    zlib_memory memory = {allocator, message};
    z_stream stream = {.zalloc = allocate_for_zlib, .zfree = release_for_zlib, .opaque = &memory};
    int result = inflateInit2(&stream, 16 + MAX_WBITS); /* gzip, not zlib, not raw */
    dpi_buffer out = {.allocator = allocator};
    *inflated = (dpi_source){0};
    if (result != Z_OK) {
        return result == Z_MEM_ERROR
                   ? DP_ERR_MEMORY
                   : dpi_fail(message, DP_ERR_UNSUPPORTED, "cannot start zlib: error %d", result);
    }
    dp_status status = inflate_members(&stream, compressed, limit, watch, &out, message);
    (void)inflateEnd(&stream);
    if (status == DP_OK) {
        *inflated = dpi_source_of_buffer(out);
    } else {
        dpi_buffer_free(&out);
    }
    return status;
}

#endif /* DP_NO_ZLIB */
