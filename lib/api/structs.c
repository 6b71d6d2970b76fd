/*
 * Structs of the caller that begin with struct_size. They may be those of another version: a
 * shorter one lacks the fields that came after it, a longer one has fields that this version does
 * not know.
 */
#include "api/structs.h"
#include "base/size.h"

#include <string.h>

/* No version's struct is larger: what says so was never initialised. */
#define LARGEST_STRUCT 4096

size_t dpi_find_set_byte(const void *given, size_t first, size_t end) {
    const uint8_t *bytes = given;
    while (first < end && bytes[first] == 0) {
        first++;
    }
    return first;
}

dp_status dpi_check_reserved(const char *name, const void *given, size_t first, size_t end,
                             dpi_message *message) {
    size_t byte = dpi_find_set_byte(given, first, end);
    return byte == end ? DP_OK
                       : dpi_fail(message, DP_ERR_ARGUMENT,
                                  "%s: byte %zu is set, where version %s has no field", name, byte,
                                  DP_VERSION_STRING);
}

static size_t load_struct_size(const void *given) {
    size_t size;
    memcpy(&size, given, sizeof size);
    return size;
}

dp_status dpi_check_struct_size(const dpi_struct_type *type, const void *given,
                                dpi_message *message) {
    size_t size = load_struct_size(given);
    if (size >= type->first_size && size <= LARGEST_STRUCT && size % type->alignment == 0) {
        return DP_OK;
    }
    return dpi_fail(message, DP_ERR_ARGUMENT,
                    "%s: struct_size is %zu, which no version has (%zu in %s): call %s_default() "
                    "first",
                    type->name, size, type->size, DP_VERSION_STRING, type->name);
}

/* Copies what both sizes have, and clears the rest of the caller's. */
static void write_known_fields(const dpi_struct_type *type, const void *known, void *given,
                               size_t struct_size) {
    size_t both = dpi_size_min(type->size, struct_size);
    memcpy(given, known, both);
    memset((uint8_t *)given + both, 0, struct_size - both);
    memcpy(given, &struct_size, sizeof struct_size);
}

void dpi_init_struct(const dpi_struct_type *type, void *given, size_t struct_size) {
    if (given != NULL && struct_size >= sizeof struct_size) {
        write_known_fields(type, type->defaults, given, struct_size);
    }
}

void dpi_write_struct(const dpi_struct_type *type, const void *known, void *given) {
    write_known_fields(type, known, given, load_struct_size(given));
}

static dp_status check_unknown_fields(const dpi_struct_type *type, const void *given,
                                      dpi_message *message) {
    dp_status status =
        dpi_check_reserved(type->name, given, type->reserved, type->reserved_end, message);
    size_t size = load_struct_size(given);
    if (status == DP_OK && size > type->size) {
        status = dpi_check_reserved(type->name, given, type->size, size, message);
    }
    return status;
}

dp_status dpi_read_struct(const dpi_struct_type *type, const void *given, void *known,
                          dpi_message *message) {
    memcpy(known, type->defaults, type->size);
    if (given == NULL) {
        return DP_OK;
    }
    dp_status status = dpi_check_struct_size(type, given, message);
    if (status == DP_OK) {
        status = check_unknown_fields(type, given, message);
    }
    if (status == DP_OK) {
        memcpy(known, given, dpi_size_min(type->size, load_struct_size(given)));
    }
    return status;
}
