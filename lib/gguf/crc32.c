/*
 * CRC-32 as gzip and zlib compute it (polynomial 0xedb88320, bits reversed), eight bytes a step;
 * with DP_SMALL_TABLES, four bits a step.
 * crc_table[k][v] is the remainder of byte v followed by k zero bytes. The remainder of a sum is
 * the sum of the remainders, so the eight powers of two of v determine a whole row.
 */
#include "gguf/crc32.h"
#include "base/bytes.h"
#include "dp_config.h"

/* All sums of the given remainders on top of x, in the order of the bits: bit 0 is `a`. */
#define SUMS2(x, a) (x), (x) ^ (a)
#define SUMS4(x, a, b) SUMS2(x, a), SUMS2((x) ^ (b), a)
#define SUMS8(x, a, b, c) SUMS4(x, a, b), SUMS4((x) ^ (c), a, b)
#define SUMS16(x, a, b, c, d) SUMS8(x, a, b, c), SUMS8((x) ^ (d), a, b, c)
#define SUMS32(x, a, b, c, d, e) SUMS16(x, a, b, c, d), SUMS16((x) ^ (e), a, b, c, d)
#define SUMS64(x, a, b, c, d, e, f) SUMS32(x, a, b, c, d, e), SUMS32((x) ^ (f), a, b, c, d, e)
#define SUMS128(x, a, b, c, d, e, f, g) \
    SUMS64(x, a, b, c, d, e, f), SUMS64((x) ^ (g), a, b, c, d, e, f)
#define ROW(a, b, c, d, e, f, g, h) \
    SUMS128(0u, a, b, c, d, e, f, g), SUMS128(0u ^ (h), a, b, c, d, e, f, g)

#if defined(DP_SMALL_TABLES)

#define STEP 1
/* The remainder of four bits followed by four zero bits. */
static const uint32_t nibble_table[16] = {
    SUMS16(0u, 0x1db71064u, 0x3b6e20c8u, 0x76dc4190u, 0xedb88320u)};

static uint32_t step1(uint32_t crc, uint8_t byte) {
    crc ^= byte;
    crc = crc >> 4 ^ nibble_table[crc & 15];
    return crc >> 4 ^ nibble_table[crc & 15];
}

#else

#define STEP 8
// clang-format off
static const uint32_t crc_table[STEP][256] = {
    {ROW(0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u,
         0x1db71064u, 0x3b6e20c8u, 0x76dc4190u, 0xedb88320u)},
    {ROW(0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u,
         0x4ac21251u, 0x958424a2u, 0xf0794f05u, 0x3b83984bu)},
    {ROW(0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u,
         0x1c26a370u, 0x384d46e0u, 0x709a8dc0u, 0xe1351b80u)},
    {ROW(0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu,
         0x5019579fu, 0xa032af3eu, 0x9b14583du, 0xed59b63bu)},
    {ROW(0x3d6029b0u, 0x7ac05360u, 0xf580a6c0u, 0x30704bc1u,
         0x60e09782u, 0xc1c12f04u, 0x58f35849u, 0xb1e6b092u)},
    {ROW(0xcb5cd3a5u, 0x4dc8a10bu, 0x9b914216u, 0xec53826du,
         0x03d6029bu, 0x07ac0536u, 0x0f580a6cu, 0x1eb014d8u)},
    {ROW(0xa6770bb4u, 0x979f1129u, 0xf44f2413u, 0x33ef4e67u,
         0x67de9cceu, 0xcfbd399cu, 0x440b7579u, 0x8816eaf2u)},
    {ROW(0xccaa009eu, 0x4225077du, 0x844a0efau, 0xd3e51bb5u,
         0x7cbb312bu, 0xf9766256u, 0x299dc2edu, 0x533b85dau)},
};
// clang-format on

static uint32_t step1(uint32_t crc, uint8_t byte) {
    return crc >> 8 ^ crc_table[0][(crc ^ byte) & 255];
}

static uint32_t step8(uint32_t crc, const uint8_t *bytes) {
    uint32_t low = dpi_load_u32(bytes) ^ crc;
    uint32_t high = dpi_load_u32(bytes + 4);
    return crc_table[7][low & 255] ^ crc_table[6][low >> 8 & 255] ^ crc_table[5][low >> 16 & 255] ^
           crc_table[4][low >> 24] ^ crc_table[3][high & 255] ^ crc_table[2][high >> 8 & 255] ^
           crc_table[1][high >> 16 & 255] ^ crc_table[0][high >> 24];
}

#endif

uint32_t dpi_crc32(uint32_t crc, const uint8_t *bytes, size_t size) {
    crc = ~crc;
#if STEP == 8
    for (; size >= 8; size -= 8, bytes += 8) {
        crc = step8(crc, bytes);
    }
#endif
    for (; size > 0; size--, bytes++) {
        crc = step1(crc, *bytes);
    }
    return ~crc;
}
