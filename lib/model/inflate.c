/*
 * Compressed weight files: inflates all members of a gzip file into one block of memory, which
 * grows as bytes really come out of it, up to the limit that the caller gave.
 */
#include "model/bytes.h"
#include "model/gguf.h"

bool dp_is_gzip(const uint8_t *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

#if defined(DP_NO_ZLIB)

dp_status dp_inflate(const uint8_t *bytes, size_t size, size_t limit, const dp_allocator *allocator,
                     uint8_t **inflated, size_t *inflated_size, size_t *allocated_size,
                     dp_message *message) {
    (void)bytes, (void)size, (void)limit, (void)allocator;
    *inflated = NULL;
    *inflated_size = *allocated_size = 0;
    return dp_fail(message, DP_ERR_UNSUPPORTED,
                   "the file is gzip-compressed, and this build has no zlib: decompress it first");
}

#else

#define ZLIB_CONST
#include <zlib.h>

/* What zlib is given and asked for at a time; it counts in `unsigned`. */
#define MAX_CHUNK ((size_t)1 << 30)
/* Deflate cannot do better. */
#define MAX_RATIO 1032

typedef struct output {
    const dp_allocator *allocator;
    uint8_t *bytes;
    size_t used;
    size_t capacity;
    size_t limit;
} output;

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
static dp_status grow(output *out, size_t capacity, dp_message *message) {
    size_t most = out->limit < SIZE_MAX ? out->limit + 1 : SIZE_MAX;
    capacity = dp_min_size(capacity, most);
    uint8_t *bytes = dp_allocate(out->allocator, capacity);
    if (bytes == NULL) {
        return dp_fail(message, DP_ERR_MEMORY,
                       "cannot allocate %zu bytes to inflate the gzip data into", capacity);
    }
    if (out->bytes != NULL) {
        dp_move_block(out->allocator, bytes, out->bytes, out->used, out->capacity);
    }
    out->bytes = bytes;
    out->capacity = capacity;
    return DP_OK;
}

/* Makes room for at least one byte. */
static dp_status make_room(output *out, dp_message *message) {
    if (out->used < out->capacity) {
        return DP_OK;
    }
    return grow(out, out->capacity > SIZE_MAX / 2 ? SIZE_MAX : 2 * out->capacity, message);
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

/* One step of zlib, from bytes[*at] to the end of what was inflated so far. */
static int inflate_some(z_stream *stream, const uint8_t *bytes, size_t size, size_t *at,
                        output *out) {
    size_t given = dp_min_size(size - *at, MAX_CHUNK);
    size_t room = dp_min_size(out->capacity - out->used, MAX_CHUNK);
    stream->next_in = bytes + *at;
    stream->avail_in = (unsigned)given;
    stream->next_out = out->bytes + out->used;
    stream->avail_out = (unsigned)room;
    int result = inflate(stream, Z_NO_FLUSH);
    *at += given - stream->avail_in;
    out->used += room - stream->avail_out;
    return result;
}

static dp_status inflate_members(z_stream *stream, const uint8_t *bytes, size_t size, output *out,
                                 dp_message *message) {
    size_t at = 0;
    dp_status status = grow(out, first_capacity(bytes, size), message);
    for (bool done = false; status == DP_OK && !done;) {
        status = make_room(out, message);
        if (status != DP_OK) {
            break;
        }
        int result = inflate_some(stream, bytes, size, &at, out);
        if (out->used > out->limit) {
            status =
                dp_fail(message, DP_ERR_MEMORY,
                        "the gzip data inflates to more than the limit of %zu bytes", out->limit);
        } else if (result == Z_STREAM_END) {
            done = at == size;
            status = next_member(stream, bytes + at, size - at, at, message);
        } else if (result != Z_OK) {
            status = fail_inflate(stream, result, at, message);
        }
    }
    return status;
}

dp_status dp_inflate(const uint8_t *bytes, size_t size, size_t limit, const dp_allocator *allocator,
                     uint8_t **inflated, size_t *inflated_size, size_t *allocated_size,
                     dp_message *message) {
    output out = {.allocator = allocator, .limit = limit};
    z_stream stream = {
        .zalloc = allocate_for_zlib, .zfree = release_for_zlib, .opaque = (void *)allocator};
    int result = inflateInit2(&stream, 16 + MAX_WBITS); /* gzip, not zlib, not raw */
    if (result != Z_OK) {
        *inflated = NULL;
        *inflated_size = *allocated_size = 0;
        return dp_fail(message, DP_ERR_MEMORY, "cannot start zlib: error %d", result);
    }
    dp_status status = inflate_members(&stream, bytes, size, &out, message);
    (void)inflateEnd(&stream);
    if (status != DP_OK) {
        dp_release(allocator, out.bytes, out.capacity);
        out = (output){0};
    }
    *inflated = out.bytes;
    *inflated_size = out.used;
    *allocated_size = out.capacity;
    return status;
}

#endif /* DP_NO_ZLIB */
