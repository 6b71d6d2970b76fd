/*
 * The structure of a GGUF file, item by item.
 */
#include "gguf/scan.h"
#include "base/bytes.h"
#include "gguf/foreign.h"

/* The messages below and docs/weight-format.md repeat these numbers. */
#define MAX_TENSORS 65536
#define MAX_ENTRIES 4096
#define MAX_KEY 65535
#define MAX_NAME 64
#define MAX_STRING ((size_t)1 << 20)
#define MAX_ELEMENTS ((size_t)1 << 24)
#define MAX_DIMENSION 0x7fffffffu
#define MAX_TENSOR_BYTES ((uint64_t)1 << 40)
#define HEADER_SIZE 24
/* The smallest there can be: a key of one byte with a value of one, a name of one byte with one
 * dimension. They bound how many the rest of a file can hold. */
#define MIN_ENTRY_SIZE (8 + 1 + 4 + 1)
#define MIN_DESCRIPTION_SIZE (8 + 1 + 4 + 8 + 4 + 8)

static dp_status malformed(const dpi_scan *scan, const char *problem) {
    if (scan->name.length != 0) {
        return dpi_fail(scan->message, DP_ERR_FORMAT, "%s '%s': %s", scan->kind,
                        DPI_SHOW(scan->name), problem);
    }
    return dpi_fail(scan->message, DP_ERR_FORMAT, "%s %zu: %s", scan->kind, scan->index, problem);
}

static dp_status ends_early(const dpi_scan *scan) {
    return malformed(scan, "the file ends inside it");
}

static void begin_item(dpi_scan *scan, const char *kind, size_t index) {
    scan->kind = kind;
    scan->index = index;
    scan->name = (dpi_text){NULL, 0};
}

size_t dpi_scan_remaining(const dpi_scan *scan) {
    return scan->size - scan->at;
}

static bool scan_u32(dpi_scan *scan, uint32_t *value) {
    if (dpi_scan_remaining(scan) < 4) {
        return false;
    }
    *value = dpi_load_u32(scan->bytes + scan->at);
    scan->at += 4;
    return true;
}

static bool scan_u64(dpi_scan *scan, uint64_t *value) {
    if (dpi_scan_remaining(scan) < 8) {
        return false;
    }
    *value = dpi_load_u64(scan->bytes + scan->at);
    scan->at += 8;
    return true;
}

static dp_status scan_text(dpi_scan *scan, size_t maximum, const char *too_long, dpi_text *text) {
    uint64_t length = 0;
    if (!scan_u64(scan, &length)) {
        return ends_early(scan);
    }
    if (length > maximum) {
        return malformed(scan, too_long);
    }
    if (length > dpi_scan_remaining(scan)) {
        return ends_early(scan);
    }
    text->bytes = (const char *)scan->bytes + scan->at;
    text->length = (size_t)length;
    scan->at += text->length;
    return DP_OK;
}

/* ---- the header ---- */

static dp_status check_magic(const dpi_scan *scan) {
    if (scan->size < 4 || memcmp(scan->bytes, "GGUF", 4) != 0) {
        return dpi_refuse_foreign(scan->bytes, scan->size, scan->message);
    }
    if (scan->size < HEADER_SIZE) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "the file ends inside its header: it has %zu bytes, a header has %d",
                        scan->size, HEADER_SIZE);
    }
    uint32_t version = dpi_load_u32(scan->bytes + 4);
    if (version == 0x03000000u) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "a big-endian GGUF file; only little-endian ones can be read");
    }
    if (version != 3) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "GGUF version %lu; only version 3 can be read", (unsigned long)version);
    }
    return DP_OK;
}

/* Bounds a number of items by the format and by the bytes that are left. */
static dp_status check_count(const dpi_scan *scan, uint64_t count, size_t maximum, size_t item_size,
                             const char *items) {
    if (count > maximum) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "the file has %llu %s; at most %zu are allowed", (unsigned long long)count,
                        items, maximum);
    }
    if (count > dpi_scan_remaining(scan) / item_size) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "the file says it has %llu %s, but is too short for them",
                        (unsigned long long)count, items);
    }
    return DP_OK;
}

dp_status dpi_scan_header(dpi_scan *scan, dpi_gguf *gguf) {
    dp_status status = check_magic(scan);
    if (status != DP_OK) {
        return status;
    }
    uint64_t tensors = dpi_load_u64(scan->bytes + 8);
    uint64_t entries = dpi_load_u64(scan->bytes + 16);
    scan->at = HEADER_SIZE;
    status = check_count(scan, tensors, MAX_TENSORS, MIN_DESCRIPTION_SIZE, "tensors");
    if (status == DP_OK) {
        status = check_count(scan, entries, MAX_ENTRIES, MIN_ENTRY_SIZE, "metadata entries");
    }
    if (status == DP_OK) {
        gguf->tensor_count = (size_t)tensors;
        gguf->entry_count = (size_t)entries;
    }
    return status;
}

/* ---- metadata ---- */

/* Bytes of a value that always has as many; 0 for strings and arrays. */
static const uint8_t value_sizes[DPI_VALUE_F64 + 1] = {
    [DPI_VALUE_U8] = 1,  [DPI_VALUE_I8] = 1,  [DPI_VALUE_BOOL] = 1, [DPI_VALUE_U16] = 2,
    [DPI_VALUE_I16] = 2, [DPI_VALUE_U32] = 4, [DPI_VALUE_I32] = 4,  [DPI_VALUE_F32] = 4,
    [DPI_VALUE_U64] = 8, [DPI_VALUE_I64] = 8, [DPI_VALUE_F64] = 8,
};

static dp_status check_value_type(const dpi_scan *scan, uint32_t type) {
    if (type > DPI_VALUE_F64) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "metadata key '%s': value type %lu is unknown", DPI_SHOW(scan->name),
                        (unsigned long)type);
    }
    return DP_OK;
}

/* Skips `count` values of one type, which is not an array, and checks them. */
static dp_status scan_values(dpi_scan *scan, uint32_t type, size_t count) {
    if (type == DPI_VALUE_STRING) {
        dp_status status = DP_OK;
        for (size_t i = 0; i < count && status == DP_OK; i++) {
            dpi_text text;
            status = scan_text(scan, MAX_STRING, "a string is longer than 1 MiB", &text);
        }
        return status;
    }
    size_t size = value_sizes[type];
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): the type was checked, so it has a size. */
    if (count > dpi_scan_remaining(scan) / size) {
        return ends_early(scan);
    }
    const uint8_t *values = scan->bytes + scan->at;
    for (size_t i = 0; type == DPI_VALUE_BOOL && i < count; i++) {
        if (values[i] > 1) {
            return malformed(scan, "a boolean is neither 0 nor 1");
        }
    }
    scan->at += count * size;
    return DP_OK;
}

static dp_status scan_array(dpi_scan *scan, dpi_gguf_entry *entry) {
    uint64_t count = 0;
    if (!scan_u32(scan, &entry->element_type) || !scan_u64(scan, &count)) {
        return ends_early(scan);
    }
    dp_status status = check_value_type(scan, entry->element_type);
    if (status != DP_OK) {
        return status;
    }
    if (entry->element_type == DPI_VALUE_ARRAY) {
        return malformed(scan, "arrays of arrays are not allowed");
    }
    if (count > MAX_ELEMENTS) {
        return malformed(scan, "the array has more than 2^24 elements");
    }
    entry->count = (size_t)count;
    entry->value = scan->at;
    return scan_values(scan, entry->element_type, entry->count);
}

static dp_status scan_entry(dpi_scan *scan, dpi_gguf_entry *entry) {
    dp_status status = scan_text(scan, MAX_KEY, "the key is longer than 65535 bytes", &entry->key);
    if (status != DP_OK) {
        return status;
    }
    if (entry->key.length == 0) {
        return malformed(scan, "the key is empty");
    }
    scan->kind = "metadata key";
    scan->name = entry->key;
    if (!scan_u32(scan, &entry->type)) {
        return ends_early(scan);
    }
    status = check_value_type(scan, entry->type);
    if (status != DP_OK) {
        return status;
    }
    if (entry->type == DPI_VALUE_ARRAY) {
        return scan_array(scan, entry);
    }
    entry->element_type = entry->type;
    entry->count = 1;
    entry->value = scan->at;
    return scan_values(scan, entry->type, 1);
}

dp_status dpi_scan_metadata(dpi_scan *scan, dpi_gguf *gguf) {
    for (size_t i = 0; i < gguf->entry_count; i++) {
        begin_item(scan, "metadata entry", i);
        dp_status status = scan_entry(scan, &gguf->entries[i]);
        if (status != DP_OK) {
            return status;
        }
    }
    return DP_OK;
}

/* ---- tensor descriptions ---- */

static dp_status scan_shape(dpi_scan *scan, dpi_tensor *tensor, uint64_t *count) {
    uint32_t dims = 0;
    if (!scan_u32(scan, &dims)) {
        return ends_early(scan);
    }
    if (dims < 1 || dims > 4) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "tensor '%s' has %lu dimensions; 1 to 4 are allowed",
                        DPI_SHOW(tensor->name), (unsigned long)dims);
    }
    tensor->dims = dims;
    *count = 1;
    for (size_t i = dims; i > 0; i--) {
        uint64_t *side = &tensor->shape[i - 1];
        if (!scan_u64(scan, side)) {
            return ends_early(scan);
        }
        if (*side < 1 || *side > MAX_DIMENSION) {
            return dpi_fail(scan->message, DP_ERR_FORMAT,
                            "tensor '%s' has a dimension of %llu; 1 to 2^31 - 1 are allowed",
                            DPI_SHOW(tensor->name), (unsigned long long)*side);
        }
        if (*count > MAX_TENSOR_BYTES / *side) {
            return malformed(scan, "the tensor is larger than 2^40 bytes");
        }
        *count *= *side;
    }
    return DP_OK;
}

/* `count` numbers are at most MAX_TENSOR_BYTES. */
static dp_status size_tensor(const dpi_scan *scan, dpi_tensor *tensor, uint32_t type,
                             uint64_t count) {
    if (type == DPI_TENSOR_Q8_0 && tensor->shape[tensor->dims - 1] % DPI_Q8_0_VALUES != 0) {
        return malformed(scan, "q8_0 needs a multiple of 32 columns");
    }
    uint64_t bytes = dpi_tensor_bytes(type, count);
    if (bytes == 0) {
        return dpi_fail(scan->message, DP_ERR_FORMAT,
                        "tensor '%s' has type %lu"
                        "; F32 (0), F16 (1), Q8_0 (8), I8 (24) and BF16 (30) are allowed",
                        DPI_SHOW(tensor->name), (unsigned long)type);
    }
    if (bytes > MAX_TENSOR_BYTES) {
        return malformed(scan, "the tensor is larger than 2^40 bytes");
    }
    if (bytes > scan->size) {
        return malformed(scan, "the tensor reaches past the end of the file");
    }
    tensor->type = (dpi_tensor_type)type;
    tensor->bytes = (size_t)bytes;
    return DP_OK;
}

static dp_status scan_description(dpi_scan *scan, dpi_tensor *tensor) {
    dp_status status = scan_text(scan, MAX_NAME, "the name is longer than 64 bytes", &tensor->name);
    if (status != DP_OK) {
        return status;
    }
    if (tensor->name.length == 0) {
        return malformed(scan, "the name is empty");
    }
    scan->kind = "description of tensor";
    scan->name = tensor->name;
    uint64_t count = 0;
    status = scan_shape(scan, tensor, &count);
    if (status != DP_OK) {
        return status;
    }
    uint32_t type = 0;
    if (!scan_u32(scan, &type) || !scan_u64(scan, &tensor->offset)) {
        return ends_early(scan);
    }
    return size_tensor(scan, tensor, type, count);
}

dp_status dpi_scan_descriptions(dpi_scan *scan, dpi_gguf *gguf) {
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        begin_item(scan, "tensor description", i);
        gguf->tensors[i] = (dpi_tensor){.name = {"", 0}};
        dp_status status = scan_description(scan, &gguf->tensors[i]);
        if (status != DP_OK) {
            return status;
        }
    }
    return DP_OK;
}
