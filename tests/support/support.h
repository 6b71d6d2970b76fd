/*
 * What several test programs share: random numbers from a seed that is printed, buffers that end
 * where a page begins which must not be touched, files and NumPy arrays.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* `full`, or `brief` where every instruction is dear (under valgrind): there DUALPATH_QUICK is set.
 */
size_t unless_brief(size_t full, size_t brief);

/* ---- random numbers ---- */

/* Takes the seed from DUALPATH_SEED, else from the clock, and prints it: once, in main(). */
void random_seed(const char *program);
/* Back to the seed. As a checked fixture, it gives every test the same numbers, whichever tests
 * ran before it. */
void random_restart(void);
/* The numbers of this seed, until the next test. */
void random_start(uint64_t from);

uint32_t random_below(uint32_t bound);
size_t random_size(size_t first, size_t last);
float random_float(void); /* -1 .. 1 */
void random_fill(float *values, size_t count);

/* ---- guarded memory ---- */

/* A block whose last byte is the last of its page, give or take the alignment (a power of two). The
 * next page must not be touched, and the bytes around the block in its own pages are watched. */
void *guarded_bytes(size_t size, size_t alignment);
/* The same for floats, at no alignment but their own. */
float *guarded_floats(size_t count);
/* A copy of `count` floats. */
float *guarded_copy(const float *values, size_t count);
/* Checks what is around all blocks so far, and frees them. */
void guarded_end(void);

/* ---- files ---- */

/* All bytes of a file, which the caller frees; NULL when it cannot be read. */
uint8_t *read_file(const char *path, size_t *size);

/* A NumPy array of type |u1 or <f4, in C order. */
typedef struct npy_array {
    char type; /* 'u' or 'f' */
    size_t dims, shape[4], count;
    uint8_t *file; /* what is freed */
    const uint8_t *bytes;
    const float *floats; /* NULL for bytes */
} npy_array;

/* Fails the test when there is no such array. */
npy_array npy_read(const char *path);
void npy_free(npy_array *array);

#endif /* SUPPORT_H */
