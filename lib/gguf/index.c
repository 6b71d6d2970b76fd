/*
 * Sorting and searching items of a table. qsort() is not used: it may be quadratic and may
 * allocate.
 */
#include "gguf/index.h"

/* ---- heapsort ---- */

static void sift_down(const void *items, dpi_before_fn before, uint32_t *heap, size_t root,
                      size_t count) {
    while (2 * root + 1 < count) {
        size_t child = 2 * root + 1;
        if (child + 1 < count && before(items, heap[child], heap[child + 1])) {
            child++;
        }
        if (!before(items, heap[root], heap[child])) {
            return;
        }
        uint32_t swapped = heap[root];
        heap[root] = heap[child];
        heap[child] = swapped;
        root = child;
    }
}

void dpi_sort_items(const void *items, dpi_before_fn before, uint32_t *order, size_t count) {
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
    for (size_t root = count / 2; root > 0; root--) {
        sift_down(items, before, order, root - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        uint32_t largest = order[0];
        order[0] = order[end - 1];
        order[end - 1] = largest;
        sift_down(items, before, order, 0, end - 1);
    }
}

/* ---- texts ---- */

static dpi_text text_of_item(const dpi_named_items *named, uint32_t item) {
    return named->text_of(named->items, item);
}

static bool text_before(const void *items, uint32_t a, uint32_t b) {
    return dpi_text_compare(text_of_item(items, a), text_of_item(items, b)) < 0;
}

void dpi_sort_by_text(const dpi_named_items *named, uint32_t *order) {
    dpi_sort_items(named, text_before, order, named->count);
}

bool dpi_find_repeated(const dpi_named_items *named, const uint32_t *order, uint32_t *item) {
    for (size_t i = 1; i < named->count; i++) {
        if (!text_before(named, order[i - 1], order[i])) {
            *item = order[i];
            return true;
        }
    }
    return false;
}

bool dpi_find_text(const dpi_named_items *named, const uint32_t *order, dpi_text text,
                   uint32_t *item) {
    size_t low = 0;
    size_t high = named->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int compared = dpi_text_compare(text, text_of_item(named, order[middle]));
        if (compared == 0) {
            *item = order[middle];
            return true;
        }
        if (compared < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}
