/*
 * frames_y4m.c - YUV4MPEG2, the uncompressed video that ffmpeg and others write into pipes.
 *
 * One line of parameters, then for each frame a line that begins with FRAME and the planes Y, Cb,
 * Cr. 4:2:0 and grey are formats of the library and are kept as they are. Other subsamplings are
 * turned into RGB here.
 */
#include "frames.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE 4096

typedef struct layout {
    const char *name; /* the value of C in the header */
    int32_t format;   /* dp_format of the frames; RGB24: to be converted */
    size_t columns;   /* pixels that share a chroma sample, in a row */
} layout;

static const layout layouts[] = {
    {"420jpeg", DP_FORMAT_I420, 2},  {"420mpeg2", DP_FORMAT_I420, 2},
    {"420paldv", DP_FORMAT_I420, 2}, {"420", DP_FORMAT_I420, 2},
    {"mono", DP_FORMAT_GRAY8, 1},    {"444", DP_FORMAT_RGB24, 1},
    {"422", DP_FORMAT_RGB24, 2},     {"411", DP_FORMAT_RGB24, 4},
};

typedef struct y4m_header {
    int32_t width, height;
    const layout *layout;
    bool full_range, limited_range;
} y4m_header;

/* Reads up to a newline, which is dropped. */
static bool read_line(frame_list *list, FILE *file, char line[MAX_LINE]) {
    size_t length = 0;
    int next = getc(file);
    while (next != EOF && next != '\n' && length < MAX_LINE - 1) {
        line[length++] = (char)next;
        next = getc(file);
    }
    line[length] = '\0';
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

static bool parse_layout(frame_list *list, const char *text, const layout **found) {
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if (strcmp(text, layouts[i].name) == 0) {
            *found = &layouts[i];
            return true;
        }
    }
    return frame_list_fail(list,
                           "Y4M of colour space 'C%.20s'; 8-bit C420, C422, C444, C411 and "
                           "Cmono can be read (ffmpeg -pix_fmt yuv420p makes C420)",
                           text);
}

/* One parameter of the header. Frame rate, interlacing and pixel aspect have no say here. */
static bool parse_parameter(frame_list *list, const char *text, y4m_header *header) {
    switch (text[0]) {
    case 'W':
        return parse_side(list, text + 1, &header->width);
    case 'H':
        return parse_side(list, text + 1, &header->height);
    case 'C':
        return parse_layout(list, text + 1, &header->layout);
    default:
        header->full_range |= strcmp(text, "XCOLORRANGE=FULL") == 0;
        header->limited_range |= strcmp(text, "XCOLORRANGE=LIMITED") == 0;
        return true;
    }
}

static bool parse_header(frame_list *list, char *line, y4m_header *header) {
    char *word = strtok(line, " ");
    if (word == NULL || strcmp(word, "YUV4MPEG2") != 0) {
        return frame_list_fail(list, "not a Y4M stream: it does not begin with YUV4MPEG2");
    }
    header->layout = &layouts[0];
    for (word = strtok(NULL, " "); word != NULL; word = strtok(NULL, " ")) {
        if (!parse_parameter(list, word, header)) {
            return false;
        }
    }
    if (header->width == 0 || header->height == 0) {
        return frame_list_fail(list, "the Y4M header lacks W or H");
    }
    if (header->limited_range && header->layout->format == DP_FORMAT_GRAY8) {
        return frame_list_fail(list, "Y4M of Cmono in limited range; grey frames must be of full "
                                     "range (ffmpeg -pix_fmt gray makes them)");
    }
    return true;
}

/* How a sample triple becomes RGB: R = y + rv * v, G = y - gu * u - gv * v, B = y + bu * u, with
 * y = luma * (Y - black) and u, v around 0. */
typedef struct matrix {
    float luma, black, rv, gu, gv, bu;
} matrix;

/* From the weights of red and blue in luma that the standards give. */
static matrix make_matrix(int32_t color) {
    bool bt709 = color == DP_COLOR_BT709_LIMITED || color == DP_COLOR_BT709_FULL;
    bool full = color == DP_COLOR_BT601_FULL || color == DP_COLOR_BT709_FULL;
    float red = bt709 ? 0.2126F : 0.299F, blue = bt709 ? 0.0722F : 0.114F;
    float green = 1 - red - blue, chroma = full ? 1 : 255.0F / 224;
    float rv = 2 * (1 - red) * chroma, bu = 2 * (1 - blue) * chroma;
    return (matrix){.luma = full ? 1 : 255.0F / 219,
                    .black = full ? 0 : 16,
                    .rv = rv,
                    .gu = bu * blue / green,
                    .gv = rv * red / green,
                    .bu = bu};
}

static uint8_t to_byte(float value) {
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)lrintf(value);
}

/* One row; a chroma sample serves `columns` pixels. */
static void convert_row(const matrix *m, const uint8_t *luma, const uint8_t *cb, const uint8_t *cr,
                        size_t columns, size_t width, uint8_t *rgb) {
    for (size_t x = 0; x < width; x++) {
        size_t chroma = x / columns;
        float y = m->luma * ((float)luma[x] - m->black);
        float u = (float)cb[chroma] - 128, v = (float)cr[chroma] - 128;
        rgb[3 * x] = to_byte(y + m->rv * v);
        rgb[3 * x + 1] = to_byte(y - m->gu * u - m->gv * v);
        rgb[3 * x + 2] = to_byte(y + m->bu * u);
    }
}

/* Turns the planes of a frame, whose chroma has all rows, into RGB. */
static void convert_frame(const dp_frame *shape, size_t columns, const uint8_t *planes,
                          uint8_t *rgb) {
    matrix m = make_matrix(shape->color);
    size_t width = (size_t)shape->width, height = (size_t)shape->height;
    size_t chroma_width = (width + columns - 1) / columns;
    const uint8_t *cb = planes + width * height, *cr = cb + chroma_width * height;
    for (size_t y = 0; y < height; y++) {
        convert_row(&m, planes + y * width, cb + y * chroma_width, cr + y * chroma_width, columns,
                    width, rgb + 3 * y * width);
    }
}

static bool read_as_rgb(frame_list *list, FILE *file, const dp_frame *shape, size_t columns) {
    uint8_t *rgb = frame_list_add(list, shape, 1);
    if (rgb == NULL) {
        return false;
    }
    size_t width = (size_t)shape->width, height = (size_t)shape->height;
    size_t size = (width + 2 * ((width + columns - 1) / columns)) * height;
    uint8_t *planes = malloc(size);
    if (planes == NULL) {
        return frame_list_fail(list, "out of memory at frame %zu", list->count);
    }
    bool done = frame_list_fill(list, file, planes, size);
    if (done) {
        convert_frame(shape, columns, planes, rgb);
    }
    free(planes);
    return done;
}

static bool read_frame(frame_list *list, FILE *file, const dp_frame *shape, size_t columns) {
    char line[MAX_LINE];
    if (!read_line(list, file, line)) {
        return false;
    }
    if (strncmp(line, "FRAME", 5) != 0 || (line[5] != '\0' && line[5] != ' ')) {
        return frame_list_fail(list, "frame %zu does not begin with FRAME", list->count + 1);
    }
    return shape->format == DP_FORMAT_RGB24 ? read_as_rgb(list, file, shape, columns)
                                            : frame_list_read(list, file, shape, 1);
}

bool frames_read_y4m(frame_list *list, FILE *file, int32_t color) {
    char line[MAX_LINE];
    y4m_header header = {0};
    if (!read_line(list, file, line) || !parse_header(list, line, &header)) {
        return false;
    }
    dp_frame shape = {.width = header.width,
                      .height = header.height,
                      .format = header.layout->format,
                      .color = color};
    if (color == COLOR_OF_FILE) {
        shape.color = header.full_range ? DP_COLOR_BT601_FULL : DP_COLOR_BT601_LIMITED;
    }
    while (!stream_ended(file)) {
        if (!read_frame(list, file, &shape, header.layout->columns)) {
            return false;
        }
    }
    return frame_list_finish(list, file);
}
