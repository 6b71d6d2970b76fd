/*
 * Compressed files, for builds that read them.
 */
#ifndef GZIP_H
#define GZIP_H

#include <stddef.h>
#include <stdint.h>

typedef struct byte_block {
    uint8_t *bytes; /* of malloc(), exactly `size` */
    size_t size;
} byte_block;

#if !defined(DP_NO_ZLIB)
/* A gzip file of these bytes; level 1 .. 9. */
byte_block gzip_bytes(const uint8_t *bytes, size_t size, int level);
#endif

#endif /* GZIP_H */
