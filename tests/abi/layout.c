/*
 * Prints what programs compiled against dualpath.h rely on: sizes and offsets of its structs, and
 * its numbers. A difference from what was recorded is a change of the ABI: layout.txt is of 64-bit
 * machines (`make check`), layout-32.txt of 32-bit ones, and layout-i386.txt of x86, where numbers
 * of 64 bits need not be aligned (`make check-machine`).
 */
#include "dualpath.h"

#include <stdio.h>

#define ALIGNMENT(type)  \
    offsetof(            \
        struct {         \
            char first;  \
            type second; \
        },               \
        second)

#define STRUCT(type) printf("%s %zu align %zu\n", #type, sizeof(type), ALIGNMENT(type))

#define FIELD(type, name) \
    printf("  %s %zu at %zu\n", #name, sizeof(((type *)NULL)->name), offsetof(type, name))

#define NUMBER(name) printf("%s %lld\n", #name, (long long)(name))

static void print_allocator(void) {
    STRUCT(dp_allocator);
    FIELD(dp_allocator, allocate);
    FIELD(dp_allocator, release);
    FIELD(dp_allocator, user);
}

static void print_model_options(void) {
    STRUCT(dp_model_options);
    FIELD(dp_model_options, struct_size);
    FIELD(dp_model_options, allocator);
    FIELD(dp_model_options, log);
    FIELD(dp_model_options, log_user);
    FIELD(dp_model_options, progress);
    FIELD(dp_model_options, progress_user);
    FIELD(dp_model_options, verify);
    FIELD(dp_model_options, unfused);
    FIELD(dp_model_options, cpu_mask);
    FIELD(dp_model_options, max_inflated_size);
    FIELD(dp_model_options, precision);
    FIELD(dp_model_options, target);
    FIELD(dp_model_options, as_backbone);
    FIELD(dp_model_options, reserved);
}

static void print_streams(void) {
    STRUCT(dp_reader);
    FIELD(dp_reader, read);
    FIELD(dp_reader, user);
    STRUCT(dp_writer);
    FIELD(dp_writer, write);
    FIELD(dp_writer, user);
}

static void print_model_info(void) {
    STRUCT(dp_model_info);
    FIELD(dp_model_info, struct_size);
    FIELD(dp_model_info, name);
    FIELD(dp_model_info, description);
    FIELD(dp_model_info, precision);
    FIELD(dp_model_info, kernels);
    FIELD(dp_model_info, file_type);
    FIELD(dp_model_info, input_size);
    FIELD(dp_model_info, patch_size);
    FIELD(dp_model_info, width);
    FIELD(dp_model_info, heads);
    FIELD(dp_model_info, blocks);
    FIELD(dp_model_info, feature_size);
    FIELD(dp_model_info, classes);
    FIELD(dp_model_info, frames);
    FIELD(dp_model_info, spatial_frames);
    FIELD(dp_model_info, grid);
    FIELD(dp_model_info, framesets);
    FIELD(dp_model_info, sampling_rate);
    FIELD(dp_model_info, adapter_width);
    FIELD(dp_model_info, mean);
    FIELD(dp_model_info, std);
    FIELD(dp_model_info, parameters);
    FIELD(dp_model_info, adapter_parameters);
    FIELD(dp_model_info, macs);
    FIELD(dp_model_info, weight_bytes);
    FIELD(dp_model_info, target);
    FIELD(dp_model_info, compiled);
    FIELD(dp_model_info, backbone);
    FIELD(dp_model_info, shared_bytes);
    FIELD(dp_model_info, reserved);
}

static void print_threads(void) {
    STRUCT(dp_pool_options);
    FIELD(dp_pool_options, struct_size);
    FIELD(dp_pool_options, threads);
    FIELD(dp_pool_options, allocator);
    FIELD(dp_pool_options, reserved);
    STRUCT(dp_scheduler);
    FIELD(dp_scheduler, workers);
    FIELD(dp_scheduler, run);
    FIELD(dp_scheduler, user);
}

static void print_session_options(void) {
    STRUCT(dp_session_options);
    FIELD(dp_session_options, struct_size);
    FIELD(dp_session_options, threads);
    FIELD(dp_session_options, allocator);
    FIELD(dp_session_options, arena);
    FIELD(dp_session_options, arena_size);
    FIELD(dp_session_options, log);
    FIELD(dp_session_options, log_user);
    FIELD(dp_session_options, progress);
    FIELD(dp_session_options, progress_user);
    FIELD(dp_session_options, pool);
    FIELD(dp_session_options, scheduler);
    FIELD(dp_session_options, image_by_image);
    FIELD(dp_session_options, reserved);
}

static void print_frame(void) {
    STRUCT(dp_frame);
    FIELD(dp_frame, plane);
    FIELD(dp_frame, stride);
    FIELD(dp_frame, width);
    FIELD(dp_frame, height);
    FIELD(dp_frame, format);
    FIELD(dp_frame, color);
}

static void print_clip(void) {
    STRUCT(dp_clip);
    FIELD(dp_clip, struct_size);
    FIELD(dp_clip, frames);
    FIELD(dp_clip, frame_count);
    FIELD(dp_clip, sampling);
    FIELD(dp_clip, rate);
    FIELD(dp_clip, views);
    FIELD(dp_clip, crops);
    FIELD(dp_clip, reserved);
}

static void print_result(void) {
    STRUCT(dp_timings);
    FIELD(dp_timings, total_ms);
    FIELD(dp_timings, frames_ms);
    FIELD(dp_timings, patches_ms);
    FIELD(dp_timings, blocks_ms);
    FIELD(dp_timings, head_ms);
    STRUCT(dp_result);
    FIELD(dp_result, struct_size);
    FIELD(dp_result, logits);
    FIELD(dp_result, probabilities);
    FIELD(dp_result, feature_temporal);
    FIELD(dp_result, feature_spatial);
    FIELD(dp_result, classes);
    FIELD(dp_result, feature_size);
    FIELD(dp_result, macs);
    FIELD(dp_result, timings);
    FIELD(dp_result, reserved);
    STRUCT(dp_prediction);
    FIELD(dp_prediction, index);
    FIELD(dp_prediction, logit);
    FIELD(dp_prediction, probability);
    FIELD(dp_prediction, label);
}

static void print_enums(void) {
    STRUCT(dp_status);
    NUMBER(DP_ERR_UNKNOWN);
    NUMBER(DP_OK);
    NUMBER(DP_ERR_ARGUMENT);
    NUMBER(DP_ERR_MEMORY);
    NUMBER(DP_ERR_ARENA);
    NUMBER(DP_ERR_IO);
    NUMBER(DP_ERR_FORMAT);
    NUMBER(DP_ERR_UNSUPPORTED);
    NUMBER(DP_ERR_CHECKSUM);
    NUMBER(DP_ERR_FRAME);
    NUMBER(DP_ERR_CANCELLED);
    NUMBER(DP_ERR_NO_HEAD);
    NUMBER(DP_ERR_NUMERIC);
    NUMBER(DP_ERR_THREAD);
    NUMBER(DP_ERR_BACKBONE);
    STRUCT(dp_precision);
    NUMBER(DP_PRECISION_UNKNOWN);
    NUMBER(DP_PRECISION_DEFAULT);
    NUMBER(DP_PRECISION_F32);
    NUMBER(DP_PRECISION_BF16);
    NUMBER(DP_PRECISION_INT8);
    NUMBER(DP_PRECISION_AUTO);
    STRUCT(dp_target);
    NUMBER(DP_TARGET_UNKNOWN);
    NUMBER(DP_TARGET_NATIVE);
    NUMBER(DP_TARGET_PLAIN);
    NUMBER(DP_TARGET_ROWS);
    NUMBER(DP_TARGET_AVX2);
    NUMBER(DP_TARGET_AVX512);
    NUMBER(DP_TARGET_NEON);
    STRUCT(dp_log_level);
    NUMBER(DP_LOG_WARNING);
    NUMBER(DP_LOG_INFO);
    STRUCT(dp_format);
    NUMBER(DP_FORMAT_RGB24);
    NUMBER(DP_FORMAT_BGR24);
    NUMBER(DP_FORMAT_RGBA);
    NUMBER(DP_FORMAT_BGRA);
    NUMBER(DP_FORMAT_GRAY8);
    NUMBER(DP_FORMAT_NV12);
    NUMBER(DP_FORMAT_I420);
    STRUCT(dp_color);
    NUMBER(DP_COLOR_BT601_LIMITED);
    NUMBER(DP_COLOR_BT601_FULL);
    NUMBER(DP_COLOR_BT709_LIMITED);
    NUMBER(DP_COLOR_BT709_FULL);
    STRUCT(dp_sampling);
    NUMBER(DP_SAMPLING_UNKNOWN);
    NUMBER(DP_SAMPLING_CENTER);
    NUMBER(DP_SAMPLING_FIRST);
    NUMBER(DP_SAMPLING_UNIFORM);
    NUMBER(DP_SAMPLING_GIVEN);
}

static void print_macros(void) {
    NUMBER(DP_ABI_VERSION);
    NUMBER(DP_CPU_AVX2);
    NUMBER(DP_CPU_AVX512);
    NUMBER(DP_CPU_VNNI);
    NUMBER(DP_CPU_BF16);
    NUMBER(DP_CPU_AMX);
    NUMBER(DP_CPU_NEON);
    NUMBER(DP_CPU_DOTPROD);
    NUMBER(DP_CPU_I8MM);
    NUMBER(DP_CPU_ARM_BF16);
    NUMBER(DP_CPU_ALL);
    NUMBER(DP_MAX_THREADS);
    NUMBER(DP_MAX_FRAME_SIDE);
    NUMBER(DP_MAX_VIEWS);
    NUMBER(DP_MAX_CROPS);
}

int main(void) {
    print_allocator();
    print_model_options();
    print_streams();
    print_model_info();
    print_threads();
    print_session_options();
    print_frame();
    print_clip();
    print_result();
    print_enums();
    print_macros();
    return 0;
}
