/*
 * Models as compiled files.
 */
#ifndef DPI_COMPILE_H
#define DPI_COMPILE_H

#include "model/model.h"
#include "os/sink.h"

/* Writes a file. A file of that name is replaced when the new one is complete. */
dp_status dpi_compile_to_path(const struct dp_model *model, const char *path, dpi_watch *watch,
                              dpi_message *message);

/* Writes to a buffer; with NULL, sets only *size. */
dp_status dpi_compile_to_memory(const struct dp_model *model, void *buffer, size_t capacity,
                                size_t *size, dpi_message *message);

/* Writes through a callback. */
dp_status dpi_compile_to_writer(const struct dp_model *model, const dp_writer *writer,
                                dpi_message *message);

/* The bytes of the file, and how many there are. (compiled_write.c) */
dp_status dpi_compiled_write(const struct dp_model *model, const dpi_sink *sink, dpi_watch *watch,
                             dpi_message *message);
dp_status dpi_compiled_size(const struct dp_model *model, uint64_t *size, dpi_message *message);

#endif /* DPI_COMPILE_H */
