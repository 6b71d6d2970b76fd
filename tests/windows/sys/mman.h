/*
 * Pages that must not be touched, as the tests ask for them.
 */
#ifndef WINDOWS_MMAN_H
#define WINDOWS_MMAN_H

#include <stddef.h>

__declspec(dllimport) void *__stdcall VirtualAlloc(void *place, size_t size, unsigned long kind,
                                                   unsigned long protection);
__declspec(dllimport) int __stdcall VirtualFree(void *block, size_t size, unsigned long kind);

/* Of VirtualAlloc() and VirtualFree(). */
#define WINDOWS_COMMIT 0x1000ul
#define WINDOWS_RESERVE 0x2000ul
#define WINDOWS_RELEASE 0x8000ul
#define WINDOWS_NO_ACCESS 0x01ul
#define WINDOWS_READ_WRITE 0x04ul

#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 0
#define MAP_ANONYMOUS 0
#define MAP_FAILED ((void *)-1)
#define _SC_PAGESIZE 0

static inline long sysconf(int page_size) {
    (void)page_size;
    return 4096;
}

/* Reserves pages. */
static inline void *mmap(void *place, size_t size, int protection, int flags, int file,
                         int offset) {
    (void)protection, (void)flags, (void)file, (void)offset;
    void *block = VirtualAlloc(place, size, WINDOWS_RESERVE, WINDOWS_NO_ACCESS);
    return block != NULL ? block : MAP_FAILED;
}

/* Gives reserved pages memory to read and write. */
static inline int mprotect(void *place, size_t size, int protection) {
    (void)protection;
    return VirtualAlloc(place, size, WINDOWS_COMMIT, WINDOWS_READ_WRITE) != NULL ? 0 : -1;
}

static inline int munmap(void *block, size_t size) {
    (void)size;
    return VirtualFree(block, 0, WINDOWS_RELEASE) != 0 ? 0 : -1;
}

#endif /* WINDOWS_MMAN_H */
