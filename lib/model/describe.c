/*
 * What a weight file says as a whole. A compiled file keeps what the file said that it was made of.
 */
#include "model/builder.h"

#include <string.h>

static bool contains(dp_text name, const char *part) {
    size_t length = strlen(part);
    for (size_t i = 0; i + length <= name.length; i++) {
        if (memcmp(name.bytes + i, part, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_adapted(dp_text name) {
    return contains(name, ".adapter.") || contains(name, "position.") ||
           contains(name, "class_token") || contains(name, "head.");
}

static void describe_tensors(const dp_gguf *gguf, struct dp_model *model) {
    model->file_type = NULL;
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        const dp_tensor *tensor = &gguf->tensors[i];
        int64_t count = 1;
        for (size_t d = 0; d < tensor->dims; d++) {
            count *= (int64_t)tensor->shape[d];
        }
        model->parameter_count += count;
        model->adapter_parameter_count += is_adapted(tensor->name) ? count : 0;
        if (contains(tensor->name, "block.") && tensor->dims == 2) {
            const char *type = dp_tensor_type_name(tensor->type);
            bool same = model->file_type == NULL || strcmp(model->file_type, type) == 0;
            model->file_type = same ? type : "mixed";
        }
    }
    model->file_type = model->file_type != NULL ? model->file_type : "f32";
}

static dp_status read_count(const dp_gguf *gguf, const char *key, int64_t *count,
                            dp_message *message) {
    uint64_t value = 0;
    dp_status status = dp_gguf_u64(gguf, key, true, INT64_MAX, &value, message);
    *count = (int64_t)value;
    return status;
}

static dp_status read_description(const dp_gguf *gguf, struct dp_model *model,
                                  dp_message *message) {
    static const char *const types[] = {"f32", "f16", "bf16", "q8_0", "mixed"};
    dp_text text = {"", 0};
    dp_status status =
        read_count(gguf, "dualpath.compiled.parameters", &model->parameter_count, message);
    if (status == DP_OK) {
        status = read_count(gguf, "dualpath.compiled.adapter_parameters",
                            &model->adapter_parameter_count, message);
    }
    if (status == DP_OK) {
        status = dp_gguf_text(gguf, "dualpath.compiled.file_type", true, &text, message);
    }
    for (size_t i = 0; status == DP_OK && i < sizeof types / sizeof types[0]; i++) {
        if (text.length == strlen(types[i]) && memcmp(text.bytes, types[i], text.length) == 0) {
            model->file_type = types[i];
            return DP_OK;
        }
    }
    return status != DP_OK ? status
                           : dp_fail(message, DP_ERR_FORMAT,
                                     "dualpath.compiled.file_type: \"%s\" is none of those known",
                                     DP_SHOW(text));
}

dp_status dp_describe_file(const dp_gguf *gguf, struct dp_model *model, dp_message *message) {
    if (model->compiled) {
        return read_description(gguf, model, message);
    }
    describe_tensors(gguf, model);
    return DP_OK;
}
