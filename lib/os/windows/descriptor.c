/*
 * Files of Windows: descriptors of its C library, and what that cannot do by their handles.
 */
#include "os/descriptor.h"
#include "base/size.h"
#include "dp_config.h"
#include "os/file.h"

#if !defined(DP_NO_FILES)

#include "os/windows/system.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <string.h>
#include <sys/stat.h>

#define MOVED_BY_A_CALL ((size_t)1 << 30)

static HANDLE handle_of(int descriptor) {
    return (HANDLE)_get_osfhandle(descriptor); /* NOLINT(performance-no-int-to-ptr) */
}

/* ---- errors and names ---- */

static int error_number(DWORD error) {
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        return ENOENT;
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
        return EINVAL;
    case ERROR_FILENAME_EXCED_RANGE:
        return ENAMETOOLONG;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
    case ERROR_USER_MAPPED_FILE:
        return EACCES;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
        return ENOSPC;
    default:
        return EIO;
    }
}

static bool fail_by_system(void) {
    errno = error_number(GetLastError());
    return false;
}

typedef struct utf16_path {
    wchar_t text[DPI_LONGEST_PATH];
} utf16_path;

static bool to_utf16(const char *path, utf16_path *path_16) {
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, path_16->text,
                            DPI_LONGEST_PATH) > 0) {
        return true;
    }
    errno = GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ENAMETOOLONG : EILSEQ;
    return false;
}

static bool to_utf8(const utf16_path *path_16, char path[DPI_LONGEST_PATH]) {
    return WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, path_16->text, -1, path,
                               DPI_LONGEST_PATH, NULL, NULL) > 0;
}

static bool is_directory(const utf16_path *path) {
    DWORD attributes = GetFileAttributesW(path->text);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

size_t dpi_folder_length(const char *path) {
    size_t length = strlen(path);
    while (length > 0 && strchr("/\\:", path[length - 1]) == NULL) {
        length--;
    }
    return length;
}

/* ---- reading ---- */

/* A program may end what one of its threads waits for (CancelSynchronousIo): that is what a signal
 * does on other systems. */
static ptrdiff_t moved(int count) {
    if (count < 0 && _doserrno == ERROR_OPERATION_ABORTED) {
        errno = EINTR;
    }
    return count;
}

int dpi_descriptor_open(const char *path) {
    utf16_path path_16;
    if (!to_utf16(path, &path_16)) {
        return -1;
    }
    int descriptor = _wopen(path_16.text, _O_RDONLY | _O_BINARY | _O_NOINHERIT);
    if (descriptor < 0 && is_directory(&path_16)) {
        errno = EISDIR;
    }
    return descriptor;
}

bool dpi_descriptor_examine(int descriptor, dpi_file_facts *facts) {
    LARGE_INTEGER size = {.QuadPart = 0};
    HANDLE handle = handle_of(descriptor);
    DWORD type = GetFileType(handle);
    if (type == FILE_TYPE_DISK && !GetFileSizeEx(handle, &size)) {
        return fail_by_system();
    }
    facts->size = (uint64_t)size.QuadPart;
    facts->kind = type == FILE_TYPE_DISK   ? DPI_FILE_REGULAR
                  : type == FILE_TYPE_PIPE ? DPI_FILE_PIPE
                                           : DPI_FILE_DEVICE;
    return true;
}

ptrdiff_t dpi_descriptor_read(int descriptor, void *bytes, size_t size) {
    return moved(_read(descriptor, bytes, (unsigned)dpi_size_min(size, MOVED_BY_A_CALL)));
}

void *dpi_descriptor_map(int descriptor, size_t size) {
    HANDLE mapping = CreateFileMappingW(handle_of(descriptor), NULL, PAGE_READONLY, 0, 0, NULL);
    void *bytes = mapping != NULL ? MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, size) : NULL;
    if (mapping != NULL) {
        (void)CloseHandle(mapping);
    }
    return bytes;
}

void dpi_file_unmap(const uint8_t *bytes, size_t size) {
    (void)size;
    (void)UnmapViewOfFile(bytes);
}

/* Windows takes pages that nobody uses when it needs them. */
void dpi_file_unload(const uint8_t *bytes, size_t size) {
    (void)bytes;
    (void)size;
}

bool dpi_descriptor_close(int descriptor) {
    return _close(descriptor) == 0;
}

/* ---- writing ---- */

/* A drive may have no names of this kind; then the path is as good as it was given. */
static void keep_final_path(HANDLE file, const char *path, dpi_old_file *old) {
    utf16_path final_16;
    DWORD length = GetFinalPathNameByHandleW(file, final_16.text, DPI_LONGEST_PATH, 0);
    if (length == 0 || length >= DPI_LONGEST_PATH || !to_utf8(&final_16, old->place)) {
        memcpy(old->place, path, strlen(path) + 1);
    }
}

bool dpi_old_file_find(const char *path, dpi_old_file *old) {
    utf16_path path_16;
    if (strlen(path) >= sizeof old->place) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (!to_utf16(path, &path_16)) {
        return false;
    }
    if (is_directory(&path_16)) {
        errno = EISDIR;
        return false;
    }
    memcpy(old->place, path, strlen(path) + 1);
    HANDLE file =
        CreateFileW(path_16.text, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                    OPEN_EXISTING, 0, NULL);
    old->is_there = file != INVALID_HANDLE_VALUE;
    if (!old->is_there) {
        (void)fail_by_system();
        return errno == ENOENT && GetFileAttributesW(path_16.text) == INVALID_FILE_ATTRIBUTES;
    }
    old->is_regular = GetFileType(file) == FILE_TYPE_DISK;
    if (old->is_regular) {
        keep_final_path(file, path, old);
    }
    (void)CloseHandle(file);
    return true;
}

/* The permissions are those that its folder gives to new files. */
int dpi_descriptor_create(const char *path, const dpi_old_file *old) {
    utf16_path path_16;
    (void)old;
    return to_utf16(path, &path_16)
               ? _wopen(path_16.text, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT,
                        _S_IREAD | _S_IWRITE)
               : -1;
}

int dpi_descriptor_open_device(const char *path) {
    utf16_path path_16;
    return to_utf16(path, &path_16) ? _wopen(path_16.text, _O_WRONLY | _O_BINARY | _O_NOINHERIT)
                                    : -1;
}

ptrdiff_t dpi_descriptor_write(int descriptor, const void *bytes, size_t size) {
    return moved(_write(descriptor, bytes, (unsigned)dpi_size_min(size, MOVED_BY_A_CALL)));
}

/* To flush a pipe would be to wait for its reader. */
bool dpi_descriptor_flush(int descriptor) {
    ptrdiff_t result = 0;
    if (GetFileType(handle_of(descriptor)) == FILE_TYPE_DISK) {
        do {
            result = moved(_commit(descriptor));
        } while (result != 0 && errno == EINTR);
    }
    return result == 0;
}

/* Who looks at a file for a moment, another program that replaces it or one that searches for
 * viruses, is waited for: half a second. */
#define RENAME_TRIES 20
#define RENAME_PAUSE_MS 25

static bool rename_patiently(const utf16_path *from, const utf16_path *to) {
    for (int attempt = 1; !MoveFileExW(from->text, to->text, MOVEFILE_REPLACE_EXISTING);
         attempt++) {
        (void)fail_by_system();
        if (errno != EACCES || attempt == RENAME_TRIES) {
            return false;
        }
        Sleep(RENAME_PAUSE_MS);
    }
    return true;
}

bool dpi_file_rename(const char *from, const char *to) {
    utf16_path from_16;
    utf16_path to_16;
    return to_utf16(from, &from_16) && to_utf16(to, &to_16) && rename_patiently(&from_16, &to_16);
}

void dpi_file_remove(const char *path) {
    utf16_path path_16;
    if (to_utf16(path, &path_16)) {
        (void)DeleteFileW(path_16.text);
    }
}

#endif /* DP_NO_FILES */
