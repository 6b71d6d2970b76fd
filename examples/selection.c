/*
 * selection.c - asks the library which frames the views take, before they are read.
 */
#include "selection.h"

#include "cli.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SAMPLES ((size_t)1 << 24)

void selection_init(selection *s, const dp_model *model, const dp_clip *clip, double sample_fps,
                    const char *subject) {
    dp_model_info info;
    dp_model_info_default(&info);
    (void)dp_model_get_info(model, &info);
    *s = (selection){.model = model,
                     .clip = *clip,
                     .subject = subject,
                     .view_frames = info.frames,
                     .found = {.fps = sample_fps},
                     .likely = {.fps = sample_fps}};
    s->rate = clip->rate > 0 ? clip->rate : info.sampling_rate;
    s->wraps = strcmp(info.past_end, "wrap") == 0;
}

static void forget_wanted(selection *s) {
    free(s->wanted);
    s->wanted = NULL;
}

void selection_free(selection *s) {
    forget_wanted(s);
    time_samples_free(&s->found);
    time_samples_free(&s->likely);
}

static bool is_by_time(const selection *s) {
    return s->found.fps > 0;
}

/* ---- before frames come ---- */

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

/* By time, as if all frames came at the rate that the input states, or as they did when it was read
 * before. */
static bool expect_times(selection *s, const frame_list *list) {
    bool are_known = s->likely.count > 0;
    bool done = are_known || list->rate[0] > 0;
    for (size_t i = 0; !are_known && done && i < list->expected; i++) {
        double second = (double)i * list->rate[1] / list->rate[0];
        done = time_samples_add(&s->likely, second, MAX_SAMPLES) <= TIME_LEFT_OUT;
    }
    return done;
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
    for (size_t i = 0; is_by_time(s) && i < s->count; i++) {
        s->wanted[i] = s->likely.frames[s->wanted[i]];
    }
    return true;
}

/* Without the memory for it, or where the library will refuse the clip, as if nobody knew. */
static size_t expect(void *user, const frame_list *list) {
    selection *s = user;
    forget_wanted(s);
    s->next = 0;
    if (is_by_time(s) && !expect_times(s, list)) {
        return 0;
    }
    s->clip.frame_count = is_by_time(s) ? s->likely.count : list->expected;
    s->count = (size_t)s->clip.views * (size_t)s->view_frames;
    s->wanted = calloc(s->count, sizeof *s->wanted);
    if (s->wanted == NULL || !sample_views(s)) {
        forget_wanted(s);
        return 0;
    }
    sort_without_doubles(s);
    return s->count;
}

/* ---- as they come ---- */

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

/* Samples take memory beside the frames, too. */
static size_t most_samples(const frame_list *list) {
    uint64_t left = list->max_bytes - list->bytes;
    uint64_t most = left / (sizeof(size_t) + sizeof(dp_frame));
    return most < MAX_SAMPLES ? (size_t)most : MAX_SAMPLES;
}

/* What it is of the samples by time; what is wrong is printed. */
static time_sampling sample_by_time(selection *s, const frame_list *list) {
    double second = list->seconds[list->count - 1];
    time_sampling sampling = time_samples_add(&s->found, second, most_samples(list));
    if (sampling == TIME_UNKNOWN) {
        complain(s->subject, "does not say when its frames are shown, which --sample-fps needs");
    } else if (sampling == TIME_TOO_LATE) {
        complain(s->subject,
                 "frame %zu is shown after %.0f seconds, which takes too many samples "
                 "for --sample-fps %g%s",
                 list->seen + 1, second, s->found.fps,
                 most_samples(list) < MAX_SAMPLES ? " and --max-memory" : "");
    } else if (sampling == TIME_NO_MEMORY) {
        complain("--sample-fps", "out of memory");
    }
    return sampling;
}

static frame_fate take(void *user, const frame_list *list) {
    selection *s = user;
    time_sampling sampling = is_by_time(s) ? sample_by_time(s, list) : TIME_LEFT_OUT;
    bool stays = false;
    if (sampling > TIME_LEFT_OUT) {
        return FRAME_ENDS;
    }
    if (s->wanted == NULL) {
        stays = is_by_time(s) ? sampling == TIME_SAMPLED : may_be_wanted(s, list->seen);
    } else if (s->next < s->count && s->wanted[s->next] == list->seen) {
        stays = true;
        s->next++;
    }
    return stays ? FRAME_STAYS : FRAME_STANDS;
}

/* Whether others were wanted than stayed. */
static bool is_read_again(void *user, const frame_list *list) {
    selection *s = user;
    if (s->wanted == NULL) {
        return false;
    }
    if (!is_by_time(s)) {
        return list->seen != list->expected;
    }
    bool same = time_samples_equal(&s->found, &s->likely);
    if (!same) {
        time_samples before = s->likely;
        s->likely = s->found;
        s->found = before;
        time_samples_clear(&s->found);
    }
    return !same;
}

frame_taker selection_taker(selection *s) {
    return (frame_taker){.user = s, .expect = expect, .take = take, .is_read_again = is_read_again};
}

/* ---- when all came ---- */

bool selection_fill(const selection *s, const frame_list *list, dp_clip *clip, dp_frame **own) {
    *own = NULL;
    clip->frames = list->frames;
    clip->frame_count = list->count;
    if (!is_by_time(s)) {
        return true;
    }
    *own = calloc(s->found.count, sizeof **own);
    if (*own == NULL) {
        complain("--sample-fps", "out of memory");
        return false;
    }
    for (size_t i = 0; i < s->found.count; i++) {
        (*own)[i] = list->frames[s->found.frames[i]];
    }
    clip->frames = *own;
    clip->frame_count = s->found.count;
    return true;
}

size_t selection_number(const selection *s, size_t i) {
    return is_by_time(s) ? s->found.frames[i] : i;
}
