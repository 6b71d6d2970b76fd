/*
 * What the application needs of a board: cortex_m.c has it for two of Arm's, host.c for a computer
 * with an operating system.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

void board_print(const char *text);

/* Instructions that were executed so far, where an emulator counts them; else 0. */
uint64_t board_instructions(void);

/* The most bytes of stack that were ever in use, and how many there are; 0 where it is not known.
 */
size_t board_stack_used(void);
size_t board_stack_size(void);

/* What was linked in: a compiled model, and frames in RGB. (data.S) */
extern const uint8_t model_bytes[], model_end[];
extern const uint8_t clip_bytes[], clip_end[];

/* Everything there is to do; 0: all is well. (classify.c) */
int application(void);

#endif /* BOARD_H */
