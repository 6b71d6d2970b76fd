/*
 * scene.c - a film of a drawn landscape under a moving camera, as Y4M on standard output: a clip
 * for `make demo` that needs no file.
 *
 *     scene pan-right | dualpath classify MODEL -
 *
 * The landscape is drawn once, from fractal noise: sky and clouds, mountains, hills, trees, a town.
 * Each frame is what the camera sees of it, with a little grain. The same on every machine.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 320
#define HEIGHT 240
#define FRAMES 64
#define WORLD_WIDTH 960
#define WORLD_HEIGHT 720

/* ---- noise ---- */

/* 0 .. 1 for a point of a grid. */
static double hash(int32_t x, int32_t y, uint32_t seed) {
    uint32_t h = (uint32_t)x * 0x9e3779b1u ^ (uint32_t)y * 0x85ebca77u ^ seed * 0xc2b2ae3du;
    h = (h ^ h >> 15) * 0x2c1b3c6du;
    h = (h ^ h >> 12) * 0x297a2d39u;
    return (double)(h ^ h >> 15) / 4294967296.0;
}

static double mix(double a, double b, double t) {
    return a + (b - a) * t;
}

static double smooth(double t) {
    return t * t * (3 - 2 * t);
}

static double noise(double x, double y, uint32_t seed) {
    double column = floor(x), row = floor(y);
    double u = smooth(x - column), v = smooth(y - row);
    int32_t i = (int32_t)column, j = (int32_t)row;
    return mix(mix(hash(i, j, seed), hash(i + 1, j, seed), u),
               mix(hash(i, j + 1, seed), hash(i + 1, j + 1, seed), u), v);
}

/* Octaves of noise, each of half the size and `decay` of the strength, around 0.5. */
static double fractal(double x, double y, int octaves, double decay, uint32_t seed) {
    double sum = 0, strength = 1, total = 0;
    for (int i = 0; i < octaves; i++) {
        sum += strength * noise(x, y, seed + (uint32_t)i);
        total += strength;
        strength *= decay;
        x *= 2;
        y *= 2;
    }
    return sum / total;
}

/* ---- the landscape: x and y in heights of the world, y downwards ---- */

typedef struct color {
    double r, g, b;
} color;

static color blend(color a, color b, double t) {
    return (color){mix(a.r, b.r, t), mix(a.g, b.g, t), mix(a.b, b.b, t)};
}

static color shade(color c, double light) {
    return (color){c.r * light, c.g * light, c.b * light};
}

static double between(double value, double low, double high) {
    double t = (value - low) / (high - low);
    return smooth(t < 0 ? 0 : t > 1 ? 1 : t);
}

static color draw_sky(double x, double y) {
    color sky = blend((color){0.25, 0.45, 0.80}, (color){0.85, 0.88, 0.90}, between(y, 0, 0.5));
    double sun = hypot(x - 1.05, y - 0.14);
    double cloud = fractal(3 * x, 7 * y, 6, 0.55, 11);
    color lit = shade((color){1, 0.98, 0.95}, 0.7 + 0.5 * fractal(6 * x, 12 * y, 4, 0.5, 29));
    sky = blend(sky, (color){1, 0.95, 0.75}, 0.9 * exp(-12 * sun));
    return blend(sky, lit, between(cloud, 0.5, 0.72));
}

/* The top of a chain of mountains or hills. */
static double ridge(double x, double height, double steepness, double detail, uint32_t seed) {
    return height - steepness * (fractal(detail * x, 0.5, 6, 0.5, seed) - 0.5);
}

static color draw_mountain(double x, double y, double top) {
    double rock = fractal(14 * x, 10 * (y - 0.6 * top), 6, 0.6, 47);
    color stone = shade((color){0.50, 0.52, 0.62}, 0.5 + rock);
    double snow = between(rock - 6 * (y - top), 0.25, 0.4);
    return blend(blend(stone, (color){0.95, 0.96, 1}, snow), (color){0.75, 0.8, 0.88}, 0.25);
}

static color draw_hill(double x, double y, double top) {
    double field = fractal(5 * x, 14 * y, 3, 0.5, 71);
    double grass = fractal(40 * x, 60 * y, 5, 0.65, 83);
    color green =
        blend((color){0.35, 0.50, 0.18}, (color){0.72, 0.66, 0.30}, between(field, 0.45, 0.6));
    return shade(green, (0.55 + 0.8 * grass) * mix(1.1, 0.75, between(y - top, 0, 0.25)));
}

static color draw_ground(double x, double y) {
    double depth = y - 0.66;
    double earth = fractal(30 * x, 20 + 60 * depth, 6, 0.7, 97);
    double path = fabs(x - 0.7 - 0.25 * sin(5 * depth)) / (0.02 + 0.25 * depth);
    color green = shade((color){0.28, 0.42, 0.15}, 0.4 + 1.1 * earth);
    color sand = shade((color){0.72, 0.62, 0.47}, 0.6 + 0.6 * earth);
    return blend(sand, green, between(path, 0.8, 1.15));
}

/* A house of a row of them: which one, and where in it. */
static bool draw_house(double x, double y, color *seen) {
    int32_t number = (int32_t)floor(x / 0.055);
    double across = x / 0.055 - number;
    double height = 0.05 + 0.10 * hash(number, 1, 5);
    double up = (0.665 - y) / height;
    if (number % 7 == 3 || up < 0 || up > 1 || across < 0.06 || across > 0.94) {
        return false;
    }
    color wall = {0.55 + 0.35 * hash(number, 2, 5), 0.45 + 0.3 * hash(number, 3, 5),
                  0.4 + 0.3 * hash(number, 4, 5)};
    double column = across * 5 - floor(across * 5), floors = up * height / 0.022;
    double row = floors - floor(floors);
    bool window = column > 0.3 && column < 0.75 && row > 0.3 && row < 0.8 && up < 0.85;
    double lit = hash((int32_t)(across * 5) + 7 * number, (int32_t)floors, 6);
    *seen = shade(wall, 0.8 + 0.4 * fractal(80 * x, 80 * y, 3, 0.5, 113));
    if (up > 0.88) {
        *seen = (color){0.45, 0.22, 0.18};
    } else if (window) {
        *seen = shade((color){0.35, 0.42, 0.5}, 0.5 + lit);
    }
    return true;
}

/* A tree of those that stand `apart` from each other, their feet at `ground`. */
static bool draw_tree(double x, double y, double apart, double ground, double size, uint32_t seed,
                      color *seen) {
    for (int32_t i = (int32_t)floor(x / apart) - 1; i <= (int32_t)floor(x / apart) + 1; i++) {
        double own = size * (0.6 + 0.7 * hash(i, 0, seed));
        double dx = (x - apart * (i + 0.2 + 0.6 * hash(i, 1, seed))) / own;
        double dy = (ground + 0.03 * hash(i, 2, seed) - y) / own;
        double edge = 0.35 * (fractal(9 * x / size, 9 * y / size, 4, 0.7, seed + 3) - 0.5);
        double crown = hypot(dx / 0.38, (dy - 0.65) / 0.42) + 2 * edge;
        if (crown < 1) {
            double leaf = fractal(22 * x / size, 22 * y / size, 4, 0.8, seed + 9);
            *seen = shade((color){0.22, 0.40, 0.12}, 0.25 + 1.2 * leaf + 0.35 * (dy - 0.5 - dx));
            return true;
        }
        if (fabs(dx) < 0.045 && dy > 0 && dy < 0.5) {
            *seen = shade((color){0.35, 0.25, 0.18}, 0.5 + noise(90 * x, 20 * y, seed));
            return true;
        }
    }
    return false;
}

static color draw_point(double x, double y) {
    color seen;
    double mountains = ridge(x, 0.42, 0.55, 2.2, 200);
    double hills = ridge(x, 0.60, 0.22, 1.6, 300);
    if (draw_tree(x, y, 0.31, 0.9, 0.34, 41, &seen) ||
        draw_tree(x, y, 0.09, 0.70, 0.1, 61, &seen) || draw_house(x, y, &seen)) {
        return seen;
    }
    if (y > 0.66) {
        return draw_ground(x, y);
    }
    if (y > hills) {
        return draw_hill(x, y, hills);
    }
    return y > mountains ? draw_mountain(x, y, mountains) : draw_sky(x, y);
}

static void draw_world(float *world) {
    for (size_t i = 0; i < (size_t)WORLD_WIDTH * WORLD_HEIGHT; i++) {
        size_t column = i % WORLD_WIDTH, row = i / WORLD_WIDTH;
        color c = draw_point((double)column / WORLD_HEIGHT, (double)row / WORLD_HEIGHT);
        world[3 * i] = (float)c.r;
        world[3 * i + 1] = (float)c.g;
        world[3 * i + 2] = (float)c.b;
    }
}

/* ---- the camera ---- */

/* Over the whole film: how far it goes to the right and down, in pictures, by how much the picture
 * grows, and by how many degrees the camera turns to the right. */
typedef struct motion {
    const char *name;
    double right, down, growth, turn;
    double shake; /* of a picture, to any side */
} motion;

static const motion motions[] = {
    {"static", 0, 0, 1, 0, 0},         {"pan-left", -0.9, 0, 1, 0, 0},
    {"pan-right", 0.9, 0, 1, 0, 0},    {"tilt-up", 0, -0.7, 1, 0, 0},
    {"tilt-down", 0, 0.7, 1, 0, 0},    {"zoom-in", 0, 0, 2.2, 0, 0},
    {"zoom-out", 0, 0, 1 / 2.2, 0, 0}, {"roll-cw", 0, 0, 1, 60, 0},
    {"roll-ccw", 0, 0, 1, -60, 0},     {"shake", 0, 0, 1, 0, 0.05},
};

/* One pixel of the world and those beside it, at a place between them; mirrored at the edges. */
static void look_at(const float *world, double x, double y, double seen[3]) {
    double limit_x = WORLD_WIDTH - 1, limit_y = WORLD_HEIGHT - 1;
    x = fabs(x) > limit_x ? fabs(2 * limit_x - fabs(x)) : fabs(x);
    y = fabs(y) > limit_y ? fabs(2 * limit_y - fabs(y)) : fabs(y);
    size_t column = (size_t)x, row = (size_t)y;
    size_t next_column = column + 1 < WORLD_WIDTH ? column + 1 : column;
    size_t next_row = row + 1 < WORLD_HEIGHT ? row + 1 : row;
    for (size_t c = 0; c < 3; c++) {
        const float *top = world + row * WORLD_WIDTH * 3 + c;
        const float *bottom = world + next_row * WORLD_WIDTH * 3 + c;
        double above =
            mix((double)top[3 * column], (double)top[3 * next_column], x - (double)column);
        double below =
            mix((double)bottom[3 * column], (double)bottom[3 * next_column], x - (double)column);
        seen[c] = mix(above, below, y - (double)row);
    }
}

/* Frame `index` as [HEIGHT][WIDTH][3], with two looks a pixel each way. */
static void film_frame(const float *world, const motion *m, int32_t index, double *frame) {
    double t = (double)index / (FRAMES - 1) - 0.5;
    double scale = 1.3 * pow(m->growth, -t);
    double angle = m->turn * t * 3.14159265358979 / 180;
    double x = WORLD_WIDTH / 2.0 +
               WIDTH * 1.3 * (m->right * t + m->shake * 2 * (hash(index, 0, 77) - 0.5));
    double y = WORLD_HEIGHT / 2.0 +
               HEIGHT * 1.3 * (m->down * t + m->shake * 2 * (hash(index, 1, 77) - 0.5));
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++) {
        size_t column = i % WIDTH, row = i / WIDTH;
        double sum[3] = {0, 0, 0};
        for (int look = 0; look < 4; look++) {
            double u = scale * ((double)column + 0.25 + 0.5 * (look & 1) - WIDTH / 2.0);
            double v = scale * ((double)row + (look < 2 ? 0.25 : 0.75) - HEIGHT / 2.0);
            double seen[3];
            look_at(world, x + u * cos(angle) - v * sin(angle), y + u * sin(angle) + v * cos(angle),
                    seen);
            for (size_t c = 0; c < 3; c++) {
                sum[c] += seen[c] / 4;
            }
        }
        double grain = 0.03 * (hash((int32_t)i, index, 99) - 0.5);
        for (size_t c = 0; c < 3; c++) {
            frame[3 * i + c] = sum[c] + grain;
        }
    }
}

/* ---- Y4M ---- */

static uint8_t to_byte(double value) {
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)lround(value);
}

/* BT.601, limited range; of values that are out of range, what is left. */
static void put_frame(const double *frame) {
    static uint8_t luma[HEIGHT * WIDTH], chroma[2][HEIGHT / 2 * (WIDTH / 2)];
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++) {
        const double *p = frame + 3 * i;
        luma[i] = to_byte(16 + 65.481 * p[0] + 128.553 * p[1] + 24.966 * p[2]);
    }
    const size_t columns = WIDTH / 2, next = (size_t)3 * WIDTH; /* next: the row below */
    for (size_t i = 0; i < columns * (HEIGHT / 2); i++) {
        const double *p = frame + i / columns * 2 * next + i % columns * 6;
        double mean[3];
        for (size_t c = 0; c < 3; c++) {
            mean[c] = (p[c] + p[3 + c] + p[next + c] + p[next + 3 + c]) / 4;
        }
        chroma[0][i] = to_byte(128 - 37.797 * mean[0] - 74.203 * mean[1] + 112 * mean[2]);
        chroma[1][i] = to_byte(128 + 112 * mean[0] - 93.786 * mean[1] - 18.214 * mean[2]);
    }
    fputs("FRAME\n", stdout);
    fwrite(luma, 1, sizeof luma, stdout);
    fwrite(chroma, 1, sizeof chroma, stdout);
}

static int film(const motion *m) {
    float *world = malloc((size_t)WORLD_WIDTH * WORLD_HEIGHT * 3 * sizeof *world);
    double *frame = malloc((size_t)WIDTH * HEIGHT * 3 * sizeof *frame);
    bool good = world != NULL && frame != NULL;
    if (good) {
        draw_world(world);
        printf("YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C420jpeg\n", WIDTH, HEIGHT);
        for (int32_t i = 0; i < FRAMES; i++) {
            film_frame(world, m, i, frame);
            put_frame(frame);
        }
        good = fflush(stdout) == 0 && ferror(stdout) == 0;
    }
    free(world);
    free(frame);
    if (!good) {
        fputs("scene: cannot write, or out of memory\n", stderr);
    }
    return good ? 0 : 1;
}

int main(int count, char **arguments) {
    const char *name = count > 1 ? arguments[1] : "pan-right";
    for (size_t i = 0; i < sizeof motions / sizeof motions[0]; i++) {
        if (strcmp(motions[i].name, name) == 0) {
            return film(&motions[i]);
        }
    }
    fprintf(stderr, "Usage: scene [MOTION] >CLIP.y4m, with one of");
    for (size_t i = 0; i < sizeof motions / sizeof motions[0]; i++) {
        fprintf(stderr, " %s", motions[i].name);
    }
    fputc('\n', stderr);
    return 2;
}
