/*
 * Selects the likeliest classes with a heap while it scans all classes, then empties it, the least
 * likely first.
 */
#include "vit/answer.h"

/* Whether class a comes before class b. */
static bool is_likelier(const float *logits, int32_t a, int32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

/* Sifts a class down from `place` in a heap of `count` whose root is the least likely. */
static void sink_class(const float *logits, dp_prediction *heap, int32_t count, int32_t place,
                       int32_t class_index) {
    for (int32_t child = 2 * place + 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && is_likelier(logits, heap[child].index, heap[child + 1].index)) {
            child++;
        }
        if (is_likelier(logits, heap[child].index, class_index)) {
            break;
        }
        heap[place].index = heap[child].index;
        place = child;
    }
    heap[place].index = class_index;
}

void dpi_select_top(const float *logits, int32_t classes, int32_t count, dp_prediction *top) {
    for (int32_t i = 0; i < count; i++) {
        top[i].index = i;
    }
    for (int32_t i = count / 2; i-- > 0;) {
        sink_class(logits, top, count, i, top[i].index);
    }
    for (int32_t i = count; i < classes; i++) {
        if (is_likelier(logits, i, top[0].index)) {
            sink_class(logits, top, count, 0, i);
        }
    }
    for (int32_t i = count; i-- > 1;) {
        int32_t last = top[i].index;
        top[i].index = top[0].index;
        sink_class(logits, top, i, 0, last);
    }
}
