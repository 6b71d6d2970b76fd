/*
 * The checksum of gzip, and of the tensors of a weight file.
 */
#ifndef DPI_CRC32_H
#define DPI_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 as zlib computes it. It begins with crc = 0, and goes on with what it returned. */
uint32_t dpi_crc32(uint32_t crc, const uint8_t *bytes, size_t size);

#endif /* DPI_CRC32_H */
