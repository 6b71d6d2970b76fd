/*
 * Reading the structure of a GGUF file from front to back: header, metadata entries and tensor
 * descriptions. No number of the file is used before it was held against what the remaining bytes
 * can hold.
 */
#ifndef DP_SCAN_H
#define DP_SCAN_H

#include "gguf/contents.h"

/* Where the scan is in the file, and for messages what it is reading: `kind` with its `index`, or,
 * once it is known, with its `name`. */
typedef struct dp_scan {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    const char *kind;
    size_t index;
    dp_text name;
    dp_message *message;
} dp_scan;

/* Bytes behind the scan's place. */
size_t dp_scan_remaining(const dp_scan *scan);

/* The three parts of a file, in their order. The first sets the numbers of entries and tensors, for
 * which the others need tables (dp_gguf_allocate()). Behind the third the scan stands at the end of
 * the descriptions. */
dp_status dp_scan_header(dp_scan *scan, dp_gguf *gguf);
dp_status dp_scan_metadata(dp_scan *scan, dp_gguf *gguf);
dp_status dp_scan_descriptions(dp_scan *scan, dp_gguf *gguf);

#endif /* DP_SCAN_H */
