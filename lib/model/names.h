/*
 * Names of tensors, made from what they are of.
 */
#ifndef DPI_NAMES_H
#define DPI_NAMES_H

#include <stddef.h>
#include <stdint.h>

typedef struct dpi_tensor_name {
    char text[64];
} dpi_tensor_name;

dpi_tensor_name dpi_name(const char *name);
/* "block.3.norm1" */
dpi_tensor_name dpi_block_name(size_t block, const char *name);
/* "block.3.adapter.s1.down"; `layer` is "down", "up" or "conv". */
dpi_tensor_name dpi_adapter_name(size_t block, const char *site, const char *layer);
dpi_tensor_name dpi_with_suffix(dpi_tensor_name name, const char *suffix);

/* "[2][3]" */
typedef struct dpi_shape_text {
    char text[96]; /* a tensor has at most four sizes, of 20 digits */
} dpi_shape_text;
dpi_shape_text dpi_show_shape(const uint64_t *shape, size_t dims);

#endif /* DPI_NAMES_H */
