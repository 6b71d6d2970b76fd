/*
 * video_pixels.c - reads the names of ffmpeg's pixel formats.
 */
#include "video_pixels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pixels that share a chroma sample, as names say it. */
static const struct {
    const char *name;
    size_t columns, rows;
} subsamplings[] = {{"420", 2, 2}, {"422", 2, 1}, {"444", 1, 1},
                    {"411", 4, 1}, {"410", 4, 4}, {"440", 1, 2}};

/* Planes of the same samples, for formats that interleave them. */
static const char *const same_samples[][2] = {
    {"nv12", "yuv420p"},       {"nv21", "yuv420p"}, {"p010le", "yuv420p10le"},
    {"p010be", "yuv420p10le"}, {"nv16", "yuv422p"}, {"yuyv422", "yuv422p"},
    {"uyvy422", "yuv422p"},
};

/* "", "10le", "16be": 8 where there is no number; 0: something else. */
static unsigned depth_of(const char *text) {
    char *end = NULL;
    unsigned long bits = *text == '\0' ? 8 : strtoul(text, &end, 10);
    bool known = end == NULL || strcmp(end, "le") == 0 || strcmp(end, "be") == 0;
    return known && bits >= 8 && bits <= 16 ? (unsigned)bits : 0;
}

/* The low byte comes first. */
static void set_name(video_pixels *p, const char *stem) {
    if (p->layout.bits > 8) {
        snprintf(p->name, sizeof p->name, "%s%ule", stem, p->layout.bits);
    } else {
        snprintf(p->name, sizeof p->name, "%s", stem);
    }
}

/* yuv, yuvj and yuva, whose alpha is dropped. */
static bool read_planar(video_pixels *p, const char *name) {
    if (strncmp(name, "yuv", 3) != 0) {
        return false;
    }
    const char *at = name + 3;
    at += *at == 'a' ? 1 : 0;
    bool full = *at == 'j';
    at += full ? 1 : 0;
    for (size_t i = 0; i < sizeof subsamplings / sizeof subsamplings[0]; i++) {
        if (strncmp(at, subsamplings[i].name, 3) == 0 && at[3] == 'p') {
            char stem[16];
            snprintf(stem, sizeof stem, "yuv%s%sp", full ? "j" : "", subsamplings[i].name);
            p->layout =
                (plane_layout){subsamplings[i].columns, subsamplings[i].rows, depth_of(at + 4)};
            set_name(p, stem);
            return p->layout.bits > 0;
        }
    }
    return false;
}

static bool read_gray(video_pixels *p, const char *name) {
    if (strncmp(name, "gray", 4) != 0) {
        return false;
    }
    p->layout = (plane_layout){0, 0, depth_of(name + 4)};
    set_name(p, "gray");
    return p->layout.bits > 0;
}

static bool is_rgb(const char *name) {
    static const char *const parts[] = {"rgb", "bgr", "gbr", "pal8", "mono", "bayer"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(name, parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

video_pixels video_pixels_of(const char *name) {
    video_pixels p = {.rgb = is_rgb(name)};
    if (p.rgb) {
        snprintf(p.name, sizeof p.name, "rgb24");
        return p;
    }
    for (size_t i = 0; i < sizeof same_samples / sizeof same_samples[0]; i++) {
        name = strcmp(name, same_samples[i][0]) == 0 ? same_samples[i][1] : name;
    }
    if (!read_planar(&p, name) && !read_gray(&p, name)) {
        (void)read_planar(&p, "yuv444p");
    }
    return p;
}
