/*
 * messages.c - windows, events and errors as messages of GStreamer.
 */
#include "messages.h"

gint64 messages_microseconds(GstClockTime position) {
    return (gint64)((position + 500) / GST_USECOND);
}

/* Within the segment, which rounding may leave by half a microsecond. */
static GstClockTime position_of(const GstSegment *segment, gint64 time_us) {
    GstClockTime position = (GstClockTime)MAX(time_us, 0) * GST_USECOND;
    position = MAX(position, segment->start);
    return GST_CLOCK_TIME_IS_VALID(segment->stop) ? MIN(position, segment->stop) : position;
}

gchar *messages_label(const dp_model *model, gint index) {
    const char *label = dp_model_label(model, index);
    return label[0] != '\0' ? g_utf8_make_valid(label, -1) : g_strdup_printf("class %d", index);
}

/* The names are those that level, spectrum and others have. */
static void set_times(GstStructure *structure, const GstSegment *segment, gint64 start_us,
                      gint64 end_us) {
    GstClockTime start = position_of(segment, start_us), end = position_of(segment, end_us);
    gst_structure_set(
        structure, "timestamp", GST_TYPE_CLOCK_TIME, start, "stream-time", GST_TYPE_CLOCK_TIME,
        gst_segment_to_stream_time(segment, GST_FORMAT_TIME, start), "running-time",
        GST_TYPE_CLOCK_TIME, gst_segment_to_running_time(segment, GST_FORMAT_TIME, start),
        "duration", GST_TYPE_CLOCK_TIME, end - start, NULL);
}

static void post(GstElement *element, GstStructure *structure) {
    (void)gst_element_post_message(element,
                                   gst_message_new_element(GST_OBJECT(element), structure));
}

void messages_post_window(GstElement *element, const GstSegment *segment, const gchar *label,
                          const dp_window *window, const dp_prediction *top) {
    GstStructure *structure = gst_structure_new(
        "dualpath-window", "number", G_TYPE_INT64, window->number, "label", G_TYPE_STRING, label,
        "index", G_TYPE_INT, top->index, "score", G_TYPE_DOUBLE, (double)top->probability, NULL);
    set_times(structure, segment, window->times_us[0], window->times_us[window->frame_count - 1]);
    post(element, structure);
}

void messages_post_event(GstElement *element, const GstSegment *segment, const gchar *label,
                         const dp_event *event) {
    GstClockTime peak = position_of(segment, event->peak_us);
    GstStructure *structure = gst_structure_new(
        "dualpath-event", "label", G_TYPE_STRING, label, "index", G_TYPE_INT, event->index, "score",
        G_TYPE_DOUBLE, (double)event->peak, "mean", G_TYPE_DOUBLE, (double)event->mean, "windows",
        G_TYPE_INT, event->windows, "peak-stream-time", GST_TYPE_CLOCK_TIME,
        gst_segment_to_stream_time(segment, GST_FORMAT_TIME, peak), NULL);
    set_times(structure, segment, event->start_us, event->end_us);
    post(element, structure);
}

void messages_post_error(GstElement *element, dp_status status, const char *subject) {
    GQuark domain = GST_RESOURCE_ERROR;
    gint code = GST_RESOURCE_ERROR_READ;
    switch (status) {
    case DP_ERR_IO:
        code = GST_RESOURCE_ERROR_OPEN_READ;
        break;
    case DP_ERR_MEMORY:
        code = GST_RESOURCE_ERROR_NO_SPACE_LEFT;
        break;
    case DP_ERR_ARGUMENT:
        code = GST_RESOURCE_ERROR_SETTINGS;
        break;
    case DP_ERR_FRAME:
        domain = GST_STREAM_ERROR;
        code = GST_STREAM_ERROR_FORMAT;
        break;
    case DP_ERR_THREAD:
    case DP_ERR_NUMERIC:
        domain = GST_LIBRARY_ERROR;
        code = GST_LIBRARY_ERROR_FAILED;
        break;
    default:
        break;
    }
    gst_element_message_full(element, GST_MESSAGE_ERROR, domain, code,
                             g_strdup_printf("%s: %s", subject, dp_last_message()),
                             g_strdup(dp_status_name(status)), __FILE__, G_STRFUNC, __LINE__);
}
