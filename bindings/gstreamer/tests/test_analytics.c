/*
 * Answers on buffers. It is built where GStreamer has metadata for them.
 */
#include "support.h"

#include <gst/analytics/analytics.h>

/* The class of a buffer, or 0 without one; *score is its level. */
static GQuark class_of(GstBuffer *buffer, gfloat *score) {
    GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta(buffer);
    GstAnalyticsMtd answer;
    gpointer state = NULL;
    if (meta == NULL || !gst_analytics_relation_meta_iterate(
                            meta, &state, gst_analytics_cls_mtd_get_mtd_type(), &answer)) {
        return 0;
    }
    *score = gst_analytics_cls_mtd_get_level(&answer, 0);
    return gst_analytics_cls_mtd_get_quark(&answer, 0);
}

/* A drain posts the window, and the buffer that comes next has its answer. */
GST_START_TEST(buffers_carry_the_answer_of_the_last_window) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    gsize size = size_of(I420_CAPS);
    gfloat score = 0;
    GstBuffer *in = make_buffer(size, 0);
    ck_assert_int_eq(gst_harness_push(harness, in), GST_FLOW_OK);
    GstBuffer *out = gst_harness_pull(harness);
    ck_assert(class_of(out, &score) == 0);
    gst_buffer_unref(out);
    push_frames(harness, size, 1, WINDOW - 1);
    GstMessage *message = gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_ELEMENT);
    ck_assert(message != NULL);
    const GstStructure *said = gst_message_get_structure(message);

    in = gst_buffer_ref(make_buffer(size, WINDOW)); /* somebody else holds it, too */
    ck_assert_int_eq(gst_harness_push(harness, in), GST_FLOW_OK);
    out = gst_harness_pull(harness);
    ck_assert_str_eq(g_quark_to_string(class_of(out, &score)),
                     gst_structure_get_string(said, "label"));
    ck_assert((double)score == real(said, "score"));
    ck_assert(gst_buffer_peek_memory(out, 0) == gst_buffer_peek_memory(in, 0));
    ck_assert(class_of(in, &score) == 0);
    gst_buffer_unref(out);
    gst_buffer_unref(in);
    gst_message_unref(message);
    tear_down(element, harness);
}
GST_END_TEST

static Suite *analytics_suite(void) {
    Suite *suite = suite_create("analytics");
    TCase *tests = tcase_create("analytics");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, buffers_carry_the_answer_of_the_last_window);
    suite_add_tcase(suite, tests);
    return suite;
}

GST_CHECK_MAIN(analytics)
