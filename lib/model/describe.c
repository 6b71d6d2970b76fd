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

static bool is_matrix_of_block(const dpi_tensor *tensor) {
    return tensor->dims == 2 && dpi_text_starts_with(tensor->name, "block.") &&
           !dpi_text_contains(tensor->name, ".prompt");
}

/* The tensors that a task shares count as if they were in its own file. */
static void describe_backbone(const struct dp_model *backbone, struct dp_model *model) {
    model->file_type = backbone->file_type;
    model->parameter_count = backbone->parameter_count - backbone->adapter_parameter_count;
    model->backbone_hash = backbone->backbone_hash;
}

static void describe_tensors(const dpi_gguf *gguf, struct dp_model *model) {
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        const dpi_tensor *tensor = &gguf->tensors[i];
        int64_t count = 1;
        for (size_t d = 0; d < tensor->dims; d++) {
            count *= (int64_t)tensor->shape[d];
        }
        model->parameter_count += count;
        model->adapter_parameter_count += dpi_is_frozen(tensor->name) ? 0 : count;
        if (is_matrix_of_block(tensor)) {
            const char *type = dpi_tensor_type_name(tensor->type);
            bool same = model->file_type == NULL || strcmp(model->file_type, type) == 0;
            model->file_type = same ? type : MIXED_TYPES;
        }
    }
}

static dp_status read_count(const dpi_gguf *gguf, const char *key, int64_t *count,
                            dpi_message *message) {
    uint64_t value = 0;
    dp_status status = dpi_gguf_u64(gguf, key, true, INT64_MAX, &value, message);
    *count = (int64_t)value;
    return status;
}

/* The type that a compiled file was made of, as a string that outlives the file. */
static const char *known_file_type(dpi_text text) {
    static const dpi_tensor_type types[] = {DPI_TENSOR_F32, DPI_TENSOR_F16, DPI_TENSOR_BF16,
                                            DPI_TENSOR_Q8_0};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (dpi_text_equals(text, dpi_tensor_type_name(types[i]))) {
            return dpi_tensor_type_name(types[i]);
        }
    }
    return dpi_text_equals(text, MIXED_TYPES) ? MIXED_TYPES : NULL;
}

static dp_status read_description(const dpi_gguf *gguf, struct dp_model *model,
                                  dpi_message *message) {
    dpi_text type = {"", 0};
    dp_status status = read_count(gguf, DPI_KEY_COMPILED_COUNT, &model->parameter_count, message);
    if (status == DP_OK) {
        status = read_count(gguf, DPI_KEY_COMPILED_ADAPTER_COUNT, &model->adapter_parameter_count,
                            message);
    }
    if (status == DP_OK) {
        status = dpi_gguf_text(gguf, DPI_KEY_COMPILED_FILE_TYPE, true, &type, message);
    }
    if (status != DP_OK) {
        return status;
    }
    model->file_type = known_file_type(type);
    return model->file_type != NULL
               ? DP_OK
               : dpi_fail(message, DP_ERR_FORMAT,
                          DPI_KEY_COMPILED_FILE_TYPE ": \"%s\" is not a known value",
                          DPI_SHOW(type));
}

dp_status dpi_describe_file(const dpi_gguf *gguf, struct dp_model *model, dpi_message *message) {
    if (!DPI_HAS_CANONICAL || model->compiled) {
        return read_description(gguf, model, message);
    }
    if (model->backbone != NULL) {
        describe_backbone(model->backbone, model);
    } else {
        model->backbone_hash = dpi_hash_backbone(gguf);
    }
    describe_tensors(gguf, model);
    return DP_OK;
}
