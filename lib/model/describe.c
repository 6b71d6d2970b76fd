/*
 * What a weight file says as a whole. A compiled file repeats what its canonical file said.
 */
#include "model/describe.h"
#include "dp_config.h"
#include "model/backbone.h"
#include "model/keys.h"

#include <string.h>

/* Of a file whose matrices have several types. */
#define MIXED_TYPES "mixed"

static bool is_matrix_of_block(const dp_tensor *tensor) {
    static const char block[] = "block.";
    size_t length = sizeof block - 1;
    return tensor->dims == 2 && tensor->name.length > length &&
           memcmp(tensor->name.bytes, block, length) == 0;
}

/* The tensors that a task shares count as if they were in its own file. */
static void describe_backbone(const struct dp_model *backbone, struct dp_model *model) {
    model->file_type = backbone->file_type;
    model->parameter_count = backbone->parameter_count - backbone->adapter_parameter_count;
    model->backbone_hash = backbone->backbone_hash;
}

static void describe_tensors(const dp_gguf *gguf, struct dp_model *model) {
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        const dp_tensor *tensor = &gguf->tensors[i];
        int64_t count = 1;
        for (size_t d = 0; d < tensor->dims; d++) {
            count *= (int64_t)tensor->shape[d];
        }
        model->parameter_count += count;
        model->adapter_parameter_count += dp_is_frozen(tensor->name) ? 0 : count;
        if (is_matrix_of_block(tensor)) {
            const char *type = dp_tensor_type_name(tensor->type);
            bool same = model->file_type == NULL || strcmp(model->file_type, type) == 0;
            model->file_type = same ? type : MIXED_TYPES;
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

/* A name of this program for the type that a file says it was made of. */
static const char *known_file_type(dp_text text) {
    static const dp_tensor_type types[] = {DP_TENSOR_F32, DP_TENSOR_F16, DP_TENSOR_BF16,
                                           DP_TENSOR_Q8_0};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (dp_text_equals(text, dp_tensor_type_name(types[i]))) {
            return dp_tensor_type_name(types[i]);
        }
    }
    return dp_text_equals(text, MIXED_TYPES) ? MIXED_TYPES : NULL;
}

static dp_status read_description(const dp_gguf *gguf, struct dp_model *model,
                                  dp_message *message) {
    dp_text type = {"", 0};
    dp_status status = read_count(gguf, DP_KEY_COMPILED_COUNT, &model->parameter_count, message);
    if (status == DP_OK) {
        status = read_count(gguf, DP_KEY_COMPILED_ADAPTER_COUNT, &model->adapter_parameter_count,
                            message);
    }
    if (status == DP_OK) {
        status = dp_gguf_text(gguf, DP_KEY_COMPILED_FILE_TYPE, true, &type, message);
    }
    if (status != DP_OK) {
        return status;
    }
    model->file_type = known_file_type(type);
    return model->file_type != NULL
               ? DP_OK
               : dp_fail(message, DP_ERR_FORMAT,
                         DP_KEY_COMPILED_FILE_TYPE ": \"%s\" is none of those known",
                         DP_SHOW(type));
}

dp_status dp_describe_file(const dp_gguf *gguf, struct dp_model *model, dp_message *message) {
    if (!DP_HAS_CANONICAL || model->compiled) {
        return read_description(gguf, model, message);
    }
    if (model->backbone != NULL) {
        describe_backbone(model->backbone, model);
    } else {
        model->backbone_hash = dp_hash_backbone(gguf);
    }
    describe_tensors(gguf, model);
    return DP_OK;
}
