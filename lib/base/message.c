/*
 * Error messages, and the one of each thread that dp_last_message() returns.
 */
#include "base/message.h"

#include "dp_config.h"

#include <stdarg.h>

#if defined(DP_NO_THREADS)
static dpi_message last_message;
#else
static _Thread_local dpi_message last_message;
#endif

dpi_message *dpi_thread_message(void) {
    return &last_message;
}

dp_status dpi_fail(dpi_message *message, dp_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)dpi_print_list(message->text, sizeof message->text, format, &arguments);
    va_end(arguments);
    return status;
}
