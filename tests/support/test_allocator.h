/*
 * An allocator for tests: counts what it gives, notices a block that is released with another size
 * than it was allocated with, and fails when it is told to.
 */
#ifndef TEST_ALLOCATOR_H
#define TEST_ALLOCATOR_H

#include "dualpath.h"

#include <stdbool.h>
#include <stdlib.h>

typedef struct test_allocator {
    dp_allocator allocator; /* give its address to the library */
    size_t calls;           /* of allocate() so far */
    size_t fail_at;         /* the number of the call that fails, from 1; 0: none */
    size_t limit;           /* of bytes at one time; 0: none */
    size_t failures;        /* calls that failed */
    size_t blocks, bytes;   /* not released yet */
    size_t peak;            /* the most bytes at one time */
    int mistakes;           /* blocks that were released with a wrong size */
} test_allocator;

#define TEST_ALLOCATOR_FRONT 64 /* in front of each block: its size */

static void *test_allocate(void *user, size_t size) {
    test_allocator *self = user;
    self->calls++;
    bool too_much = self->limit != 0 && (size > self->limit || self->bytes > self->limit - size);
    if (self->calls == self->fail_at || too_much || size > SIZE_MAX / 2) {
        self->failures++;
        return NULL;
    }
    void *block = NULL;
    if (posix_memalign(&block, TEST_ALLOCATOR_FRONT, TEST_ALLOCATOR_FRONT + size) != 0) {
        return NULL;
    }
    *(size_t *)block = size;
    self->blocks++;
    self->bytes += size;
    self->peak = self->bytes > self->peak ? self->bytes : self->peak;
    return (char *)block + TEST_ALLOCATOR_FRONT;
}

static void test_release(void *user, void *block, size_t size) {
    test_allocator *self = user;
    char *start = (char *)block - TEST_ALLOCATOR_FRONT;
    self->mistakes += *(size_t *)(void *)start != size;
    self->blocks--;
    self->bytes -= size;
    free(start);
}

static void test_allocator_init(test_allocator *self) {
    *self = (test_allocator){
        .allocator = {.allocate = test_allocate, .release = test_release, .user = self}};
}

#endif /* TEST_ALLOCATOR_H */
