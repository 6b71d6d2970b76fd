/*
 * A whole GGUF file: what was scanned is indexed, placed in the data section, and given its
 * checksums.
 */
#include "gguf/gguf.h"
#include "base/bytes.h"
#include "gguf/index.h"
#include "gguf/scan.h"
#include "os/memory.h"

/* ---- the data section ---- */

static dp_status read_alignment(const dpi_gguf *gguf, uint32_t *alignment, dpi_message *message) {
    *alignment = 32;
    dp_status status =
        dpi_gguf_u32(gguf, DPI_GGUF_ALIGNMENT_KEY, false, 8, 65536, alignment, message);
    if (status == DP_OK && (*alignment & (*alignment - 1)) != 0) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "metadata key 'general.alignment' is %lu, but must be a power of two",
                        (unsigned long)*alignment);
    }
    return status;
}

static dp_status place_tensor(const dpi_scan *scan, dpi_tensor *tensor, uint32_t alignment) {
    uint64_t offset = tensor->offset;
    if (offset % alignment != 0) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "tensor '%s' begins at offset %llu, which is not a multiple of %lu",
                        DPI_SHOW(tensor->name), (unsigned long long)offset,
                        (unsigned long)alignment);
    }
    if (offset > dpi_scan_remaining(scan) ||
        tensor->bytes > dpi_scan_remaining(scan) - (size_t)offset) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "tensor '%s' (%zu bytes at offset %llu) reaches past the end of the file: "
                        "there are %zu bytes of data",
                        DPI_SHOW(tensor->name), tensor->bytes, (unsigned long long)offset,
                        dpi_scan_remaining(scan));
    }
    tensor->data = scan->bytes + scan->at + (size_t)offset;
    return DP_OK;
}

/* In the data section. */
static bool data_before(const void *items, uint32_t a, uint32_t b) {
    const dpi_tensor *tensors = items;
    return tensors[a].data < tensors[b].data;
}

/* `order` has space for all tensors. */
static dp_status find_overlap(const dpi_gguf *gguf, uint32_t *order, dpi_message *message) {
    dpi_sort_items(gguf->tensors, data_before, order, gguf->tensor_count);
    for (size_t i = 1; i < gguf->tensor_count; i++) {
        const dpi_tensor *first = &gguf->tensors[order[i - 1]];
        const dpi_tensor *second = &gguf->tensors[order[i]];
        if ((size_t)(second->data - first->data) < first->bytes) {
            return dpi_fail(message, DP_ERR_FORMAT, "tensors '%s' and '%s' overlap",
                            DPI_SHOW(first->name), DPI_SHOW(second->name));
        }
    }
    return DP_OK;
}

static dp_status check_overlap(const dpi_gguf *gguf, dpi_message *message) {
    size_t bytes = gguf->tensor_count * sizeof(uint32_t);
    uint32_t *order = dpi_allocate_for(gguf->allocator, bytes, "sorting the tensors", message);
    if (order == NULL) {
        return DP_ERR_MEMORY;
    }
    dp_status status = find_overlap(gguf, order, message);
    dpi_release(gguf->allocator, order, bytes);
    return status;
}

static dp_status place_tensors(dpi_scan *scan, dpi_gguf *gguf) {
    uint32_t alignment;
    dp_status status = read_alignment(gguf, &alignment, scan->message);
    if (status != DP_OK || gguf->tensor_count == 0) {
        return status;
    }
    size_t padding = (alignment - scan->at % alignment) % alignment;
    if (padding > dpi_scan_remaining(scan)) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "the file ends before the data of tensor '%s'",
                        DPI_SHOW(gguf->tensors[0].name));
    }
    scan->at += padding;
    for (size_t i = 0; i < gguf->tensor_count && status == DP_OK; i++) {
        status = place_tensor(scan, &gguf->tensors[i], alignment);
    }
    return status == DP_OK ? check_overlap(gguf, scan->message) : status;
}

static dp_status attach_crcs(dpi_gguf *gguf, dpi_message *message) {
    const uint8_t *crcs = NULL;
    dp_status status =
        dpi_gguf_u32_array(gguf, DPI_GGUF_CRC_KEY, gguf->tensor_count, &crcs, message);
    if (status != DP_OK || crcs == NULL) {
        return status;
    }
    gguf->has_crcs = true;
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        gguf->tensors[i].has_crc = true;
        gguf->tensors[i].crc = dpi_load_u32(crcs + 4 * i);
    }
    return DP_OK;
}

/* ---- all of it ---- */

static dp_status parse_contents(dpi_scan *scan, dpi_gguf *gguf) {
    dp_status status = dpi_gguf_allocate(gguf, scan->message);
    if (status == DP_OK) {
        status = dpi_scan_metadata(scan, gguf);
    }
    if (status == DP_OK) {
        status = dpi_gguf_index_keys(gguf, scan->message);
    }
    if (status == DP_OK) {
        status = dpi_scan_descriptions(scan, gguf);
    }
    if (status == DP_OK) {
        status = dpi_gguf_index_names(gguf, scan->message);
    }
    if (status == DP_OK) {
        status = place_tensors(scan, gguf);
    }
    return status == DP_OK ? attach_crcs(gguf, scan->message) : status;
}

dp_status dpi_gguf_parse(const uint8_t *bytes, size_t size, const dp_allocator *allocator,
                         dpi_gguf *gguf, dpi_message *message) {
    *gguf = (dpi_gguf){.bytes = bytes, .size = size, .allocator = allocator};
    dpi_scan scan = {.bytes = bytes, .size = size, .message = message};
    dp_status status = dpi_scan_header(&scan, gguf);
    if (status == DP_OK) {
        status = parse_contents(&scan, gguf);
    }
    if (status != DP_OK) {
        dpi_gguf_free(gguf);
    }
    return status;
}
