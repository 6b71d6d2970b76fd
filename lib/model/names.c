/*
 * Names of tensors, and shapes for messages.
 */
#include "model/names.h"
#include "base/text.h"

#include <string.h>

dpi_tensor_name dpi_name(const char *name) {
    dpi_tensor_name made;
    (void)dpi_print(made.text, sizeof made.text, "%s", name);
    return made;
}

dpi_tensor_name dpi_block_name(size_t block, const char *name) {
    dpi_tensor_name made;
    (void)dpi_print(made.text, sizeof made.text, "block.%zu.%s", block, name);
    return made;
}

dpi_tensor_name dpi_adapter_name(size_t block, const char *site, const char *layer) {
    dpi_tensor_name made;
    (void)dpi_print(made.text, sizeof made.text, "block.%zu.adapter.%s.%s", block, site, layer);
    return made;
}

dpi_tensor_name dpi_with_suffix(dpi_tensor_name name, const char *suffix) {
    size_t length = strlen(name.text);
    (void)dpi_print(name.text + length, sizeof name.text - length, "%s", suffix);
    return name;
}

dpi_shape_text dpi_show_shape(const uint64_t *shape, size_t dims) {
    dpi_shape_text shown = {""};
    size_t length = 0;
    for (size_t i = 0; i < dims; i++) {
        length += dpi_print(shown.text + length, sizeof shown.text - length, "[%llu]",
                            (unsigned long long)shape[i]);
    }
    return shown;
}
