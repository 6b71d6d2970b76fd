/*
 * Sentences that go with a status, and the one that dp_last_message() answers for each thread.
 */
#include "base/message.h"

#include "dp_config.h"

#include <stdarg.h>

#if defined(DP_NO_THREADS)
static dp_message last_message;
#else
static _Thread_local dp_message last_message;
#endif

dp_message *dp_thread_message(void) {
    return &last_message;
}

dp_status dp_fail(dp_message *message, dp_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)dp_print_list(message->text, sizeof message->text, format, &arguments);
    va_end(arguments);
    return status;
}
