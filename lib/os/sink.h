/*
 * Where bytes are written to, front to back.
 */
#ifndef DP_SINK_H
#define DP_SINK_H

#include "base/message.h"

/* write() takes all of the bytes, or fails with a message that says why. */
typedef struct dp_sink {
    dp_status (*write)(void *user, const void *bytes, size_t size, dp_message *message);
    void *user;
} dp_sink;

#endif /* DP_SINK_H */
