/*
 * cli.h - what the commands of the program share: exit statuses, arguments, JSON, progress, and
 * opening a model.
 */
#ifndef CLI_H
#define CLI_H

#include "dualpath.h"
#include "frames.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses; part of the interface of the program. */
enum {
    STATUS_OK = 0,
    STATUS_ERROR = 1,        /* a model, a file or frames cannot be used */
    STATUS_USAGE = 2,        /* the command line is wrong */
    STATUS_INTERRUPTED = 130 /* by Ctrl-C */
};

/* ---- commands (classify.c, watch.c, compile.c, info.c, bench.c): arguments without program and
 * command name ---- */

int command_classify(int count, char **arguments);
int command_watch(int count, char **arguments);
int command_compile(int count, char **arguments);
int command_info(int count, char **arguments);
int command_verify(int count, char **arguments);
int command_bench(int count, char **arguments);

extern const char classify_help[], watch_help[], compile_help[], info_help[], verify_help[],
    bench_help[];

/* ---- messages and text (text.c) ---- */

/* Prints "dualpath: subject: sentence" to stderr. */
void complain(const char *subject, const char *format, ...) PRINTF_LIKE(2, 3);
/* Prints text from a file, or a name of one, as UTF-8 that is harmless for a terminal: control
 * characters and bytes that are not UTF-8 become '?'. */
void print_text(FILE *out, const char *text);
/* The label of a class, or its number. */
void print_label(FILE *out, const dp_prediction *p);
/* How many columns print_text() takes, nearly: one for each character. */
int text_width(const char *text);

/* A byte that is no part of a character of UTF-8. */
#define NOT_UTF8 UINT32_MAX
/* Steps over the first character of UTF-8 text that is not empty, and returns it, or over one byte,
 * and returns NOT_UTF8. */
uint32_t next_character(const char **text);
/* Whether a character does something to a terminal instead of being shown. */
bool is_control(uint32_t character);

/* ---- a name that is none of some (spelling.c) ---- */

typedef struct spelling {
    const char *text; /* what was given, up to `length` */
    size_t length;
    const char *name; /* the nearest one that is near enough, or NULL */
    size_t distance;  /* of it; nearer ones are taken */
    char advice[64];
} spelling;

spelling spelling_of(const char *text);
void spelling_try(spelling *best, const char *name);
/* "did you mean NAME?", or where they are listed. */
const char *spelling_advice(spelling *best);

/* ---- arguments (options.c) ---- */

typedef struct choice {
    const char *name; /* NULL ends an array of these */
    int32_t value;
} choice;

typedef enum option_kind {
    OPTION_FLAG,   /* int32_t: becomes 1 */
    OPTION_FILE,   /* const char *: its name as it is */
    OPTION_NUMBER, /* int32_t: low .. high */
    OPTION_REAL,   /* double: above 0, up to high */
    OPTION_CHOICE, /* int32_t: the value of one of `choices` */
    OPTION_NAME,   /* int32_t: from `low` on, a number that name_of() has a name for */
    OPTION_SIZE,   /* int32_t[2]: WxH, each low .. high */
    OPTION_RATIO,  /* the same, W:H */
    OPTION_BYTES   /* uint64_t: a number, K, M, G or T may follow */
} option_kind;

typedef struct option {
    const char *name; /* "--name"; NULL ends an array of these */
    option_kind kind;
    void *target;
    int32_t low, high;
    const choice *choices;
    const char *(*name_of)(int32_t number); /* of the library: "unknown" ends the names */
} option;

/* The argument that may be `-`: standard input. */
#define INPUT_NAME "INPUT"

/* Stores `--name value` and `--name=value` in the options' targets and all else, names of files, in
 * order, in `positional`, of which exactly the `names` must come; a NULL ends them. */
int parse_arguments(int count, char **arguments, const option *options, const char *const *names,
                    const char **positional);

/* Frames are sampled by number or by time: refuses both `--rate` and `--sample-fps`, which are 0
 * where they were not given. Returns an exit status. */
int check_sampling_rule(int32_t rate, double sample_fps);

/* ---- JSON (json.c) ---- */

/* Writes one value after the other; commas come by themselves. */
typedef struct json {
    FILE *out;
    bool comma; /* one is due before the next key or value */
} json;

void json_open(json *j, char bracket);
void json_close(json *j, char bracket);
void json_key(json *j, const char *key);
void json_string(json *j, const char *text); /* bytes that are not UTF-8 become U+FFFD */
void json_integer(json *j, int64_t value);
void json_truth(json *j, bool value);
void json_null(json *j);
void json_number(json *j, double value); /* 9 digits, which give back any float; not finite: null */
void json_numbers(json *j, const float *values, int32_t count); /* NULL: null */
void json_labels(json *j, const dp_model *model, int32_t classes);
void json_predictions(json *j, const dp_prediction *top, int32_t count);

/* ---- progress (progress.c) ---- */

/* A bar on stderr that appears when work lasts; none if stderr is not a terminal. */
typedef struct progress {
    double start_ms, drawn_ms;
    double before, share; /* of all work: what was done before the call that reports, and its own */
    bool enabled, visible;
} progress;

double now_ms(void);
void progress_start(progress *p, bool quiet);
int progress_report(void *user, const char *stage, double fraction); /* a dp_progress_fn */
void progress_clear(progress *p);

/* ---- Ctrl-C (posix/interrupts.c, windows/interrupts.c) ---- */

/* From catch_interrupts() on, the first Ctrl-C, SIGTERM or SIGHUP, or on Windows Ctrl-C, Ctrl-Break
 * or the end of the console, makes interrupted() true and cancels what reports progress; one that
 * comes later (0.3 s) ends the program as usual. */
void catch_interrupts(void);
bool interrupted(void);

/* ---- a model with a session (engine.c) ---- */

typedef struct engine_options {
    int32_t threads; /* 0: all */
    int32_t cpu;     /* DP_CPU_* mask; -1: all */
    int32_t precision;
    int32_t target;
    int32_t unfused, image_by_image, verify, quiet;
    int32_t attention;    /* dp_attention_kind */
    uint64_t max_memory;  /* of all that the program takes; 0: no limit was given */
    const char *backbone; /* of the model, which is then a task; or NULL */
} engine_options;

extern const choice cpu_choices[];

#define FLAG_OPTION(name, target) \
    { (name), OPTION_FLAG, (target), 0, 0, NULL, NULL }
#define FILE_OPTION(name, target) \
    { (name), OPTION_FILE, (target), 0, 0, NULL, NULL }
#define NUMBER_OPTION(name, target, low, high) \
    { (name), OPTION_NUMBER, (target), (low), (high), NULL, NULL }
#define REAL_OPTION(name, target, high) \
    { (name), OPTION_REAL, (target), 0, (high), NULL, NULL }
#define CHOICE_OPTION(name, target, choices) \
    { (name), OPTION_CHOICE, (target), 0, 0, (choices), NULL }
#define NAME_OPTION(name, target, first, name_of) \
    { (name), OPTION_NAME, (target), (first), 0, NULL, (name_of) }
#define SIZE_OPTION(name, target, high) \
    { (name), OPTION_SIZE, (target), 1, (high), NULL, NULL }
#define RATIO_OPTION(name, target, high) \
    { (name), OPTION_RATIO, (target), 1, (high), NULL, NULL }
#define BYTES_OPTION(name, target) \
    { (name), OPTION_BYTES, (target), 0, 0, NULL, NULL }
#define NO_MORE_OPTIONS FLAG_OPTION(NULL, NULL)

#define PRECISION_OPTION(target) \
    NAME_OPTION("--precision", (target), DP_PRECISION_F32, dp_precision_name)

#define ENGINE_OPTIONS(e)                                                                  \
    NUMBER_OPTION("--threads", &(e)->threads, 1, DP_MAX_THREADS),                          \
        CHOICE_OPTION("--cpu", &(e)->cpu, cpu_choices), PRECISION_OPTION(&(e)->precision), \
        FLAG_OPTION("--unfused", &(e)->unfused),                                           \
        FLAG_OPTION("--image-by-image", &(e)->image_by_image),                             \
        FLAG_OPTION("--verify", &(e)->verify), FILE_OPTION("--backbone", &(e)->backbone),  \
        BYTES_OPTION("--max-memory", &(e)->max_memory), FLAG_OPTION("--quiet", &(e)->quiet)

/* ---- frames (input.c) ---- */

#define DEFAULT_FRAME_BYTES (UINT64_C(8) << 30)
#define DEFAULT_FRAME_OPTIONS \
    { .color = COLOR_OF_FILE, .rotation = ROTATION_OF_FILE }

extern const choice rotation_choices[];

#define FRAME_OPTIONS(f)                                                            \
    SIZE_OPTION("--size", (f)->size, DP_MAX_FRAME_SIDE),                            \
        NAME_OPTION("--format", &(f)->format, DP_FORMAT_RGB24, dp_format_name),     \
        NAME_OPTION("--color", &(f)->color, DP_COLOR_BT601_LIMITED, dp_color_name), \
        CHOICE_OPTION("--rotate", &(f)->rotation, rotation_choices),                \
        FLAG_OPTION("--mirror", &(f)->mirrored),                                    \
        RATIO_OPTION("--aspect", (f)->aspect, DP_MAX_ASPECT)

typedef struct engine {
    dp_model *model;
    dp_session *session;
    dp_model_info info;
    progress progress;
    double start_ms; /* what engine_start() took */
} engine;

/* Opens a model, and starts a session on it as well; on failure the reason has been printed. The
 * engine must not move from then on, and is closed in any case. */
int engine_open(engine *e, const char *path, const engine_options *options);
int engine_start(engine *e, const char *path, const engine_options *options);
void engine_close(engine *e);
/* The exit status of a call on the session, whose message it prints about `subject`. */
int engine_check(engine *e, dp_status status, const char *subject);
/* The same for calls without a session. */
int check_status(dp_status status, const char *subject);
/* The same for what `max_memory` (0: none) limits; what helps against that is added. */
int check_memory(dp_status status, const char *subject, uint64_t max_memory, const char *remedy);
/* What a limit for all leaves for frames, beside the model, its session and `more` bytes. */
void engine_limit_frames(const engine *e, const engine_options *options, uint64_t more,
                         frame_list *frames);
/* As an option of the library. */
size_t memory_limit(uint64_t max_memory);

#endif /* CLI_H */
