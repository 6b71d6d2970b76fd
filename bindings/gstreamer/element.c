/*
 * element.c - raw video that goes through untouched, while a watcher looks at it.
 *
 * It is an element of its own and no GstBaseTransform: buffers are neither copied nor dropped, late
 * ones neither, and a flush must reach a frame that waits.
 */
#include "element.h"

#include "analytics.h"
#include "frame.h"
#include "watcher.h"

#define CAPS GST_VIDEO_CAPS_MAKE(FRAME_FORMATS)

struct _GstDualpath {
    GstElement parent;
    GstPad *sink, *source;
    watch_options options; /* with the object's lock */
    watcher watcher;

    /* Of the streaming thread. */
    GstVideoInfo info;
    dp_frame shape; /* without planes */
    bool has_caps;
};

G_DEFINE_TYPE(GstDualpath, gst_dualpath, GST_TYPE_ELEMENT)

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(CAPS));
static GstStaticPadTemplate source_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(CAPS));

/* ---- frames ---- */

/* Backwards, motion is another one; and trick modes leave frames out. */
static bool is_played_as_filmed(const GstSegment *segment) {
    return segment->rate > 0 && segment->applied_rate > 0 &&
           (segment->flags & GST_SEGMENT_FLAG_TRICKMODE) == 0;
}

static GstFlowReturn look_at(GstDualpath *self, GstBuffer *buffer, GstClockTime position) {
    GstVideoFrame mapped;
    dp_frame frame = self->shape;
    if (!gst_video_frame_map(&mapped, &self->info, buffer, GST_MAP_READ)) {
        GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("A frame is smaller than its caps say."), (NULL));
        return GST_FLOW_ERROR;
    }
    frame_set_planes(&frame, &mapped);
    GstFlowReturn flow = watcher_push(&self->watcher, &frame, position);
    gst_video_frame_unmap(&mapped);
    return flow;
}

/* What is not in the segment is not shown, and not looked at. */
static GstFlowReturn look_at_shown(GstDualpath *self, GstBuffer *buffer) {
    GstClockTime start = GST_BUFFER_PTS(buffer), duration = GST_BUFFER_DURATION(buffer);
    GstClockTime end = GST_CLOCK_TIME_IS_VALID(duration) ? start + duration : start;
    if (!GST_CLOCK_TIME_IS_VALID(start) || self->watcher.segment.format != GST_FORMAT_TIME) {
        GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("A frame does not say when it is shown."), (NULL));
        return GST_FLOW_ERROR;
    }
    if (!is_played_as_filmed(&self->watcher.segment) ||
        !gst_segment_clip(&self->watcher.segment, GST_FORMAT_TIME, start, end, &start, &end)) {
        return GST_FLOW_OK;
    }
    return look_at(self, buffer, start);
}

static GstFlowReturn chain(GstPad *pad, GstObject *parent, GstBuffer *buffer) {
    GstDualpath *self = GST_DUALPATH(parent);
    (void)pad;
    GstFlowReturn flow = self->has_caps ? look_at_shown(self, buffer) : GST_FLOW_NOT_NEGOTIATED;
    if (flow != GST_FLOW_OK) {
        gst_buffer_unref(buffer);
        return flow;
    }
    return gst_pad_push(self->source, analytics_attach(buffer, &self->watcher));
}

/* ---- events ---- */

static bool take_caps(GstDualpath *self, GstEvent *event) {
    GstCaps *caps = NULL;
    gst_event_parse_caps(event, &caps);
    const char *wrong = gst_video_info_from_caps(&self->info, caps)
                            ? frame_set_shape(&self->shape, &self->info)
                            : "frames of such caps";
    self->has_caps = wrong == NULL;
    if (wrong != NULL) {
        GST_ELEMENT_ERROR(self, STREAM, FORMAT,
                          ("The library does not take %s; videoconvert makes others.", wrong),
                          ("%" GST_PTR_FORMAT, (void *)caps));
    }
    return self->has_caps;
}

/* The same segment once more goes on, as where files are joined. */
static void take_segment(GstDualpath *self, GstEvent *event) {
    const GstSegment *segment = NULL;
    gst_event_parse_segment(event, &segment);
    if (!gst_segment_is_equal(&self->watcher.segment, segment)) {
        watcher_drain(&self->watcher);
        gst_segment_copy_into(segment, &self->watcher.segment);
    }
}

static void take_tags(GstDualpath *self, GstEvent *event) {
    GstTagList *tags = NULL;
    g_autofree gchar *orientation = NULL;
    gst_event_parse_tag(event, &tags);
    if (gst_tag_list_get_string(tags, GST_TAG_IMAGE_ORIENTATION, &orientation)) {
        frame_set_orientation(&self->shape, orientation);
    }
}

static void take_flush_stop(GstDualpath *self) {
    watcher_reset(&self->watcher);
    gst_segment_init(&self->watcher.segment, GST_FORMAT_UNDEFINED);
}

static gboolean sink_event(GstPad *pad, GstObject *parent, GstEvent *event) {
    GstDualpath *self = GST_DUALPATH(parent);
    bool taken = true;
    switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_STREAM_START:
        watcher_drain(&self->watcher);
        frame_set_orientation(&self->shape, "rotate-0");
        break;
    case GST_EVENT_CAPS:
        taken = take_caps(self, event);
        break;
    case GST_EVENT_SEGMENT:
        take_segment(self, event);
        break;
    case GST_EVENT_TAG:
        take_tags(self, event);
        break;
    case GST_EVENT_SEGMENT_DONE:
    case GST_EVENT_EOS:
        watcher_drain(&self->watcher);
        break;
    case GST_EVENT_FLUSH_START:
        watcher_interrupt(&self->watcher);
        break;
    case GST_EVENT_FLUSH_STOP:
        take_flush_stop(self);
        break;
    default:
        break;
    }
    if (!taken) {
        gst_event_unref(event);
        return FALSE;
    }
    return gst_pad_event_default(pad, parent, event);
}

/* ---- states ---- */

static bool start(GstDualpath *self) {
    GST_OBJECT_LOCK(self);
    watch_options options = properties_copy(&self->options);
    GST_OBJECT_UNLOCK(self);
    bool started = watcher_open(&self->watcher, &options);
    properties_clear(&options);
    self->has_caps = false;
    self->shape = (dp_frame){0};
    gst_segment_init(&self->watcher.segment, GST_FORMAT_UNDEFINED);
    return started;
}

/* When pads are inactive. */
static void stop(GstDualpath *self) {
    watcher_reset(&self->watcher);
    watcher_close(&self->watcher);
}

static GstStateChangeReturn change_state(GstElement *element, GstStateChange transition) {
    GstDualpath *self = GST_DUALPATH(element);
    bool starts = transition == GST_STATE_CHANGE_READY_TO_PAUSED;
    bool stops = transition == GST_STATE_CHANGE_PAUSED_TO_READY;
    if (starts && !start(self)) {
        return GST_STATE_CHANGE_FAILURE;
    }
    if (stops) {
        watcher_interrupt(&self->watcher);
    }
    GstStateChangeReturn changed =
        GST_ELEMENT_CLASS(gst_dualpath_parent_class)->change_state(element, transition);
    if (stops || (starts && changed == GST_STATE_CHANGE_FAILURE)) {
        stop(self);
    }
    return changed;
}

/* ---- the object ---- */

static void set_property(GObject *object, guint number, const GValue *value, GParamSpec *spec) {
    (void)spec;
    GST_OBJECT_LOCK(object);
    properties_set(&GST_DUALPATH(object)->options, number, value);
    GST_OBJECT_UNLOCK(object);
}

static void get_property(GObject *object, guint number, GValue *value, GParamSpec *spec) {
    GstDualpath *self = GST_DUALPATH(object);
    (void)spec;
    if (number > properties_count()) {
        g_value_set_uint64(value, watcher_dropped(&self->watcher));
        return;
    }
    GST_OBJECT_LOCK(object);
    properties_get(&self->options, number, value);
    GST_OBJECT_UNLOCK(object);
}

static void finalize(GObject *object) {
    GstDualpath *self = GST_DUALPATH(object);
    properties_clear(&self->options);
    watcher_clear(&self->watcher);
    G_OBJECT_CLASS(gst_dualpath_parent_class)->finalize(object);
}

static void gst_dualpath_init(GstDualpath *self) {
    self->sink = gst_pad_new_from_static_template(&sink_template, "sink");
    self->source = gst_pad_new_from_static_template(&source_template, "src");
    gst_pad_set_chain_function(self->sink, chain);
    gst_pad_set_event_function(self->sink, sink_event);
    GST_PAD_SET_PROXY_CAPS(self->sink);
    GST_PAD_SET_PROXY_CAPS(self->source);
    GST_PAD_SET_PROXY_ALLOCATION(self->sink);
    GST_PAD_SET_PROXY_SCHEDULING(self->sink);
    GST_PAD_SET_PROXY_SCHEDULING(self->source);
    (void)gst_element_add_pad(GST_ELEMENT(self), self->sink);
    (void)gst_element_add_pad(GST_ELEMENT(self), self->source);
    watcher_init(&self->watcher, GST_ELEMENT(self));
}

static void gst_dualpath_class_init(GstDualpathClass *class) {
    GObjectClass *object_class = G_OBJECT_CLASS(class);
    GstElementClass *element_class = GST_ELEMENT_CLASS(class);
    object_class->set_property = set_property;
    object_class->get_property = get_property;
    object_class->finalize = finalize;
    element_class->change_state = change_state;
    properties_install(object_class);
    g_object_class_install_property(
        object_class, properties_count() + 1,
        g_param_spec_uint64(
            "dropped", "dropped", "Sampled frames that were not looked at, as of the last window",
            0, G_MAXUINT64, 0, (GParamFlags)(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
    gst_element_class_add_static_pad_template(element_class, &sink_template);
    gst_element_class_add_static_pad_template(element_class, &source_template);
    gst_element_class_set_static_metadata(
        element_class, "Action recognition", "Filter/Analyzer/Video",
        "Says on the bus what happens in video, which goes through untouched",
        "The libdualpath authors");
}
