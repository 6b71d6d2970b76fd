/*
 * What a file is that is no GGUF file, and what helps.
 */
#ifndef DPI_FOREIGN_H
#define DPI_FOREIGN_H

#include "base/message.h"

/* Says it, for bytes that do not begin with "GGUF". Answers with DP_ERR_FORMAT. */
dp_status dpi_refuse_foreign(const uint8_t *bytes, size_t size, dpi_message *message);

#endif /* DPI_FOREIGN_H */
