/*
 * overlay.c - an example: plays a video with what happens in it written into the picture.
 *
 *     overlay [--backbone FILE] [--output FILE.y4m] MODEL VIDEO
 *
 * The element dualpath posts a message for each window, and the text of textoverlay becomes its
 * label.
 */
#include <gst/gst.h>
#include <stdbool.h>
#include <stdio.h>

#define PIPELINE                                                       \
    "uridecodebin name=source ! videoconvert ! dualpath name=watch ! " \
    "textoverlay name=text valignment=top font-desc=\"Sans, 24\" ! videoconvert ! "

/* Called in the thread that says the window, while the frames after it go by. */
static GstBusSyncReply show(GstBus *bus, GstMessage *message, gpointer text) {
    const GstStructure *said = gst_message_get_structure(message);
    gdouble score = 0;
    (void)bus;
    if (gst_message_has_name(message, "dualpath-window") &&
        gst_structure_get_double(said, "score", &score)) {
        g_autofree gchar *line =
            g_strdup_printf("%s %.0f %%", gst_structure_get_string(said, "label"), 100 * score);
        g_object_set(text, "text", line, NULL);
    }
    return GST_BUS_PASS;
}

/* Until the video ends, or something is wrong. */
static bool play(GstElement *pipeline) {
    g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
    g_autoptr(GstElement) text = gst_bin_get_by_name(GST_BIN(pipeline), "text");
    g_autoptr(GError) error = NULL;
    gst_bus_set_sync_handler(bus, show, text, NULL);
    (void)gst_element_set_state(pipeline, GST_STATE_PLAYING);
    g_autoptr(GstMessage) last = gst_bus_timed_pop_filtered(
        bus, GST_CLOCK_TIME_NONE, (GstMessageType)(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    if (GST_MESSAGE_TYPE(last) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(last, &error, NULL);
        fprintf(stderr, "overlay: %s\n", error->message);
    }
    (void)gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_bus_set_sync_handler(bus, NULL, NULL, NULL);
    return error == NULL;
}

/* A video that is written waits for its answers; one that is shown does not. */
static GstElement *build(const gchar *output, const gchar *model, const gchar *backbone,
                         const gchar *video, GError **error) {
    g_autofree gchar *uri =
        gst_uri_is_valid(video) ? g_strdup(video) : gst_filename_to_uri(video, error);
    GstElement *pipeline = uri == NULL ? NULL
                           : output != NULL
                               ? gst_parse_launch(PIPELINE "y4menc ! filesink name=file", error)
                               : gst_parse_launch(PIPELINE "autovideosink", error);
    if (pipeline == NULL) {
        return NULL;
    }
    gst_child_proxy_set(GST_CHILD_PROXY(pipeline), "source::uri", uri, "watch::model", model,
                        "watch::backbone", backbone, "watch::sync", output != NULL, NULL);
    if (output != NULL) {
        gst_child_proxy_set(GST_CHILD_PROXY(pipeline), "file::location", output, NULL);
    }
    return pipeline;
}

int main(int count, char **arguments) {
    g_autofree gchar *backbone = NULL, *output = NULL;
    const GOptionEntry entries[] = {{"backbone", 0, 0, G_OPTION_ARG_FILENAME, &backbone,
                                     "MODEL is a task of this model", "FILE"},
                                    {"output", 0, 0, G_OPTION_ARG_FILENAME, &output,
                                     "write the video instead of showing it", "FILE.y4m"},
                                    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GstElement) pipeline = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("MODEL VIDEO");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, gst_init_get_option_group());
    if (g_option_context_parse(context, &count, &arguments, &error) && count != 3) {
        g_set_error_literal(&error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "MODEL and VIDEO are expected; --help says more");
    }
    if (error == NULL) {
        pipeline = build(output, arguments[1], backbone, arguments[2], &error);
    }
    if (error != NULL) {
        fprintf(stderr, "overlay: %s\n", error->message);
        return 2;
    }
    return play(pipeline) ? 0 : 1;
}
