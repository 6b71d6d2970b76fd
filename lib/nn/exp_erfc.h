/*
 * exp and erfc from additions and multiplications in double precision only, so that plain C has the
 * same bits on every machine, whatever its C library computes. Errors are below 1e-13 of the
 * answer: what is rounded to f32 is the nearest f32, but for one number in a million.
 */
#ifndef DPI_FUNCTIONS_H
#define DPI_FUNCTIONS_H

double dpi_exp(double x);
double dpi_erfc(double x);

#endif /* DPI_FUNCTIONS_H */
