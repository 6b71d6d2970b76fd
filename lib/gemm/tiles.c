/*
 * The loops around a micro-kernel: panel by panel, slice by slice, tile by tile.
 */
#include "base/size.h"
#include "gemm/gemm.h"

/* Bytes that each of `tiles` tiles asks for at every k-group of its depth, so that together they
 * have asked for the next slice of panels. */
static size_t prefetch_share(const dpi_layout *layout, size_t tiles) {
    return dpi_size_max(dpi_size_div_up(layout->nr * sizeof(dpi_kgroup), tiles), 16);
}

static void activate_tile(const dpi_kernels *kernels, dpi_activation activation,
                          const dpi_tile *tile) {
    for (size_t i = 0; i < tile->rows && activation != DPI_ACTIVATION_NONE; i++) {
        kernels->activate[activation](tile->c + i * tile->c_stride, tile->columns);
    }
}

/* The panels of a tile against all rows. A slice of a panel, kc deep, stays in a near cache while
 * the rows stream past it; sums are kept in `out` from slice to slice. Meanwhile each tile asks for
 * its share of the next slice, which comes from far away. */
static void run_tile_column(const dpi_kernels *kernels, const dpi_linear *linear, size_t column,
                            size_t columns, size_t rows, dpi_lhs lhs, dpi_rows out,
                            const dpi_epilogue *epilogue) {
    const dpi_gemm *gemm = linear->gemm;
    const dpi_micro_kernel *kernel = &gemm->kernel;
    const dpi_kgroup *panel = linear->panels + column * linear->depth;
    size_t depth = dpi_layout_depth(&gemm->layout, linear->inputs);
    float *c = (float *)out.numbers + column;
    dpi_tile tile = {.columns = columns,
                     .panel_stride = gemm->layout.nr * linear->depth,
                     .panel_scale = linear->scale != NULL ? linear->scale + column : NULL,
                     .lhs_stride = lhs.stride,
                     .c_stride = out.stride,
                     .prefetch_step =
                         prefetch_share(&gemm->layout, dpi_size_div_up(rows, kernel->mr))};
    for (size_t k = 0; k < depth; k += kernel->kc) {
        tile.depth = dpi_size_min(kernel->kc, depth - k);
        tile.panel = panel + k * gemm->layout.nr;
        tile.prefetch = (uintptr_t)(tile.panel + tile.depth * gemm->layout.nr);
        tile.bias = k == 0 && linear->bias != NULL ? linear->bias + column : NULL;
        tile.accumulate = epilogue->accumulate || k > 0;
        bool last = k + tile.depth == depth;
        for (size_t r = 0; r < rows; r += kernel->mr) {
            tile.rows = dpi_size_min(kernel->mr, rows - r);
            tile.lhs = lhs.groups + r * lhs.stride + k * gemm->lhs.expansion;
            tile.lhs_scale = lhs.scale != NULL ? lhs.scale + r : NULL;
            tile.c = c + r * out.stride;
            kernel->run(&tile);
            tile.prefetch += tile.depth * tile.prefetch_step;
            activate_tile(kernels, last ? epilogue->activation : DPI_ACTIVATION_NONE, &tile);
        }
    }
}

void dpi_gemm_run_tiles(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows,
                        dpi_lhs lhs, dpi_rows out, const dpi_epilogue *epilogue) {
    size_t tile_columns = linear->gemm->kernel.panels * linear->gemm->layout.nr;
    for (size_t column = 0; column < linear->outputs; column += tile_columns) {
        size_t columns = dpi_size_min(tile_columns, linear->outputs - column);
        run_tile_column(kernels, linear, column, columns, rows, lhs, out, epilogue);
    }
}
