/*
 * The tables of a file's contents, all in one block, and finding things in them.
 */
#include "gguf/contents.h"
#include "base/arena.h"
#include "gguf/index.h"
#include "os/memory.h"

/* ---- memory ---- */

/* With an arena that only counts, what the tables take. */
static void take_tables(dp_gguf *gguf, dp_arena *arena) {
    gguf->entries = dp_arena_take(arena, gguf->entry_count, sizeof *gguf->entries);
    gguf->tensors = dp_arena_take(arena, gguf->tensor_count, sizeof *gguf->tensors);
    gguf->by_key = dp_arena_take(arena, gguf->entry_count, sizeof *gguf->by_key);
    gguf->by_name = dp_arena_take(arena, gguf->tensor_count, sizeof *gguf->by_name);
}

dp_status dp_gguf_allocate(dp_gguf *gguf, dp_message *message) {
    dp_arena arena = {.base = NULL};
    take_tables(gguf, &arena);
    gguf->tables_size = arena.used;
    gguf->tables = dp_allocate(gguf->allocator, gguf->tables_size);
    if (gguf->tables == NULL) {
        return dp_fail(message, DP_ERR_MEMORY,
                       "cannot allocate %zu bytes for the table of contents of the file",
                       gguf->tables_size);
    }
    arena = (dp_arena){.base = gguf->tables, .size = gguf->tables_size};
    take_tables(gguf, &arena);
    return DP_OK;
}

void dp_gguf_free(dp_gguf *gguf) {
    dp_release(gguf->allocator, gguf->tables, gguf->tables_size);
    *gguf = (dp_gguf){0};
}

/* ---- finding ---- */

static dp_text key_of_item(const void *items, uint32_t item) {
    const dp_gguf_entry *entries = items;
    return entries[item].key;
}

static dp_text name_of_item(const void *items, uint32_t item) {
    const dp_tensor *tensors = items;
    return tensors[item].name;
}

static dp_named_items keys_of(const dp_gguf *gguf) {
    return (dp_named_items){gguf->entries, key_of_item, gguf->entry_count};
}

static dp_named_items names_of(const dp_gguf *gguf) {
    return (dp_named_items){gguf->tensors, name_of_item, gguf->tensor_count};
}

dp_status dp_gguf_index_keys(dp_gguf *gguf, dp_message *message) {
    dp_named_items keys = keys_of(gguf);
    uint32_t twice;
    dp_sort_by_text(&keys, gguf->by_key);
    if (dp_find_repeated(&keys, gguf->by_key, &twice)) {
        return dp_fail(message, DP_ERR_FORMAT, "metadata key '%s' appears more than once",
                       DP_SHOW(gguf->entries[twice].key));
    }
    return DP_OK;
}

dp_status dp_gguf_index_names(dp_gguf *gguf, dp_message *message) {
    dp_named_items names = names_of(gguf);
    uint32_t twice;
    dp_sort_by_text(&names, gguf->by_name);
    if (dp_find_repeated(&names, gguf->by_name, &twice)) {
        return dp_fail(message, DP_ERR_FORMAT, "tensor '%s' appears more than once",
                       DP_SHOW(gguf->tensors[twice].name));
    }
    return DP_OK;
}

const dp_gguf_entry *dp_gguf_entry_of(const dp_gguf *gguf, const char *key) {
    dp_named_items keys = keys_of(gguf);
    uint32_t item;
    return dp_find_text(&keys, gguf->by_key, dp_text_of(key), &item) ? &gguf->entries[item] : NULL;
}

const dp_tensor *dp_gguf_tensor(const dp_gguf *gguf, const char *name) {
    dp_named_items names = names_of(gguf);
    uint32_t item;
    return dp_find_text(&names, gguf->by_name, dp_text_of(name), &item) ? &gguf->tensors[item]
                                                                        : NULL;
}
