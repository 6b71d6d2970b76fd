/*
 * Sizes of packed weights.
 */
#include "gemm/layout.h"

#include "base/size.h"

bool dp_layout_equals(const dp_layout *a, const dp_layout *b) {
    return a->precision == b->precision && a->step == b->step && a->nr == b->nr;
}

size_t dp_layout_depth(const dp_layout *layout, size_t inputs) {
    return dp_size_round_up(dp_size_div_up(inputs, layout->kr), layout->step);
}

size_t dp_layout_columns(const dp_layout *layout, size_t outputs) {
    return dp_size_round_up(outputs, layout->nr);
}

size_t dp_layout_size(const dp_layout *layout, size_t inputs, size_t outputs) {
    return dp_layout_columns(layout, outputs) * dp_layout_depth(layout, inputs);
}
