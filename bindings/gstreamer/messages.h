/*
 * messages.h - what the element says on the bus.
 */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "dualpath.h"

#include <gst/gst.h>

/* Times of the library are microseconds of positions in the segment of the frames. */
gint64 messages_microseconds(GstClockTime position);

/* The label of a class as a new string in UTF-8; "class N" where the model has none. */
gchar *messages_label(const dp_model *model, gint index);

/* Element messages: "dualpath-window" and "dualpath-event" (README.md has their fields). */
void messages_post_window(GstElement *element, const GstSegment *segment, const gchar *label,
                          const dp_window *window, const dp_prediction *top);
void messages_post_event(GstElement *element, const GstSegment *segment, const gchar *label,
                         const dp_event *event);

/* The sentence of this thread's last failed call, as an error about `subject`. */
void messages_post_error(GstElement *element, dp_status status, const char *subject);

#endif /* MESSAGES_H */
