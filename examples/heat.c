/*
 * heat.c - maps of attention, without what goes to the class token itself.
 */
#include "heat.h"

#include <stdlib.h>

static size_t count_patches(const dp_attention *attention) {
    return (size_t)attention->side * (size_t)attention->side;
}

/* Of one image: weights [heads][tokens] become map [side][side]. */
static void add_up_heads(const dp_attention *attention, const float *weights, float *map) {
    for (size_t i = 0; i < count_patches(attention); i++) {
        map[i] = 0.0F;
        for (int32_t head = 0; head < attention->heads; head++) {
            map[i] += weights[(size_t)head * (size_t)attention->tokens + 1 + i];
        }
    }
}

/* From 0 for the lowest to 1 for the highest. */
static void stretch(float *map, size_t count) {
    float lowest = map[0], highest = map[0];
    for (size_t i = 1; i < count; i++) {
        lowest = map[i] < lowest ? map[i] : lowest;
        highest = map[i] > highest ? map[i] : highest;
    }
    for (size_t i = 0; i < count; i++) {
        map[i] = highest > lowest ? (map[i] - lowest) / (highest - lowest) : 0.0F;
    }
}

static int take_path(engine *e, int32_t path, heat *h) {
    dp_attention attention;
    int status = engine_check(e, dp_session_attention(e->session, path, &attention), "--attention");
    if (status != STATUS_OK) {
        return status;
    }
    size_t patches = count_patches(&attention);
    size_t image = (size_t)attention.heads * (size_t)attention.tokens;
    h->side = attention.side;
    h->maps[path] = calloc((size_t)attention.images, patches * sizeof(float));
    if (h->maps[path] == NULL) {
        complain("--attention", "out of memory");
        return STATUS_ERROR;
    }
    for (size_t i = 0; i < (size_t)attention.images; i++) {
        float *map = h->maps[path] + i * patches;
        add_up_heads(&attention, attention.weights + i * image, map);
        stretch(map, patches);
    }
    return STATUS_OK;
}

int heat_take(engine *e, heat *h) {
    *h = (heat){{NULL, NULL}, 0};
    dp_model_info info;
    dp_model_info_default(&info);
    int status = engine_check(e, dp_model_get_info(e->model, &info), "--attention");
    if (status == STATUS_OK) {
        status = take_path(e, DP_PATH_SPATIAL, h);
    }
    return status == STATUS_OK && info.framesets > 0 ? take_path(e, DP_PATH_TEMPORAL, h) : status;
}

void heat_free(heat *h) {
    free(h->maps[DP_PATH_SPATIAL]);
    free(h->maps[DP_PATH_TEMPORAL]);
}
