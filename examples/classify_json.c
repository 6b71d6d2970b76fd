/*
 * classify_json.c - the answer of `dualpath classify --json`.
 */
#include "classify.h"

#include <math.h>

static void json_timings(json *j, const report *r) {
    const dp_timings *t = &r->result.timings;
    const struct {
        const char *name;
        double ms;
    } timings[] = {{"open_ms", r->open_ms},       {"read_ms", r->read_ms},
                   {"total_ms", t->total_ms},     {"frames_ms", t->frames_ms},
                   {"patches_ms", t->patches_ms}, {"blocks_ms", t->blocks_ms},
                   {"head_ms", t->head_ms}};
    json_open(j, '{');
    for (size_t i = 0; i < sizeof timings / sizeof timings[0]; i++) {
        json_key(j, timings[i].name);
        json_number(j, timings[i].ms);
    }
    json_close(j, '}');
}

/* How the frames were taken to be shown. A colour that is null: they have no chroma, or are RGB. An
 * aspect that is null: nothing says it, and pixels are square. */
static void json_source(json *j, const frame_list *frames) {
    const dp_frame *first = &frames->frames[0];
    json_open(j, '{');
    json_key(j, "format");
    json_string(j, dp_format_name(first->format));
    json_key(j, "color");
    if (frames->color == DP_COLOR_UNKNOWN) {
        json_null(j);
    } else {
        json_string(j, dp_color_name(frames->color));
    }
    json_key(j, "color_guessed");
    json_truth(j, frames->color_guessed);
    json_key(j, "rotation");
    json_integer(j, first->rotation);
    json_key(j, "mirrored");
    json_truth(j, first->mirrored != 0);
    json_key(j, "aspect");
    if (first->aspect_width == 0) {
        json_null(j);
    } else {
        json_open(j, '[');
        json_integer(j, first->aspect_width);
        json_integer(j, first->aspect_height);
        json_close(j, ']');
    }
    json_key(j, "interlaced");
    json_truth(j, frames->interlaced);
    json_key(j, "cut_off");
    json_truth(j, frames->cut_off);
    json_close(j, '}');
}

/* The frames of each view, as their number in the input or as the second when they are shown. */
static void json_views(json *j, const report *r, const dp_model *model, int32_t view_frames,
                       bool seconds) {
    const frame_list *frames = r->frames;
    size_t *indices = r->indices;
    if (seconds && isnan(frames->seconds[0])) {
        json_null(j);
        return;
    }
    json_open(j, '[');
    for (int32_t view = 0; view < r->clip.views; view++) {
        (void)dp_model_sample_view(model, &r->clip, view, view_frames, indices);
        json_open(j, '[');
        for (int32_t i = 0; i < view_frames; i++) {
            size_t number = selection_number(&r->selected, indices[i]);
            if (seconds) {
                json_number(j, frames->seconds[number]);
            } else {
                json_integer(j, (int64_t)number);
            }
        }
        json_close(j, ']');
    }
    json_close(j, ']');
}

void json_report(const report *r, const engine *e) {
    json j = {stdout, false};
    const dp_result *result = &r->result;
    json_open(&j, '{');
    json_key(&j, "model");
    json_string(&j, r->model_path);
    json_key(&j, "input");
    json_string(&j, r->input_path);
    json_key(&j, "frames");
    json_integer(&j, (int64_t)r->frames->count);
    json_key(&j, "frame_indices");
    json_views(&j, r, e->model, e->info.frames, false);
    json_key(&j, "frame_times");
    json_views(&j, r, e->model, e->info.frames, true);
    json_key(&j, "source");
    json_source(&j, r->frames);
    json_key(&j, "top");
    json_predictions(&j, r->top, r->top_count);
    json_key(&j, "labels");
    json_labels(&j, e->model, result->classes);
    json_key(&j, "probabilities");
    json_numbers(&j, result->probabilities, result->classes);
    json_key(&j, "logits");
    json_numbers(&j, result->logits, result->classes);
    if (r->features || result->classes == 0) {
        json_key(&j, "feature_temporal");
        json_numbers(&j, result->feature_temporal, result->feature_size);
        json_key(&j, "feature_spatial");
        json_numbers(&j, result->feature_spatial, result->feature_size);
    }
    json_key(&j, "timings");
    json_timings(&j, r);
    json_key(&j, "macs");
    json_integer(&j, result->macs);
    json_close(&j, '}');
    putchar('\n');
}
