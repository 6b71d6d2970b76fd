/*
 * Hyper-parameters of a model, and the metadata that holds them. One list of keys serves reading
 * and writing.
 */
#ifndef DPI_PARAMETERS_H
#define DPI_PARAMETERS_H

#include "gguf/gguf.h"
#include "model/method.h"
#include "nn/nn.h"

typedef enum dpi_position_kind {
    DPI_POSITION_SINCOS_TIME,
    DPI_POSITION_SINCOS_3D,
    DPI_POSITION_TABLE
} dpi_position_kind;

#define DPI_LARGEST_KERNEL 15

/* The sizes of a convolution over (time, row, column), odd each; 0: there is none. */
typedef struct dpi_kernel_size {
    size_t time, rows, columns;
} dpi_kernel_size;

/* The convolutions of DPI_PART_CONV, before attention and before the MLP. */
enum { DPI_CONV_ATTN, DPI_CONV_MLP, DPI_CONVS };

/* What stands for frames past the end of a clip. */
typedef enum dpi_past_end { DPI_PAST_END_REPEAT, DPI_PAST_END_WRAP } dpi_past_end;

/* What of several views is averaged. */
typedef enum dpi_average { DPI_AVERAGE_LOGITS, DPI_AVERAGE_PROBABILITIES } dpi_average;

/* How R * long / short is rounded. */
typedef enum dpi_long_side { DPI_LONG_SIDE_DOWN, DPI_LONG_SIDE_NEAREST } dpi_long_side;

/* How half of what a crop leaves out is rounded. */
typedef enum dpi_crop_offset { DPI_CROP_OFFSET_HALF_EVEN, DPI_CROP_OFFSET_DOWN } dpi_crop_offset;

/* How the model's evaluation makes pixels of a clip, and one answer of its views. Numbers of enums,
 * of one width on every machine. */
typedef struct dpi_protocol {
    int32_t sampling;               /* dp_sampling, one that files have a name for */
    int32_t past_end;               /* dpi_past_end */
    int32_t average;                /* dpi_average */
    int32_t filter;                 /* dpi_filter */
    int32_t long_side, crop_offset; /* dpi_long_side, dpi_crop_offset */
    size_t views, crops;
    bool resize_antialias, grid_antialias, position_antialias;
} dpi_protocol;

/* Names are those of the model page: docs/weight-format.md lists them. */
typedef struct dpi_parameters {
    dp_method method;
    size_t image_size, patch_size, patches_a_side;
    size_t image_tokens, tokens; /* the class token and patches; these and the prompts after them */
    size_t width, heads, blocks, mlp_width, feature_size, head_width, classes;
    size_t grid, frames, framesets, spatial_frames, sampling_rate;
    size_t bottleneck[DPI_MAX_SITES]; /* by the method's sites; 0: there is no such adapter */
    size_t first_adapter_block;       /* blocks before it have no adapters */
    dpi_kernel_size conv[DPI_CONVS];
    size_t prompts, prompt_blocks; /* learned tokens, of the first block or of each */
    dpi_position_kind position;
    dpi_activation activation, adapter_activation;
    float adapter_scale, epsilon, mean[3], std[3];
    bool serial_skip;
    bool has_projection, has_pre_norm;
    dpi_protocol protocol;
    bool other_protocol; /* than that of DualPath's code */
} dpi_parameters;

/* The adapter of a part at a place; NULL: this model has none. */
const dpi_site *dpi_site_at(const dpi_parameters *p, dpi_part part, dpi_adapter_place place);
/* Its width in a block; 0: there is none. */
size_t dpi_bottleneck_at(const dpi_parameters *p, size_t block, dpi_part part,
                         dpi_adapter_place place);
/* The largest of all. */
size_t dpi_largest_bottleneck(const dpi_parameters *p);
/* Whether a serial adapter there keeps what it reads: so does an adapter that is missing. */
bool dpi_keeps_input(const dpi_parameters *p, dpi_part part, dpi_adapter_place place);

/* What the output of an adapter is multiplied by. */
float dpi_site_scale(const dpi_parameters *p, const dpi_site *site);
/* Whether the parallel adapters of a part read x, and not what the norm makes of it. */
bool dpi_reads_x(const dpi_parameters *p, dpi_part part);

static inline bool dpi_has_two_paths(const dpi_parameters *p) {
    return (DP_METHODS & ~1u) == 0 || dpi_method_of(p->method)->two_paths;
}

static inline bool dpi_has_time_attention(const dpi_parameters *p) {
    return DPI_HAS_METHOD(DP_METHOD_AIM) && p->method == DP_METHOD_AIM;
}

static inline bool dpi_has_convolutions(const dpi_parameters *p) {
    return DPI_HAS_METHOD(DP_METHOD_ST_ADAPTER) && p->method == DP_METHOD_ST_ADAPTER;
}

static inline bool dpi_has_prompts(const dpi_parameters *p) {
    return DPI_HAS_METHOD(DP_METHOD_VPT) && p->method == DP_METHOD_VPT;
}

/* Whether frames meet in the blocks, so that no image can go through them by itself. */
static inline bool dpi_frames_meet(const dpi_parameters *p) {
    return (DPI_HAS_METHOD(DP_METHOD_AIM) || DPI_HAS_METHOD(DP_METHOD_ST_ADAPTER)) &&
           dpi_method_of(p->method)->frames_meet;
}

/* Whether LN_post is that of the mean class token of a path, and not of each. */
static inline bool dpi_norm_comes_after_mean(const dpi_parameters *p) {
    return DPI_HAS_METHOD(DP_METHOD_ST_ADAPTER) && dpi_method_of(p->method)->norm_after_mean;
}

/* Features that the head reads: [y_t ; y_s], or those of the one path. */
static inline size_t dpi_head_inputs(const dpi_parameters *p) {
    return dpi_has_two_paths(p) ? 2 * p->feature_size : p->feature_size;
}

/* Names as they stand in files. */
const char *dpi_activation_name(dpi_activation activation); /* not of DPI_ACTIVATION_NONE */
const char *dpi_position_name(dpi_position_kind kind);

/* ---- the list of keys ---- */

/* What a member of dpi_parameters is, and what its key has in the file. */
typedef enum dpi_parameter_kind {
    DPI_PARAMETER_ACTIVATION, /* dpi_activation: its name */
    DPI_PARAMETER_POSITION,   /* dpi_position_kind: its name */
    DPI_PARAMETER_METHOD,     /* dp_method: its name */
    DPI_PARAMETER_SIZE,       /* size_t: u32 within bounds */
    DPI_PARAMETER_REAL,       /* float: f32 */
    DPI_PARAMETER_FLAG,       /* bool */
    DPI_PARAMETER_RGB,        /* float[3]: an array of f32 */
    DPI_PARAMETER_SAMPLING,   /* int32_t: the name of a dp_sampling, */
    DPI_PARAMETER_PAST_END,   /* of a dpi_past_end, */
    DPI_PARAMETER_AVERAGE,    /* of a dpi_average, */
    DPI_PARAMETER_FILTER,     /* of a dpi_filter, */
    DPI_PARAMETER_LONG_SIDE,  /* of a dpi_long_side, */
    DPI_PARAMETER_CROP_OFFSET /* of a dpi_crop_offset */
} dpi_parameter_kind;

/* The name of a number of this kind, as it stands in files. */
const char *dpi_choice_name(dpi_parameter_kind kind, int32_t number);

typedef struct dpi_parameter {
    const char *key;
    size_t offset; /* of the member */
    dpi_parameter_kind kind;
    bool required;
    uint32_t minimum, maximum; /* of a size */
    uint32_t methods;          /* that have it, 1u << dp_method or'ed; 0: all */
} dpi_parameter;

bool dpi_method_has(dp_method method, const dpi_parameter *row);

/* The keys that every file may have, and those that only compiled files have, because the shapes of
 * their tensors do not say it. */
typedef struct dpi_parameter_list {
    const dpi_parameter *rows;
    size_t count;
} dpi_parameter_list;
dpi_parameter_list dpi_canonical_parameters(void);
dpi_parameter_list dpi_protocol_parameters(void); /* canonical as well */
dpi_parameter_list dpi_compiled_parameters(void);

/* ---- reading ---- */

/* Reads and checks all of them: from the metadata, from the shapes of tensors, and, of a task, from
 * the backbone. */
struct dp_model;
dp_status dpi_read_parameters(const dpi_gguf *gguf, const struct dp_model *backbone,
                              dpi_parameters *parameters, dpi_message *message);

/* Checks how the numbers relate, and sets those that follow from others. (relations.c) */
dp_status dpi_check_relations(const dpi_gguf *gguf, dpi_parameters *p, dpi_message *message);

/* Writes the protocol in words; returns how many bytes. (protocol.c) */
size_t dpi_describe_protocol(const dpi_parameters *p, char *text, size_t size);

#endif /* DPI_PARAMETERS_H */
