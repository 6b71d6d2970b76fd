/*
 * What lies under the way of a clip: messages, checked sizes, memory, files, threads, the clock.
 * Nothing here knows of models or video. Whatever needs an operating system is in this folder and
 * can be compiled out (DP_NO_THREADS, DP_NO_FILES, DP_NO_ZLIB, DP_NO_CLOCK).
 */
#ifndef DP_RUNTIME_H
#define DP_RUNTIME_H

#include "dp_config.h"
#include "dualpath.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- messages (message.c) ---- */

/* The sentence that goes with a status. */
typedef struct dp_message {
    char text[512];
} dp_message;

#if defined(__GNUC__)
#define DP_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define DP_PRINTF(text, first)
#endif

/* Text of at most size - 1 bytes and its end; returns how many there are. Of printf()'s formats,
 * what messages need. (format.c) */
size_t dp_print(char *text, size_t size, const char *format, ...) DP_PRINTF(3, 4);
size_t dp_print_list(char *text, size_t size, const char *format, va_list *arguments);

/* Writes the sentence and returns the status: `return dp_fail(message, DP_ERR_IO, "...", ...)`. */
dp_status dp_fail(dp_message *message, dp_status status, const char *format, ...) DP_PRINTF(3, 4);

/* The message that dp_last_message() answers in this thread. */
dp_message *dp_thread_message(void);

/* Text from a file, made safe to print: at most 63 bytes, control and non-ASCII bytes become '?'.
 */
typedef struct dp_printable {
    char text[64];
} dp_printable;
dp_printable dp_make_printable(const char *bytes, size_t length);

/* ---- sizes (inline: every size that depends on input goes through these) ---- */

static inline bool dp_size_add(size_t a, size_t b, size_t *sum) {
    *sum = a + b;
    return *sum >= a;
}

static inline bool dp_size_mul(size_t a, size_t b, size_t *product) {
    *product = a * b;
    return a == 0 || *product / a == b;
}

static inline size_t dp_min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/* ---- memory (memory.c) ---- */

#define DP_ALIGNMENT 64

/* The C library's memory, aligned to DP_ALIGNMENT. */
extern const dp_allocator dp_default_allocator;

/* NULL on failure; the allocator may be NULL for the default one. A size of 0 gives a block, too.
 */
void *dp_allocate(const dp_allocator *allocator, size_t size);
void dp_release(const dp_allocator *allocator, void *block, size_t size);

/* Tells that these bytes of a block will not be read before they are written again: whole pages
 * among them go back to the system at once, where it can and the allocator is the default one. */
void dp_discard(const dp_allocator *allocator, const void *bytes, size_t size);

/* Copies what a block holds into a larger one and frees it, piece by piece as far as dp_discard()
 * goes, so that no two whole copies are held. */
void dp_move_block(const dp_allocator *allocator, void *to, void *from, size_t used,
                   size_t allocated);

/* A region of memory that is only handed out, never returned. With base == NULL it just counts, so
 * that the code which plans a session and the code which fills it are the same. */
typedef struct dp_arena {
    uint8_t *base;
    size_t size; /* of the region; not looked at when counting */
    size_t used; /* so far */
    bool failed; /* something did not fit, or a size overflowed */
} dp_arena;

/* `count` elements of `element` bytes, aligned to DP_ALIGNMENT, not cleared. NULL when counting or
 * failed. */
void *dp_arena_take(dp_arena *arena, size_t count, size_t element);

/* The same for floats, [rows][columns]. */
float *dp_arena_floats(dp_arena *arena, size_t rows, size_t columns);

/* ---- files (file.c) ---- */

/* The bytes of a whole file: mapped where the system can, else read. */
typedef struct dp_file {
    const uint8_t *bytes;
    size_t size;
    void *handle;                  /* what dp_file_close() needs */
    const dp_allocator *allocator; /* of bytes that were read, else NULL */
} dp_file;

dp_status dp_file_open(const char *path, const dp_allocator *allocator, dp_file *file,
                       dp_message *message);
/* Whole pages of a mapped file among these bytes leave memory, until they are read again. */
void dp_file_unload(const dp_file *file, const uint8_t *bytes, size_t size);
void dp_file_close(dp_file *file);

/* ---- the bytes of a model and what holds them (source.c) ---- */

typedef struct dp_source {
    const uint8_t *bytes;
    size_t size;
    dp_file file;                  /* the bytes are its; or */
    uint8_t *block;                /* they lie in this block; or both are empty: they are the */
    size_t allocated;              /* caller's */
    const dp_allocator *allocator; /* of the block */
} dp_source;

void dp_source_close(dp_source *source);

/* Lets go of the memory of bytes that were read: they are read from the file again, should they be
 * used again. Does nothing for bytes that are not mapped. */
void dp_source_unload(const dp_source *source, const uint8_t *bytes, size_t size);

/* The same for bytes that will never be read again, wherever they are. */
void dp_source_discard(const dp_source *source, const uint8_t *bytes, size_t size);

/* ---- threads (workers.c, team.c) ---- */

/* A task of a parallel loop: `index` is 0 .. count-1, `thread` 0 .. threads-1 (for scratch memory).
 */
typedef void (*dp_task_fn)(void *context, size_t index, size_t thread);

/* Threads that help with the loops of one team or of several. */
typedef struct dp_workers dp_workers;

/* Bytes of workers. */
size_t dp_workers_size(size_t threads);
/* Makes workers in caller's memory of dp_workers_size() bytes and starts threads - 1 threads, which
 * sleep until there is work. On failure nothing is left running. */
dp_status dp_workers_start(void *memory, size_t threads, dp_workers **workers, dp_message *message);
void dp_workers_stop(dp_workers *workers);
/* As many as were asked for, a caller among them. */
size_t dp_workers_threads(const dp_workers *workers);

/* Who computes for a session: its caller together with workers, its own or shared ones, or the
 * threads of the host's scheduler. */
typedef struct dp_team dp_team;

/* Bytes of a team. */
size_t dp_team_size(void);
/* Makes a team in caller's memory of dp_team_size() bytes, on workers or, where they are NULL, on a
 * scheduler, which is copied. */
dp_status dp_team_start(void *memory, dp_workers *workers, const dp_scheduler *scheduler,
                        dp_team **team, dp_message *message);
void dp_team_stop(dp_team *team);
size_t dp_team_threads(const dp_team *team);
/* Runs all tasks; returns when all are done. Tasks are handed out in order. One loop at a time. */
void dp_team_run(dp_team *team, dp_task_fn task, void *context, size_t count);

/* Processors this process may use, at least 1. */
size_t dp_processor_count(void);

/* ---- the clock (clock.c) ---- */

/* Monotonic milliseconds; always 0 without a clock. */
double dp_clock_ms(void);

/* ---- the environment (environment.c) ---- */

/* DP_CPU_* that DUALPATH_CPU leaves; read once. */
uint32_t dp_environment_cpu_mask(void);

#endif /* DP_RUNTIME_H */
