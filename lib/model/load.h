/*
 * From a weight file to a model, or to the answer that its bytes are sound.
 */
#ifndef DPI_LOAD_H
#define DPI_LOAD_H

#include "model/model.h"

typedef enum dpi_origin_kind { DPI_FROM_PATH, DPI_FROM_MEMORY, DPI_FROM_READER } dpi_origin_kind;

/* Where a weight file is. */
typedef struct dpi_origin {
    dpi_origin_kind kind;
    const char *path;
    const void *bytes; /* `size` of them, which stay as they are while the model is open */
    size_t size;
    const dp_reader *reader;
} dpi_origin;

/* Reads, inflates, checks and parses the file and builds a model from it. What the model uses of
 * the file goes on living with it; the rest is let go of on the way. */
dp_status dpi_model_load(const dpi_origin *origin, const dpi_opening *opening, dp_model **model,
                         dpi_message *message);

/* Reads, inflates and parses the file and checks every tensor against its checksum. */
dp_status dpi_weight_file_verify(const dpi_origin *origin, const dp_model_options *options,
                                 dpi_message *message);

#endif /* DPI_LOAD_H */
