/*
 * The micro-kernel of a GEMM of bf16 or bytes for NEON, and its peak. A step of the depth loads the
 * factors of all rows at once, then goes through the panel part by part. Each vector of the panel
 * is used up before the next one, because factors and accumulators leave few registers. Including
 * this defines `static void KERNEL_TILE(const dpi_tile *)` and `static uint64_t
 * KERNEL_PEAK(uint64_t)`, and undefines what it was given:
 *     KERNEL_TILE, KERNEL_PEAK         their names
 *     KERNEL_KR                        numbers in a k-group
 *     KERNEL_ROWS                      rows of the tile, of NEON_COLUMNS columns
 *     KERNEL_HEIGHT                    rows that share an accumulator and a factor
 *     KERNEL_DEPTH, KERNEL_PARTS       k-groups of a step, and its parts: 1, 2 or 4
 *     KERNEL_SUM, KERNEL_ZERO()        the type of an accumulator, and 0 of it
 *     KERNEL_COLUMNS, KERNEL_COLUMN(p) four columns of a part of the panel, unpacked
 *     KERNEL_FACTOR, KERNEL_LOAD(rows) a step of KERNEL_HEIGHT rows, unpacked
 *     KERNEL_DOT(sum, columns, factor, part)   adds to the sum in assembly that is `volatile`, so
 *                                              that it stays where it is; the part is a literal
 *     KERNEL_RESULT(sum, tile, i, j, k)        row k of the sum, row i and vector j of the tile,
 *                                              as f32
 */
#define KERNEL_SUMS (KERNEL_ROWS / KERNEL_HEIGHT)

#define KERNEL_PART(part)                                                  \
    _Pragma("GCC unroll 4") for (size_t j = 0; j < NEON_VECTORS; j++) {    \
        KERNEL_COLUMNS columns = KERNEL_COLUMN(panel + j * V_LENGTH);      \
        _Pragma("GCC unroll 6") for (size_t i = 0; i < KERNEL_SUMS; i++) { \
            KERNEL_DOT(sum[i][j], columns, factor[i], part);               \
        }                                                                  \
    }                                                                      \
    panel += KERNEL_DEPTH / KERNEL_PARTS * NEON_COLUMNS;

static void KERNEL_TILE(const dpi_tile *tile) {
    KERNEL_SUM sum[KERNEL_SUMS][NEON_VECTORS];
    const dpi_kgroup *lhs[KERNEL_ROWS];
    const dpi_kgroup *panel = tile->panel;
    uintptr_t prefetch = tile->prefetch;
    _Pragma("GCC unroll 6") for (size_t i = 0; i < KERNEL_ROWS; i++) {
        lhs[i] = tile->lhs + i * tile->lhs_stride;
    }
    _Pragma("GCC unroll 6") for (size_t i = 0; i < KERNEL_SUMS; i++) {
        _Pragma("GCC unroll 4") for (size_t j = 0; j < NEON_VECTORS; j++) {
            sum[i][j] = KERNEL_ZERO();
        }
    }
    for (size_t k = 0; k < tile->depth; k += KERNEL_DEPTH) {
        KERNEL_FACTOR factor[KERNEL_SUMS];
        v_prefetch(prefetch);
        prefetch += KERNEL_DEPTH * tile->prefetch_step;
        _Pragma("GCC unroll 6") for (size_t i = 0; i < KERNEL_SUMS; i++) {
            factor[i] = KERNEL_LOAD(lhs + i * KERNEL_HEIGHT);
        }
        _Pragma("GCC unroll 6") for (size_t i = 0; i < KERNEL_ROWS; i++) {
            lhs[i] += KERNEL_DEPTH;
        }
        KERNEL_PART(0)
#if KERNEL_PARTS > 1
        KERNEL_PART(1)
#endif
#if KERNEL_PARTS > 2
        KERNEL_PART(2)
        KERNEL_PART(3)
#endif
    }
    _Pragma("GCC unroll 6") for (size_t i = 0; i < KERNEL_ROWS; i++) {
        if (i < tile->rows) {
            vf row[NEON_VECTORS];
            _Pragma("GCC unroll 4") for (size_t j = 0; j < NEON_VECTORS; j++) {
                row[j] = KERNEL_RESULT(sum[i / KERNEL_HEIGHT][j], tile, i, j, i % KERNEL_HEIGHT);
            }
            v_store_row(tile, i, row, NEON_VECTORS);
        }
    }
}

#define PEAK_SUMS (KERNEL_SUMS * NEON_VECTORS) /* as in a tile */

static uint64_t KERNEL_PEAK(uint64_t rounds) {
    static const dpi_kgroup zeros[KERNEL_DEPTH * NEON_COLUMNS];
    const dpi_kgroup *rows[KERNEL_HEIGHT];
    KERNEL_SUM sum[PEAK_SUMS];
    _Pragma("GCC unroll 2") for (size_t i = 0; i < KERNEL_HEIGHT; i++) {
        rows[i] = zeros;
    }
    KERNEL_COLUMNS columns = KERNEL_COLUMN(zeros);
    KERNEL_FACTOR factor = KERNEL_LOAD(rows);
    _Pragma("GCC unroll 24") for (size_t i = 0; i < PEAK_SUMS; i++) {
        sum[i] = KERNEL_ZERO();
    }
    for (uint64_t r = 0; r < rounds; r++) {
        _Pragma("GCC unroll 24") for (size_t i = 0; i < PEAK_SUMS; i++) {
            KERNEL_DOT(sum[i], columns, factor, 0);
        }
    }
    return rounds * PEAK_SUMS * V_LENGTH * KERNEL_HEIGHT * KERNEL_KR *
           (KERNEL_DEPTH / KERNEL_PARTS);
}

#undef PEAK_SUMS
#undef KERNEL_SUMS
#undef KERNEL_PART
#undef KERNEL_TILE
#undef KERNEL_PEAK
#undef KERNEL_KR
#undef KERNEL_ROWS
#undef KERNEL_HEIGHT
#undef KERNEL_DEPTH
#undef KERNEL_PARTS
#undef KERNEL_SUM
#undef KERNEL_ZERO
#undef KERNEL_COLUMNS
#undef KERNEL_COLUMN
#undef KERNEL_FACTOR
#undef KERNEL_LOAD
#undef KERNEL_DOT
#undef KERNEL_RESULT
