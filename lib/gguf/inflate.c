/*
 * Compressed weight files: inflates all members of a gzip file into one block of memory, which
 * grows as bytes really come out of it, up to the limit that the caller gave.
 */
#include "base/arena.h"
#include "base/bytes.h"
#include "base/size.h"
#include "dp_config.h"
#include "gguf/gguf.h"
#include "os/memory.h"

bool dp_is_gzip(const uint8_t *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

#if defined(DP_NO_ZLIB)

dp_status dp_inflate(const dp_source *packed, size_t limit, const dp_allocator *allocator,
                     dp_source *inflated, dp_message *message) {
    (void)packed, (void)limit, (void)allocator;
    *inflated = (dp_source){0};
    return dp_fail(message, DP_ERR_UNSUPPORTED,
                   "the file is gzip-compressed, and this build has no zlib: decompress it first");
}

#else

#define ZLIB_CONST
#include <zlib.h>

/* What zlib is given and asked for at a time. */
#define MAX_CHUNK ((size_t)4 << 20)
/* Deflate cannot do better. */
#define MAX_RATIO 1032

/* zlib does not tell the size of what it frees: it is kept in front, where it disturbs no
 * alignment. */
static void *allocate_for_zlib(void *opaque, unsigned items, unsigned item_size) {
    size_t size;
    if (!dp_size_mul(items, item_size, &size) || !dp_size_add(size, DP_ALIGNMENT, &size)) {
        return NULL;
    }
    uint8_t *block = dp_allocate(opaque, size);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    return block + DP_ALIGNMENT;
}

static void release_for_zlib(void *opaque, void *pointer) {
    uint8_t *block = (uint8_t *)pointer - DP_ALIGNMENT;
    size_t size;
    memcpy(&size, block, sizeof size);
    dp_release(opaque, block, size);
}

/* The last four bytes of a gzip file are the size of its last member, modulo 2^32: a hint that
 * mostly saves growing. A hint that the file is too short for is not taken. The byte more lets zlib
 * see the end. */
static size_t first_capacity(const uint8_t *bytes, size_t size) {
    size_t hint = size >= 4 ? dp_load_u32(bytes + size - 4) : 0;
    size_t least = 65536;
    return hint > least && hint < SIZE_MAX && hint / MAX_RATIO <= size ? hint + 1 : least;
}

/* One byte more than the limit is enough to see that there is too much. */
static dp_status grow(dp_source *out, size_t capacity, size_t limit, dp_message *message) {
    size_t most = limit < SIZE_MAX ? limit + 1 : SIZE_MAX;
    capacity = dp_size_min(capacity, most);
    uint8_t *block = dp_allocate(out->allocator, capacity);
    if (block == NULL) {
        return dp_fail(message, DP_ERR_MEMORY,
                       "cannot allocate %zu bytes to inflate the gzip data into", capacity);
    }
    if (out->block != NULL) {
        dp_move_block(out->allocator, block, out->block, out->size, out->allocated);
    }
    out->bytes = out->block = block;
    out->allocated = capacity;
    return DP_OK;
}

/* Makes room for at least one byte. */
static dp_status make_room(dp_source *out, size_t limit, dp_message *message) {
    if (out->size < out->allocated) {
        return DP_OK;
    }
    return grow(out, out->allocated > SIZE_MAX / 2 ? SIZE_MAX : 2 * out->allocated, limit, message);
}

static dp_status fail_inflate(const z_stream *stream, int result, size_t at, dp_message *message) {
    if (result == Z_MEM_ERROR) {
        return dp_fail(message, DP_ERR_MEMORY, "cannot allocate memory for zlib");
    }
    if (result == Z_BUF_ERROR) {
        return dp_fail(message, DP_ERR_FORMAT, "the gzip data is cut off: it ends after %zu bytes",
                       at);
    }
    return dp_fail(message, DP_ERR_FORMAT, "the gzip data is damaged before byte %zu: %s", at,
                   stream->msg != NULL ? stream->msg : "not deflate data");
}

/* At the end of a member: another one follows, or nothing. */
static dp_status next_member(z_stream *stream, const uint8_t *rest, size_t size, size_t at,
                             dp_message *message) {
    if (size > 0 && !dp_is_gzip(rest, size)) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "%zu bytes of something else follow the gzip data, from byte %zu", size, at);
    }
    (void)inflateReset(stream);
    return DP_OK;
}

/* One step of zlib, from byte *at to the end of what was inflated so far. */
static int inflate_some(z_stream *stream, const dp_source *packed, size_t *at, dp_source *out) {
    size_t given = dp_size_min(packed->size - *at, MAX_CHUNK);
    size_t room = dp_size_min(out->allocated - out->size, MAX_CHUNK);
    stream->next_in = packed->bytes + *at;
    stream->avail_in = (unsigned)given;
    stream->next_out = out->block + out->size;
    stream->avail_out = (unsigned)room;
    int result = inflate(stream, Z_NO_FLUSH);
    dp_source_discard(packed, packed->bytes + *at, given - stream->avail_in);
    *at += given - stream->avail_in;
    out->size += room - stream->avail_out;
    return result;
}

static dp_status inflate_members(z_stream *stream, const dp_source *packed, size_t limit,
                                 dp_source *out, dp_message *message) {
    size_t at = 0;
    dp_status status = grow(out, first_capacity(packed->bytes, packed->size), limit, message);
    for (bool done = false; status == DP_OK && !done;) {
        status = make_room(out, limit, message);
        if (status != DP_OK) {
            break;
        }
        int result = inflate_some(stream, packed, &at, out);
        if (out->size > limit) {
            status = dp_fail(message, DP_ERR_MEMORY,
                             "the gzip data inflates to more than the limit of %zu bytes", limit);
        } else if (result == Z_STREAM_END) {
            done = at == packed->size;
            status = next_member(stream, packed->bytes + at, packed->size - at, at, message);
        } else if (result != Z_OK) {
            status = fail_inflate(stream, result, at, message);
        }
    }
    return status;
}

dp_status dp_inflate(const dp_source *packed, size_t limit, const dp_allocator *allocator,
                     dp_source *inflated, dp_message *message) {
    z_stream stream = {
        .zalloc = allocate_for_zlib, .zfree = release_for_zlib, .opaque = (void *)allocator};
    int result = inflateInit2(&stream, 16 + MAX_WBITS); /* gzip, not zlib, not raw */
    *inflated = (dp_source){.allocator = allocator};
    if (result != Z_OK) {
        return dp_fail(message, DP_ERR_MEMORY, "cannot start zlib: error %d", result);
    }
    dp_status status = inflate_members(&stream, packed, limit, inflated, message);
    (void)inflateEnd(&stream);
    if (status != DP_OK) {
        dp_source_close(inflated);
    }
    return status;
}

#endif /* DP_NO_ZLIB */
