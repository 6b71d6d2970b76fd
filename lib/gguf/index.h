/*
 * Items of a table: sorting them without moving them, and finding one by its text.
 */
#ifndef DPI_INDEX_H
#define DPI_INDEX_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills `order` with the numbers 0 .. count - 1, sorted by before(), which says whether item `a`
 * comes before item `b`. Takes n log n steps for any items, and no memory. */
typedef bool (*dpi_before_fn)(const void *items, uint32_t a, uint32_t b);
void dpi_sort_items(const void *items, dpi_before_fn before, uint32_t *order, size_t count);

/* Items that each have a text. */
typedef struct dpi_named_items {
    const void *items;
    dpi_text (*text_of)(const void *items, uint32_t item);
    size_t count;
} dpi_named_items;

/* The same, sorted by text. */
void dpi_sort_by_text(const dpi_named_items *named, uint32_t *order);

/* Whether two items of a sorted order have the same text; *item is one of them. */
bool dpi_find_repeated(const dpi_named_items *named, const uint32_t *order, uint32_t *item);

/* Whether an item of a sorted order has this text; *item is that one. */
bool dpi_find_text(const dpi_named_items *named, const uint32_t *order, dpi_text text,
                   uint32_t *item);

#endif /* DPI_INDEX_H */
