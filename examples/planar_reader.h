/*
 * planar_reader.h - frames of planes Y, Cb, Cr, one after the other, into a list.
 */
#ifndef PLANAR_READER_H
#define PLANAR_READER_H

#include "frames.h"
#include "frames_planes.h"

typedef struct planar_reader {
    dp_frame shape;
    plane_layout layout;
    uint64_t bytes;  /* of a frame, as they come */
    uint8_t *planes; /* where they go; NULL: they are those of the list's frame */
} planar_reader;

/* For frames that become `shape`, with these planes; NULL: as `shape` says. */
bool planar_reader_begin(planar_reader *reader, frame_list *list, const dp_frame *shape,
                         const plane_layout *layout);
void planar_reader_end(planar_reader *reader);

/* Appends a frame, and returns where its `bytes` are to go; NULL: there is no room. */
uint8_t *planar_reader_next(planar_reader *reader, frame_list *list);
/* They are there. */
bool planar_reader_take(const planar_reader *reader, frame_list *list);

#endif /* PLANAR_READER_H */
