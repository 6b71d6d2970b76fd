/*
 * A reader of GGUF version 3 for files that cannot be trusted: docs/weight-format.md, "Container".
 * It checks the whole structure once; what it hands out afterwards lies inside the bytes. It knows
 * nothing of what the tensors are for.
 */
#ifndef DPI_GGUF_H
#define DPI_GGUF_H

#include "gguf/contents.h"
#include "gguf/metadata.h"
#include "gguf/tensor.h"

/* Aligns the data section and the tensors in it. */
#define DPI_GGUF_ALIGNMENT_KEY "general.alignment"

/* The key of the tensors' checksums, an array of u32 in the order of the tensors. GGUF has no
 * checksums of its own. This array is our addition to the container and the same whatever the
 * tensors are for, so the reader of the container knows the key, and callers do not pass it. */
#define DPI_GGUF_CRC_KEY "dualpath.tensor_crc32"

/* Parses and checks. The bytes must outlive the result. On failure nothing is held. */
dp_status dpi_gguf_parse(const uint8_t *bytes, size_t size, const dp_allocator *allocator,
                         dpi_gguf *gguf, dpi_message *message);

#endif /* DPI_GGUF_H */
