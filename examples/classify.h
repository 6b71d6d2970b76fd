/*
 * classify.h - all there is to print about one run of `dualpath classify`, and as JSON.
 */
#ifndef CLASSIFY_H
#define CLASSIFY_H

#include "cli.h"
#include "selection.h"

typedef struct report {
    const char *model_path, *input_path;
    const frame_list *frames;
    selection selected; /* which of them the views choose from */
    dp_frame *own;      /* of selection_fill() */
    dp_clip clip;
    double open_ms, read_ms;
    dp_result result;
    dp_prediction *top;
    int32_t top_count;
    size_t *indices;  /* for JSON: the frames of a view, one view at a time */
    int sheet_status; /* the answer is printed all the same */
    bool features;
} report;

/* Prints one object on one line. */
void json_report(const report *r, const engine *e);

#endif /* CLASSIFY_H */
