/*
 * A model as a compiled file: metadata, checksums, descriptions and tensors. One function writes
 * it; it runs first to count.
 */
#include "base/bytes.h"
#include "gguf/emit.h"
#include "model/compile.h"
#include "model/compiled_layout.h"
#include "model/keys.h"

/* ---- metadata ---- */

/* A file that names no method is DualPath's, as all files of before there were others. */
static void emit_method(dpi_emitter *to, const dpi_parameter *row, dp_method method) {
    if (method != DP_METHOD_DUALPATH) {
        dpi_emit_string(to, row->key, dp_method_name(method));
    }
}

static void emit_parameter(dpi_emitter *to, const dpi_parameter *row, const dpi_parameters *p) {
    const void *member = (const uint8_t *)p + row->offset;
    const float *rgb = member;
    switch (row->kind) {
    case DPI_PARAMETER_SIZE:
        dpi_emit_u32(to, row->key, *(const size_t *)member);
        break;
    case DPI_PARAMETER_REAL:
        dpi_emit_f32(to, row->key, *(const float *)member);
        break;
    case DPI_PARAMETER_FLAG:
        dpi_emit_bool(to, row->key, *(const bool *)member);
        break;
    case DPI_PARAMETER_METHOD:
        emit_method(to, row, *(const dp_method *)member);
        break;
    case DPI_PARAMETER_ACTIVATION:
        dpi_emit_string(to, row->key, dpi_activation_name(*(const dpi_activation *)member));
        break;
    case DPI_PARAMETER_POSITION:
        dpi_emit_string(to, row->key, dpi_position_name(*(const dpi_position_kind *)member));
        break;
    case DPI_PARAMETER_RGB:
        dpi_emit_array(to, row->key, DPI_VALUE_F32, 3);
        for (size_t c = 0; c < 3; c++) {
            dpi_emit_f32_element(to, rgb[c]);
        }
        break;
    default: /* a choice of the protocol */
        dpi_emit_string(to, row->key, dpi_choice_name(row->kind, *(const int32_t *)member));
        break;
    }
}

static void emit_parameters(dpi_emitter *to, dpi_parameter_list list, const dpi_parameters *p) {
    for (size_t i = 0; i < list.count; i++) {
        if (dpi_method_has(p->method, &list.rows[i])) {
            emit_parameter(to, &list.rows[i], p);
        }
    }
}

static void emit_labels(dpi_emitter *to, const struct dp_model *model) {
    size_t classes = model->parameters.classes;
    if (model->labels != NULL) {
        dpi_emit_array(to, DPI_KEY_LABELS, DPI_VALUE_STRING, classes);
        for (size_t i = 0; i < classes; i++) {
            dpi_emit_string_element(to, model->labels[i]);
        }
    }
}

static void emit_metadata(dpi_emitter *to, const struct dp_model *model) {
    dpi_emit_string(to, DPI_KEY_ARCHITECTURE, DPI_ARCHITECTURE);
    dpi_emit_string(to, DPI_KEY_NAME, model->name);
    dpi_emit_u32(to, DPI_GGUF_ALIGNMENT_KEY, DPI_ALIGNMENT);
    dpi_emit_u32(to, DPI_KEY_FORMAT_VERSION, DPI_FORMAT_VERSION);
    dpi_emit_u32(to, DPI_KEY_COMPILED_VERSION, DPI_COMPILED_VERSION);
    dpi_emit_string(to, DPI_KEY_COMPILED_TARGET, dp_target_name((int32_t)model->target));
    dpi_emit_string(to, DPI_KEY_COMPILED_PRECISION, dp_precision_name(model->precision));
    dpi_emit_string(to, DPI_KEY_COMPILED_FILE_TYPE, model->file_type);
    dpi_emit_u64(to, DPI_KEY_COMPILED_COUNT, (uint64_t)model->parameter_count);
    dpi_emit_u64(to, DPI_KEY_COMPILED_ADAPTER_COUNT, (uint64_t)model->adapter_parameter_count);
    emit_parameters(to, dpi_canonical_parameters(), &model->parameters);
    emit_parameters(to, dpi_protocol_parameters(), &model->parameters);
    emit_parameters(to, dpi_compiled_parameters(), &model->parameters);
    emit_labels(to, model);
}

/* ---- tensors ---- */

/* The numbers that the model has for a tensor of an entry. */
static const void *values_of(const struct dp_model *model, const dpi_compiled_entry *entry,
                             size_t index) {
    const uint8_t *owner =
        entry->in_block ? (const uint8_t *)&model->block[entry->block] : (const uint8_t *)model;
    const void *member = owner + entry->offset;
    if (entry->gemm == NULL) {
        return *(const float *const *)member;
    }
    const dpi_linear *linear = member;
    switch (index) {
    case DPI_COMPILED_PANELS:
        return linear->panels;
    case DPI_COMPILED_BIAS:
        return linear->bias;
    default:
        return linear->scale;
    }
}

static void emit_crc(dpi_emitter *to, const dpi_tensor *tensor) {
    uint32_t crc = 0;
    to->emitted.checked += tensor->bytes;
    if (to->sink != NULL && to->status == DP_OK) {
        to->status = dpi_tensor_crc(tensor, &crc, to->watch, to->message);
    }
    dpi_emit_u32_element(to, crc);
}

typedef void (*emit_fn)(dpi_emitter *to, const dpi_tensor *tensor);

static void emit_tensor(dpi_emitter *to, const dpi_compiled_tensor *about, const void *values,
                        emit_fn emit) {
    dpi_tensor tensor = {.name = dpi_text_of(about->name.text),
                         .type = about->type,
                         .dims = about->dims,
                         .data = values};
    uint64_t count = 1;
    for (size_t i = 0; i < about->dims; i++) {
        tensor.shape[i] = about->shape[i];
        count *= about->shape[i];
    }
    tensor.bytes = (size_t)dpi_tensor_bytes(about->type, count);
    emit(to, &tensor);
}

/* Calls emit() for each tensor of the file, in order. */
static void emit_each_tensor(dpi_emitter *to, const struct dp_model *model, emit_fn emit) {
    for (size_t i = 0; i < dpi_compiled_entry_count(model) && to->status == DP_OK; i++) {
        dpi_compiled_entry entry = dpi_compiled_entry_at(model, i);
        for (size_t j = 0; j < dpi_compiled_tensor_count(&entry); j++) {
            dpi_compiled_tensor about = dpi_compiled_tensor_at(&entry, j);
            emit_tensor(to, &about, values_of(model, &entry, j), emit);
        }
    }
}

/* ---- the file ---- */

static dp_status emit_file(dpi_emitter *to, const struct dp_model *model) {
    dpi_emit_header(to);
    emit_metadata(to, model);
    dpi_emit_array(to, DPI_GGUF_CRC_KEY, DPI_VALUE_U32, to->expected.tensors);
    emit_each_tensor(to, model, emit_crc);
    emit_each_tensor(to, model, dpi_emit_description);
    dpi_emit_data_begin(to);
    emit_each_tensor(to, model, dpi_emit_data);
    return dpi_emit_end(to);
}

static dp_status check_compilable(const struct dp_model *model, dpi_message *message) {
    if (!model->fused) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "an unfused model cannot be compiled: open it without `unfused`");
    }
    if (model->target == DP_TARGET_NATIVE) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "no target is read by %s and %s together: choose a target",
                        model->gemm_f32->name, model->gemm->name);
    }
    if (!dpi_is_little_endian()) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "compiled files are written on little-endian machines only");
    }
    return DP_OK;
}

static dp_status count_file(const struct dp_model *model, dpi_emitted *counted,
                            dpi_message *message) {
    dpi_emitter to = {.message = message};
    dp_status status = check_compilable(model, message);
    if (status == DP_OK) {
        status = emit_file(&to, model);
    }
    *counted = to.emitted;
    return status;
}

dp_status dpi_compiled_size(const struct dp_model *model, uint64_t *size, dpi_message *message) {
    dpi_emitted counted;
    dp_status status = count_file(model, &counted, message);
    *size = counted.bytes;
    return status;
}

dp_status dpi_compiled_write(const struct dp_model *model, const dpi_sink *sink, dpi_watch *watch,
                             dpi_message *message) {
    dpi_emitted counted;
    dp_status status = count_file(model, &counted, message);
    dpi_emitter to = {.sink = sink, .watch = watch, .message = message, .expected = counted};
    dpi_watch_stage(watch, "writing", 1.0, counted.checked + counted.bytes);
    return status == DP_OK ? emit_file(&to, model) : status;
}
