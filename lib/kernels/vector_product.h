/*
 * The tile of a product of bf16 or bytes, for vectors, and its peak. Including this defines
 * `static void PRODUCT_TILE(const dp_tile *)` and `static uint64_t PRODUCT_BURN(uint64_t)`, and
 * undefines what it was given:
 *     PRODUCT_TILE, PRODUCT_BURN       their names
 *     PRODUCT_GROUP                    numbers in a word
 *     PRODUCT_SPREAD                   words of a row for each word of a column
 *     PRODUCT_ROWS, PRODUCT_VECTORS    its size, PRODUCT_ROWS <= 15
 *     PRODUCT_SUM, PRODUCT_ZERO()      the type of an accumulator, and 0 of it
 *     PRODUCT_COLUMNS, PRODUCT_COLUMN(p)   a vector of words of the panel, made ready
 *     PRODUCT_FACTOR, PRODUCT_BROADCAST(p) what a row has for that, in all lanes and made ready
 *     PRODUCT_DOT(sum, factor, columns)    the step
 *     PRODUCT_RESULT(sum, tile, i, j)      row i, vector j as f32
 */
static void PRODUCT_TILE(const dp_tile *tile) {
    PRODUCT_SUM sum[PRODUCT_ROWS][PRODUCT_VECTORS];
    size_t stride = tile->a_stride;
    const uint32_t *base[3] = {tile->a, tile->a + (PRODUCT_ROWS > 5 ? 5 * stride : 0),
                               tile->a + (PRODUCT_ROWS > 10 ? 10 * stride : 0)};
    const uint32_t *panel = tile->panel;
    uintptr_t next = tile->next;
    _Pragma("GCC unroll 16") for (size_t i = 0; i < PRODUCT_ROWS; i++) {
        _Pragma("GCC unroll 4") for (size_t j = 0; j < PRODUCT_VECTORS; j++) {
            sum[i][j] = PRODUCT_ZERO();
        }
    }
    for (size_t w = 0; w < tile->words; w++) {
        PRODUCT_COLUMNS columns[PRODUCT_VECTORS];
        v_prefetch(next);
        next += tile->ahead;
        _Pragma("GCC unroll 4") for (size_t j = 0; j < PRODUCT_VECTORS; j++) {
            columns[j] = PRODUCT_COLUMN(panel + j * V_LENGTH);
        }
        panel += PRODUCT_VECTORS * V_LENGTH;
        _Pragma("GCC unroll 16") for (size_t i = 0; i < PRODUCT_ROWS; i++) {
            PRODUCT_FACTOR factor = PRODUCT_BROADCAST(base[i / 5] + (i % 5) * stride);
            _Pragma("GCC unroll 4") for (size_t j = 0; j < PRODUCT_VECTORS; j++) {
                sum[i][j] = PRODUCT_DOT(sum[i][j], factor, columns[j]);
            }
        }
        base[0] += PRODUCT_SPREAD;
        base[1] += PRODUCT_SPREAD;
        base[2] += PRODUCT_SPREAD;
    }
    _Pragma("GCC unroll 16") for (size_t i = 0; i < PRODUCT_ROWS; i++) {
        if (i < tile->rows) {
            vf row[PRODUCT_VECTORS];
            _Pragma("GCC unroll 4") for (size_t j = 0; j < PRODUCT_VECTORS; j++) {
                row[j] = PRODUCT_RESULT(sum[i][j], tile, i, j);
            }
            store_row(tile, i, row, PRODUCT_VECTORS);
        }
    }
}

#define BURN_SUMS 12

static uint64_t PRODUCT_BURN(uint64_t rounds) {
    static const uint32_t words[V_LENGTH];
    PRODUCT_SUM sum[BURN_SUMS];
    PRODUCT_COLUMNS columns = PRODUCT_COLUMN(words);
    _Pragma("GCC unroll 12") for (size_t i = 0; i < BURN_SUMS; i++) {
        sum[i] = PRODUCT_ZERO();
    }
    for (uint64_t r = 0; r < rounds; r++) {
        const uint32_t *word = words;
        __asm__ volatile("" : "+r"(word)); /* who knows what it points at */
        PRODUCT_FACTOR factor = PRODUCT_BROADCAST(word);
        _Pragma("GCC unroll 12") for (size_t i = 0; i < BURN_SUMS; i++) {
            sum[i] = PRODUCT_DOT(sum[i], factor, columns);
            __asm__ volatile("" : "+x"(sum[i]));
        }
    }
    return rounds * BURN_SUMS * V_LENGTH * PRODUCT_GROUP;
}

#undef BURN_SUMS
#undef PRODUCT_TILE
#undef PRODUCT_BURN
#undef PRODUCT_GROUP
#undef PRODUCT_SPREAD
#undef PRODUCT_ROWS
#undef PRODUCT_VECTORS
#undef PRODUCT_SUM
#undef PRODUCT_ZERO
#undef PRODUCT_COLUMNS
#undef PRODUCT_COLUMN
#undef PRODUCT_FACTOR
#undef PRODUCT_BROADCAST
#undef PRODUCT_DOT
#undef PRODUCT_RESULT
