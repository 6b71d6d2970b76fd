/*
 * The element dualpath over time: segments, flushes, frames that wait and frames that are dropped,
 * events.
 */
#include "support.h"

/* ---- time ---- */

GST_START_TEST(times_are_those_of_the_segment) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    gsize size = size_of(I420_CAPS);
    push_segment(harness, 100, 500, 0);
    push_frames(harness, size, 90, 10); /* before the segment: not shown */
    push_frames(harness, size, 100, WINDOW);
    push_segment(harness, 200, 600, WINDOW);
    push_frames(harness, size, 200, WINDOW);
    push_eos(harness);
    expect_window(0, 100, 500, 0);
    expect_window(0, 200, 600, WINDOW);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

GST_START_TEST(the_same_segment_again_goes_on) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    gsize size = size_of(I420_CAPS);
    push_segment(harness, 0, 0, 0);
    push_frames(harness, size, 0, 8);
    push_segment(harness, 0, 0, 0);
    push_frames(harness, size, 8, 8);
    push_eos(harness);
    expect_window(0, 0, 0, 0);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

GST_START_TEST(nothing_is_said_of_frames_played_backwards) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    segment.rate = -1;
    segment.stop = 100 * FRAME_TIME;
    ck_assert(gst_harness_push_event(harness, gst_event_new_segment(&segment)));
    push_frames(harness, size_of(I420_CAPS), 0, 2 * WINDOW);
    push_eos(harness);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

GST_START_TEST(time_does_not_go_back) {
    GstElement *element = make_element();
    g_object_set(element, "rate", 0, "sample-fps", 25.0, NULL);
    GstHarness *harness = make_harness(element, I420_CAPS);
    gsize size = size_of(I420_CAPS);
    push_frames(harness, size, 0, WINDOW - 1);
    push_frames(harness, size, 3, 1);
    push_frames(harness, size, WINDOW - 1, 1);
    push_eos(harness);
    expect_window(0, 0, 0, 0);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

GST_START_TEST(a_frame_without_a_time_is_an_error) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    GstBuffer *buffer = make_buffer(size_of(I420_CAPS), 0);
    GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE;
    ck_assert_int_eq(gst_harness_push(harness, buffer), GST_FLOW_ERROR);
    expect_error(GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "does not say when it is shown");
    tear_down(element, harness);
}
GST_END_TEST

/* ---- a worker that stands still: it waits in the first window that it says ---- */

static GMutex gate;
static GCond gate_moved;
static bool gate_is_shut, worker_waits;

static GstBusSyncReply hold_worker(GstBus *from, GstMessage *message, gpointer user) {
    (void)from;
    (void)user;
    g_mutex_lock(&gate);
    while (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ELEMENT && gate_is_shut) {
        worker_waits = true;
        g_cond_broadcast(&gate_moved);
        g_cond_wait(&gate_moved, &gate);
    }
    g_mutex_unlock(&gate);
    return GST_BUS_PASS;
}

static void shut_gate(void) {
    gate_is_shut = true;
    worker_waits = false;
    gst_bus_set_sync_handler(bus, hold_worker, NULL, NULL);
}

static void await_worker(void) {
    g_mutex_lock(&gate);
    while (!worker_waits) {
        g_cond_wait(&gate_moved, &gate);
    }
    g_mutex_unlock(&gate);
}

static void open_gate(void) {
    g_mutex_lock(&gate);
    gate_is_shut = false;
    g_cond_broadcast(&gate_moved);
    g_mutex_unlock(&gate);
}

/* ---- flushes ---- */

GST_START_TEST(a_flush_forgets_frames_and_begins_anew) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    gsize size = size_of(I420_CAPS);
    push_frames(harness, size, 0, WINDOW - 1);
    flush(harness);
    push_segment(harness, 50, 50, 0);
    push_frames(harness, size, 50, WINDOW);
    push_eos(harness);
    expect_window(0, 50, 50, 0);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

/* Two windows and more than the queue holds, until one of them has to wait. */
static gpointer push_until_refused(gpointer user) {
    GstHarness *harness = user;
    gsize size = size_of(I420_CAPS);
    GstFlowReturn flow = GST_FLOW_OK;
    for (guint i = 0; i < 4 * WINDOW && flow == GST_FLOW_OK; i++) {
        flow = gst_harness_push(harness, make_buffer(size, i));
    }
    return GINT_TO_POINTER(flow);
}

/* The queue holds 4, and the worker has taken none since it waits. */
static void await_full_queue(GstHarness *harness) {
    await_worker();
    while (gst_harness_buffers_received(harness) < WINDOW + 4) {
        g_usleep(1000);
    }
    g_usleep(20000);
    ck_assert_uint_eq(gst_harness_buffers_received(harness), WINDOW + 4);
}

GST_START_TEST(a_flush_reaches_a_frame_that_waits) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    shut_gate();
    GThread *pusher = g_thread_new("pusher", push_until_refused, harness);
    await_full_queue(harness);
    ck_assert(gst_harness_push_event(harness, gst_event_new_flush_start()));
    ck_assert_int_eq(GPOINTER_TO_INT(g_thread_join(pusher)), GST_FLOW_FLUSHING);
    open_gate();
    ck_assert(gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE)));
    push_segment(harness, 0, 0, 0);
    expect_window(0, 0, 0, 0);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

/* The worker goes on only when the frame that waited has been refused. */
static gpointer join_and_open_gate(gpointer pusher) {
    gpointer flow = g_thread_join(pusher);
    open_gate();
    return flow;
}

GST_START_TEST(stopping_reaches_a_frame_that_waits) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    shut_gate();
    GThread *pusher = g_thread_new("pusher", push_until_refused, harness);
    await_full_queue(harness);
    GThread *opener = g_thread_new("opener", join_and_open_gate, pusher);
    ck_assert_int_eq(gst_element_set_state(element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
    ck_assert_int_eq(GPOINTER_TO_INT(g_thread_join(opener)), GST_FLOW_FLUSHING);
    tear_down(element, harness);
}
GST_END_TEST

static gpointer push_end(gpointer harness) {
    (void)gst_harness_push_event(harness, gst_event_new_eos());
    return NULL;
}

GST_START_TEST(a_flush_reaches_an_end_that_waits_for_windows) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    gsize size = size_of(I420_CAPS);
    shut_gate();
    push_frames(harness, size, 0, WINDOW + 4);
    await_worker();
    GThread *ender = g_thread_new("ender", push_end, harness);
    ck_assert(gst_harness_push_event(harness, gst_event_new_flush_start()));
    open_gate();
    g_thread_join(ender);
    ck_assert(gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE)));
    push_segment(harness, 50, 50, 0);
    push_frames(harness, size, 50, WINDOW);
    push_eos(harness);
    expect_window(0, 0, 0, 0);
    expect_window(0, 50, 50, 0);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

GST_START_TEST(a_seek_of_a_pipeline_begins_anew) {
    g_autofree gchar *path = model_path();
    g_autofree gchar *text =
        g_strdup_printf("videotestsrc num-buffers=60 ! " I420_CAPS
                        " ! dualpath sync=true rate=1 hop=16 model=\"%s\" ! fakesink sync=false",
                        path);
    GstElement *pipeline = gst_parse_launch(text, NULL);
    bus = gst_element_get_bus(pipeline);
    (void)gst_element_set_state(pipeline, GST_STATE_PAUSED);
    (void)gst_element_get_state(pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
    ck_assert(gst_element_seek_simple(pipeline, GST_FORMAT_TIME,
                                      GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, GST_SECOND));
    (void)gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstMessage *end = gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE,
                                                 GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR);
    const GstStructure *said = gst_message_get_structure(end);
    ck_assert(gst_message_has_name(end, "dualpath-window"));
    ck_assert_uint_eq(frames(said, "stream-time"), 25);
    ck_assert_uint_eq(frames(said, "running-time"), 0);
    gst_message_unref(end);
    (void)gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    g_clear_object(&bus);
}
GST_END_TEST

/* ---- drops ---- */

GST_START_TEST(frames_that_come_too_fast_are_dropped_and_counted) {
    GstElement *element = make_element();
    g_object_set(element, "sync", FALSE, "queue", 20, NULL);
    GstHarness *harness = make_harness(element, I420_CAPS);
    gsize size = size_of(I420_CAPS);
    guint64 dropped = 99;
    shut_gate();
    push_frames(harness, size, 0, WINDOW);
    await_worker();
    push_frames(harness, size, WINDOW, 50); /* none of them waits; 30 find no place */
    open_gate();
    push_eos(harness);
    g_object_get(element, "dropped", &dropped, NULL);
    ck_assert_uint_eq(dropped, 30);
    flush(harness);
    g_object_get(element, "dropped", &dropped, NULL);
    ck_assert_uint_eq(dropped, 30);
    tear_down(element, harness);
}
GST_END_TEST

GST_START_TEST(with_sync_nothing_is_dropped) {
    GstElement *element = make_element();
    g_object_set(element, "queue", 1, NULL);
    GstHarness *harness = make_harness(element, I420_CAPS);
    guint64 dropped = 99;
    push_frames(harness, size_of(I420_CAPS), 0, 4 * WINDOW);
    push_eos(harness);
    g_object_get(element, "dropped", &dropped, NULL);
    ck_assert_uint_eq(dropped, 0);
    for (guint i = 0; i < 4; i++) {
        expect_window(i, WINDOW * i, WINDOW * i, WINDOW * i);
    }
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

/* ---- events ---- */

GST_START_TEST(events_are_said_when_they_are_over) {
    GstElement *element = make_element();
    g_object_set(element, "events", TRUE, "threshold", 0.01, NULL);
    GstHarness *harness = make_harness(element, I420_CAPS);
    push_frames(harness, size_of(I420_CAPS), 0, WINDOW);
    push_eos(harness);
    expect_window(0, 0, 0, 0);
    GstStructure *said = next_said();
    ck_assert(said != NULL && gst_structure_has_name(said, "dualpath-event"));
    ck_assert_uint_eq(frames(said, "stream-time"), 0);
    ck_assert_uint_eq(frames(said, "duration"), WINDOW - 1);
    ck_assert(real(said, "score") > 0 && real(said, "mean") > 0);
    gst_structure_free(said);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

static Suite *time_suite(void) {
    Suite *suite = suite_create("time");
    TCase *tests = tcase_create("time");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, times_are_those_of_the_segment);
    tcase_add_test(tests, the_same_segment_again_goes_on);
    tcase_add_test(tests, nothing_is_said_of_frames_played_backwards);
    tcase_add_test(tests, time_does_not_go_back);
    tcase_add_test(tests, a_frame_without_a_time_is_an_error);
    tcase_add_test(tests, a_flush_forgets_frames_and_begins_anew);
    tcase_add_test(tests, a_flush_reaches_a_frame_that_waits);
    tcase_add_test(tests, stopping_reaches_a_frame_that_waits);
    tcase_add_test(tests, a_flush_reaches_an_end_that_waits_for_windows);
    tcase_add_test(tests, a_seek_of_a_pipeline_begins_anew);
    tcase_add_test(tests, frames_that_come_too_fast_are_dropped_and_counted);
    tcase_add_test(tests, with_sync_nothing_is_dropped);
    tcase_add_test(tests, events_are_said_when_they_are_over);
    suite_add_tcase(suite, tests);
    return suite;
}

GST_CHECK_MAIN(time)
