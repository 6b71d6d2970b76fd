/*
 * options.c - command line arguments: `--name value`, `--name=value`, flags, `--`, and the rest.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* Values that mean something elsewhere, or that somebody may try. */
static const struct {
    const char *name, *value, *advice;
} advices[] = {
    {"--sampling", "all", "; uniform takes frames from the whole clip"},
    {"--precision", "fp16", "; bf16 has 16 bits"},
    {"--precision", "f16", "; bf16 has 16 bits"},
    {"--precision", "float16", "; bf16 has 16 bits"},
    {"--precision", "fp32", "; f32 is meant"},
    {"--precision", "float32", "; f32 is meant"},
    {"--cpu", "cuda", "; models run on the CPU only"},
    {"--cpu", "gpu", "; models run on the CPU only"},
    {"--format", "rgb", "; rgb24 is meant"},
    {"--format", "bgr", "; bgr24 is meant"},
    {"--format", "gray", "; gray8 is meant"},
    {"--format", "yuv420p", "; i420 is meant"},
    {"--format", "yuv420p10le", "; more than 8 bits are read as Y4M"},
    {"--format", "p010le", "; more than 8 bits are read as Y4M"},
    {"--threads", "0", "; without it, all processors compute"},
    {"--threads", "-1", "; without it, all processors compute"},
    {"--threads", "auto", "; without it, all processors compute"},
};

/* The end of a sentence about a wrong value, or "". */
static const char *advice_on(const char *name, const char *value) {
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        if (strcmp(advices[i].name, name) == 0 && strcmp(advices[i].value, value) == 0) {
            return advices[i].advice;
        }
    }
    return "";
}

/* Reads digits up to `high` and steps over them. */
static bool read_digits(const char **text, uint64_t high, uint64_t *number) {
    const char *digits = *text;
    *number = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        uint64_t digit = (uint64_t)(**text - '0');
        if (*number > (high - digit) / 10) {
            return false;
        }
        *number = *number * 10 + digit;
    }
    return *text != digits;
}

/* The same for low .. high of an option. */
static bool read_number(const option *o, const char **text, int32_t *number) {
    uint64_t value = 0;
    if (!read_digits(text, (uint64_t)o->high, &value) || (int64_t)value < o->low) {
        return false;
    }
    *number = (int32_t)value;
    return true;
}

static bool parse_number(const option *o, const char *text) {
    const char *at = text;
    int32_t number = 0;
    if (!read_number(o, &at, &number) || *at != '\0') {
        complain(o->name, "'%.40s' is not a number from %d to %d%s", text, o->low, o->high,
                 advice_on(o->name, text));
        return false;
    }
    *(int32_t *)o->target = number;
    return true;
}

/* A decimal fraction, without sign or exponent. */
static bool parse_real(const option *o, const char *text) {
    char *end = NULL;
    bool plain = text[strspn(text, "0123456789.")] == '\0';
    double number = plain ? strtod(text, &end) : 0;
    if (!plain || end == text || *end != '\0' || number <= 0 || number > (double)o->high) {
        complain(o->name, "'%.40s' is not a number such as 12.5, above 0 and up to %d", text,
                 o->high);
        return false;
    }
    *(double *)o->target = number;
    return true;
}

/* Two numbers with a character between them. */
static bool read_pair(const option *o, const char *text, char between) {
    int32_t pair[2] = {0, 0};
    if (!read_number(o, &text, &pair[0]) || *text++ != between ||
        !read_number(o, &text, &pair[1]) || *text != '\0') {
        return false;
    }
    memcpy(o->target, pair, sizeof pair);
    return true;
}

static bool parse_size(const option *o, const char *text) {
    if (!read_pair(o, text, 'x')) {
        complain(o->name, "'%.40s' is not a size such as 320x240, each side %d to %d", text, o->low,
                 o->high);
        return false;
    }
    return true;
}

static bool parse_ratio(const option *o, const char *text) {
    if (!read_pair(o, text, ':')) {
        complain(o->name, "'%.40s' is not a ratio such as 16:11, each number %d to %d", text,
                 o->low, o->high);
        return false;
    }
    return true;
}

static bool parse_bytes(const option *o, const char *text) {
    static const char units[] = "KMGT";
    const char *at = text;
    uint64_t number = 0;
    bool good = read_digits(&at, UINT64_MAX >> 40, &number);
    const char *unit = *at == '\0' ? NULL : strchr(units, *at);
    if (unit != NULL) {
        number <<= 10 * (unit - units + 1);
        at++;
    }
    if (!good || *at != '\0' || number == 0) {
        complain(o->name, "'%.40s' is not a number of bytes such as 512M or 8G", text);
        return false;
    }
    *(uint64_t *)o->target = number;
    return true;
}

/* Adds to "a, b", which is cut where it does not fit. */
static void list_name(char *names, size_t size, const char *name) {
    size_t used = strlen(names);
    snprintf(names + used, size - used, "%s%s", used > 0 ? ", " : "", name);
}

static bool parse_choice(const option *o, const char *text) {
    char names[256] = "";
    for (const choice *c = o->choices; c->name != NULL; c++) {
        if (strcmp(c->name, text) == 0) {
            *(int32_t *)o->target = c->value;
            return true;
        }
        list_name(names, sizeof names, c->name);
    }
    complain(o->name, "'%.40s' is none of %s%s", text, names, advice_on(o->name, text));
    return false;
}

static bool parse_name(const option *o, const char *text) {
    char names[256] = "";
    for (int32_t number = o->low; strcmp(o->name_of(number), "unknown") != 0; number++) {
        if (strcmp(o->name_of(number), text) == 0) {
            *(int32_t *)o->target = number;
            return true;
        }
        list_name(names, sizeof names, o->name_of(number));
    }
    complain(o->name, "'%.40s' is none of %s%s", text, names, advice_on(o->name, text));
    return false;
}

/* Names of files. `-` is standard input where frames are read, and nothing anywhere else. */
static bool parse_file(const char *what, const char *text, const char **file) {
    bool dash = strcmp(text, "-") == 0 && strcmp(what, INPUT_NAME) != 0;
    if (text[0] == '\0') {
        complain(what, "is empty: the name of a file is expected");
    } else if (dash) {
        complain(what, "'-' is not the name of a file here: say ./- for a file of that name, or "
                       "/dev/stdin or /dev/stdout");
    }
    *file = text;
    return text[0] != '\0' && !dash;
}

static bool parse_value(const option *o, const char *text) {
    switch (o->kind) {
    case OPTION_FILE:
        return parse_file(o->name, text, o->target);
    case OPTION_NUMBER:
        return parse_number(o, text);
    case OPTION_REAL:
        return parse_real(o, text);
    case OPTION_SIZE:
        return parse_size(o, text);
    case OPTION_RATIO:
        return parse_ratio(o, text);
    case OPTION_BYTES:
        return parse_bytes(o, text);
    case OPTION_CHOICE:
        return parse_choice(o, text);
    case OPTION_NAME:
        return parse_name(o, text);
    default:
        *(int32_t *)o->target = 1;
        return true;
    }
}

/* The option that `--name` or `--name=value` means, and its value or NULL. */
static const option *find_option(const option *options, const char *argument, const char **value) {
    size_t length = strcspn(argument, "=");
    *value = argument[length] == '=' ? argument + length + 1 : NULL;
    for (; options->name != NULL; options++) {
        if (strlen(options->name) == length && strncmp(options->name, argument, length) == 0) {
            return options;
        }
    }
    return NULL;
}

static void complain_of_option(const char *argument, const option *options) {
    spelling best = spelling_of(argument);
    for (const option *o = options; o->name != NULL; o++) {
        spelling_try(&best, o->name);
    }
    complain(argument, "no such option (%s)", spelling_advice(&best));
}

/* Parses the option at arguments[0]. Returns how many arguments it took; 0: it is wrong. */
static int parse_option(int count, char **arguments, const option *options) {
    const char *value = NULL;
    const option *o = find_option(options, arguments[0], &value);
    if (o == NULL) {
        complain_of_option(arguments[0], options);
        return 0;
    }
    bool separate = value == NULL && o->kind != OPTION_FLAG;
    if (separate && count < 2) {
        complain(o->name, "needs a value");
        return 0;
    }
    if (value != NULL && o->kind == OPTION_FLAG) {
        complain(o->name, "takes no value");
        return 0;
    }
    return parse_value(o, separate ? arguments[1] : value) ? 1 + separate : 0;
}

int parse_arguments(int count, char **arguments, const option *options, const char *const *names,
                    const char **positional) {
    bool only_positional = false;
    int found = 0;
    for (int i = 0; i < count;) {
        const char *argument = arguments[i];
        if (!only_positional && strcmp(argument, "--") == 0) {
            only_positional = true;
            i++;
        } else if (!only_positional && argument[0] == '-' && argument[1] != '\0') {
            int taken = parse_option(count - i, arguments + i, options);
            if (taken == 0) {
                return STATUS_USAGE;
            }
            i += taken;
        } else if (names[found] == NULL) {
            complain(argument, "one argument too many (--help shows the usage)");
            return STATUS_USAGE;
        } else {
            if (!parse_file(names[found], argument, &positional[found])) {
                return STATUS_USAGE;
            }
            found++;
            i++;
        }
    }
    if (names[found] != NULL) {
        complain(names[found], "is missing (--help shows the usage)");
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

int check_sampling_rule(int32_t rate, double sample_fps) {
    if (rate > 0 && sample_fps > 0) {
        complain("--rate", "samples by number, and --sample-fps by time: one of them");
        return STATUS_USAGE;
    }
    return STATUS_OK;
}
