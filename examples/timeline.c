/*
 * timeline.c - keeps classes over time in a fixed number of columns, and pictures at even
 * distances. When there is no place for more, neighbours are merged, and each column stands for
 * twice the time.
 */
#include "timeline.h"

#include "timeline_draw.h"

#include <stdlib.h>
#include <string.h>

timeline *timeline_create(const dp_model *model, const dp_model_info *info) {
    size_t classes = (size_t)info->classes;
    size_t thumbnail = (size_t)3 * TIMELINE_THUMBNAIL * TIMELINE_THUMBNAIL;
    timeline *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    t->model = model;
    t->info = *info;
    t->sums = calloc(TIMELINE_COLUMNS * classes + 1, sizeof *t->sums);
    t->thumbnails = calloc(TIMELINE_PICTURES, thumbnail);
    if (t->sums == NULL || t->thumbnails == NULL) {
        timeline_destroy(t);
        return NULL;
    }
    return t;
}

void timeline_destroy(timeline *t) {
    if (t != NULL) {
        free(t->sums);
        free(t->thumbnails);
        free(t);
    }
}

/* ---- columns ---- */

static float *sums_of(timeline *t, size_t column) {
    return t->sums + column * (size_t)t->info.classes;
}

/* Columns 2i and 2i + 1 become column i. */
static void merge_columns(timeline *t) {
    size_t classes = (size_t)t->info.classes;
    for (size_t i = 0; i < TIMELINE_COLUMNS / 2; i++) {
        float *to = sums_of(t, i);
        const float *a = sums_of(t, 2 * i), *b = sums_of(t, 2 * i + 1);
        for (size_t c = 0; c < classes; c++) {
            to[c] = a[c] + b[c];
        }
        t->counts[i] = t->counts[2 * i] + t->counts[2 * i + 1];
    }
    memset(sums_of(t, TIMELINE_COLUMNS / 2), 0, TIMELINE_COLUMNS / 2 * classes * sizeof *t->sums);
    memset(t->counts + TIMELINE_COLUMNS / 2, 0, sizeof t->counts / 2);
    t->column_seconds *= 2;
    t->columns = (t->columns + 1) / 2;
}

/* The first two windows tell how long a column is to begin with. */
static void begin_columns(timeline *t, double middle) {
    if (t->windows == 0) {
        t->first_middle = middle;
    } else if (t->column_seconds <= 0 && middle > t->first_middle) {
        t->column_seconds = middle - t->first_middle;
    }
}

static size_t column_of(timeline *t, double middle) {
    double column = 0;
    if (t->column_seconds > 0) {
        column = (middle - t->first_middle) / t->column_seconds + 0.5;
        while (column >= (double)TIMELINE_COLUMNS) {
            merge_columns(t);
            column = (middle - t->first_middle) / t->column_seconds + 0.5;
        }
    }
    return (size_t)column;
}

void timeline_add(timeline *t, double start, double end, const float *probabilities) {
    double middle = (start + end) / 2;
    begin_columns(t, middle);
    size_t column = column_of(t, middle);
    float *sums = sums_of(t, column);
    for (int32_t c = 0; c < t->info.classes; c++) {
        sums[c] += probabilities[c];
    }
    t->counts[column]++;
    t->columns = column + 1 > t->columns ? column + 1 : t->columns;
    t->start = t->windows == 0 ? start : t->start;
    t->end = end;
    t->windows++;
}

/* ---- pictures ---- */

bool timeline_wants_picture(const timeline *t, double time) {
    return t->pictures == 0 || time >= t->picture_time[t->pictures - 1] + t->picture_seconds;
}

/* Every other one stays. */
static void thin_pictures(timeline *t) {
    size_t bytes = (size_t)3 * TIMELINE_THUMBNAIL * TIMELINE_THUMBNAIL;
    for (size_t i = 0; i < TIMELINE_PICTURES / 2; i++) {
        t->picture_time[i] = t->picture_time[2 * i];
        memmove(t->thumbnails + i * bytes, t->thumbnails + 2 * i * bytes, bytes);
    }
    t->pictures = TIMELINE_PICTURES / 2;
    t->picture_seconds = t->picture_time[1] - t->picture_time[0];
}

/* The nearest pixel, without its mean and deviation. */
static void shrink_picture(const dp_model_info *info, const float *image, uint8_t *to) {
    int32_t side = info->input_size;
    for (int32_t y = 0; y < TIMELINE_THUMBNAIL; y++) {
        for (int32_t x = 0; x < TIMELINE_THUMBNAIL; x++) {
            ptrdiff_t at =
                (ptrdiff_t)(y * side / TIMELINE_THUMBNAIL) * side + x * side / TIMELINE_THUMBNAIL;
            for (ptrdiff_t c = 0; c < 3; c++) {
                double value = (double)image[c * side * side + at] * (double)info->std[c] +
                               (double)info->mean[c];
                double scaled = value * 255 + 0.5;
                *to++ = scaled < 0 ? 0 : scaled > 255 ? 255 : (uint8_t)scaled;
            }
        }
    }
}

void timeline_add_picture(timeline *t, double time, const float *image) {
    size_t bytes = (size_t)3 * TIMELINE_THUMBNAIL * TIMELINE_THUMBNAIL;
    if (t->pictures == TIMELINE_PICTURES) {
        thin_pictures(t);
        if (!timeline_wants_picture(t, time)) {
            return;
        }
    }
    shrink_picture(&t->info, image, t->thumbnails + t->pictures * bytes);
    t->picture_time[t->pictures++] = time;
}
