/*
 * From a weight file to a model, or to the answer that its bytes are sound.
 */
#ifndef DP_LOAD_H
#define DP_LOAD_H

#include "model/model.h"

typedef enum dp_origin_kind { DP_FROM_PATH, DP_FROM_MEMORY, DP_FROM_READER } dp_origin_kind;

/* Where a weight file is. */
typedef struct dp_origin {
    dp_origin_kind kind;
    const char *path;
    const void *bytes; /* `size` of them, which stay as they are while the model is open */
    size_t size;
    const dp_reader *reader;
} dp_origin;

/* Reads, inflates, checks and parses the file and builds a model from it. What the model uses of
 * the file goes on living with it; the rest is let go of on the way. */
dp_status dp_model_load(const dp_origin *origin, const dp_opening *opening, dp_model **model,
                        dp_message *message);

/* Reads, inflates and parses the file and checks every tensor against its checksum. */
dp_status dp_weight_file_verify(const dp_origin *origin, const dp_model_options *options,
                                dp_message *message);

#endif /* DP_LOAD_H */
