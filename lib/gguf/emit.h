/*
 * A writer of GGUF files, front to back. An emitter without a sink only counts: the code that
 * writes a file runs twice, and the numbers that the header needs come from its first run.
 */
#ifndef DP_EMIT_H
#define DP_EMIT_H

#include "gguf/contents.h"
#include "os/sink.h"

/* What a file has, known when it was emitted once. */
typedef struct dp_emitted {
    uint64_t entries, tensors, bytes;
} dp_emitted;

typedef struct dp_emitter {
    const dp_sink *sink; /* NULL: only counts */
    dp_message *message;
    dp_status status;    /* the first failure; after it nothing is written */
    dp_emitted expected; /* of the run that counted; zeros in that run itself */
    dp_emitted emitted;  /* so far */
    uint64_t described;  /* bytes of the data section that descriptions have given away */
    uint64_t data_begin; /* where that section begins */
    size_t held;         /* bytes in the buffer */
    uint8_t buffer[4096];
} dp_emitter;

/* The header says what is expected. */
void dp_emit_header(dp_emitter *to);

/* Metadata entries. */
void dp_emit_u32(dp_emitter *to, const char *key, size_t value);
void dp_emit_u64(dp_emitter *to, const char *key, uint64_t value);
void dp_emit_f32(dp_emitter *to, const char *key, float value);
void dp_emit_bool(dp_emitter *to, const char *key, bool value);
void dp_emit_string(dp_emitter *to, const char *key, const char *value);
/* An array, whose elements then follow. */
void dp_emit_array(dp_emitter *to, const char *key, dp_value_type type, uint64_t count);
void dp_emit_u32_element(dp_emitter *to, uint32_t value);
void dp_emit_f32_element(dp_emitter *to, float value);
void dp_emit_string_element(dp_emitter *to, const char *value);

/* Descriptions of tensors, then, behind dp_emit_data_begin(), their bytes in the same order:
 * `bytes` of them, aligned to DP_ALIGNMENT. Other bytes than were described are a failure. */
void dp_emit_description(dp_emitter *to, const dp_tensor *tensor);
void dp_emit_data_begin(dp_emitter *to);
void dp_emit_data(dp_emitter *to, const dp_tensor *tensor);

/* Writes what is still in the buffer. After the run that wrote: whether it wrote what was expected.
 */
dp_status dp_emit_end(dp_emitter *to);

#endif /* DP_EMIT_H */
