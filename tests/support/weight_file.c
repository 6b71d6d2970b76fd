/*
 * Takes a weight file apart, and puts it together with gguf_builder.
 */
#include "weight_file.h"

#include "gguf_builder.h"

#include <string.h>

size_t weight_number_bytes(uint32_t type) {
    static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < sizeof sizes ? sizes[type] : 0;
}

/* ---- taking apart ---- */

static bool take(span *rest, uint64_t size, span *taken) {
    if (size > rest->size) {
        return false;
    }
    *taken = (span){rest->bytes, (size_t)size};
    rest->bytes += size;
    rest->size -= (size_t)size;
    return true;
}

/* Of 4 or 8 bytes. */
static bool take_number(span *rest, size_t size, uint64_t *number) {
    span taken;
    if (!take(rest, size, &taken)) {
        return false;
    }
    *number = 0;
    for (size_t i = size; i > 0; i--) {
        *number = *number << 8 | taken.bytes[i - 1];
    }
    return true;
}

static bool skip_text(span *rest) {
    uint64_t length;
    span text;
    return take_number(rest, 8, &length) && take(rest, length, &text);
}

static bool take_name(span *rest, char name[WEIGHT_FILE_NAME]) {
    uint64_t length;
    span text;
    if (!take_number(rest, 8, &length) || length >= WEIGHT_FILE_NAME ||
        !take(rest, length, &text)) {
        return false;
    }
    memcpy(name, text.bytes, text.size);
    name[text.size] = '\0';
    return true;
}

static bool skip_array(span *rest) {
    uint64_t type;
    uint64_t count;
    if (!take_number(rest, 4, &type) || !take_number(rest, 8, &count) || count > rest->size) {
        return false;
    }
    span numbers;
    if (type != GGUF_STRING) {
        return take(rest, count * weight_number_bytes((uint32_t)type), &numbers);
    }
    bool good = true;
    for (; good && count > 0; count--) {
        good = skip_text(rest);
    }
    return good;
}

static bool take_value(span *rest, uint32_t type, span *value) {
    const uint8_t *begin = rest->bytes;
    span number;
    bool good = type == GGUF_STRING  ? skip_text(rest)
                : type == GGUF_ARRAY ? skip_array(rest)
                                     : take(rest, weight_number_bytes(type), &number);
    *value = (span){begin, (size_t)(rest->bytes - begin)};
    return good;
}

static bool take_entry(span *rest, weight_file *file) {
    weight_entry *entry = &file->entries[file->entry_count];
    uint64_t type;
    if (!take_name(rest, entry->key) || !take_number(rest, 4, &type) ||
        !take_value(rest, (uint32_t)type, &entry->value)) {
        return false;
    }
    entry->type = (uint32_t)type;
    if (strcmp(entry->key, "dualpath.tensor_crc32") == 0) {
        file->has_crcs = true;
    } else if (strcmp(entry->key, "general.alignment") == 0 && type == GGUF_U32) {
        uint64_t alignment = 0;
        span number = entry->value;
        (void)take_number(&number, 4, &alignment);
        file->alignment = (uint32_t)alignment;
    } else {
        file->entry_count++;
    }
    return true;
}

static bool take_tensor(span *rest, weight_tensor *tensor, uint64_t *offset) {
    uint64_t dims;
    uint64_t type = 0;
    *tensor = (weight_tensor){.dims = 0};
    if (!take_name(rest, tensor->name) || !take_number(rest, 4, &dims) || dims > WEIGHT_FILE_DIMS) {
        return false;
    }
    tensor->dims = (uint32_t)dims;
    for (uint32_t i = tensor->dims; i > 0; i--) {
        if (!take_number(rest, 8, &tensor->shape[i - 1])) {
            return false;
        }
    }
    bool good = take_number(rest, 4, &type) && take_number(rest, 8, offset);
    tensor->type = (uint32_t)type;
    return good;
}

size_t weight_tensor_bytes(const weight_tensor *tensor) {
    static const struct {
        uint32_t type;
        size_t numbers, bytes;
    } types[] = {{GGUF_TENSOR_F32, 1, 4},
                 {GGUF_TENSOR_F16, 1, 2},
                 {GGUF_TENSOR_BF16, 1, 2},
                 {GGUF_TENSOR_Q8_0, 32, 34},
                 {24 /* I8 */, 1, 1}};
    size_t count = 1;
    for (uint32_t i = 0; i < tensor->dims; i++) {
        if (tensor->shape[i] == 0 || tensor->shape[i] > ((size_t)1 << 30) / count) {
            return SIZE_MAX;
        }
        count *= (size_t)tensor->shape[i];
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].type == tensor->type) {
            return (count + types[i].numbers - 1) / types[i].numbers * types[i].bytes;
        }
    }
    return SIZE_MAX;
}

/* What lies inside of the file; the rest of a tensor is cut off. */
static span find_data(const weight_tensor *tensor, span section, uint64_t offset) {
    size_t size = weight_tensor_bytes(tensor);
    span before;
    if (!take(&section, offset, &before)) {
        return (span){NULL, 0};
    }
    return (span){section.bytes, size < section.size ? size : section.size};
}

bool weight_file_parse(weight_file *file, const uint8_t *bytes, size_t size) {
    static uint64_t offsets[WEIGHT_FILE_TENSORS];
    span rest = {bytes, size};
    span magic;
    uint64_t tensors;
    uint64_t entries;
    *file = (weight_file){.entry_count = 0};
    if (!take(&rest, 8, &magic) || memcmp(magic.bytes, "GGUF\3\0\0\0", 8) != 0 ||
        !take_number(&rest, 8, &tensors) || !take_number(&rest, 8, &entries) ||
        tensors > WEIGHT_FILE_TENSORS || entries > WEIGHT_FILE_ENTRIES) {
        return false;
    }
    for (uint64_t i = 0; i < entries; i++) {
        if (!take_entry(&rest, file)) {
            return false;
        }
    }
    for (; file->tensor_count < tensors; file->tensor_count++) {
        size_t i = file->tensor_count;
        if (!take_tensor(&rest, &file->tensors[i], &offsets[i])) {
            return false;
        }
    }
    size_t alignment = file->alignment != 0 ? file->alignment : 32;
    size_t used = (size_t)(rest.bytes - bytes);
    span padding;
    if (!take(&rest, (alignment - used % alignment) % alignment, &padding)) {
        rest.size = 0;
    }
    for (size_t i = 0; i < file->tensor_count; i++) {
        file->tensors[i].data = find_data(&file->tensors[i], rest, offsets[i]);
    }
    return true;
}

size_t weight_file_find(const weight_file *file, const char *key) {
    size_t i = 0;
    while (i < file->entry_count && strcmp(file->entries[i].key, key) != 0) {
        i++;
    }
    return i;
}

/* ---- putting together ---- */

static void put_tensor(gguf_builder *to, const weight_tensor *tensor) {
    static const uint8_t nothing;
    const uint8_t *bytes = tensor->data.size > 0 ? tensor->data.bytes : &nothing;
    uint64_t offset = gguf_add_data(to, bytes, tensor->data.size);
    to->crcs.bytes[to->crcs.size - 1] ^= (uint8_t)tensor->flip;
    gguf_describe(to, tensor->name, tensor->type, tensor->dims, tensor->shape,
                  offset + tensor->move);
}

uint8_t *weight_file_write(const weight_file *file, size_t *size) {
    gguf_builder to = {.tensors = 0};
    if (file->alignment != 0) {
        gguf_add_alignment(&to, file->alignment);
        /* the builder pads byte by byte, and must not be asked for much */
        to.alignment = file->alignment <= 4096 ? file->alignment : 4096;
    }
    for (size_t i = 0; i < file->entry_count; i++) {
        const weight_entry *entry = &file->entries[i];
        gguf_add_value(&to, entry->key, entry->type, entry->value.bytes, entry->value.size);
    }
    for (size_t i = 0; i < file->tensor_count; i++) {
        put_tensor(&to, &file->tensors[i]);
    }
    if (file->has_crcs) {
        gguf_add_crcs(&to);
    }
    return gguf_finish(&to, size);
}
