/*
 * process.c - programs of Windows. They get the pipes that they write to, and no other handle; what
 * they start ends with them.
 */
#include "../process.h"
#include "command_line.h"
#include "pipe_end.h"

#include <errno.h>
#include <io.h>
#include <string.h>
#include <wctype.h>

struct process {
    HANDLE program, job;
    pipe_end ends[PROCESS_PIPES];
};

static int error_number(DWORD error) {
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        return ENOENT;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
        return EACCES;
    case ERROR_BAD_EXE_FORMAT:
    case ERROR_EXE_MACHINE_TYPE_MISMATCH:
        return ENOEXEC;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
        return ENOMEM;
    case ERROR_FILENAME_EXCED_RANGE:
        return E2BIG;
    default:
        return EIO;
    }
}

static int error_of_system(bool succeeded) {
    return succeeded ? 0 : error_number(GetLastError());
}

/* ---- finding it ---- */

#define LONGEST_PATH 4096

/* "C:\folder" or "\\server\folder" */
static bool is_whole(const wchar_t *folder) {
    return (folder[0] == L'\\' && folder[1] == L'\\') ||
           (iswalpha((wint_t)folder[0]) && folder[1] == L':' &&
            (folder[2] == L'\\' || folder[2] == L'/'));
}

static bool is_file(const wchar_t *path) {
    DWORD attributes = GetFileAttributesW(path);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

static wchar_t *path_of_environment(void) {
    DWORD size = GetEnvironmentVariableW(L"PATH", NULL, 0);
    wchar_t *path = size > 0 ? malloc(size * sizeof *path) : NULL;
    if (path != NULL && GetEnvironmentVariableW(L"PATH", path, size) >= size) {
        path[0] = L'\0';
    }
    return path;
}

/* Not in the folder that we are in, where Windows would look first: films lie there. */
static int find_program(const char *name, wchar_t found[LONGEST_PATH]) {
    wchar_t *path = path_of_environment();
    wchar_t *next = NULL;
    int error = ENOENT;
    for (wchar_t *folder = path; folder != NULL && error != 0; folder = next) {
        next = wcschr(folder, L';');
        if (next != NULL) {
            *next++ = L'\0';
        }
        if (is_whole(folder) && swprintf(found, LONGEST_PATH, L"%ls\\%hs.exe", folder, name) > 0 &&
            is_file(found)) {
            error = 0;
        }
    }
    free(path);
    return error;
}

/* ---- what it is given ---- */

enum { READ_BY_IT = PROCESS_PIPES, GIVEN };

/* Ends that it inherits; INVALID_HANDLE_VALUE: it has none of this kind. */
typedef struct given_ends {
    HANDLE ends[GIVEN];
    HANDLE input; /* of which we have the other end; or NULL */
} given_ends;

static void close_handle(HANDLE *handle) {
    if (*handle != NULL && *handle != INVALID_HANDLE_VALUE) {
        (void)CloseHandle(*handle);
    }
    *handle = INVALID_HANDLE_VALUE;
}

static void close_given(given_ends *g) {
    for (int i = 0; i < GIVEN; i++) {
        close_handle(&g->ends[i]);
    }
    close_handle(&g->input);
}

/* All of the input has room in the pipe: nobody waits for a program that does not read it. */
static bool open_input(given_ends *g, const char *input) {
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    if (input == NULL) {
        g->ends[READ_BY_IT] = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                          &inherited, OPEN_EXISTING, 0, NULL);
        return g->ends[READ_BY_IT] != INVALID_HANDLE_VALUE;
    }
    return CreatePipe(&g->ends[READ_BY_IT], &g->input, &inherited, (DWORD)strlen(input) + 1) &&
           SetHandleInformation(g->input, HANDLE_FLAG_INHERIT, 0);
}

static bool open_ends(process *p, given_ends *g, bool has_bytes, const char *input) {
    return open_input(g, input) &&
           pipe_end_open(&p->ends[PROCESS_LINES], &g->ends[PROCESS_LINES]) &&
           pipe_end_open(&p->ends[PROCESS_ERROR], &g->ends[PROCESS_ERROR]) &&
           (!has_bytes || pipe_end_open(&p->ends[PROCESS_BYTES], &g->ends[PROCESS_BYTES]));
}

/* Descriptors of C: their number, what each is, and its handle, one behind the other. Every C
 * library of Windows takes them over from here, and Microsoft's _spawn() gives them so. */
#define MAX_DESCRIPTORS 4
#define IS_OPEN 0x01
#define IS_PIPE 0x08
#define IS_DEVICE 0x40

typedef struct descriptors {
    BYTE bytes[sizeof(int) + MAX_DESCRIPTORS * (1 + sizeof(HANDLE))];
    int count;
    HANDLE handles[MAX_DESCRIPTORS];
} descriptors;

static void describe_descriptors(descriptors *d, const given_ends *g) {
    bool has_bytes = g->ends[PROCESS_BYTES] != INVALID_HANDLE_VALUE;
    d->count = has_bytes ? 4 : 3;
    d->handles[0] = g->ends[READ_BY_IT];
    d->handles[1] = g->ends[has_bytes ? PROCESS_BYTES : PROCESS_LINES];
    d->handles[2] = g->ends[PROCESS_ERROR];
    d->handles[3] = g->ends[PROCESS_LINES];
    memcpy(d->bytes, &d->count, sizeof d->count);
    BYTE *kinds = d->bytes + sizeof d->count;
    for (int i = 0; i < d->count; i++) {
        bool is_pipe = GetFileType(d->handles[i]) == FILE_TYPE_PIPE;
        kinds[i] = IS_OPEN | (is_pipe ? IS_PIPE : IS_DEVICE);
    }
    memcpy(kinds + d->count, d->handles, (size_t)d->count * sizeof d->handles[0]);
}

static void describe_startup(STARTUPINFOEXW *startup, descriptors *d) {
    *startup = (STARTUPINFOEXW){
        .StartupInfo = {.cb = sizeof *startup,
                        .dwFlags = STARTF_USESTDHANDLES,
                        .hStdInput = d->handles[0],
                        .hStdOutput = d->handles[1],
                        .hStdError = d->handles[2],
                        .cbReserved2 =
                            (WORD)(sizeof(int) + (size_t)d->count * (1 + sizeof(HANDLE))),
                        .lpReserved2 = d->bytes}};
}

/* ---- starting ---- */

/* In a job, so that what it starts is killed with it, also when we are. Where there can be none, it
 * runs without. */
static HANDLE job_of(HANDLE program) {
    HANDLE job = CreateJobObjectW(NULL, NULL);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
        .BasicLimitInformation = {.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE}};
    if (job != NULL &&
        (!SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits) ||
         !AssignProcessToJobObject(job, program))) {
        (void)CloseHandle(job);
        job = NULL;
    }
    return job;
}

/* Without a window, and without our console: Ctrl-C is for us. */
#define CREATION (CREATE_SUSPENDED | CREATE_NO_WINDOW | EXTENDED_STARTUPINFO_PRESENT)

static int create(process *p, const wchar_t *path, wchar_t *line, STARTUPINFOEXW *startup) {
    PROCESS_INFORMATION created;
    if (!CreateProcessW(path, line, NULL, NULL, TRUE, CREATION, NULL, NULL, &startup->StartupInfo,
                        &created)) {
        return error_of_system(false);
    }
    p->program = created.hProcess;
    p->job = job_of(created.hProcess);
    (void)ResumeThread(created.hThread);
    (void)CloseHandle(created.hThread);
    return 0;
}

/* The list is of what it inherits. */
static int create_with_handles(process *p, const wchar_t *path, wchar_t *line, descriptors *d) {
    STARTUPINFOEXW startup;
    SIZE_T size = 0;
    describe_startup(&startup, d);
    (void)InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    startup.lpAttributeList = malloc(size);
    if (startup.lpAttributeList == NULL) {
        return ENOMEM;
    }
    int error =
        error_of_system(InitializeProcThreadAttributeList(startup.lpAttributeList, 1, 0, &size));
    if (error == 0) {
        error = error_of_system(UpdateProcThreadAttribute(
            startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, d->handles,
            (size_t)d->count * sizeof d->handles[0], NULL, NULL));
        error = error != 0 ? error : create(p, path, line, &startup);
        DeleteProcThreadAttributeList(startup.lpAttributeList);
    }
    free(startup.lpAttributeList);
    return error;
}

static int start(process *p, const char *const *arguments, const given_ends *g) {
    wchar_t path[LONGEST_PATH];
    descriptors d;
    wchar_t *line = malloc(COMMAND_LINE_SIZE * sizeof *line);
    if (line == NULL) {
        return ENOMEM;
    }
    describe_descriptors(&d, g);
    int error = command_line_write(line, arguments);
    error = error != 0 ? error : find_program(arguments[0], path);
    error = error != 0 ? error : create_with_handles(p, path, line, &d);
    free(line);
    return error;
}

static void write_input(HANDLE pipe, const char *input) {
    DWORD written = 0;
    (void)WriteFile(pipe, input, (DWORD)strlen(input), &written, NULL);
}

static void close_ends(process *p) {
    for (int i = 0; i < PROCESS_PIPES; i++) {
        pipe_end_close(&p->ends[i]);
    }
}

int process_start(process **started, const char *const *arguments, bool has_bytes,
                  const char *input) {
    process *p = calloc(1, sizeof *p);
    given_ends g = {.input = INVALID_HANDLE_VALUE};
    *started = NULL;
    if (p == NULL) {
        return ENOMEM;
    }
    for (int i = 0; i < GIVEN; i++) {
        g.ends[i] = INVALID_HANDLE_VALUE;
    }
    int error = error_of_system(open_ends(p, &g, has_bytes, input));
    error = error != 0 ? error : start(p, arguments, &g);
    if (error == 0 && input != NULL) {
        write_input(g.input, input);
    }
    close_given(&g);
    if (error != 0) {
        close_ends(p);
        free(p);
        return error;
    }
    *started = p;
    return 0;
}

/* ---- reading ---- */

bool process_has(const process *p, process_pipe pipe) {
    return p->ends[pipe].pipe != NULL;
}

static bool is_asked(const process *p, unsigned pipes, unsigned i) {
    return (pipes >> i & 1U) != 0 && process_has(p, i);
}

static unsigned advance(process *p, unsigned pipes) {
    unsigned ready = 0;
    for (unsigned i = 0; i < PROCESS_PIPES; i++) {
        ready |= is_asked(p, pipes, i) && pipe_end_advance(&p->ends[i]) ? 1U << i : 0;
    }
    return ready;
}

unsigned process_wait(process *p, unsigned pipes, int ms) {
    HANDLE events[PROCESS_PIPES];
    DWORD count = 0;
    unsigned ready = advance(p, pipes);
    for (unsigned i = 0; i < PROCESS_PIPES; i++) {
        if (is_asked(p, pipes, i)) {
            events[count++] = p->ends[i].reading.hEvent;
        }
    }
    if (ready == 0 && count > 0) {
        (void)WaitForMultipleObjects(count, events, FALSE, (DWORD)ms);
        ready = advance(p, pipes);
    }
    return ready;
}

size_t process_read(process *p, process_pipe pipe, void *bytes, size_t size) {
    size_t part = pipe_end_take(&p->ends[pipe], bytes, size);
    if (part == 0) {
        pipe_end_close(&p->ends[pipe]);
    }
    return part;
}

void process_close(process *p, process_pipe pipe) {
    pipe_end_close(&p->ends[pipe]);
}

/* ---- the end ---- */

void process_kill(process *p) {
    if (p->job == NULL || !TerminateJobObject(p->job, 1)) {
        (void)TerminateProcess(p->program, 1);
    }
    close_ends(p);
}

bool process_end(process *p) {
    DWORD status = 1;
    close_ends(p);
    (void)WaitForSingleObject(p->program, INFINITE);
    bool ended_well = GetExitCodeProcess(p->program, &status) && status == 0;
    (void)CloseHandle(p->program);
    if (p->job != NULL) {
        (void)CloseHandle(p->job);
    }
    free(p);
    return ended_well;
}
