/*
 * Items of a table in another order than they stand in: sorted, and found by a text.
 */
#ifndef DP_INDEX_H
#define DP_INDEX_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills `order` with the numbers 0 .. count - 1, sorted by before(), which says whether item `a`
 * stands before item `b`. Takes n log n steps for any items, and no memory. */
typedef bool (*dp_before_fn)(const void *items, uint32_t a, uint32_t b);
void dp_sort_items(const void *items, dp_before_fn before, uint32_t *order, size_t count);

/* Items that each have a text. */
typedef struct dp_named_items {
    const void *items;
    dp_text (*text_of)(const void *items, uint32_t item);
    size_t count;
} dp_named_items;

/* The same, sorted by text. */
void dp_sort_by_text(const dp_named_items *named, uint32_t *order);

/* Whether two items of a sorted order have the same text; *item is one of them. */
bool dp_find_repeated(const dp_named_items *named, const uint32_t *order, uint32_t *item);

/* Whether an item of a sorted order has this text; *item is that one. */
bool dp_find_text(const dp_named_items *named, const uint32_t *order, dp_text text, uint32_t *item);

#endif /* DP_INDEX_H */
