/*
 * heat.h - what the class tokens of the last clip attend to, as a map of patches for each image.
 */
#ifndef HEAT_H
#define HEAT_H

#include "cli.h"

typedef struct heat {
    float *maps[2]; /* of a dp_path: [images][side][side], the sum over heads, in each image
                       stretched from 0 for the lowest to 1 for the highest */
    int32_t side;
} heat;

/* Returns an exit status; what is wrong has been printed. heat_free() comes in any case. */
int heat_take(engine *e, heat *h);
void heat_free(heat *h);

#endif /* HEAT_H */
