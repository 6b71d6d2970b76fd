/*
 * Writing the structure of a GGUF file. Numbers are gathered in a buffer, so that the sink is not
 * asked for four bytes at a time.
 */
#include "gguf/emit.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/size.h"

#define VERSION 3

/* ---- bytes ---- */

static void emit_to_sink(dpi_emitter *to, const uint8_t *bytes, size_t size) {
    for (size_t done = 0; to->sink != NULL && to->status == DP_OK && done < size;) {
        size_t count = dpi_size_min(size - done, DPI_WATCHED_BYTES);
        to->status = to->sink->write(to->sink->user, bytes + done, count, to->message);
        if (to->status == DP_OK) {
            to->status = dpi_watch_advance(to->watch, count, to->message);
        }
        done += count;
    }
}

static void emit_buffer(dpi_emitter *to) {
    emit_to_sink(to, to->buffer, to->held);
    to->held = 0;
}

static void emit_bytes(dpi_emitter *to, const void *bytes, size_t size) {
    to->emitted.bytes += size;
    if (size > sizeof to->buffer - to->held) {
        emit_buffer(to);
    }
    if (size > sizeof to->buffer) {
        emit_to_sink(to, bytes, size);
    } else {
        memcpy(to->buffer + to->held, bytes, size);
        to->held += size;
    }
}

/* Little-endian. */
static void emit_number(dpi_emitter *to, uint64_t value, size_t size) {
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    emit_bytes(to, bytes, size);
}

static void emit_text(dpi_emitter *to, dpi_text text) {
    emit_number(to, text.length, 8);
    emit_bytes(to, text.bytes, text.length);
}

static uint64_t round_to_alignment(uint64_t size) {
    return (size + DPI_ALIGNMENT - 1) / DPI_ALIGNMENT * DPI_ALIGNMENT;
}

static void emit_padding(dpi_emitter *to) {
    static const uint8_t zeros[DPI_ALIGNMENT] = {0};
    uint64_t bytes = to->emitted.bytes;
    emit_bytes(to, zeros, (size_t)(round_to_alignment(bytes) - bytes));
}

/* ---- header and metadata ---- */

void dpi_emit_header(dpi_emitter *to) {
    emit_bytes(to, "GGUF", 4);
    emit_number(to, VERSION, 4);
    emit_number(to, to->expected.tensors, 8);
    emit_number(to, to->expected.entries, 8);
}

static void emit_key(dpi_emitter *to, const char *key, dpi_value_type type) {
    emit_text(to, dpi_text_of(key));
    emit_number(to, type, 4);
    to->emitted.entries++;
}

void dpi_emit_u32(dpi_emitter *to, const char *key, size_t value) {
    emit_key(to, key, DPI_VALUE_U32);
    emit_number(to, value, 4);
}

void dpi_emit_u64(dpi_emitter *to, const char *key, uint64_t value) {
    emit_key(to, key, DPI_VALUE_U64);
    emit_number(to, value, 8);
}

void dpi_emit_f32(dpi_emitter *to, const char *key, float value) {
    emit_key(to, key, DPI_VALUE_F32);
    emit_number(to, dpi_bits_of_float(value), 4);
}

void dpi_emit_bool(dpi_emitter *to, const char *key, bool value) {
    emit_key(to, key, DPI_VALUE_BOOL);
    emit_number(to, value ? 1 : 0, 1);
}

void dpi_emit_string(dpi_emitter *to, const char *key, const char *value) {
    emit_key(to, key, DPI_VALUE_STRING);
    emit_text(to, dpi_text_of(value));
}

void dpi_emit_array(dpi_emitter *to, const char *key, dpi_value_type type, uint64_t count) {
    emit_key(to, key, DPI_VALUE_ARRAY);
    emit_number(to, type, 4);
    emit_number(to, count, 8);
}

void dpi_emit_u32_element(dpi_emitter *to, uint32_t value) {
    emit_number(to, value, 4);
}

void dpi_emit_f32_element(dpi_emitter *to, float value) {
    emit_number(to, dpi_bits_of_float(value), 4);
}

void dpi_emit_string_element(dpi_emitter *to, const char *value) {
    emit_text(to, dpi_text_of(value));
}

/* ---- tensors ---- */

void dpi_emit_description(dpi_emitter *to, const dpi_tensor *tensor) {
    emit_text(to, tensor->name);
    emit_number(to, tensor->dims, 4);
    for (size_t i = tensor->dims; i > 0; i--) {
        emit_number(to, tensor->shape[i - 1], 8);
    }
    emit_number(to, tensor->type, 4);
    emit_number(to, to->described, 8);
    to->described += round_to_alignment(tensor->bytes);
    to->emitted.tensors++;
}

void dpi_emit_data_begin(dpi_emitter *to) {
    emit_padding(to);
    to->data_begin = to->emitted.bytes;
}

void dpi_emit_data(dpi_emitter *to, const dpi_tensor *tensor) {
    emit_bytes(to, tensor->data, tensor->bytes);
    emit_padding(to);
}

/* ---- the end ---- */

dp_status dpi_emit_end(dpi_emitter *to) {
    const dpi_emitted *emitted = &to->emitted;
    const dpi_emitted *expected = &to->expected;
    bool as_expected = emitted->entries == expected->entries &&
                       emitted->tensors == expected->tensors && emitted->bytes == expected->bytes;
    emit_buffer(to);
    if (to->status == DP_OK &&
        (emitted->bytes - to->data_begin != to->described || (to->sink != NULL && !as_expected))) {
        to->status =
            dpi_fail(to->message, DP_ERR_IO, "what was written is not what the header says");
    }
    return to->status;
}
