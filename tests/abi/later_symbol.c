/*
 * A program that calls what a later version of the library adds, and with LATER_LIBRARY that
 * addition. With a library of today the program must not begin: where it found out in the middle of
 * its work, it would end there. versions.mk builds both.
 */
#include "dualpath.h"

#include <stdio.h>

int dp_later_symbol(void);

#if defined(LATER_LIBRARY)

int dp_later_symbol(void) {
    return 1;
}

#else

int main(int argc, char **argv) {
    (void)argv;
    puts(dp_version_string());
    (void)fflush(stdout);
    return argc == 1 ? dp_later_symbol() - 1 : 0;
}

#endif
