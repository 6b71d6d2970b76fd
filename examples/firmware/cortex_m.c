/*
 * cortex_m.c - start-up code of a Cortex-M, and output by semihosting, which a debugger or an
 * emulator serves. On a board of your own, board_print() would write to a serial port.
 */
#include "board.h"

#include <string.h>

/* Of the linker script. */
extern uint8_t data_source[], data_begin[], data_end[], bss_begin[], bss_end[];
extern uint8_t stack_begin[], stack_end[];

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYSTICK_CONTROL REGISTER(0xe000e010u)
#define SYSTICK_RELOAD REGISTER(0xe000e014u)
#define SYSTICK_VALUE REGISTER(0xe000e018u)
#define COPROCESSORS REGISTER(0xe000ed88u)
#define CONFIGURATION REGISTER(0xe000ed14u)

#define PAINT 0xc5

/* ---- semihosting ---- */

#define WRITE_TEXT 0x04u
#define EXIT_EXTENDED 0x20u
#define APPLICATION_EXIT 0x20026u

static void call_debugger(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void board_print(const char *text) {
    call_debugger(WRITE_TEXT, text);
}

static void leave(uint32_t code) {
    const uint32_t block[2] = {APPLICATION_EXIT, code};
    call_debugger(EXIT_EXTENDED, block);
    for (;;) {
    }
}

/* ---- counting ---- */

#define SYSTICK_PERIOD (1u << 24)

static volatile uint32_t periods;

static void count_period(void) {
    periods++;
}

/* `-icount shift=0` makes one instruction take a nanosecond. */
uint64_t board_instructions(void) {
    uint32_t before;
    uint32_t value;
    do {
        before = periods;
        value = SYSTICK_VALUE;
    } while (before != periods);
    uint64_t ticks = (uint64_t)before * SYSTICK_PERIOD + (SYSTICK_PERIOD - 1 - value);
    return ticks * 1000u / CLOCK_MHZ;
}

/* ---- the stack ---- */

size_t board_stack_size(void) {
    return (size_t)(stack_end - stack_begin);
}

size_t board_stack_used(void) {
    const uint8_t *untouched = stack_begin;
    while (untouched < stack_end && *untouched == PAINT) {
        untouched++;
    }
    return (size_t)(stack_end - untouched);
}

/* ---- start ---- */

static void fault(void) {
    board_print("failed: a fault of the processor\n");
    leave(3);
}

/* The stack is painted from its far end up to here; nothing below is in use yet. */
static void paint_stack(void) {
    const uint8_t *here = __builtin_frame_address(0);
    memset(stack_begin, PAINT, (size_t)(here - 128 - stack_begin));
}

void reset(void);
void reset(void) {
    COPROCESSORS |= 0xfu << 20; /* the FPU, and with it the vector unit */
    __asm__ volatile("dsb\n isb" ::: "memory");
    memcpy(data_begin, data_source, (size_t)(data_end - data_begin));
    memset(bss_begin, 0, (size_t)(bss_end - bss_begin));
    paint_stack();
    SYSTICK_RELOAD = SYSTICK_PERIOD - 1;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 7; /* on, with interrupts, at the processor's clock */
    leave((uint32_t)application());
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) static const handler vectors[16] = {
    (handler)(uintptr_t)stack_end,
    reset,
    [2] = fault,
    [3] = fault,
    [4] = fault,
    [5] = fault,
    [6] = fault,
    [15] = count_period,
};
