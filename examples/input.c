/*
 * input.c - finds out what a path holds and calls the reader for it.
 *
 * A directory holds PNG frames; --size says raw frames; anything else must tell itself by its first
 * byte, so that pipes, which cannot be rewound, work like files.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

const choice rotation_choices[] = {{"0", 0}, {"90", 90}, {"180", 180}, {"270", 270}, {NULL, 0}};

static bool has_suffix(const char *path, const char *suffix) {
    size_t length = strlen(path), suffix_length = strlen(suffix);
    return length > suffix_length && strcasecmp(path + length - suffix_length, suffix) == 0;
}

static bool is_standard_input(const char *path) {
    return strcmp(path, "-") == 0;
}

typedef enum stream_end { STREAM_READ, STREAM_REFUSED, STREAM_FOREIGN } stream_end;

static stream_end end_of(bool done) {
    return done ? STREAM_READ : STREAM_REFUSED;
}

/* *foreign: what it is, of STREAM_FOREIGN. */
static stream_end read_stream(frame_list *list, FILE *file, const frame_options *options,
                              foreign_kind *foreign) {
    if (options->size[0] > 0) {
        return end_of(frames_read_raw(list, file, options));
    }
    int first = getc(file);
    if (first == EOF) {
        frame_list_say(list, ferror(file) ? "cannot read" : "is empty");
        return STREAM_REFUSED;
    }
    ungetc(first, file);
    if (first == 0x93) {
        return end_of(frames_read_npy(list, file));
    }
    if (first == 'Y') {
        return end_of(frames_read_y4m(list, file, options->color));
    }
    *foreign = foreign_kind_of(file);
    return STREAM_FOREIGN;
}

static bool refuse_foreign(frame_list *list, const foreign_kind *foreign) {
    if (foreign->what == NULL) {
        return frame_list_fail(list, "neither Y4M nor NumPy. For raw frames say --size WxH; for "
                                     "other video: ffmpeg -i VIDEO -f yuv4mpegpipe - | dualpath "
                                     "classify MODEL -");
    }
    return frame_list_fail(list, "neither Y4M nor NumPy, but %s%s", foreign->what,
                           foreign->may_be_video
                               ? ": ffmpeg -i INPUT -f yuv4mpegpipe - | dualpath classify MODEL -"
                               : "");
}

/* Where there is not even a frame, it is said what the input seemed to be. */
static bool read_video(frame_list *list, const char *path, const frame_options *options,
                       const foreign_kind *foreign) {
    char reason[sizeof list->message];
    if (frames_read_ffmpeg(list, path, options->color)) {
        return true;
    }
    if (list->seen == 0) {
        memcpy(reason, list->message, sizeof reason);
        frame_list_say(list, "%s: %.400s",
                       foreign->what != NULL ? foreign->what
                                             : "neither Y4M nor NumPy (raw frames need --size WxH)",
                       reason);
    }
    return false;
}

static bool is_regular(const char *path) {
    struct stat status;
    return !is_standard_input(path) && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

#define STREAM_ADVICE \
    " (what comes by a network: ffmpeg -i URL -f yuv4mpegpipe - | dualpath watch MODEL -)"

/* ffmpeg opens a file anew, which of a pipe would only be the rest. */
static bool read_file(frame_list *list, const char *path, const frame_options *options) {
    bool standard_input = is_standard_input(path);
    foreign_kind foreign = {NULL, false};
    FILE *file = standard_input ? stdin : fopen(path, "rb");
    if (file == NULL) {
        return frame_list_fail(list, "cannot open: %s%s", strerror(errno),
                               strstr(path, "://") != NULL ? STREAM_ADVICE : "");
    }
    stream_end end = read_stream(list, file, options, &foreign);
    if (!standard_input) {
        fclose(file);
    }
    if (end == STREAM_FOREIGN) {
        return foreign.may_be_video && is_regular(path) ? read_video(list, path, options, &foreign)
                                                        : refuse_foreign(list, &foreign);
    }
    return end == STREAM_READ;
}

static bool read_once(frame_list *list, const char *path, bool directory,
                      const frame_options *options) {
    bool done = directory ? frames_read_pictures(list, path, options->color)
                          : read_file(list, path, options);
    frame_list_close(list);
    return done;
}

static bool is_read_again(const frame_list *list) {
    return list->taker.is_read_again != NULL && list->taker.is_read_again(list->taker.user, list);
}

/* Which frames stay depends on how many there are, and on their times. Where the input has others
 * than it seemed to have, it is read once more. */
static bool read_input(frame_list *list, const char *path, bool directory,
                       const frame_options *options) {
    bool done = read_once(list, path, directory, options);
    if (done && is_read_again(list)) {
        frame_list_restart(list, list->seen);
        done = read_once(list, path, directory, options);
        if (done && is_read_again(list)) {
            return frame_list_fail(list, "changes while it is read");
        }
    }
    return done;
}

/* What is read all the same, though the picture is not what it should be. */
static void warn_of_stream(const frame_list *list, const char *subject) {
    if (list->interlaced) {
        complain(subject,
                 "warning: interlaced, so what moves has combs at its edges; to remove them: "
                 "ffmpeg -i VIDEO -vf bwdif -f yuv4mpegpipe - | dualpath classify MODEL -");
    }
    if (list->cut_off) {
        complain(subject, "warning: cut off within frame %zu; the %zu before it are used",
                 list->seen + 1, list->seen);
    }
    if (list->damage[0] != '\0') {
        complain(subject, "warning: damaged; the %zu frames that can be decoded are used (%s)",
                 list->seen, list->damage);
    }
}

/* What contradicts itself is wrong use, not a wrong file. */
static bool check_use(const char *path, bool directory, const frame_options *options) {
    bool sized = options->size[0] > 0;
    if (sized && (directory || has_suffix(path, ".y4m") || has_suffix(path, ".npy"))) {
        complain(path, "--size is for raw frames; this input states its own");
        return false;
    }
    if (!sized && (has_suffix(path, ".rgb") || has_suffix(path, ".yuv") ||
                   options->format != DP_FORMAT_RGB24)) {
        complain(path, "raw frames need --size WxH");
        return false;
    }
    return true;
}

int input_read(frame_list *list, const char *path, const frame_options *options) {
    struct stat status;
    const char *subject = is_standard_input(path) ? "standard input" : path;
    bool directory =
        !is_standard_input(path) && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (!check_use(path, directory, options)) {
        return STATUS_USAGE;
    }
    list->given = options;
    bool done = read_input(list, path, directory, options);
    if (interrupted()) {
        return STATUS_INTERRUPTED;
    }
    if (done) {
        warn_of_stream(list, subject);
    } else if (list->message[0] != '\0') {
        complain(subject, "%s", list->message);
    }
    return done ? STATUS_OK : STATUS_ERROR;
}
