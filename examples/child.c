/*
 * child.c - starts a program, and reads from all of its pipes whichever has something.
 */
#define _POSIX_C_SOURCE 200809L
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- starting ---- */

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

enum { INPUT, BYTES, LINES, ERROR, PIPES };

typedef struct pipe_set {
    int ends[PIPES][2];
} pipe_set;

static bool open_pipes(pipe_set *p, bool has_bytes, bool has_input) {
    for (int i = 0; i < PIPES; i++) {
        p->ends[i][READ_END] = p->ends[i][WRITE_END] = -1;
    }
    return open_pipe(p->ends[LINES]) && open_pipe(p->ends[ERROR]) &&
           (!has_bytes || open_pipe(p->ends[BYTES])) && (!has_input || open_pipe(p->ends[INPUT]));
}

static void close_pipes(pipe_set *p) {
    for (int i = 0; i < PIPES; i++) {
        close_end(&p->ends[i][READ_END]);
        close_end(&p->ends[i][WRITE_END]);
    }
}

static int give_end(posix_spawn_file_actions_t *actions, int end, int number) {
    return end < 0 ? 0 : posix_spawn_file_actions_adddup2(actions, end, number);
}

static int describe_files(posix_spawn_file_actions_t *actions, const pipe_set *p) {
    int bytes = p->ends[BYTES][WRITE_END], input = p->ends[INPUT][READ_END];
    int error = input >= 0 ? 0
                           : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null",
                                                              O_RDONLY, 0);
    error = error != 0 ? error : give_end(actions, input, STDIN_FILENO);
    error = error != 0 ? error : give_end(actions, bytes, STDOUT_FILENO);
    error = error != 0 ? error
                       : give_end(actions, p->ends[LINES][WRITE_END],
                                  bytes >= 0 ? CHILD_LINES : STDOUT_FILENO);
    return error != 0 ? error : give_end(actions, p->ends[ERROR][WRITE_END], STDERR_FILENO);
}

/* A pipe that closes ends it, whatever we do with that signal. */
static int describe_signals(posix_spawnattr_t *attributes) {
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int error = posix_spawnattr_setsigdefault(attributes, &defaults);
    return error != 0 ? error : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
}

static int spawn(child *c, const char *const *arguments, const pipe_set *p) {
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
                           : posix_spawnp(&c->pid, arguments[0], &actions, &attributes,
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

int child_start(child *c, const char *const *arguments, bool has_bytes, const char *input,
                bool (*stopped)(void)) {
    pipe_set p;
    *c = (child){.bytes = -1, .lines = -1, .error = -1, .stopped = stopped};
    int error = open_pipes(&p, has_bytes, input != NULL) ? 0 : errno;
    error = error != 0 ? error : spawn(c, arguments, &p);
    if (error == 0) {
        c->bytes = take_end(&p.ends[BYTES][READ_END]);
        c->lines = take_end(&p.ends[LINES][READ_END]);
        c->error = take_end(&p.ends[ERROR][READ_END]);
        close_end(&p.ends[INPUT][READ_END]);
        if (input != NULL) {
            write_input(p.ends[INPUT][WRITE_END], input);
        }
    } else {
        c->pid = 0;
    }
    close_pipes(&p);
    return error;
}

/* ---- reading ---- */

static void kill_child(child *c) {
    if (c->pid > 0) {
        (void)kill(c->pid, SIGKILL);
    }
    close_end(&c->bytes);
    close_end(&c->lines);
    close_end(&c->error);
}

/* Reads what is there; the pipe is closed at its end. */
static size_t read_end(int *end, void *bytes, size_t size) {
    ssize_t part = read(*end, bytes, size);
    if (part > 0) {
        return (size_t)part;
    }
    if (part == 0 || errno != EINTR) {
        close_end(end);
    }
    return 0;
}

static void read_lines(child *c) {
    if (c->text_capacity - c->text_size < 4096) {
        size_t capacity = 2 * c->text_capacity + 8192;
        char *text = realloc(c->text, capacity);
        if (text == NULL) {
            kill_child(c);
            return;
        }
        c->text = text;
        c->text_capacity = capacity;
    }
    c->text_size += read_end(&c->lines, c->text + c->text_size, c->text_capacity - c->text_size);
}

/* Keeps the last line that is not empty. */
static void read_error(child *c) {
    char text[1024];
    size_t size = read_end(&c->error, text, sizeof text);
    for (size_t i = 0; i < size; i++) {
        bool ends = text[i] == '\n' || text[i] == '\r';
        if (ends && c->next_error_size > 0) {
            c->next_error[c->next_error_size] = '\0';
            memcpy(c->last_error, c->next_error, sizeof c->last_error);
            c->next_error_size = 0;
        } else if (!ends && c->next_error_size < sizeof c->next_error - 1) {
            c->next_error[c->next_error_size++] = text[i];
        }
    }
}

#define LOOKS_EVERY_MS 200 /* whether it was stopped */

/* Waits until one of the pipes has something, and takes it: bytes, if they are asked for. */
static size_t take_something(child *c, uint8_t *bytes, size_t size) {
    struct pollfd ends[] = {
        {size > 0 ? c->bytes : -1, POLLIN, 0}, {c->lines, POLLIN, 0}, {c->error, POLLIN, 0}};
    size_t got = 0;
    int ready = poll(ends, 3, LOOKS_EVERY_MS);
    if ((c->stopped != NULL && c->stopped()) || (ready < 0 && errno != EINTR)) {
        kill_child(c);
        return 0;
    }
    if (ready > 0 && ends[0].revents != 0) {
        got = read_end(&c->bytes, bytes, size);
    }
    if (ready > 0 && ends[1].revents != 0) {
        read_lines(c);
    }
    if (ready > 0 && ends[2].revents != 0) {
        read_error(c);
    }
    return got;
}

size_t child_read(child *c, uint8_t *bytes, size_t size) {
    size_t got = 0;
    while (got < size && c->bytes >= 0) {
        got += take_something(c, bytes + got, size - got);
    }
    return got;
}

bool child_line(child *c, char *line, size_t size) {
    const char *end = NULL;
    size_t searched = 0;
    for (;;) {
        end = c->text_size > searched ? memchr(c->text + searched, '\n', c->text_size - searched)
                                      : NULL;
        if (end != NULL || c->lines < 0) {
            break;
        }
        searched = c->text_size;
        (void)take_something(c, NULL, 0);
    }
    if (end == NULL) {
        return false;
    }
    size_t length = (size_t)(end - c->text);
    size_t copied = length < size ? length : size - 1;
    memcpy(line, c->text, copied);
    line[copied] = '\0';
    c->text_size -= length + 1;
    memmove(c->text, end + 1, c->text_size);
    return true;
}

/* ---- the end ---- */

bool child_end(child *c, bool killed) {
    int status = 0;
    if (killed) {
        kill_child(c);
    }
    close_end(&c->bytes);
    close_end(&c->lines);
    while (c->error >= 0) {
        (void)take_something(c, NULL, 0);
    }
    free(c->text);
    c->text = NULL;
    c->text_size = c->text_capacity = 0;
    pid_t ended = 0;
    while (c->pid > 0 && ended == 0) {
        ended = waitpid(c->pid, &status, 0);
        ended = ended < 0 && errno == EINTR ? 0 : ended;
    }
    bool ran = c->pid > 0;
    c->pid = 0;
    /* Where somebody has the system reap all children, nobody knows how it ended. */
    return ran && (ended < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
