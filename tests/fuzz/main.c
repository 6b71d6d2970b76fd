/*
 * Runs a fuzz target on files, and on the files of folders, where there is no libFuzzer: each as it
 * is, and a few mutations of it that are always the same, if the target has a mutator.
 */
#define _DEFAULT_SOURCE
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

#define MUTATIONS 8
#define MAX_SIZE ((size_t)1 << 18) /* as the Makefile gives it to libFuzzer */

#pragma weak LLVMFuzzerInitialize
#pragma weak LLVMFuzzerCustomMutator

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) {
    (void)max_size;
    if (size > 0) {
        data[size / 2] ^= 1;
    }
    return size;
}

static size_t inputs;

static void run(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1); /* of exactly this size */
    fuzz_require(copy != NULL, "no memory", "");
    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    inputs++;
}

static void run_mutations(const uint8_t *bytes, size_t size) {
    static uint8_t mutated[MAX_SIZE];
    for (unsigned seed = 0; seed < MUTATIONS && size <= MAX_SIZE; seed++) {
        memcpy(mutated, bytes, size);
        run(mutated, LLVMFuzzerCustomMutator(mutated, size, MAX_SIZE, 7919 * seed + 11));
    }
}

static void run_file(const char *path) {
    size_t size;
    uint8_t *bytes = fuzz_read(path, &size);
    run(bytes, size);
    if (LLVMFuzzerCustomMutator != NULL) {
        run_mutations(bytes, size);
    }
    free(bytes);
}

static void run_path(const char *path) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        run_file(path);
        return;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char name[1024];
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.') {
            run_path(name);
        }
    }
    (void)closedir(folder);
}

int main(int count, char **arguments) {
    if (LLVMFuzzerInitialize != NULL) {
        (void)LLVMFuzzerInitialize(&count, &arguments);
    }
    for (int i = 1; i < count; i++) {
        run_path(arguments[i]);
    }
    printf("%zu inputs\n", inputs);
    return 0;
}
