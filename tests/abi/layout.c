/*
 * Prints what programs compiled against dualpath.h rely on: sizes and offsets of its structs, and
 * its numbers. A difference from what was recorded is a change of the ABI: layout.txt is of 64-bit
 * machines (`make check`), layout-32.txt of 32-bit ones, and layout-i386.txt of x86, where numbers
 * of 64 bits need not be aligned (`make check-machine`).
 *
 * Structs have no holes that a compiler would fill: what a caller does not name, it does not set,
 * and a later version could not give it a meaning. This is checked while this file compiles, so
 * that a compiler without a C library for the machine can check it, too (-ffreestanding).
 */
#include "dualpath.h"

/* ---- the fields of each struct, in order ---- */

/* clang-format off */
#define DP_ALLOCATOR_FIELDS(F, S) \
    F(S, allocate) F(S, release) F(S, user) F(S, reserved)
#define DP_MODEL_OPTIONS_FIELDS(F, S) \
    F(S, struct_size) F(S, allocator) F(S, log) F(S, log_user) F(S, progress) \
    F(S, progress_user) F(S, max_inflated_size) F(S, verify) F(S, unfused) F(S, cpu_mask) \
    F(S, precision) F(S, target) F(S, as_backbone) F(S, max_memory)
#define DP_READER_FIELDS(F, S) \
    F(S, read) F(S, user) F(S, reserved)
#define DP_WRITER_FIELDS(F, S) \
    F(S, write) F(S, user) F(S, reserved)
#define DP_MODEL_INFO_FIELDS(F, S) \
    F(S, struct_size) F(S, name) F(S, description) F(S, kernels) F(S, file_type) F(S, backbone) \
    F(S, precision) F(S, target) F(S, compiled) F(S, input_size) F(S, patch_size) F(S, width) \
    F(S, heads) F(S, blocks) F(S, feature_size) F(S, classes) F(S, frames) F(S, spatial_frames) \
    F(S, grid) F(S, framesets) F(S, sampling_rate) F(S, adapter_width) F(S, mean) F(S, std) \
    F(S, parameters) F(S, adapter_parameters) F(S, macs) F(S, weight_bytes) F(S, shared_bytes) \
    F(S, counted_bytes) F(S, method) F(S, prompts) F(S, protocol) F(S, past_end) F(S, average) F(S, resize_filter) F(S, resize_long_side) \
    F(S, crop_offset) F(S, sampling) F(S, views) F(S, crops) F(S, resize_antialias) \
    F(S, grid_antialias) F(S, position_antialias)
#define DP_POOL_OPTIONS_FIELDS(F, S) \
    F(S, struct_size) F(S, allocator) F(S, threads) F(S, reserved)
#define DP_SCHEDULER_FIELDS(F, S) \
    F(S, run) F(S, user) F(S, workers) F(S, reserved)
#define DP_SESSION_OPTIONS_FIELDS(F, S) \
    F(S, struct_size) F(S, allocator) F(S, arena) F(S, arena_size) F(S, log) F(S, log_user) \
    F(S, progress) F(S, progress_user) F(S, pool) F(S, scheduler) F(S, threads) \
    F(S, image_by_image) F(S, attention) F(S, reserved)
#define DP_FRAME_FIELDS(F, S) \
    F(S, plane) F(S, stride) F(S, width) F(S, height) F(S, format) F(S, color) F(S, rotation) F(S, mirrored) F(S, aspect_width) F(S, aspect_height) F(S, reserved)
#define DP_CLIP_FIELDS(F, S) \
    F(S, struct_size) F(S, frames) F(S, frame_count) F(S, sampling) F(S, rate) F(S, views) \
    F(S, crops)
#define DP_TIMINGS_FIELDS(F, S) \
    F(S, total_ms) F(S, frames_ms) F(S, patches_ms) F(S, blocks_ms) F(S, head_ms) F(S, reserved)
#define DP_RESULT_FIELDS(F, S) \
    F(S, struct_size) F(S, logits) F(S, probabilities) F(S, feature_temporal) \
    F(S, feature_spatial) F(S, reserved) F(S, classes) F(S, feature_size) F(S, macs) \
    F(S, timings)
#define DP_PREDICTION_FIELDS(F, S) \
    F(S, index) F(S, logit) F(S, probability) F(S, reserved) F(S, label)
#define DP_STREAM_OPTIONS_FIELDS(F, S) \
    F(S, struct_size) F(S, allocator) F(S, arena) F(S, arena_size) F(S, sample_fps) F(S, rate) \
    F(S, hop) F(S, crop) F(S, crops) F(S, queue) F(S, full) F(S, skip_unchanged) F(S, reserved)
#define DP_WINDOW_FIELDS(F, S) \
    F(S, struct_size) F(S, frames) F(S, times_us) F(S, logits) F(S, probabilities) \
    F(S, feature_temporal) F(S, feature_spatial) F(S, reserved) F(S, number) F(S, dropped) \
    F(S, macs) F(S, timings) F(S, ready) F(S, frame_count) F(S, classes) F(S, feature_size)
#define DP_EVENTS_OPTIONS_FIELDS(F, S) \
    F(S, struct_size) F(S, allocator) F(S, arena) F(S, arena_size) F(S, begin_at) F(S, end_below) \
    F(S, entropy) F(S, shortest_us) F(S, join_us) F(S, smooth) F(S, single)
#define DP_EVENT_FIELDS(F, S) \
    F(S, start_us) F(S, end_us) F(S, peak_us) F(S, peak) F(S, mean) F(S, index) F(S, windows) \
    F(S, reserved)
#define DP_ATTENTION_FIELDS(F, S) \
    F(S, weights) F(S, images) F(S, heads) F(S, tokens) F(S, side) F(S, reserved)
/* clang-format on */

#define STRUCTS(S)                                   \
    S(dp_allocator, DP_ALLOCATOR_FIELDS)             \
    S(dp_model_options, DP_MODEL_OPTIONS_FIELDS)     \
    S(dp_reader, DP_READER_FIELDS)                   \
    S(dp_writer, DP_WRITER_FIELDS)                   \
    S(dp_model_info, DP_MODEL_INFO_FIELDS)           \
    S(dp_pool_options, DP_POOL_OPTIONS_FIELDS)       \
    S(dp_scheduler, DP_SCHEDULER_FIELDS)             \
    S(dp_session_options, DP_SESSION_OPTIONS_FIELDS) \
    S(dp_frame, DP_FRAME_FIELDS)                     \
    S(dp_clip, DP_CLIP_FIELDS)                       \
    S(dp_timings, DP_TIMINGS_FIELDS)                 \
    S(dp_result, DP_RESULT_FIELDS)                   \
    S(dp_prediction, DP_PREDICTION_FIELDS)           \
    S(dp_stream_options, DP_STREAM_OPTIONS_FIELDS)   \
    S(dp_window, DP_WINDOW_FIELDS)                   \
    S(dp_attention, DP_ATTENTION_FIELDS)             \
    S(dp_events_options, DP_EVENTS_OPTIONS_FIELDS)   \
    S(dp_event, DP_EVENT_FIELDS)

/* ---- holes ---- */

#define AND_SIZE(type, name) +sizeof(((type *)NULL)->name)

#define HAS_NO_HOLES(type, fields) \
    _Static_assert((0 fields(AND_SIZE, type)) == sizeof(type), #type " has a hole");

STRUCTS(HAS_NO_HOLES)

#if __STDC_HOSTED__
#include <stdio.h>

/* ---- printing ---- */

#define STRUCT(type) printf("%s %zu align %zu\n", #type, sizeof(type), _Alignof(type))

#define FIELD(type, name) \
    printf("  %s %zu at %zu\n", #name, sizeof(((type *)NULL)->name), offsetof(type, name));

#define PRINT_STRUCT(type, fields) \
    STRUCT(type);                  \
    fields(FIELD, type)

#define NUMBER(name) printf("%s %lld\n", #name, (long long)(name))

static void print_structs(void) {
    STRUCTS(PRINT_STRUCT)
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
    NUMBER(DP_ERR_FULL);
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
    STRUCT(dp_method);
    NUMBER(DP_METHOD_UNKNOWN);
    NUMBER(DP_METHOD_DUALPATH);
    NUMBER(DP_METHOD_AIM);
    NUMBER(DP_METHOD_ST_ADAPTER);
    NUMBER(DP_METHOD_VPT);
    NUMBER(DP_METHOD_ADAPTFORMER);
    NUMBER(DP_METHOD_PROBE);
    STRUCT(dp_log_level);
    NUMBER(DP_LOG_WARNING);
    NUMBER(DP_LOG_INFO);
    STRUCT(dp_format);
    NUMBER(DP_FORMAT_UNKNOWN);
    NUMBER(DP_FORMAT_RGB24);
    NUMBER(DP_FORMAT_BGR24);
    NUMBER(DP_FORMAT_RGBA);
    NUMBER(DP_FORMAT_BGRA);
    NUMBER(DP_FORMAT_GRAY8);
    NUMBER(DP_FORMAT_NV12);
    NUMBER(DP_FORMAT_I420);
    STRUCT(dp_color);
    NUMBER(DP_COLOR_UNKNOWN);
    NUMBER(DP_COLOR_BT601_LIMITED);
    NUMBER(DP_COLOR_BT601_FULL);
    NUMBER(DP_COLOR_BT709_LIMITED);
    NUMBER(DP_COLOR_BT709_FULL);
    NUMBER(DP_COLOR_BT2020_LIMITED);
    NUMBER(DP_COLOR_BT2020_FULL);
    STRUCT(dp_sampling);
    NUMBER(DP_SAMPLING_UNKNOWN);
    NUMBER(DP_SAMPLING_MODEL);
    NUMBER(DP_SAMPLING_FIRST);
    NUMBER(DP_SAMPLING_UNIFORM);
    NUMBER(DP_SAMPLING_GIVEN);
    NUMBER(DP_SAMPLING_CENTER);
    NUMBER(DP_SAMPLING_INTERVAL);
    NUMBER(DP_SAMPLING_SPREAD);
    NUMBER(DP_SAMPLING_SEGMENTS);
    STRUCT(dp_attention_kind);
    NUMBER(DP_ATTENTION_NONE);
    NUMBER(DP_ATTENTION_LAST);
    NUMBER(DP_ATTENTION_ROLLOUT);
    STRUCT(dp_path);
    NUMBER(DP_PATH_SPATIAL);
    NUMBER(DP_PATH_TEMPORAL);
    STRUCT(dp_full);
    NUMBER(DP_FULL_UNKNOWN);
    NUMBER(DP_FULL_REFUSE);
    NUMBER(DP_FULL_WAIT);
    NUMBER(DP_FULL_DROP);
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
    NUMBER(DP_MAX_ASPECT);
    NUMBER(DP_MAX_VIEWS);
    NUMBER(DP_MAX_CROPS);
    NUMBER(DP_MAX_HOP);
    NUMBER(DP_MAX_QUEUE);
    NUMBER(DP_MAX_SMOOTH);
}

int main(void) {
    print_structs();
    print_enums();
    print_macros();
    return 0;
}
#endif
