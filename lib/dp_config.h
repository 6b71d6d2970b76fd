/*
 * What is in a build. By default everything is; a build for a small machine leaves out what it does
 * not use, by defining these on the command line or in a header of its own, whose name is given as
 * -DDP_CONFIG_FILE='"my_config.h"'.
 *
 * Of the operating system and the C library:
 *   DP_NO_THREADS      threads of ours; those of a host's scheduler still work
 *   DP_NO_FILES        opening models by a path
 *   DP_NO_CLOCK        timings, and waiting for a frame of a stream up to a time
 *   DP_NO_ENVIRONMENT  DUALPATH_CPU
 *   DP_NO_ZLIB         gzip-compressed models
 *   DP_NO_HEAP         memory that no allocator or arena of the caller's gives
 *   DP_NO_FENV         the caller's rounding mode in threads of a host's scheduler
 *   DP_NO_ACCOUNTS     max_memory: where memory is an allocator's or an arena's, that is the limit
 *   DP_FREESTANDING    all of these, DP_NO_ADVICE, and fast tables where small ones do
 *
 * Of the library:
 *   DP_NO_CANONICAL    opening any model but a compiled one, and with it tasks and `unfused`
 *   DP_NO_BF16         products in bf16
 *   DP_NO_INT8         products in int8
 *   DP_NO_PANELS       products for any target but DP_TARGET_ROWS
 *   DP_NO_SINCOS       position encodings that are computed; a compiled model has them in tables
 *   DP_NO_PROTOCOLS    with DP_NO_CANONICAL: models of another protocol than DualPath's, and what
 *                      only they need; saying the protocol in words
 *   DP_NO_ATTENTION    telling what class tokens attend to
 *   DP_NO_ADVICE       saying what a file is that is no GGUF file, and what helps; `protocol` of a
 *                      model in words
 *   DP_FORMATS         pixel formats: 1u << DP_FORMAT_RGB24 and others or'ed; by default all
 *   DP_NO_METHODS      methods other than DualPath
 *   DP_METHODS         those that are in: 1u << DP_METHOD_AIM and others or'ed; by default all
 *
 * What was left out is DP_ERR_UNSUPPORTED when it is asked for, memory DP_ERR_MEMORY. The code for
 * it is behind an `if` on one of the constants below, so that every build compiles all of it, and
 * the linker drops what nothing calls (-ffunction-sections -Wl,--gc-sections).
 */
#ifndef DP_CONFIG_H
#define DP_CONFIG_H

#if defined(DP_CONFIG_FILE)
#include DP_CONFIG_FILE
#endif

#if defined(DP_FREESTANDING)
#define DP_NO_THREADS
#define DP_NO_FILES
#define DP_NO_CLOCK
#define DP_NO_ENVIRONMENT
#define DP_NO_ZLIB
#define DP_NO_HEAP
#define DP_NO_FENV
#define DP_NO_ACCOUNTS
#define DP_NO_ADVICE
#define DP_SMALL_TABLES
#endif

#if defined(DP_NO_CANONICAL)
#define DPI_HAS_CANONICAL 0
#else
#define DPI_HAS_CANONICAL 1
#endif

#if defined(DP_NO_ACCOUNTS)
#define DPI_HAS_ACCOUNTS 0
#else
#define DPI_HAS_ACCOUNTS 1
#endif

#if defined(DP_NO_ADVICE)
#define DPI_HAS_ADVICE 0
#else
#define DPI_HAS_ADVICE 1
#endif

#if defined(DP_NO_ATTENTION)
#define DPI_HAS_ATTENTION 0
#else
#define DPI_HAS_ATTENTION 1
#endif

#if defined(DP_NO_BF16)
#define DPI_HAS_BF16 0
#else
#define DPI_HAS_BF16 1
#endif

#if defined(DP_NO_INT8)
#define DPI_HAS_INT8 0
#else
#define DPI_HAS_INT8 1
#endif

#if defined(DP_NO_PANELS)
#define DPI_HAS_PANELS 0
#else
#define DPI_HAS_PANELS 1
#endif

#if defined(DP_NO_SINCOS)
#define DPI_HAS_SINCOS 0
#else
#define DPI_HAS_SINCOS 1
#endif

#if defined(DP_NO_PROTOCOLS) && defined(DP_NO_CANONICAL)
#define DPI_HAS_PROTOCOLS 0
#else
#define DPI_HAS_PROTOCOLS 1
#endif

#if !defined(DP_FORMATS)
#define DP_FORMATS 0xffffffffu
#endif
#define DPI_HAS_FORMAT(format) ((DP_FORMATS >> (format)) & 1u)

#if defined(DP_NO_METHODS)
#undef DP_METHODS
#define DP_METHODS 0u
#elif !defined(DP_METHODS)
#define DP_METHODS 0xffffffffu
#endif
#define DPI_HAS_METHOD(method) (((DP_METHODS | 1u) >> (method)) & 1u)
/* Rows of tables that only other methods than DualPath have. */
#if defined(DP_NO_METHODS)
#define DPI_ROWS_OF_METHODS(...)
#else
#define DPI_ROWS_OF_METHODS(...) __VA_ARGS__
#endif

#endif /* DP_CONFIG_H */
