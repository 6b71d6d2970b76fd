/*
 * What a weight file says as a whole.
 */
#ifndef DP_DESCRIBE_H
#define DP_DESCRIBE_H

#include "model/model.h"

/* Sets the file type, the numbers of parameters and the backbone's hash of a model. */
dp_status dp_describe_file(const dp_gguf *gguf, struct dp_model *model, dp_message *message);

#endif /* DP_DESCRIBE_H */
