/*
 * pipe_end.h - our end of a pipe that another program writes to. It is read ahead in the
 * background, so that one can wait for several of them.
 */
#ifndef WINDOWS_PIPE_END_H
#define WINDOWS_PIPE_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define PIPE_END_BYTES ((DWORD)1 << 16)

typedef struct pipe_end {
    HANDLE pipe;        /* NULL: closed */
    OVERLAPPED reading; /* its event is set once there is something, or nothing more */
    bool is_reading;    /* into `bytes` */
    bool has_ended;     /* `taken` of `size` bytes are still the last ones */
    DWORD taken, size;  /* of `bytes` */
    uint8_t bytes[PIPE_END_BYTES];
} pipe_end;

/* Also the other end, which a program can inherit and writes to as to any pipe. False:
 * GetLastError() says why, and both are closed. */
bool pipe_end_open(pipe_end *end, HANDLE *other);
/* Whether there is something to take: bytes, or the end. If not, it is read for them. */
bool pipe_end_advance(pipe_end *end);
/* Of what there is. 0: it has ended. */
size_t pipe_end_take(pipe_end *end, void *bytes, size_t size);
void pipe_end_close(pipe_end *end);

#endif /* WINDOWS_PIPE_END_H */
