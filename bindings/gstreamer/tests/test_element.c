/*
 * The element dualpath by itself: what goes through, answers for all formats, caps, properties and
 * what is wrong at the start.
 */
#include "dualpath.h"
#include "support.h"

#include <gst/video/video.h>
#include <string.h>

/* ---- buffers ---- */

GST_START_TEST(buffers_go_through_untouched) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    gsize size = size_of(I420_CAPS);
    for (guint i = 0; i < 2 * WINDOW; i++) {
        GstBuffer *in = make_buffer(size, i), *same = make_buffer(size, i);
        GstMemory *memory = gst_buffer_peek_memory(in, 0);
        ck_assert_int_eq(gst_harness_push(harness, in), GST_FLOW_OK);
        GstBuffer *out = gst_harness_pull(harness);
        GstMapInfo map;
        ck_assert(gst_buffer_peek_memory(out, 0) == memory);
        ck_assert(gst_buffer_map(same, &map, GST_MAP_READ));
        ck_assert_int_eq(gst_buffer_memcmp(out, 0, map.data, size), 0);
        ck_assert_uint_eq(GST_BUFFER_PTS(out), i * FRAME_TIME);
        gst_buffer_unmap(same, &map);
        gst_buffer_unref(same);
        gst_buffer_unref(out);
    }
    tear_down(element, harness);
}
GST_END_TEST

/* ---- windows ---- */

/* Describes bytes as the library takes them, without GStreamer's help. */
static dp_frame describe(const char *format, const guint8 *bytes) {
    static const struct {
        const char *name;
        dp_format format;
    } formats[] = {{"I420", DP_FORMAT_I420},  {"YV12", DP_FORMAT_I420}, {"NV12", DP_FORMAT_NV12},
                   {"RGB", DP_FORMAT_RGB24},  {"BGR", DP_FORMAT_BGR24}, {"RGBA", DP_FORMAT_RGBA},
                   {"RGBx", DP_FORMAT_RGBA},  {"BGRA", DP_FORMAT_BGRA}, {"BGRx", DP_FORMAT_BGRA},
                   {"GRAY8", DP_FORMAT_GRAY8}};
    size_t i = 0;
    while (strcmp(formats[i].name, format) != 0) {
        i++;
    }
    dp_frame frame = dp_frame_packed((int32_t)formats[i].format, bytes, WIDTH, HEIGHT, 0);
    if (strcmp(format, "YV12") == 0) {
        const guint8 *blue = frame.plane[2];
        frame.plane[2] = frame.plane[1];
        frame.plane[1] = blue;
    }
    return frame;
}

/* What the library says of the first 16 buffers. */
static double expected_score(const char *format, gsize size, const dp_frame *like, gint *index,
                             gchar **label) {
    g_autofree gchar *path = model_path();
    GstBuffer *held[WINDOW];
    GstMapInfo maps[WINDOW];
    dp_frame all[WINDOW];
    dp_model *model = NULL;
    dp_session *session = NULL;
    dp_clip clip;
    dp_result result;
    dp_prediction top;
    for (guint i = 0; i < WINDOW; i++) {
        held[i] = make_buffer(size, i);
        ck_assert(gst_buffer_map(held[i], &maps[i], GST_MAP_READ));
        all[i] = describe(format, maps[i].data);
        all[i].color = like->color;
        all[i].rotation = like->rotation;
        all[i].mirrored = like->mirrored;
        all[i].aspect_width = like->aspect_width;
        all[i].aspect_height = like->aspect_height;
    }
    dp_clip_default(&clip);
    dp_result_default(&result);
    clip.frames = all;
    clip.frame_count = WINDOW;
    clip.sampling = DP_SAMPLING_GIVEN;
    clip.crops = 1;
    ck_assert_int_eq(dp_model_open(path, NULL, &model), DP_OK);
    ck_assert_int_eq(dp_session_create(model, NULL, &session), DP_OK);
    ck_assert_int_eq(dp_classify_clip(session, &clip, &result), DP_OK);
    ck_assert_int_eq(dp_session_top(session, 1, &top), DP_OK);
    *label = g_strdup(top.label);
    dp_session_destroy(session);
    dp_model_close(model);
    for (guint i = 0; i < WINDOW; i++) {
        gst_buffer_unmap(held[i], &maps[i]);
        gst_buffer_unref(held[i]);
    }
    *index = top.index;
    return (double)top.probability;
}

/* The first window of these frames has the library's answer, to the last bit. */
static void compare_with_library(const char *format, const char *facts, const char *orientation,
                                 const dp_frame *like) {
    g_autofree gchar *caps = g_strdup_printf(
        "video/x-raw,format=%s,width=%d,height=%d,framerate=25/1%s", format, WIDTH, HEIGHT, facts);
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, caps);
    gsize size = size_of(caps);
    gint index = -1, wanted = -1;
    g_autofree gchar *label = NULL;
    if (orientation != NULL) {
        GstTagList *tags = gst_tag_list_new(GST_TAG_IMAGE_ORIENTATION, orientation, NULL);
        ck_assert(gst_harness_push_event(harness, gst_event_new_tag(tags)));
    }
    push_frames(harness, size, 0, WINDOW);
    push_eos(harness);
    GstStructure *said = next_said();
    ck_assert(said != NULL);
    double score = expected_score(format, size, like, &wanted, &label);
    ck_assert_msg(real(said, "score") == score, "%s%s: %.9g, not %.9g", format, facts,
                  real(said, "score"), score);
    ck_assert(gst_structure_get_int(said, "index", &index));
    ck_assert_int_eq(index, wanted);
    ck_assert_str_eq(gst_structure_get_string(said, "label"), label);
    gst_structure_free(said);
    tear_down(element, harness);
}

GST_START_TEST(every_format_has_the_answer_of_the_library) {
    static const char *const names[] = {"I420", "YV12", "NV12", "RGB",  "BGR",
                                        "RGBA", "RGBx", "BGRA", "BGRx", "GRAY8"};
    const dp_frame like = {.aspect_width = 1, .aspect_height = 1};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        compare_with_library(names[i], "", NULL, &like);
    }
}
GST_END_TEST

GST_START_TEST(colours_shapes_and_orientations_are_those_of_caps_and_tags) {
    dp_frame like = {.color = DP_COLOR_BT709_LIMITED};
    compare_with_library("I420", ",colorimetry=bt709", NULL, &like);
    like.color = DP_COLOR_BT2020_LIMITED;
    compare_with_library("NV12", ",colorimetry=bt2020", NULL, &like);
    like.color = DP_COLOR_BT601_FULL;
    compare_with_library("I420", ",colorimetry=(string)1:4:0:0", NULL, &like);
    like = (dp_frame){.aspect_width = 16, .aspect_height = 11};
    compare_with_library("I420", ",pixel-aspect-ratio=16/11", NULL, &like);
    like = (dp_frame){.rotation = 90};
    compare_with_library("RGB", "", "rotate-90", &like);
    like = (dp_frame){.rotation = 270, .mirrored = 1};
    compare_with_library("RGB", "", "flip-rotate-270", &like);
}
GST_END_TEST

GST_START_TEST(the_last_window_is_said_before_the_end) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    push_frames(harness, size_of(I420_CAPS), 0, WINDOW + 8);
    push_eos(harness);
    expect_window(0, 0, 0, 0);
    expect_window(1, 8, 8, 8);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

GST_START_TEST(frames_are_sampled_by_time_or_number) {
    GstElement *element = make_element();
    g_object_set(element, "rate", 0, "sample-fps", 12.5, NULL);
    GstHarness *harness = make_harness(element, I420_CAPS);
    push_frames(harness, size_of(I420_CAPS), 0, 2 * WINDOW);
    push_eos(harness);
    GstStructure *said = next_said();
    ck_assert_uint_eq(frames(said, "duration"), 30);
    gst_structure_free(said);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

/* ---- caps ---- */

GST_START_TEST(caps_change_within_a_window) {
    static const char rgb[] = "video/x-raw,format=RGB,width=64,height=48,framerate=25/1";
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    push_frames(harness, size_of(I420_CAPS), 0, 8);
    gst_harness_set_src_caps_str(harness, rgb);
    push_frames(harness, size_of(rgb), 8, 8);
    push_eos(harness);
    expect_window(0, 0, 0, 0);
    expect_silence();
    tear_down(element, harness);
}
GST_END_TEST

GST_START_TEST(frames_that_the_library_does_not_take_are_refused) {
    static const struct {
        const char *caps, *words;
    } cases[] = {
        {"video/x-raw,format=GRAY8,width=40,height=36,framerate=25/1,colorimetry=2:4:0:0",
         "grey frames of limited range"},
        {"video/x-raw,format=GRAY8,width=65537,height=1,framerate=25/1", "more than 65536 pixels"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GstElement *element = make_element();
        GstHarness *harness = gst_harness_new_with_element(element, "sink", "src");
        GstCaps *caps = gst_caps_from_string(cases[i].caps);
        ck_assert(gst_harness_push_event(harness, gst_event_new_stream_start("test")));
        (void)gst_harness_push_event(harness, gst_event_new_caps(caps));
        expect_error(GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, cases[i].words);
        gst_caps_unref(caps);
        tear_down(element, harness);
    }
}
GST_END_TEST

/* ---- starting ---- */

static void expect_refused(GstElement *element, GQuark domain, gint code, const char *words) {
    ck_assert_int_eq(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    expect_error(domain, code, words);
    tear_down(element, NULL);
}

GST_START_TEST(what_is_wrong_is_said_at_the_start) {
    GstElement *element = make_element();
    g_object_set(element, "model", NULL, NULL);
    expect_refused(element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "property model");
    element = make_element();
    g_object_set(element, "model", "/missing.gguf", NULL);
    expect_refused(element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, "/missing.gguf: ");
    element = make_element();
    g_autofree gchar *text = g_build_filename(g_getenv("GOLDEN"), "goldens.txt", NULL);
    g_object_set(element, "model", text, NULL);
    expect_refused(element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, "goldens.txt: ");
    element = make_element();
    g_object_set(element, "backbone", "/missing.gguf", NULL);
    expect_refused(element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, "/missing.gguf: ");
    element = make_element();
    g_object_set(element, "rate", 2, "sample-fps", 5.0, NULL);
    expect_refused(element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "sample_fps");
    element = make_element();
    g_object_set(element, "events", TRUE, "smooth", 2, NULL);
    expect_refused(element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "smooth");
    element = make_element();
    g_object_set(element, "events", TRUE, "background", "nothing", NULL);
    expect_refused(element, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS, "no class 'nothing'");
}
GST_END_TEST

GST_START_TEST(it_starts_and_stops_again_and_again) {
    GstElement *element = make_element();
    GstHarness *harness = make_harness(element, I420_CAPS);
    for (guint i = 0; i < 3; i++) {
        push_frames(harness, size_of(I420_CAPS), 0, WINDOW + 3);
        ck_assert_int_eq(gst_element_set_state(element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
        ck_assert_int_eq(gst_element_set_state(element, GST_STATE_PLAYING),
                         GST_STATE_CHANGE_SUCCESS);
        gst_harness_set_src_caps_str(harness, I420_CAPS);
    }
    tear_down(element, harness);
}
GST_END_TEST

GST_START_TEST(defaults_are_those_of_watch) {
    GstElement *element = gst_element_factory_make("dualpath", NULL);
    gint hop = -1, rate = -1, threads = -1, precision = -1, smooth = -1;
    gdouble threshold = -1, fps = -1;
    gboolean events = TRUE, sync = TRUE;
    g_object_get(element, "hop", &hop, "rate", &rate, "threads", &threads, "precision", &precision,
                 "smooth", &smooth, "threshold", &threshold, "sample-fps", &fps, "events", &events,
                 "sync", &sync, NULL);
    ck_assert(hop == 0 && rate == 0 && threads == 0 && precision == DP_PRECISION_DEFAULT);
    ck_assert(smooth == 1 && threshold == 0.5 && fps == 0 && !events && !sync);
    gst_util_set_object_arg(G_OBJECT(element), "precision", "int8");
    g_object_get(element, "precision", &precision, NULL);
    ck_assert_int_eq(precision, DP_PRECISION_INT8);
    gst_object_unref(element);
}
GST_END_TEST

static Suite *element_suite(void) {
    Suite *suite = suite_create("element");
    TCase *tests = tcase_create("element");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, buffers_go_through_untouched);
    tcase_add_test(tests, every_format_has_the_answer_of_the_library);
    tcase_add_test(tests, colours_shapes_and_orientations_are_those_of_caps_and_tags);
    tcase_add_test(tests, the_last_window_is_said_before_the_end);
    tcase_add_test(tests, frames_are_sampled_by_time_or_number);
    tcase_add_test(tests, caps_change_within_a_window);
    tcase_add_test(tests, frames_that_the_library_does_not_take_are_refused);
    tcase_add_test(tests, what_is_wrong_is_said_at_the_start);
    tcase_add_test(tests, it_starts_and_stops_again_and_again);
    tcase_add_test(tests, defaults_are_those_of_watch);
    suite_add_tcase(suite, tests);
    return suite;
}

GST_CHECK_MAIN(element)
