/*
 * The checksum of gzip, and of the tensors of a weight file.
 */
#ifndef DPI_CRC32_H
#define DPI_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 as zlib computes it. Begin with crc = 0; to continue, pass the last result. */
uint32_t dpi_crc32(uint32_t crc, const uint8_t *bytes, size_t size);

#endif /* DPI_CRC32_H */
