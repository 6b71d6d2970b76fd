/*
 * Where bytes are written to, front to back.
 */
#ifndef DPI_SINK_H
#define DPI_SINK_H

#include "base/message.h"

/* write() takes all of the bytes, or fails with a message that says why. */
typedef struct dpi_sink {
    dp_status (*write)(void *user, const void *bytes, size_t size, dpi_message *message);
    void *user;
} dpi_sink;

#endif /* DPI_SINK_H */
