/*
 * What is about the library or the calling thread, and not about an object.
 */
#include "base/message.h"
#include "dualpath.h"

uint32_t dp_version(void) {
    return DP_VERSION_NUMBER;
}

const char *dp_version_string(void) {
    return DP_VERSION_STRING;
}

uint32_t dp_abi_version(void) {
    return DP_ABI_VERSION;
}

const char *dp_last_message(void) {
    return dpi_thread_message()->text;
}
