/*
 * pipe_end.c - a named pipe, because others cannot be read in the background.
 */
#include "pipe_end.h"

#include <stdio.h>
#include <string.h>

/* ---- opening ---- */

/* Nobody else has a pipe of this name, or it is another one. */
static HANDLE create_pipe(wchar_t *name, size_t size) {
    static unsigned last;
    HANDLE pipe = INVALID_HANDLE_VALUE;
    for (int attempt = 0; pipe == INVALID_HANDLE_VALUE && attempt < 100; attempt++) {
        (void)swprintf(name, size, L"\\\\.\\pipe\\dualpath.%lu.%u.%llu", GetCurrentProcessId(),
                       ++last, (unsigned long long)GetTickCount64());
        pipe = CreateNamedPipeW(
            name, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
            PIPE_TYPE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, PIPE_END_BYTES,
            PIPE_END_BYTES, 0, NULL);
    }
    return pipe;
}

static HANDLE open_other_end(const wchar_t *name) {
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    return CreateFileW(name, GENERIC_WRITE, 0, &inherited, OPEN_EXISTING, 0, NULL);
}

bool pipe_end_open(pipe_end *end, HANDLE *other) {
    wchar_t name[100];
    *other = INVALID_HANDLE_VALUE;
    end->pipe = NULL;
    end->is_reading = end->has_ended = false;
    end->taken = end->size = 0;
    end->reading = (OVERLAPPED){.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    if (end->reading.hEvent == NULL) {
        return false;
    }
    HANDLE pipe = create_pipe(name, sizeof name / sizeof name[0]);
    end->pipe = pipe == INVALID_HANDLE_VALUE ? NULL : pipe;
    *other = end->pipe != NULL ? open_other_end(name) : INVALID_HANDLE_VALUE;
    if (*other == INVALID_HANDLE_VALUE) {
        DWORD error = GetLastError();
        pipe_end_close(end);
        SetLastError(error);
    }
    return end->pipe != NULL;
}

/* ---- reading ---- */

static void start_reading(pipe_end *end) {
    end->taken = end->size = 0;
    end->is_reading = ReadFile(end->pipe, end->bytes, PIPE_END_BYTES, NULL, &end->reading) ||
                      GetLastError() == ERROR_IO_PENDING;
    end->has_ended = !end->is_reading;
}

static void finish_reading(pipe_end *end) {
    end->is_reading = false;
    end->has_ended = !GetOverlappedResult(end->pipe, &end->reading, &end->size, FALSE);
    end->size = end->has_ended ? 0 : end->size;
}

/* What is read may be nothing, where that was written. */
bool pipe_end_advance(pipe_end *end) {
    if (!end->is_reading && !end->has_ended && end->taken == end->size) {
        start_reading(end);
    }
    if (end->is_reading && HasOverlappedIoCompleted(&end->reading)) {
        finish_reading(end);
    }
    return end->has_ended || end->taken < end->size;
}

size_t pipe_end_take(pipe_end *end, void *bytes, size_t size) {
    size_t left = end->size - end->taken;
    size_t part = size < left ? size : left;
    memcpy(bytes, end->bytes + end->taken, part);
    end->taken += (DWORD)part;
    return part;
}

void pipe_end_close(pipe_end *end) {
    if (end->is_reading) {
        (void)CancelIo(end->pipe);
        (void)GetOverlappedResult(end->pipe, &end->reading, &end->size, TRUE);
        end->is_reading = false;
    }
    if (end->pipe != NULL) {
        (void)CloseHandle(end->pipe);
    }
    if (end->reading.hEvent != NULL) {
        (void)CloseHandle(end->reading.hEvent);
    }
    end->pipe = end->reading.hEvent = NULL;
}
