/*
 * Backbones and tasks (docs/weight-format.md, "Task files"): which tensors are frozen, the hash by
 * which a task names its backbone, and whether a task belongs to a backbone.
 */
#include "model/backbone.h"
#include "model/keys.h"

#include <string.h>

bool dpi_is_frozen(dpi_text name) {
    return !dpi_text_starts_with(name, "class_token") && !dpi_text_starts_with(name, "position.") &&
           !dpi_text_starts_with(name, "head.") && !dpi_text_contains(name, ".adapter.") &&
           !dpi_text_contains(name, ".prompt");
}

/* ---- the hash ---- */

/* FNV-1a of 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (uint8_t)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* " f32 0123abcd\n" after the name */
static uint64_t hash_tensor(uint64_t hash, const dpi_tensor *tensor) {
    char rest[32];
    size_t length = dpi_print(rest, sizeof rest, " %s %08lx\n", dpi_tensor_type_name(tensor->type),
                              (unsigned long)tensor->crc);
    hash = hash_bytes(hash, tensor->name.bytes, tensor->name.length);
    return hash_bytes(hash, rest, length);
}

dpi_backbone_hash dpi_hash_backbone(const dpi_gguf *gguf) {
    dpi_backbone_hash shown = {""};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        const dpi_tensor *tensor = &gguf->tensors[gguf->by_name[i]];
        hash = dpi_is_frozen(tensor->name) ? hash_tensor(hash, tensor) : hash;
    }
    if (gguf->has_crcs) {
        (void)dpi_print(shown.text, sizeof shown.text, "%08lx%08lx", (unsigned long)(hash >> 32),
                        (unsigned long)(hash & 0xffffffffu));
    }
    return shown;
}

/* ---- a task and its backbone ---- */

static dp_status read_names(const dpi_gguf *gguf, dpi_text *hash, dpi_text *name,
                            dpi_message *message) {
    dp_status status = dpi_gguf_text(gguf, DPI_KEY_BACKBONE_HASH, true, hash, message);
    return status == DP_OK ? dpi_gguf_text(gguf, DPI_KEY_BACKBONE_NAME, false, name, message)
                           : status;
}

static dp_status check_hash(dpi_text hash, dpi_text name, const struct dp_model *backbone,
                            dpi_message *message) {
    const char *given = backbone->backbone_hash.text;
    if (hash.length == strlen(given) && memcmp(hash.bytes, given, hash.length) == 0) {
        return DP_OK;
    }
    return dpi_fail(message, DP_ERR_BACKBONE,
                    "this is a task of backbone %s \"%s\", but the given backbone is %s \"%s\"",
                    DPI_SHOW(hash), DPI_SHOW(name), given, DPI_SHOW(dpi_text_of(backbone->name)));
}

dp_status dpi_check_task(const dpi_gguf *gguf, const struct dp_model *backbone,
                         dpi_message *message) {
    dpi_text hash = {"", 0};
    dpi_text name = {"", 0};
    if (!dpi_gguf_has(gguf, DPI_KEY_BACKBONE_HASH)) {
        return backbone == NULL
                   ? DP_OK
                   : dpi_fail(message, DP_ERR_BACKBONE,
                              "this is a model of its own, not a task: it does not name a "
                              "backbone (" DPI_KEY_BACKBONE_HASH ")");
    }
    dp_status status = read_names(gguf, &hash, &name, message);
    if (status != DP_OK) {
        return status;
    }
    if (backbone == NULL) {
        return dpi_fail(
            message, DP_ERR_BACKBONE,
            "this is a task of backbone %s \"%s\" and can only be opened on that backbone",
            DPI_SHOW(hash), DPI_SHOW(name));
    }
    return check_hash(hash, name, backbone, message);
}

dp_status dpi_check_frozen_parameters(const dpi_parameters *task, const dpi_parameters *backbone,
                                      dpi_message *message) {
    const struct {
        const char *key;
        double task, backbone;
    } both[] = {
        {"dualpath.patch_size", (double)task->patch_size, (double)backbone->patch_size},
        {"dualpath.embedding_length", (double)task->width, (double)backbone->width},
        {"dualpath.block_count", (double)task->blocks, (double)backbone->blocks},
        {"dualpath.attention.head_count", (double)task->heads, (double)backbone->heads},
        {"dualpath.attention.layer_norm_epsilon", (double)task->epsilon, (double)backbone->epsilon},
        {"dualpath.activation", (double)task->activation, (double)backbone->activation},
    };
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        if (both[i].task != both[i].backbone) {
            return dpi_fail(message, DP_ERR_BACKBONE,
                            "%s: the task says %g, but its backbone says %g", both[i].key,
                            both[i].task, both[i].backbone);
        }
    }
    return DP_OK;
}
