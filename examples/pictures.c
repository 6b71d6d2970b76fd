/*
 * pictures.c - which pictures of a directory are the frames.
 */
#include "pictures.h"

static const char *const png_suffixes[] = {".png", NULL};
static const char *const jpeg_suffixes[] = {".jpg", ".jpeg", NULL};

bool frames_read_pictures(frame_list *list, const char *directory, int32_t color) {
    file_names names;
    bool done = file_names_list(&names, list, directory, png_suffixes);
    if (done && names.count > 0) {
        done = frames_read_png(list, directory, &names);
    } else if (done) {
        file_names_free(&names);
        done = file_names_list(&names, list, directory, jpeg_suffixes);
        if (done && names.count == 0) {
            done = frame_list_fail(list, "holds no .png files, and no .jpg files");
        } else if (done) {
            done = frames_read_jpeg(list, directory, &names, color);
        }
    }
    file_names_free(&names);
    return done;
}
