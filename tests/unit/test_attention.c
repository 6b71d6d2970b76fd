/*
 * lib/gemm, attention of one head, with every GEMM that has floats, against the formula in
 * double precision on the rounded numbers.
 */
#include "gemm_support.h"

/* The products that attention uses. */
static const dpi_gemm *attending[32];
static int attending_count;

static void find_attending(void) {
    for (int i = 0; i < product_count; i++) {
        if (!has_bytes(products[i]) || products[i]->attention.tokens_of_bytes > 0) {
            attending[attending_count++] = products[i];
        }
    }
}

typedef struct head {
    dpi_attention attention;
    float *q; /* as they were asked */
} head;

static float *random_rows(size_t rows, size_t columns, size_t stride, float size) {
    float *values = random_floats(extent(rows, columns, stride));
    for (size_t i = 0; i < extent(rows, columns, stride); i++) {
        values[i] *= size;
    }
    return values;
}

static head make_head(size_t tokens, size_t queries, size_t head_size, float size) {
    size_t stride = head_size + random_below(5);
    float *q = random_rows(queries, head_size, stride, size);
    return (head){
        .attention = {.q =
                          dpi_rows_f32(guarded_copy(q, extent(queries, head_size, stride)), stride),
                      .k = dpi_rows_f32(random_rows(tokens, head_size, stride, size), stride),
                      .v = dpi_rows_f32(random_rows(tokens, head_size, stride, 1), stride),
                      .queries = queries,
                      .tokens = tokens,
                      .head_size = head_size,
                      .scale = 1 / sqrtf((float)head_size)},
        .q = q,
    };
}

static head random_head(void) {
    size_t tokens = random_below(3) ? random_size(1, 70) : random_size(70, 260);
    size_t queries = random_below(2) ? tokens : random_size(1, tokens);
    return make_head(tokens, queries, random_size(1, 80), 2);
}

static dpi_rows rows_of_bf16(dpi_rows rows, size_t count, size_t columns) {
    return (dpi_rows){halves_of(rows.numbers, extent(count, columns, rows.stride)), rows.stride,
                      DPI_NUMBER_BF16};
}

static float *f32_row(dpi_rows rows, size_t i) {
    return dpi_rows_from(rows, i, 0).numbers;
}

static void run_head(const dpi_gemm *p, const dpi_attention *attention) {
    size_t floats = dpi_attention_scratch(p, attention->tokens, attention->head_size);
    dpi_attention a = *attention;
    bool bf16 = p->attention.type == DPI_NUMBER_BF16;
    if (bf16) {
        a.q = rows_of_bf16(a.q, a.queries, a.head_size);
        a.k = rows_of_bf16(a.k, a.tokens, a.head_size);
        a.v = rows_of_bf16(a.v, a.tokens, a.head_size);
    }
    dpi_attention_run(kernels_of(p), p, &a, (float *)garbage_words(floats));
    for (size_t i = 0; bf16 && i < a.queries; i++) {
        const uint16_t *answer = dpi_rows_from(a.q, i, 0).numbers;
        for (size_t c = 0; c < a.head_size; c++) {
            f32_row(attention->q, i)[c] = float_of((uint32_t)answer[c] << 16);
        }
    }
}

static double rounded(const dpi_gemm *p, float x) {
    return (double)(p->layout.precision == DP_PRECISION_BF16 ? float_of(nearest_bf16(x) << 16) : x);
}

static double dot(const dpi_gemm *p, const float *a, const float *b, size_t n, double *size) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double term = rounded(p, a[i]) * rounded(p, b[i]);
        sum += term;
        *size = fmax(*size, 1) + fabs(term);
    }
    return sum;
}

static double largest_of(const float *x, size_t n) {
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double)x[i]));
    }
    return largest;
}

/* What int16 loses: of a score, half a unit of each number, of which the largest is `limit` units;
 * of an answer, half a unit of 261,000 of each weight, or of 32767 of the largest, and half a unit
 * of 8191 of each value. Of the exponential, 3e-6. Errors count twice, in a weight and in the sum
 * that divides it; 0.1 more is for the square of a score's. */
static double int16_error(const head *h, size_t query) {
    const dpi_attention *a = &h->attention;
    double limit = floor(sqrt(0x1p31 / (double)a->head_size)) - 1, keys = 0;
    double of_query = largest_of(h->q + query * a->q.stride, a->head_size);
    for (size_t t = 0; t < a->tokens; t++) {
        keys = fmax(keys, largest_of(f32_row(a->k, t), a->head_size));
    }
    double score = (double)a->scale * (double)a->head_size * of_query * keys / fmin(limit, 32767);
    return 2.1 * score + (double)a->tokens / 261000 + 0x1p-14 + 6e-6;
}

/* The weights of one query, in double precision on the rounded numbers, and a bound for the error
 * of each and of their sum: that of a score is the relative error of its weight. Weights, which add
 * up to 1, are rounded to bf16 once more, each by 2^-8 of itself. */
static double weigh_query(const dpi_gemm *p, const head *h, size_t query, double *weights) {
    const dpi_attention *a = &h->attention;
    double largest = -INFINITY, total = 0, size = 0;
    for (size_t t = 0; t < a->tokens; t++) {
        double terms = 0;
        weights[t] = (double)a->scale *
                     dot(p, h->q + query * a->q.stride, f32_row(a->k, t), a->head_size, &terms);
        size = fmax(size, terms * (double)a->scale);
        largest = fmax(largest, weights[t]);
    }
    for (size_t t = 0; t < a->tokens; t++) {
        weights[t] = exp(weights[t] - largest);
        total += weights[t];
    }
    for (size_t t = 0; t < a->tokens; t++) {
        weights[t] /= total;
    }
    return 2 * UNIT * ((double)(a->head_size + a->tokens) + (double)a->head_size * size + 16) +
           (has_bytes(p) ? int16_error(h, query) : 0) +
           (p->layout.precision == DP_PRECISION_BF16 ? 0x1p-8 : 0) +
           (p->attention.type == DPI_NUMBER_BF16 ? 0x1p-8 : 0);
}

/* The answer of one query and a bound for its error; no value is larger than 1. */
static double answer_query(const dpi_gemm *p, const head *h, size_t query, double *answer) {
    const dpi_attention *a = &h->attention;
    double weights[512];
    double bound = weigh_query(p, h, query, weights);
    for (size_t c = 0; c < a->head_size; c++) {
        answer[c] = 0;
        for (size_t t = 0; t < a->tokens; t++) {
            answer[c] += weights[t] * rounded(p, f32_row(a->v, t)[c]);
        }
    }
    return bound;
}

static void assert_head(const dpi_gemm *p, const head *h) {
    const dpi_attention *a = &h->attention;
    run_head(p, a);
    for (size_t i = 0; i < a->queries; i++) {
        double expected[256];
        double bound = answer_query(p, h, i, expected);
        for (size_t c = 0; c < a->head_size; c++) {
            float got = f32_row(a->q, i)[c];
            if (!is_near(got, expected[c], bound)) {
                ck_abort_msg("%s, %s: %zu queries of %zu tokens, head of %zu: (%zu, %zu) is %.9g, "
                             "not %.9g (bound %g)",
                             dp_precision_name(p->layout.precision), p->name, a->queries, a->tokens,
                             a->head_size, i, c, (double)got, expected[c], bound);
            }
        }
    }
    assert_gaps(a->q.numbers, h->q, a->queries, a->head_size, a->q.stride);
}

START_TEST(attention_matches_the_formula) {
    static const size_t known[][3] = {{1, 1, 1},    {2, 1, 3},    {197, 3, 64}, {197, 1, 64},
                                      {50, 50, 32}, {17, 17, 15}, {257, 2, 64}, {33, 33, 128}};
    for (size_t round = 0; round < unless_brief(40, COUNT(known)); round++) {
        head h = round < COUNT(known)
                     ? make_head(known[round][0], known[round][1], known[round][2], 1)
                     : random_head();
        assert_head(attending[_i], &h);
        guarded_end();
    }
}
END_TEST

/* Scores so far apart that one token gets all the weight; bf16 rounds a value of 1 to 1. */
START_TEST(attention_with_extreme_scores) {
    for (float size = 1e3F; size < 1e18F; size *= 1e3F) {
        head h = make_head(40, 40, 8, size);
        dpi_attention a = h.attention;
        run_head(attending[_i], &a);
        for (size_t i = 0; i < a.queries; i++) {
            for (size_t c = 0; c < a.head_size; c++) {
                ck_assert(fabsf(f32_row(a.q, i)[c]) <= 1.0001F);
            }
        }
        guarded_end();
    }
}
END_TEST

/* What is not finite shows in the answer: of one query, or of all where it is a key or a value. The
 * score of an infinite key may be minus infinity, which is no fault. */
START_TEST(numbers_that_are_not_finite_are_not_lost) {
    static const size_t tokens[] = {1, 2, 33, 196, 197};
    static const float broken[] = {NAN, INFINITY, -INFINITY};
    for (size_t round = 0; round < COUNT(tokens) * COUNT(broken) * 3; round++) {
        size_t count = tokens[round % COUNT(tokens)];
        head h = make_head(count, count, 16, 1);
        dpi_rows rows[] = {h.attention.q, h.attention.k, h.attention.v};
        float number = broken[round / COUNT(tokens) % COUNT(broken)];
        size_t which = round / (COUNT(tokens) * COUNT(broken));
        f32_row(rows[which], count - 1)[5] = which == 1 ? NAN : number;
        run_head(attending[_i], &h.attention);
        bool finite = true;
        for (size_t c = 0; c < 16; c++) {
            finite = finite && isfinite(f32_row(h.attention.q, count - 1)[c]);
        }
        ck_assert_msg(!finite, "%s: round %zu", attending[_i]->name, round);
        guarded_end();
    }
}
END_TEST

START_TEST(queries_do_not_depend_on_the_split) {
    const dpi_gemm *p = attending[_i];
    for (size_t round = 0; round < unless_brief(30, 10); round++) {
        head h = random_head();
        dpi_attention whole = h.attention, part = h.attention;
        size_t floats = extent(whole.queries, whole.head_size, whole.q.stride);
        float *q = guarded_copy(h.q, floats);
        run_head(p, &whole);
        for (size_t first = 0; first < whole.queries; first += part.queries) {
            part.q = dpi_rows_f32(q + first * whole.q.stride, whole.q.stride);
            part.queries = random_size(1, whole.queries - first);
            run_head(p, &part);
        }
        ck_assert_mem_eq(q, whole.q.numbers, floats * sizeof(float));
        guarded_end();
    }
}
END_TEST

/* Beside the answer, which keeps its bits. Before they are rounded for the next product they add up
 * to 1, however a GEMM divides. */
START_TEST(weights_are_added_where_somebody_asks) {
    const dpi_gemm *p = attending[_i];
    for (size_t round = 0; round < unless_brief(20, 6); round++) {
        head h = random_head();
        dpi_attention plain = h.attention, asked = h.attention;
        size_t floats = extent(plain.queries, plain.head_size, plain.q.stride);
        size_t sums = plain.queries * plain.tokens;
        asked.q = dpi_rows_f32(guarded_copy(h.q, floats), plain.q.stride);
        asked.weight_sums = (float *)guarded_words(sums);
        for (size_t i = 0; i < sums; i++) {
            asked.weight_sums[i] = 2.0F;
        }
        run_head(p, &asked);
        run_head(p, &plain);
        ck_assert_mem_eq(asked.q.numbers, plain.q.numbers, floats * sizeof(float));
        for (size_t i = 0; i < plain.queries; i++) {
            double weights[512];
            double bound = weigh_query(p, &h, i, weights);
            double total = 0;
            for (size_t t = 0; t < plain.tokens; t++) {
                double got = (double)asked.weight_sums[i * plain.tokens + t] - 2.0;
                total += got;
                ck_assert_msg(fabs(got - weights[t]) <= bound + 4 * UNIT,
                              "%s, %s: weight (%zu, %zu) is %.9g, not %.9g",
                              dp_precision_name(p->layout.precision), p->name, i, t, got,
                              weights[t]);
            }
            /* Each was rounded where it was added to 2. */
            ck_assert_msg(fabs(total - 1) <= 4 * UNIT * (double)plain.tokens,
                          "%s, %s: the weights of query %zu add up to %.9g",
                          dp_precision_name(p->layout.precision), p->name, i, total);
        }
        guarded_end();
    }
}
END_TEST

START_TEST(the_first_query_can_be_weighed_alone) {
    const dpi_gemm *p = attending[_i];
    head h = random_head();
    double weights[512];
    float *got = (float *)guarded_words(h.attention.tokens);
    double bound = weigh_query(p, &h, 0, weights);
    dpi_attention a = h.attention;
    if (p->attention.type == DPI_NUMBER_BF16) {
        a.q = rows_of_bf16(a.q, a.queries, a.head_size);
        a.k = rows_of_bf16(a.k, a.tokens, a.head_size);
    }
    dpi_attention_weights(kernels_of(p), &a, got);
    bound += p->layout.precision == DP_PRECISION_BF16 ? 0x1p-6 : 0; /* which rounds in f32 rows */
    for (size_t t = 0; t < a.tokens; t++) {
        ck_assert(fabs((double)got[t] - weights[t]) <= bound);
    }
    guarded_end();
}
END_TEST

static Suite *attention_suite(void) {
    Suite *suite = suite_create("attention");
    TCase *attention = add_guarded_case(suite, "attention");
    find_attending();
    tcase_add_loop_test(attention, attention_matches_the_formula, 0, attending_count);
    tcase_add_loop_test(attention, attention_with_extreme_scores, 0, attending_count);
    tcase_add_loop_test(attention, numbers_that_are_not_finite_are_not_lost, 0, attending_count);
    tcase_add_loop_test(attention, queries_do_not_depend_on_the_split, 0, attending_count);
    tcase_add_loop_test(attention, weights_are_added_where_somebody_asks, 0, attending_count);
    tcase_add_loop_test(attention, the_first_query_can_be_weighed_alone, 0, attending_count);
    return suite;
}

int main(void) {
    return run_products("test_attention", attention_suite);
}
