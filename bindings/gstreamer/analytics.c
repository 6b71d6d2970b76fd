/*
 * analytics.c - GstAnalyticsClsMtd, if its headers were there when this was compiled.
 */
#include "analytics.h"

#if defined(HAVE_GST_ANALYTICS)

#include <gst/analytics/analytics.h>

GstBuffer *analytics_attach(GstBuffer *buffer, watcher *w) {
    gfloat score = 0;
    g_autofree gchar *label = watcher_answer(w, &score);
    if (label == NULL) {
        return buffer;
    }
    buffer = gst_buffer_make_writable(buffer);
    GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta(buffer);
    if (meta == NULL) {
        meta = gst_buffer_add_analytics_relation_meta(buffer);
    }
    GstAnalyticsClsMtd answer;
    (void)gst_analytics_relation_meta_add_one_cls_mtd(meta, score, g_quark_from_string(label),
                                                      &answer);
    return buffer;
}

#else

GstBuffer *analytics_attach(GstBuffer *buffer, watcher *w) {
    (void)w;
    return buffer;
}

#endif
