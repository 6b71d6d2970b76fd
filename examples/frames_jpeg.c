/*
 * frames_jpeg.c - JPEG files of a directory, which one ffmpeg decodes all: their names go to it as
 * a script of its concat demuxer.
 */
#include "ffmpeg.h"
#include "pictures.h"

#include <stdlib.h>
#include <string.h>

typedef struct script {
    char *text;
    size_t size, capacity;
} script;

static bool append(script *s, const char *text, size_t size) {
    if (s->capacity - s->size <= size) {
        size_t capacity = 2 * s->capacity + size + 1024;
        char *grown = realloc(s->text, capacity);
        if (grown == NULL) {
            return false;
        }
        s->text = grown;
        s->capacity = capacity;
    }
    memcpy(s->text + s->size, text, size);
    s->size += size;
    s->text[s->size] = '\0';
    return true;
}

/* Within quotes only a quote is special. */
static bool append_quoted(script *s, const char *text) {
    bool done = true;
    for (; done && *text != '\0'; text++) {
        done = *text == '\'' ? append(s, "'\\''", 4) : append(s, text, 1);
    }
    return done;
}

static bool append_picture(script *s, const char *directory, const char *name) {
    return append(s, "file 'file:", 11) && append_quoted(s, directory) && append(s, "/", 1) &&
           append_quoted(s, name) && append(s, "'\n", 2);
}

static bool write_script(script *s, frame_list *list, const char *directory,
                         const file_names *names) {
    for (size_t i = 0; i < names->count; i++) {
        if (strpbrk(names->names[i], "\r\n") != NULL || strpbrk(directory, "\r\n") != NULL) {
            return frame_list_fail(list, "%.200s: a name with a line break", names->names[i]);
        }
        if (!append_picture(s, directory, names->names[i])) {
            return frame_list_fail(list, "out of memory");
        }
    }
    return true;
}

/* What all of them are is what the first one is. */
static bool read_facts(video_facts *facts, frame_list *list, const char *directory,
                       const char *name) {
    char reason[sizeof list->message];
    script path = {NULL, 0, 0};
    bool done = append(&path, directory, strlen(directory)) && append(&path, "/", 1) &&
                append(&path, name, strlen(name));
    if (!done) {
        frame_list_say(list, "out of memory");
    } else if (!video_facts_read(facts, list, path.text)) {
        memcpy(reason, list->message, sizeof reason);
        frame_list_say(list, "%.200s: %.300s", name, reason);
        done = false;
    }
    free(path.text);
    return done;
}

bool frames_read_jpeg(frame_list *list, const char *directory, const file_names *names,
                      int32_t color) {
    script s = {NULL, 0, 0};
    video_facts facts;
    bool done = write_script(&s, list, directory, names) &&
                read_facts(&facts, list, directory, names->names[0]);
    if (done) {
        const ffmpeg_input input = {.path = directory, .pictures = s.text, .count = names->count};
        done = ffmpeg_decode(list, &input, &facts, color);
    }
    free(s.text);
    return done;
}
