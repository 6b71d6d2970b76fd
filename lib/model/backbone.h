/*
 * Backbones and tasks: docs/weight-format.md, "Task files".
 */
#ifndef DPI_BACKBONE_H
#define DPI_BACKBONE_H

#include "model/model.h"

/* Whether the tensor of this name is frozen: a task uses that of its backbone. */
bool dpi_is_frozen(dpi_text name);

/* The hash of the frozen tensors of a file. */
dpi_backbone_hash dpi_hash_backbone(const dpi_gguf *gguf);

/* Checks that a file is a task of this backbone, or, without a backbone, a model of its own. */
dp_status dpi_check_task(const dpi_gguf *gguf, const struct dp_model *backbone,
                         dpi_message *message);

/* Checks that a task and its backbone agree on the parameters of the frozen blocks. */
dp_status dpi_check_frozen_parameters(const dpi_parameters *task, const dpi_parameters *backbone,
                                      dpi_message *message);

#endif /* DPI_BACKBONE_H */
