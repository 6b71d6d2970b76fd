/*
 * Products of matrices for AMX. The tile unit and the vector units work side by side: while one
 * tile is multiplied, the one before it is scaled, activated and stored, a few rows in each step of
 * the depth.
 */
#include "kernels/amx.h"

#if defined(HAS_AMX)

#include "kernels/vector_rounded.h"

/* Words of a panel that stay in a first-level cache while rows stream past them: 32 KiB at most. */
#define SLICE ((size_t)256)
/* Tiles whose sums are kept from slice to slice. */
#define TILES 7

/* ---- a tile on its way to the output ---- */

typedef struct leaving leaving;
struct leaving {
    void (*leave)(leaving *tile, size_t count); /* up to `count` rows */
    const amx_sums *sums;
    size_t row, rows;              /* the next one, and how many there are */
    __mmask16 left, right;         /* columns */
    const float *bias;             /* [COLUMNS] */
    const float *scale;            /* of bytes: [COLUMNS], */
    const dp_row_scale *row_scale; /* and of rows */
    uint8_t *out;                  /* the next row: f32, or bf16 */
    size_t out_stride;             /* bytes */
    dp_epilogue epilogue;
};

static inline vf activated(dp_activation activation, vf x) {
    switch (activation) {
    case DP_ACTIVATION_GELU:
        return r_gelu(x);
    case DP_ACTIVATION_QUICK_GELU:
        return r_quick_gelu(x);
    case DP_ACTIVATION_RELU:
        return v_relu(x);
    default:
        return x;
    }
}

/* Two vectors as a row of the output. */
static inline void store(const leaving *tile, vf a, vf b, dp_epilogue epilogue) {
    __mmask32 columns = (__mmask32)tile->right << V_LENGTH | tile->left;
    float *out = (float *)(void *)tile->out;
    if (epilogue.accumulate && epilogue.bf16) {
        __m512i old = _mm512_maskz_loadu_epi16(columns, out);
        a = v_add(v_from_bf16(_mm512_castsi512_si256(old)), a);
        b = v_add(v_from_bf16(_mm512_extracti64x4_epi64(old, 1)), b);
    } else if (epilogue.accumulate) {
        a = v_add(_mm512_maskz_loadu_ps(tile->left, out), a);
        b = v_add(_mm512_maskz_loadu_ps(tile->right, out + V_LENGTH), b);
    }
    a = activated(epilogue.activation, a);
    b = activated(epilogue.activation, b);
    if (epilogue.bf16) {
        _mm512_mask_storeu_epi16(out, columns, (__m512i)_mm512_cvtne2ps_pbh(b, a));
    } else {
        _mm512_mask_storeu_ps(out, tile->left, a);
        _mm512_mask_storeu_ps(out + V_LENGTH, tile->right, b);
    }
}

/* The sums of a vector as f32. */
static inline vf scaled(const uint32_t *sums, const dp_row_scale *row, vf scale, bool bytes) {
    if (!bytes) {
        return w_as_floats(w_load(sums));
    }
    vw exact = w_sub(w_load(sums), w_set((uint32_t)row->sum));
    return v_mul(w_to_floats(exact), v_mul(v_set(row->scale), scale));
}

/* The vector units have few cycles in a step: what is known beforehand is decided beforehand. */
static inline __attribute__((always_inline)) void leave_as(leaving *tile, size_t count, bool bytes,
                                                           dp_epilogue epilogue) {
    size_t end = tile->rows - tile->row < count ? tile->rows : tile->row + count;
    vf left_bias = v_load(tile->bias);
    vf right_bias = v_load(tile->bias + V_LENGTH);
    vf left_scale = bytes ? v_load(tile->scale) : v_zero();
    vf right_scale = bytes ? v_load(tile->scale + V_LENGTH) : v_zero();
    for (; tile->row < end; tile->row++) {
        const uint32_t *sums = tile->sums->row[tile->row];
        const dp_row_scale *row = bytes ? tile->row_scale + tile->row : NULL;
        vf a = v_add(scaled(sums, row, left_scale, bytes), left_bias);
        vf b = v_add(scaled(sums + V_LENGTH, row, right_scale, bytes), right_bias);
        store(tile, a, b, epilogue);
        tile->out += tile->out_stride;
    }
}

/* The ways that the blocks take: name, whether of bytes, epilogue. */
#define WAYS(WAY)                                                                       \
    WAY(sums, false, {0})                                                               \
    WAY(sums_adding, false, {.accumulate = true})                                       \
    WAY(sums_bf16, false, {.bf16 = true})                                               \
    WAY(sums_quick_gelu, false, {.bf16 = true, .activation = DP_ACTIVATION_QUICK_GELU}) \
    WAY(sums_gelu, false, {.bf16 = true, .activation = DP_ACTIVATION_GELU})             \
    WAY(bytes, true, {0})                                                               \
    WAY(bytes_adding, true, {.accumulate = true})                                       \
    WAY(bytes_bf16, true, {.bf16 = true})                                               \
    WAY(bytes_quick_gelu, true, {.bf16 = true, .activation = DP_ACTIVATION_QUICK_GELU}) \
    WAY(bytes_gelu, true, {.bf16 = true, .activation = DP_ACTIVATION_GELU})

#define DEFINE_WAY(name, bytes, ...)                            \
    static void leave_##name(leaving *tile, size_t count) {     \
        leave_as(tile, count, bytes, (dp_epilogue)__VA_ARGS__); \
    }
WAYS(DEFINE_WAY)

/* Any other way. */
static void leave_somehow(leaving *tile, size_t count) {
    leave_as(tile, count, tile->scale != NULL, tile->epilogue);
}

static void (*choose_way(bool bytes, dp_epilogue epilogue))(leaving *, size_t) {
#define LIST_WAY(name, bytes, ...) {leave_##name, bytes, __VA_ARGS__},
    static const struct {
        void (*leave)(leaving *, size_t);
        bool bytes;
        dp_epilogue epilogue;
    } ways[] = {WAYS(LIST_WAY)};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (ways[i].bytes == bytes && ways[i].epilogue.accumulate == epilogue.accumulate &&
            ways[i].epilogue.activation == epilogue.activation &&
            ways[i].epilogue.bf16 == epilogue.bf16) {
            return ways[i].leave;
        }
    }
    return leave_somehow;
}

static void finish(leaving *tile) {
    if (tile->row < tile->rows) {
        tile->leave(tile, ROWS);
    }
}

/* ---- products ---- */

/* What a product is made of. */
typedef struct product {
    const dp_linear *linear;
    dp_operand in;
    uint8_t *out;
    size_t number_size; /* of the output */
    size_t out_stride;  /* bytes */
    dp_epilogue epilogue;
    void (*leave)(leaving *tile, size_t count);
} product;

/* A slice of a panel against the rows of a tile, while the tile before leaves. On the way, bytes
 * from `next` on are asked into the cache, `ahead` in each step. */
typedef void run_steps(const uint8_t *a, size_t stride, const uint8_t *panel, size_t steps,
                       uintptr_t next, size_t ahead, leaving *before);

#define RUN_STEPS(name, dot)                                                              \
    static void name(const uint8_t *a, size_t stride, const uint8_t *panel, size_t steps, \
                     uintptr_t next, size_t ahead, leaving *before) {                     \
        size_t share = (ROWS + steps - 1) / steps;                                        \
        for (size_t i = 0; i < steps; i++) {                                              \
            AMX_STEP(dot, a, stride, panel);                                              \
            for (size_t asked = 0; asked < ahead; asked += 64) {                          \
                v_prefetch(next + asked);                                                 \
            }                                                                             \
            if (before->row < before->rows) {                                             \
                before->leave(before, share);                                             \
            }                                                                             \
            next += ahead;                                                                \
            a += STEP * sizeof(uint32_t);                                                 \
            panel += STEP * ROW_BYTES;                                                    \
        }                                                                                 \
    }

RUN_STEPS(run_bf16_steps, _tile_dpbf16ps)
RUN_STEPS(run_int8_steps, _tile_dpbsud)

/* The tile of rows from `row` on and columns from `column` on has its sums complete. Written field
 * by field: a copy of a struct that was just written waits for all stores before it, those of tiles
 * among them. */
static void begin_to_leave(leaving *tile, const product *p, size_t row, size_t rows, size_t column,
                           const amx_sums *sums) {
    static const float no_bias[COLUMNS];
    const dp_linear *linear = p->linear;
    size_t columns = linear->outputs - column;
    tile->sums = sums;
    tile->row = 0;
    tile->rows = rows - row < ROWS ? rows - row : ROWS;
    tile->left = v_lanes(columns);
    tile->right = v_lanes(columns > V_LENGTH ? columns - V_LENGTH : 0);
    tile->bias = linear->bias != NULL ? linear->bias + column : no_bias;
    tile->scale = linear->scale != NULL ? linear->scale + column : NULL;
    tile->row_scale = p->in.row != NULL ? p->in.row + row : NULL;
    tile->out = p->out + row * p->out_stride + column * p->number_size;
}

/* Asks for the lines that a tile is going to be written to. */
static void ask_for_output(const product *p, size_t row, size_t rows, size_t column) {
    const uint8_t *out = p->out + row * p->out_stride + column * p->number_size;
    size_t bytes = COLUMNS * p->number_size;
    for (size_t i = row; i < rows && i < row + ROWS; i++) {
        for (size_t byte = 0; byte < bytes; byte += 64) {
            v_prefetch_store((const float *)(const void *)(out + byte));
        }
        out += p->out_stride;
    }
}

/* Even slices: words of each but the last. */
static size_t slice_words(size_t depth) {
    size_t slices = (depth + SLICE - 1) / SLICE;
    return ((depth + slices - 1) / slices + STEP - 1) / STEP * STEP;
}

/* The sums of up to TILES tiles of rows. Those that are complete after one slice need no more than
 * two places: one that leaves, and one that is made. */
typedef struct strip {
    amx_sums sums[TILES];
    leaving before;
} strip;

/* Tiles of rows [row, rows) against a slice of a panel, `words` from w on. */
static void multiply_slice(const product *p, strip *s, size_t row, size_t rows, size_t column,
                           size_t w, size_t words, run_steps *run) {
    size_t depth = dp_panel_depth(p->linear->product, p->linear->inputs);
    bool first = w == 0, last = w + words == depth;
    size_t tiles = (rows - row + ROWS - 1) / ROWS;
    size_t ahead = STEP * ((ROW_BYTES + tiles - 1) / tiles);
    const uint32_t *panel = p->linear->panels + column * p->linear->depth + w * COLUMNS;
    uintptr_t next = (uintptr_t)(panel + words * COLUMNS);
    for (size_t r = row, t = 0; r < rows; r += ROWS, t++) {
        amx_sums *sums = &s->sums[first && last ? t % 2 : t];
        if (first) {
            amx_clear();
        } else {
            amx_load(sums);
        }
        if (last) {
            ask_for_output(p, r, rows, column);
        }
        run((const uint8_t *)(p->in.words + r * p->in.stride + w), p->in.stride * sizeof(uint32_t),
            (const uint8_t *)panel, words / STEP, next, ahead, &s->before);
        next += words / STEP * ahead;
        finish(&s->before);
        amx_store(sums->row, ROW_BYTES);
        if (last) {
            begin_to_leave(&s->before, p, r, rows, column, sums);
        }
    }
}

/* Up to TILES tiles of rows [row, rows) against all panels. */
static void multiply(const product *p, size_t row, size_t rows, run_steps *run) {
    strip s;
    size_t depth = dp_panel_depth(p->linear->product, p->linear->inputs);
    size_t slice = slice_words(depth);
    s.before.leave = p->leave;
    s.before.out_stride = p->out_stride;
    s.before.epilogue = p->epilogue;
    s.before.row = s.before.rows = 0;
    for (size_t column = 0; column < p->linear->outputs; column += COLUMNS) {
        for (size_t w = 0; w < depth; w += slice) {
            size_t words = depth - w < slice ? depth - w : slice;
            multiply_slice(p, &s, row, rows, column, w, words, run);
        }
    }
    finish(&s.before);
}

static void apply(const dp_linear *linear, size_t rows, dp_operand in, void *out, size_t out_stride,
                  dp_epilogue epilogue, run_steps *run) {
    size_t size = epilogue.bf16 ? sizeof(uint16_t) : sizeof(float);
    product p = {linear,
                 in,
                 out,
                 size,
                 out_stride * size,
                 epilogue,
                 choose_way(linear->scale != NULL, epilogue)};
    amx_begin();
    for (size_t row = 0; row < rows; row += TILES * ROWS) {
        multiply(&p, row, rows - row < TILES * ROWS ? rows : row + TILES * ROWS, run);
    }
    amx_end();
}

void dp_amx_linear_bf16(const dp_linear *linear, size_t rows, dp_operand in, void *out,
                        size_t out_stride, dp_epilogue epilogue) {
    apply(linear, rows, in, out, out_stride, epilogue, run_bf16_steps);
}

void dp_amx_linear_int8(const dp_linear *linear, size_t rows, dp_operand in, void *out,
                        size_t out_stride, dp_epilogue epilogue) {
    apply(linear, rows, in, out, out_stride, epilogue, run_int8_steps);
}

#endif
