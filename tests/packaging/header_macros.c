/*
 * Macros of dualpath.h, for preprocessor and compiler: header_macros.sh compiles this in C and C++,
 * with and without what must be warned about.
 */
#include "dualpath.h"

#if DP_VERSION_NUMBER < 200 || DP_VERSION_NUMBER % 100 != DP_VERSION_PATCH
#error "DP_VERSION_NUMBER cannot be compared"
#endif

DP_DEPRECATED("use new_call()") DP_API int old_call(void);

/* Nothing of the next lines compiles without a warning, unless its macro is defined. */
int main(void) {
    int sum = 0;
#if defined(USE_DEPRECATED)
    sum += old_call();
#endif
#if defined(USE_EXPERIMENTAL)
    double peak = 0;
    sum += dp_session_peak(NULL, 100, &peak) == DP_OK;
#endif
    return sum;
}
