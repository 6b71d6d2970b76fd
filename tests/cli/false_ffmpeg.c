/*
 * A program in the place of ffmpeg and ffprobe. As ffprobe it describes a film of 20 frames of 4x4
 * pixels; as ffmpeg it does what the file FALSE_STEPS says, a step a line:
 *
 *     frame PTS            a frame, and its time on descriptor 3
 *     line TEXT            another line there
 *     bytes NUMBER         zeros on standard output
 *     complain NUMBER TEXT so many lines on standard error
 *     arguments FILE       its arguments, one a line
 *     input FILE           what it reads
 *     exit STATUS
 *     killed               it ends as if it had been killed
 *     hang FILE            it does not mind Ctrl-C; its number is in FILE
 *     start FILE           starts itself: FILE is there after some seconds
 *     handle FILE          whether it has the handle FALSE_HANDLE, on Windows
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <io.h>
#include <process.h>
#include <windows.h>
#define write(descriptor, bytes, size) _write((descriptor), (bytes), (unsigned)(size))

static void use_bytes(void) {
    (void)_setmode(0, _O_BINARY);
    (void)_setmode(1, _O_BINARY);
    (void)_setmode(2, _O_BINARY);
}

static void end_as_killed(void) {
    (void)TerminateProcess(GetCurrentProcess(), 9);
}

static void hang(void) {
    (void)SetConsoleCtrlHandler(NULL, TRUE);
    Sleep(50000);
}

static void start_itself(const char *file) {
    char program[MAX_PATH];
    (void)GetModuleFileNameA(NULL, program, sizeof program);
    (void)_spawnl(_P_NOWAIT, program, "later", file, NULL);
}

static void wait_for_others(void) {
    Sleep(4000);
}

static const char *describe_handle(void) {
    void *handle = (void *)(size_t)strtoull(getenv("FALSE_HANDLE"), NULL, 10);
    return GetFileType(handle) == FILE_TYPE_DISK ? "it has the handle\n"
                                                 : "it has no such handle\n";
}
#else
#include <unistd.h>

static void use_bytes(void) {
}

static void end_as_killed(void) {
    (void)kill(getpid(), SIGKILL);
}

static void hang(void) {
    (void)signal(SIGINT, SIG_IGN);
    (void)sleep(50);
}

static void start_itself(const char *file) {
    (void)file;
}

static void wait_for_others(void) {
}

static const char *describe_handle(void) {
    return "it has no handles\n";
}
#endif

static void write_all(int descriptor, const char *bytes, size_t size) {
    while (size > 0) {
        int part = (int)write(descriptor, bytes, size);
        if (part <= 0) {
            exit(1);
        }
        bytes += part;
        size -= (size_t)part;
    }
}

static void write_text(int descriptor, const char *text) {
    write_all(descriptor, text, strlen(text));
}

static void write_zeros(size_t size) {
    static const char zeros[4096];
    for (; size > sizeof zeros; size -= sizeof zeros) {
        write_all(1, zeros, sizeof zeros);
    }
    write_all(1, zeros, size);
}

static FILE *create(const char *path) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        write_text(2, "false_ffmpeg: cannot create a file\n");
        exit(99);
    }
    return file;
}

static void keep_text(const char *path, const char *text) {
    FILE *file = create(path);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void keep_arguments(const char *path, char **arguments) {
    FILE *file = create(path);
    for (; *arguments != NULL; arguments++) {
        fprintf(file, "%s\n", *arguments);
    }
    (void)fclose(file);
}

static void keep_input(const char *path) {
    FILE *file = create(path);
    for (int next = getchar(); next != EOF; next = getchar()) {
        (void)fputc(next, file);
    }
    (void)fclose(file);
}

static void take_step(const char *verb, const char *rest, char **arguments) {
    char text[512];
    if (strcmp(verb, "frame") == 0) {
        snprintf(text, sizeof text, "0, %.20s, %.20s, 1, 24, 0x0\n", rest, rest);
        write_text(3, text);
        write_zeros(24);
    } else if (strcmp(verb, "line") == 0) {
        snprintf(text, sizeof text, "%.500s\n", rest);
        write_text(3, text);
    } else if (strcmp(verb, "bytes") == 0) {
        write_zeros((size_t)strtoul(rest, NULL, 10));
    } else if (strcmp(verb, "complain") == 0) {
        char *what = NULL;
        unsigned long times = strtoul(rest, &what, 10);
        snprintf(text, sizeof text, "%.500s\n", what + 1);
        for (; times > 0; times--) {
            write_text(2, text);
        }
    } else if (strcmp(verb, "arguments") == 0) {
        keep_arguments(rest, arguments);
    } else if (strcmp(verb, "input") == 0) {
        keep_input(rest);
    } else if (strcmp(verb, "exit") == 0) {
        exit(atoi(rest));
    } else if (strcmp(verb, "killed") == 0) {
        end_as_killed();
    } else if (strcmp(verb, "hang") == 0) {
        snprintf(text, sizeof text, "%d\n", (int)getpid());
        keep_text(rest, text);
        hang();
    } else if (strcmp(verb, "start") == 0) {
        start_itself(rest);
    } else if (strcmp(verb, "handle") == 0) {
        keep_text(rest, describe_handle());
    } else {
        write_text(2, "false_ffmpeg: no such step\n");
        exit(99);
    }
}

static int take_steps(FILE *steps, char **arguments) {
    char line[512];
    if (steps == NULL) {
        write_text(2, "false_ffmpeg: no FALSE_STEPS\n");
        return 99;
    }
    while (fgets(line, sizeof line, steps) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        char *rest = strchr(line, ' ');
        if (rest != NULL) {
            *rest++ = '\0';
        }
        take_step(line, rest != NULL ? rest : "", arguments);
    }
    return 0;
}

static int run(int argc, char **argv) {
    use_bytes();
    if (argc == 2 && strcmp(argv[0], "later") == 0) {
        wait_for_others();
        keep_text(argv[1], "it lives on\n");
        return 0;
    }
    if (strcmp(argv[0], "ffprobe") == 0) {
        write_text(1, "frames.frame.0.width=4\nframes.frame.0.height=4\n"
                      "frames.frame.0.pix_fmt=\"yuv420p\"\n"
                      "streams.stream.0.nb_read_packets=\"20\"\n");
        return 0;
    }
    const char *steps = getenv("FALSE_STEPS");
    return take_steps(steps != NULL ? fopen(steps, "r") : NULL, argv);
}

#ifdef _WIN32
int wmain(int argc, wchar_t **argv) {
    static char text[1 << 16];
    static char *arguments[100];
    char *next = text;
    for (int i = 0; i < argc; i++) {
        arguments[i] = next;
        next += WideCharToMultiByte(CP_UTF8, 0, argv[i], -1, next, (int)(text + sizeof text - next),
                                    NULL, NULL);
    }
    return run(argc, arguments);
}
#else
int main(int argc, char **argv) {
    return run(argc, argv);
}
#endif
