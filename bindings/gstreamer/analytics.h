/*
 * analytics.h - answers on buffers, where GStreamer has metadata for them (1.24 and later).
 */
#ifndef ANALYTICS_H
#define ANALYTICS_H

#include "watcher.h"

/* Takes a buffer and returns it, or a copy that shares its memory, with the last answer of the
 * watcher as a GstAnalyticsClsMtd. Without an answer, and with an older GStreamer, nothing is done.
 */
GstBuffer *analytics_attach(GstBuffer *buffer, watcher *w);

#endif /* ANALYTICS_H */
