/*
 * windows.c - a window as a line of text, as a JSON object on one line, and as rows of CSV.
 */
#include "windows.h"

#include <string.h>

static double first_second(const dp_window *window) {
    return 1e-6 * (double)window->times_us[0];
}

static double last_second(const dp_window *window) {
    return 1e-6 * (double)window->times_us[window->frame_count - 1];
}

/* ---- for people ---- */

static void print_line(const window_writer *w, const dp_window *window) {
    if (w->timed) {
        printf("%8.2f .. %.2f s", first_second(window), last_second(window));
    } else {
        printf("%8lld .. %lld", (long long)window->frames[0],
               (long long)window->frames[window->frame_count - 1]);
    }
    for (int32_t i = 0; i < w->top_count; i++) {
        fputs(i == 0 ? "  " : ", ", stdout);
        print_label(stdout, &w->top[i]);
        printf(" %.2f %%", 100 * (double)w->top[i].probability);
    }
    putchar('\n');
}

/* ---- JSON ---- */

static void json_second(json *j, const char *key, bool timed, double second) {
    json_key(j, key);
    if (timed) {
        json_number(j, second);
    } else {
        json_null(j);
    }
}

static void print_json(const window_writer *w, const dp_window *window) {
    json j = {stdout, false};
    json_open(&j, '{');
    json_key(&j, "window");
    json_integer(&j, window->number);
    json_second(&j, "start", w->timed, first_second(window));
    json_second(&j, "end", w->timed, last_second(window));
    json_key(&j, "frames");
    json_open(&j, '[');
    for (int32_t i = 0; i < window->frame_count; i++) {
        json_integer(&j, window->frames[i]);
    }
    json_close(&j, ']');
    json_key(&j, "top");
    json_predictions(&j, w->top, w->top_count);
    json_key(&j, "logits");
    json_numbers(&j, window->logits, window->classes);
    if (window->classes == 0) {
        json_key(&j, "feature_temporal");
        json_numbers(&j, window->feature_temporal, window->feature_size);
        json_key(&j, "feature_spatial");
        json_numbers(&j, window->feature_spatial, window->feature_size);
    }
    json_close(&j, '}');
    putchar('\n');
}

/* ---- CSV ---- */

void windows_begin_csv(const window_writer *w) {
    static const char titles[] = "start,end,label,probability\r\n";
    (void)output_add(w->csv, titles, strlen(titles));
}

static bool add_text(const window_writer *w, const char *text) {
    return output_add(w->csv, text, strlen(text));
}

/* In quotes, in which a quote is written twice (RFC 4180). */
static bool add_label(const window_writer *w, const dp_prediction *p) {
    static const escape escapes[] = {{'"', "\"\""}, {'\0', NULL}};
    char unnamed[32];
    const char *text = p->label;
    if (text[0] == '\0') {
        snprintf(unnamed, sizeof unnamed, "class %d", p->index);
        text = unnamed;
    }
    return add_text(w, "\"") && output_add_line(w->csv, text, escapes) && add_text(w, "\"");
}

static bool add_row(const window_writer *w, const dp_window *window, const dp_prediction *p) {
    char seconds[64] = ",,", probability[32];
    if (w->timed) {
        snprintf(seconds, sizeof seconds, "%.9g,%.9g,", first_second(window), last_second(window));
    }
    snprintf(probability, sizeof probability, ",%.9g\r\n", (double)p->probability);
    return add_text(w, seconds) && add_label(w, p) && add_text(w, probability);
}

static bool add_rows(const window_writer *w, const dp_window *window) {
    bool done = true;
    for (int32_t i = 0; done && w->csv != NULL && i < w->top_count; i++) {
        done = add_row(w, window, &w->top[i]);
    }
    return done;
}

bool windows_write(const window_writer *w, const dp_window *window) {
    bool done = add_rows(w, window);
    if (w->print && w->json) {
        print_json(w, window);
    } else if (w->print) {
        print_line(w, window);
    }
    return fflush(stdout) == 0 && done;
}
