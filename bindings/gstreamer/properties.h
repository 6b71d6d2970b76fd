/*
 * properties.h - what a user sets of the element, in the words of `dualpath watch`.
 */
#ifndef PROPERTIES_H
#define PROPERTIES_H

#include <gst/gst.h>

typedef struct watch_options {
    gchar *model, *backbone, *background; /* or NULL */
    gint hop, rate, threads, smooth, queue;
    gint precision; /* dp_precision */
    gdouble sample_fps, threshold;
    gdouble shortest, join; /* seconds */
    gboolean events, several, sync;
} watch_options;

/* Installs the properties with the numbers 1 .. properties_count(). Their defaults are set when an
 * object is made. */
void properties_install(GObjectClass *class);
guint properties_count(void);

void properties_set(watch_options *options, guint number, const GValue *value);
void properties_get(const watch_options *options, guint number, GValue *value);

/* A copy, whose strings are its own. */
watch_options properties_copy(const watch_options *options);
void properties_clear(watch_options *options);

#endif /* PROPERTIES_H */
