/*
 * What the tests of matrix products share: the list of all that this machine can run, numbers as
 * rows and panels hold them, and cases that loop over the list.
 */
#ifndef GEMM_SUPPORT_H
#define GEMM_SUPPORT_H

#include "kernel_support.h"
#include "suite.h"

/* ---- products ---- */

/* Those of f32, then bf16, then bytes; in each, plain C first. find_products() fills the list. */
extern const dpi_gemm *products[32];
extern int product_count;
extern int first_bf16, first_bytes; /* where in the list */

void find_products(void);
bool has_bytes(const dpi_gemm *p);
/* The kernels that go with a product. */
const dpi_kernels *kernels_of(const dpi_gemm *p);

/* ---- 32-bit groups ---- */

float float_of(uint32_t bits);
uint32_t bits_of(float x);

/* The number at place `part` of a word; a byte is signed. */
double number_in(const dpi_gemm *p, uint32_t word, size_t part);
/* Number i of a row. */
double in_row(const dpi_gemm *p, const uint32_t *row, size_t i);
/* Number i of a row of an lhs: f32 already where the micro-kernel reads that. */
double in_lhs(const dpi_gemm *p, const uint32_t *row, size_t i);
/* Number i of a column of a panel, whose words are nr apart. Bytes have an offset there. */
double in_column(const dpi_gemm *p, const uint32_t *column, size_t i);
/* Column o of the panels of a matrix with this depth in words. */
const uint32_t *panel_column(const dpi_gemm *p, const uint32_t *panels, size_t depth, size_t o);

uint32_t *guarded_words(size_t count);
/* Words that must not matter: no numbers in f32 and bf16. */
uint32_t *garbage_words(size_t count);

/* ---- the left-hand side ---- */

/* k-groups of memory for an lhs of these sizes; 0 for f32. */
size_t lhs_size(const dpi_gemm *p, size_t rows, size_t inputs);
/* Memory of so many k-groups as a buffer. */
dpi_lhs_buffer lhs_buffer(uint32_t *memory, size_t inputs);
/* x [rows][inputs], rows `stride` apart, as an lhs in `memory`; of f32, x itself. */
dpi_lhs lhs_of(const dpi_gemm *p, const float *x, size_t stride, size_t rows, size_t inputs,
               uint32_t *memory);

/* ---- rounding ---- */

/* By the definition: the nearer one, or the even one of two; 0 for what is not normal. */
uint32_t nearest_bf16(float x);
/* Rows of floats as bf16. */
uint16_t *halves_of(const float *x, size_t count);

/* Half a byte, and the roundings of 127 / largest, of its product with x and of the scale, each of
 * 127 bytes at most. */
#define BYTE_ERROR (0.5 + 3.01 * 127 * UNIT)

/* ---- the program ---- */

/* A case whose buffers are guarded. */
TCase *add_guarded_case(Suite *suite, const char *name);

#define ADD(cases, test) tcase_add_loop_test(cases, test, 0, product_count)
#define ADD_BYTES(cases, test) tcase_add_loop_test(cases, test, first_bytes, product_count)
#define ADD_F32(cases, test) tcase_add_loop_test(cases, test, 0, first_bf16)
#define ADD_BF16(cases, test) tcase_add_loop_test(cases, test, first_bf16, first_bytes)
#define ADD_FLOATS(cases, test) tcase_add_loop_test(cases, test, 0, first_bytes)
#define ADD_ROUNDED(cases, test) tcase_add_loop_test(cases, test, first_bf16, product_count)

/* Finds the products and says which, then runs the suite that `make_suite` makes of them. */
int run_products(const char *program, Suite *(*make_suite)(void));

#endif /* GEMM_SUPPORT_H */
