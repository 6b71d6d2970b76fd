/*
 * Typed access to the metadata of a GGUF file. The scan has checked that every value lies inside
 * the file; here a key is found and checked against the type and the bounds that the caller
 * expects.
 */
#include "gguf/metadata.h"
#include "base/bytes.h"

static const char *value_type_name(uint32_t type) {
    static const char *const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
    return names[type];
}

bool dpi_gguf_has(const dpi_gguf *gguf, const char *key) {
    return dpi_gguf_entry_of(gguf, key) != NULL;
}

static dp_status fail_type(const dpi_gguf_entry *entry, const char *key, const char *array,
                           uint32_t type, dpi_message *message) {
    const char *found = entry->type == DPI_VALUE_ARRAY ? "array of " : "";
    return dpi_fail(message, DP_ERR_FORMAT, "metadata key '%s' is of type %s%s, but must be %s%s",
                    key, found, value_type_name(entry->element_type), array, value_type_name(type));
}

/* Finds a value of one type: *value points at it, or is NULL when the key is absent. */
static dp_status find_scalar(const dpi_gguf *gguf, const char *key, bool required, uint32_t type,
                             const uint8_t **value, dpi_message *message) {
    const dpi_gguf_entry *entry = dpi_gguf_entry_of(gguf, key);
    *value = NULL;
    if (entry == NULL) {
        return required ? dpi_fail(message, DP_ERR_FORMAT, "metadata key '%s' (%s) is missing", key,
                                   value_type_name(type))
                        : DP_OK;
    }
    if (entry->type != type) {
        return fail_type(entry, key, "", type, message);
    }
    *value = gguf->bytes + entry->value;
    return DP_OK;
}

/* The same for an array with elements of one type; *found is NULL when the key is absent. */
static dp_status find_array(const dpi_gguf *gguf, const char *key, bool required, uint32_t type,
                            const dpi_gguf_entry **found, dpi_message *message) {
    *found = dpi_gguf_entry_of(gguf, key);
    if (*found == NULL) {
        return required
                   ? dpi_fail(message, DP_ERR_FORMAT, "metadata key '%s' (array of %s) is missing",
                              key, value_type_name(type))
                   : DP_OK;
    }
    if ((*found)->type != DPI_VALUE_ARRAY || (*found)->element_type != type) {
        return fail_type(*found, key, "array of ", type, message);
    }
    return DP_OK;
}

static dp_status check_array_count(const dpi_gguf_entry *entry, const char *key, size_t count,
                                   dpi_message *message) {
    if (entry->count != count) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "metadata key '%s' has %zu elements, but must have %zu", key, entry->count,
                        count);
    }
    return DP_OK;
}

static dp_status load_finite(const uint8_t *value, const char *key, float *result,
                             dpi_message *message) {
    uint32_t bits = dpi_load_u32(value);
    if (!dpi_bits_are_finite(bits)) {
        return dpi_fail(message, DP_ERR_FORMAT, "metadata key '%s' is a NaN or an infinity", key);
    }
    *result = dpi_float_from_bits(bits);
    return DP_OK;
}

/* A string whose length the scan has checked. */
static dpi_text load_text(const uint8_t *value) {
    dpi_text text = {(const char *)value + 8, (size_t)dpi_load_u64(value)};
    return text;
}

dp_status dpi_gguf_u32(const dpi_gguf *gguf, const char *key, bool required, uint32_t minimum,
                       uint32_t maximum, uint32_t *value, dpi_message *message) {
    const uint8_t *found;
    dp_status status = find_scalar(gguf, key, required, DPI_VALUE_U32, &found, message);
    if (status != DP_OK || found == NULL) {
        return status;
    }
    uint32_t number = dpi_load_u32(found);
    if (number < minimum || number > maximum) {
        return dpi_fail(message, DP_ERR_FORMAT, "metadata key '%s' is %lu, but must be %lu to %lu",
                        key, (unsigned long)number, (unsigned long)minimum, (unsigned long)maximum);
    }
    *value = number;
    return DP_OK;
}

dp_status dpi_gguf_u64(const dpi_gguf *gguf, const char *key, bool required, uint64_t maximum,
                       uint64_t *value, dpi_message *message) {
    const uint8_t *found;
    dp_status status = find_scalar(gguf, key, required, DPI_VALUE_U64, &found, message);
    if (status != DP_OK || found == NULL) {
        return status;
    }
    uint64_t number = dpi_load_u64(found);
    if (number > maximum) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "metadata key '%s' is %llu, but must be at most %llu", key,
                        (unsigned long long)number, (unsigned long long)maximum);
    }
    *value = number;
    return DP_OK;
}

dp_status dpi_gguf_f32(const dpi_gguf *gguf, const char *key, bool required, float *value,
                       dpi_message *message) {
    const uint8_t *found;
    dp_status status = find_scalar(gguf, key, required, DPI_VALUE_F32, &found, message);
    if (status != DP_OK || found == NULL) {
        return status;
    }
    return load_finite(found, key, value, message);
}

dp_status dpi_gguf_bool(const dpi_gguf *gguf, const char *key, bool required, bool *value,
                        dpi_message *message) {
    const uint8_t *found;
    dp_status status = find_scalar(gguf, key, required, DPI_VALUE_BOOL, &found, message);
    if (status == DP_OK && found != NULL) {
        *value = *found != 0;
    }
    return status;
}

dp_status dpi_gguf_text(const dpi_gguf *gguf, const char *key, bool required, dpi_text *value,
                        dpi_message *message) {
    const uint8_t *found;
    dp_status status = find_scalar(gguf, key, required, DPI_VALUE_STRING, &found, message);
    if (status == DP_OK && found != NULL) {
        *value = load_text(found);
    }
    return status;
}

dp_status dpi_gguf_f32_array(const dpi_gguf *gguf, const char *key, bool required, size_t count,
                             float *values, dpi_message *message) {
    const dpi_gguf_entry *entry;
    dp_status status = find_array(gguf, key, required, DPI_VALUE_F32, &entry, message);
    if (status != DP_OK || entry == NULL) {
        return status;
    }
    status = check_array_count(entry, key, count, message);
    for (size_t i = 0; i < count && status == DP_OK; i++) {
        status = load_finite(gguf->bytes + entry->value + 4 * i, key, &values[i], message);
    }
    return status;
}

dp_status dpi_gguf_u32_array(const dpi_gguf *gguf, const char *key, size_t count,
                             const uint8_t **elements, dpi_message *message) {
    const dpi_gguf_entry *entry;
    *elements = NULL;
    dp_status status = find_array(gguf, key, false, DPI_VALUE_U32, &entry, message);
    if (status != DP_OK || entry == NULL) {
        return status;
    }
    *elements = gguf->bytes + entry->value;
    return check_array_count(entry, key, count, message);
}

dp_status dpi_gguf_text_array(const dpi_gguf *gguf, const char *key, bool *present, size_t *count,
                              size_t *cursor, dpi_message *message) {
    const dpi_gguf_entry *entry;
    dp_status status = find_array(gguf, key, false, DPI_VALUE_STRING, &entry, message);
    *present = status == DP_OK && entry != NULL;
    *count = *present ? entry->count : 0;
    *cursor = *present ? entry->value : 0;
    return status;
}

dpi_text dpi_gguf_text_array_next(const dpi_gguf *gguf, size_t *cursor) {
    dpi_text text = load_text(gguf->bytes + *cursor);
    *cursor += 8 + text.length;
    return text;
}
