/*
 * What several test programs share; see support.h.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "support.h"

#include "base/bytes.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

size_t unless_brief(size_t full, size_t brief) {
    return getenv("DUALPATH_QUICK") == NULL ? full : brief;
}

/* ---- random numbers ---- */

static uint64_t seed = 1;
static uint64_t state = 1;

void random_seed(const char *program) {
    const char *given = getenv("DUALPATH_SEED");
    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    state = seed;
    printf("%s: DUALPATH_SEED=%llu\n", program, (unsigned long long)seed);
    fflush(stdout);
}

void random_restart(void) {
    state = seed;
}

void random_start(uint64_t from) {
    state = from;
}

uint32_t random_below(uint32_t bound) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((state >> 33) % bound);
}

size_t random_size(size_t first, size_t last) {
    return first + random_below((uint32_t)(last - first + 1));
}

float random_float(void) {
    return ((float)random_below(1U << 24) - 0x1p23F) * 0x1p-23F;
}

void random_fill(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        values[i] = random_float();
    }
}

/* ---- guarded memory ---- */

#define WATCHED 0x5a

typedef struct block {
    struct block *next;
    uint8_t *pages; /* a page that must not be touched, `usable` bytes, another such page */
    uint8_t *bytes;
    size_t usable, size;
} block;

static block *blocks;

void *guarded_bytes(size_t size, size_t alignment) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    block *made = malloc(sizeof *made);
    ck_assert_ptr_nonnull(made);
    made->size = size;
    made->usable = (size + alignment + page - 1) / page * page;
    made->pages =
        mmap(NULL, made->usable + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(made->pages != MAP_FAILED);
    ck_assert_int_eq(mprotect(made->pages + page, made->usable, PROT_READ | PROT_WRITE), 0);
    memset(made->pages + page, WATCHED, made->usable);
    made->bytes = made->pages + page + (made->usable - size) / alignment * alignment;
    made->next = blocks;
    blocks = made;
    return made->bytes;
}

float *guarded_floats(size_t count) {
    return guarded_bytes(count * sizeof(float), sizeof(float));
}

float *guarded_copy(const float *values, size_t count) {
    float *copy = guarded_floats(count);
    memcpy(copy, values, count * sizeof(float));
    return copy;
}

static bool is_watched(const uint8_t *bytes, const uint8_t *end) {
    while (bytes < end && *bytes == WATCHED) {
        bytes++;
    }
    return bytes == end;
}

void guarded_end(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    while (blocks != NULL) {
        block *first = blocks;
        const uint8_t *begin = first->pages + page;
        ck_assert_msg(is_watched(begin, first->bytes), "bytes before a buffer were written");
        ck_assert_msg(is_watched(first->bytes + first->size, begin + first->usable),
                      "bytes behind a buffer were written");
        blocks = first->next;
        munmap(first->pages, first->usable + 2 * page);
        free(first);
    }
}

/* ---- files ---- */

uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    size_t capacity = 1 << 16;
    *size = 0;
    if (file == NULL) {
        return NULL;
    }
    do {
        capacity *= 2;
        bytes = realloc(bytes, capacity);
        ck_assert_ptr_nonnull(bytes);
        *size += fread(bytes + *size, 1, capacity - *size, file);
    } while (*size == capacity);
    fclose(file);
    return bytes;
}

/* "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" */
static void read_header(const char *path, const char *header, npy_array *array) {
    const char *type = strstr(header, "'descr': '");
    const char *shape = strstr(header, "'shape': (");
    ck_assert_msg(type != NULL && shape != NULL && strstr(header, "False") != NULL,
                  "%s is not an array in C order", path);
    type += strlen("'descr': '");
    ck_assert_msg(strncmp(type, "|u1", 3) == 0 || strncmp(type, "<f4", 3) == 0,
                  "%s is an array of another type", path);
    array->type = type[1];
    array->count = 1;
    shape += strlen("'shape': (");
    while (*shape >= '0' && *shape <= '9') {
        char *end;
        ck_assert_uint_lt(array->dims, COUNT(array->shape));
        array->shape[array->dims] = (size_t)strtoull(shape, &end, 10);
        array->count *= array->shape[array->dims++];
        shape = end + strspn(end, ", ");
    }
}

/* Little-endian numbers, made this machine's where they stand. */
static const float *read_floats(uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = bytes + i * sizeof(float);
        uint32_t bits = dpi_load_u32(at);
        memcpy(at, &bits, sizeof bits);
    }
    return (const float *)(const void *)bytes;
}

npy_array npy_read(const char *path) {
    npy_array array = {0};
    size_t size;
    char header[512] = "";
    array.file = read_file(path, &size);
    ck_assert_msg(array.file != NULL && size >= 10 && memcmp(array.file, "\x93NUMPY\1", 7) == 0,
                  "%s is not a NumPy array", path);
    size_t length = array.file[8] | (size_t)array.file[9] << 8;
    ck_assert_uint_lt(length, sizeof header);
    ck_assert_uint_le(10 + length, size);
    memcpy(header, array.file + 10, length);
    read_header(path, header, &array);
    size_t element = array.type == 'f' ? sizeof(float) : 1;
    ck_assert_uint_eq(10 + length + array.count * element, size);
    array.bytes = array.file + 10 + length;
    if (array.type == 'f') { /* the header's length keeps the values aligned */
        array.floats = read_floats(array.file + 10 + length, array.count);
    }
    return array;
}

void npy_free(npy_array *array) {
    free(array->file);
    *array = (npy_array){0};
}
