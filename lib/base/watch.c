/*
 * The progress of a call, stage by stage.
 */
#include "base/watch.h"

void dpi_watch_stage(dpi_watch *watch, const char *stage, double last, uint64_t total) {
    watch->stage = stage;
    watch->first = watch->last;
    watch->last = last;
    watch->done = 0;
    watch->total = total;
}

static double fraction_of_call(const dpi_watch *watch) {
    if (watch->done >= watch->total) {
        return watch->total > 0 ? watch->last : watch->first;
    }
    double done = (double)watch->done / (double)watch->total;
    return watch->first + (watch->last - watch->first) * done;
}

dp_status dpi_watch_advance(dpi_watch *watch, uint64_t count, dpi_message *message) {
    watch->done += count;
    if (watch->progress == NULL ||
        watch->progress(watch->user, watch->stage, fraction_of_call(watch)) == 0) {
        return DP_OK;
    }
    return dpi_fail(message, DP_ERR_CANCELLED, "the call was cancelled while %s", watch->stage);
}
