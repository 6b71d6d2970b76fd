/*
 * lib/gemm, the left-hand side: rows rounded to bf16 and to bytes, against the definition of the
 * rounding; and what one GEMM writes for the next.
 */
#include "base/bytes.h"
#include "gemm_support.h"

/* ---- rows of bf16 ---- */

static void assert_bf16(const dpi_gemm *p, float x, uint32_t half) {
    bool right = isnan(x) ? isnan(float_of(half << 16)) != 0 : half == nearest_bf16(x);
    if (!right) {
        ck_abort_msg("%s: %a becomes %#x, not %#x", p->name, (double)x, half, nearest_bf16(x));
    }
}

/* All upper halves of a float, with lower halves around the middle and at both ends. */
START_TEST(bf16_is_the_nearest) {
    static const uint32_t lower[] = {0, 1, 2, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0x8002, 0xffff};
    const dpi_gemm *p = products[_i];
    float x[32];
    uint32_t words[16];
    for (uint32_t upper = 0; upper < 65536; upper += (uint32_t)unless_brief(1, 31)) {
        for (size_t i = 0; i < COUNT(x); i++) {
            x[i] = float_of(upper << 16 | (i < COUNT(lower) ? lower[i] : random_below(65536)));
        }
        p->layout.round_row(x, COUNT(x), words, NULL);
        for (size_t i = 0; i < COUNT(x); i++) {
            assert_bf16(p, x[i], words[i / 2] >> 16 * (i % 2) & 0xffffU);
        }
    }
}
END_TEST

/* Only n numbers are read, and only whole steps written, with zeros behind the numbers. */
START_TEST(rows_of_any_length) {
    const dpi_gemm *p = products[_i];
    for (size_t n = 0; n < 200; n++) {
        size_t words = dpi_layout_depth(&p->layout, n);
        ck_assert_uint_eq(words,
                          round_up(round_up(n, p->layout.kr) / p->layout.kr, p->layout.step));
        float *x = random_floats(n);
        uint32_t *row = garbage_words(words);
        dpi_row_scale scale;
        p->layout.round_row(x, n, row, &scale);
        for (size_t i = 0; i < words * p->layout.kr; i++) {
            double factor = has_bytes(p) ? (double)scale.scale : 1;
            double got = factor * in_row(p, row, i), expected = i < n ? (double)x[i] : 0;
            /* bf16 has 8 bits, and 127 bytes make up the largest number, which is at most 1 */
            double bound = i < n ? (has_bytes(p) ? 0.51 / 127 : 0x1p-9) : 0;
            if (fabs(got - expected) > bound) {
                ck_abort_msg("%s: number %zu of %zu is %g, not %g", p->name, i, n, got, expected);
            }
        }
        guarded_end();
    }
}
END_TEST

/* All instruction sets round alike, bit for bit, whatever the numbers are. */
START_TEST(rows_are_the_same_everywhere) {
    const dpi_gemm *p = products[_i];
    const dpi_gemm *plain = dpi_gemm_generic(p->layout.precision);
    for (size_t round = 0; round < unless_brief(4000, 100); round++) {
        uint32_t bits[100], row[64], expected[64];
        float x[COUNT(bits)];
        dpi_row_scale scale = {0, 0}, plain_scale = {0, 0};
        size_t n = random_size(1, COUNT(bits));
        /* any floats; or numbers, some of which are near to each other */
        uint32_t exponents = random_below(2) ? 256 : 100 + random_below(30);
        for (size_t i = 0; i < n; i++) {
            bits[i] =
                random_below(exponents) << 23 | random_below(1U << 23) | random_below(2) << 31;
        }
        memcpy(x, bits, sizeof x);
        p->layout.round_row(x, n, row, &scale);
        plain->layout.round_row(x, n, expected, &plain_scale);
        ck_assert_mem_eq(row, expected, dpi_layout_depth(&plain->layout, n) * sizeof row[0]);
        ck_assert_mem_eq(&scale, &plain_scale, sizeof scale);
    }
}
END_TEST

/* Rows that are unpacked for the micro-kernel are rounded as weights are, number by number. */
START_TEST(unpacked_rows_hold_the_same) {
    const dpi_gemm *p = products[_i];
    for (size_t n = 0; p->lhs.expansion == 2 && n < 200; n++) {
        size_t words = dpi_layout_depth(&p->layout, n);
        float *x = random_floats(n);
        uint32_t *row = garbage_words(words), *unpacked = garbage_words(words * p->lhs.expansion);
        dpi_row_scale scale = {0, 0}, unpacked_scale = {0, 0};
        p->layout.round_row(x, n, row, &scale);
        p->lhs.from_f32(x, n, unpacked, &unpacked_scale);
        ck_assert_mem_eq(&scale, &unpacked_scale, sizeof scale);
        for (size_t i = 0; i < words * p->layout.kr; i++) {
            ck_assert_double_eq(in_lhs(p, unpacked, i), in_row(p, row, i));
        }
        guarded_end();
    }
}
END_TEST

/* Rows of bf16 become the lhs that the same numbers in f32 become. */
START_TEST(rows_of_bf16_are_rows) {
    const dpi_gemm *p = products[_i];
    for (size_t n = 1; n < 200 && p->run != dpi_gemm_run_tiles; n++) {
        size_t words = dpi_layout_depth(&p->layout, n);
        uint16_t *halves = halves_of(random_floats(n), n);
        float *x = guarded_floats(n);
        uint32_t *row = garbage_words(words), *expected = garbage_words(words);
        dpi_row_scale scale = {0, 0}, expected_scale = {0, 0};
        for (size_t i = 0; i < n; i++) {
            x[i] = float_of((uint32_t)halves[i] << 16);
        }
        p->lhs.from_bf16(halves, n, row, &scale);
        p->layout.round_row(x, n, expected, &expected_scale);
        ck_assert_mem_eq(row, expected, words * sizeof *row);
        ck_assert_mem_eq(&scale, &expected_scale, sizeof scale);
        guarded_end();
    }
}
END_TEST

/* ---- rows of bytes ---- */

static float largest_of(const float *x, size_t n) {
    float largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmaxf(largest, fabsf(x[i]));
    }
    return largest;
}

static void assert_byte_row(const dpi_gemm *p, const float *x, size_t n) {
    uint32_t *words = garbage_words(dpi_layout_depth(&p->layout, n));
    dpi_row_scale row;
    double largest = 0;
    int64_t sum = 0;
    p->layout.round_row(x, n, words, &row);
    for (size_t i = 0; i < n; i++) {
        double byte = in_row(p, words, i), scale = (double)row.scale;
        if (fabs(byte) > 127 || fabs((double)x[i] - scale * byte) > BYTE_ERROR * scale) {
            ck_abort_msg("%s: %a becomes %g of %a", p->name, (double)x[i], byte, scale);
        }
        largest = fmax(largest, fabs(byte));
        sum += (int64_t)byte;
    }
    ck_assert_double_eq(largest, 127);
    ck_assert_int_eq(row.sum, 128 * sum);
    ck_assert(is_near(row.scale, (double)largest_of(x, n) / 127, last_place((double)row.scale)));
}

/* Of all sizes that a float has. */
START_TEST(bytes_are_within_half_a_step) {
    const dpi_gemm *p = products[_i];
    for (size_t round = 0; round < unless_brief(3000, 100); round++) {
        size_t n = random_size(1, 300);
        float *x = random_floats(n);
        float size = ldexpf(1, (int)random_below(226) - 98); /* 2^-98 .. 2^127 */
        for (size_t i = 0; i < n; i++) {
            x[i] *= size;
        }
        x[random_below((uint32_t)n)] = random_below(2) ? size : -size;
        assert_byte_row(p, x, n);
        guarded_end();
    }
}
END_TEST

/* With a scale of 1: whole numbers are their bytes, and halves go to either side. */
START_TEST(bytes_of_whole_numbers_are_exact) {
    const dpi_gemm *p = products[_i];
    float x[255];
    uint32_t words[80];
    dpi_row_scale row;
    for (size_t i = 0; i < COUNT(x); i++) {
        x[i] = (float)i - 127;
    }
    p->layout.round_row(x, COUNT(x), words, &row);
    ck_assert(row.scale == 1 && row.sum == 0);
    for (size_t i = 0; i < COUNT(x); i++) {
        ck_assert_double_eq(in_row(p, words, i), (double)x[i]);
        x[i] += i < 254 ? 0.5F : 0;
    }
    assert_byte_row(p, x, COUNT(x));
}
END_TEST

/* Rows so small that 127 / largest may be infinite are zeros, with a scale that is a number. */
START_TEST(bytes_of_tiny_rows_are_zeros) {
    static const float sizes[] = {0, -0.0F, FLT_TRUE_MIN, FLT_MIN / 3, FLT_MIN, 1e-37F, 1e-30F};
    const dpi_gemm *p = products[_i];
    for (size_t s = 0; s < COUNT(sizes); s++) {
        for (size_t n = 1; n < 40; n++) {
            float *x = random_floats(n);
            uint32_t *words = garbage_words(dpi_layout_depth(&p->layout, n));
            dpi_row_scale row;
            for (size_t i = 0; i < n; i++) {
                x[i] *= sizes[s];
            }
            x[n - 1] = sizes[s];
            p->layout.round_row(x, n, words, &row);
            for (size_t i = 0; i < dpi_layout_depth(&p->layout, n); i++) {
                ck_assert_uint_eq(words[i], 0);
            }
            ck_assert(row.scale >= 0 && row.scale <= 1e-30F && row.sum == 0);
            guarded_end();
        }
    }
}
END_TEST

/* The scale says so, and with it every sum. */
START_TEST(bytes_of_rows_that_are_not_finite) {
    static const float values[] = {INFINITY, -INFINITY, NAN, -NAN};
    const dpi_gemm *p = products[_i];
    for (size_t n = 1; n < 100; n++) {
        float *x = random_floats(n);
        uint32_t *words = garbage_words(dpi_layout_depth(&p->layout, n));
        dpi_row_scale row;
        x[random_below((uint32_t)n)] = values[n % COUNT(values)];
        p->layout.round_row(x, n, words, &row);
        ck_assert(!isfinite(row.scale));
        guarded_end();
    }
}
END_TEST

/* ---- an lhs from rows ---- */

/* Rows that are written one by one, in any order, are the lhs of all of them. */
START_TEST(rows_can_be_written_one_by_one) {
    const dpi_gemm *p = products[_i];
    for (int round = 0; round < 30; round++) {
        size_t rows = random_size(1, 70), inputs = random_size(1, 200);
        size_t stride = inputs + random_below(4), size = lhs_size(p, rows, inputs);
        size_t groups = dpi_layout_depth(&p->layout, inputs) * p->lhs.expansion;
        float *x = random_floats(extent(rows, inputs, stride));
        dpi_lhs_buffer buffer = lhs_buffer(garbage_words(size), inputs);
        dpi_lhs made = lhs_of(p, x, stride, rows, inputs, garbage_words(size));
        dpi_lhs written = dpi_lhs_reserve(p, rows, inputs, &buffer);
        ck_assert_uint_eq(made.stride, written.stride);
        for (size_t i = rows; i-- > 0;) {
            dpi_kgroup *row = written.groups + i * written.stride;
            p->lhs.from_f32(x + i * stride, inputs, row, written.scale + i);
            ck_assert_mem_eq(row, made.groups + i * made.stride, groups * sizeof(dpi_kgroup));
            ck_assert(!has_bytes(p) ||
                      memcmp(written.scale + i, made.scale + i, sizeof *made.scale) == 0);
        }
        guarded_end();
    }
}
END_TEST

START_TEST(an_lhs_of_f32_is_the_rows_themselves) {
    const dpi_gemm *p = products[_i];
    float x[60] = {0};
    dpi_lhs made = lhs_of(p, x, 20, 3, 17, NULL);
    ck_assert_uint_eq(lhs_size(p, 3, 17), 0);
    ck_assert(made.groups == (dpi_kgroup *)x && made.stride == 20);
}
END_TEST

/* ---- an lhs from a layer norm, and from another GEMM ---- */

static size_t buffer_words(const dpi_gemm *p, size_t rows, size_t columns, dpi_lhs_origin origin) {
    dpi_arena counted = {.base = NULL};
    (void)dpi_lhs_buffer_take(&counted, p, rows, columns, origin);
    return counted.used / sizeof(uint32_t);
}

/* A buffer of exactly the size that was asked for, full of garbage. */
static dpi_lhs_buffer garbage_buffer(const dpi_gemm *p, size_t rows, size_t columns,
                                     dpi_lhs_origin origin) {
    size_t words = buffer_words(p, rows, columns, origin);
    dpi_arena arena = {.base = (uint8_t *)garbage_words(words), .size = words * sizeof(uint32_t)};
    return dpi_lhs_buffer_take(&arena, p, rows, columns, origin);
}

/* Both have the same numbers, the padding of whole steps included. */
static void assert_same_lhs(const dpi_gemm *p, dpi_lhs a, dpi_lhs b, size_t rows, size_t columns) {
    size_t groups = dpi_layout_depth(&p->layout, columns) * p->lhs.expansion;
    for (size_t i = 0; i < rows; i++) {
        ck_assert_mem_eq(a.groups + i * a.stride, b.groups + i * b.stride,
                         groups * sizeof(dpi_kgroup));
        ck_assert(!has_bytes(p) || memcmp(a.scale + i, b.scale + i, sizeof *a.scale) == 0);
    }
}

START_TEST(an_lhs_of_a_norm_is_that_of_its_rows) {
    const dpi_gemm *p = products[_i];
    const dpi_kernels *kernels = kernels_of(p);
    for (int round = 0; round < 30; round++) {
        size_t rows = random_size(1, 40), columns = random_size(1, 200);
        size_t stride = columns + random_below(4);
        float *x = random_floats(extent(rows, columns, stride));
        float *normal = guarded_floats(rows * columns);
        for (size_t i = 0; i < rows; i++) {
            kernels->layer_norm(x + i * stride, NULL, NULL, 1e-5F, normal + i * columns, columns);
        }
        dpi_lhs_buffer buffer = garbage_buffer(p, rows, columns, DPI_LHS_OF_NORM);
        dpi_lhs got = dpi_lhs_from_norm(p, kernels, x, stride, rows, columns, 1e-5F, &buffer);
        uint32_t *memory = garbage_words(lhs_size(p, rows, columns));
        assert_same_lhs(p, got, lhs_of(p, normal, columns, rows, columns, memory), rows, columns);
        guarded_end();
    }
}
END_TEST

/* The weights of a layer that one test needs. */
static dpi_linear random_linear(const dpi_gemm *p, size_t inputs, size_t outputs) {
    size_t columns = dpi_layout_columns(&p->layout, outputs);
    uint32_t *panels = garbage_words(dpi_layout_size(&p->layout, inputs, outputs));
    float *scale = guarded_floats(columns), *bias = random_floats(columns);
    memset(scale, 0, columns * sizeof *scale);
    memset(bias + outputs, 0, (columns - outputs) * sizeof *bias);
    dpi_pack_panels(&p->layout, panels, scale, random_floats(outputs * inputs), inputs, outputs,
                    inputs, guarded_words(dpi_layout_depth(&p->layout, inputs)));
    return (dpi_linear){.gemm = p,
                        .inputs = inputs,
                        .outputs = outputs,
                        .depth = dpi_layout_depth(&p->layout, inputs),
                        .panels = panels,
                        .bias = bias,
                        .scale = has_bytes(p) ? scale : NULL};
}

/* Bytes of numbers that were activated in fewer instructions: off by 1.2e-5, and 7e-5 of
 * themselves, before they are rounded to half a unit. */
static void assert_near_bytes(const dpi_gemm *p, dpi_lhs a, dpi_lhs b, size_t rows,
                              size_t columns) {
    size_t count = dpi_layout_depth(&p->layout, columns) * p->layout.kr;
    for (size_t i = 0; i < rows; i++) {
        const int8_t *x = (const int8_t *)(a.groups + i * a.stride);
        const int8_t *y = (const int8_t *)(b.groups + i * b.stride);
        float unit = a.scale[i].scale, other = b.scale[i].scale;
        int32_t sum = 0;
        ck_assert(fabsf(unit - other) <= 1e-4F * other + 1.3e-5F / 127);
        for (size_t c = 0; c < count; c++) {
            float got = (float)x[c] * unit, expected = (float)y[c] * other;
            ck_assert(fabsf(got - expected) <=
                      0.51F * (unit + other) + 1e-4F * fabsf(expected) + 1.3e-5F);
            sum += x[c];
        }
        ck_assert_int_eq(a.scale[i].sum, 128 * sum);
    }
}

/* The same of bf16: two numbers that near round to neighbours at most, 2^-7 apart. */
static void assert_near_bf16(const dpi_gemm *p, dpi_lhs a, dpi_lhs b, size_t rows, size_t columns) {
    size_t count = dpi_layout_depth(&p->layout, columns);
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < count; k++) {
            uint32_t x = a.groups[i * a.stride + k], y = b.groups[i * b.stride + k];
            for (int half = 0; half < 2; half++, x <<= 16, y <<= 16) {
                float got = float_of(x & 0xffff0000U), expected = float_of(y & 0xffff0000U);
                ck_assert(fabsf(got - expected) <= 0x1p-7F * fabsf(expected) + 1.3e-5F);
            }
        }
    }
}

/* What a GEMM writes for the next one is the lhs of the rows that it writes otherwise. */
static void assert_lhs_of_gemm(const dpi_gemm *p) {
    static const dpi_lhs_origin origins[] = {DPI_LHS_OF_GEMM, DPI_LHS_OF_SUMS};
    const dpi_kernels *kernels = kernels_of(p);
    for (size_t round = 0; round < unless_brief(60, 10); round++) {
        size_t rows = random_size(1, 70), inputs = random_size(1, 100);
        size_t outputs = random_size(1, 150);
        dpi_activation activation = (dpi_activation)random_below(DPI_ACTIVATION_COUNT);
        dpi_linear linear = random_linear(p, inputs, outputs);
        dpi_lhs in = lhs_of(p, random_floats(rows * inputs), inputs, rows, inputs,
                            garbage_words(lhs_size(p, rows, inputs)));
        dpi_rows out = {guarded_words(rows * outputs), outputs, p->lhs.output_type};
        dpi_gemm_run(kernels, &linear, rows, in, out, (dpi_epilogue){.activation = activation});
        dpi_lhs_buffer expected = garbage_buffer(p, rows, outputs, DPI_LHS_OF_ROWS);
        dpi_lhs_buffer buffer = garbage_buffer(p, rows, outputs, origins[round % 2]);
        dpi_lhs got = dpi_gemm_run_to_lhs(kernels, &linear, rows, in, activation, &buffer);
        dpi_lhs same = dpi_lhs_from_rows(p, out, rows, outputs, &expected);
        if (p->lhs.activated_from_f32 != NULL && !has_bytes(p)) {
            assert_near_bf16(p, got, same, rows, outputs);
        } else if (p->lhs.activated_from_f32 != NULL) {
            assert_near_bytes(p, got, same, rows, outputs);
        } else {
            assert_same_lhs(p, got, same, rows, outputs);
        }
        guarded_end();
    }
}

START_TEST(an_lhs_of_a_gemm_is_that_of_its_rows) {
    assert_lhs_of_gemm(products[_i]);
}
END_TEST

/* ---- forms of an lhs that only some processors have ---- */

/* What plain C computes, as bf16: AMX writes that. */
static void run_to_bf16(const dpi_kernels *kernels, const dpi_linear *linear, size_t rows,
                        dpi_lhs lhs, dpi_rows out, const dpi_epilogue *epilogue) {
    dpi_linear plain = *linear;
    float *values = guarded_floats(rows * linear->outputs);
    plain.gemm = dpi_gemm_generic(linear->gemm->layout.precision);
    dpi_gemm_run(kernels, &plain, rows, lhs, dpi_rows_f32(values, linear->outputs), *epilogue);
    for (size_t i = 0; i < rows; i++) {
        memcpy(dpi_rows_from(out, i, 0).numbers,
               halves_of(values + i * linear->outputs, linear->outputs),
               linear->outputs * sizeof(uint16_t));
    }
}

static void widen(const uint16_t *halves, size_t n, float *x) {
    for (size_t i = 0; i < n; i++) {
        x[i] = float_of((uint32_t)halves[i] << 16);
    }
}

static void bf16_from_bf16(const uint16_t *halves, size_t n, dpi_kgroup *groups,
                           dpi_row_scale *scale) {
    float x[150];
    widen(halves, n, x);
    dpi_gemm_generic(DP_PRECISION_BF16)->layout.round_row(x, n, groups, scale);
}

static void bytes_from_bf16(const uint16_t *halves, size_t n, dpi_kgroup *groups,
                            dpi_row_scale *scale) {
    float x[150];
    widen(halves, n, x);
    dpi_gemm_generic(DP_PRECISION_INT8)->layout.round_row(x, n, groups, scale);
}

/* The rows of a GEMM may be the lhs of the next one as they are: they need no other memory. On
 * big-endian machines the halves of a k-group have another order, and no GEMM does this. */
START_TEST(a_gemm_may_write_k_groups_of_bf16) {
    dpi_gemm p = *dpi_gemm_generic(DP_PRECISION_BF16);
    p.run = run_to_bf16;
    p.lhs.output_type = DPI_NUMBER_BF16;
    p.lhs.output_is_lhs = true;
    p.lhs.from_bf16 = bf16_from_bf16;
    ck_assert_uint_eq(buffer_words(&p, 9, 37, DPI_LHS_OF_GEMM),
                      buffer_words(&p, 9, 37, DPI_LHS_OF_ROWS));
    if (dpi_is_little_endian()) {
        assert_lhs_of_gemm(&p);
    }
}
END_TEST

START_TEST(bytes_may_be_made_of_bf16) {
    dpi_gemm p = *dpi_gemm_generic(DP_PRECISION_INT8);
    p.run = run_to_bf16;
    p.lhs.output_type = DPI_NUMBER_BF16;
    p.lhs.from_bf16 = bytes_from_bf16;
    assert_lhs_of_gemm(&p);
}
END_TEST

#define INTERLEAVED_ROWS 4

static void write_interleaved(const float *x, size_t n, dpi_kgroup *groups, dpi_row_scale *scale) {
    (void)scale;
    for (size_t i = 0; i < n; i++) {
        groups[i * INTERLEAVED_ROWS] = bits_of(x[i]);
    }
}

/* As microcontrollers read them. */
START_TEST(rows_of_a_tile_may_alternate) {
    const dpi_gemm p = {
        .layout = {DP_PRECISION_F32, .kr = 1, .step = 1, .nr = 1},
        .lhs = {.expansion = 1,
                .allotted = 1,
                .interleaved = true,
                .output_type = DPI_NUMBER_F32,
                .from_f32 = write_interleaved},
        .kernel = {.mr = INTERLEAVED_ROWS},
    };
    size_t rows = 11, columns = 37;
    float *x = random_floats(rows * columns);
    dpi_lhs made =
        lhs_of(&p, x, columns, rows, columns, garbage_words(lhs_size(&p, rows, columns)));
    for (size_t i = 0; i < rows; i++) {
        const dpi_kgroup *tile =
            made.groups + i / INTERLEAVED_ROWS * INTERLEAVED_ROWS * made.stride;
        for (size_t k = 0; k < columns; k++) {
            ck_assert_uint_eq(tile[k * INTERLEAVED_ROWS + i % INTERLEAVED_ROWS],
                              bits_of(x[i * columns + k]));
        }
    }
}
END_TEST

/* ---- sums and strides ---- */

/* GEMMs add to the sums of a buffer before they are read, beside what else is in it. */
START_TEST(sums_have_memory_of_their_own) {
    const dpi_gemm *p = products[_i];
    size_t rows = 9, columns = 37;
    dpi_lhs_buffer buffer = garbage_buffer(p, rows, columns, DPI_LHS_OF_SUMS);
    dpi_rows sums = dpi_lhs_sums(&buffer);
    float *x = random_floats(rows * columns);
    ck_assert_int_eq((int)sums.type, (int)DPI_NUMBER_F32);
    for (size_t i = 0; i < rows; i++) {
        memcpy(dpi_rows_from(sums, i, 0).numbers, x + i * columns, columns * sizeof *x);
    }
    dpi_lhs got = dpi_lhs_from_rows(p, sums, rows, columns, &buffer);
    dpi_lhs expected =
        lhs_of(p, x, columns, rows, columns, garbage_words(lhs_size(p, rows, columns)));
    assert_same_lhs(p, got, expected, rows, columns);
}
END_TEST

START_TEST(row_strides_are_aligned) {
    for (size_t n = 1; n < 5000; n++) {
        size_t stride = dpi_row_stride(n);
        ck_assert_uint_ge(stride, n);
        ck_assert_uint_lt(stride, n + (n < 900 ? 16 : 11 * 16));
        ck_assert_uint_eq(stride % 16, 0);
        /* long rows begin at least five of the 64 sets of a cache apart */
        size_t set = stride / 16 % 64;
        ck_assert(stride < 900 || (set >= 5 && set <= 59));
    }
}
END_TEST

static Suite *lhs_suite(void) {
    Suite *suite = suite_create("gemm_lhs");
    TCase *rows = add_guarded_case(suite, "rows");
    ADD_BF16(rows, bf16_is_the_nearest);
    ADD_ROUNDED(rows, rows_of_any_length);
    ADD_ROUNDED(rows, rows_are_the_same_everywhere);
    ADD_BF16(rows, unpacked_rows_hold_the_same);
    ADD_ROUNDED(rows, rows_of_bf16_are_rows);
    ADD_BYTES(rows, bytes_are_within_half_a_step);
    ADD_BYTES(rows, bytes_of_whole_numbers_are_exact);
    ADD_BYTES(rows, bytes_of_tiny_rows_are_zeros);
    ADD_BYTES(rows, bytes_of_rows_that_are_not_finite);

    TCase *lhs = add_guarded_case(suite, "lhs");
    ADD_ROUNDED(lhs, rows_can_be_written_one_by_one);
    ADD_F32(lhs, an_lhs_of_f32_is_the_rows_themselves);
    ADD(lhs, an_lhs_of_a_norm_is_that_of_its_rows);
    ADD(lhs, an_lhs_of_a_gemm_is_that_of_its_rows);
    tcase_add_test(lhs, a_gemm_may_write_k_groups_of_bf16);
    tcase_add_test(lhs, bytes_may_be_made_of_bf16);
    tcase_add_test(lhs, rows_of_a_tile_may_alternate);
    ADD(lhs, sums_have_memory_of_their_own);
    tcase_add_test(lhs, row_strides_are_aligned);
    return suite;
}

int main(void) {
    return run_products("test_gemm_lhs", lhs_suite);
}
