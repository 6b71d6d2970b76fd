/*
 * Stands for the compiler's header of this name when the files of lib/isa/x86 are compiled for
 * tests: AVX2, AVX-VNNI, AVX-512 with VNNI and BF16, and AMX as functions in plain C, which every
 * x86-64 processor runs and sanitizers look into. Each gives the bits of its instruction; which
 * NaN it is may differ. The Makefile includes it before everything else, because files ask for
 * the macros of the instruction sets first.
 *
 * What the library does not use is not here: a new intrinsic is a line more.
 */
#ifndef INSTRUCTIONS_IMMINTRIN_H
#define INSTRUCTIONS_IMMINTRIN_H

/* No warning that _Pragma is defined: unrolled, the loops of kernels would take a minute to
 * compile. */
#pragma GCC system_header
#define _Pragma(unroll)

#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif
#include <unistd.h>

#define __AVX2__ 1
#define __FMA__ 1
#define __AVXVNNI__ 1
#define __AVX512F__ 1
#define __AVX512BW__ 1
#define __AVX512DQ__ 1
#define __AVX512VL__ 1
#define __AVX512VNNI__ 1
#define __AVX512BF16__ 1
#define __AMX_TILE__ 1
#define __AMX_BF16__ 1
#define __AMX_INT8__ 1

#include "vectors.h"

#include "tiles.h"

/* For isa/vector/vector_store.h: no register holds a vector. */
#define V_HIDE(x) __asm__ volatile("" : "+m"(x))

/* Linux is not asked for permission to use tile registers. */
#define syscall(...) 0L

#endif /* INSTRUCTIONS_IMMINTRIN_H */
