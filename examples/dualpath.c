/*
 * dualpath.c - the command line program: finds the command and runs it.
 *
 * Everything it does with models goes through the public header; it is also an example of how to
 * use that.
 */
#define _XOPEN_SOURCE 700 /* SIGXFSZ */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

typedef struct command {
    const char *name;
    int (*run)(int count, char **arguments);
    const char *help;
} command;

static const command commands[] = {
    {"classify", command_classify, classify_help}, {"watch", command_watch, watch_help},
    {"compile", command_compile, compile_help},    {"info", command_info, info_help},
    {"verify", command_verify, verify_help},       {"bench", command_bench, bench_help},
};

static const char help[] =
    "Usage: dualpath COMMAND ...\n"
    "\n"
    "Recognises actions in video with DualPath models, on the CPU.\n"
    "\n"
    "  classify MODEL INPUT   say what happens in a clip\n"
    "  watch MODEL INPUT      say it again and again, of a long film or a camera\n"
    "  compile MODEL -o FILE  write a model that opens at once, for a family of processors\n"
    "  info MODEL             describe a model\n"
    "  verify MODEL           check the checksums of a model file\n"
    "  bench MODEL            measure the speed of a model on this machine\n"
    "\n"
    "  -h, --help             this text, or that of a command: dualpath COMMAND --help\n"
    "      --version          print the version\n"
    "\n"
    "Exit status: 0 success; 1 a model, a file or frames cannot be used; 2 wrong command line;\n"
    "130 interrupted.\n";

static bool is_help(const char *argument) {
    return strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0;
}

/* Wherever --help stands, it is what is wanted. */
static bool asks_for_help(int count, char **arguments) {
    for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++) {
        if (is_help(arguments[i])) {
            return true;
        }
    }
    return false;
}

static int run_command(const char *name, int count, char **arguments) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            if (asks_for_help(count, arguments)) {
                fputs(commands[i].help, stdout);
                return STATUS_OK;
            }
            return commands[i].run(count, arguments);
        }
    }
    spelling best = spelling_of(name);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        spelling_try(&best, commands[i].name);
    }
    complain(name, "no such command (%s)", spelling_advice(&best));
    return STATUS_USAGE;
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        fputs(help, stderr);
        return STATUS_USAGE;
    }
    if (is_help(argv[1])) {
        fputs(help, stdout);
        return STATUS_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("dualpath %s\n", dp_version_string());
        return STATUS_OK;
    }
    return run_command(argv[1], argc - 2, argv + 2);
}

/* A file that is opened must not get the number of a standard stream that the program was started
 * without: what is printed would end up in it. These cannot be written to, which is noticed. */
static void reserve_standard_streams(void) {
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) < 0) {
            (void)open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

int main(int argc, char **argv) {
    reserve_standard_streams();
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error like any other, */
    (void)signal(SIGPIPE, SIG_IGN); /* and so is a pipe whose reader went away */
    int status = run(argc, argv);
    /* A full disk shows itself only here. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == STATUS_OK) {
        complain("standard output", "cannot write: %s", strerror(errno));
        status = STATUS_ERROR;
    }
    return status;
}
