/*
 * host.c - the application on a computer with an operating system, for what boards are held
 * against.
 */
#include "board.h"

#include <stdio.h>

void board_print(const char *text) {
    fputs(text, stdout);
}

uint64_t board_instructions(void) {
    return 0;
}

size_t board_stack_used(void) {
    return 0;
}

size_t board_stack_size(void) {
    return 0;
}

int main(void) {
    return application();
}
