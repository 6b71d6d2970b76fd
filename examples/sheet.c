/*
 * sheet.c - draws the frames of both paths beside each other and the likeliest classes below, as
 * `dualpath classify --sheet` writes them; with `--attention`, what the model attends to glows.
 */
#include "sheet.h"

#include "canvas.h"
#include "output.h"

#include <stdlib.h>

#define MARGIN 16
#define GAP 4
#define COLUMNS 4       /* of spatial frames */
#define MAX_SPATIAL 32  /* are drawn */
#define MAX_FRAMESETS 4 /* the same */
#define MAX_BARS 10
#define TEXT 2 /* scale of all text */
#define LINE (FONT_HEIGHT * TEXT + 8)
#define MIN_WIDTH 560

static const rgb background = {18, 20, 24}, ink = {232, 234, 237}, faint = {140, 146, 155},
                 bar = {74, 144, 217}, rest = {42, 46, 54};

/* Pixels of the model are shown as squares of `up`, or the mean of `down` x `down`. */
typedef struct zoom {
    int32_t up, down;
} zoom;

/* Where things stand, in pixels. */
typedef struct layout {
    int32_t input;             /* R */
    int32_t frames, framesets; /* that are drawn */
    zoom frame_zoom, frameset_zoom;
    int32_t frame, frameset;    /* their sides */
    int32_t temporal_x, bars_y; /* where the framesets and the bars begin */
    int32_t width, height;
    int32_t label_width;
} layout;

static zoom zoom_to(int32_t input, int32_t side) {
    return input >= side ? (zoom){1, (input + side - 1) / side} : (zoom){side / input, 1};
}

static int32_t zoomed(int32_t input, zoom z) {
    return input * z.up / z.down;
}

static int32_t smaller(int32_t a, int32_t b) {
    return a < b ? a : b;
}

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

static const char *label_of(const dp_prediction *p, char unnamed[32]) {
    (void)snprintf(unnamed, 32, "class %d", (int)p->index);
    return p->label[0] != '\0' ? p->label : unnamed;
}

static int32_t widest_label(const dp_prediction *top, int32_t count) {
    int32_t width = 0;
    for (int32_t i = 0; i < count; i++) {
        char unnamed[32];
        width = larger(width, canvas_text_width(label_of(&top[i], unnamed), TEXT));
    }
    return width;
}

static layout plan(const dp_model_info *info, const dp_prediction *top, int32_t count) {
    layout l = {.input = info->input_size,
                .frames = smaller(info->spatial_frames, MAX_SPATIAL),
                .framesets = smaller(info->framesets, MAX_FRAMESETS)};
    l.frame_zoom = zoom_to(l.input, 128);
    l.frameset_zoom = zoom_to(l.input, 256);
    l.frame = zoomed(l.input, l.frame_zoom);
    l.frameset = zoomed(l.input, l.frameset_zoom);
    int32_t columns = smaller(l.frames, COLUMNS);
    int32_t rows = (l.frames + COLUMNS - 1) / COLUMNS;
    int32_t spatial = larger(columns * (l.frame + GAP), canvas_text_width("spatial path  ", TEXT));
    int32_t temporal =
        larger(l.framesets * (l.frameset + GAP), canvas_text_width("temporal path", TEXT));
    l.label_width = smaller(widest_label(top, count), 480);
    l.temporal_x = MARGIN + spatial + MARGIN;
    l.width = larger(l.temporal_x + temporal + MARGIN, MIN_WIDTH);
    l.width = larger(l.width, l.label_width + 320);
    l.bars_y = MARGIN + LINE + larger(rows * (l.frame + GAP), l.frameset) + MARGIN;
    l.height = l.bars_y + larger(count, 1) * LINE + MARGIN;
    return l;
}

/* ---- frames ---- */

static uint8_t to_byte(double value) {
    double scaled = value * 255 + 0.5;
    return scaled < 0 ? 0 : scaled > 255 ? 255 : (uint8_t)scaled;
}

/* The mean of the pixels that one of the sheet stands for, of a channel [R][R]. */
static double mean_of(const float *channel, int32_t input, zoom z, int32_t x, int32_t y) {
    double sum = 0;
    for (int32_t j = 0; j < z.down; j++) {
        for (int32_t i = 0; i < z.down; i++) {
            int32_t row = y / z.up * z.down + j;
            int32_t column = x / z.up * z.down + i;
            sum += (double)channel[row * input + column];
        }
    }
    return sum / (z.down * z.down);
}

/* How much of a pixel of the sheet glows, 0 .. 1: the patch's. A map may be NULL. */
static double heat_at(const float *map, int32_t side, int32_t picture, int32_t x, int32_t y) {
    return map == NULL ? 0.0
                       : (double)map[(ptrdiff_t)(y * side / picture) * side + x * side / picture];
}

/* Pixels without heat are darker and grey, so that the others stand out. */
static rgb glow(const uint8_t v[3], double amount) {
    static const double hot[3] = {255, 120, 20};
    double grey = 0.45 * (0.3 * v[0] + 0.59 * v[1] + 0.11 * v[2]);
    double mixed[3];
    for (int i = 0; i < 3; i++) {
        double lit = 0.55 * v[i] + 0.45 * hot[i];
        mixed[i] = grey + amount * (lit - grey);
    }
    return (rgb){(uint8_t)mixed[0], (uint8_t)mixed[1], (uint8_t)mixed[2]};
}

/* An image [3][R][R] as the model sees it, without its mean and deviation. Heat of `side` x `side`
 * patches may be NULL. */
static void draw_image(canvas *c, const dp_model_info *info, const float *image, zoom z,
                       const float *map, int32_t patches, int32_t left, int32_t top) {
    int32_t input = info->input_size;
    int32_t side = zoomed(input, z);
    for (int32_t y = 0; y < side; y++) {
        for (int32_t x = 0; x < side; x++) {
            uint8_t v[3];
            for (int32_t channel = 0; channel < 3; channel++) {
                const float *plane = image + (ptrdiff_t)channel * input * input;
                v[channel] = to_byte(mean_of(plane, input, z, x, y) * (double)info->std[channel] +
                                     (double)info->mean[channel]);
            }
            rgb color = {v[0], v[1], v[2]};
            canvas_fill(c, left + x, top + y, 1, 1,
                        map == NULL ? color : glow(v, heat_at(map, patches, side, x, y)));
        }
    }
}

/* That of image i of a path. */
static const float *map_of(const heat *h, int32_t path, int32_t i) {
    return h == NULL ? NULL : h->maps[path] + (ptrdiff_t)i * h->side * h->side;
}

static void draw_paths(canvas *c, const layout *l, const dp_model_info *info, const float *spatial,
                       const float *temporal, const heat *h) {
    ptrdiff_t image = (ptrdiff_t)3 * l->input * l->input;
    int32_t patches = h == NULL ? 0 : h->side;
    int32_t top = MARGIN + LINE;
    if (l->framesets > 0) {
        canvas_text(c, MARGIN, MARGIN, TEXT, faint, "spatial path");
        canvas_text(c, l->temporal_x, MARGIN, TEXT, faint, "temporal path");
    } else {
        canvas_text(c, MARGIN, MARGIN, TEXT, faint, "frames");
    }
    for (int32_t i = 0; i < l->frames; i++) {
        draw_image(c, info, spatial + i * image, l->frame_zoom, map_of(h, DP_PATH_SPATIAL, i),
                   patches, MARGIN + i % COLUMNS * (l->frame + GAP),
                   top + i / COLUMNS * (l->frame + GAP));
    }
    for (int32_t i = 0; i < l->framesets; i++) {
        draw_image(c, info, temporal + i * image, l->frameset_zoom, map_of(h, DP_PATH_TEMPORAL, i),
                   patches, l->temporal_x + i * (l->frameset + GAP), top);
    }
}

/* ---- the answer ---- */

static void draw_bar(canvas *c, const layout *l, const dp_prediction *p, int32_t y, bool first) {
    char unnamed[32];
    char percent[32];
    int32_t left = MARGIN + l->label_width + MARGIN;
    int32_t room = l->width - left - MARGIN - canvas_text_width("100.0 %", TEXT) - GAP;
    int32_t length = (int32_t)((double)room * (double)p->probability + 0.5);
    rgb color = first ? ink : faint;
    (void)snprintf(percent, sizeof percent, "%5.1f %%", 100 * (double)p->probability);
    canvas_text(c, MARGIN, y, TEXT, color, label_of(p, unnamed));
    canvas_fill(c, left - GAP, y - 4, l->width, LINE, background); /* a label may be too long */
    canvas_fill(c, left, y, room, FONT_HEIGHT * TEXT, rest);
    canvas_fill(c, left, y, length, FONT_HEIGHT * TEXT, bar);
    canvas_text(c, left + room + GAP, y, TEXT, color, percent);
}

static void draw_answer(canvas *c, const layout *l, const dp_prediction *top, int32_t count) {
    if (count == 0) {
        canvas_text(c, MARGIN, l->bars_y, TEXT, ink, "features only: no classes");
    }
    for (int32_t i = 0; i < count; i++) {
        draw_bar(c, l, &top[i], l->bars_y + i * LINE, i == 0);
    }
}

static int write_png(const canvas *c, const char *subject, const char *path) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool done = canvas_encode_png(c, &bytes, &size);
    if (!done) {
        complain(subject, "out of memory");
    }
    done = done && output_write(subject, path, bytes, size);
    free(bytes);
    return done ? STATUS_OK : STATUS_ERROR;
}

int sheet_write(engine *e, const dp_clip *clip, const sheet *s, const char *path) {
    const float *spatial = NULL;
    const float *temporal = NULL;
    canvas c;
    int32_t view = s->heat != NULL ? clip->views - 1 : 0;
    int32_t crop = s->heat != NULL ? clip->crops - 1 : 0;
    int status = engine_check(
        e, dp_session_preprocess_view(e->session, clip, view, crop, &spatial, &temporal), path);
    if (status != STATUS_OK) {
        return status;
    }
    int32_t count = smaller(s->count, MAX_BARS);
    layout l = plan(&e->info, s->top, count);
    if (!canvas_make(&c, l.width, l.height, background)) {
        complain(s->subject, "out of memory");
        return STATUS_ERROR;
    }
    draw_paths(&c, &l, &e->info, spatial, temporal, s->heat);
    draw_answer(&c, &l, s->top, count);
    status = write_png(&c, s->subject, path);
    canvas_free(&c);
    return status;
}
