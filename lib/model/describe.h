/*
 * What a weight file says as a whole.
 */
#ifndef DPI_DESCRIBE_H
#define DPI_DESCRIBE_H

#include "model/model.h"

/* Sets the file type, the numbers of parameters and the backbone's hash of a model. */
dp_status dpi_describe_file(const dpi_gguf *gguf, struct dp_model *model, dpi_message *message);

#endif /* DPI_DESCRIBE_H */
