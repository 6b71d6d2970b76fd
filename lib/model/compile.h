/*
 * Models as compiled files.
 */
#ifndef DPI_COMPILE_H
#define DPI_COMPILE_H

#include "model/model.h"
#include "os/sink.h"

/* To a file, which replaces one that is there when it is complete. */
dp_status dpi_compile_to_path(const struct dp_model *model, const char *path, dpi_message *message);

/* To a buffer; NULL: sets only *size. */
dp_status dpi_compile_to_memory(const struct dp_model *model, void *buffer, size_t capacity,
                                size_t *size, dpi_message *message);

dp_status dpi_compile_to_writer(const struct dp_model *model, const dp_writer *writer,
                                dpi_message *message);

/* What the three write: the bytes of the file, and how many they are. (compiled_write.c) */
dp_status dpi_compiled_write(const struct dp_model *model, const dpi_sink *sink,
                             dpi_message *message);
dp_status dpi_compiled_size(const struct dp_model *model, uint64_t *size, dpi_message *message);

#endif /* DPI_COMPILE_H */
