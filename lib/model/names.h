/*
 * Names of tensors, made from what they are of.
 */
#ifndef DP_NAMES_H
#define DP_NAMES_H

#include <stddef.h>
#include <stdint.h>

typedef struct dp_tensor_name {
    char text[72];
} dp_tensor_name;

dp_tensor_name dp_name(const char *name);
/* "block.3.norm1" */
dp_tensor_name dp_block_name(size_t block, const char *name);
/* "block.3.adapter.s1.down"; `half` is "down" or "up". */
dp_tensor_name dp_adapter_name(size_t block, size_t site, const char *half);
dp_tensor_name dp_with_suffix(dp_tensor_name name, const char *suffix);

/* "s1", "s2", "t0", "t1", "t2" */
const char *dp_site_name(size_t site);

/* "[2][3]" */
typedef struct dp_shape_text {
    char text[96];
} dp_shape_text;
dp_shape_text dp_show_shape(const uint64_t *shape, size_t dims);

#endif /* DP_NAMES_H */
