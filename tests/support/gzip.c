/*
 * Compressed files by zlib.
 */
#include "gzip.h"

#if !defined(DP_NO_ZLIB)

#include <check.h>
#include <stdlib.h>
#include <zlib.h>

byte_block gzip_bytes(const uint8_t *bytes, size_t size, int level) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)size};
    ck_assert_int_eq(
        deflateInit2(&stream, level, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&stream, size);
    uint8_t *packed = malloc(room);
    ck_assert_ptr_nonnull(packed);
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    byte_block made = {packed, stream.total_out};
    ck_assert_int_eq(deflateEnd(&stream), Z_OK);
    made.bytes = realloc(packed, made.size);
    ck_assert_ptr_nonnull(made.bytes);
    return made;
}

#else

typedef int nothing_without_zlib;

#endif
