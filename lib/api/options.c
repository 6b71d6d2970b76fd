/*
 * Options: their defaults, and checks of what several of them have.
 */
#include "api/api.h"

#include <stddef.h>

/* ---- structs that begin with struct_size ---- */

#define END_OF(type, field) (offsetof(type, field) + sizeof(((type *)NULL)->field))

/* `last` is the last field that the struct had in 0.2.0; fields are only added after it. */
#define STRUCT_TYPE(type, last, set)                                  \
    .name = #type, .size = sizeof(type), .alignment = _Alignof(type), \
    .first_size = END_OF(type, last), .defaults = (set)

static const dp_model_options default_model_options = {
    .struct_size = sizeof(dp_model_options),
    .cpu_mask = DP_CPU_ALL,
};
static const dp_model_info default_model_info = {.struct_size = sizeof(dp_model_info)};
static const dp_pool_options default_pool_options = {.struct_size = sizeof(dp_pool_options)};
static const dp_session_options default_session_options = {.struct_size =
                                                               sizeof(dp_session_options)};
static const dp_clip default_clip = {.struct_size = sizeof(dp_clip)};
static const dp_result default_result = {.struct_size = sizeof(dp_result)};
static const dp_stream_options default_stream_options = {
    .struct_size = sizeof(dp_stream_options), .crops = 1, .queue = 1};
static const dp_events_options default_events_options = {
    .struct_size = sizeof(dp_events_options), .begin_at = 0.5, .entropy = 1.0, .smooth = 1};
static const dp_window default_window = {.struct_size = sizeof(dp_window)};

const dpi_struct_type dpi_model_options_type = {
    STRUCT_TYPE(dp_model_options, max_memory, &default_model_options)};
const dpi_struct_type dpi_model_info_type = {
    STRUCT_TYPE(dp_model_info, position_antialias, &default_model_info)};
const dpi_struct_type dpi_pool_options_type = {
    STRUCT_TYPE(dp_pool_options, reserved, &default_pool_options),
    .reserved = offsetof(dp_pool_options, reserved),
    .reserved_end = END_OF(dp_pool_options, reserved)};
const dpi_struct_type dpi_session_options_type = {
    STRUCT_TYPE(dp_session_options, reserved, &default_session_options),
    .reserved = offsetof(dp_session_options, reserved),
    .reserved_end = END_OF(dp_session_options, reserved)};
const dpi_struct_type dpi_clip_type = {STRUCT_TYPE(dp_clip, crops, &default_clip)};
const dpi_struct_type dpi_result_type = {STRUCT_TYPE(dp_result, timings, &default_result)};
const dpi_struct_type dpi_stream_options_type = {
    STRUCT_TYPE(dp_stream_options, reserved, &default_stream_options),
    .reserved = offsetof(dp_stream_options, reserved),
    .reserved_end = END_OF(dp_stream_options, reserved)};
const dpi_struct_type dpi_events_options_type = {
    STRUCT_TYPE(dp_events_options, single, &default_events_options)};
const dpi_struct_type dpi_window_type = {STRUCT_TYPE(dp_window, feature_size, &default_window)};

void dp_model_options_init(dp_model_options *options, size_t struct_size) {
    dpi_init_struct(&dpi_model_options_type, options, struct_size);
}

void dp_model_info_init(dp_model_info *info, size_t struct_size) {
    dpi_init_struct(&dpi_model_info_type, info, struct_size);
}

void dp_pool_options_init(dp_pool_options *options, size_t struct_size) {
    dpi_init_struct(&dpi_pool_options_type, options, struct_size);
}

void dp_session_options_init(dp_session_options *options, size_t struct_size) {
    dpi_init_struct(&dpi_session_options_type, options, struct_size);
}

void dp_clip_init(dp_clip *clip, size_t struct_size) {
    dpi_init_struct(&dpi_clip_type, clip, struct_size);
}

void dp_result_init(dp_result *result, size_t struct_size) {
    dpi_init_struct(&dpi_result_type, result, struct_size);
}

void dp_stream_options_init(dp_stream_options *options, size_t struct_size) {
    dpi_init_struct(&dpi_stream_options_type, options, struct_size);
}

void dp_events_options_init(dp_events_options *options, size_t struct_size) {
    dpi_init_struct(&dpi_events_options_type, options, struct_size);
}

void dp_window_init(dp_window *window, size_t struct_size) {
    dpi_init_struct(&dpi_window_type, window, struct_size);
}

/* ---- fields and callbacks ---- */

dp_status dpi_check_allocator(const char *name, const dp_allocator *allocator,
                              dpi_message *message) {
    if (allocator == NULL) {
        return DP_OK;
    }
    if (allocator->allocate == NULL || allocator->release == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "%s: the allocator lacks a function", name);
    }
    return DPI_CHECK_RESERVED(dp_allocator, allocator, message);
}

dp_status dpi_check_reader(const dp_reader *reader, dpi_message *message) {
    if (reader == NULL || reader->read == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the read callback is NULL");
    }
    return DPI_CHECK_RESERVED(dp_reader, reader, message);
}

dp_status dpi_check_writer(const dp_writer *writer, dpi_message *message) {
    if (writer == NULL || writer->write == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the write callback is NULL");
    }
    return DPI_CHECK_RESERVED(dp_writer, writer, message);
}

dp_status dpi_check_threads(const char *name, int32_t threads, dpi_message *message) {
    if (threads < 0 || threads > DP_MAX_THREADS) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "%s: threads is %d, expected 0 .. %d", name,
                        (int)threads, DP_MAX_THREADS);
    }
    return DP_OK;
}
