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

#if defined(DP_NO_ZLIB)

dp_status dpi_inflate(const dpi_source *compressed, size_t limit, const dp_allocator *allocator,
                      dpi_source *inflated, dpi_message *message) {
    (void)compressed, (void)limit, (void)allocator;
    *inflated = (dpi_source){0};
    return dpi_fail(message, DP_ERR_UNSUPPORTED,
                    "the file is gzip-compressed, and this build has no zlib: decompress it first");
}

#else

#define ZLIB_CONST
#include <zlib.h>

/* Bytes that zlib gets and may write at a time. */
#define MAX_CHUNK ((size_t)4 << 20)
/* Deflate cannot compress better. */
#define MAX_RATIO 1032

/* zlib does not say the size of what it frees, so the size is stored before the block, which
 * stays aligned. */
static void *allocate_for_zlib(void *opaque, unsigned items, unsigned item_size) {
    size_t size;
    if (!dpi_size_mul(items, item_size, &size) || !dpi_size_add(size, DPI_ALIGNMENT, &size)) {
        return NULL;
    }
    uint8_t *block = dpi_allocate(opaque, size);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    return block + DPI_ALIGNMENT;
}

static void release_for_zlib(void *opaque, void *pointer) {
    uint8_t *block = (uint8_t *)pointer - DPI_ALIGNMENT;
    size_t size;
    memcpy(&size, block, sizeof size);
    dpi_release(opaque, block, size);
}

/* The last four bytes of a gzip file are the size of its last member, modulo 2^32: a hint that
 * usually saves growing. It is ignored where the file is too short for it. One more byte lets zlib
 * see the end. */
static size_t hinted_capacity(const dpi_source *compressed) {
    size_t size = compressed->size;
    size_t hint = size >= 4 ? dpi_load_u32(compressed->bytes + size - 4) : 0;
    size_t least = 65536;
    return hint > least && hint < SIZE_MAX && hint / MAX_RATIO <= size ? hint + 1 : least;
}

static dp_status fail_inflate(const z_stream *stream, int result, size_t at, dpi_message *message) {
    if (result == Z_MEM_ERROR) {
        return dpi_fail(message, DP_ERR_MEMORY, "cannot allocate memory for zlib");
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
    size_t given = dpi_size_min(compressed->size - *at, MAX_CHUNK);
    size_t space = dpi_size_min(out->capacity - out->size, MAX_CHUNK);
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
                                 dpi_buffer *out, dpi_message *message) {
    size_t first = hinted_capacity(compressed);
    size_t most =
        limit < SIZE_MAX ? limit + 1 : SIZE_MAX; /* a byte more shows that it is too much */
    size_t at = 0;
    for (bool done = false; !done;) {
        if (!dpi_buffer_grow(out, first, most)) {
            return dpi_fail(message, DP_ERR_MEMORY,
                            "cannot allocate memory to inflate the gzip data into, after %zu bytes",
                            out->size);
        }
        int result = inflate_chunk(stream, compressed, &at, out);
        if (out->size > limit) {
            return dpi_fail(message, DP_ERR_MEMORY,
                            "the gzip data inflates to more than the limit of %zu bytes", limit);
        }
        if (result != Z_OK && result != Z_STREAM_END) {
            return fail_inflate(stream, result, at, message);
        }
        done = result == Z_STREAM_END && at == compressed->size;
        if (result == Z_STREAM_END && !done) {
            dp_status status =
                begin_member(stream, compressed->bytes + at, compressed->size - at, at, message);
            if (status != DP_OK) {
                return status;
            }
        }
    }
    return DP_OK;
}

dp_status dpi_inflate(const dpi_source *compressed, size_t limit, const dp_allocator *allocator,
                      dpi_source *inflated, dpi_message *message) {
    z_stream stream = {
        .zalloc = allocate_for_zlib, .zfree = release_for_zlib, .opaque = (void *)allocator};
    int result = inflateInit2(&stream, 16 + MAX_WBITS); /* gzip, not zlib, not raw */
    dpi_buffer out = {.allocator = allocator};
    *inflated = (dpi_source){0};
    if (result != Z_OK) {
        return dpi_fail(message, DP_ERR_MEMORY, "cannot start zlib: error %d", result);
    }
    dp_status status = inflate_members(&stream, compressed, limit, &out, message);
    (void)inflateEnd(&stream);
    if (status == DP_OK) {
        *inflated = dpi_source_of_buffer(out);
    } else {
        dpi_buffer_free(&out);
    }
    return status;
}

#endif /* DP_NO_ZLIB */
