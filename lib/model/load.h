/*
 * Loading a weight file as a model, and verifying one.
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

/* Builds a model from a file. The model keeps what it uses of the file; the rest is freed. Where
 * memory is limited, an account for the model is opened, and becomes that of `opening`. */
dp_status dpi_model_load(const dpi_origin *origin, dpi_opening *opening, dp_model **model,
                         dpi_message *message);

/* Checks every tensor of a file against its checksum. */
dp_status dpi_weight_file_verify(const dpi_origin *origin, dpi_opening *opening,
                                 dpi_message *message);

#endif /* DPI_LOAD_H */
