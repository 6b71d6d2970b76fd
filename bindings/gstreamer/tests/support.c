/*
 * support.c - an element in a harness, frames for it, and what it says.
 */
#include "support.h"

#include <gst/video/video.h>
#include <string.h>

GstBus *bus;

gchar *model_path(void) {
    return g_build_filename(g_getenv("GOLDEN"), "released.gguf", NULL);
}

GstElement *make_element(void) {
    g_autofree gchar *path = model_path();
    GstElement *element = gst_element_factory_make("dualpath", NULL);
    ck_assert(element != NULL);
    bus = gst_bus_new();
    gst_element_set_bus(element, bus);
    g_object_set(element, "model", path, "rate", 1, "hop", WINDOW, "sync", TRUE, "threads", 1,
                 NULL);
    return element;
}

GstHarness *make_harness(GstElement *element, const char *caps) {
    GstHarness *harness = gst_harness_new_with_element(element, "sink", "src");
    gst_harness_set_src_caps_str(harness, caps);
    return harness;
}

void tear_down(GstElement *element, GstHarness *harness) {
    if (harness != NULL) {
        gst_harness_teardown(harness);
    }
    gst_element_set_state(element, GST_STATE_NULL);
    gst_element_set_bus(element, NULL);
    gst_object_unref(element);
    gst_bus_set_flushing(bus, TRUE);
    g_clear_object(&bus);
}

GstBuffer *make_buffer(gsize size, guint number) {
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, size, NULL);
    GstMapInfo map;
    GRand *random = g_rand_new_with_seed(number);
    ck_assert(gst_buffer_map(buffer, &map, GST_MAP_WRITE));
    for (gsize i = 0; i < size; i++) {
        map.data[i] = (guint8)g_rand_int(random);
    }
    gst_buffer_unmap(buffer, &map);
    g_rand_free(random);
    GST_BUFFER_PTS(buffer) = number * FRAME_TIME;
    GST_BUFFER_DURATION(buffer) = FRAME_TIME;
    return buffer;
}

gsize size_of(const char *caps_text) {
    GstCaps *caps = gst_caps_from_string(caps_text);
    GstVideoInfo info;
    ck_assert(gst_video_info_from_caps(&info, caps));
    gst_caps_unref(caps);
    return info.size;
}

void push_frames(GstHarness *harness, gsize size, guint first, guint count) {
    for (guint i = first; i < first + count; i++) {
        GstFlowReturn flow = gst_harness_push(harness, make_buffer(size, i));
        ck_assert_int_eq(flow, GST_FLOW_OK);
        gst_buffer_unref(gst_harness_pull(harness));
    }
}

void push_eos(GstHarness *harness) {
    ck_assert(gst_harness_push_event(harness, gst_event_new_eos()));
}

GstStructure *next_said(void) {
    GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT);
    GstStructure *said =
        message != NULL ? gst_structure_copy(gst_message_get_structure(message)) : NULL;
    g_clear_pointer(&message, gst_message_unref);
    return said;
}

static gint64 integer(const GstStructure *said, const char *field) {
    gint64 value = -1;
    ck_assert(gst_structure_get_int64(said, field, &value));
    return value;
}

double real(const GstStructure *said, const char *field) {
    double value = -1;
    ck_assert(gst_structure_get_double(said, field, &value));
    return value;
}

guint64 frames(const GstStructure *said, const char *field) {
    GstClockTime value = GST_CLOCK_TIME_NONE;
    ck_assert(gst_structure_get_clock_time(said, field, &value));
    ck_assert_uint_eq(value % FRAME_TIME, 0);
    return value / FRAME_TIME;
}

void expect_window(gint64 number, guint64 timestamp, guint64 stream, guint64 running) {
    GstStructure *said = next_said();
    ck_assert(said != NULL && gst_structure_has_name(said, "dualpath-window"));
    ck_assert_int_eq(integer(said, "number"), number);
    ck_assert_uint_eq(frames(said, "timestamp"), timestamp);
    ck_assert_uint_eq(frames(said, "stream-time"), stream);
    ck_assert_uint_eq(frames(said, "running-time"), running);
    gst_structure_free(said);
}

void expect_silence(void) {
    GstStructure *said = next_said();
    ck_assert(said == NULL);
}

void expect_error(GQuark domain, gint code, const char *words) {
    GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    GError *error = NULL;
    ck_assert_msg(message != NULL, "no error about '%s'", words);
    gst_message_parse_error(message, &error, NULL);
    ck_assert_msg(strstr(error->message, words) != NULL, "'%s' lacks '%s'", error->message, words);
    ck_assert(error->domain == domain);
    ck_assert_int_eq(error->code, code);
    g_error_free(error);
    gst_message_unref(message);
}

void push_segment(GstHarness *harness, guint start, guint time, guint base) {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    segment.start = start * FRAME_TIME;
    segment.time = time * FRAME_TIME;
    segment.base = base * FRAME_TIME;
    ck_assert(gst_harness_push_event(harness, gst_event_new_segment(&segment)));
}

void flush(GstHarness *harness) {
    ck_assert(gst_harness_push_event(harness, gst_event_new_flush_start()));
    ck_assert(gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE)));
}
