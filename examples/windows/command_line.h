/*
 * command_line.h - arguments as the one text that Windows gives to a program.
 */
#ifndef WINDOWS_COMMAND_LINE_H
#define WINDOWS_COMMAND_LINE_H

#include <wchar.h>

/* With its end; CreateProcessW() takes no more. */
#define COMMAND_LINE_SIZE 32767

/* In the way that Microsoft's C library takes apart again; arguments are UTF-8, and a NULL ends
 * them. Returns 0, or errno: E2BIG, EILSEQ, ENOMEM. */
int command_line_write(wchar_t line[COMMAND_LINE_SIZE], const char *const *arguments);

#endif /* WINDOWS_COMMAND_LINE_H */
