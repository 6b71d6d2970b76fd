/*
 * The sentence that goes with a status.
 */
#ifndef DPI_MESSAGE_H
#define DPI_MESSAGE_H

#include "base/text.h"
#include "dualpath.h"

typedef struct dpi_message {
    char text[512];
} dpi_message;

/* Writes the sentence and returns the status: `return dpi_fail(message, DP_ERR_IO, "...", ...)`. */
dp_status dpi_fail(dpi_message *message, dp_status status, const char *format, ...)
    DPI_PRINTF(3, 4);

/* The message that dp_last_message() returns in this thread. */
dpi_message *dpi_thread_message(void);

#endif /* DPI_MESSAGE_H */
