/*
 * frames_ffmpeg.c - any video file, decoded by the ffmpeg in PATH.
 *
 * ffmpeg gives the samples of each frame as they are stored, neither turned nor converted, and on a
 * second pipe a line with the time of each frame. No frame is repeated or left out.
 */
#include "child.h"
#include "ffmpeg.h"
#include "planar_reader.h"
#include "video_pixels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the frames are ---- */

static int32_t with_range(int32_t limited, bool full) {
    return full ? limited + (DP_COLOR_BT601_FULL - DP_COLOR_BT601_LIMITED) : limited;
}

/* The colour that the command line says, or the file, or else that of the size. */
static void color_frames(frame_list *list, dp_frame *shape, const video_facts *facts,
                         int32_t color) {
    bool full =
        facts->full_range || (!facts->limited_range && strncmp(facts->pixels, "yuvj", 4) == 0);
    shape->color = color;
    if (color == COLOR_OF_FILE && facts->matrix != DP_COLOR_UNKNOWN) {
        shape->color = with_range(facts->matrix, full);
        frame_list_color(list, shape, full);
        list->color_guessed = !full && !facts->limited_range;
    } else {
        frame_list_color(list, shape, full);
    }
}

static dp_frame describe_frames(frame_list *list, const video_facts *facts,
                                const video_pixels *pixels, int32_t color) {
    dp_frame shape = {.width = facts->width,
                      .height = facts->height,
                      .format = pixels->rgb ? DP_FORMAT_RGB24 : plane_format(&pixels->layout),
                      .rotation = facts->rotation,
                      .mirrored = facts->mirrored,
                      .aspect_width = facts->aspect[0],
                      .aspect_height = facts->aspect[1]};
    if (shape.format == DP_FORMAT_GRAY8 && facts->limited_range) {
        shape.format = DP_FORMAT_I420; /* the library's gray has the full range */
        shape.color = DP_COLOR_BT601_LIMITED;
    } else if (!pixels->rgb && pixels->layout.columns > 0) {
        color_frames(list, &shape, facts, color);
    }
    list->interlaced = facts->interlaced;
    return shape;
}

/* ---- ffmpeg ---- */

#define MAX_ARGUMENTS 48

typedef struct argument_list {
    const char *arguments[MAX_ARGUMENTS];
    size_t count;
} argument_list;

/* A NULL ends them. */
static void add_arguments(argument_list *to, const char *const *from) {
    for (; *from != NULL; from++) {
        to->arguments[to->count++] = *from;
    }
}

/* Times come first: that of a frame is there when the frame is. framecrc only looks at descriptors
 * of wrapped frames. */
static int start_ffmpeg(child *c, const frame_list *list, const ffmpeg_input *input,
                        const char *url, const video_facts *facts, const char *pixels) {
    const char *mode = facts->has_fps_mode ? "-fps_mode" : "-vsync";
    const char *base = facts->has_named_base ? "demux" : "-1";
    const char *const program[] = {"ffmpeg", "-nostdin",      "-hide_banner",        "-v",
                                   "error",  "-noautorotate", "-protocol_whitelist", NULL};
    const char *const film[] = {"file", "-i", url, NULL};
    const char *const pictures[] = {"file,pipe", "-f", "concat", "-safe",
                                    "0",         "-i", "pipe:0", NULL};
    const char *const times[] = {"-map",           "0:V:0", mode,   "passthrough",
                                 "-enc_time_base", base,    "-c:v", "wrapped_avframe",
                                 "-flush_packets", "1",     "-f",   "framecrc",
                                 "pipe:3",         NULL};
    const char *const frames[] = {
        "-map",           "0:V:0", mode, "passthrough", "-pix_fmt", pixels,
        "-flush_packets", "1",     "-f", "rawvideo",    "pipe:1",   NULL};
    argument_list all = {.count = 0};
    add_arguments(&all, program);
    add_arguments(&all, input->pictures == NULL ? film : pictures);
    add_arguments(&all, times);
    add_arguments(&all, frames);
    return child_start(c, all.arguments, true, input->pictures, list->stopped);
}

typedef struct frame_clock {
    double tick;  /* seconds */
    double first; /* of the first frame, in seconds; NAN: there was none yet */
    bool timed;
} frame_clock;

/* A line "0, DTS, PTS, ..." is a frame, others describe the stream. */
static bool read_line(frame_clock *clock, const char *line, double *seconds) {
    if (strncmp(line, "#tb 0: ", 7) == 0) {
        char *slash = NULL;
        double above = strtod(line + 7, &slash);
        double below = *slash == '/' ? strtod(slash + 1, NULL) : 0;
        clock->tick = below > 0 ? above / below : 0;
        return false;
    }
    const char *comma = line[0] == '#' ? NULL : strchr(line, ',');
    comma = comma == NULL ? NULL : strchr(comma + 1, ',');
    if (comma != NULL) {
        *seconds = strtod(comma + 1, NULL) * clock->tick;
    }
    return comma != NULL;
}

/* When the next frame is shown, after the first one. */
static double next_stamp(child *c, frame_clock *clock) {
    char line[256];
    double seconds = 0;
    bool found = false;
    while (!found && child_line(c, line, sizeof line)) {
        found = read_line(clock, line, &seconds);
    }
    if (!found || !clock->timed || clock->tick <= 0) {
        return NAN;
    }
    clock->first = isnan(clock->first) ? seconds : clock->first;
    return seconds - clock->first;
}

typedef enum read_end { READ_FRAME, READ_ALL, READ_REFUSED } read_end;

/* One frame, if there is a first byte of it. */
static read_end read_frame(frame_list *list, child *c, planar_reader *reader, frame_clock *clock) {
    uint8_t first = 0;
    if (child_read(c, &first, 1) == 0) {
        return READ_ALL;
    }
    uint8_t *bytes = planar_reader_next(reader, list);
    if (bytes == NULL) {
        return READ_REFUSED;
    }
    size_t rest = (size_t)reader->bytes - 1;
    bytes[0] = first;
    if (child_read(c, bytes + 1, rest) < rest) {
        frame_list_drop(list);
        return READ_ALL;
    }
    list->stamp = next_stamp(c, clock);
    return planar_reader_take(reader, list) ? READ_FRAME : READ_REFUSED;
}

static bool decode(frame_list *list, const ffmpeg_input *input, const char *url,
                   const video_facts *facts, const char *pixels, planar_reader *reader) {
    child c;
    int error = start_ffmpeg(&c, list, input, url, facts, pixels);
    if (error != 0) {
        (void)child_end(&c, true);
        return video_refuse_missing(list, "ffmpeg", error);
    }
    frame_clock clock = {.first = NAN, .timed = input->pictures == NULL};
    read_end end = READ_FRAME;
    while (end == READ_FRAME) {
        end = read_frame(list, &c, reader, &clock);
    }
    bool ended_well = child_end(&c, end == READ_REFUSED);
    if (end == READ_REFUSED) {
        return false;
    }
    if (!ended_well || list->seen == 0 || (input->count > 0 && list->seen != input->count)) {
        return frame_list_fail(list, "ffmpeg ended after %zu frames: %s", list->seen,
                               video_last_words(c.last_error, url));
    }
    if (c.last_error[0] != '\0') {
        snprintf(list->damage, sizeof list->damage, "%s", video_last_words(c.last_error, url));
    }
    return true;
}

/* Only who takes some of the frames asks how many there are. */
static bool expect_frames(frame_list *list, const dp_frame *shape, const ffmpeg_input *input) {
    bool asks = input->count == 0 && list->taker.expect != NULL && !list->counted;
    return frame_list_expect(list, shape,
                             asks ? video_count_packets(list, input->path) : input->count);
}

bool ffmpeg_decode(frame_list *list, const ffmpeg_input *input, const video_facts *facts,
                   int32_t color) {
    planar_reader reader;
    video_pixels pixels = video_pixels_of(facts->pixels);
    dp_frame shape = describe_frames(list, facts, &pixels, color);
    if (input->pictures == NULL) {
        memcpy(list->rate, facts->rate, sizeof list->rate);
    }
    char *url = video_url(list, input->path);
    bool done = url != NULL && expect_frames(list, &shape, input) &&
                planar_reader_begin(&reader, list, &shape, pixels.rgb ? NULL : &pixels.layout);
    if (done) {
        done = decode(list, input, url, facts, pixels.name, &reader);
        planar_reader_end(&reader);
    }
    free(url);
    return done;
}

bool frames_read_ffmpeg(frame_list *list, const char *path, int32_t color) {
    video_facts facts;
    const ffmpeg_input input = {.path = path};
    return video_facts_read(&facts, list, path) && ffmpeg_decode(list, &input, &facts, color);
}
