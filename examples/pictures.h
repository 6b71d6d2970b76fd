/*
 * pictures.h - the readers of pictures in a directory.
 */
#ifndef PICTURES_H
#define PICTURES_H

#include "file_names.h"

/* PNG (frames_png.c), each of its own size. */
bool frames_read_png(frame_list *list, const char *directory, const file_names *names);
/* JPEG, by the ffmpeg in PATH (frames_jpeg.c), all of the size of the first. */
bool frames_read_jpeg(frame_list *list, const char *directory, const file_names *names,
                      int32_t color);

#endif /* PICTURES_H */
