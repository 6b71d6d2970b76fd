/*
 * Metadata keys of weight files that are not hyper-parameters (those are listed in parameters.c),
 * once for reading and writing. docs/weight-format.md says what they mean.
 */
#ifndef DP_KEYS_H
#define DP_KEYS_H

#define DP_KEY_ARCHITECTURE "general.architecture"
#define DP_ARCHITECTURE "dualpath"
#define DP_KEY_NAME "general.name"
#define DP_KEY_FORMAT_VERSION "dualpath.format_version"
#define DP_FORMAT_VERSION 1
#define DP_KEY_LABELS "dualpath.labels"

/* Of task files. */
#define DP_KEY_BACKBONE_HASH "dualpath.backbone.hash"
#define DP_KEY_BACKBONE_NAME "dualpath.backbone.name"

/* Of compiled files. */
#define DP_KEY_COMPILED_VERSION "dualpath.compiled.version"
#define DP_COMPILED_VERSION 2 /* in version 1, matrices had other names */
#define DP_KEY_COMPILED_TARGET "dualpath.compiled.target"
#define DP_KEY_COMPILED_PRECISION "dualpath.compiled.precision"
#define DP_KEY_COMPILED_FILE_TYPE "dualpath.compiled.file_type"
#define DP_KEY_COMPILED_COUNT "dualpath.compiled.parameters"
#define DP_KEY_COMPILED_ADAPTER_COUNT "dualpath.compiled.adapter_parameters"

#endif /* DP_KEYS_H */
