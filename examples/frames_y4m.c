/*
 * frames_y4m.c - YUV4MPEG2, the uncompressed video that ffmpeg and others write into pipes.
 *
 * One line of parameters, then for each frame a line that begins with FRAME and the planes Y, Cb,
 * Cr. What the library has no format for goes through frames_planes.c.
 */
#include "frames.h"
#include "planar_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_LINE 4096

/* The values of C in the header; "p10" and its like may follow, "10" behind mono. */
static const struct {
    const char *name;
    plane_layout layout;
} layouts[] = {
    {"420jpeg", {2, 2, 8}}, {"420mpeg2", {2, 2, 8}}, {"420paldv", {2, 2, 8}}, {"420", {2, 2, 8}},
    {"mono", {0, 0, 8}},    {"444", {1, 1, 8}},      {"422", {2, 1, 8}},      {"411", {4, 1, 8}},
};

typedef struct y4m_header {
    int32_t width, height;
    plane_layout layout;
    int32_t aspect[2];
    uint32_t rate[2];
    bool has_layout; /* by C, which goes before XYSCSS */
    bool full_range, limited_range, interlaced;
} y4m_header;

/* Reads up to a newline, which is dropped, and sets *length. */
static bool read_line(frame_list *list, FILE *file, char line[MAX_LINE], size_t *length) {
    int next = getc(file);
    for (*length = 0; next != EOF && next != '\n' && *length < MAX_LINE - 1; next = getc(file)) {
        line[(*length)++] = (char)next;
    }
    line[*length] = '\0';
    if (ferror(file)) {
        return frame_list_fail(list, "cannot read: %s", strerror(errno));
    }
    if (next != '\n') {
        return frame_list_fail(
            list, next == EOF ? "a Y4M line is cut short" : "a Y4M line of more than %d bytes",
            MAX_LINE - 1);
    }
    return true;
}

static bool parse_side(frame_list *list, const char *text, int32_t *side) {
    char *end = NULL;
    unsigned long number = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || number < 1 || number > DP_MAX_FRAME_SIDE) {
        return frame_list_fail(list,
                               "the Y4M header states a side of '%.20s' pixels; 1 to %d are "
                               "accepted",
                               text, DP_MAX_FRAME_SIDE);
    }
    *side = (int32_t)number;
    return true;
}

/* Digits up to 2^31 - 1, over which it steps. */
static bool read_int32(const char **text, int32_t *number) {
    char *end = NULL;
    unsigned long long value = **text >= '0' && **text <= '9' ? strtoull(*text, &end, 10) : 0;
    if (end == NULL || value > INT32_MAX) {
        return false;
    }
    *text = end;
    *number = (int32_t)value;
    return true;
}

/* "N:M", nothing else. */
static bool read_ratio(const char *text, int32_t ratio[2]) {
    return read_int32(&text, &ratio[0]) && *text++ == ':' && read_int32(&text, &ratio[1]) &&
           *text == '\0';
}

/* The depth behind the name of a layout: nothing (8), "p10", or "10" behind mono. */
static bool read_depth(const char *text, plane_layout *layout) {
    int32_t bits = 8;
    if (*text != '\0') {
        text += layout->columns > 0 && (*text == 'p' || *text == 'P') ? 1 : 0;
        if (!read_int32(&text, &bits) || *text != '\0' || bits < 8 || bits > 16) {
            return false;
        }
    }
    layout->bits = (unsigned)bits;
    return true;
}

/* XYSCSS is written in capitals. */
static bool parse_layout(frame_list *list, const char *text, plane_layout *found) {
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        size_t length = strlen(layouts[i].name);
        *found = layouts[i].layout;
        if (strncasecmp(text, layouts[i].name, length) == 0 && read_depth(text + length, found)) {
            return true;
        }
    }
    return frame_list_fail(list,
                           "Y4M of colour space '%.20s'; C420, C422, C444, C411 and Cmono of 8 to "
                           "16 bits can be read (ffmpeg -pix_fmt yuv420p makes C420)",
                           text);
}

static bool parse_aspect(frame_list *list, const char *text, int32_t aspect[2]) {
    if (!read_ratio(text, aspect)) {
        return frame_list_fail(list, "the Y4M header states an aspect of '%.20s'", text);
    }
    limit_aspect(aspect);
    return true;
}

/* What nobody knows how to play is unknown: frames are there all the same. */
static void parse_rate(const char *text, uint32_t rate[2]) {
    int32_t ratio[2] = {0, 0};
    bool known = read_ratio(text, ratio) && ratio[0] > 0 && ratio[1] > 0;
    rate[0] = known ? (uint32_t)ratio[0] : 0;
    rate[1] = known ? (uint32_t)ratio[1] : 0;
}

/* What is said behind X, by some writers. */
static bool parse_extension(frame_list *list, const char *text, y4m_header *header) {
    header->full_range |= strcmp(text, "COLORRANGE=FULL") == 0;
    header->limited_range |= strcmp(text, "COLORRANGE=LIMITED") == 0;
    bool layout = strncmp(text, "YSCSS=", 6) == 0 && !header->has_layout;
    return !layout || parse_layout(list, text + 6, &header->layout);
}

/* One parameter of the header. */
static bool parse_parameter(frame_list *list, const char *text, y4m_header *header) {
    switch (text[0]) {
    case 'W':
        return parse_side(list, text + 1, &header->width);
    case 'H':
        return parse_side(list, text + 1, &header->height);
    case 'C':
        header->has_layout = true;
        return parse_layout(list, text + 1, &header->layout);
    case 'A':
        return parse_aspect(list, text + 1, header->aspect);
    case 'F':
        parse_rate(text + 1, header->rate);
        return true;
    case 'I':
        header->interlaced = text[1] != '\0' && strchr("tbm", text[1]) != NULL;
        return true;
    case 'X':
        return parse_extension(list, text + 1, header);
    default:
        return true;
    }
}

static bool parse_header(frame_list *list, char *line, y4m_header *header) {
    char *word = strtok(line, " ");
    if (word == NULL || strcmp(word, "YUV4MPEG2") != 0) {
        return frame_list_fail(list, "not a Y4M stream: it does not begin with YUV4MPEG2");
    }
    header->layout = layouts[0].layout;
    for (word = strtok(NULL, " "); word != NULL; word = strtok(NULL, " ")) {
        if (!parse_parameter(list, word, header)) {
            return false;
        }
    }
    if (header->width == 0 || header->height == 0) {
        return frame_list_fail(list, "the Y4M header lacks W or H");
    }
    if (header->limited_range && header->layout.columns == 0) {
        return frame_list_fail(list, "Y4M of Cmono in limited range; grey frames must be of full "
                                     "range (ffmpeg -pix_fmt gray makes them)");
    }
    return true;
}

/* What all frames are, and what the list should know of them. */
static dp_frame describe_frames(frame_list *list, const y4m_header *header, int32_t color) {
    dp_frame shape = {.width = header->width,
                      .height = header->height,
                      .format = plane_format(&header->layout),
                      .color = color,
                      .aspect_width = header->aspect[0],
                      .aspect_height = header->aspect[1]};
    if (header->layout.columns > 0) {
        frame_list_color(list, &shape, header->full_range);
    }
    memcpy(list->rate, header->rate, sizeof list->rate);
    list->interlaced = header->interlaced;
    return shape;
}

static bool read_frame(frame_list *list, FILE *file, planar_reader *reader) {
    char line[MAX_LINE];
    size_t length = 0;
    if (!read_line(list, file, line, &length)) {
        return false;
    }
    if (strncmp(line, "FRAME", 5) != 0 || (line[5] != '\0' && line[5] != ' ')) {
        return frame_list_fail(list, "frame %zu does not begin with FRAME", list->seen + 1);
    }
    uint8_t *bytes = planar_reader_next(reader, list);
    return bytes != NULL && frame_list_fill(list, file, bytes, reader->bytes) &&
           planar_reader_take(reader, list);
}

/* A recording that was stopped, or a copy that broke off, ends within a frame: those before it are
 * whole. */
static bool accept_cut(frame_list *list, FILE *file, size_t whole) {
    list->cut_off = list->seen > 0 && feof(file) && !ferror(file);
    if (list->cut_off && list->count > whole) {
        frame_list_drop(list);
    }
    if (list->cut_off) {
        list->message[0] = '\0';
    }
    return list->cut_off;
}

/* The lines of frames hardly ever have parameters. */
static bool expect_frames(frame_list *list, FILE *file, const planar_reader *reader) {
    return frame_list_expect_file(list, &reader->shape, file, strlen("FRAME\n") + reader->bytes);
}

static bool read_all(frame_list *list, FILE *file, planar_reader *reader) {
    if (!expect_frames(list, file, reader)) {
        return false;
    }
    while (!stream_ended(file)) {
        size_t whole = list->count;
        if (!read_frame(list, file, reader)) {
            return accept_cut(list, file, whole);
        }
    }
    return frame_list_finish(list, file);
}

bool frames_read_y4m(frame_list *list, FILE *file, int32_t color) {
    char line[MAX_LINE];
    size_t length = 0;
    y4m_header header = {0};
    if (!read_line(list, file, line, &length)) {
        return false;
    }
    if (strlen(line) < length) {
        return frame_list_fail(list, "the Y4M header holds a byte that is 0");
    }
    if (!parse_header(list, line, &header)) {
        return false;
    }
    dp_frame shape = describe_frames(list, &header, color);
    planar_reader reader;
    bool done =
        planar_reader_begin(&reader, list, &shape, &header.layout) && read_all(list, file, &reader);
    planar_reader_end(&reader);
    return done;
}
