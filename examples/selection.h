/*
 * selection.h - which frames of an input stay in memory: those that a clip's views take.
 *
 * Where the number of frames is known, that are these only. Where it is not, all that may be taken
 * stay: every rate-th frame if a view is in the centre or at the beginning, and else all of them.
 * By time, those are expected by the rate that the input states; where they come at other times,
 * the input is read once more.
 */
#ifndef SELECTION_H
#define SELECTION_H

#include "by_time.h"
#include "frames.h"

typedef struct selection {
    const dp_model *model;
    dp_clip clip;        /* how it is sampled */
    const char *subject; /* of messages: the input */
    int32_t view_frames, rate;
    bool wraps;     /* past the end, frames of any number are taken */
    size_t *wanted; /* sorted; NULL: the number of frames is not known */
    size_t count, next;
    time_samples found, likely; /* by time: what the frames say, and what was expected of them */
} selection;

/* `clip` has all but its frames, and nothing is left to the model. `sample_fps` of 0: not by time.
 */
void selection_init(selection *s, const dp_model *model, const dp_clip *clip, double sample_fps,
                    const char *subject);
void selection_free(selection *s);

frame_taker selection_taker(selection *s);

/* Gives the clip the frames that were read, or by time those that were sampled: an array that the
 * caller frees, `*own`. False: no memory for it, which has been said. */
bool selection_fill(const selection *s, const frame_list *list, dp_clip *clip, dp_frame **own);
/* The number in the input of frame i of that clip. */
size_t selection_number(const selection *s, size_t i);

#endif /* SELECTION_H */
