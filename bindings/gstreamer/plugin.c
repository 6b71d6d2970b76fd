/*
 * plugin.c - the plugin, as GStreamer finds it.
 */
#include "dualpath.h"
#include "element.h"

#define PACKAGE "libdualpath"

static gboolean register_elements(GstPlugin *plugin) {
    return gst_element_register(plugin, "dualpath", GST_RANK_NONE, gst_dualpath_get_type());
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, dualpath, "Action recognition in video",
                  register_elements, DP_VERSION_STRING, "MIT/X11", PACKAGE, "libdualpath")
