/*
 * The tables of a file's contents, all in one block, and finding things in them.
 */
#include "gguf/contents.h"
#include "base/arena.h"
#include "gguf/index.h"
#include "os/memory.h"

/* ---- memory ---- */

/* With an arena that only counts, what the tables take. */
static void take_tables(dpi_gguf *gguf, dpi_arena *arena) {
    gguf->entries = dpi_arena_take(arena, gguf->entry_count, sizeof *gguf->entries);
    gguf->tensors = dpi_arena_take(arena, gguf->tensor_count, sizeof *gguf->tensors);
    gguf->by_key = dpi_arena_take(arena, gguf->entry_count, sizeof *gguf->by_key);
    gguf->by_name = dpi_arena_take(arena, gguf->tensor_count, sizeof *gguf->by_name);
}

dp_status dpi_gguf_allocate(dpi_gguf *gguf, dpi_message *message) {
    dpi_arena arena = {.base = NULL};
    take_tables(gguf, &arena);
    gguf->tables_size = arena.used;
    gguf->tables = dpi_allocate_for(gguf->allocator, gguf->tables_size,
                                    "the table of contents of the file", message);
    if (gguf->tables == NULL) {
        return DP_ERR_MEMORY;
    }
    arena = (dpi_arena){.base = gguf->tables, .size = gguf->tables_size};
    take_tables(gguf, &arena);
    return DP_OK;
}

void dpi_gguf_free(dpi_gguf *gguf) {
    dpi_release(gguf->allocator, gguf->tables, gguf->tables_size);
    *gguf = (dpi_gguf){0};
}

/* ---- finding ---- */

static dpi_text key_of_item(const void *items, uint32_t item) {
    const dpi_gguf_entry *entries = items;
    return entries[item].key;
}

static dpi_text name_of_item(const void *items, uint32_t item) {
    const dpi_tensor *tensors = items;
    return tensors[item].name;
}

static dpi_named_items keys_of(const dpi_gguf *gguf) {
    return (dpi_named_items){gguf->entries, key_of_item, gguf->entry_count};
}

static dpi_named_items names_of(const dpi_gguf *gguf) {
    return (dpi_named_items){gguf->tensors, name_of_item, gguf->tensor_count};
}

dp_status dpi_gguf_index_keys(dpi_gguf *gguf, dpi_message *message) {
    dpi_named_items keys = keys_of(gguf);
    uint32_t twice;
    dpi_sort_by_text(&keys, gguf->by_key);
    if (dpi_find_repeated(&keys, gguf->by_key, &twice)) {
        return dpi_fail(message, DP_ERR_FORMAT, "metadata key '%s' appears more than once",
                        DPI_SHOW(gguf->entries[twice].key));
    }
    return DP_OK;
}

dp_status dpi_gguf_index_names(dpi_gguf *gguf, dpi_message *message) {
    dpi_named_items names = names_of(gguf);
    uint32_t twice;
    dpi_sort_by_text(&names, gguf->by_name);
    if (dpi_find_repeated(&names, gguf->by_name, &twice)) {
        return dpi_fail(message, DP_ERR_FORMAT, "tensor '%s' appears more than once",
                        DPI_SHOW(gguf->tensors[twice].name));
    }
    return DP_OK;
}

const dpi_gguf_entry *dpi_gguf_entry_of(const dpi_gguf *gguf, const char *key) {
    dpi_named_items keys = keys_of(gguf);
    uint32_t item;
    return dpi_find_text(&keys, gguf->by_key, dpi_text_of(key), &item) ? &gguf->entries[item]
                                                                       : NULL;
}

const dpi_tensor *dpi_gguf_tensor(const dpi_gguf *gguf, const char *name) {
    dpi_named_items names = names_of(gguf);
    uint32_t item;
    return dpi_find_text(&names, gguf->by_name, dpi_text_of(name), &item) ? &gguf->tensors[item]
                                                                          : NULL;
}
