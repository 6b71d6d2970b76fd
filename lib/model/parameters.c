/*
 * Hyper-parameters: from the metadata, and where tensors say it already, from their shapes. Every
 * number is bounded here, before anything is computed from it.
 */
#include "base/size.h"
#include "dp_config.h"
#include "model/builder.h"

#include <string.h>

#define MAX_POSITIONS ((size_t)1 << 26)

typedef struct reader {
    const dp_gguf *gguf;
    dp_message *message;
    dp_status status; /* the first failure */
} reader;

static size_t read_number(reader *from, const char *key, bool required, uint32_t fallback,
                          uint32_t minimum, uint32_t maximum) {
    uint32_t value = fallback;
    if (from->status == DP_OK) {
        from->status =
            dp_gguf_u32(from->gguf, key, required, minimum, maximum, &value, from->message);
    }
    return value;
}

static bool read_bool(reader *from, const char *key, bool required) {
    bool value = false;
    if (from->status == DP_OK) {
        from->status = dp_gguf_bool(from->gguf, key, required, &value, from->message);
    }
    return value;
}

static float read_float(reader *from, const char *key, float fallback) {
    float value = fallback;
    if (from->status == DP_OK) {
        from->status = dp_gguf_f32(from->gguf, key, false, &value, from->message);
    }
    return value;
}

static const char *const position_names[] = {"sincos-time", "sincos-3d", "table"};
static const char *const activation_names[] = {"none", "gelu", "quick_gelu", "relu"};

const char *dp_position_name(dp_position_kind kind) {
    return position_names[kind];
}

const char *dp_activation_name(dp_activation activation) {
    return activation_names[activation];
}

/* The index of a text among names[first .. count - 1]; `fallback` when the key is absent. */
static size_t read_choice(reader *from, const char *key, const char *const *names, size_t first,
                          size_t count, size_t fallback) {
    dp_text text = {names[fallback], strlen(names[fallback])};
    if (from->status == DP_OK) {
        from->status = dp_gguf_text(from->gguf, key, false, &text, from->message);
    }
    for (size_t i = first; i < count && from->status == DP_OK; i++) {
        if (text.length == strlen(names[i]) && memcmp(text.bytes, names[i], text.length) == 0) {
            return i;
        }
    }
    if (from->status == DP_OK) {
        from->status = dp_fail(from->message, DP_ERR_FORMAT, "%s: \"%s\" is none of those known",
                               key, DP_SHOW(text));
    }
    return fallback;
}

static dp_activation read_activation(reader *from, const char *key, dp_activation fallback) {
    return (dp_activation)read_choice(from, key, activation_names, DP_ACTIVATION_GELU,
                                      DP_ACTIVATION_COUNT, fallback);
}

static void read_mean_and_std(reader *from, dp_parameters *p) {
    static const float mean[3] = {0.485f, 0.456f, 0.406f};
    static const float std[3] = {0.229f, 0.224f, 0.225f};
    memcpy(p->mean, mean, sizeof mean);
    memcpy(p->std, std, sizeof std);
    if (from->status == DP_OK) {
        from->status =
            dp_gguf_f32_array(from->gguf, "dualpath.image_mean", false, 3, p->mean, from->message);
    }
    if (from->status == DP_OK) {
        from->status =
            dp_gguf_f32_array(from->gguf, "dualpath.image_std", false, 3, p->std, from->message);
    }
    for (size_t c = 0; c < 3 && from->status == DP_OK; c++) {
        /* smaller ones would overflow 1 / (255 std) */
        if (!(p->std[c] >= 1e-6f)) {
            from->status =
                dp_fail(from->message, DP_ERR_FORMAT,
                        "dualpath.image_std: %g is not a standard deviation", (double)p->std[c]);
        }
    }
}

static void read_metadata(reader *from, dp_parameters *p) {
    (void)read_number(from, "dualpath.format_version", true, 0, 1, 1);
    p->image_size = read_number(from, "dualpath.image_size", true, 1, 1, 4096);
    p->patch_size = read_number(from, "dualpath.patch_size", true, 1, 1, 256);
    p->width = read_number(from, "dualpath.embedding_length", true, 1, 1, 16384);
    p->blocks = read_number(from, "dualpath.block_count", true, 1, 1, 256);
    p->heads = read_number(from, "dualpath.attention.head_count", true, 1, 1, 1024);
    p->grid = read_number(from, "dualpath.grid", false, 4, 1, 16);
    p->frames = read_number(from, "dualpath.frames", true, 1, 1, 4096);
    p->spatial_frames = read_number(from, "dualpath.spatial_frames", false, 8, 1, 256);
    p->sampling_rate = read_number(from, "dualpath.sampling_rate", false, 4, 1, 65536);
    p->epsilon = read_float(from, "dualpath.attention.layer_norm_epsilon", 1e-5f);
    p->adapter_scale = read_float(from, "dualpath.adapter.scale", 1.0f);
    p->position = (dp_position_kind)read_choice(from, "dualpath.position.kind", position_names, 0,
                                                3, DP_POSITION_SINCOS_TIME);
    p->activation = read_activation(from, "dualpath.activation", DP_ACTIVATION_QUICK_GELU);
    p->adapter_activation =
        read_activation(from, "dualpath.adapter.activation", DP_ACTIVATION_GELU);
    read_mean_and_std(from, p);
    p->serial_skip = read_bool(from, "dualpath.adapter.serial_skip", false);
}

/* The number of rows of a tensor, bounded; 0 when the file has no such tensor. */
static size_t tensor_rows(reader *from, const char *name, size_t maximum) {
    const dp_tensor *tensor = dp_gguf_tensor(from->gguf, name);
    if (tensor == NULL || from->status != DP_OK) {
        return 0;
    }
    if (tensor->dims == 1) {
        return 1; /* tools that drop dimensions of 1 write a single row so */
    }
    if (tensor->shape[0] < 1 || tensor->shape[0] > maximum) {
        from->status =
            dp_fail(from->message, DP_ERR_FORMAT, "%s: %llu rows are outside of 1 .. %zu", name,
                    (unsigned long long)tensor->shape[0], maximum);
        return 0;
    }
    return (size_t)tensor->shape[0];
}

/* What the tensors of a compiled file do not say. */
static void read_sizes(reader *from, dp_parameters *p) {
    p->mlp_width = read_number(from, "dualpath.compiled.mlp_width", true, 0, 1, 65536);
    p->feature_size = read_number(from, "dualpath.compiled.feature_size", true, 0, 1, 65536);
    p->head_width = read_number(from, "dualpath.compiled.head_width", true, 0, 0, 65536);
    p->classes = read_number(from, "dualpath.compiled.classes", true, 0, 0, 1000000);
    p->has_projection = read_bool(from, "dualpath.compiled.projection", true);
    p->has_pre_norm = read_bool(from, "dualpath.compiled.pre_norm", true);
    for (size_t i = 0; i < DP_ADAPTER_SITES; i++) {
        dp_tensor_name key = dp_bottleneck_key(i);
        p->bottleneck[i] =
            read_number(from, key.text, true, 0, 0, (uint32_t)dp_size_min(4 * p->width, 65536));
    }
}

static void read_shapes(reader *from, dp_parameters *p) {
    p->mlp_width = tensor_rows(from, "block.0.mlp.up.weight", 65536);
    p->has_pre_norm = dp_gguf_tensor(from->gguf, "pre_norm.weight") != NULL ||
                      dp_gguf_tensor(from->gguf, "pre_norm.bias") != NULL;
    p->has_projection = dp_gguf_tensor(from->gguf, "projection.weight") != NULL;
    p->feature_size = p->has_projection ? tensor_rows(from, "projection.weight", 65536) : p->width;
    p->head_width = tensor_rows(from, "head.hidden.weight", 65536);
    p->classes = tensor_rows(from, "head.output.weight", 1000000);
    for (size_t i = 0; i < DP_ADAPTER_SITES; i++) {
        dp_tensor_name name = dp_with_suffix(dp_adapter_name(0, i, "down"), ".weight");
        /* wider ones would let a small file ask for large fused matrices */
        p->bottleneck[i] = tensor_rows(from, name.text, dp_size_min(4 * p->width, 65536));
    }
}

/* What must hold between the numbers. */
static dp_status check_relations(dp_parameters *p, dp_message *message) {
    if (p->image_size % p->patch_size != 0 || p->image_size % p->grid != 0) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "dualpath.image_size: %zu is not a multiple of the patch size %zu and of "
                       "the grid side %zu",
                       p->image_size, p->patch_size, p->grid);
    }
    p->patches_a_side = p->image_size / p->patch_size;
    p->tokens = p->patches_a_side * p->patches_a_side + 1;
    if (p->tokens > 65536) {
        return dp_fail(message, DP_ERR_FORMAT, "%zu tokens an image are more than 65536",
                       p->tokens);
    }
    if (p->width % p->heads != 0) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "dualpath.embedding_length: %zu is not a multiple of the %zu heads",
                       p->width, p->heads);
    }
    size_t tiles = p->grid * p->grid;
    if (p->frames % tiles != 0 || p->frames % p->spatial_frames != 0) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "dualpath.frames: %zu is not a multiple of the %zu frames of a frameset and "
                       "of the %zu spatial frames",
                       p->frames, tiles, p->spatial_frames);
    }
    p->framesets = p->frames / tiles;
    if (p->framesets + p->spatial_frames > 256) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "%zu framesets and %zu spatial frames are more "
                       "than 256 images",
                       p->framesets, p->spatial_frames);
    }
    /* position tables are not in the file: their size must not run away from it */
    if (p->framesets * p->tokens > MAX_POSITIONS / p->width) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "%zu framesets of %zu tokens of %zu are more than %zu position values",
                       p->framesets, p->tokens, p->width, MAX_POSITIONS);
    }
    if (!p->has_projection && p->feature_size != p->width) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "%zu features of a width of %zu need a projection, which is missing",
                       p->feature_size, p->width);
    }
    if (!(p->epsilon > 0.0f && p->epsilon <= 1.0f)) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "dualpath.attention.layer_norm_epsilon: %g is not in 0 .. 1",
                       (double)p->epsilon);
    }
    return DP_OK;
}

static dp_status check_tensors(const dp_gguf *gguf, const dp_parameters *p, dp_message *message) {
    if (p->mlp_width == 0) {
        return dp_fail(message, DP_ERR_FORMAT, "block.0.mlp.up.weight: this tensor is missing");
    }
    if ((p->head_width == 0) != (p->classes == 0)) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "head.hidden.weight and head.output.weight go together; one is missing");
    }
    if (!DP_HAS_SINCOS && p->position != DP_POSITION_TABLE && !dp_is_compiled(gguf)) {
        return dp_fail(message, DP_ERR_UNSUPPORTED,
                       "dualpath.position.kind: this build has no %s, only tables",
                       dp_position_name(p->position));
    }
    if (p->position == DP_POSITION_SINCOS_3D && p->width % 16 != 0) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "dualpath.embedding_length: %zu is not a multiple of 16, which sincos-3d "
                       "needs",
                       p->width);
    }
    if (p->position == DP_POSITION_SINCOS_TIME && p->width % 2 != 0) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "dualpath.embedding_length: %zu is odd, which sincos-time cannot encode",
                       p->width);
    }
    bool grid = dp_gguf_tensor(gguf, "position.grid") != NULL;
    if (grid && p->position != DP_POSITION_SINCOS_TIME) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "position.grid: this tensor goes only with the position kind sincos-time");
    }
    return DP_OK;
}

static dp_status check_architecture(const dp_gguf *gguf, dp_message *message) {
    dp_text text = {"", 0};
    dp_status status = dp_gguf_text(gguf, "general.architecture", true, &text, message);
    if (status == DP_OK && (text.length != 8 || memcmp(text.bytes, "dualpath", 8) != 0)) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "general.architecture: \"%s\", but this library runs \"dualpath\"",
                       DP_SHOW(text));
    }
    return status;
}

/* The sizes that only tensors of the backbone tell. */
static void take_shapes(reader *from, const dp_parameters *backbone, dp_parameters *p) {
    p->mlp_width = backbone->mlp_width;
    p->feature_size = backbone->feature_size;
    p->has_projection = backbone->has_projection;
    p->has_pre_norm = backbone->has_pre_norm;
    if (from->status == DP_OK) {
        from->status = dp_check_frozen_parameters(p, backbone, from->message);
    }
}

dp_status dp_read_parameters(const dp_gguf *gguf, const struct dp_model *backbone,
                             dp_parameters *parameters, dp_message *message) {
    reader from = {gguf, message, check_architecture(gguf, message)};
    memset(parameters, 0, sizeof *parameters);
    if (from.status == DP_OK) {
        from.status = dp_check_task(gguf, backbone, message);
    }
    read_metadata(&from, parameters);
    if (DP_HAS_CANONICAL && !dp_is_compiled(gguf)) {
        read_shapes(&from, parameters);
    } else {
        read_sizes(&from, parameters);
    }
    if (DP_HAS_CANONICAL && backbone != NULL) {
        take_shapes(&from, &backbone->parameters, parameters);
    }
    if (from.status == DP_OK) {
        from.status = check_relations(parameters, message);
    }
    if (from.status == DP_OK) {
        from.status = check_tensors(gguf, parameters, message);
    }
    return from.status;
}
