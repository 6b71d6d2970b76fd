/*
 * Mutations of weight files for fuzzers: of keys, values, tensors, shapes and types, and of a whole
 * model to other sizes. Offsets and checksums are right again afterwards, unless they are what is
 * mutated.
 */
#ifndef WEIGHT_MUTATOR_H
#define WEIGHT_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

/* Changes a weight file in place, by `seed` alone. Returns the new size, at most `max_size`; 0: it
 * is no weight file, or became too large. */
size_t weight_mutate(uint8_t *bytes, size_t size, size_t max_size, uint32_t seed);

/* Writes a file with parts of two others to `out`, which has room for `max_size`. Returns its size;
 * 0 as above. */
size_t weight_cross(const uint8_t *first, size_t first_size, const uint8_t *second,
                    size_t second_size, uint8_t *out, size_t max_size, uint32_t seed);

#endif /* WEIGHT_MUTATOR_H */
