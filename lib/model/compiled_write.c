/*
 * A model as a compiled file: metadata, checksums, descriptions and tensors. One function writes
 * it; it runs first to count.
 */
#include "base/bytes.h"
#include "gguf/crc32.h"
#include "gguf/emit.h"
#include "model/compile.h"
#include "model/compiled_layout.h"
#include "model/keys.h"

/* ---- metadata ---- */

static void emit_parameter(dp_emitter *to, const dp_parameter *row, const dp_parameters *p) {
    const void *member = (const uint8_t *)p + row->offset;
    const float *rgb = member;
    switch (row->kind) {
    case DP_PARAMETER_SIZE:
        dp_emit_u32(to, row->key, *(const size_t *)member);
        break;
    case DP_PARAMETER_REAL:
        dp_emit_f32(to, row->key, *(const float *)member);
        break;
    case DP_PARAMETER_FLAG:
        dp_emit_bool(to, row->key, *(const bool *)member);
        break;
    case DP_PARAMETER_ACTIVATION:
        dp_emit_string(to, row->key, dp_activation_name(*(const dp_activation *)member));
        break;
    case DP_PARAMETER_POSITION:
        dp_emit_string(to, row->key, dp_position_name(*(const dp_position_kind *)member));
        break;
    case DP_PARAMETER_RGB:
        dp_emit_array(to, row->key, DP_VALUE_F32, 3);
        for (size_t c = 0; c < 3; c++) {
            dp_emit_f32_element(to, rgb[c]);
        }
        break;
    }
}

static void emit_parameters(dp_emitter *to, dp_parameter_list list, const dp_parameters *p) {
    for (size_t i = 0; i < list.count; i++) {
        emit_parameter(to, &list.rows[i], p);
    }
}

static void emit_labels(dp_emitter *to, const struct dp_model *model) {
    size_t classes = model->parameters.classes;
    if (model->labels != NULL) {
        dp_emit_array(to, DP_KEY_LABELS, DP_VALUE_STRING, classes);
        for (size_t i = 0; i < classes; i++) {
            dp_emit_string_element(to, model->labels[i]);
        }
    }
}

static void emit_metadata(dp_emitter *to, const struct dp_model *model) {
    dp_emit_string(to, DP_KEY_ARCHITECTURE, DP_ARCHITECTURE);
    dp_emit_string(to, DP_KEY_NAME, model->name);
    dp_emit_u32(to, DP_GGUF_ALIGNMENT_KEY, DP_ALIGNMENT);
    dp_emit_u32(to, DP_KEY_FORMAT_VERSION, DP_FORMAT_VERSION);
    dp_emit_u32(to, DP_KEY_COMPILED_VERSION, DP_COMPILED_VERSION);
    dp_emit_string(to, DP_KEY_COMPILED_TARGET, dp_target_name((int32_t)model->target));
    dp_emit_string(to, DP_KEY_COMPILED_PRECISION, dp_precision_name(model->precision));
    dp_emit_string(to, DP_KEY_COMPILED_FILE_TYPE, model->file_type);
    dp_emit_u64(to, DP_KEY_COMPILED_COUNT, (uint64_t)model->parameter_count);
    dp_emit_u64(to, DP_KEY_COMPILED_ADAPTER_COUNT, (uint64_t)model->adapter_parameter_count);
    emit_parameters(to, dp_canonical_parameters(), &model->parameters);
    emit_parameters(to, dp_compiled_parameters(), &model->parameters);
    emit_labels(to, model);
}

/* ---- tensors ---- */

/* The numbers that the model has for a tensor of an entry. */
static const void *values_of(const struct dp_model *model, const dp_compiled_entry *entry,
                             size_t index) {
    const uint8_t *owner =
        entry->in_block ? (const uint8_t *)&model->block[entry->block] : (const uint8_t *)model;
    const void *member = owner + entry->offset;
    if (entry->gemm == NULL) {
        return *(const float *const *)member;
    }
    const dp_linear *linear = member;
    const void *values[DP_COMPILED_TENSORS] = {linear->panels, linear->bias, linear->scale};
    return values[index];
}

static void emit_crc(dp_emitter *to, const dp_tensor *tensor) {
    bool counting = to->sink == NULL;
    dp_emit_u32_element(to, counting ? 0 : dp_crc32(0, tensor->data, tensor->bytes));
}

typedef void (*emit_fn)(dp_emitter *to, const dp_tensor *tensor);

static void emit_tensor(dp_emitter *to, const dp_compiled_tensor *about, const void *values,
                        emit_fn emit) {
    dp_tensor tensor = {.name = dp_text_of(about->name.text),
                        .type = about->type,
                        .dims = about->dims,
                        .data = values};
    uint64_t count = 1;
    for (size_t i = 0; i < about->dims; i++) {
        tensor.shape[i] = about->shape[i];
        count *= about->shape[i];
    }
    tensor.bytes = (size_t)dp_tensor_bytes(about->type, count);
    emit(to, &tensor);
}

/* Calls emit() for each tensor of the file, in order. */
static void emit_each_tensor(dp_emitter *to, const struct dp_model *model, emit_fn emit) {
    for (size_t i = 0; i < dp_compiled_entry_count(model) && to->status == DP_OK; i++) {
        dp_compiled_entry entry = dp_compiled_entry_at(model, i);
        for (size_t j = 0; j < dp_compiled_tensor_count(&entry); j++) {
            dp_compiled_tensor about = dp_compiled_tensor_at(&entry, j);
            emit_tensor(to, &about, values_of(model, &entry, j), emit);
        }
    }
}

/* ---- the file ---- */

static dp_status emit_file(dp_emitter *to, const struct dp_model *model) {
    dp_emit_header(to);
    emit_metadata(to, model);
    dp_emit_array(to, DP_GGUF_CRC_KEY, DP_VALUE_U32, to->expected.tensors);
    emit_each_tensor(to, model, emit_crc);
    emit_each_tensor(to, model, dp_emit_description);
    dp_emit_data_begin(to);
    emit_each_tensor(to, model, dp_emit_data);
    return dp_emit_end(to);
}

static dp_status check_compilable(const struct dp_model *model, dp_message *message) {
    if (!model->fused) {
        return dp_fail(message, DP_ERR_UNSUPPORTED,
                       "an unfused model cannot be compiled: open it without `unfused`");
    }
    if (model->target == DP_TARGET_NATIVE) {
        return dp_fail(message, DP_ERR_UNSUPPORTED,
                       "the kernels %s and %s belong to no target together: choose one",
                       model->gemm_f32->name, model->gemm->name);
    }
    if (!dp_is_little_endian()) {
        return dp_fail(message, DP_ERR_UNSUPPORTED,
                       "compiled files are written on little-endian machines only");
    }
    return DP_OK;
}

static dp_status count_file(const struct dp_model *model, dp_emitted *counted,
                            dp_message *message) {
    dp_emitter to = {.message = message};
    dp_status status = check_compilable(model, message);
    if (status == DP_OK) {
        status = emit_file(&to, model);
    }
    *counted = to.emitted;
    return status;
}

dp_status dp_compiled_size(const struct dp_model *model, uint64_t *size, dp_message *message) {
    dp_emitted counted;
    dp_status status = count_file(model, &counted, message);
    *size = counted.bytes;
    return status;
}

dp_status dp_compiled_write(const struct dp_model *model, const dp_sink *sink,
                            dp_message *message) {
    dp_emitted counted;
    dp_status status = count_file(model, &counted, message);
    dp_emitter to = {.sink = sink, .message = message, .expected = counted};
    return status == DP_OK ? emit_file(&to, model) : status;
}
