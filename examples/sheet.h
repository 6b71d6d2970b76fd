/*
 * sheet.h - a contact sheet: what a model saw of a clip, and what it answered.
 */
#ifndef SHEET_H
#define SHEET_H

#include "cli.h"

/* The last answer of the session, likeliest first, and the first view and crop of the clip
 * as a PNG file. Returns an exit status; what is wrong has been printed. */
int sheet_write(engine *e, const dp_clip *clip, const dp_prediction *top, int32_t count,
                const char *path);

#endif /* SHEET_H */
