/*
 * exp and erfc from additions and multiplications in double precision only, so that plain C has the
 * same bits on every machine, whatever its C library computes. Errors are below 1e-13 of the
 * result: rounded to f32, it is the nearest f32 for all but one number in a million.
 */
#ifndef DPI_EXP_ERFC_H
#define DPI_EXP_ERFC_H

double dpi_exp(double x);
double dpi_erfc(double x);

#endif /* DPI_EXP_ERFC_H */
