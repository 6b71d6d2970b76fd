/*
 * posix.c - calls of POSIX with paths in UTF-8, and the beginning of the program.
 */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdbool.h>
#include <string.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define LONGEST_PATH 4096

/* ---- text ---- */

typedef struct utf16 {
    wchar_t text[LONGEST_PATH];
} utf16;

static bool to_utf16(const char *text, utf16 *converted) {
    bool fits = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, converted->text,
                                    LONGEST_PATH) > 0;
    errno = fits ? errno : ENOENT; /* such a name is that of no file */
    return fits;
}

/* The caller frees it; NULL: there is no memory. What is not UTF-16 becomes U+FFFD. */
static char *to_utf8(const wchar_t *text) {
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *converted = size > 0 ? malloc((size_t)size) : NULL;
    if (converted != NULL) {
        (void)WideCharToMultiByte(CP_UTF8, 0, text, -1, converted, size, NULL, NULL);
    }
    return converted;
}

/* ---- files ---- */

FILE *windows_fopen(const char *path, const char *mode) {
    utf16 wide;
    utf16 wide_mode;
    return to_utf16(path, &wide) && to_utf16(mode, &wide_mode) ? _wfopen(wide.text, wide_mode.text)
                                                               : NULL;
}

/* Opens what is there, whatever it is, to look at it. */
static HANDLE open_anything(const char *path) {
    utf16 wide;
    if (!to_utf16(path, &wide)) {
        return INVALID_HANDLE_VALUE;
    }
    HANDLE file = CreateFileW(wide.text, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        errno = GetLastError() == ERROR_ACCESS_DENIED ? EACCES : ENOENT;
    }
    return file;
}

int windows_stat(const char *path, struct stat *about) {
    BY_HANDLE_FILE_INFORMATION found = {.dwFileAttributes = 0};
    HANDLE file = open_anything(path);
    memset(about, 0, sizeof *about);
    if (file == INVALID_HANDLE_VALUE) {
        return -1;
    }
    bool is_device =
        GetFileType(file) != FILE_TYPE_DISK || !GetFileInformationByHandle(file, &found);
    bool is_directory = (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    about->st_mode = is_device ? S_IFCHR : is_directory ? S_IFDIR : S_IFREG;
    (void)CloseHandle(file);
    return 0;
}

char *realpath(const char *path, char *resolved) {
    utf16 whole;
    HANDLE file = open_anything(path);
    (void)resolved;
    if (file == INVALID_HANDLE_VALUE) {
        return NULL;
    }
    DWORD length = GetFinalPathNameByHandleW(file, whole.text, LONGEST_PATH, 0);
    (void)CloseHandle(file);
    return length > 0 && length < LONGEST_PATH ? to_utf8(whole.text) : NULL;
}

_WDIR *windows_opendir(const char *path) {
    utf16 wide;
    return to_utf16(path, &wide) ? _wopendir(wide.text) : NULL;
}

windows_dirent *windows_readdir(_WDIR *directory) {
    static windows_dirent entry;
    const struct _wdirent *found = _wreaddir(directory);
    return found != NULL && WideCharToMultiByte(CP_UTF8, 0, found->d_name, -1, entry.d_name,
                                                (int)sizeof entry.d_name, NULL, NULL) > 0
               ? &entry
               : NULL;
}

/* ---- the program ---- */

/* Arguments are NULL for lack of memory. */
static int run(int argc, char **arguments) {
    for (int i = 0; i < argc; i++) {
        if (arguments[i] == NULL) {
            return 1;
        }
    }
    return dualpath_main(argc, arguments);
}

int wmain(int argc, wchar_t **argv) {
    char **arguments = calloc((size_t)argc + 1, sizeof *arguments);
    (void)_setmode(_fileno(stdin), _O_BINARY);
    (void)_setmode(_fileno(stdout), _O_BINARY);
    (void)_setmode(_fileno(stderr), _O_BINARY);
    windows_begin_terminal();
    for (int i = 0; arguments != NULL && i < argc; i++) {
        arguments[i] = to_utf8(argv[i]);
    }
    int status = arguments != NULL ? run(argc, arguments) : 1;
    for (int i = 0; arguments != NULL && i < argc; i++) {
        free(arguments[i]);
    }
    free(arguments);
    (void)fflush(stderr);
    windows_end_terminal();
    return status;
}
