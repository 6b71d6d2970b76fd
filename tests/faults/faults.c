/*
 * Makes one call of a program fail: a library for LD_PRELOAD, which faults.py starts programs with.
 *
 * Calls are counted by their kind from main() on, in all threads, allocations in main()'s.
 * What the C library does for the program counts: a buffer that fopen() allocates, and reads and
 * writes of streams, for which files of fopen(), stdin and stdout become streams with functions of
 * this file.
 *
 * FAULTS_KIND    the kind of call that fails, of `kinds`; unset: none, calls are only counted
 * FAULTS_AT      the number of the call, from 1
 * FAULTS_ONWARD  set: all later calls of the kind fail as well
 * FAULTS_HOW     "error": its usual one; "interrupted": EINTR; "short": one byte is read or written
 * FAULTS_REPORT  a file for lines "NAME NUMBER" when main() returns: the calls of each kind
 *
 * The report also has the descriptors and mappings that are left.
 */
#define _GNU_SOURCE /* RTLD_NEXT, fopencookie() */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum kind {
    MEMORY,
    MAP,
    OPEN,
    READ,
    WRITE,
    STAT,
    DIRECTORY,
    SYNC,
    CLOSE,
    RENAME,
    LOCK,
    THREAD,
    KINDS
} kind;

static const struct {
    const char *name;
    int error;
} kinds[KINDS] = {
    [MEMORY] = {"memory", ENOMEM},    [MAP] = {"map", ENOMEM},     [OPEN] = {"open", EMFILE},
    [READ] = {"read", EIO},           [WRITE] = {"write", ENOSPC}, [STAT] = {"stat", EIO},
    [DIRECTORY] = {"directory", EIO}, [SYNC] = {"sync", EIO},      [CLOSE] = {"close", EIO},
    [RENAME] = {"rename", EACCES},    [LOCK] = {"lock", EAGAIN},   [THREAD] = {"thread", EAGAIN},
};

/* What is to fail; written before main(). */
static kind failing = KINDS;
static unsigned long failing_at;
static bool onward, interrupts, shortens;

static atomic_bool counting;

/* Of the thread that main() runs in. A thread that the address sanitizer starts allocates before
 * its function is called, and ends the process if it cannot; those of the library never allocate
 * (tests/api/test_allocations.c). This model of access does not allocate either. */
static _Thread_local __attribute__((tls_model("initial-exec"))) bool runs_main;
static atomic_ulong calls[KINDS];
static atomic_long mappings;

static bool is_due(kind which) {
    if (!atomic_load(&counting)) {
        return false;
    }
    unsigned long number = atomic_fetch_add(&calls[which], 1) + 1;
    return which == failing && (number == failing_at || (onward && number > failing_at));
}

/* Whether this call has to fail. Then errno is set. */
static bool fails(kind which) {
    bool failed = is_due(which);
    if (failed) {
        errno = interrupts ? EINTR : kinds[which].error;
    }
    return failed;
}

/* The same for calls that may do less instead: `size` becomes what is left of it. */
static bool fails_or_shortens(kind which, size_t *size) {
    if (!shortens) {
        return fails(which);
    }
    if (is_due(which) && *size > 1) {
        *size = 1;
    }
    return false;
}

/* ---- the functions that stand behind those of this file ---- */

/* ISO C has no cast from data to functions. */
static void find(const char *name, void *function, size_t size) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    memcpy(function, &found, size);
}

#define REAL(name)                               \
    static __typeof__(name) *real;               \
    if (real == NULL) {                          \
        find(#name, (void *)&real, sizeof real); \
    }

/* ---- memory ---- */

static bool memory_fails(void) {
    return runs_main && fails(MEMORY);
}

void *malloc(size_t size) {
    REAL(malloc)
    return memory_fails() ? NULL : real(size);
}

void *realloc(void *block, size_t size) {
    REAL(realloc)
    return memory_fails() ? NULL : real(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    REAL(aligned_alloc)
    return memory_fails() ? NULL : real(alignment, size);
}

/* Where dlsym() allocates, it is by this: it gets what need not be freed. */
void *calloc(size_t count, size_t size) {
    static _Alignas(16) char early[4096];
    static size_t used;
    static bool finding;
    static __typeof__(calloc) *real;
    if (finding) {
        void *block = early + used;
        used += (count * size + 15) / 16 * 16;
        return used <= sizeof early ? block : NULL;
    }
    if (real == NULL) {
        finding = true;
        find("calloc", (void *)&real, sizeof real);
        finding = false;
    }
    return memory_fails() ? NULL : real(count, size);
}

void *mmap64(void *address, size_t size, int protection, int flags, int file, off64_t offset) {
    REAL(mmap64)
    void *mapped = fails(MAP) ? MAP_FAILED : real(address, size, protection, flags, file, offset);
    if (mapped != MAP_FAILED && atomic_load(&counting)) {
        atomic_fetch_add(&mappings, 1);
    }
    return mapped;
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    return mmap64(address, size, protection, flags, file, offset);
}

int munmap(void *address, size_t size) {
    REAL(munmap)
    if (atomic_load(&counting)) {
        atomic_fetch_sub(&mappings, 1);
    }
    return real(address, size);
}

/* ---- files ---- */

static int open_really(const char *path, int flags, mode_t mode) {
    REAL(open64)
    return fails(OPEN) ? -1 : real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments) {
    return (flags & O_CREAT) != 0 ? (mode_t)va_arg(arguments, int) : 0;
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_really(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_really(path, flags, mode);
}

ssize_t read(int file, void *bytes, size_t size) {
    REAL(read)
    return fails_or_shortens(READ, &size) ? -1 : real(file, bytes, size);
}

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(write)
    return fails_or_shortens(WRITE, &size) ? -1 : real(file, bytes, size);
}

/* The descriptor is closed in any case, as on Linux. */
int close(int file) {
    REAL(close)
    int result = real(file);
    return fails(CLOSE) ? -1 : result;
}

int fsync(int file) {
    REAL(fsync)
    return fails(SYNC) ? -1 : real(file);
}

int rename(const char *from, const char *to) {
    REAL(rename)
    return fails(RENAME) ? -1 : real(from, to);
}

char *realpath(const char *path, char *resolved) {
    REAL(realpath)
    return fails(STAT) ? NULL : real(path, resolved);
}

int stat(const char *path, struct stat *about) {
    REAL(stat)
    return fails(STAT) ? -1 : real(path, about);
}

int stat64(const char *path, struct stat64 *about) {
    REAL(stat64)
    return fails(STAT) ? -1 : real(path, about);
}

int lstat64(const char *path, struct stat64 *about) {
    REAL(lstat64)
    return fails(STAT) ? -1 : real(path, about);
}

int fstat64(int file, struct stat64 *about) {
    REAL(fstat64)
    return fails(STAT) ? -1 : real(file, about);
}

int fchmod(int file, mode_t mode) {
    REAL(fchmod)
    return fails(STAT) ? -1 : real(file, mode);
}

DIR *opendir(const char *path) {
    REAL(opendir)
    return fails(DIRECTORY) ? NULL : real(path);
}

struct dirent *readdir(DIR *directory) {
    REAL(readdir)
    return fails(DIRECTORY) ? NULL : real(directory);
}

/* ---- streams ---- */

static ssize_t read_stream(void *cookie, char *bytes, size_t size) {
    return read((int)(intptr_t)cookie, bytes, size);
}

/* Writes the rest of what was short, as the C library does for its own streams. Less than all, not
 * a negative number, tells it of an error. */
static ssize_t write_stream(void *cookie, const char *bytes, size_t size) {
    size_t done = 0;
    ssize_t count = 0;
    while (done < size && count >= 0) {
        count = write((int)(intptr_t)cookie, bytes + done, size - done);
        done += count > 0 ? (size_t)count : 0;
    }
    return (ssize_t)done;
}

static int close_stream(void *cookie) {
    return close((int)(intptr_t)cookie);
}

static FILE *stream_of(int file, const char *mode) {
    const cookie_io_functions_t functions = {
        .read = read_stream, .write = write_stream, .close = close_stream};
    return fopencookie((void *)(intptr_t)file, mode, functions);
}

FILE *fopen(const char *path, const char *mode) {
    if (mode[0] != 'r' || strchr(mode, '+') != NULL) {
        abort(); /* the program only reads by streams */
    }
    int file = open_really(path, O_RDONLY, 0);
    FILE *stream = file < 0 ? NULL : stream_of(file, mode);
    if (stream == NULL && file >= 0) {
        REAL(close)
        (void)real(file);
    }
    return stream;
}

/* ---- threads ---- */

/* These return what other calls have in errno. */
static int error_of(kind which) {
    return is_due(which) ? kinds[which].error : 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    REAL(pthread_create)
    int error = error_of(THREAD);
    return error != 0 ? error : real(thread, attributes, run, argument);
}

int pthread_attr_init(pthread_attr_t *attributes) {
    REAL(pthread_attr_init)
    int error = runs_main ? error_of(THREAD) : 0;
    return error != 0 ? error : real(attributes);
}

int pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes) {
    REAL(pthread_mutex_init)
    int error = error_of(LOCK);
    return error != 0 ? error : real(lock, attributes);
}

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes) {
    REAL(pthread_cond_init)
    int error = error_of(LOCK);
    return error != 0 ? error : real(condition, attributes);
}

/* What pthread_atfork() calls. */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                      void *library);
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                      void *library) {
    REAL(__register_atfork)
    int error = error_of(LOCK);
    return error != 0 ? error : real(prepare, parent, child, library);
}

/* ---- main() ---- */

#define WATCHED_DESCRIPTORS 64

static bool was_open[WATCHED_DESCRIPTORS];
static int (*main_of_program)(int, char **, char **);

static void read_settings(void) {
    const char *name = getenv("FAULTS_KIND");
    const char *how = getenv("FAULTS_HOW");
    const char *at = getenv("FAULTS_AT");
    for (kind which = 0; name != NULL && which < KINDS; which++) {
        failing = strcmp(name, kinds[which].name) == 0 ? which : failing;
    }
    failing_at = at != NULL ? strtoul(at, NULL, 10) : 0;
    onward = getenv("FAULTS_ONWARD") != NULL;
    interrupts = how != NULL && strcmp(how, "interrupted") == 0;
    shortens = how != NULL && strcmp(how, "short") == 0;
}

static bool is_open(int file) {
    return fcntl(file, F_GETFD) >= 0;
}

static void report(const char *path) {
    int file = path != NULL ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    int left = 0;
    for (int i = 0; i < WATCHED_DESCRIPTORS; i++) {
        left += i != file && is_open(i) && !was_open[i];
    }
    if (file < 0) {
        return;
    }
    for (size_t i = 0; i < KINDS; i++) {
        (void)dprintf(file, "%s %lu\n", kinds[i].name, atomic_load(&calls[i]));
    }
    (void)dprintf(file, "descriptors %d\nmappings %ld\n", left, atomic_load(&mappings));
    (void)close(file);
}

static int counted_main(int count, char **arguments, char **environment) {
    const char *path = getenv("FAULTS_REPORT");
    read_settings();
    for (int i = 0; i < WATCHED_DESCRIPTORS; i++) {
        was_open[i] = is_open(i);
    }
    stdin = stream_of(STDIN_FILENO, "r");
    stdout = stream_of(STDOUT_FILENO, "w");
    runs_main = true;
    atomic_store(&counting, true);
    int status = main_of_program(count, arguments, environment);
    atomic_store(&counting, false);
    report(path);
    return status;
}

int __libc_start_main(int (*run)(int, char **, char **), int count, char **arguments,
                      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                      void *stack_end);
int __libc_start_main(int (*run)(int, char **, char **), int count, char **arguments,
                      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                      void *stack_end) {
    REAL(__libc_start_main)
    main_of_program = run;
    return real(counted_main, count, arguments, init, fini, rtld_fini, stack_end);
}
