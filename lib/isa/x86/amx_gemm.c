/*
 * Matrix products for AMX. The tile registers and the vector registers work side by side: while one
 * tile is multiplied, the tile before it goes through its epilogue, a few rows in each step of the
 * depth.
 */
#define TMPL_SUFFIX amx_gemm
#include "isa/x86/amx.h"

#if defined(HAS_AMX)

#include "isa/x86/vector_rounded.h"

/* k-groups of a panel that stay in a first-level cache while rows stream past them: 32 KiB at most.
 */
#define SLICE ((size_t)256)
/* Tiles whose accumulators are kept from slice to slice. */
#define STRIP_TILES 7

/* ---- epilogues ---- */

/* A tile whose accumulators are complete, on its way to the output. */
typedef struct amx_epilogue amx_epilogue;
struct amx_epilogue {
    void (*run)(amx_epilogue *tile, size_t count); /* up to `count` rows */
    const amx_sums *sums;
    size_t row, rows;               /* the next one, and how many there are */
    __mmask16 left, right;          /* columns */
    const float *bias;              /* [TILE_COLUMNS] */
    const float *panel_scale;       /* of bytes: [TILE_COLUMNS], */
    const dpi_row_scale *lhs_scale; /* and of rows */
    uint8_t *out;                   /* the next row: f32, or bf16 */
    size_t out_stride;              /* bytes */
    dpi_epilogue epilogue;
    dpi_number_type type; /* of the output */
};

/* Two vectors as a row of the output. */
static inline void store_row__amx(const amx_epilogue *tile, vf a, vf b, dpi_epilogue epilogue,
                                  dpi_number_type type) {
    __mmask32 columns = (__mmask32)tile->right << V_LENGTH | tile->left;
    float *out = (float *)(void *)tile->out;
    if (epilogue.accumulate && type == DPI_NUMBER_BF16) {
        __m512i old = _mm512_maskz_loadu_epi16(columns, out);
        a = v_add(v_from_bf16(_mm512_castsi512_si256(old)), a);
        b = v_add(v_from_bf16(_mm512_extracti64x4_epi64(old, 1)), b);
    } else if (epilogue.accumulate) {
        a = v_add(_mm512_maskz_loadu_ps(tile->left, out), a);
        b = v_add(_mm512_maskz_loadu_ps(tile->right, out + V_LENGTH), b);
    }
    a = r_activate(epilogue.activation, a);
    b = r_activate(epilogue.activation, b);
    if (type == DPI_NUMBER_BF16) {
        _mm512_mask_storeu_epi16(out, columns, (__m512i)_mm512_cvtne2ps_pbh(b, a));
    } else {
        _mm512_mask_storeu_ps(out, tile->left, a);
        _mm512_mask_storeu_ps(out + V_LENGTH, tile->right, b);
    }
}

/* The accumulators of a vector as f32. */
static inline vf scale_sums__amx(const dpi_kgroup *sums, const dpi_row_scale *row, vf panel_scale,
                                 bool bytes) {
    if (!bytes) {
        return u_as_floats(u_load(sums));
    }
    vu exact = u_sub(u_load(sums), u_set((uint32_t)row->sum));
    return v_mul(u_to_floats(exact), v_mul(v_set(row->scale), panel_scale));
}

/* A step leaves few cycles for the epilogue, so its parameters are compile-time constants.
 */
static inline __attribute__((always_inline)) void run_epilogue(amx_epilogue *tile, size_t count,
                                                               bool bytes, dpi_epilogue epilogue,
                                                               dpi_number_type type) {
    size_t end = tile->rows - tile->row < count ? tile->rows : tile->row + count;
    vf left_bias = v_load(tile->bias);
    vf right_bias = v_load(tile->bias + V_LENGTH);
    vf left_scale = bytes ? v_load(tile->panel_scale) : v_zero();
    vf right_scale = bytes ? v_load(tile->panel_scale + V_LENGTH) : v_zero();
    for (; tile->row < end; tile->row++) {
        const dpi_kgroup *sums = tile->sums->row[tile->row];
        const dpi_row_scale *row = bytes ? tile->lhs_scale + tile->row : NULL;
        vf a = v_add(scale_sums__amx(sums, row, left_scale, bytes), left_bias);
        vf b = v_add(scale_sums__amx(sums + V_LENGTH, row, right_scale, bytes), right_bias);
        store_row__amx(tile, a, b, epilogue, type);
        tile->out += tile->out_stride;
    }
}

/* Those that the blocks use: name, whether of bytes, type of the output, epilogue. */
#define EPILOGUES(EPILOGUE)                                                                      \
    EPILOGUE(bf16_to_f32, false, DPI_NUMBER_F32, {0})                                            \
    EPILOGUE(bf16_add_to_f32, false, DPI_NUMBER_F32, {.accumulate = true})                       \
    EPILOGUE(bf16_to_bf16, false, DPI_NUMBER_BF16, {0})                                          \
    EPILOGUE(bf16_quick_gelu, false, DPI_NUMBER_BF16, {.activation = DPI_ACTIVATION_QUICK_GELU}) \
    EPILOGUE(bf16_gelu, false, DPI_NUMBER_BF16, {.activation = DPI_ACTIVATION_GELU})             \
    EPILOGUE(int8_to_f32, true, DPI_NUMBER_F32, {0})                                             \
    EPILOGUE(int8_add_to_f32, true, DPI_NUMBER_F32, {.accumulate = true})                        \
    EPILOGUE(int8_to_bf16, true, DPI_NUMBER_BF16, {0})                                           \
    EPILOGUE(int8_quick_gelu, true, DPI_NUMBER_BF16, {.activation = DPI_ACTIVATION_QUICK_GELU})  \
    EPILOGUE(int8_gelu, true, DPI_NUMBER_BF16, {.activation = DPI_ACTIVATION_GELU})

#define DEFINE_EPILOGUE(name, bytes, type, ...)                            \
    static void epilogue_##name(amx_epilogue *tile, size_t count) {        \
        run_epilogue(tile, count, bytes, (dpi_epilogue)__VA_ARGS__, type); \
    }
EPILOGUES(DEFINE_EPILOGUE)

/* Any other epilogue, with parameters at run time. */
static void epilogue_generic(amx_epilogue *tile, size_t count) {
    run_epilogue(tile, count, tile->panel_scale != NULL, tile->epilogue, tile->type);
}

static void (*choose_epilogue(bool bytes, dpi_number_type type,
                              const dpi_epilogue *epilogue))(amx_epilogue *, size_t) {
#define LIST_EPILOGUE(name, bytes, type, ...) {epilogue_##name, bytes, type, __VA_ARGS__},
    static const struct {
        void (*run)(amx_epilogue *, size_t);
        bool bytes;
        dpi_number_type type;
        dpi_epilogue epilogue;
    } known[] = {EPILOGUES(LIST_EPILOGUE)};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].bytes == bytes && known[i].type == type &&
            known[i].epilogue.accumulate == epilogue->accumulate &&
            known[i].epilogue.activation == epilogue->activation) {
            return known[i].run;
        }
    }
    return epilogue_generic;
}

static void run_rest_of_epilogue(amx_epilogue *tile) {
    if (tile->row < tile->rows) {
        tile->run(tile, TILE_ROWS);
    }
}

/* ---- the GEMM ---- */

typedef struct amx_gemm {
    const dpi_linear *linear;
    dpi_lhs lhs;
    uint8_t *out;
    size_t number_size; /* of the output */
    size_t out_stride;  /* bytes */
    dpi_number_type type;
    dpi_epilogue epilogue;
    void (*run_epilogue)(amx_epilogue *tile, size_t count);
} amx_gemm;

/* A slice of a panel against the rows of a tile, while the tile before has its epilogue. On the
 * way, bytes from `prefetch` on are asked into the cache, `prefetch_step` in each step. */
typedef void multiply_steps_fn(const uint8_t *a, size_t stride, const uint8_t *panel, size_t steps,
                               uintptr_t prefetch, size_t prefetch_step, amx_epilogue *before);

#define MULTIPLY_STEPS(name, dot)                                                         \
    static void name(const uint8_t *a, size_t stride, const uint8_t *panel, size_t steps, \
                     uintptr_t prefetch, size_t prefetch_step, amx_epilogue *before) {    \
        size_t share = (TILE_ROWS + steps - 1) / steps;                                   \
        for (size_t i = 0; i < steps; i++) {                                              \
            AMX_STEP(dot, a, stride, panel);                                              \
            for (size_t asked = 0; asked < prefetch_step; asked += 64) {                  \
                v_prefetch(prefetch + asked);                                             \
            }                                                                             \
            if (before->row < before->rows) {                                             \
                before->run(before, share);                                               \
            }                                                                             \
            prefetch += prefetch_step;                                                    \
            a += STEP * sizeof(dpi_kgroup);                                               \
            panel += STEP * TILE_ROW_BYTES;                                               \
        }                                                                                 \
    }

MULTIPLY_STEPS(multiply_bf16_steps, _tile_dpbf16ps)
MULTIPLY_STEPS(multiply_int8_steps, _tile_dpbsud)

/* Starts the epilogue of the tile at `row` and `column`, whose accumulators are complete.
 * Written field by field: a copy of a struct that was just written waits for all stores before it,
 * those of tile registers among them. */
static void start_epilogue(amx_epilogue *tile, const amx_gemm *g, size_t row, size_t rows,
                           size_t column, const amx_sums *sums) {
    static const float no_bias[TILE_COLUMNS];
    const dpi_linear *linear = g->linear;
    size_t columns = linear->outputs - column;
    tile->sums = sums;
    tile->row = 0;
    tile->rows = rows - row < TILE_ROWS ? rows - row : TILE_ROWS;
    tile->left = v_lanes(columns);
    tile->right = v_lanes(columns > V_LENGTH ? columns - V_LENGTH : 0);
    tile->bias = linear->bias != NULL ? linear->bias + column : no_bias;
    tile->panel_scale = linear->scale != NULL ? linear->scale + column : NULL;
    tile->lhs_scale = g->lhs.scale != NULL ? g->lhs.scale + row : NULL;
    tile->out = g->out + row * g->out_stride + column * g->number_size;
}

/* Asks for the cache lines that a tile is going to be written to. */
static void prefetch_output(const amx_gemm *g, size_t row, size_t rows, size_t column) {
    const uint8_t *out = g->out + row * g->out_stride + column * g->number_size;
    size_t bytes = TILE_COLUMNS * g->number_size;
    for (size_t i = row; i < rows && i < row + TILE_ROWS; i++) {
        for (size_t byte = 0; byte < bytes; byte += 64) {
            v_prefetch_store((const float *)(const void *)(out + byte));
        }
        out += g->out_stride;
    }
}

/* Even slices: k-groups of each but the last. */
static size_t slice_depth(size_t depth) {
    size_t slices = (depth + SLICE - 1) / SLICE;
    return ((depth + slices - 1) / slices + STEP - 1) / STEP * STEP;
}

/* The accumulators of up to STRIP_TILES tiles of rows. Those that are complete after one slice need
 * no more than two: one that has its epilogue, and one that is multiplied. */
typedef struct amx_strip {
    amx_sums sums[STRIP_TILES];
    amx_epilogue before;
} amx_strip;

/* Tiles of rows [row, rows) against a slice of a panel, `slice` k-groups from k on. */
static void multiply_slice(const amx_gemm *g, amx_strip *s, size_t row, size_t rows, size_t column,
                           size_t k, size_t slice, multiply_steps_fn *multiply_steps) {
    size_t depth = dpi_layout_depth(&g->linear->gemm->layout, g->linear->inputs);
    bool first = k == 0, last = k + slice == depth;
    size_t tiles = (rows - row + TILE_ROWS - 1) / TILE_ROWS;
    size_t prefetch_step = STEP * ((TILE_ROW_BYTES + tiles - 1) / tiles);
    const dpi_kgroup *panel = g->linear->panels + column * g->linear->depth + k * TILE_COLUMNS;
    uintptr_t prefetch = (uintptr_t)(panel + slice * TILE_COLUMNS);
    for (size_t r = row, t = 0; r < rows; r += TILE_ROWS, t++) {
        amx_sums *sums = &s->sums[first && last ? t % 2 : t];
        if (first) {
            amx_clear();
        } else {
            amx_load(sums);
        }
        if (last) {
            prefetch_output(g, r, rows, column);
        }
        multiply_steps((const uint8_t *)(g->lhs.groups + r * g->lhs.stride + k),
                       g->lhs.stride * sizeof(dpi_kgroup), (const uint8_t *)panel, slice / STEP,
                       prefetch, prefetch_step, &s->before);
        prefetch += slice / STEP * prefetch_step;
        run_rest_of_epilogue(&s->before);
        amx_store(sums->row, TILE_ROW_BYTES);
        if (last) {
            start_epilogue(&s->before, g, r, rows, column, sums);
        }
    }
}

/* Up to STRIP_TILES tiles of rows [row, rows) against all panels. */
static void multiply_strip(const amx_gemm *g, size_t row, size_t rows,
                           multiply_steps_fn *multiply_steps) {
    amx_strip s;
    size_t depth = dpi_layout_depth(&g->linear->gemm->layout, g->linear->inputs);
    size_t slice = slice_depth(depth);
    s.before.run = g->run_epilogue;
    s.before.out_stride = g->out_stride;
    s.before.epilogue = g->epilogue;
    s.before.type = g->type;
    s.before.row = s.before.rows = 0;
    for (size_t column = 0; column < g->linear->outputs; column += TILE_COLUMNS) {
        for (size_t k = 0; k < depth; k += slice) {
            multiply_slice(g, &s, row, rows, column, k, depth - k < slice ? depth - k : slice,
                           multiply_steps);
        }
    }
    run_rest_of_epilogue(&s.before);
}

static void run_amx_gemm(const dpi_linear *linear, size_t rows, dpi_lhs lhs, dpi_rows out,
                         const dpi_epilogue *epilogue, multiply_steps_fn *multiply_steps) {
    size_t size = dpi_number_size(out.type);
    amx_gemm g = {.linear = linear,
                  .lhs = lhs,
                  .out = out.numbers,
                  .number_size = size,
                  .out_stride = out.stride * size,
                  .type = out.type,
                  .epilogue = *epilogue,
                  .run_epilogue = choose_epilogue(linear->scale != NULL, out.type, epilogue)};
    amx_configure();
    for (size_t row = 0; row < rows; row += STRIP_TILES * TILE_ROWS) {
        size_t end = rows - row < STRIP_TILES * TILE_ROWS ? rows : row + STRIP_TILES * TILE_ROWS;
        multiply_strip(&g, row, end, multiply_steps);
    }
    amx_release();
}

void dpi_amx_gemm_run_bf16(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows,
                           dpi_lhs lhs, dpi_rows out, const dpi_epilogue *epilogue) {
    (void)kernels;
    run_amx_gemm(linear, rows, lhs, out, epilogue, multiply_bf16_steps);
}

void dpi_amx_gemm_run_int8(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows,
                           dpi_lhs lhs, dpi_rows out, const dpi_epilogue *epilogue) {
    (void)kernels;
    run_amx_gemm(linear, rows, lhs, out, epilogue, multiply_int8_steps);
}

#endif
