/*
 * process.h - a program that runs beside ours, with pipes from it: what each system does in its own
 * way, examples/posix and examples/windows.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct process process;

/* What it writes: bytes to its standard output, lines to descriptor 3, or to standard output where
 * there are no bytes, and complaints to its standard error. */
typedef enum process_pipe {
    PROCESS_BYTES,
    PROCESS_LINES,
    PROCESS_ERROR,
    PROCESS_PIPES
} process_pipe;

/* Starts arguments[0] of PATH; a NULL ends them. `input` is what it reads, or NULL. Returns 0, or
 * errno and *started = NULL. process_end() frees it. */
int process_start(process **started, const char *const *arguments, bool has_bytes,
                  const char *input);

/* A pipe that nobody closed yet. */
bool process_has(const process *p, process_pipe pipe);
/* Waits for so many milliseconds at most until one of these pipes (1 << process_pipe, several) has
 * something or ends; returns which. */
unsigned process_wait(process *p, unsigned pipes, int ms);
/* Takes what is there of a pipe that process_wait() returned. 0: it is closed, unless it only was
 * disturbed. */
size_t process_read(process *p, process_pipe pipe, void *bytes, size_t size);
void process_close(process *p, process_pipe pipe);

/* Closes all pipes, too. */
void process_kill(process *p);
/* Waits for its end; whether its status is 0. */
bool process_end(process *p);

#endif /* PROCESS_H */
