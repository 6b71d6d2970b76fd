/*
 * Reading the structure of a GGUF file from front to back: header, metadata entries and tensor
 * descriptions. Every number of the file is checked against what the remaining bytes can hold
 * before it is used.
 */
#ifndef DPI_SCAN_H
#define DPI_SCAN_H

#include "gguf/contents.h"

/* Where the scan is in the file, and for messages what it is reading: `kind` with its `index`, or,
 * once it is known, with its `name`. */
typedef struct dpi_scan {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    const char *kind;
    size_t index;
    dpi_text name;
    dpi_message *message;
} dpi_scan;

/* Bytes from the scan's place to the end. */
size_t dpi_scan_remaining(const dpi_scan *scan);

/* The three parts of a file, in their order. The first sets the numbers of entries and tensors, for
 * which the others need tables (dpi_gguf_allocate()). After the third the scan is at the end
 * of the descriptions. */
dp_status dpi_scan_header(dpi_scan *scan, dpi_gguf *gguf);
dp_status dpi_scan_metadata(dpi_scan *scan, dpi_gguf *gguf);
dp_status dpi_scan_descriptions(dpi_scan *scan, dpi_gguf *gguf);

#endif /* DPI_SCAN_H */
