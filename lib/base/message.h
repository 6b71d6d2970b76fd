/*
 * The sentence that goes with a status.
 */
#ifndef DP_MESSAGE_H
#define DP_MESSAGE_H

#include "base/text.h"
#include "dualpath.h"

typedef struct dp_message {
    char text[512];
} dp_message;

/* Writes the sentence and returns the status: `return dp_fail(message, DP_ERR_IO, "...", ...)`. */
dp_status dp_fail(dp_message *message, dp_status status, const char *format, ...) DP_PRINTF(3, 4);

/* The message that dp_last_message() returns in this thread. */
dp_message *dp_thread_message(void);

#endif /* DP_MESSAGE_H */
