/*
 * The tile of a product of bf16 or bytes for NEON, and its peak. A step of the depth loads the
 * factors of all rows at once, then goes through the panel part by part; each vector of the panel
 * is used up before the next one, because factors and sums leave few registers. Including this
 * defines `static void PRODUCT_TILE(const dp_tile *)` and `static uint64_t PRODUCT_BURN(uint64_t)`,
 * and undefines what it was given:
 *     PRODUCT_TILE, PRODUCT_BURN         their names
 *     PRODUCT_GROUP                      numbers in a word
 *     PRODUCT_ROWS                       rows of the tile, of NEON_COLUMNS columns
 *     PRODUCT_HEIGHT                     rows that share an accumulator and a factor
 *     PRODUCT_WORDS, PRODUCT_PARTS       words of a step, and its parts: 1, 2 or 4
 *     PRODUCT_SUM, PRODUCT_ZERO()        the type of an accumulator, and 0 of it
 *     PRODUCT_COLUMNS, PRODUCT_COLUMN(p) four columns of a part of the panel, made ready
 *     PRODUCT_FACTOR, PRODUCT_LOAD(rows) a step of PRODUCT_HEIGHT rows, made ready
 *     PRODUCT_DOT(sum, columns, factor, part)   adds to the sum in assembly that is `volatile`, so
 *                                               that it stays where it is; the part is a literal
 *     PRODUCT_RESULT(sum, tile, i, j, k)        row k of the sum, row i and vector j of the tile,
 *                                               as f32
 */
#define PRODUCT_SUMS (PRODUCT_ROWS / PRODUCT_HEIGHT)

#define PRODUCT_PART(part)                                                  \
    _Pragma("GCC unroll 4") for (size_t j = 0; j < NEON_VECTORS; j++) {     \
        PRODUCT_COLUMNS columns = PRODUCT_COLUMN(panel + j * V_LENGTH);     \
        _Pragma("GCC unroll 6") for (size_t i = 0; i < PRODUCT_SUMS; i++) { \
            PRODUCT_DOT(sum[i][j], columns, factor[i], part);               \
        }                                                                   \
    }                                                                       \
    panel += PRODUCT_WORDS / PRODUCT_PARTS * NEON_COLUMNS;

static void PRODUCT_TILE(const dp_tile *tile) {
    PRODUCT_SUM sum[PRODUCT_SUMS][NEON_VECTORS];
    const uint32_t *a[PRODUCT_ROWS];
    const uint32_t *panel = tile->panel;
    uintptr_t next = tile->next;
    _Pragma("GCC unroll 6") for (size_t i = 0; i < PRODUCT_ROWS; i++) {
        a[i] = tile->a + i * tile->a_stride;
    }
    _Pragma("GCC unroll 6") for (size_t i = 0; i < PRODUCT_SUMS; i++) {
        _Pragma("GCC unroll 4") for (size_t j = 0; j < NEON_VECTORS; j++) {
            sum[i][j] = PRODUCT_ZERO();
        }
    }
    for (size_t w = 0; w < tile->words; w += PRODUCT_WORDS) {
        PRODUCT_FACTOR factor[PRODUCT_SUMS];
        v_prefetch(next);
        next += PRODUCT_WORDS * tile->ahead;
        _Pragma("GCC unroll 6") for (size_t i = 0; i < PRODUCT_SUMS; i++) {
            factor[i] = PRODUCT_LOAD(a + i * PRODUCT_HEIGHT);
        }
        _Pragma("GCC unroll 6") for (size_t i = 0; i < PRODUCT_ROWS; i++) {
            a[i] += PRODUCT_WORDS;
        }
        PRODUCT_PART(0)
#if PRODUCT_PARTS > 1
        PRODUCT_PART(1)
#endif
#if PRODUCT_PARTS > 2
        PRODUCT_PART(2)
        PRODUCT_PART(3)
#endif
    }
    _Pragma("GCC unroll 6") for (size_t i = 0; i < PRODUCT_ROWS; i++) {
        if (i < tile->rows) {
            vf row[NEON_VECTORS];
            _Pragma("GCC unroll 4") for (size_t j = 0; j < NEON_VECTORS; j++) {
                row[j] = PRODUCT_RESULT(sum[i / PRODUCT_HEIGHT][j], tile, i, j, i % PRODUCT_HEIGHT);
            }
            store_row(tile, i, row, NEON_VECTORS);
        }
    }
}

#define BURN_SUMS (PRODUCT_SUMS * NEON_VECTORS) /* as in a tile */

static uint64_t PRODUCT_BURN(uint64_t rounds) {
    static const uint32_t words[PRODUCT_WORDS * NEON_COLUMNS];
    const uint32_t *rows[PRODUCT_HEIGHT];
    PRODUCT_SUM sum[BURN_SUMS];
    _Pragma("GCC unroll 2") for (size_t i = 0; i < PRODUCT_HEIGHT; i++) {
        rows[i] = words;
    }
    PRODUCT_COLUMNS columns = PRODUCT_COLUMN(words);
    PRODUCT_FACTOR factor = PRODUCT_LOAD(rows);
    _Pragma("GCC unroll 24") for (size_t i = 0; i < BURN_SUMS; i++) {
        sum[i] = PRODUCT_ZERO();
    }
    for (uint64_t r = 0; r < rounds; r++) {
        _Pragma("GCC unroll 24") for (size_t i = 0; i < BURN_SUMS; i++) {
            PRODUCT_DOT(sum[i], columns, factor, 0);
        }
    }
    return rounds * BURN_SUMS * V_LENGTH * PRODUCT_HEIGHT * PRODUCT_GROUP *
           (PRODUCT_WORDS / PRODUCT_PARTS);
}

#undef BURN_SUMS
#undef PRODUCT_SUMS
#undef PRODUCT_PART
#undef PRODUCT_TILE
#undef PRODUCT_BURN
#undef PRODUCT_GROUP
#undef PRODUCT_ROWS
#undef PRODUCT_HEIGHT
#undef PRODUCT_WORDS
#undef PRODUCT_PARTS
#undef PRODUCT_SUM
#undef PRODUCT_ZERO
#undef PRODUCT_COLUMNS
#undef PRODUCT_COLUMN
#undef PRODUCT_FACTOR
#undef PRODUCT_LOAD
#undef PRODUCT_DOT
#undef PRODUCT_RESULT
