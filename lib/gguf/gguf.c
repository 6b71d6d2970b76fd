/*
 * The structure of a GGUF file, checked once from front to back: header, metadata, tensor
 * descriptions, and where the tensors lie. No number of the file is used before it was held
 * against what the remaining bytes can hold. Typed access to metadata is in metadata.c.
 */
#include "gguf/gguf.h"
#include "base/size.h"
#include "os/memory.h"

#include "base/bytes.h"

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

/* Reads a file from front to back. `kind`, `index` and, once it is known, `name` tell in messages
 * what is being read. */
typedef struct scanner {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    const char *kind;
    size_t index;
    dp_text name;
    dp_message *message;
} scanner;

static dp_status malformed(const scanner *scan, const char *problem) {
    if (scan->name.length != 0) {
        return dp_fail(scan->message, DP_ERR_FORMAT, "%s '%s': %s", scan->kind, DP_SHOW(scan->name),
                       problem);
    }
    return dp_fail(scan->message, DP_ERR_FORMAT, "%s %zu: %s", scan->kind, scan->index, problem);
}

static dp_status ends_early(const scanner *scan) {
    return malformed(scan, "the file ends inside it");
}

static void begin_item(scanner *scan, const char *kind, size_t index) {
    scan->kind = kind;
    scan->index = index;
    scan->name = (dp_text){NULL, 0};
}

static size_t remaining(const scanner *scan) {
    return scan->size - scan->at;
}

static bool take_u32(scanner *scan, uint32_t *value) {
    if (remaining(scan) < 4) {
        return false;
    }
    *value = dp_load_u32(scan->bytes + scan->at);
    scan->at += 4;
    return true;
}

static bool take_u64(scanner *scan, uint64_t *value) {
    if (remaining(scan) < 8) {
        return false;
    }
    *value = dp_load_u64(scan->bytes + scan->at);
    scan->at += 8;
    return true;
}

static dp_status take_text(scanner *scan, size_t maximum, const char *too_long, dp_text *text) {
    uint64_t length = 0;
    if (!take_u64(scan, &length)) {
        return ends_early(scan);
    }
    if (length > maximum) {
        return malformed(scan, too_long);
    }
    if (length > remaining(scan)) {
        return ends_early(scan);
    }
    text->bytes = (const char *)scan->bytes + scan->at;
    text->length = (size_t)length;
    scan->at += text->length;
    return DP_OK;
}

/* ---- sorting ---- */

/* Whether item `a` of the file stands before item `b`. */
typedef bool (*before_fn)(const dp_gguf *gguf, uint32_t a, uint32_t b);

static bool key_before(const dp_gguf *gguf, uint32_t a, uint32_t b) {
    return dp_text_compare(gguf->entries[a].key, gguf->entries[b].key) < 0;
}

static bool name_before(const dp_gguf *gguf, uint32_t a, uint32_t b) {
    return dp_text_compare(gguf->tensors[a].name, gguf->tensors[b].name) < 0;
}

static bool data_before(const dp_gguf *gguf, uint32_t a, uint32_t b) {
    return gguf->tensors[a].data < gguf->tensors[b].data;
}

static void sift_down(const dp_gguf *gguf, before_fn before, uint32_t *heap, size_t root,
                      size_t count) {
    while (2 * root + 1 < count) {
        size_t child = 2 * root + 1;
        if (child + 1 < count && before(gguf, heap[child], heap[child + 1])) {
            child++;
        }
        if (!before(gguf, heap[root], heap[child])) {
            return;
        }
        uint32_t swapped = heap[root];
        heap[root] = heap[child];
        heap[child] = swapped;
        root = child;
    }
}

/* Heapsort, as qsort() may be quadratic and may allocate. Fills `order` with 0 .. count-1 sorted.
 */
static void sort_indices(const dp_gguf *gguf, before_fn before, uint32_t *order, size_t count) {
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
    for (size_t root = count / 2; root > 0; root--) {
        sift_down(gguf, before, order, root - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        uint32_t largest = order[0];
        order[0] = order[end - 1];
        order[end - 1] = largest;
        sift_down(gguf, before, order, 0, end - 1);
    }
}

/* Of `count` sorted items, the place of the first that equals the one before it; 0: none. */
static size_t find_equal(const dp_gguf *gguf, before_fn before, const uint32_t *order,
                         size_t count) {
    for (size_t i = 1; i < count; i++) {
        if (!before(gguf, order[i - 1], order[i])) {
            return i;
        }
    }
    return 0;
}

/* ---- the header ---- */

static dp_status check_magic(const scanner *scan) {
    if (scan->size < 4 || memcmp(scan->bytes, "GGUF", 4) != 0) {
        dp_text start = {(const char *)scan->bytes, dp_size_min(scan->size, 4)};
        return dp_fail(scan->message, DP_ERR_FORMAT,
                       "not a GGUF file: it begins with '%s' instead of 'GGUF'", DP_SHOW(start));
    }
    if (scan->size < HEADER_SIZE) {
        return dp_fail(scan->message, DP_ERR_FORMAT,
                       "the file ends inside its header: it has %zu bytes, a header has %d",
                       scan->size, HEADER_SIZE);
    }
    uint32_t version = dp_load_u32(scan->bytes + 4);
    if (version == 0x03000000u) {
        return dp_fail(scan->message, DP_ERR_FORMAT,
                       "a big-endian GGUF file; only little-endian ones can be read");
    }
    if (version != 3) {
        return dp_fail(scan->message, DP_ERR_FORMAT, "GGUF version %lu; only version 3 can be read",
                       (unsigned long)version);
    }
    return DP_OK;
}

/* Bounds a number of items by the format and by the bytes that are left. */
static dp_status check_count(const scanner *scan, uint64_t count, size_t maximum, size_t item_size,
                             const char *items) {
    if (count > maximum) {
        return dp_fail(scan->message, DP_ERR_FORMAT,
                       "the file has %llu %s; at most %zu are allowed", (unsigned long long)count,
                       items, maximum);
    }
    if (count > remaining(scan) / item_size) {
        return dp_fail(scan->message, DP_ERR_FORMAT,
                       "the file says it has %llu %s, but is too short for them",
                       (unsigned long long)count, items);
    }
    return DP_OK;
}

static dp_status scan_header(scanner *scan, dp_gguf *gguf) {
    dp_status status = check_magic(scan);
    if (status != DP_OK) {
        return status;
    }
    uint64_t tensors = dp_load_u64(scan->bytes + 8);
    uint64_t entries = dp_load_u64(scan->bytes + 16);
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

/* ---- tables ---- */

/* One more than `count`, so that no allocator is asked for nothing. */
static size_t table_size(size_t count, size_t element) {
    return (count + 1) * element;
}

static dp_status allocate_tables(dp_gguf *gguf, dp_message *message) {
    size_t entries = table_size(gguf->entry_count, sizeof *gguf->entries);
    size_t tensors = table_size(gguf->tensor_count, sizeof *gguf->tensors);
    size_t by_key = table_size(gguf->entry_count, sizeof *gguf->by_key);
    size_t by_name = table_size(gguf->tensor_count, sizeof *gguf->by_name);
    gguf->entries = dp_allocate(gguf->allocator, entries);
    gguf->tensors = dp_allocate(gguf->allocator, tensors);
    gguf->by_key = dp_allocate(gguf->allocator, by_key);
    gguf->by_name = dp_allocate(gguf->allocator, by_name);
    if (gguf->entries == NULL || gguf->tensors == NULL || gguf->by_key == NULL ||
        gguf->by_name == NULL) {
        return dp_fail(message, DP_ERR_MEMORY,
                       "cannot allocate %zu bytes for the table of contents of the file",
                       entries + tensors + by_key + by_name);
    }
    return DP_OK;
}

void dp_gguf_free(dp_gguf *gguf) {
    const dp_allocator *from = gguf->allocator;
    dp_release(from, gguf->entries, table_size(gguf->entry_count, sizeof *gguf->entries));
    dp_release(from, gguf->tensors, table_size(gguf->tensor_count, sizeof *gguf->tensors));
    dp_release(from, gguf->by_key, table_size(gguf->entry_count, sizeof *gguf->by_key));
    dp_release(from, gguf->by_name, table_size(gguf->tensor_count, sizeof *gguf->by_name));
    *gguf = (dp_gguf){0};
}

/* ---- metadata ---- */

/* Bytes of a value that always has as many; 0 for others. */
static size_t value_size(uint32_t type) {
    switch (type) {
    case DP_VALUE_U8:
    case DP_VALUE_I8:
    case DP_VALUE_BOOL:
        return 1;
    case DP_VALUE_U16:
    case DP_VALUE_I16:
        return 2;
    case DP_VALUE_U32:
    case DP_VALUE_I32:
    case DP_VALUE_F32:
        return 4;
    case DP_VALUE_U64:
    case DP_VALUE_I64:
    case DP_VALUE_F64:
        return 8;
    default:
        return 0;
    }
}

static dp_status check_value_type(const scanner *scan, uint32_t type) {
    if (type > DP_VALUE_F64) {
        return dp_fail(scan->message, DP_ERR_FORMAT, "metadata key '%s': value type %lu is unknown",
                       DP_SHOW(scan->name), (unsigned long)type);
    }
    return DP_OK;
}

/* Skips `count` values of one type, which is not an array, and checks them. */
static dp_status scan_values(scanner *scan, uint32_t type, size_t count) {
    if (type == DP_VALUE_STRING) {
        dp_status status = DP_OK;
        for (size_t i = 0; i < count && status == DP_OK; i++) {
            dp_text text;
            status = take_text(scan, MAX_STRING, "a string is longer than 1 MiB", &text);
        }
        return status;
    }
    size_t size = value_size(type);
    if (count > remaining(scan) / size) {
        return ends_early(scan);
    }
    const uint8_t *values = scan->bytes + scan->at;
    for (size_t i = 0; type == DP_VALUE_BOOL && i < count; i++) {
        if (values[i] > 1) {
            return malformed(scan, "a boolean is neither 0 nor 1");
        }
    }
    scan->at += count * size;
    return DP_OK;
}

static dp_status scan_array(scanner *scan, dp_gguf_entry *entry) {
    uint64_t count = 0;
    if (!take_u32(scan, &entry->element_type) || !take_u64(scan, &count)) {
        return ends_early(scan);
    }
    dp_status status = check_value_type(scan, entry->element_type);
    if (status != DP_OK) {
        return status;
    }
    if (entry->element_type == DP_VALUE_ARRAY) {
        return malformed(scan, "arrays of arrays are not allowed");
    }
    if (count > MAX_ELEMENTS) {
        return malformed(scan, "the array has more than 2^24 elements");
    }
    entry->count = (size_t)count;
    entry->value = scan->at;
    return scan_values(scan, entry->element_type, entry->count);
}

static dp_status scan_entry(scanner *scan, dp_gguf_entry *entry) {
    dp_status status = take_text(scan, MAX_KEY, "the key is longer than 65535 bytes", &entry->key);
    if (status != DP_OK) {
        return status;
    }
    if (entry->key.length == 0) {
        return malformed(scan, "the key is empty");
    }
    scan->kind = "metadata key";
    scan->name = entry->key;
    if (!take_u32(scan, &entry->type)) {
        return ends_early(scan);
    }
    status = check_value_type(scan, entry->type);
    if (status != DP_OK) {
        return status;
    }
    if (entry->type == DP_VALUE_ARRAY) {
        return scan_array(scan, entry);
    }
    entry->element_type = entry->type;
    entry->count = 1;
    entry->value = scan->at;
    return scan_values(scan, entry->type, 1);
}

static dp_status scan_metadata(scanner *scan, dp_gguf *gguf) {
    for (size_t i = 0; i < gguf->entry_count; i++) {
        begin_item(scan, "metadata entry", i);
        dp_status status = scan_entry(scan, &gguf->entries[i]);
        if (status != DP_OK) {
            return status;
        }
    }
    return DP_OK;
}

static dp_status index_keys(dp_gguf *gguf, dp_message *message) {
    sort_indices(gguf, key_before, gguf->by_key, gguf->entry_count);
    size_t twice = find_equal(gguf, key_before, gguf->by_key, gguf->entry_count);
    if (twice != 0) {
        return dp_fail(message, DP_ERR_FORMAT, "metadata key '%s' appears more than once",
                       DP_SHOW(gguf->entries[gguf->by_key[twice]].key));
    }
    return DP_OK;
}

/* ---- tensor descriptions ---- */

static dp_status scan_shape(scanner *scan, dp_tensor *tensor, uint64_t *elements) {
    uint32_t dims = 0;
    if (!take_u32(scan, &dims)) {
        return ends_early(scan);
    }
    if (dims < 1 || dims > 4) {
        return dp_fail(scan->message, DP_ERR_FORMAT,
                       "tensor '%s' has %lu dimensions; 1 to 4 are allowed", DP_SHOW(tensor->name),
                       (unsigned long)dims);
    }
    tensor->dims = dims;
    *elements = 1;
    for (size_t i = dims; i > 0; i--) {
        uint64_t *side = &tensor->shape[i - 1];
        if (!take_u64(scan, side)) {
            return ends_early(scan);
        }
        if (*side < 1 || *side > MAX_DIMENSION) {
            return dp_fail(scan->message, DP_ERR_FORMAT,
                           "tensor '%s' has a dimension of %llu; 1 to 2^31 - 1 are allowed",
                           DP_SHOW(tensor->name), (unsigned long long)*side);
        }
        if (*elements > MAX_TENSOR_BYTES / *side) {
            return malformed(scan, "the tensor is larger than 2^40 bytes");
        }
        *elements *= *side;
    }
    return DP_OK;
}

/* The size in bytes; fails for unknown types. `elements` is at most MAX_TENSOR_BYTES. */
static dp_status size_tensor(const scanner *scan, dp_tensor *tensor, uint32_t type,
                             uint64_t elements, uint64_t *bytes) {
    switch (type) {
    case DP_TENSOR_F32:
        *bytes = 4 * elements;
        break;
    case DP_TENSOR_F16:
    case DP_TENSOR_BF16:
        *bytes = 2 * elements;
        break;
    case DP_TENSOR_I8:
        *bytes = elements;
        break;
    case DP_TENSOR_Q8_0:
        if (tensor->shape[tensor->dims - 1] % DP_Q8_0_VALUES != 0) {
            return malformed(scan, "q8_0 needs a multiple of 32 columns");
        }
        *bytes = elements / DP_Q8_0_VALUES * DP_Q8_0_BYTES;
        break;
    default:
        return dp_fail(scan->message, DP_ERR_FORMAT,
                       "tensor '%s' has type %lu"
                       "; F32 (0), F16 (1), Q8_0 (8), I8 (24) and BF16 (30) are allowed",
                       DP_SHOW(tensor->name), (unsigned long)type);
    }
    tensor->type = (dp_tensor_type)type;
    return *bytes <= MAX_TENSOR_BYTES ? DP_OK
                                      : malformed(scan, "the tensor is larger than 2^40 bytes");
}

/* Reads one description. Where the data section begins is not known yet: `data` points at the
 * tensor's offset, which place_tensor() reads again. */
static dp_status scan_description(scanner *scan, dp_tensor *tensor) {
    dp_status status = take_text(scan, MAX_NAME, "the name is longer than 64 bytes", &tensor->name);
    if (status != DP_OK) {
        return status;
    }
    if (tensor->name.length == 0) {
        return malformed(scan, "the name is empty");
    }
    scan->kind = "description of tensor";
    scan->name = tensor->name;
    uint64_t elements = 0;
    status = scan_shape(scan, tensor, &elements);
    if (status != DP_OK) {
        return status;
    }
    uint32_t type = 0;
    if (!take_u32(scan, &type) || remaining(scan) < 8) {
        return ends_early(scan);
    }
    tensor->data = scan->bytes + scan->at;
    scan->at += 8;
    uint64_t bytes = 0;
    status = size_tensor(scan, tensor, type, elements, &bytes);
    if (status == DP_OK && bytes > scan->size) {
        return malformed(scan, "the tensor reaches past the end of the file");
    }
    tensor->bytes = (size_t)bytes;
    return status;
}

static dp_status scan_descriptions(scanner *scan, dp_gguf *gguf) {
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        begin_item(scan, "tensor description", i);
        gguf->tensors[i] = (dp_tensor){.name = {"", 0}};
        dp_status status = scan_description(scan, &gguf->tensors[i]);
        if (status != DP_OK) {
            return status;
        }
    }
    return DP_OK;
}

static dp_status index_names(dp_gguf *gguf, dp_message *message) {
    sort_indices(gguf, name_before, gguf->by_name, gguf->tensor_count);
    size_t twice = find_equal(gguf, name_before, gguf->by_name, gguf->tensor_count);
    if (twice != 0) {
        return dp_fail(message, DP_ERR_FORMAT, "tensor '%s' appears more than once",
                       DP_SHOW(gguf->tensors[gguf->by_name[twice]].name));
    }
    return DP_OK;
}

/* ---- the data section ---- */

static dp_status read_alignment(const dp_gguf *gguf, uint32_t *alignment, dp_message *message) {
    *alignment = 32;
    dp_status status = dp_gguf_u32(gguf, "general.alignment", false, 8, 65536, alignment, message);
    if (status == DP_OK && (*alignment & (*alignment - 1)) != 0) {
        return dp_fail(message, DP_ERR_FORMAT,
                       "metadata key 'general.alignment' is %lu, but must be a power of two",
                       (unsigned long)*alignment);
    }
    return status;
}

static dp_status place_tensor(const scanner *scan, dp_tensor *tensor, uint32_t alignment) {
    uint64_t offset = dp_load_u64(tensor->data);
    if (offset % alignment != 0) {
        return dp_fail(scan->message, DP_ERR_FORMAT,
                       "tensor '%s' begins at offset %llu, which is not a multiple of %lu",
                       DP_SHOW(tensor->name), (unsigned long long)offset, (unsigned long)alignment);
    }
    if (offset > remaining(scan) || tensor->bytes > remaining(scan) - (size_t)offset) {
        return dp_fail(scan->message, DP_ERR_FORMAT,
                       "tensor '%s' (%zu bytes at offset %llu) reaches past the end of the file: "
                       "there are %zu bytes of data",
                       DP_SHOW(tensor->name), tensor->bytes, (unsigned long long)offset,
                       remaining(scan));
    }
    tensor->data = scan->bytes + scan->at + (size_t)offset;
    return DP_OK;
}

/* `order` has room for all tensors. */
static dp_status find_overlap(const dp_gguf *gguf, uint32_t *order, dp_message *message) {
    sort_indices(gguf, data_before, order, gguf->tensor_count);
    for (size_t i = 1; i < gguf->tensor_count; i++) {
        const dp_tensor *first = &gguf->tensors[order[i - 1]];
        const dp_tensor *second = &gguf->tensors[order[i]];
        if ((size_t)(second->data - first->data) < first->bytes) {
            return dp_fail(message, DP_ERR_FORMAT, "tensors '%s' and '%s' overlap",
                           DP_SHOW(first->name), DP_SHOW(second->name));
        }
    }
    return DP_OK;
}

static dp_status check_overlap(const dp_gguf *gguf, dp_message *message) {
    size_t bytes = table_size(gguf->tensor_count, sizeof(uint32_t));
    uint32_t *order = dp_allocate(gguf->allocator, bytes);
    if (order == NULL) {
        return dp_fail(message, DP_ERR_MEMORY, "cannot allocate %zu bytes to sort the tensors",
                       bytes);
    }
    dp_status status = find_overlap(gguf, order, message);
    dp_release(gguf->allocator, order, bytes);
    return status;
}

static dp_status place_tensors(scanner *scan, dp_gguf *gguf) {
    uint32_t alignment;
    dp_status status = read_alignment(gguf, &alignment, scan->message);
    if (status != DP_OK || gguf->tensor_count == 0) {
        return status;
    }
    size_t padding = (alignment - scan->at % alignment) % alignment;
    if (padding > remaining(scan)) {
        return dp_fail(scan->message, DP_ERR_FORMAT, "the file ends before the data of tensor '%s'",
                       DP_SHOW(gguf->tensors[0].name));
    }
    scan->at += padding;
    for (size_t i = 0; i < gguf->tensor_count && status == DP_OK; i++) {
        status = place_tensor(scan, &gguf->tensors[i], alignment);
    }
    return status == DP_OK ? check_overlap(gguf, scan->message) : status;
}

static dp_status attach_crcs(dp_gguf *gguf, dp_message *message) {
    const uint8_t *crcs = NULL;
    dp_status status =
        dp_gguf_u32_array(gguf, "dualpath.tensor_crc32", gguf->tensor_count, &crcs, message);
    if (status != DP_OK || crcs == NULL) {
        return status;
    }
    gguf->has_crcs = true;
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        gguf->tensors[i].has_crc = true;
        gguf->tensors[i].crc = dp_load_u32(crcs + 4 * i);
    }
    return DP_OK;
}

/* ---- all of it ---- */

static dp_status scan_contents(scanner *scan, dp_gguf *gguf) {
    dp_status status = allocate_tables(gguf, scan->message);
    if (status == DP_OK) {
        status = scan_metadata(scan, gguf);
    }
    if (status == DP_OK) {
        status = index_keys(gguf, scan->message);
    }
    if (status == DP_OK) {
        status = scan_descriptions(scan, gguf);
    }
    if (status == DP_OK) {
        status = index_names(gguf, scan->message);
    }
    if (status == DP_OK) {
        status = place_tensors(scan, gguf);
    }
    return status == DP_OK ? attach_crcs(gguf, scan->message) : status;
}

dp_status dp_gguf_parse(const uint8_t *bytes, size_t size, const dp_allocator *allocator,
                        dp_gguf *gguf, dp_message *message) {
    *gguf = (dp_gguf){.bytes = bytes, .size = size, .allocator = allocator};
    scanner scan = {.bytes = bytes, .size = size, .message = message};
    dp_status status = scan_header(&scan, gguf);
    if (status == DP_OK) {
        status = scan_contents(&scan, gguf);
    }
    if (status != DP_OK) {
        dp_gguf_free(gguf);
    }
    return status;
}

const dp_tensor *dp_gguf_tensor(const dp_gguf *gguf, const char *name) {
    dp_text wanted = {name, strlen(name)};
    size_t low = 0;
    size_t high = gguf->tensor_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const dp_tensor *tensor = &gguf->tensors[gguf->by_name[middle]];
        int order = dp_text_compare(wanted, tensor->name);
        if (order == 0) {
            return tensor;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
