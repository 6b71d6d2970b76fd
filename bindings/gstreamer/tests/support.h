/*
 * support.h - what tests of the element share. The small model has windows of T = 16 frames.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <stdbool.h>

#define WIDTH 40
#define HEIGHT 36
#define WINDOW 16
#define FRAME_TIME (40 * GST_MSECOND)
#define I420_CAPS "video/x-raw,format=I420,width=40,height=36,framerate=25/1"

extern GstBus *bus; /* of the element that make_element() made last */

gchar *model_path(void);

/* An element with a bus of its own, which takes every frame, waits for a place in its queue and
 * says windows that do not overlap. */
GstElement *make_element(void);
GstHarness *make_harness(GstElement *element, const char *caps);
/* Ends the element and its harness (or NULL), and forgets messages that nobody asked for. */
void tear_down(GstElement *element, GstHarness *harness);

/* ---- frames ---- */

gsize size_of(const char *caps_text);
/* Bytes that differ from frame to frame, with the time of that number. */
GstBuffer *make_buffer(gsize size, guint number);
/* Frames first .. first + count - 1, which come out again. */
void push_frames(GstHarness *harness, gsize size, guint first, guint count);
void push_eos(GstHarness *harness);
/* A segment that begins with frame `start`; its stream time and its running time, in frames. */
void push_segment(GstHarness *harness, guint start, guint time, guint base);
void flush(GstHarness *harness);

/* ---- messages ---- */

/* The next element message, or NULL: none has been posted. The caller frees it. */
GstStructure *next_said(void);
double real(const GstStructure *said, const char *field);
/* A time as a number of frames. */
guint64 frames(const GstStructure *said, const char *field);

/* The next message is a window with this number and these times of its first frame. */
void expect_window(gint64 number, guint64 timestamp, guint64 stream, guint64 running);
void expect_silence(void);
/* An error has been posted with these words in it. */
void expect_error(GQuark domain, gint code, const char *words);

#endif /* SUPPORT_H */
