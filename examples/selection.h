/*
 * selection.h - which frames of an input stay in memory: those that a clip's views take.
 *
 * Where the number of frames is known, that are these only. Where it is not, all that may be taken
 * stay: every rate-th frame if a view is in the centre or at the beginning, and else all of them.
 */
#ifndef SELECTION_H
#define SELECTION_H

#include "frames.h"

typedef struct selection {
    const dp_model *model;
    dp_clip clip; /* how it is sampled */
    int32_t view_frames, rate;
    bool wraps;     /* past the end, frames of any number are taken */
    size_t *wanted; /* sorted; NULL: the number of frames is not known */
    size_t count, next;
} selection;

/* `clip` has all but its frames, and nothing is left to the model. */
void selection_init(selection *s, const dp_model *model, const dp_clip *clip);
void selection_free(selection *s);

frame_taker selection_taker(selection *s);

#endif /* SELECTION_H */
