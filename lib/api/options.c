/*
 * Structs of the caller that may be older or newer than this library, versions and statuses.
 */
#include "api/api.h"

#include <string.h>

size_t dp_find_set_byte(const void *given, size_t first, size_t end) {
    const uint8_t *bytes = given;
    while (first < end && bytes[first] == 0) {
        first++;
    }
    return first;
}

dp_status dp_check_reserved(const char *name, const void *given, size_t first, size_t end,
                            dp_message *message) {
    size_t byte = dp_find_set_byte(given, first, end);
    return byte == end ? DP_OK
                       : dp_fail(message, DP_ERR_ARGUMENT,
                                 "%s: byte %zu is set, where version %s has no field", name, byte,
                                 DP_VERSION_STRING);
}

dp_status dp_copy_struct(const char *name, const void *given, void *known, size_t known_size,
                         size_t reserved, dp_message *message) {
    size_t size = 0;
    if (given == NULL) {
        return DP_OK;
    }
    memcpy(&size, given, sizeof size);
    if (size != known_size) {
        return dp_fail(message, DP_ERR_ARGUMENT,
                       "%s: struct_size is %zu, expected %zu: call %s_default() first", name, size,
                       known_size, name);
    }
    dp_status status = dp_check_reserved(name, given, reserved, size, message);
    if (status == DP_OK) {
        memcpy(known, given, size);
    }
    return status;
}

dp_status dp_check_allocator(const char *name, const dp_allocator *allocator, dp_message *message) {
    if (allocator == NULL) {
        return DP_OK;
    }
    if (allocator->allocate == NULL || allocator->release == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "%s: the allocator lacks a function", name);
    }
    return DP_CHECK_RESERVED(dp_allocator, allocator, message);
}

dp_status dp_check_reader(const dp_reader *reader, dp_message *message) {
    if (reader == NULL || reader->read == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the read callback is NULL");
    }
    return DP_CHECK_RESERVED(dp_reader, reader, message);
}

dp_status dp_check_writer(const dp_writer *writer, dp_message *message) {
    if (writer == NULL || writer->write == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the write callback is NULL");
    }
    return DP_CHECK_RESERVED(dp_writer, writer, message);
}

dp_status dp_check_threads(const char *name, int32_t threads, dp_message *message) {
    if (threads < 0 || threads > DP_MAX_THREADS) {
        return dp_fail(message, DP_ERR_ARGUMENT, "%s: threads is %d, expected 0 .. %d", name,
                       (int)threads, DP_MAX_THREADS);
    }
    return DP_OK;
}

void dp_model_options_default(dp_model_options *options) {
    if (options != NULL) {
        *options = (dp_model_options){
            .struct_size = sizeof *options, .cpu_mask = DP_CPU_ALL, .max_inflated_size = SIZE_MAX};
#if SIZE_MAX > 0xffffffffu
        options->max_inflated_size = (size_t)8 << 30;
#endif
    }
}

void dp_pool_options_default(dp_pool_options *options) {
    if (options != NULL) {
        *options = (dp_pool_options){.struct_size = sizeof *options};
    }
}

void dp_session_options_default(dp_session_options *options) {
    if (options != NULL) {
        *options = (dp_session_options){.struct_size = sizeof *options};
    }
}

void dp_model_info_default(dp_model_info *info) {
    if (info != NULL) {
        *info = (dp_model_info){.struct_size = sizeof *info};
    }
}

void dp_clip_default(dp_clip *clip) {
    if (clip != NULL) {
        *clip = (dp_clip){.struct_size = sizeof *clip, .views = 1, .crops = 1};
    }
}

void dp_result_default(dp_result *result) {
    if (result != NULL) {
        *result = (dp_result){.struct_size = sizeof *result};
    }
}

dp_frame dp_frame_rgb24(const uint8_t *pixels, int32_t width, int32_t height) {
    return (dp_frame){.plane = {pixels},
                      .stride = {(ptrdiff_t)((size_t)width * 3)},
                      .width = width,
                      .height = height,
                      .format = DP_FORMAT_RGB24};
}

uint32_t dp_version(void) {
    return DP_VERSION_MAJOR * 10000 + DP_VERSION_MINOR * 100 + DP_VERSION_PATCH;
}

const char *dp_version_string(void) {
    return DP_VERSION_STRING;
}

uint32_t dp_abi_version(void) {
    return DP_ABI_VERSION;
}

const char *dp_last_message(void) {
    return dp_thread_message()->text;
}
