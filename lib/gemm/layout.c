/*
 * Sizes of packed weights.
 */
#include "gemm/layout.h"

#include "base/size.h"

bool dpi_layout_equals(const dpi_layout *a, const dpi_layout *b) {
    return a->precision == b->precision && a->step == b->step && a->nr == b->nr;
}

size_t dpi_layout_depth(const dpi_layout *layout, size_t inputs) {
    return dpi_size_round_up(dpi_size_div_up(inputs, layout->kr), layout->step);
}

size_t dpi_layout_columns(const dpi_layout *layout, size_t outputs) {
    return dpi_size_round_up(outputs, layout->nr);
}

size_t dpi_layout_size(const dpi_layout *layout, size_t inputs, size_t outputs) {
    return dpi_layout_columns(layout, outputs) * dpi_layout_depth(layout, inputs);
}
