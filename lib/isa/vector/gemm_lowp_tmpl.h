/*
 * The micro-kernel of a GEMM of bf16, int16 or bytes for vectors, and its peak. Including this
 * defines `static void KERNEL_TILE(const dpi_tile *)` and `static uint64_t KERNEL_PEAK(uint64_t)`,
 * and undefines what it was given:
 *     KERNEL_TILE, KERNEL_PEAK             their names; without the second there is no peak
 *     KERNEL_KR                            numbers in a k-group
 *     KERNEL_EXPANSION                     k-groups of the lhs for each k-group of the panel
 *     KERNEL_ROWS, KERNEL_VECTORS          the tile, KERNEL_ROWS <= 15 rows of vectors
 *     KERNEL_SUM, KERNEL_ZERO()            the type of an accumulator, and 0 of it
 *     KERNEL_COLUMNS, KERNEL_COLUMN(p)     a vector of k-groups of the panel, unpacked
 *     KERNEL_FACTOR, KERNEL_BROADCAST(p)   a k-group of the lhs in all lanes, unpacked
 *     KERNEL_DOT(sum, factor, columns)     the multiply-add
 *     KERNEL_HIDE(factor)                  hides a factor's value from the compiler where it could
 *                                          use a product of KERNEL_DOT twice
 *     KERNEL_RESULT(sum, tile, i, j)       row i, vector j as f32
 */
static void KERNEL_TILE(const dpi_tile *tile) {
    KERNEL_SUM sum[KERNEL_ROWS][KERNEL_VECTORS];
    size_t stride = tile->lhs_stride;
    const dpi_kgroup *base[3] = {tile->lhs, tile->lhs + (KERNEL_ROWS > 5 ? 5 * stride : 0),
                                 tile->lhs + (KERNEL_ROWS > 10 ? 10 * stride : 0)};
    const dpi_kgroup *panel = tile->panel;
    uintptr_t prefetch = tile->prefetch;
    _Pragma("GCC unroll 16") for (size_t i = 0; i < KERNEL_ROWS; i++) {
        _Pragma("GCC unroll 4") for (size_t j = 0; j < KERNEL_VECTORS; j++) {
            sum[i][j] = KERNEL_ZERO();
            v_prefetch_store(tile->c + i * tile->c_stride + j * V_LENGTH);
        }
    }
    for (size_t k = 0; k < tile->depth; k++) {
        KERNEL_COLUMNS columns[KERNEL_VECTORS];
        v_prefetch(prefetch);
        prefetch += tile->prefetch_step;
        _Pragma("GCC unroll 4") for (size_t j = 0; j < KERNEL_VECTORS; j++) {
            columns[j] = KERNEL_COLUMN(panel + j * V_LENGTH);
        }
        panel += KERNEL_VECTORS * V_LENGTH;
        _Pragma("GCC unroll 16") for (size_t i = 0; i < KERNEL_ROWS; i++) {
            KERNEL_FACTOR factor = KERNEL_BROADCAST(base[i / 5] + (i % 5) * stride);
            _Pragma("GCC unroll 4") for (size_t j = 0; j < KERNEL_VECTORS; j++) {
                sum[i][j] = KERNEL_DOT(sum[i][j], factor, columns[j]);
            }
        }
        base[0] += KERNEL_EXPANSION;
        base[1] += KERNEL_EXPANSION;
        base[2] += KERNEL_EXPANSION;
    }
    _Pragma("GCC unroll 16") for (size_t i = 0; i < KERNEL_ROWS; i++) {
        if (i < tile->rows) {
            vf row[KERNEL_VECTORS];
            _Pragma("GCC unroll 4") for (size_t j = 0; j < KERNEL_VECTORS; j++) {
                row[j] = KERNEL_RESULT(sum[i][j], tile, i, j);
            }
            v_store_row(tile, i, row, KERNEL_VECTORS);
        }
    }
}

#if defined(KERNEL_PEAK)
/* Enough to hide the latency of a multiply-add, which is 6 cycles for two of bf16 each. */
#define PEAK_SUMS (KERNEL_ROWS * KERNEL_VECTORS > 12 ? KERNEL_ROWS * KERNEL_VECTORS : 12)

static uint64_t KERNEL_PEAK(uint64_t rounds) {
    static const dpi_kgroup zeros[V_LENGTH];
    const dpi_kgroup *group = zeros;
    KERNEL_SUM sum[PEAK_SUMS];
    __asm__ volatile("" : "+r"(group)); /* hides from the compiler what it points at */
    KERNEL_COLUMNS columns = KERNEL_COLUMN(group);
    _Pragma("GCC unroll 32") for (size_t i = 0; i < PEAK_SUMS; i++) {
        sum[i] = KERNEL_ZERO();
    }
    for (uint64_t r = 0; r < rounds; r++) {
        __asm__ volatile("" : "+r"(group));
        KERNEL_FACTOR factor = KERNEL_BROADCAST(group);
        _Pragma("GCC unroll 32") for (size_t i = 0; i < PEAK_SUMS; i++) {
            KERNEL_HIDE(factor);
            sum[i] = KERNEL_DOT(sum[i], factor, columns);
            V_HIDE(sum[i]);
        }
    }
    return rounds * PEAK_SUMS * V_LENGTH * KERNEL_KR;
}

#undef PEAK_SUMS
#undef KERNEL_PEAK
#endif

#undef KERNEL_TILE
#undef KERNEL_KR
#undef KERNEL_EXPANSION
#undef KERNEL_ROWS
#undef KERNEL_VECTORS
#undef KERNEL_SUM
#undef KERNEL_ZERO
#undef KERNEL_COLUMNS
#undef KERNEL_COLUMN
#undef KERNEL_FACTOR
#undef KERNEL_BROADCAST
#undef KERNEL_HIDE
#undef KERNEL_DOT
#undef KERNEL_RESULT
