/*
 * Backbones and tasks: docs/weight-format.md, "Task files".
 */
#ifndef DP_BACKBONE_H
#define DP_BACKBONE_H

#include "model/model.h"

/* Whether the tensor of this name is frozen: a task uses that of its backbone. */
bool dp_is_frozen(dp_text name);

/* The hash of the frozen tensors of a file. */
dp_backbone_hash dp_hash_backbone(const dp_gguf *gguf);

/* Checks that a file is a task of this backbone, or, without a backbone, a model of its own. */
dp_status dp_check_task(const dp_gguf *gguf, const struct dp_model *backbone, dp_message *message);

/* Checks that a task and its backbone agree on the parameters of the frozen blocks. */
dp_status dp_check_frozen_parameters(const dp_parameters *task, const dp_parameters *backbone,
                                     dp_message *message);

#endif /* DP_BACKBONE_H */
