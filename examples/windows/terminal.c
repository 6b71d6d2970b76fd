/*
 * terminal.c - the console shows UTF-8 while the program runs.
 */
#include "terminal.h"

#include <stdbool.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static UINT code_page_before; /* 0: there is no console */

int windows_isatty(int descriptor) {
    DWORD mode = 0;
    HANDLE handle = (HANDLE)_get_osfhandle(descriptor); /* NOLINT(performance-no-int-to-ptr) */
    return GetConsoleMode(handle, &mode) != 0;
}

/* Written byte by byte, as a stream without a buffer is, a letter beyond ASCII would be several
 * that are none. */
static void write_whole_lines(FILE *stream) {
    if (windows_isatty(_fileno(stream))) {
        (void)setvbuf(stream, NULL, _IOFBF, BUFSIZ);
    }
}

void windows_begin_terminal(void) {
    code_page_before = GetConsoleOutputCP();
    (void)SetConsoleOutputCP(CP_UTF8);
    write_whole_lines(stdout);
    write_whole_lines(stderr);
}

void windows_end_terminal(void) {
    if (code_page_before != 0) {
        (void)SetConsoleOutputCP(code_page_before);
    }
}
