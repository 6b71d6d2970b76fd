/*
 * video_facts.c - asks ffprobe, whose flat output has a line KEY=VALUE for each fact.
 */
#include "video_facts.h"

#include "child.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- one fact ---- */

/* Of others, the nearest that the library has. */
static int32_t matrix_of(const char *name) {
    static const struct {
        const char *name;
        int32_t color;
    } matrices[] = {
        {"bt709", DP_COLOR_BT709_LIMITED},     {"smpte240m", DP_COLOR_BT709_LIMITED},
        {"fcc", DP_COLOR_BT601_LIMITED},       {"bt470bg", DP_COLOR_BT601_LIMITED},
        {"smpte170m", DP_COLOR_BT601_LIMITED}, {"bt2020nc", DP_COLOR_BT2020_LIMITED},
        {"bt2020c", DP_COLOR_BT2020_LIMITED},
    };
    for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; i++) {
        if (strcmp(matrices[i].name, name) == 0) {
            return matrices[i].color;
        }
    }
    return DP_COLOR_UNKNOWN;
}

static int32_t number_of(const char *text) {
    long long number = strtoll(text, NULL, 10);
    return number > 0 && number <= INT32_MAX ? (int32_t)number : 0;
}

static void read_aspect(video_facts *facts, const char *text) {
    const char *colon = strchr(text, ':');
    facts->aspect[0] = number_of(text);
    facts->aspect[1] = colon != NULL ? number_of(colon + 1) : 0;
    limit_aspect(facts->aspect);
}

/* "30000/1001" */
static void read_rate(video_facts *facts, const char *text) {
    const char *slash = strchr(text, '/');
    uint32_t frames = (uint32_t)number_of(text);
    uint32_t seconds = slash != NULL ? (uint32_t)number_of(slash + 1) : 0;
    facts->rate[0] = seconds > 0 ? frames : 0;
    facts->rate[1] = frames > 0 ? seconds : 0;
}

/* Three rows "\n00000000:  a  b  u". Its first numbers a, b and d, e say where a step to the right
 * and one down lead, in 1/65536. */
static void read_matrix(video_facts *facts, const char *text) {
    double rows[2][3] = {{0}};
    for (int row = 0; row < 2 && text != NULL; row++) {
        text = strchr(text, ':');
        for (int i = 0; i < 3 && text != NULL; i++) {
            char *end = NULL;
            rows[row][i] = strtod(text + (i == 0), &end);
            text = end;
        }
    }
    double a = rows[0][0], b = rows[0][1], d = rows[1][0], e = rows[1][1];
    int32_t quarters = (int32_t)lround(atan2(-d, e) / acos(0.0));
    facts->turned = true;
    facts->rotation = (quarters + 4) % 4 * 90;
    facts->mirrored = a * e < b * d;
}

/* Texts are in quotes. */
static void unquote(char *value) {
    size_t length = strlen(value);
    if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
        value[length - 1] = '\0';
        memmove(value, value + 1, length - 1);
    }
}

static void read_frame_fact(video_facts *facts, const char *key, const char *value) {
    if (strcmp(key, "width") == 0) {
        facts->width = number_of(value);
    } else if (strcmp(key, "height") == 0) {
        facts->height = number_of(value);
    } else if (strcmp(key, "pix_fmt") == 0) {
        snprintf(facts->pixels, sizeof facts->pixels, "%.31s", value);
    } else if (strcmp(key, "color_space") == 0) {
        facts->matrix = matrix_of(value);
    } else if (strcmp(key, "color_range") == 0) {
        facts->limited_range = strcmp(value, "tv") == 0;
        facts->full_range = strcmp(value, "pc") == 0;
    } else if (strcmp(key, "interlaced_frame") == 0) {
        facts->interlaced = strcmp(value, "1") == 0;
    }
}

#define AVUTIL(major, minor) ((major) << 16 | (minor) << 8)

static void read_version(video_facts *facts, int32_t avutil) {
    facts->has_fps_mode = avutil >= AVUTIL(57, 28);
    facts->has_named_base = avutil >= AVUTIL(59, 0);
}

static void read_fact(video_facts *facts, const char *key, const char *value) {
    static const char frame[] = "frames.frame.0.";
    if (strncmp(key, frame, strlen(frame)) == 0 && strchr(key + strlen(frame), '.') == NULL) {
        read_frame_fact(facts, key + strlen(frame), value);
    } else if (strcmp(key, "streams.stream.0.sample_aspect_ratio") == 0) {
        read_aspect(facts, value);
    } else if (strcmp(key, "streams.stream.0.avg_frame_rate") == 0) {
        read_rate(facts, value);
    } else if (strstr(key, ".displaymatrix") != NULL && !facts->turned) {
        read_matrix(facts, value);
    } else if (strcmp(key, "library_versions.library_version.0.version") == 0) {
        read_version(facts, number_of(value));
    }
}

/* ---- ffprobe ---- */

char *video_url(frame_list *list, const char *path) {
    size_t size = strlen("file:") + strlen(path) + 1;
    char *url = malloc(size);
    if (url == NULL) {
        frame_list_say(list, "out of memory");
        return NULL;
    }
    snprintf(url, size, "file:%s", path);
    return url;
}

bool video_refuse_missing(frame_list *list, const char *program, int error) {
    if (error != ENOENT) {
        return frame_list_fail(list, "cannot start %s: %s", program, strerror(error));
    }
    return frame_list_fail(list,
                           "there is no %s in PATH to decode it: install ffmpeg (Debian: apt "
                           "install ffmpeg), or convert it to Y4M elsewhere",
                           program);
}

const char *video_last_words(const char *last_error, const char *url) {
    size_t length = strlen(url);
    const char *words = last_error;
    const char *bracket = words[0] == '[' ? strstr(words, "] ") : NULL;
    words += strncmp(words, url, length) == 0 && words[length] == ':' ? length + 1 : 0;
    words = bracket != NULL ? bracket + 2 : words;
    words += strspn(words, " ");
    return words[0] != '\0' ? words : "it does not say why";
}

/* Runs ffprobe and gives each line to `line_fn`. */
static bool probe(frame_list *list, const char *url, const char *const *what,
                  void (*line_fn)(void *user, const char *key, const char *value), void *user) {
    const char *arguments[20] = {
        "ffprobe", "-v",  "error", "-protocol_whitelist", "file", "-select_streams",
        "V:0",     "-of", "flat"};
    size_t count = 9;
    char line[1024];
    child c;
    for (; *what != NULL; what++) {
        arguments[count++] = *what;
    }
    arguments[count++] = "-i";
    arguments[count++] = url;
    int error = child_start(&c, arguments, false, NULL, list->stopped);
    if (error != 0) {
        (void)child_end(&c, true);
        return video_refuse_missing(list, "ffprobe", error);
    }
    while (child_line(&c, line, sizeof line)) {
        char *value = strchr(line, '=');
        if (value != NULL) {
            *value++ = '\0';
            unquote(value);
            line_fn(user, line, value);
        }
    }
    if (!child_end(&c, false)) {
        return frame_list_fail(list, "ffmpeg cannot read it: %s",
                               video_last_words(c.last_error, url));
    }
    return true;
}

static void on_fact(void *user, const char *key, const char *value) {
    read_fact(user, key, value);
}

static const char entries[] =
    "stream=sample_aspect_ratio,avg_frame_rate:stream_side_data=displaymatrix:"
    "frame=width,height,pix_fmt,color_space,color_range,"
    "interlaced_frame:frame_side_data=displaymatrix:"
    "library_version=name,version";

bool video_facts_read(video_facts *facts, frame_list *list, const char *path) {
    static const char *const what[] = {"-read_intervals", "%+#1",  "-show_library_versions",
                                       "-show_entries",   entries, NULL};
    *facts = (video_facts){.matrix = DP_COLOR_UNKNOWN};
    char *url = video_url(list, path);
    if (url == NULL) {
        return false;
    }
    bool done = probe(list, url, what, on_fact, facts);
    free(url);
    if (done && (facts->width == 0 || facts->height == 0)) {
        return frame_list_fail(list, "it holds no video that can be decoded");
    }
    return done;
}

static void on_count(void *user, const char *key, const char *value) {
    if (strstr(key, "nb_read_packets") != NULL) {
        *(size_t *)user = (size_t)number_of(value);
    }
}

size_t video_count_packets(frame_list *list, const char *path) {
    static const char *const what[] = {"-count_packets", "-show_entries", "stream=nb_read_packets",
                                       NULL};
    size_t count = 0;
    char *url = video_url(list, path);
    bool done = url != NULL && probe(list, url, what, on_count, &count);
    free(url);
    return done ? count : 0;
}
