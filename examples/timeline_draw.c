/*
 * timeline_draw.c - draws a timeline: pictures above, a row of colours for each of the classes that
 * are likely at some time, and an axis.
 */
#include "timeline_draw.h"

#include "canvas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN 16
#define GAP 4
#define TEXT 2
#define LINE (FONT_HEIGHT * TEXT + 10)
#define MAX_ROWS 12
#define MAP_WIDTH 1024 /* of the rows, at most twice as much */
#define MIN_PEAK 0.1F  /* of a class that gets a row */

static const rgb background = {18, 20, 24}, ink = {232, 234, 237}, faint = {140, 146, 155};

typedef struct layout {
    const timeline *t;
    int32_t rows, classes[MAX_ROWS]; /* the classes in the order of their rows */
    int32_t label_width, map_x, map_width;
    int32_t map_y, axis_y;
    int32_t width, height;
} layout;

/* ---- which classes ---- */

static float mean_of(const timeline *t, size_t column, int32_t class_index) {
    int count = t->counts[column];
    float sum = t->sums[column * (size_t)t->info.classes + (size_t)class_index];
    return count > 0 ? sum / (float)count : 0.0F;
}

static float peak_of(const timeline *t, int32_t class_index) {
    float peak = 0.0F;
    for (size_t i = 0; i < t->columns; i++) {
        peak = fmaxf(peak, mean_of(t, i, class_index));
    }
    return peak;
}

static bool is_chosen(const layout *l, int32_t class_index) {
    for (int32_t i = 0; i < l->rows; i++) {
        if (l->classes[i] == class_index) {
            return true;
        }
    }
    return false;
}

/* Those with the highest peaks. */
static void choose_classes(layout *l) {
    float peak = 1.0F;
    while (l->rows < MAX_ROWS && peak >= MIN_PEAK) {
        int32_t best = -1;
        peak = 0.0F;
        for (int32_t c = 0; c < l->t->info.classes; c++) {
            float own = is_chosen(l, c) ? -1.0F : peak_of(l->t, c);
            if (own > peak) {
                best = c;
                peak = own;
            }
        }
        if (best < 0 || (l->rows > 0 && peak < MIN_PEAK)) {
            break;
        }
        l->classes[l->rows++] = best;
    }
}

/* The first column in which a class has half of its peak. */
static size_t first_column(const timeline *t, int32_t class_index) {
    float half = peak_of(t, class_index) / 2.0F;
    size_t column = 0;
    while (column + 1 < t->columns && mean_of(t, column, class_index) < half) {
        column++;
    }
    return column;
}

/* By when they are first likely, so that what happens runs down the picture. */
static void sort_classes(layout *l) {
    for (int32_t i = 1; i < l->rows; i++) {
        int32_t moved = l->classes[i], place = i;
        for (; place > 0 && first_column(l->t, l->classes[place - 1]) > first_column(l->t, moved);
             place--) {
            l->classes[place] = l->classes[place - 1];
        }
        l->classes[place] = moved;
    }
}

static const char *label_of(const timeline *t, int32_t class_index, char unnamed[32]) {
    const char *label = dp_model_label(t->model, class_index);
    (void)snprintf(unnamed, 32, "class %d", (int)class_index);
    return label[0] != '\0' ? label : unnamed;
}

static layout plan(const timeline *t) {
    layout l = {.t = t};
    choose_classes(&l);
    sort_classes(&l);
    for (int32_t i = 0; i < l.rows; i++) {
        char unnamed[32];
        int32_t width = canvas_text_width(label_of(t, l.classes[i], unnamed), TEXT);
        l.label_width = width > l.label_width ? width : l.label_width;
    }
    l.label_width = l.label_width < 360 ? l.label_width : 360;
    int32_t column = t->columns > 0 ? (int32_t)(MAP_WIDTH / t->columns) : 1;
    l.map_width = t->columns > MAP_WIDTH / 2 ? MAP_WIDTH : (int32_t)t->columns * column;
    l.map_width = l.map_width > 0 ? l.map_width : MAP_WIDTH;
    l.map_x = MARGIN + l.label_width + MARGIN;
    l.map_y = MARGIN + (t->pictures > 0 ? TIMELINE_THUMBNAIL + GAP : 0);
    l.axis_y = l.map_y + (l.rows > 0 ? l.rows : 1) * LINE;
    l.width = l.map_x + l.map_width + MARGIN;
    l.height = l.axis_y + 2 * LINE + MARGIN;
    return l;
}

/* ---- time ---- */

/* The time of the left end of the map, and how long it is: columns lie around middles. */
static double map_start(const timeline *t) {
    return t->first_middle - t->column_seconds / 2;
}

static double map_seconds(const timeline *t) {
    double seconds = t->column_seconds * (double)t->columns;
    return seconds > 0 ? seconds : fmax(t->end - t->start, 1e-3);
}

static int32_t x_of(const layout *l, double time) {
    double part = (time - map_start(l->t)) / map_seconds(l->t);
    return l->map_x + (int32_t)lround(part * l->map_width);
}

/* "1:02:03", "2:03", "3.5 s" */
static void print_time(char text[32], double time, double step) {
    long whole = lround(time);
    if (step < 1) {
        (void)snprintf(text, 32, "%.1f s", time);
    } else if (whole >= 3600) {
        (void)snprintf(text, 32, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    } else {
        (void)snprintf(text, 32, "%ld:%02ld", whole / 60, whole % 60);
    }
}

/* Seconds between ticks, so that their texts do not touch. */
static double tick_step(const layout *l) {
    static const double steps[] = {0.1, 0.2, 0.5, 1,   2,    5,    10,   15,    30,    60,
                                   120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400};
    double pixels_a_second = l->map_width / map_seconds(l->t);
    size_t i = 0;
    while (i + 1 < sizeof steps / sizeof steps[0] && steps[i] * pixels_a_second < 110) {
        i++;
    }
    return steps[i];
}

static void draw_axis(canvas *c, const layout *l) {
    double step = tick_step(l), start = map_start(l->t), end = start + map_seconds(l->t);
    canvas_fill(c, l->map_x, l->axis_y, l->map_width, 1, faint);
    long first = lround(ceil(start / step)), last = lround(floor(end / step));
    for (long i = first; i <= last; i++) {
        double tick = (double)i * step;
        char text[32];
        int32_t x = x_of(l, tick);
        print_time(text, tick, step);
        canvas_fill(c, x, l->axis_y, 1, 6, faint);
        int32_t half = canvas_text_width(text, TEXT) / 2;
        int32_t left = x - half > l->map_x - MARGIN ? x - half : l->map_x - MARGIN;
        if (left + 2 * half <= l->width - 2) {
            canvas_text(c, left, l->axis_y + 10, TEXT, faint, text);
        }
    }
}

/* ---- the map ---- */

/* From nearly black over blue and green to yellow. */
static rgb color_of(float probability) {
    static const rgb stops[] = {
        {30, 33, 40}, {38, 70, 130}, {32, 128, 141}, {74, 187, 109}, {250, 229, 60}};
    float place = fminf(fmaxf(probability, 0.0F), 1.0F) * 4.0F;
    int stop = place >= 4.0F ? 3 : (int)place;
    float part = place - (float)stop;
    const rgb *a = &stops[stop], *b = &stops[stop + 1];
    return (rgb){(uint8_t)((float)a->r + part * (float)(b->r - a->r)),
                 (uint8_t)((float)a->g + part * (float)(b->g - a->g)),
                 (uint8_t)((float)a->b + part * (float)(b->b - a->b))};
}

/* A column without a window, between two that are far apart, has the value of the one before. */
static void draw_row(canvas *c, const layout *l, int32_t row) {
    const timeline *t = l->t;
    char unnamed[32];
    int32_t y = l->map_y + row * LINE;
    float value = 0.0F;
    canvas_text(c, MARGIN, y + 4, TEXT, ink, label_of(t, l->classes[row], unnamed));
    canvas_fill(c, l->map_x - GAP, y, l->width, LINE, background); /* a label may be too long */
    for (size_t i = 0; i < t->columns; i++) {
        int32_t left = (int32_t)((size_t)l->map_width * i / t->columns);
        int32_t right = (int32_t)((size_t)l->map_width * (i + 1) / t->columns);
        value = t->counts[i] > 0 ? mean_of(t, i, l->classes[row]) : value;
        canvas_fill(c, l->map_x + left, y, right - left, LINE - 2, color_of(value));
    }
}

static void draw_legend(canvas *c, const layout *l) {
    int32_t y = l->axis_y + LINE + 10;
    int32_t x = canvas_text(c, l->map_x, y, TEXT, faint, "0 ");
    for (int32_t i = 0; i < 128; i++) {
        canvas_fill(c, x + i, y, 1, FONT_HEIGHT * TEXT, color_of((float)i / 127.0F));
    }
    canvas_text(c, x + 128, y, TEXT, faint, " 100 %");
}

/* ---- pictures ---- */

static void draw_picture(canvas *c, const uint8_t *pixels, int32_t left, int32_t top) {
    for (int32_t y = 0; y < TIMELINE_THUMBNAIL; y++) {
        for (int32_t x = 0; x < TIMELINE_THUMBNAIL; x++) {
            const uint8_t *p = pixels + (ptrdiff_t)3 * (y * TIMELINE_THUMBNAIL + x);
            canvas_fill(c, left + x, top + y, 1, 1, (rgb){p[0], p[1], p[2]});
        }
    }
}

/* Those that do not lie over the one before. */
static void draw_pictures(canvas *c, const layout *l) {
    const timeline *t = l->t;
    int32_t end = l->map_x;
    for (size_t i = 0; i < t->pictures; i++) {
        int32_t x = x_of(l, t->picture_time[i]);
        x = x > l->map_x ? x : l->map_x;
        if (x >= end && x + TIMELINE_THUMBNAIL <= l->map_x + l->map_width) {
            draw_picture(c,
                         t->thumbnails + i * (size_t)(3 * TIMELINE_THUMBNAIL * TIMELINE_THUMBNAIL),
                         x, MARGIN);
            end = x + TIMELINE_THUMBNAIL + GAP;
        }
    }
}

int timeline_write(const timeline *t, output *file) {
    layout l = plan(t);
    canvas c;
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!canvas_make(&c, l.width, l.height, background)) {
        complain("--timeline", "out of memory");
        output_drop(file);
        return STATUS_ERROR;
    }
    for (int32_t row = 0; row < l.rows; row++) {
        draw_row(&c, &l, row);
    }
    if (l.rows == 0) {
        canvas_text(&c, l.map_x, l.map_y, TEXT, ink, "no windows");
    }
    draw_pictures(&c, &l);
    draw_axis(&c, &l);
    draw_legend(&c, &l);
    bool done = canvas_encode_png(&c, &bytes, &size);
    if (done) {
        (void)output_add(file, bytes, size);
        done = output_end(file);
    } else {
        complain("--timeline", "out of memory");
        output_drop(file);
    }
    free(bytes);
    canvas_free(&c);
    return done ? STATUS_OK : STATUS_ERROR;
}
