/*
 * Whether this process is a child of the one that made something: locks of the parent may be held
 * here by a thread that does not exist.
 */
#ifndef DPI_FORKS_H
#define DPI_FORKS_H

#include <stdbool.h>

/* From the first call on, children count their fork. False: the system refuses. */
bool dpi_forks_watch(void);
/* How many forks there are between the first process that watches and this one. */
unsigned dpi_forks_so_far(void);

#endif /* DPI_FORKS_H */
