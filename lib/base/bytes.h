/*
 * Numbers in a weight file: little-endian, at any address, read the same way on every host.
 */
#ifndef DPI_BYTES_H
#define DPI_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t dpi_load_u16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t dpi_load_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static inline uint64_t dpi_load_u64(const uint8_t *bytes) {
    return (uint64_t)dpi_load_u32(bytes) | (uint64_t)dpi_load_u32(bytes + 4) << 32;
}

static inline float dpi_float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t dpi_bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Tests the bits, so that it works under -ffast-math, too. */
static inline bool dpi_bits_are_finite(uint32_t bits) {
    return (bits & 0x7f800000u) != 0x7f800000u;
}

/* Whether this machine stores numbers in the byte order of a file. */
static inline bool dpi_is_little_endian(void) {
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

#endif /* DPI_BYTES_H */
