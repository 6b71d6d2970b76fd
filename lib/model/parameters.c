/*
 * Hyper-parameters: from the metadata, and where tensors say it already, from their shapes. Every
 * number is bounded here, before anything is computed from it.
 */
#include "base/size.h"
#include "dp_config.h"
#include "model/backbone.h"
#include "model/keys.h"
#include "model/model.h"
#include "model/names.h"

#include <stddef.h>
#include <string.h>

/* ---- the list of keys ---- */

#define AT(member) offsetof(dpi_parameters, member)
#define SIZE(member) AT(member), DPI_PARAMETER_SIZE
#define FLAG(member) AT(protocol.member), DPI_PARAMETER_FLAG, false, 0, 0, 0
#define CHOICE(member, kind) AT(protocol.member), DPI_PARAMETER_##kind, false, 0, 0, 0

#define ONLY(method) (1u << (method))

static const dpi_parameter canonical_rows[] = {
    {"dualpath.method", AT(method), DPI_PARAMETER_METHOD, false, 0, 0, 0},
    {"dualpath.image_size", SIZE(image_size), true, 1, 4096, 0},
    {"dualpath.patch_size", SIZE(patch_size), true, 1, 256, 0},
    {"dualpath.embedding_length", SIZE(width), true, 1, 16384, 0},
    {"dualpath.block_count", SIZE(blocks), true, 1, 256, 0},
    {"dualpath.attention.head_count", SIZE(heads), true, 1, 1024, 0},
    {"dualpath.attention.layer_norm_epsilon", AT(epsilon), DPI_PARAMETER_REAL, false, 0, 0, 0},
    {"dualpath.activation", AT(activation), DPI_PARAMETER_ACTIVATION, false, 0, 0, 0},
    {"dualpath.adapter.activation", AT(adapter_activation), DPI_PARAMETER_ACTIVATION, false, 0, 0,
     0},
    {"dualpath.adapter.scale", AT(adapter_scale), DPI_PARAMETER_REAL, false, 0, 0, 0},
    {"dualpath.adapter.serial_skip", AT(serial_skip), DPI_PARAMETER_FLAG, false, 0, 0,
     ONLY(DP_METHOD_DUALPATH)},
    {"dualpath.position.kind", AT(position), DPI_PARAMETER_POSITION, false, 0, 0,
     ONLY(DP_METHOD_DUALPATH)},
    {"dualpath.grid", SIZE(grid), false, 1, 16, ONLY(DP_METHOD_DUALPATH)},
    {"dualpath.frames", SIZE(frames), true, 1, 4096, 0},
    {"dualpath.spatial_frames", SIZE(spatial_frames), false, 1, 256, ONLY(DP_METHOD_DUALPATH)},
    {"dualpath.sampling_rate", SIZE(sampling_rate), false, 1, 65536, 0},
    {"dualpath.image_mean", AT(mean), DPI_PARAMETER_RGB, false, 0, 0, 0},
    {"dualpath.image_std", AT(std), DPI_PARAMETER_RGB, false, 0, 0, 0},
    DPI_ROWS_OF_METHODS({"dualpath.adapter.first_block", SIZE(first_adapter_block), false, 0, 255,
                         ONLY(DP_METHOD_ST_ADAPTER)}, )};

/* A build without other protocols has no use for the text. */
#define KEY(text) (DPI_HAS_PROTOCOLS ? (text) : "")

static const dpi_parameter protocol_rows[] = {
    {KEY("dualpath.sampling"), CHOICE(sampling, SAMPLING)},
    {KEY("dualpath.past_end"), CHOICE(past_end, PAST_END)},
    {KEY("dualpath.views"), SIZE(protocol.views), false, 1, DP_MAX_VIEWS, 0},
    {KEY("dualpath.crops"), SIZE(protocol.crops), false, 1, DP_MAX_CROPS, 0},
    {KEY("dualpath.average"), CHOICE(average, AVERAGE)},
    {KEY("dualpath.resize.filter"), CHOICE(filter, FILTER)},
    {KEY("dualpath.resize.long_side"), CHOICE(long_side, LONG_SIDE)},
    {KEY("dualpath.resize.antialias"), FLAG(resize_antialias)},
    {KEY("dualpath.crop.offset"), CHOICE(crop_offset, CROP_OFFSET)},
    {KEY("dualpath.grid.antialias"), FLAG(grid_antialias)},
    {KEY("dualpath.position.antialias"), FLAG(position_antialias)},
};

#define BOTTLENECK(site, index, method) \
    { "dualpath.compiled.bottleneck." site, SIZE(bottleneck[index]), true, 0, 65536, ONLY(method) }
#define KERNEL_SIZE(name, member)                                                    \
    {                                                                                \
        "dualpath.compiled.kernel." name, SIZE(member), true, 0, DPI_LARGEST_KERNEL, \
            ONLY(DP_METHOD_ST_ADAPTER)                                               \
    }

static const dpi_parameter compiled_rows[] = {
    {"dualpath.compiled.mlp_width", SIZE(mlp_width), true, 1, 65536, 0},
    {"dualpath.compiled.feature_size", SIZE(feature_size), true, 1, 65536, 0},
    {"dualpath.compiled.head_width", SIZE(head_width), true, 0, 65536, 0},
    {"dualpath.compiled.classes", SIZE(classes), true, 0, 1000000, 0},
    {"dualpath.compiled.projection", AT(has_projection), DPI_PARAMETER_FLAG, true, 0, 0, 0},
    {"dualpath.compiled.pre_norm", AT(has_pre_norm), DPI_PARAMETER_FLAG, true, 0, 0, 0},
    {"dualpath.compiled.protocol", AT(other_protocol), DPI_PARAMETER_FLAG, false, 0, 0, 0},
    BOTTLENECK("s1", 0, DP_METHOD_DUALPATH),
    BOTTLENECK("s2", 1, DP_METHOD_DUALPATH),
    BOTTLENECK("t0", 2, DP_METHOD_DUALPATH),
    BOTTLENECK("t1", 3, DP_METHOD_DUALPATH),
    BOTTLENECK("t2", 4, DP_METHOD_DUALPATH),
    DPI_ROWS_OF_METHODS(
        BOTTLENECK("time_in", 0, DP_METHOD_AIM), BOTTLENECK("time", 1, DP_METHOD_AIM),
        BOTTLENECK("space", 2, DP_METHOD_AIM), BOTTLENECK("mlp", 3, DP_METHOD_AIM),
        BOTTLENECK("conv_attn", 0, DP_METHOD_ST_ADAPTER),
        BOTTLENECK("conv_mlp", 1, DP_METHOD_ST_ADAPTER),
        BOTTLENECK("mlp", 0, DP_METHOD_ADAPTFORMER),
        KERNEL_SIZE("attn.time", conv[DPI_CONV_ATTN].time),
        KERNEL_SIZE("attn.rows", conv[DPI_CONV_ATTN].rows),
        KERNEL_SIZE("attn.columns", conv[DPI_CONV_ATTN].columns),
        KERNEL_SIZE("mlp.time", conv[DPI_CONV_MLP].time),
        KERNEL_SIZE("mlp.rows", conv[DPI_CONV_MLP].rows),
        KERNEL_SIZE("mlp.columns", conv[DPI_CONV_MLP].columns),
        {"dualpath.compiled.prompts", SIZE(prompts), true, 1, 65536, ONLY(DP_METHOD_VPT)},
        {"dualpath.compiled.prompt_blocks", SIZE(prompt_blocks), true, 1, 256,
         ONLY(DP_METHOD_VPT)}, )};

/* The default of an absent key. */
static const dpi_parameters default_parameters = {
    .grid = 4,
    .spatial_frames = 8,
    .sampling_rate = 4,
    .position = DPI_POSITION_SINCOS_TIME,
    .activation = DPI_ACTIVATION_QUICK_GELU,
    .adapter_activation = DPI_ACTIVATION_GELU,
    .adapter_scale = 1.0f,
    .epsilon = 1e-5f,
    .mean = {0.485f, 0.456f, 0.406f},
    .std = {0.229f, 0.224f, 0.225f},
    .protocol = {.sampling = DP_SAMPLING_CENTER, .views = 1, .crops = 1},
};

dpi_parameter_list dpi_canonical_parameters(void) {
    return (dpi_parameter_list){canonical_rows, sizeof canonical_rows / sizeof canonical_rows[0]};
}

dpi_parameter_list dpi_protocol_parameters(void) {
    return DPI_HAS_PROTOCOLS
               ? (dpi_parameter_list){protocol_rows, sizeof protocol_rows / sizeof protocol_rows[0]}
               : (dpi_parameter_list){NULL, 0};
}

dpi_parameter_list dpi_compiled_parameters(void) {
    return (dpi_parameter_list){compiled_rows, sizeof compiled_rows / sizeof compiled_rows[0]};
}

bool dpi_method_has(dp_method method, const dpi_parameter *row) {
    return row->methods == 0 || ((row->methods >> method) & 1u) != 0;
}

/* ---- adapters ---- */

const dpi_site *dpi_site_at(const dpi_parameters *p, dpi_part part, dpi_adapter_place place) {
    const dpi_method *method = dpi_method_of(p->method);
    for (size_t i = 0; i < method->site_count; i++) {
        const dpi_site *site = &method->sites[i];
        if (site->part == part && site->place == place && p->bottleneck[i] > 0) {
            return site;
        }
    }
    return NULL;
}

size_t dpi_bottleneck_at(const dpi_parameters *p, size_t block, dpi_part part,
                         dpi_adapter_place place) {
    const dpi_site *site = dpi_site_at(p, part, place);
    return site != NULL && block >= p->first_adapter_block
               ? p->bottleneck[site - dpi_method_of(p->method)->sites]
               : 0;
}

size_t dpi_largest_bottleneck(const dpi_parameters *p) {
    size_t largest = 0;
    for (size_t i = 0; i < DPI_MAX_SITES; i++) {
        largest = dpi_size_max(largest, p->bottleneck[i]);
    }
    return largest;
}

bool dpi_keeps_input(const dpi_parameters *p, dpi_part part, dpi_adapter_place place) {
    const dpi_site *site = dpi_site_at(p, part, place);
    return site == NULL || site->skip == DPI_SKIP_ALWAYS ||
           (site->skip == DPI_SKIP_BY_FILE && p->serial_skip);
}

float dpi_site_scale(const dpi_parameters *p, const dpi_site *site) {
    return site->scaled ? p->adapter_scale : 1.0f;
}

bool dpi_reads_x(const dpi_parameters *p, dpi_part part) {
    return (DPI_HAS_METHOD(DP_METHOD_ADAPTFORMER) && dpi_method_of(p->method)->adapter_reads_x) ||
           (dpi_has_convolutions(p) && part == DPI_PART_CONV);
}

/* ---- names ---- */

static const char *const position_names[] = {"sincos-time", "sincos-3d", "table"};
static const char *const activation_names[] = {NULL, "gelu", "quick_gelu", "relu"};
static const char *const sampling_names_in_files[] = {
    [DP_SAMPLING_CENTER] = "center",   [DP_SAMPLING_FIRST] = "first",
    [DP_SAMPLING_UNIFORM] = "uniform", [DP_SAMPLING_INTERVAL] = "interval",
    [DP_SAMPLING_SPREAD] = "spread",   [DP_SAMPLING_SEGMENTS] = "segments"};
static const char *const past_end_names[] = {"repeat", "wrap"};
static const char *const average_names[] = {"logits", "probabilities"};
static const char *const filter_names[] = {"bilinear", "bicubic"};
static const char *const long_side_names[] = {"down", "nearest"};
static const char *const crop_offset_names[] = {"half-even", "down"};

/* Names by number; NULL for a number that files have no name for. */
typedef struct choice_list {
    const char *const *names;
    size_t count;
} choice_list;

#define CHOICES(names) \
    { (names), sizeof(names) / sizeof(names)[0] }

static const choice_list choices_of_model[] = {
    [DPI_PARAMETER_ACTIVATION] = CHOICES(activation_names),
    [DPI_PARAMETER_POSITION] = CHOICES(position_names),
};

static const choice_list choices_of_protocol[] = {
    [DPI_PARAMETER_SAMPLING] = CHOICES(sampling_names_in_files),
    [DPI_PARAMETER_PAST_END] = CHOICES(past_end_names),
    [DPI_PARAMETER_AVERAGE] = CHOICES(average_names),
    [DPI_PARAMETER_FILTER] = CHOICES(filter_names),
    [DPI_PARAMETER_LONG_SIDE] = CHOICES(long_side_names),
    [DPI_PARAMETER_CROP_OFFSET] = CHOICES(crop_offset_names),
};

static const choice_list *choices_of(dpi_parameter_kind kind) {
    return DPI_HAS_PROTOCOLS && kind >= DPI_PARAMETER_SAMPLING ? &choices_of_protocol[kind]
                                                               : &choices_of_model[kind];
}

const char *dpi_choice_name(dpi_parameter_kind kind, int32_t number) {
    return choices_of(kind)->names[number];
}

const char *dpi_position_name(dpi_position_kind kind) {
    return position_names[kind];
}

const char *dpi_activation_name(dpi_activation activation) {
    return activation_names[activation];
}

/* ---- metadata ---- */

static dp_status read_size(const dpi_gguf *gguf, const dpi_parameter *row, size_t *size,
                           dpi_message *message) {
    uint32_t value = (uint32_t)*size;
    dp_status status =
        dpi_gguf_u32(gguf, row->key, row->required, row->minimum, row->maximum, &value, message);
    *size = value;
    return status;
}

/* Writes what a choice can be, and a colon before it. */
static void list_choices(const choice_list *list, char *text, size_t size) {
    size_t length = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->names[i] != NULL) {
            length += dpi_print(text + length, size - length, "%s %s", length > 0 ? "," : ":",
                                list->names[i]);
        }
    }
}

/* Sets *number to that of the key's text. */
static dp_status read_choice_of(const dpi_gguf *gguf, const dpi_parameter *row,
                                const choice_list *list, int32_t *number, dpi_message *message) {
    char known[128] = "";
    dpi_text text = dpi_text_of(list->names[*number]);
    dp_status status = dpi_gguf_text(gguf, row->key, row->required, &text, message);
    for (size_t i = 0; i < list->count && status == DP_OK; i++) {
        if (list->names[i] != NULL && dpi_text_equals(text, list->names[i])) {
            *number = (int32_t)i;
            return DP_OK;
        }
    }
    if (DPI_HAS_ADVICE) {
        list_choices(list, known, sizeof known);
    }
    return status != DP_OK ? status
                           : dpi_fail(message, DP_ERR_FORMAT, "%s: \"%s\" is not a known value%s",
                                      row->key, DPI_SHOW(text), known);
}

static dp_status read_choice(const dpi_gguf *gguf, const dpi_parameter *row, int32_t *number,
                             dpi_message *message) {
    return read_choice_of(gguf, row, choices_of(row->kind), number, message);
}

static dp_status read_activation(const dpi_gguf *gguf, const dpi_parameter *row,
                                 dpi_activation *activation, dpi_message *message) {
    int32_t number = (int32_t)*activation;
    dp_status status = read_choice(gguf, row, &number, message);
    *activation = (dpi_activation)number;
    return status;
}

static dp_status read_position_kind(const dpi_gguf *gguf, const dpi_parameter *row,
                                    dpi_position_kind *kind, dpi_message *message) {
    int32_t number = (int32_t)*kind;
    dp_status status = read_choice(gguf, row, &number, message);
    *kind = (dpi_position_kind)number;
    return status;
}

static dp_status read_method(const dpi_gguf *gguf, const dpi_parameter *row, dp_method *method,
                             dpi_message *message) {
    const char *names[DP_METHOD_PROBE + 1];
    choice_list list = CHOICES(names);
    int32_t number = (int32_t)*method;
    for (int32_t i = 0; i <= DP_METHOD_PROBE; i++) {
        names[i] = dp_method_name(i);
    }
    dp_status status = read_choice_of(gguf, row, &list, &number, message);
    *method = (dp_method)number;
    if (status == DP_OK && !DPI_HAS_METHOD(number)) {
        status = dpi_fail(message, DP_ERR_UNSUPPORTED, "%s: this build does not run \"%s\"",
                          row->key, names[number]);
    }
    return status;
}

/* The key of a row that this method does not have. */
static dp_status refuse_parameter(const dpi_gguf *gguf, const dpi_parameter *row, dp_method method,
                                  dpi_message *message) {
    return dpi_gguf_has(gguf, row->key)
               ? dpi_fail(message, DP_ERR_FORMAT, "%s: a model of method \"%s\" has no such key",
                          row->key, dp_method_name(method))
               : DP_OK;
}

static dp_status read_parameter(const dpi_gguf *gguf, const dpi_parameter *row, dpi_parameters *p,
                                dpi_message *message) {
    void *member = (uint8_t *)p + row->offset;
    switch (row->kind) {
    case DPI_PARAMETER_METHOD:
        return read_method(gguf, row, member, message);
    case DPI_PARAMETER_SIZE:
        return read_size(gguf, row, member, message);
    case DPI_PARAMETER_REAL:
        return dpi_gguf_f32(gguf, row->key, row->required, member, message);
    case DPI_PARAMETER_FLAG:
        return dpi_gguf_bool(gguf, row->key, row->required, member, message);
    case DPI_PARAMETER_ACTIVATION:
        return read_activation(gguf, row, member, message);
    case DPI_PARAMETER_POSITION:
        return read_position_kind(gguf, row, member, message);
    case DPI_PARAMETER_RGB:
        return dpi_gguf_f32_array(gguf, row->key, row->required, 3, member, message);
    default: /* a choice of the protocol */
        return read_choice(gguf, row, member, message);
    }
}

/* Two methods may have one key for members of their own. */
static bool has_key(dpi_parameter_list list, dp_method method, const char *key) {
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.rows[i].key, key) == 0 && dpi_method_has(method, &list.rows[i])) {
            return true;
        }
    }
    return false;
}

static dp_status read_list(const dpi_gguf *gguf, dpi_parameter_list list, dpi_parameters *p,
                           dpi_message *message) {
    dp_status status = DP_OK;
    for (size_t i = 0; i < list.count && status == DP_OK; i++) {
        const dpi_parameter *row = &list.rows[i];
        if (dpi_method_has(p->method, row)) {
            status = read_parameter(gguf, row, p, message);
        } else if (!has_key(list, p->method, row->key)) {
            status = refuse_parameter(gguf, row, p->method, message);
        }
    }
    return status;
}

/* Whether the protocol is that of DualPath's own code. */
static bool is_default_protocol(const dpi_parameters *p) {
    const dpi_protocol *own = &p->protocol, *dualpath = &default_parameters.protocol;
    return own->sampling == dualpath->sampling && own->past_end == dualpath->past_end &&
           own->average == dualpath->average && own->filter == dualpath->filter &&
           own->long_side == dualpath->long_side && own->crop_offset == dualpath->crop_offset &&
           own->views == dualpath->views && own->crops == dualpath->crops &&
           !own->resize_antialias && !own->grid_antialias && !own->position_antialias;
}

/* A build without other protocols looks at what a compiled file says of all its keys together. */
static dp_status read_protocol(const dpi_gguf *gguf, dpi_parameters *p, dpi_message *message) {
    if (!DPI_HAS_PROTOCOLS) {
        return p->other_protocol ? dpi_fail(message, DP_ERR_UNSUPPORTED,
                                            "this build has DualPath's protocol only")
                                 : DP_OK;
    }
    dp_status status = read_list(gguf, dpi_protocol_parameters(), p, message);
    p->other_protocol = !is_default_protocol(p);
    return status;
}

static dp_status check_format(const dpi_gguf *gguf, dpi_message *message) {
    dpi_text architecture = {"", 0};
    uint32_t version = 0;
    dp_status status = dpi_gguf_text(gguf, DPI_KEY_ARCHITECTURE, true, &architecture, message);
    if (status == DP_OK && !dpi_text_equals(architecture, DPI_ARCHITECTURE)) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        DPI_KEY_ARCHITECTURE ": \"%s\", but this library runs \"" DPI_ARCHITECTURE
                                             "\"",
                        DPI_SHOW(architecture));
    }
    return status == DP_OK ? dpi_gguf_u32(gguf, DPI_KEY_FORMAT_VERSION, true, DPI_FORMAT_VERSION,
                                          DPI_FORMAT_VERSION, &version, message)
                           : status;
}

/* ---- shapes ---- */

/* The number of rows of a tensor, bounded; 0 when the file has no such tensor. */
static dp_status read_tensor_rows(const dpi_gguf *gguf, const char *name, size_t maximum,
                                  size_t *rows, dpi_message *message) {
    const dpi_tensor *tensor = dpi_gguf_tensor(gguf, name);
    *rows = 0;
    if (tensor == NULL) {
        return DP_OK;
    }
    if (tensor->dims > 1 && tensor->shape[0] > maximum) {
        return dpi_fail(message, DP_ERR_FORMAT, "%s: %llu rows are outside of 1 .. %zu", name,
                        (unsigned long long)tensor->shape[0], maximum);
    }
    /* tools that drop dimensions of 1 write a single row as a vector */
    *rows = tensor->dims > 1 ? (size_t)tensor->shape[0] : 1;
    return DP_OK;
}

/* The sizes of `site`.conv.weight [b][time][rows][columns]. */
static dp_status read_kernel_size(const dpi_gguf *gguf, const char *site, size_t block,
                                  dpi_kernel_size *size, dpi_message *message) {
    dpi_tensor_name name = dpi_with_suffix(dpi_adapter_name(block, site, "conv"), ".weight");
    const dpi_tensor *tensor = dpi_gguf_tensor(gguf, name.text);
    if (tensor == NULL) {
        return dpi_fail(message, DP_ERR_FORMAT, "%s: this tensor is missing", name.text);
    }
    if (tensor->dims != 4) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "%s: the shape is %s, expected one of four sizes: channels, time, rows, "
                        "columns",
                        name.text, dpi_show_shape(tensor->shape, tensor->dims).text);
    }
    for (size_t i = 1; i < 4; i++) {
        if (tensor->shape[i] > DPI_LARGEST_KERNEL) {
            return dpi_fail(message, DP_ERR_FORMAT,
                            "%s: the shape is %s, with a kernel wider than %d", name.text,
                            dpi_show_shape(tensor->shape, tensor->dims).text, DPI_LARGEST_KERNEL);
        }
    }
    *size = (dpi_kernel_size){(size_t)tensor->shape[1], (size_t)tensor->shape[2],
                              (size_t)tensor->shape[3]};
    return DP_OK;
}

static dp_status read_bottlenecks(const dpi_gguf *gguf, dpi_parameters *p, dpi_message *message) {
    const dpi_method *method = dpi_method_of(p->method);
    size_t block = p->first_adapter_block;
    dp_status status = DP_OK;
    for (size_t i = 0; i < method->site_count && status == DP_OK; i++) {
        const char *site = method->sites[i].name;
        dpi_tensor_name name = dpi_with_suffix(dpi_adapter_name(block, site, "down"), ".weight");
        status = read_tensor_rows(gguf, name.text, 65536, &p->bottleneck[i], message);
        if (status == DP_OK && dpi_has_convolutions(p) && p->bottleneck[i] > 0) {
            status = read_kernel_size(gguf, site, block, &p->conv[i], message);
        }
    }
    return status;
}

static dp_status read_prompts(const dpi_gguf *gguf, dpi_parameters *p, dpi_message *message) {
    p->prompt_blocks = dpi_gguf_tensor(gguf, "block.1.prompt") != NULL ? p->blocks : 1;
    return read_tensor_rows(gguf, "block.0.prompt", 65536, &p->prompts, message);
}

/* The sizes of a canonical file that only its tensors tell. */
static dp_status read_shapes(const dpi_gguf *gguf, dpi_parameters *p, dpi_message *message) {
    p->has_pre_norm = dpi_gguf_tensor(gguf, "pre_norm.weight") != NULL ||
                      dpi_gguf_tensor(gguf, "pre_norm.bias") != NULL;
    p->has_projection = dpi_gguf_tensor(gguf, "projection.weight") != NULL;
    dp_status status =
        read_tensor_rows(gguf, "block.0.mlp.up.weight", 65536, &p->mlp_width, message);
    if (status == DP_OK) {
        status = read_tensor_rows(gguf, "projection.weight", 65536, &p->feature_size, message);
    }
    if (status == DP_OK && dpi_has_two_paths(p)) {
        status = read_tensor_rows(gguf, "head.hidden.weight", 65536, &p->head_width, message);
    }
    if (status == DP_OK) {
        status = read_tensor_rows(gguf, "head.output.weight", 1000000, &p->classes, message);
    }
    if (status == DP_OK && dpi_has_prompts(p)) {
        status = read_prompts(gguf, p, message);
    }
    p->feature_size = p->has_projection ? p->feature_size : p->width;
    return status == DP_OK ? read_bottlenecks(gguf, p, message) : status;
}

/* The sizes of a task that only tensors of its backbone tell. */
static dp_status copy_shapes(const dpi_parameters *backbone, dpi_parameters *p,
                             dpi_message *message) {
    p->mlp_width = backbone->mlp_width;
    p->feature_size = backbone->feature_size;
    p->has_projection = backbone->has_projection;
    p->has_pre_norm = backbone->has_pre_norm;
    return dpi_check_frozen_parameters(p, backbone, message);
}

/* ---- all of them ---- */

dp_status dpi_read_parameters(const dpi_gguf *gguf, const struct dp_model *backbone,
                              dpi_parameters *parameters, dpi_message *message) {
    bool canonical = DPI_HAS_CANONICAL && !dpi_is_compiled(gguf);
    *parameters = default_parameters;
    dp_status status = check_format(gguf, message);
    if (status == DP_OK && DPI_HAS_CANONICAL) {
        status = dpi_check_task(gguf, backbone, message);
    }
    if (status == DP_OK) {
        status = read_list(gguf, dpi_canonical_parameters(), parameters, message);
    }
    if (status == DP_OK) {
        status = canonical ? read_shapes(gguf, parameters, message)
                           : read_list(gguf, dpi_compiled_parameters(), parameters, message);
    }
    if (status == DP_OK) {
        status = read_protocol(gguf, parameters, message);
    }
    if (status == DP_OK && DPI_HAS_CANONICAL && backbone != NULL) {
        status = copy_shapes(&backbone->parameters, parameters, message);
    }
    return status == DP_OK ? dpi_check_relations(gguf, parameters, message) : status;
}
