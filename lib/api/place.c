/*
 * Where sessions and streams lie: in the caller's arena, or in memory of an allocator, which is
 * counted with that of the model.
 */
#include "api/api.h"
#include "dp_config.h"

static dpi_account *account_of(const dp_model *model) {
    return DPI_HAS_ACCOUNTS && model != NULL ? model->account : NULL;
}

dp_status dpi_place_take(const dp_model *model, const dpi_place *place, size_t bytes,
                         const char *what, void **memory, dpi_message *message) {
    if (place->arena == NULL) {
        *memory = dpi_account_allocate(account_of(model), place->allocator, bytes);
        return *memory != NULL ? DP_OK : dpi_account_fail(account_of(model), bytes, what, message);
    }
    if ((uintptr_t)place->arena % DPI_ALIGNMENT != 0) {
        return dpi_fail(message, DP_ERR_ARENA, "the arena is not aligned to %d bytes",
                        DPI_ALIGNMENT);
    }
    if (place->arena_size < bytes) {
        return dpi_fail(message, DP_ERR_ARENA, "the arena has %zu bytes, %s needs %zu",
                        place->arena_size, what, bytes);
    }
    *memory = place->arena;
    return DP_OK;
}

void dpi_place_release(const dp_model *model, const dpi_place *place, void *memory, size_t bytes) {
    if (place->arena == NULL) {
        dpi_account_release(account_of(model), place->allocator, memory, bytes);
    }
}
