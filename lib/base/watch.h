/*
 * Long work that can be watched and stopped: how far a call with several stages is.
 */
#ifndef DPI_WATCH_H
#define DPI_WATCH_H

#include "base/message.h"

#include <stdint.h>

/* Work between two reports: bytes that are read, inflated, checked or written; numbers that are
 * read, packed or computed; multiply-adds. Each takes about 100 ms at most, in plain C. */
#define DPI_WATCHED_BYTES ((size_t)4 << 20)
#define DPI_WATCHED_NUMBERS ((size_t)4 << 20)
#define DPI_WATCHED_MACS ((size_t)128 << 20)

typedef struct dpi_watch {
    dp_progress_fn progress; /* NULL: nobody watches */
    void *user;
    const char *stage;
    double first, last; /* the fractions of the call at which the stage begins and ends */
    uint64_t done, total;
} dpi_watch;

/* Begins the next stage, of `total` units (0: unknown), which ends at the fraction `last`. */
void dpi_watch_stage(dpi_watch *watch, const char *stage, double last, uint64_t total);

/* Reports that `count` more units are done. DP_ERR_CANCELLED when the caller stops the work. */
dp_status dpi_watch_advance(dpi_watch *watch, uint64_t count, dpi_message *message);

#endif /* DPI_WATCH_H */
