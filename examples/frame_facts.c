/*
 * frame_facts.c - what frames are where an input says nothing of it, or more than dp_frame can.
 */
#include "frames.h"

static int32_t color_of_size(int32_t width, int32_t height, bool full_range) {
    if (width >= 1280 || height > 576) {
        return full_range ? DP_COLOR_BT709_FULL : DP_COLOR_BT709_LIMITED;
    }
    return full_range ? DP_COLOR_BT601_FULL : DP_COLOR_BT601_LIMITED;
}

void frame_list_color(frame_list *list, dp_frame *shape, bool full_range) {
    list->color_guessed = shape->color == COLOR_OF_FILE;
    if (list->color_guessed) {
        shape->color = color_of_size(shape->width, shape->height, full_range);
    }
    list->color = shape->color;
}

void limit_aspect(int32_t aspect[2]) {
    if (aspect[0] == 0 || aspect[1] == 0) {
        aspect[0] = aspect[1] = 0;
    }
    while (aspect[0] > DP_MAX_ASPECT || aspect[1] > DP_MAX_ASPECT) {
        aspect[0] = aspect[0] / 2 + aspect[0] % 2;
        aspect[1] = aspect[1] / 2 + aspect[1] % 2;
    }
}
