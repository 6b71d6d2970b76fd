/*
 * frames.h - the frames of a clip, read into memory from the files that people have.
 *
 * input_read() looks at what a path is and calls one reader. A reader appends frames to a list; on
 * failure it returns false and the list holds a sentence that says what was wrong. The readers
 * trust nothing they read and take any stdio stream, so that they can be fuzzed from memory.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include "dualpath.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__) && !defined(__clang__)
/* of the standard, which printf() of Windows is not */
#define PRINTF_LIKE(text, first) __attribute__((format(gnu_printf, text, first)))
#elif defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#else
#define PRINTF_LIKE(text, first)
#endif

typedef struct frame_list frame_list;

typedef enum frame_fate {
    FRAME_STAYS,  /* with its pixels */
    FRAME_STANDS, /* without: those of the frame before it stand there */
    FRAME_GOES,   /* it is not in the list */
    FRAME_ENDS    /* it is not, and reading ends as if it had failed */
} frame_fate;

/* Who takes the frames as they come. */
typedef struct frame_taker {
    void *user;
    /* There will be `list->expected` frames, if the input tells the truth; returns how many of them
     * stay. Not called where nobody knows. May be NULL. */
    size_t (*expect)(void *user, const frame_list *list);
    /* What becomes of the last frame of the list, which is the frame `list->seen`. NULL: it stays.
     */
    frame_fate (*take)(void *user, const frame_list *list);
    /* After the last frame: whether others should have stayed, so that the input has to be read
     * once more. May be NULL. */
    bool (*is_read_again)(void *user, const frame_list *list);
} frame_taker;

/* plane[0] of each frame begins a block of memory that belongs to the list; frames in a row that
 * share it have one block. */
struct frame_list {
    dp_frame *frames;
    double *seconds; /* when frames[i] is shown; NAN: the input does not say */
    size_t count, capacity;
    size_t seen;           /* whole frames that were read, also those that are not in the list */
    size_t expected;       /* how many there are to be; 0: nobody knows */
    bool counted;          /* they were counted by reading the input once before */
    double stamp;          /* when the next frame is shown; NAN: by the rate, if that is known */
    uint64_t bytes;        /* taken by all frames */
    uint64_t max_bytes;    /* more than this is refused */
    bool (*stopped)(void); /* NULL, or whether reading is to end as if it had failed */
    frame_taker taker;
    const struct frame_options *given; /* what is said of all frames, or NULL */
    uint8_t *spare;                    /* a block of a frame that went, or NULL */
    uint64_t spare_bytes;
    char message[512];
    /* what a stream says of all its frames, and what was made of it */
    uint32_t rate[2];   /* frames a second, as a fraction; 0 and 0: unknown */
    int32_t color;      /* dp_color that chroma is read by; DP_COLOR_UNKNOWN: there is none */
    bool color_guessed; /* by the size of the frames */
    bool interlaced;
    bool cut_off;     /* it ended within a frame, which is not in the list */
    char damage[256]; /* what else was wrong with it, or "" */
};

#define COLOR_OF_FILE (-1)
#define ROTATION_OF_FILE (-1)

typedef struct frame_options {
    int32_t size[2]; /* width and height of raw frames; 0: not given */
    int32_t format;  /* dp_format of raw frames */
    int32_t
        color; /* dp_color, or COLOR_OF_FILE: what the file says, else by the size of the frames */
    int32_t rotation;  /* of dp_frame, or ROTATION_OF_FILE: what the file says, else 0 */
    int32_t mirrored;  /* of dp_frame; with 0 and ROTATION_OF_FILE what the file says */
    int32_t aspect[2]; /* of dp_frame; 0 and 0: what the file says, else square */
} frame_options;

/* ---- the list (frames.c) ---- */

void frame_list_init(frame_list *list, uint64_t max_bytes);
void frame_list_limit(frame_list *list,
                      uint64_t max_bytes); /* another limit, before it is filled */
void frame_list_free(frame_list *list);
/* Empties the list, to read an input once more that has `frames` frames. */
void frame_list_restart(frame_list *list, size_t frames);

/* Writes the sentence. `return frame_list_fail(list, "...", ...)` also returns false, which is a
 * macro so that compilers and analysers see it. */
void frame_list_say(frame_list *list, const char *format, ...) PRINTF_LIKE(2, 3);
#define frame_list_fail(...) (frame_list_say(__VA_ARGS__), false)

/* Before the first frame: there will be this many like `shape`. False if those that stay have no
 * room; NULL: they may have any size. */
bool frame_list_expect(frame_list *list, const dp_frame *shape, size_t frames);
/* The same for a file in which each of them takes `bytes`, up to its end; for a pipe nothing. */
bool frame_list_expect_file(frame_list *list, const dp_frame *shape, FILE *file, uint64_t bytes);

/* Appends a tightly packed frame of this size, format, colour, turn and aspect and returns its
 * first byte, to be filled by the caller. NULL when the size is out of range or there is no room.
 */
uint8_t *frame_list_add(frame_list *list, const dp_frame *shape);
/* The last frame is filled: whoever takes frames may have it. */
bool frame_list_take(frame_list *list);
/* After the last one: frames before the first that stayed get its pixels. */
void frame_list_close(frame_list *list);

/* Reads exactly `size` bytes of the frame that is being filled, the last one of the list. */
bool frame_list_fill(frame_list *list, FILE *file, uint8_t *bytes, uint64_t size);
/* Appends a tightly packed frame, fills it from the stream and takes it. */
bool frame_list_read(frame_list *list, FILE *file, const dp_frame *shape);
/* Counts bytes that a reader takes itself until it is done. */
bool frame_list_reserve(frame_list *list, uint64_t bytes);
/* Takes out the last frame, which was not taken. */
void frame_list_drop(frame_list *list);

/* True when a stream has no more bytes or cannot be read; frame_list_finish() then says which, and
 * refuses a list without frames. */
bool stream_ended(FILE *file);
bool frame_list_finish(frame_list *list, FILE *file);

/* ---- what is not said, or said too exactly (frame_facts.c) ---- */

/* Makes the colour of frames with chroma that of the stream: their own, or with COLOR_OF_FILE the
 * one that players take for their size. mpv takes BT.709 from 1280 columns or 577 rows on, SDL,
 * with which ffplay draws, from 577 rows on; both take BT.601 below. */
void frame_list_color(frame_list *list, dp_frame *shape, bool full_range);

/* Makes a stated ratio one of dp_frame, nearly the same: 0 and 0 where one of the numbers is 0. */
void limit_aspect(int32_t aspect[2]);

/* ---- the readers ---- */

/* Y4M (frames_y4m.c): 4:2:0 and grey as they are, 4:2:2, 4:4:4 and 4:1:1 as RGB, more than 8 bits
 * rounded to 8. The whole frames of one that is cut off. */
bool frames_read_y4m(frame_list *list, FILE *file, int32_t color);
/* A NumPy array of bytes [frames][height][width][3] (frames_npy.c). */
bool frames_read_npy(frame_list *list, FILE *file);
/* Frames without any header, one after the other (frames_raw.c). */
bool frames_read_raw(frame_list *list, FILE *file, const frame_options *options);
/* The pictures of a directory in the order of their names: PNG files, or else JPEG files
 * (pictures.c). */
bool frames_read_pictures(frame_list *list, const char *directory, int32_t color);
/* Any video, by the ffmpeg in PATH (frames_ffmpeg.c). */
bool frames_read_ffmpeg(frame_list *list, const char *path, int32_t color);

/* ---- what none of them reads but ffmpeg (foreign.c) ---- */

typedef struct foreign_kind {
    const char *what; /* NULL: unknown */
    bool may_be_video;
} foreign_kind;

/* By the first bytes of a stream, which are read. */
foreign_kind foreign_kind_of(FILE *file);

/* ---- the choice among them (input.c) ---- */

/* Reads a path, or standard input for "-". Returns an exit status of cli.h. */
int input_read(frame_list *list, const char *path, const frame_options *options);

#endif /* FRAMES_H */
