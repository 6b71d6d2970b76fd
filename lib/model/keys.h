/*
 * Metadata keys of weight files, for reading and writing. Those of hyper-parameters are listed in
 * parameters.c. docs/weight-format.md says what they mean.
 */
#ifndef DPI_KEYS_H
#define DPI_KEYS_H

#define DPI_KEY_ARCHITECTURE "general.architecture"
#define DPI_ARCHITECTURE "dualpath"
#define DPI_KEY_NAME "general.name"
#define DPI_KEY_FORMAT_VERSION "dualpath.format_version"
#define DPI_FORMAT_VERSION 1
#define DPI_KEY_LABELS "dualpath.labels"

/* Of task files. */
#define DPI_KEY_BACKBONE_HASH "dualpath.backbone.hash"
#define DPI_KEY_BACKBONE_NAME "dualpath.backbone.name"

/* Of compiled files. */
#define DPI_KEY_COMPILED_VERSION "dualpath.compiled.version"
#define DPI_COMPILED_VERSION 2 /* in version 1, matrices had other names */
#define DPI_KEY_COMPILED_TARGET "dualpath.compiled.target"
#define DPI_KEY_COMPILED_PRECISION "dualpath.compiled.precision"
#define DPI_KEY_COMPILED_FILE_TYPE "dualpath.compiled.file_type"
#define DPI_KEY_COMPILED_COUNT "dualpath.compiled.parameters"
#define DPI_KEY_COMPILED_ADAPTER_COUNT "dualpath.compiled.adapter_parameters"

#endif /* DPI_KEYS_H */
