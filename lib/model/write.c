/*
 * A model as a compiled file: metadata, descriptions and tensors, front to back through a callback.
 */
#include "base/bytes.h"
#include "gguf/crc32.h"
#include "model/builder.h"

#include <string.h>

#define GGUF_VERSION 3

/* Numbers are gathered here, so that the callback is not asked for four bytes at a time. */
typedef struct emitter {
    const dp_writer *writer; /* NULL: only counts */
    dp_message *message;
    dp_status status; /* the first failure */
    uint64_t written; /* with what is in the buffer */
    uint32_t entries, tensors;
    size_t held;
    uint8_t buffer[4096];
} emitter;

/* ---- bytes ---- */

static void write_out(emitter *to, const uint8_t *bytes, size_t size) {
    while (size > 0 && to->status == DP_OK && to->writer != NULL) {
        int64_t count = to->writer->write(to->writer->user, bytes, size);
        if (count <= 0 || (uint64_t)count > size) {
            to->status =
                dp_fail(to->message, DP_ERR_IO, "the write callback answered %lld, given %zu bytes",
                        (long long)count, size);
            return;
        }
        bytes += count;
        size -= (size_t)count;
    }
}

static void flush(emitter *to) {
    write_out(to, to->buffer, to->held);
    to->held = 0;
}

static void put(emitter *to, const void *bytes, size_t size) {
    to->written += size;
    if (size > sizeof to->buffer - to->held) {
        flush(to);
    }
    if (size > sizeof to->buffer) {
        write_out(to, bytes, size);
    } else {
        memcpy(to->buffer + to->held, bytes, size);
        to->held += size;
    }
}

/* Compiled files are only written on little-endian machines. */
static void put_u32(emitter *to, uint32_t value) {
    put(to, &value, sizeof value);
}

static void put_u64(emitter *to, uint64_t value) {
    put(to, &value, sizeof value);
}

static void put_text(emitter *to, const char *text) {
    put_u64(to, strlen(text));
    put(to, text, strlen(text));
}

static uint64_t aligned(uint64_t size) {
    return (size + DP_ALIGNMENT - 1) / DP_ALIGNMENT * DP_ALIGNMENT;
}

static void pad(emitter *to) {
    static const uint8_t zeros[DP_ALIGNMENT] = {0};
    put(to, zeros, (size_t)(aligned(to->written) - to->written));
}

/* ---- metadata ---- */

static void put_key(emitter *to, const char *key, dp_value_type type) {
    put_text(to, key);
    put_u32(to, type);
    to->entries++;
}

static void add_u32(emitter *to, const char *key, size_t value) {
    put_key(to, key, DP_VALUE_U32);
    put_u32(to, (uint32_t)value);
}

static void add_u64(emitter *to, const char *key, int64_t value) {
    put_key(to, key, DP_VALUE_U64);
    put_u64(to, (uint64_t)value);
}

static void add_f32(emitter *to, const char *key, float value) {
    put_key(to, key, DP_VALUE_F32);
    put(to, &value, sizeof value);
}

static void add_bool(emitter *to, const char *key, bool value) {
    uint8_t byte = value ? 1 : 0;
    put_key(to, key, DP_VALUE_BOOL);
    put(to, &byte, 1);
}

static void add_text(emitter *to, const char *key, const char *value) {
    put_key(to, key, DP_VALUE_STRING);
    put_text(to, value);
}

static void add_array(emitter *to, const char *key, dp_value_type type, size_t count) {
    put_key(to, key, DP_VALUE_ARRAY);
    put_u32(to, type);
    put_u64(to, count);
}

static void add_parameters(emitter *to, const dp_parameters *p) {
    add_u32(to, "dualpath.format_version", 1);
    add_u32(to, "dualpath.image_size", p->image_size);
    add_u32(to, "dualpath.patch_size", p->patch_size);
    add_u32(to, "dualpath.embedding_length", p->width);
    add_u32(to, "dualpath.block_count", p->blocks);
    add_u32(to, "dualpath.attention.head_count", p->heads);
    add_f32(to, "dualpath.attention.layer_norm_epsilon", p->epsilon);
    add_text(to, "dualpath.activation", dp_activation_name(p->activation));
    add_text(to, "dualpath.adapter.activation", dp_activation_name(p->adapter_activation));
    add_f32(to, "dualpath.adapter.scale", p->adapter_scale);
    add_bool(to, "dualpath.adapter.serial_skip", p->serial_skip);
    add_text(to, "dualpath.position.kind", dp_position_name(p->position));
    add_u32(to, "dualpath.grid", p->grid);
    add_u32(to, "dualpath.frames", p->frames);
    add_u32(to, "dualpath.spatial_frames", p->spatial_frames);
    add_u32(to, "dualpath.sampling_rate", p->sampling_rate);
    add_array(to, "dualpath.image_mean", DP_VALUE_F32, 3);
    put(to, p->mean, sizeof p->mean);
    add_array(to, "dualpath.image_std", DP_VALUE_F32, 3);
    put(to, p->std, sizeof p->std);
}

/* What tensors of a compiled file do not say by their shapes. */
static void add_sizes(emitter *to, const dp_parameters *p) {
    add_u32(to, "dualpath.compiled.mlp_width", p->mlp_width);
    add_u32(to, "dualpath.compiled.feature_size", p->feature_size);
    add_u32(to, "dualpath.compiled.head_width", p->head_width);
    add_u32(to, "dualpath.compiled.classes", p->classes);
    add_bool(to, "dualpath.compiled.projection", p->has_projection);
    add_bool(to, "dualpath.compiled.pre_norm", p->has_pre_norm);
    for (size_t site = 0; site < DP_ADAPTER_SITES; site++) {
        add_u32(to, dp_bottleneck_key(site).text, p->bottleneck[site]);
    }
}

static void add_labels(emitter *to, const struct dp_model *model) {
    size_t classes = model->parameters.classes;
    if (model->labels != NULL) {
        add_array(to, "dualpath.labels", DP_VALUE_STRING, classes);
        for (size_t i = 0; i < classes; i++) {
            put_text(to, model->labels[i]);
        }
    }
}

static void add_metadata(emitter *to, const struct dp_model *model) {
    add_text(to, "general.architecture", "dualpath");
    add_text(to, "general.name", model->name);
    add_u32(to, "general.alignment", DP_ALIGNMENT);
    add_u32(to, "dualpath.compiled.version", DP_COMPILED_VERSION);
    add_text(to, "dualpath.compiled.target", dp_target_name((int32_t)model->target));
    add_text(to, "dualpath.compiled.precision", dp_precision_name(model->precision));
    add_text(to, "dualpath.compiled.file_type", model->file_type);
    add_u64(to, "dualpath.compiled.parameters", model->parameter_count);
    add_u64(to, "dualpath.compiled.adapter_parameters", model->adapter_parameter_count);
    add_parameters(to, &model->parameters);
    add_sizes(to, &model->parameters);
    add_labels(to, model);
}

/* ---- tensors ---- */

/* A tensor with its numbers in the model. */
typedef struct placed_tensor {
    dp_part_tensor about;
    const void *values;
    size_t bytes;
} placed_tensor;

static size_t bytes_of(const dp_part_tensor *about) {
    size_t bytes = about->type == DP_TENSOR_F32 ? 4 : about->type == DP_TENSOR_BF16 ? 2 : 1;
    for (size_t i = 0; i < about->dims; i++) {
        bytes *= (size_t)about->shape[i];
    }
    return bytes;
}

/* What the model has for a tensor of a part. */
static const void *values_of(const struct dp_model *model, const dp_part *part, size_t index) {
    const uint8_t *owner =
        part->in_block ? (const uint8_t *)&model->block[part->block] : (const uint8_t *)model;
    const void *place = owner + part->offset;
    if (part->gemm == NULL) {
        return *(const float *const *)place;
    }
    const dp_linear *linear = place;
    if (index == 0) {
        return linear->panels;
    }
    return index == 1 ? linear->bias : linear->scale;
}

typedef void (*tensor_fn)(emitter *to, const placed_tensor *tensor, uint64_t offset);

static void each_tensor(emitter *to, const struct dp_model *model, tensor_fn call) {
    uint64_t offset = 0;
    for (size_t i = 0; i < dp_part_count(model) && to->status == DP_OK; i++) {
        dp_part part = dp_part_at(model, i);
        for (size_t j = 0; j < dp_part_tensor_count(&part); j++) {
            dp_part_tensor about = dp_part_tensor_at(&part, j);
            placed_tensor placed = {about, values_of(model, &part, j), bytes_of(&about)};
            call(to, &placed, offset);
            offset += aligned(placed.bytes);
        }
    }
}

static void count_tensor(emitter *to, const placed_tensor *tensor, uint64_t offset) {
    (void)tensor;
    (void)offset;
    to->tensors++;
}

static void put_crc(emitter *to, const placed_tensor *tensor, uint64_t offset) {
    (void)offset;
    put_u32(to, dp_crc32(0, tensor->values, tensor->bytes));
}

static void put_description(emitter *to, const placed_tensor *tensor, uint64_t offset) {
    const dp_part_tensor *about = &tensor->about;
    put_text(to, about->name.text);
    put_u32(to, (uint32_t)about->dims);
    for (size_t i = about->dims; i > 0; i--) {
        put_u64(to, about->shape[i - 1]);
    }
    put_u32(to, about->type);
    put_u64(to, offset);
}

static void put_values(emitter *to, const placed_tensor *tensor, uint64_t offset) {
    (void)offset;
    put(to, tensor->values, tensor->bytes);
    pad(to);
}

/* ---- the file ---- */

static void put_file(emitter *to, const struct dp_model *model, uint32_t entries,
                     uint32_t tensors) {
    put(to, "GGUF", 4);
    put_u32(to, GGUF_VERSION);
    put_u64(to, tensors);
    put_u64(to, entries);
    add_metadata(to, model);
    add_array(to, DP_GGUF_CRC_KEY, DP_VALUE_U32, tensors);
    each_tensor(to, model, put_crc);
    each_tensor(to, model, put_description);
    pad(to);
    each_tensor(to, model, put_values);
    flush(to);
}

static dp_status check_model(const struct dp_model *model, dp_message *message) {
    if (!model->fused) {
        return dp_fail(message, DP_ERR_UNSUPPORTED,
                       "an unfused model cannot be compiled: open it without `unfused`");
    }
    if (model->target == DP_TARGET_NATIVE) {
        return dp_fail(message, DP_ERR_UNSUPPORTED,
                       "the products %s and %s belong to no target together: choose one",
                       model->gemm_f32->name, model->gemm->name);
    }
    if (!dp_is_little_endian()) {
        return dp_fail(message, DP_ERR_UNSUPPORTED,
                       "compiled files are written on little-endian machines only");
    }
    return DP_OK;
}

dp_status dp_model_write(const struct dp_model *model, const dp_writer *writer,
                         dp_message *message) {
    emitter counted = {.message = message};
    emitter to = {.writer = writer, .message = message};
    dp_status status = check_model(model, message);
    if (status != DP_OK) {
        return status;
    }
    add_metadata(&counted, model);
    each_tensor(&counted, model, count_tensor);
    put_file(&to, model, counted.entries + 1, counted.tensors);
    return to.status;
}
