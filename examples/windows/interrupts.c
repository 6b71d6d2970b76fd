/*
 * interrupts.c - events of the console that end the program. Windows calls us in a thread of its
 * own.
 */
#include "../cli.h"
#include "terminal.h"

#include <stdatomic.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define SAME_INTERRUPT_MS 300
#define TRIES_EVERY_MS 20

static atomic_bool interrupt_seen;
static double interrupt_ms; /* of the first; only the handler uses it */
static HANDLE main_thread;

/* Reading a pipe ends as by a signal. Who looked at interrupted() a moment ago may only begin to
 * read: the first that can be ended is. */
static DWORD WINAPI end_waiting(void *user) {
    (void)user;
    while (!CancelSynchronousIo(main_thread)) {
        Sleep(TRIES_EVERY_MS);
    }
    return 0;
}

static void interrupt(void) {
    interrupt_ms = now_ms();
    atomic_store(&interrupt_seen, true);
    HANDLE thread = CreateThread(NULL, 0, end_waiting, NULL, 0, NULL);
    if (thread != NULL) {
        (void)CloseHandle(thread);
    }
}

/* The console closes, or the user logs off: who returns is ended at once, who does not has some
 * seconds. */
static bool ends_with_us(DWORD event) {
    return event == CTRL_CLOSE_EVENT || event == CTRL_LOGOFF_EVENT || event == CTRL_SHUTDOWN_EVENT;
}

static BOOL WINAPI on_event(DWORD event) {
    if (!atomic_load(&interrupt_seen)) {
        interrupt();
    } else if (now_ms() - interrupt_ms > SAME_INTERRUPT_MS) {
        windows_end_terminal();
        return FALSE;
    }
    if (ends_with_us(event)) {
        Sleep(INFINITE);
    }
    return TRUE;
}

/* Who started us with Ctrl-C ignored wants that: Windows does not call us then. */
void catch_interrupts(void) {
    if (main_thread == NULL &&
        DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &main_thread,
                        0, FALSE, DUPLICATE_SAME_ACCESS)) {
        (void)SetConsoleCtrlHandler(on_event, TRUE);
    }
}

bool interrupted(void) {
    return atomic_load(&interrupt_seen);
}
