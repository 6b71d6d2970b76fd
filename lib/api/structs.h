/*
 * Structs of the caller: those that begin with struct_size, which may be of an older or a newer
 * version than this library, and reserved bytes of the others.
 */
#ifndef DPI_STRUCTS_H
#define DPI_STRUCTS_H

#include "base/message.h"

#include <stddef.h>

/* A struct that begins with struct_size, as this version knows it. */
typedef struct dpi_struct_type {
    const char *name;
    size_t size, alignment;
    size_t first_size; /* in 0.2.0, the first version whose structs grow: the least that is taken */
    size_t reserved, reserved_end; /* bytes that are reserved, of the first version */
    const void *defaults;
} dpi_struct_type;

extern const dpi_struct_type dpi_model_options_type, dpi_model_info_type, dpi_pool_options_type,
    dpi_session_options_type, dpi_clip_type, dpi_result_type, dpi_stream_options_type,
    dpi_window_type, dpi_events_options_type; /* (options.c) */

/* Sets a caller's struct of `struct_size` bytes to its defaults; what this version does not know
 * becomes 0. NULL is left alone, and so is what has no place for struct_size. */
void dpi_init_struct(const dpi_struct_type *type, void *given, size_t struct_size);

/* Reads a caller's options: `known` has the defaults where `given` is NULL or of an older version.
 * DP_ERR_ARGUMENT where something is set that this version does not know. */
dp_status dpi_read_struct(const dpi_struct_type *type, const void *given, void *known,
                          dpi_message *message);

/* Whether a caller's struct can be filled. */
dp_status dpi_check_struct_size(const dpi_struct_type *type, const void *given,
                                dpi_message *message);
/* Fills it with what there is place for; what this version does not know becomes 0. */
void dpi_write_struct(const dpi_struct_type *type, const void *known, void *given);

/* ---- reserved bytes ---- */

/* The first byte of [first, end) in a struct that is not 0; `end`: there is none. */
size_t dpi_find_set_byte(const void *given, size_t first, size_t end);
/* DP_ERR_ARGUMENT where a byte of [first, end) in a caller's struct is not 0. */
dp_status dpi_check_reserved(const char *name, const void *given, size_t first, size_t end,
                             dpi_message *message);
/* The same for the array `reserved` of a struct of this type. */
#define DPI_CHECK_RESERVED(type, given, message)                 \
    dpi_check_reserved(#type, (given), offsetof(type, reserved), \
                       offsetof(type, reserved) + sizeof((given)->reserved), (message))

#endif /* DPI_STRUCTS_H */
