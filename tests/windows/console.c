/*
 * Starts a program on our console, and waits for it: console.exe [--input FILE] PROGRAM ARGUMENT...
 *
 * It reads FILE, and then from a pipe that stays open, like another one, \\.\pipe\silent, to which
 * nobody writes. It inherits a file, whose handle FALSE_HANDLE says. Ctrl-C does not end us. The
 * status is the program's; or 97, if the console has another code page than before; 98, if
 * something of ours failed; 99, if it hangs.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

enum { OTHER_CODE_PAGE = 97, FAILED = 98, HANGS = 99 };

#define HANGS_AFTER_MS 60000

static void check(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "console: %s: error %lu\n", what, GetLastError());
        exit(FAILED);
    }
}

static BOOL WINAPI stay(DWORD event) {
    (void)event;
    return TRUE;
}

/* ---- what it is given ---- */

static HANDLE open_file(const wchar_t *path) {
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                              OPEN_EXISTING, 0, NULL);
    return file;
}

static void make_inherited(HANDLE handle) {
    check(SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT), "a handle");
}

static void give_file(void) {
    wchar_t path[MAX_PATH];
    wchar_t value[32];
    check(GetModuleFileNameW(NULL, path, MAX_PATH) > 0, "our name");
    HANDLE file = open_file(path);
    make_inherited(file);
    (void)swprintf(value, 32, L"%llu", (unsigned long long)(size_t)file);
    check(SetEnvironmentVariableW(L"FALSE_HANDLE", value), "FALSE_HANDLE");
}

static HANDLE make_silent_pipe(void) {
    HANDLE pipe = CreateNamedPipeW(L"\\\\.\\pipe\\silent", PIPE_ACCESS_OUTBOUND, PIPE_TYPE_BYTE,
                                   PIPE_UNLIMITED_INSTANCES, 0, 0, 0, NULL);
    check(pipe != INVALID_HANDLE_VALUE, "the silent pipe");
    return pipe;
}

static DWORD WINAPI tell_of_reader(void *pipe) {
    if (ConnectNamedPipe(pipe, NULL) || GetLastError() == ERROR_PIPE_CONNECTED) {
        fputs("reading\n", stderr);
    }
    return 0;
}

/* Who looks at a file before it is opened takes one as well. */
static void offer_silent_pipes(void) {
    for (int i = 0; i < 2; i++) {
        check(CreateThread(NULL, 0, tell_of_reader, make_silent_pipe(), 0, NULL) != NULL,
              "a thread");
    }
}

static void write_file(HANDLE pipe, const wchar_t *path) {
    char bytes[4096];
    DWORD size = 0, written = 0;
    HANDLE file = open_file(path);
    check(file != INVALID_HANDLE_VALUE, "the input");
    while (ReadFile(file, bytes, sizeof bytes, &size, NULL) && size > 0) {
        check(WriteFile(pipe, bytes, size, &written, NULL), "writing the input");
    }
}

/* ---- the program ---- */

/* Our own, without so many arguments. */
static wchar_t *rest_of_command_line(int skipped) {
    wchar_t *rest = GetCommandLineW();
    for (; skipped > 0; skipped--) {
        for (bool quoted = false; *rest != L'\0' && (quoted || *rest != L' '); rest++) {
            quoted = *rest == L'"' ? !quoted : quoted;
        }
        rest += wcsspn(rest, L" ");
    }
    return rest;
}

static HANDLE start(wchar_t *line, HANDLE *to_program) {
    STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION started;
    check(CreatePipe(&startup.hStdInput, to_program, NULL, 0), "a pipe");
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    make_inherited(startup.hStdInput);
    make_inherited(startup.hStdOutput);
    make_inherited(startup.hStdError);
    check(CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &started),
          "the program");
    return started.hProcess;
}

static int status_of(HANDLE program) {
    DWORD status = 0;
    if (WaitForSingleObject(program, HANGS_AFTER_MS) != WAIT_OBJECT_0) {
        (void)TerminateProcess(program, HANGS);
        (void)WaitForSingleObject(program, HANGS_AFTER_MS);
    }
    check(GetExitCodeProcess(program, &status), "the status");
    return (int)status;
}

int wmain(int argc, wchar_t **argv) {
    HANDLE to_program = NULL;
    bool has_input = argc > 3 && wcscmp(argv[1], L"--input") == 0;
    check(argc > 1 && SetConsoleCtrlHandler(stay, TRUE), "arguments");
    bool has_console = SetConsoleOutputCP(437);
    give_file();
    offer_silent_pipes();
    HANDLE program = start(rest_of_command_line(has_input ? 3 : 1), &to_program);
    if (has_input) {
        write_file(to_program, argv[2]);
    }
    int status = status_of(program);
    return has_console && GetConsoleOutputCP() != 437 ? OTHER_CODE_PAGE : status;
}
