/*
 * terminal.h - the console, if there is one.
 */
#ifndef WINDOWS_TERMINAL_H
#define WINDOWS_TERMINAL_H

/* From here on, the console takes what is printed for UTF-8. */
void windows_begin_terminal(void);
/* As it was before: others go on to print there. Also from another thread. */
void windows_end_terminal(void);

#endif /* WINDOWS_TERMINAL_H */
