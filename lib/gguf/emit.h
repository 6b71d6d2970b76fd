/*
 * A writer of GGUF files, front to back. An emitter without a sink only counts: the code that
 * writes a file runs twice, and the numbers that the header needs come from its first run.
 */
#ifndef DPI_EMIT_H
#define DPI_EMIT_H

#include "gguf/contents.h"
#include "os/sink.h"

/* Sizes of a file, which one run over it finds out. */
typedef struct dpi_emitted {
    uint64_t entries, tensors, bytes;
    uint64_t checked; /* bytes that checksums were made of */
} dpi_emitted;

typedef struct dpi_emitter {
    const dpi_sink *sink; /* NULL: only counts */
    dpi_watch *watch;     /* of an emitter with a sink; advances by checked and written bytes */
    dpi_message *message;
    dp_status status;     /* the first failure; after it nothing is written */
    dpi_emitted expected; /* of the run that counted; zeros in that run itself */
    dpi_emitted emitted;  /* so far */
    uint64_t described;   /* bytes of the data section that were described so far */
    uint64_t data_begin;  /* where that section begins */
    size_t held;          /* bytes in the buffer */
    uint8_t buffer[4096];
} dpi_emitter;

/* The header says what is expected. */
void dpi_emit_header(dpi_emitter *to);

/* Metadata entries. */
void dpi_emit_u32(dpi_emitter *to, const char *key, size_t value);
void dpi_emit_u64(dpi_emitter *to, const char *key, uint64_t value);
void dpi_emit_f32(dpi_emitter *to, const char *key, float value);
void dpi_emit_bool(dpi_emitter *to, const char *key, bool value);
void dpi_emit_string(dpi_emitter *to, const char *key, const char *value);
/* An array, whose elements then follow. */
void dpi_emit_array(dpi_emitter *to, const char *key, dpi_value_type type, uint64_t count);
void dpi_emit_u32_element(dpi_emitter *to, uint32_t value);
void dpi_emit_f32_element(dpi_emitter *to, float value);
void dpi_emit_string_element(dpi_emitter *to, const char *value);

/* Descriptions of tensors, then, after dpi_emit_data_begin(), their bytes in the same order:
 * `bytes` of them, aligned to DPI_ALIGNMENT. It is a failure to write other bytes than were
 * described. */
void dpi_emit_description(dpi_emitter *to, const dpi_tensor *tensor);
void dpi_emit_data_begin(dpi_emitter *to);
void dpi_emit_data(dpi_emitter *to, const dpi_tensor *tensor);

/* Writes what is still in the buffer, and checks that the file is what its header says. */
dp_status dpi_emit_end(dpi_emitter *to);

#endif /* DPI_EMIT_H */
