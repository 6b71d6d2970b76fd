/*
 * Names of tensors, and shapes for messages.
 */
#include "model/names.h"
#include "base/text.h"
#include "model/parameters.h"

#include <string.h>

dp_tensor_name dp_name(const char *name) {
    dp_tensor_name made;
    (void)dp_print(made.text, sizeof made.text, "%s", name);
    return made;
}

dp_tensor_name dp_block_name(size_t block, const char *name) {
    dp_tensor_name made;
    (void)dp_print(made.text, sizeof made.text, "block.%zu.%s", block, name);
    return made;
}

const char *dp_site_name(size_t site) {
    static const char *const names[DP_ADAPTER_SITES] = {"s1", "s2", "t0", "t1", "t2"};
    return names[site];
}

dp_tensor_name dp_adapter_name(size_t block, size_t site, const char *half) {
    dp_tensor_name made;
    (void)dp_print(made.text, sizeof made.text, "block.%zu.adapter.%s.%s", block,
                   dp_site_name(site), half);
    return made;
}

dp_tensor_name dp_with_suffix(dp_tensor_name name, const char *suffix) {
    size_t length = strlen(name.text);
    (void)dp_print(name.text + length, sizeof name.text - length, "%s", suffix);
    return name;
}

dp_shape_text dp_show_shape(const uint64_t *shape, size_t dims) {
    dp_shape_text shown = {""};
    size_t length = 0;
    for (size_t i = 0; i < dims && length < sizeof shown.text - 24; i++) {
        length += dp_print(shown.text + length, sizeof shown.text - length, "[%llu]",
                           (unsigned long long)shape[i]);
    }
    return shown;
}
