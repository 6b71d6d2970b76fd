/*
 * The header of Windows, without what others of ours have names for.
 */
#ifndef DPI_WINDOWS_SYSTEM_H
#define DPI_WINDOWS_SYSTEM_H

#if !defined(WIN32_LEAN_AND_MEAN)
#define WIN32_LEAN_AND_MEAN
#endif
#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#include <windows.h>
#undef near
#undef far
#undef small

#endif /* DPI_WINDOWS_SYSTEM_H */
