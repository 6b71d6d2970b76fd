/*
 * element.h - the element dualpath.
 */
#ifndef ELEMENT_H
#define ELEMENT_H

#include <gst/gst.h>

G_DECLARE_FINAL_TYPE(GstDualpath, gst_dualpath, GST, DUALPATH, GstElement)

#endif /* ELEMENT_H */
