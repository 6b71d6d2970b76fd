/*
 * properties.c - the table of the element's properties.
 */
#include "properties.h"

#include "dualpath.h"

typedef enum property_kind {
    KIND_TEXT,
    KIND_INTEGER,
    KIND_REAL,
    KIND_SWITCH,
    KIND_PRECISION
} property_kind;

typedef struct property {
    const char *name, *blurb;
    property_kind kind;
    size_t offset; /* in watch_options */
    gdouble least, most, normal;
} property;

#define AT(field) offsetof(watch_options, field)

/* Bounds that depend on each other are checked by the library when the element starts. */
static const property properties[] = {
    {"model", "Weight file", KIND_TEXT, AT(model), 0, 0, 0},
    {"backbone", "Weight file of the backbone, where the model is a task on one", KIND_TEXT,
     AT(backbone), 0, 0, 0},
    {"hop", "Sampled frames from one window to the next (0: one new image of the spatial path)",
     KIND_INTEGER, AT(hop), 0, DP_MAX_HOP, 0},
    {"rate", "Sample every rate-th frame (0: the model's)", KIND_INTEGER, AT(rate), 0, 65536, 0},
    {"sample-fps", "Sample by time instead: this many frames a second (0: by rate)", KIND_REAL,
     AT(sample_fps), 0, 1000, 0},
    {"events", "Post what happened when, too: an event when it is over", KIND_SWITCH, AT(events), 0,
     1, 0},
    {"threshold", "An event begins where its smoothed probability is at least this", KIND_REAL,
     AT(threshold), 0, 1, 0.5},
    {"smooth", "Windows whose mean is taken for events, an odd number", KIND_INTEGER, AT(smooth), 1,
     DP_MAX_SMOOTH, 1},
    {"shortest", "Leave out events of less than this many seconds", KIND_REAL, AT(shortest), 0,
     86400, 0},
    {"join", "Events of a class with less than this many seconds between them are one", KIND_REAL,
     AT(join), 0, 86400, 0},
    {"background", "The class of this label means that nothing happens", KIND_TEXT, AT(background),
     0, 0, 0},
    {"several", "Events of several classes at the same time", KIND_SWITCH, AT(several), 0, 1, 0},
    {"threads", "Threads to compute with (0: as many as can run)", KIND_INTEGER, AT(threads), 0,
     DP_MAX_THREADS, 0},
    {"precision", "Numbers to multiply in", KIND_PRECISION, AT(precision), 0, 0, 0},
    {"queue", "Sampled frames that may wait to be computed", KIND_INTEGER, AT(queue), 1,
     DP_MAX_QUEUE, 4},
    {"sync", "Wait where the queue is full, for files, instead of dropping the oldest frame",
     KIND_SWITCH, AT(sync), 0, 1, 0},
};

guint properties_count(void) {
    return G_N_ELEMENTS(properties);
}

/* The names of dp_precision_name(). */
static GType precision_type(void) {
    static gsize type = 0;
    static GEnumValue values[16];
    if (g_once_init_enter(&type)) {
        const char *unknown = dp_precision_name(DP_PRECISION_UNKNOWN);
        for (gint i = 0; i < 15 && g_strcmp0(dp_precision_name(i), unknown) != 0; i++) {
            values[i] = (GEnumValue){i, dp_precision_name(i), dp_precision_name(i)};
        }
        g_once_init_leave(&type, g_enum_register_static("GstDualpathPrecision", values));
    }
    return type;
}

static GParamSpec *make_spec(const property *p) {
    GParamFlags flags = (GParamFlags)(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                      G_PARAM_CONSTRUCT | GST_PARAM_MUTABLE_READY);
    switch (p->kind) {
    case KIND_TEXT:
        return g_param_spec_string(p->name, p->name, p->blurb, NULL, flags);
    case KIND_INTEGER:
        return g_param_spec_int(p->name, p->name, p->blurb, (gint)p->least, (gint)p->most,
                                (gint)p->normal, flags);
    case KIND_REAL:
        return g_param_spec_double(p->name, p->name, p->blurb, p->least, p->most, p->normal, flags);
    case KIND_SWITCH:
        return g_param_spec_boolean(p->name, p->name, p->blurb, p->normal > 0, flags);
    case KIND_PRECISION:
    default:
        return g_param_spec_enum(p->name, p->name, p->blurb, precision_type(), (gint)p->normal,
                                 flags);
    }
}

void properties_install(GObjectClass *class) {
    for (guint i = 0; i < properties_count(); i++) {
        g_object_class_install_property(class, i + 1, make_spec(&properties[i]));
    }
    gst_type_mark_as_plugin_api(precision_type(), (GstPluginAPIFlags)0);
}

void properties_set(watch_options *options, guint number, const GValue *value) {
    const property *p = &properties[number - 1];
    void *field = (char *)options + p->offset;
    switch (p->kind) {
    case KIND_TEXT:
        g_free(*(gchar **)field);
        *(gchar **)field = g_value_dup_string(value);
        break;
    case KIND_INTEGER:
        *(gint *)field = g_value_get_int(value);
        break;
    case KIND_REAL:
        *(gdouble *)field = g_value_get_double(value);
        break;
    case KIND_SWITCH:
        *(gboolean *)field = g_value_get_boolean(value);
        break;
    case KIND_PRECISION:
    default:
        *(gint *)field = g_value_get_enum(value);
        break;
    }
}

void properties_get(const watch_options *options, guint number, GValue *value) {
    const property *p = &properties[number - 1];
    const void *field = (const char *)options + p->offset;
    switch (p->kind) {
    case KIND_TEXT:
        g_value_set_string(value, *(gchar *const *)field);
        break;
    case KIND_INTEGER:
        g_value_set_int(value, *(const gint *)field);
        break;
    case KIND_REAL:
        g_value_set_double(value, *(const gdouble *)field);
        break;
    case KIND_SWITCH:
        g_value_set_boolean(value, *(const gboolean *)field);
        break;
    case KIND_PRECISION:
    default:
        g_value_set_enum(value, *(const gint *)field);
        break;
    }
}

watch_options properties_copy(const watch_options *options) {
    watch_options copy = *options;
    copy.model = g_strdup(options->model);
    copy.backbone = g_strdup(options->backbone);
    copy.background = g_strdup(options->background);
    return copy;
}

void properties_clear(watch_options *options) {
    g_clear_pointer(&options->model, g_free);
    g_clear_pointer(&options->backbone, g_free);
    g_clear_pointer(&options->background, g_free);
}
