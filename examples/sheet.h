/*
 * sheet.h - a contact sheet: what a model saw of a clip, and what it answered.
 */
#ifndef SHEET_H
#define SHEET_H

#include "heat.h"

/* What is drawn beside the frames. */
typedef struct sheet {
    const dp_prediction *top; /* the last answer of the session, likeliest first */
    int32_t count;
    const heat *heat; /* laid over the frames, which are then those of the last view and crop of the
                         clip, instead of the first; or NULL */
    const char *subject; /* the option that asks for the sheet, for messages */
} sheet;

/* A PNG file. Returns an exit status; what is wrong has been printed. */
int sheet_write(engine *e, const dp_clip *clip, const sheet *s, const char *path);

#endif /* SHEET_H */
