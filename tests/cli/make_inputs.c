/*
 * Writes the clips that tests/cli/cli_test.sh reads, each in every file format that can hold it, so
 * that the answers can be compared: `make_inputs DIRECTORY`.
 *
 * Three clips of odd size: `rgb`, `grey`, and `yuv`, whose chroma is the same in blocks of 4x2
 * pixels so that all subsamplings say the same; and `lying`, which is `rgb` before it is mirrored
 * and turned. It shares no code with the readers.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <png.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FRAMES = 20, WIDTH = 27, HEIGHT = 19, PIXELS = WIDTH * HEIGHT, MAX_ROW = 8 * WIDTH };

static const char *directory;

static void fail(const char *what) {
    fprintf(stderr, "make_inputs: %s: %s\n", what, strerror(errno));
    exit(1);
}

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
make_path(char path[1024], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int used = snprintf(path, 1024, "%s/", directory);
    vsnprintf(path + used, 1024 - (size_t)used, format, arguments);
    va_end(arguments);
}

static FILE *create(const char *name) {
    char path[1024];
    make_path(path, "%s", name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        fail(path);
    }
    return file;
}

static void finish(FILE *file) {
    if (ferror(file) || fclose(file) != 0) {
        fail("writing");
    }
}

/* ---- pixels: any function of the place will do that no swap of places leaves as it is ---- */

static uint8_t rgb_at(int t, int y, int x, int c) {
    return (uint8_t)(x * 7 + y * 11 + t * 13 + c * 71 + (x ^ y) * t);
}

/* Multiples of 17 are the values that 4-bit samples can say. */
static uint8_t grey_at(int t, int y, int x) {
    return (uint8_t)(17 * ((x / 3 + y * t + t * 5) % 16));
}

static uint8_t luma_at(int t, int y, int x) {
    return (uint8_t)(16 + (x * 5 + y * 9 + t * 17) % 220);
}

static uint8_t chroma_at(int t, int y, int x, int c) {
    return (uint8_t)(64 + (x / 4 * 53 + y / 2 * 31 + t * 9 + c * 47) % 128);
}

/* ---- NumPy and raw ---- */

static void write_rgb(FILE *file) {
    for (int i = 0; i < FRAMES * PIXELS; i++) {
        for (int c = 0; c < 3; c++) {
            putc(rgb_at(i / PIXELS, i % PIXELS / WIDTH, i % WIDTH, c), file);
        }
    }
}

static void write_rgb_raw(void) {
    FILE *file = create("rgb.rgb");
    write_rgb(file);
    finish(file);
}

/* What --mirror --rotate 90 makes upright. */
static void write_lying_raw(void) {
    FILE *file = create("lying.rgb");
    for (int i = 0; i < FRAMES * PIXELS; i++) {
        for (int c = 0; c < 3; c++) {
            int y = HEIGHT - 1 - i % HEIGHT, x = WIDTH - 1 - i % PIXELS / HEIGHT;
            putc(rgb_at(i / PIXELS, y, x, c), file);
        }
    }
    finish(file);
}

static void write_npy(const char *name, int version, const char *shape_format) {
    char header[200];
    int length = snprintf(header, sizeof header, shape_format, FRAMES, HEIGHT, WIDTH);
    FILE *file = create(name);
    fprintf(file, "\x93NUMPY%c%c%c%c", version, 0, length, 0);
    if (version > 1) {
        fwrite("\0\0", 1, 2, file);
    }
    fputs(header, file);
    write_rgb(file);
    finish(file);
}

static void write_grey_raw(void) {
    FILE *file = create("grey.y");
    for (int i = 0; i < FRAMES * PIXELS; i++) {
        putc(grey_at(i / PIXELS, i % PIXELS / WIDTH, i % WIDTH), file);
    }
    finish(file);
}

/* ---- planes ---- */

/* A sample of `bits` bits, which is one of those that are rounded to this byte. */
static void put_deep(FILE *file, uint8_t byte, int bits, int place) {
    int step = 1 << (bits - 8), value = byte * step + (bits > 8 ? place % step - step / 2 : 0);
    value = value < 0 ? 0 : value;
    putc(value & 255, file);
    if (bits > 8) {
        putc(value >> 8, file);
    }
}

static void write_luma(FILE *file, int t, int bits, bool grey) {
    for (int i = 0; i < PIXELS; i++) {
        int y = i / WIDTH, x = i % WIDTH;
        put_deep(file, grey ? grey_at(t, y, x) : luma_at(t, y, x), bits, i);
    }
}

/* One chroma plane of which a sample serves `columns` x `rows` pixels; neutral for grey. */
static void write_chroma(FILE *file, int t, int c, int columns, int rows, int bits, bool grey) {
    for (int y = 0; y < HEIGHT; y += rows) {
        for (int x = 0; x < WIDTH; x += columns) {
            put_deep(file, grey ? 128 : chroma_at(t, y, x, c), bits, x + y);
        }
    }
}

static void write_deep_y4m(const char *name, const char *parameters, int columns, int rows,
                           int bits, bool grey) {
    FILE *file = create(name);
    fprintf(file, "YUV4MPEG2 W%d H%d F25:1 %s\n", WIDTH, HEIGHT, parameters);
    for (int t = 0; t < FRAMES; t++) {
        fputs(t % 2 == 0 ? "FRAME\n" : "FRAME Ip\n", file);
        write_luma(file, t, bits, grey);
        for (int c = 0; c < 2 && columns > 0; c++) {
            write_chroma(file, t, c, columns, rows, bits, grey);
        }
    }
    finish(file);
}

static void write_y4m(const char *name, const char *parameters, int columns, int rows, bool grey) {
    write_deep_y4m(name, parameters, columns, rows, 8, grey);
}

static void write_i420_and_nv12(void) {
    FILE *i420 = create("yuv.i420"), *nv12 = create("yuv.nv12");
    for (int t = 0; t < FRAMES; t++) {
        write_luma(i420, t, 8, false);
        write_luma(nv12, t, 8, false);
        write_chroma(i420, t, 0, 2, 2, 8, false);
        write_chroma(i420, t, 1, 2, 2, 8, false);
        for (int y = 0; y < HEIGHT; y += 2) {
            for (int x = 0; x < WIDTH; x += 2) {
                putc(chroma_at(t, y, x, 0), nv12);
                putc(chroma_at(t, y, x, 1), nv12);
            }
        }
    }
    finish(i420);
    finish(nv12);
}

/* ---- PNG ---- */

typedef struct png_kind {
    const char *folder;
    int type, depth, interlace;
    bool grey, transparent; /* transparent: one colour or entry, or by an alpha channel */
} png_kind;

static const png_kind png_kinds[] = {
    {"png-rgb8", PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, false, false},
    {"png-rgb8-adam7", PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_ADAM7, false, false},
    {"png-rgb16", PNG_COLOR_TYPE_RGB, 16, PNG_INTERLACE_NONE, false, false},
    {"png-rgba8", PNG_COLOR_TYPE_RGB_ALPHA, 8, PNG_INTERLACE_NONE, false, true},
    {"png-rgba16", PNG_COLOR_TYPE_RGB_ALPHA, 16, PNG_INTERLACE_ADAM7, false, true},
    {"png-grey4", PNG_COLOR_TYPE_GRAY, 4, PNG_INTERLACE_NONE, true, true},
    {"png-grey8", PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_NONE, true, false},
    {"png-grey16", PNG_COLOR_TYPE_GRAY, 16, PNG_INTERLACE_NONE, true, false},
    {"png-grey-alpha8", PNG_COLOR_TYPE_GRAY_ALPHA, 8, PNG_INTERLACE_ADAM7, true, true},
    {"png-palette4", PNG_COLOR_TYPE_PALETTE, 4, PNG_INTERLACE_NONE, true, true},
    {"png-palette8", PNG_COLOR_TYPE_PALETTE, 8, PNG_INTERLACE_NONE, true, false},
};

/* Appends a sample to a row: 16 bits as the byte twice, 4 bits packed, two pixels a byte. */
static void put_sample(uint8_t *row, size_t index, uint8_t value, int depth) {
    if (depth == 16) {
        row[2 * index] = row[2 * index + 1] = value;
    } else if (depth == 8) {
        row[index] = value;
    } else {
        row[index / 2] |= (uint8_t)(index % 2 == 0 ? value << 4 : value);
    }
}

static void make_row(const png_kind *kind, int t, int y, uint8_t row[MAX_ROW]) {
    bool alpha = (kind->type & PNG_COLOR_MASK_ALPHA) != 0;
    bool small = kind->depth == 4 || kind->type == PNG_COLOR_TYPE_PALETTE;
    size_t index = 0;
    memset(row, 0, MAX_ROW);
    for (int x = 0; x < WIDTH; x++) {
        for (int c = 0; c < (kind->grey ? 1 : 3); c++) {
            uint8_t value = kind->grey ? grey_at(t, y, x) : rgb_at(t, y, x, c);
            put_sample(row, index++, small ? value / 17 : value, kind->depth);
        }
        if (alpha) {
            put_sample(row, index++, (uint8_t)(x * 9), kind->depth);
        }
    }
}

static void set_palette(png_structp png, png_infop info, bool transparent) {
    png_color palette[16];
    png_byte alpha[16];
    for (int i = 0; i < 16; i++) {
        png_byte value = (png_byte)(17 * i);
        palette[i] = (png_color){value, value, value};
        alpha[i] = (png_byte)(255 - value);
    }
    png_set_PLTE(png, info, palette, 16);
    if (transparent) {
        png_set_tRNS(png, info, alpha, 16, NULL);
    }
}

static void write_png(const png_kind *kind, int t, FILE *file) {
    uint8_t rows[HEIGHT][MAX_ROW];
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, file);
    png_set_IHDR(png, info, WIDTH, HEIGHT, kind->depth, kind->type, kind->interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (kind->type == PNG_COLOR_TYPE_PALETTE) {
        set_palette(png, info, kind->transparent);
    } else if (kind->type == PNG_COLOR_TYPE_GRAY && kind->transparent) {
        png_set_tRNS(png, info, NULL, 0, &(png_color_16){.gray = 3});
    }
    png_write_info(png, info);
    png_bytep pointers[HEIGHT];
    for (int y = 0; y < HEIGHT; y++) {
        make_row(kind, t, y, rows[y]);
        pointers[y] = rows[y];
    }
    png_write_image(png, pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
}

/* The names make frame 10 come before frame 2 for who sorts by letters. */
static void write_png_folder(const png_kind *kind) {
    char path[1024];
    make_path(path, "%s", kind->folder);
    if (mkdir(path, 0777) != 0) {
        fail(path);
    }
    for (int t = 0; t < FRAMES; t++) {
        char name[64];
        snprintf(name, sizeof name, "%s/frame%d.%s", kind->folder, t + 1, t == 3 ? "PNG" : "png");
        FILE *file = create(name);
        write_png(kind, t, file);
        finish(file);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: make_inputs DIRECTORY\n");
        return 2;
    }
    directory = argv[1];
    const char *as_numpy = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d, %d, 3), }\n";
    const char *other_order = "{\"shape\":(%d,%d,%d,3),\"fortran_order\":False,\"descr\":\"|u1\"}";
    write_rgb_raw();
    write_npy("rgb.npy", 1, as_numpy);
    write_npy("rgb-2.npy", 2, as_numpy);
    write_npy("rgb-3.npy", 3, other_order);
    write_npy("rgb-little.npy", 1,
              "{'descr': '<u1', 'fortran_order': False, 'shape': (%d,%d,%d,3)}");
    write_npy("rgb-big.npy", 1, "{'descr': '>u1', 'fortran_order': False, 'shape': (%d,%d,%d,3)}");
    write_npy("rgb-python2.npy", 1,
              "{'descr': '|u1', 'fortran_order': False, 'shape': (%dL, %dL, %dL, 3L), }");
    write_lying_raw();
    write_grey_raw();
    write_y4m("grey.y4m", "Cmono XCOLORRANGE=FULL", 0, 0, true);
    write_y4m("grey-420.y4m", "C420jpeg XCOLORRANGE=FULL", 2, 2, true);
    write_y4m("grey-444.y4m", "C444 XCOLORRANGE=FULL", 1, 1, true);
    write_i420_and_nv12();
    write_y4m("yuv.y4m", "", 2, 2, false);
    write_y4m("yuv-420.y4m", "Ip A1:1 C420paldv XYSCSS=420 XCOLORRANGE=LIMITED", 2, 2, false);
    write_y4m("yuv-full.y4m", "C420 XCOLORRANGE=FULL", 2, 2, false);
    write_y4m("yuv-444.y4m", "C444", 1, 1, false);
    write_y4m("yuv-422.y4m", "C422", 2, 1, false);
    write_y4m("yuv-411.y4m", "C411", 4, 1, false);
    write_y4m("yuv-xyscss.y4m", "XYSCSS=444", 1, 1, false);
    write_y4m("yuv-c-first.y4m", "XYSCSS=420JPEG C444 XYSCSS=420JPEG", 1, 1, false);
    write_y4m("yuv-wide.y4m", "A3:2", 2, 2, false);
    write_y4m("yuv-no-aspect.y4m", "A0:0", 2, 2, false);
    write_y4m("yuv-interlaced.y4m", "It", 2, 2, false);
    write_deep_y4m("grey-10.y4m", "Cmono10 XCOLORRANGE=FULL", 0, 0, 10, true);
    write_deep_y4m("yuv-420p10.y4m", "C420p10 XYSCSS=420P10", 2, 2, 10, false);
    write_deep_y4m("yuv-420p16.y4m", "C420p16", 2, 2, 16, false);
    write_deep_y4m("yuv-422p12.y4m", "C422p12", 2, 1, 12, false);
    write_deep_y4m("yuv-444p10.y4m", "XYSCSS=444P10", 1, 1, 10, false);
    for (size_t i = 0; i < sizeof png_kinds / sizeof png_kinds[0]; i++) {
        write_png_folder(&png_kinds[i]);
    }
    return 0;
}
