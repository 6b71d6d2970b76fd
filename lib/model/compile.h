/*
 * Models as compiled files.
 */
#ifndef DP_COMPILE_H
#define DP_COMPILE_H

#include "model/model.h"
#include "os/sink.h"

/* To a file, which replaces one that is there when it is complete. */
dp_status dp_compile_to_path(const struct dp_model *model, const char *path, dp_message *message);

/* To a buffer; NULL: sets only *size. */
dp_status dp_compile_to_memory(const struct dp_model *model, void *buffer, size_t capacity,
                               size_t *size, dp_message *message);

dp_status dp_compile_to_writer(const struct dp_model *model, const dp_writer *writer,
                               dp_message *message);

/* What the three write: the bytes of the file, and how many they are. (compiled_write.c) */
dp_status dp_compiled_write(const struct dp_model *model, const dp_sink *sink, dp_message *message);
dp_status dp_compiled_size(const struct dp_model *model, uint64_t *size, dp_message *message);

#endif /* DP_COMPILE_H */
