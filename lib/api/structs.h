/*
 * Structs of the caller: those that begin with struct_size, which may be of an older or a newer
 * version than this library, and reserved bytes of the others.
 */
#ifndef DP_STRUCTS_H
#define DP_STRUCTS_H

#include "base/message.h"

#include <stddef.h>

/* A struct that begins with struct_size, as this version knows it. */
typedef struct dp_struct_type {
    const char *name;
    size_t size, alignment;
    size_t first_size; /* in 0.2.0, the first version whose structs grow: the least that is taken */
    size_t reserved, reserved_end; /* bytes that are reserved, of the first version */
    const void *defaults;
} dp_struct_type;

extern const dp_struct_type dp_model_options_type, dp_model_info_type, dp_pool_options_type,
    dp_session_options_type, dp_clip_type, dp_result_type; /* (options.c) */

/* Sets a caller's struct of `struct_size` bytes to its defaults; what this version does not know
 * becomes 0. NULL is left alone, and so is what has no place for struct_size. */
void dp_init_struct(const dp_struct_type *type, void *given, size_t struct_size);

/* Reads a caller's options: `known` has the defaults where `given` is NULL or of an older version.
 * DP_ERR_ARGUMENT where something is set that this version does not know. */
dp_status dp_read_struct(const dp_struct_type *type, const void *given, void *known,
                         dp_message *message);

/* Whether a caller's struct can be filled. */
dp_status dp_check_struct_size(const dp_struct_type *type, const void *given, dp_message *message);
/* Fills it with what there is place for; what this version does not know becomes 0. */
void dp_write_struct(const dp_struct_type *type, const void *known, void *given);

/* ---- reserved bytes ---- */

/* The first byte of [first, end) in a struct that is not 0; `end`: there is none. */
size_t dp_find_set_byte(const void *given, size_t first, size_t end);
/* DP_ERR_ARGUMENT where a byte of [first, end) in a caller's struct is not 0. */
dp_status dp_check_reserved(const char *name, const void *given, size_t first, size_t end,
                            dp_message *message);
/* The same for the array `reserved` of a struct of this type. */
#define DP_CHECK_RESERVED(type, given, message)                 \
    dp_check_reserved(#type, (given), offsetof(type, reserved), \
                      offsetof(type, reserved) + sizeof((given)->reserved), (message))

#endif /* DP_STRUCTS_H */
