/*
 * selection.c - asks the library which frames the views take, before they are read.
 */
#include "selection.h"

#include <stdlib.h>
#include <string.h>

void selection_init(selection *s, const dp_model *model, const dp_clip *clip) {
    dp_model_info info;
    dp_model_info_default(&info);
    (void)dp_model_get_info(model, &info);
    *s = (selection){.model = model, .clip = *clip, .view_frames = info.frames};
    s->rate = clip->rate > 0 ? clip->rate : info.sampling_rate;
    s->wraps = strcmp(info.past_end, "wrap") == 0;
}

void selection_free(selection *s) {
    free(s->wanted);
    s->wanted = NULL;
}

static int compare_indices(const void *left, const void *right) {
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    return (a > b) - (a < b);
}

static void sort_without_doubles(selection *s) {
    size_t kept = 0;
    qsort(s->wanted, s->count, sizeof *s->wanted, compare_indices);
    for (size_t i = 0; i < s->count; i++) {
        if (i == 0 || s->wanted[i] != s->wanted[kept - 1]) {
            s->wanted[kept++] = s->wanted[i];
        }
    }
    s->count = kept;
}

/* Fills `wanted`. */
static bool sample_views(selection *s) {
    size_t each = (size_t)s->view_frames;
    for (int32_t view = 0; view < s->clip.views; view++) {
        size_t *indices = s->wanted + (size_t)view * each;
        if (dp_model_sample_view(s->model, &s->clip, view, s->view_frames, indices) != DP_OK) {
            return false;
        }
    }
    return true;
}

/* Without the memory for it, or where the library will refuse the clip, as if nobody knew. */
static size_t expect(void *user, size_t frames) {
    selection *s = user;
    selection_free(s);
    s->next = 0;
    s->clip.frame_count = frames;
    s->count = (size_t)s->clip.views * (size_t)s->view_frames;
    s->wanted = calloc(s->count, sizeof *s->wanted);
    if (s->wanted == NULL || !sample_views(s)) {
        selection_free(s);
        return 0;
    }
    sort_without_doubles(s);
    return s->count;
}

static bool may_be_wanted(const selection *s, size_t frame) {
    switch (s->clip.sampling) {
    case DP_SAMPLING_GIVEN:
        return frame < (size_t)s->view_frames;
    case DP_SAMPLING_CENTER:
    case DP_SAMPLING_FIRST:
        return s->wraps || frame % (size_t)s->rate == 0;
    default:
        return true;
    }
}

static frame_fate take(void *user, const frame_list *list) {
    selection *s = user;
    bool stays = false;
    if (s->wanted == NULL) {
        stays = may_be_wanted(s, list->seen);
    } else if (s->next < s->count && s->wanted[s->next] == list->seen) {
        stays = true;
        s->next++;
    }
    return stays ? FRAME_STAYS : FRAME_STANDS;
}

frame_taker selection_taker(selection *s) {
    return (frame_taker){.user = s, .expect = expect, .take = take};
}
