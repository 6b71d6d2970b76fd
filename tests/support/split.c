/*
 * The two halves of a model file: entries and tensors are copied as they stand.
 */
#include "split.h"

#include "gguf/gguf.h"
#include "gguf_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAME 65

static bool has_prefix(const char *name, const char *prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_frozen(const char *name) {
    return strcmp(name, "class_token") != 0 && !has_prefix(name, "position.") &&
           !has_prefix(name, "head.") && strstr(name, ".adapter.") == NULL &&
           strstr(name, ".prompt") == NULL;
}

/* What every model must have, whether a task brings its own or not. */
static bool is_in_backbone(const char *name) {
    return is_frozen(name) || strcmp(name, "class_token") == 0 ||
           strcmp(name, "position.spatial") == 0 || strcmp(name, "position.table") == 0;
}

static bool is_of_task(const char *key) {
    return strcmp(key, "dualpath.labels") == 0 || has_prefix(key, "dualpath.adapter.");
}

static void copy_text(char *to, size_t room, dpi_text text) {
    if (text.length >= room) {
        abort();
    }
    memcpy(to, text.bytes, text.length);
    to[text.length] = '\0';
}

/* ---- metadata ---- */

/* Where the file goes on behind entry i. */
static const uint8_t *end_of_entry(const dpi_gguf *gguf, size_t i) {
    dpi_text next = i + 1 < gguf->entry_count ? gguf->entries[i + 1].key : gguf->tensors[0].name;
    return (const uint8_t *)next.bytes - 8;
}

/* Without its adapters or prompts, a model with one path is a probe. */
static bool is_other_method(const char *key, const uint8_t *text, size_t size) {
    static const char dualpath[] = "dualpath";
    bool same = size == 8 + strlen(dualpath) && memcmp(text + 8, dualpath, strlen(dualpath)) == 0;
    return strcmp(key, "dualpath.method") == 0 && !same;
}

static void copy_entry(const dpi_gguf_entry *entry, size_t size, bool task, gguf_builder *to) {
    const uint8_t *value = (const uint8_t *)entry->key.bytes + entry->key.length + 4;
    char key[256];
    copy_text(key, sizeof key, entry->key);
    if (strcmp(key, "dualpath.tensor_crc32") == 0 || strcmp(key, "general.alignment") == 0 ||
        (!task && is_of_task(key))) {
        return;
    }
    if (!task && is_other_method(key, value, size)) {
        gguf_add_text(to, key, "probe");
    } else {
        gguf_add_value(to, key, entry->type, value, size);
    }
}

static void copy_entries(const dpi_gguf *gguf, bool task, gguf_builder *to) {
    for (size_t i = 0; i < gguf->entry_count; i++) {
        const dpi_gguf_entry *entry = &gguf->entries[i];
        const uint8_t *value = (const uint8_t *)entry->key.bytes + entry->key.length + 4;
        copy_entry(entry, (size_t)(end_of_entry(gguf, i) - value), task, to);
    }
}

/* ---- tensors ---- */

/* Returns its checksum. */
static uint32_t copy_tensor(const dpi_tensor *tensor, const char *name, gguf_builder *to) {
    uint32_t crc;
    uint64_t offset = gguf_add_data(to, tensor->data, tensor->bytes);
    gguf_describe(to, name, (uint32_t)tensor->type, (uint32_t)tensor->dims, tensor->shape, offset);
    const uint8_t *last = to->crcs.bytes + to->crcs.size - 4;
    crc = last[0] | (uint32_t)last[1] << 8 | (uint32_t)last[2] << 16 | (uint32_t)last[3] << 24;
    return crc;
}

typedef struct line {
    char text[MAX_NAME + 32];
} line;

static const char *type_name(dpi_tensor_type type) {
    return type == DPI_TENSOR_F32    ? "f32"
           : type == DPI_TENSOR_F16  ? "f16"
           : type == DPI_TENSOR_BF16 ? "bf16"
                                     : "q8_0";
}

/* No name holds a character below the space, so lines stand in the order of names. */
static int compare_lines(const void *left, const void *right) {
    return strcmp(((const line *)left)->text, ((const line *)right)->text);
}

static void hash_lines(line *lines, size_t count, char hash[17]) {
    uint64_t sum = UINT64_C(14695981039346656037);
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0; i < count; i++) {
        for (const char *c = lines[i].text; *c != '\0'; c++) {
            sum ^= (uint8_t)*c;
            sum *= UINT64_C(1099511628211);
        }
    }
    (void)snprintf(hash, 17, "%016llx", (unsigned long long)sum);
}

static void copy_tensors(const dpi_gguf *gguf, gguf_builder *backbone, gguf_builder *task,
                         char hash[17]) {
    line *lines = calloc(gguf->tensor_count, sizeof *lines);
    size_t count = 0;
    for (size_t i = 0; lines != NULL && i < gguf->tensor_count; i++) {
        const dpi_tensor *tensor = &gguf->tensors[i];
        char name[MAX_NAME];
        uint32_t crc = 0;
        copy_text(name, sizeof name, tensor->name);
        if (is_in_backbone(name)) {
            crc = copy_tensor(tensor, name, backbone);
        }
        if (is_frozen(name)) {
            (void)snprintf(lines[count++].text, sizeof lines->text, "%s %s %08lx\n", name,
                           type_name(tensor->type), (unsigned long)crc);
        } else {
            (void)copy_tensor(tensor, name, task);
        }
    }
    hash_lines(lines, count, hash);
    free(lines);
}

/* ---- both files ---- */

split_files split_model(const uint8_t *bytes, size_t size) {
    split_files files = {0};
    gguf_builder backbone = {0};
    gguf_builder task = {0};
    dpi_message message;
    dpi_gguf gguf;
    if (dpi_gguf_parse(bytes, size, NULL, &gguf, &message) != DP_OK) {
        fprintf(stderr, "split_model: %s\n", message.text);
        abort();
    }
    copy_entries(&gguf, false, &backbone);
    copy_entries(&gguf, true, &task);
    copy_tensors(&gguf, &backbone, &task, files.hash);
    gguf_add_crcs(&backbone);
    gguf_add_crcs(&task);
    gguf_add_text(&task, "dualpath.backbone.hash", files.hash);
    gguf_add_text(&task, "dualpath.backbone.name", "split");
    dpi_gguf_free(&gguf);
    files.backbone = gguf_finish(&backbone, &files.backbone_size);
    files.task = gguf_finish(&task, &files.task_size);
    return files;
}

split_files split_path(const char *path) {
    gguf_bytes whole = {0};
    uint8_t piece[4096];
    size_t count = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        abort();
    }
    while ((count = fread(piece, 1, sizeof piece, file)) > 0) {
        gguf_put(&whole, piece, count);
    }
    (void)fclose(file);
    split_files files = split_model(whole.bytes, whole.size);
    gguf_free(&whole);
    return files;
}

void split_free(split_files *files) {
    free(files->backbone);
    free(files->task);
    *files = (split_files){0};
}
