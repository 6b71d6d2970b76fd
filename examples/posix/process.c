/*
 * process.c - programs of POSIX systems, and poll() on their pipes.
 */
#define _POSIX_C_SOURCE 200809L
#include "../process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES_DESCRIPTOR 3

extern char **environ;

struct process {
    pid_t pid;
    int ends[PROCESS_PIPES]; /* ours; -1: closed */
};

/* ---- pipes ---- */

enum { READ_END, WRITE_END };

static void close_end(int *end) {
    if (*end >= 0) {
        (void)close(*end);
    }
    *end = -1;
}

/* Above the numbers that a child gives its own. */
static int raise_end(int end) {
    int raised = fcntl(end, F_DUPFD_CLOEXEC, 10);
    (void)close(end);
    return raised;
}

static bool open_pipe(int ends[2]) {
    if (pipe(ends) != 0) {
        ends[READ_END] = ends[WRITE_END] = -1;
        return false;
    }
    ends[READ_END] = raise_end(ends[READ_END]);
    ends[WRITE_END] = raise_end(ends[WRITE_END]);
    return ends[READ_END] >= 0 && ends[WRITE_END] >= 0;
}

enum { INPUT = PROCESS_PIPES, PIPES };

typedef struct pipe_set {
    int ends[PIPES][2];
} pipe_set;

static bool open_pipes(pipe_set *p, bool has_bytes, bool has_input) {
    for (int i = 0; i < PIPES; i++) {
        p->ends[i][READ_END] = p->ends[i][WRITE_END] = -1;
    }
    return open_pipe(p->ends[PROCESS_LINES]) && open_pipe(p->ends[PROCESS_ERROR]) &&
           (!has_bytes || open_pipe(p->ends[PROCESS_BYTES])) &&
           (!has_input || open_pipe(p->ends[INPUT]));
}

static void close_pipes(pipe_set *p) {
    for (int i = 0; i < PIPES; i++) {
        close_end(&p->ends[i][READ_END]);
        close_end(&p->ends[i][WRITE_END]);
    }
}

/* ---- starting ---- */

static int give_end(posix_spawn_file_actions_t *actions, int end, int number) {
    return end < 0 ? 0 : posix_spawn_file_actions_adddup2(actions, end, number);
}

static int describe_files(posix_spawn_file_actions_t *actions, const pipe_set *p) {
    int bytes = p->ends[PROCESS_BYTES][WRITE_END], input = p->ends[INPUT][READ_END];
    int error = input >= 0 ? 0
                           : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null",
                                                              O_RDONLY, 0);
    error = error != 0 ? error : give_end(actions, input, STDIN_FILENO);
    error = error != 0 ? error : give_end(actions, bytes, STDOUT_FILENO);
    error = error != 0 ? error
                       : give_end(actions, p->ends[PROCESS_LINES][WRITE_END],
                                  bytes >= 0 ? LINES_DESCRIPTOR : STDOUT_FILENO);
    return error != 0 ? error : give_end(actions, p->ends[PROCESS_ERROR][WRITE_END], STDERR_FILENO);
}

/* A pipe that closes ends it, whatever we do with that signal. */
static int describe_signals(posix_spawnattr_t *attributes) {
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int error = posix_spawnattr_setsigdefault(attributes, &defaults);
    return error != 0 ? error : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
}

static int spawn(pid_t *pid, const char *const *arguments, const pipe_set *p) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = describe_files(&actions, p);
        error = error != 0 ? error : describe_signals(&attributes);
        error = error != 0 ? error
                           : posix_spawnp(pid, arguments[0], &actions, &attributes,
                                          (char *const *)arguments, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* What it reads before it writes anything. One that ended does not read. */
static void write_input(int end, const char *input) {
    size_t size = strlen(input);
    ssize_t part = 1;
    while (size > 0 && (part > 0 || errno == EINTR)) {
        part = write(end, input, size);
        if (part > 0) {
            input += part;
            size -= (size_t)part;
        }
    }
}

static int take_end(int *end) {
    int taken = *end;
    *end = -1;
    return taken;
}

int process_start(process **started, const char *const *arguments, bool has_bytes,
                  const char *input) {
    process *p = malloc(sizeof *p);
    pipe_set pipes;
    *started = NULL;
    if (p == NULL) {
        return ENOMEM;
    }
    int error = open_pipes(&pipes, has_bytes, input != NULL) ? 0 : errno;
    error = error != 0 ? error : spawn(&p->pid, arguments, &pipes);
    if (error == 0) {
        for (int i = 0; i < PROCESS_PIPES; i++) {
            p->ends[i] = take_end(&pipes.ends[i][READ_END]);
        }
        close_end(&pipes.ends[INPUT][READ_END]);
        if (input != NULL) {
            write_input(pipes.ends[INPUT][WRITE_END], input);
        }
        *started = p;
    } else {
        free(p);
    }
    close_pipes(&pipes);
    return error;
}

/* ---- reading ---- */

bool process_has(const process *p, process_pipe pipe) {
    return p->ends[pipe] >= 0;
}

unsigned process_wait(process *p, unsigned pipes, int ms) {
    struct pollfd ends[PROCESS_PIPES];
    unsigned ready = 0;
    for (unsigned i = 0; i < PROCESS_PIPES; i++) {
        ends[i] = (struct pollfd){(pipes >> i & 1U) != 0 ? p->ends[i] : -1, POLLIN, 0};
    }
    int count = poll(ends, PROCESS_PIPES, ms);
    if (count < 0 && errno != EINTR) {
        process_kill(p);
    }
    for (unsigned i = 0; count > 0 && i < PROCESS_PIPES; i++) {
        ready |= ends[i].revents != 0 ? 1U << i : 0;
    }
    return ready;
}

size_t process_read(process *p, process_pipe pipe, void *bytes, size_t size) {
    ssize_t part = read(p->ends[pipe], bytes, size);
    if (part > 0) {
        return (size_t)part;
    }
    if (part == 0 || errno != EINTR) {
        close_end(&p->ends[pipe]);
    }
    return 0;
}

void process_close(process *p, process_pipe pipe) {
    close_end(&p->ends[pipe]);
}

/* ---- the end ---- */

void process_kill(process *p) {
    (void)kill(p->pid, SIGKILL);
    for (int i = 0; i < PROCESS_PIPES; i++) {
        close_end(&p->ends[i]);
    }
}

bool process_end(process *p) {
    int status = 0;
    pid_t ended = 0;
    for (int i = 0; i < PROCESS_PIPES; i++) {
        close_end(&p->ends[i]);
    }
    while (ended == 0) {
        ended = waitpid(p->pid, &status, 0);
        ended = ended < 0 && errno == EINTR ? 0 : ended;
    }
    free(p);
    /* Where somebody has the system reap all children, nobody knows how it ended. */
    return ended < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
