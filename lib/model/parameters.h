/*
 * Hyper-parameters of a model, and the metadata that they stand in. Files are read and written by
 * the same list of keys.
 */
#ifndef DP_PARAMETERS_H
#define DP_PARAMETERS_H

#include "gguf/gguf.h"
#include "nn/nn.h"

typedef enum dp_position_kind {
    DP_POSITION_SINCOS_TIME,
    DP_POSITION_SINCOS_3D,
    DP_POSITION_TABLE
} dp_position_kind;

/* Adapters of a block, in the order of docs/weight-format.md. */
typedef enum dp_adapter_site {
    DP_S1,
    DP_S2,
    DP_T0,
    DP_T1,
    DP_T2,
    DP_ADAPTER_SITES
} dp_adapter_site;

/* Names are those of the model page: docs/weight-format.md lists them. */
typedef struct dp_parameters {
    size_t image_size, patch_size, patches_a_side, tokens;
    size_t width, heads, blocks, mlp_width, feature_size, head_width, classes;
    size_t grid, frames, framesets, spatial_frames, sampling_rate;
    size_t bottleneck[DP_ADAPTER_SITES]; /* 0: there is no such adapter */
    dp_position_kind position;
    dp_activation activation, adapter_activation;
    float adapter_scale, epsilon, mean[3], std[3];
    bool serial_skip;
    bool has_projection, has_pre_norm;
} dp_parameters;

/* Names as they stand in files. */
const char *dp_activation_name(dp_activation activation); /* not of DP_ACTIVATION_NONE */
const char *dp_position_name(dp_position_kind kind);

/* ---- the list of keys ---- */

/* What a member of dp_parameters is, and what its key has in the file. */
typedef enum dp_parameter_kind {
    DP_PARAMETER_SIZE,       /* size_t: u32 within bounds */
    DP_PARAMETER_REAL,       /* float: f32 */
    DP_PARAMETER_FLAG,       /* bool */
    DP_PARAMETER_ACTIVATION, /* dp_activation: its name */
    DP_PARAMETER_POSITION,   /* dp_position_kind: its name */
    DP_PARAMETER_RGB         /* float[3]: an array of f32 */
} dp_parameter_kind;

typedef struct dp_parameter {
    const char *key;
    size_t offset; /* of the member */
    dp_parameter_kind kind;
    bool required;
    uint32_t minimum, maximum; /* of a size */
} dp_parameter;

/* The keys that every file has or may have; and those of compiled files only: what the shapes of
 * their tensors do not tell. */
typedef struct dp_parameter_list {
    const dp_parameter *rows;
    size_t count;
} dp_parameter_list;
dp_parameter_list dp_canonical_parameters(void);
dp_parameter_list dp_compiled_parameters(void);

/* ---- reading ---- */

/* Reads and checks metadata, and what tensor shapes say, those of the backbone's among them, if
 * there is one. */
struct dp_model;
dp_status dp_read_parameters(const dp_gguf *gguf, const struct dp_model *backbone,
                             dp_parameters *parameters, dp_message *message);

/* Holds all numbers against each other, and fills in those that follow from others. (relations.c)
 */
dp_status dp_check_relations(const dp_gguf *gguf, dp_parameters *p, dp_message *message);

#endif /* DP_PARAMETERS_H */
