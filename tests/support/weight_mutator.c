/*
 * Mutates weight files; see weight_mutator.h. A mutation that finds nothing to change does nothing.
 */
#include "weight_mutator.h"

#include "gguf_builder.h"
#include "weight_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- random numbers ---- */

static uint32_t state;

static uint32_t below(size_t bound) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return bound > 0 ? (uint32_t)(state % bound) : 0;
}

static bool one_in(uint32_t n) {
    return below(n) == 0;
}

/* ---- new bytes, which live until the next mutation begins ---- */

static struct {
    uint8_t bytes[4 << 20];
    size_t used;
} pool;

/* NULL when there is no room left. */
static uint8_t *new_bytes(size_t size) {
    if (size > sizeof pool.bytes - pool.used) {
        return NULL;
    }
    uint8_t *bytes = pool.bytes + pool.used;
    pool.used += size;
    return bytes;
}

/* A copy of `size` bytes, which repeat the old ones, or are 0 if there are none. */
static bool resize(span *value, size_t size) {
    uint8_t *bytes = new_bytes(size);
    if (bytes == NULL) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] = value->size > 0 ? value->bytes[i % value->size] : 0;
    }
    *value = (span){bytes, size};
    return true;
}

/* May be written to. */
static uint8_t *own(span *value) {
    return resize(value, value->size) ? pool.bytes + (value->bytes - pool.bytes) : NULL;
}

/* ---- numbers ---- */

static uint64_t interesting(uint64_t old) {
    static const uint64_t numbers[] = {0,
                                       1,
                                       2,
                                       3,
                                       4,
                                       5,
                                       7,
                                       8,
                                       15,
                                       16,
                                       17,
                                       31,
                                       32,
                                       33,
                                       63,
                                       64,
                                       65,
                                       96,
                                       127,
                                       128,
                                       255,
                                       256,
                                       257,
                                       1023,
                                       1024,
                                       4096,
                                       4097,
                                       16384,
                                       65535,
                                       65536,
                                       65537,
                                       1000000,
                                       1 << 24,
                                       1 << 26,
                                       INT32_MAX,
                                       1u << 31,
                                       UINT32_MAX,
                                       (uint64_t)1 << 32,
                                       (uint64_t)1 << 40,
                                       INT64_MAX,
                                       (uint64_t)1 << 63,
                                       UINT64_MAX - 31,
                                       UINT64_MAX};
    switch (below(8)) {
    case 0:
        return old + 1;
    case 1:
        return old - 1;
    case 2:
        return old * 2;
    case 3:
        return old / 2;
    default:
        return numbers[below(COUNT(numbers))];
    }
}

static uint32_t interesting_float(void) {
    static const uint32_t floats[] = {0,          0x80000000, 1,          0x00800000, 0x3f800000,
                                      0xbf800000, 0x3f000000, 0x358637bd, 0x33d6bf95, 0x47800000,
                                      0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000};
    return floats[below(COUNT(floats))];
}

static uint64_t get(const uint8_t *bytes, size_t size) {
    uint64_t number = 0;
    for (size_t i = size; i > 0; i--) {
        number = number << 8 | bytes[i - 1];
    }
    return number;
}

static void set(uint8_t *bytes, size_t size, uint64_t number) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(number >> 8 * i);
    }
}

static void change_number(uint8_t *bytes, size_t size, bool is_float) {
    set(bytes, size, is_float ? interesting_float() : interesting(get(bytes, size)));
}

/* ---- keys ---- */

static const char *const keys[] = {"general.architecture",
                                   "general.name",
                                   "dualpath.format_version",
                                   "dualpath.method",
                                   "dualpath.image_size",
                                   "dualpath.patch_size",
                                   "dualpath.embedding_length",
                                   "dualpath.block_count",
                                   "dualpath.attention.head_count",
                                   "dualpath.attention.layer_norm_epsilon",
                                   "dualpath.activation",
                                   "dualpath.adapter.activation",
                                   "dualpath.adapter.scale",
                                   "dualpath.adapter.serial_skip",
                                   "dualpath.adapter.first_block",
                                   "dualpath.position.kind",
                                   "dualpath.grid",
                                   "dualpath.frames",
                                   "dualpath.spatial_frames",
                                   "dualpath.sampling_rate",
                                   "dualpath.sampling",
                                   "dualpath.past_end",
                                   "dualpath.views",
                                   "dualpath.crops",
                                   "dualpath.image_mean",
                                   "dualpath.image_std",
                                   "dualpath.labels",
                                   "dualpath.backbone.hash",
                                   "dualpath.backbone.name",
                                   "dualpath.compiled.version",
                                   "dualpath.compiled.target",
                                   "dualpath.compiled.precision",
                                   "dualpath.compiled.file_type",
                                   "dualpath.compiled.parameters",
                                   "dualpath.compiled.adapter_parameters",
                                   "dualpath.compiled.mlp_width",
                                   "dualpath.compiled.feature_size",
                                   "dualpath.compiled.head_width",
                                   "dualpath.compiled.classes",
                                   "dualpath.compiled.projection",
                                   "dualpath.compiled.pre_norm",
                                   "dualpath.compiled.bottleneck.s1",
                                   "dualpath.compiled.bottleneck.t0",
                                   "dualpath.compiled.bottleneck.time_in",
                                   "dualpath.compiled.bottleneck.mlp",
                                   "dualpath.compiled.bottleneck.conv_attn",
                                   "dualpath.compiled.kernel.attn.time",
                                   "dualpath.compiled.kernel.mlp.columns",
                                   "dualpath.compiled.prompts",
                                   "dualpath.compiled.prompt_blocks",
                                   "dualpath.tensor_crc32",
                                   "general.alignment",
                                   "",
                                   "other"};

static const char *const texts[] = {"dualpath",
                                    "aim",
                                    "st-adapter",
                                    "vpt",
                                    "adaptformer",
                                    "probe",
                                    "center",
                                    "interval",
                                    "spread",
                                    "segments",
                                    "wrap",
                                    "gelu",
                                    "quick_gelu",
                                    "relu",
                                    "sincos-time",
                                    "sincos-3d",
                                    "table",
                                    "f32",
                                    "f16",
                                    "bf16",
                                    "q8_0",
                                    "int8",
                                    "mixed",
                                    "plain",
                                    "rows",
                                    "avx2",
                                    "avx512",
                                    "neon",
                                    "",
                                    "cbf29ce484222325",
                                    "\x1b[2J\xc2\x9b",
                                    "%s%n",
                                    "\xff\xfe"};

static weight_entry *any_entry(weight_file *file) {
    return file->entry_count > 0 ? &file->entries[below(file->entry_count)] : NULL;
}

static void make_text(weight_entry *entry, const char *text) {
    size_t length = strlen(text);
    uint8_t *bytes = new_bytes(8 + length);
    if (bytes != NULL) {
        set(bytes, 8, length);
        memcpy(bytes + 8, text, length);
        entry->type = GGUF_STRING;
        entry->value = (span){bytes, 8 + length};
    }
}

static void make_number(weight_entry *entry, uint32_t type, uint64_t number) {
    size_t size = weight_number_bytes(type);
    uint8_t *bytes = new_bytes(size);
    if (bytes != NULL) {
        set(bytes, size, number);
        entry->type = type;
        entry->value = (span){bytes, size};
    }
}

static void change_value(weight_file *file) {
    weight_entry *entry = any_entry(file);
    uint8_t *bytes = entry != NULL ? own(&entry->value) : NULL;
    size_t size = entry != NULL ? weight_number_bytes(entry->type) : 0;
    if (bytes == NULL) {
        return;
    }
    if (size > 0) {
        change_number(bytes, size, entry->type == GGUF_F32);
    } else if (entry->type == GGUF_STRING) {
        make_text(entry, texts[below(COUNT(texts))]);
    } else if (entry->value.size >= 16) {
        size = weight_number_bytes((uint32_t)get(bytes, 4));
        size_t elements = size > 0 ? (entry->value.size - 12) / size : 0;
        if (elements > 0) {
            change_number(bytes + 12 + below(elements) * size, size, get(bytes, 4) == GGUF_F32);
        } else {
            bytes[12 + below(entry->value.size - 12)] ^= (uint8_t)(1 << below(8));
        }
    }
}

static void change_type(weight_file *file) {
    weight_entry *entry = any_entry(file);
    if (entry == NULL) {
        return;
    }
    if (one_in(4)) {
        entry->type = below(14); /* the bytes stay as they are */
    } else if (one_in(4)) {
        make_text(entry, texts[below(COUNT(texts))]);
    } else {
        make_number(entry, below(13), interesting(1));
    }
}

/* Of an array: how many there are, or of which type. */
static void change_array(weight_file *file) {
    weight_entry *entry = any_entry(file);
    if (entry == NULL || entry->type != GGUF_ARRAY) {
        return;
    }
    if (one_in(2)) {
        (void)resize(&entry->value, entry->value.size + below(64));
    }
    uint8_t *bytes = own(&entry->value);
    if (bytes != NULL && entry->value.size >= 12) {
        if (one_in(3)) {
            set(bytes, 4, below(14));
        }
        set(bytes + 4, 8, interesting(get(bytes + 4, 8)));
    }
}

static void remove_entry(weight_file *file) {
    if (file->entry_count > 0) {
        *any_entry(file) = file->entries[--file->entry_count];
    }
}

/* A second one of this key, or the value under another key. */
static void duplicate_entry(weight_file *file) {
    if (file->entry_count > 0 && file->entry_count < WEIGHT_FILE_ENTRIES) {
        weight_entry *copy = &file->entries[file->entry_count];
        *copy = *any_entry(file);
        if (!one_in(4)) {
            (void)snprintf(copy->key, sizeof copy->key, "%s", keys[below(COUNT(keys))]);
        }
        file->entry_count++;
    }
}

static void rename_entry(weight_file *file) {
    weight_entry *entry = any_entry(file);
    if (entry != NULL) {
        (void)snprintf(entry->key, sizeof entry->key, "%s", keys[below(COUNT(keys))]);
    }
}

static void swap_entries(weight_file *file) {
    weight_entry *a = any_entry(file);
    weight_entry *b = any_entry(file);
    if (a != NULL) {
        weight_entry kept = *a;
        *a = *b;
        *b = kept;
    }
}

static void change_container(weight_file *file) {
    if (one_in(4)) {
        file->has_crcs = !file->has_crcs;
    } else {
        file->alignment = one_in(3) ? (uint32_t)interesting(32) : 8u << below(6);
    }
}

/* ---- tensors ---- */

static weight_tensor *any_tensor(weight_file *file) {
    return file->tensor_count > 0 ? &file->tensors[below(file->tensor_count)] : NULL;
}

/* Bytes for the type and shape that the tensor has now. */
static void fit_data(weight_tensor *tensor) {
    size_t size = weight_tensor_bytes(tensor);
    if (size < sizeof pool.bytes) {
        (void)resize(&tensor->data, size);
    }
}

/* Small numbers, whatever the type. */
static void fill_data(weight_tensor *tensor) {
    fit_data(tensor);
    uint8_t *bytes = own(&tensor->data);
    for (size_t i = 0; bytes != NULL && i < tensor->data.size; i++) {
        size_t place = tensor->type == GGUF_TENSOR_Q8_0 ? i % 34 : 2 + i % 32;
        uint32_t number = (uint32_t)(i * 2654435761u);
        switch (tensor->type) {
        case GGUF_TENSOR_F32: /* 2^-7 .. 2^-5 */
            bytes[i] = (uint8_t)(i % 4 == 3 ? 0x3c | number >> 31 << 7 : number >> 24);
            break;
        case GGUF_TENSOR_Q8_0: /* a scale of 2^-12 */
            bytes[i] = place == 0 ? 0 : place == 1 ? 0x0c : (uint8_t)(number >> 24);
            break;
        default: /* of f16 2^-9 .. 2^-8; of bf16 about the same as f32 */
            bytes[i] = i % 2 == 1 ? (tensor->type == GGUF_TENSOR_F16 ? 0x18 : 0x3c)
                                  : (uint8_t)(number >> 24);
        }
    }
}

static void change_shape(weight_file *file) {
    weight_tensor *tensor = any_tensor(file);
    if (tensor == NULL) {
        return;
    }
    if (one_in(4)) {
        tensor->dims = below(WEIGHT_FILE_DIMS + 1);
    } else {
        uint64_t *side = &tensor->shape[below(tensor->dims)];
        *side = interesting(*side);
    }
    if (one_in(2)) {
        fit_data(tensor);
    }
}

static void change_tensor_type(weight_file *file) {
    static const uint32_t types[] = {
        GGUF_TENSOR_F32, GGUF_TENSOR_F16, GGUF_TENSOR_BF16, GGUF_TENSOR_Q8_0, 24, 2};
    weight_tensor *tensor = any_tensor(file);
    if (tensor != NULL) {
        tensor->type = types[below(COUNT(types))];
        if (!one_in(4)) {
            fill_data(tensor);
        }
    }
}

/* One number, or all of them. */
static void change_data(weight_file *file) {
    weight_tensor *tensor = any_tensor(file);
    uint8_t *bytes = tensor != NULL ? own(&tensor->data) : NULL;
    if (bytes == NULL || tensor->data.size < 4) {
        return;
    }
    uint32_t bits = interesting_float();
    size_t at = below(tensor->data.size / 4) * 4;
    switch (below(4)) {
    case 0:
        bytes[below(tensor->data.size)] ^= (uint8_t)(1 << below(8));
        break;
    case 1:
        for (at = 0; at + 4 <= tensor->data.size; at += 4) {
            set(bytes + at, 4, bits);
        }
        break;
    default:
        set(bytes + at, 4, bits);
    }
}

static void rename_tensor(weight_file *file) {
    weight_tensor *tensor = any_tensor(file);
    if (tensor == NULL) {
        return;
    }
    char *digit = strpbrk(tensor->name, "0123456789");
    if (digit != NULL && one_in(2)) {
        *digit = (char)('0' + below(10));
    } else if (one_in(2)) {
        memmove(tensor->name, any_tensor(file)->name, sizeof tensor->name);
    } else {
        tensor->name[below(strlen(tensor->name) + 1)] = (char)below(256);
    }
}

static void remove_tensor(weight_file *file) {
    if (file->tensor_count > 0) {
        *any_tensor(file) = file->tensors[--file->tensor_count];
    }
}

static void duplicate_tensor(weight_file *file) {
    if (file->tensor_count > 0 && file->tensor_count < WEIGHT_FILE_TENSORS) {
        file->tensors[file->tensor_count] = *any_tensor(file);
        file->tensor_count++;
    }
}

static void swap_tensors(weight_file *file) {
    weight_tensor *a = any_tensor(file);
    weight_tensor *b = any_tensor(file);
    if (a == NULL) {
        return;
    }
    weight_tensor kept = *a;
    *a = *b;
    *b = kept;
    if (one_in(2)) { /* each name with the other's numbers */
        memcpy(b->name, a->name, sizeof b->name);
        memcpy(a->name, kept.name, sizeof a->name);
    }
}

/* An offset or a checksum that is wrong, or a tensor that lacks bytes. */
static void misplace(weight_file *file) {
    weight_tensor *tensor = any_tensor(file);
    if (tensor == NULL) {
        return;
    }
    switch (below(3)) {
    case 0:
        tensor->move = one_in(2) ? interesting(0) : (uint64_t)32 << below(6);
        break;
    case 1:
        tensor->flip = 1 + below(255);
        break;
    default:
        tensor->data.size = below(tensor->data.size + 1);
    }
}

/* ---- other sizes of a whole model ---- */

/* KEPT: what follows the rows stays as it is. M is what the last layer of the head reads. */
enum side { NONE, KEPT, D, PPP, N, TN, T, P, F, O, OO, M, C, DDD, B, SIDES = B + 5 };

/* Rows and columns of canonical tensors, without "block.N." and "adapter.A.". */
static const struct {
    const char *name;
    enum side rows, columns;
} canonical[] = {
    {"patch.weight", D, PPP},
    {"patch.bias", D, NONE},
    {"class_token", D, NONE},
    {"position.spatial", N, D},
    {"position.grid", N, D},
    {"position.table", TN, D},
    {"position.time", T, D},
    {"prompt", P, D},
    {"pre_norm.weight", D, NONE},
    {"pre_norm.bias", D, NONE},
    {"post_norm.weight", D, NONE},
    {"post_norm.bias", D, NONE},
    {"projection.weight", O, D},
    {"head.hidden.weight", M, OO},
    {"head.hidden.bias", M, NONE},
    {"head.output.weight", C, M},
    {"head.output.bias", C, NONE},
    {"norm1.weight", D, NONE},
    {"norm1.bias", D, NONE},
    {"norm2.weight", D, NONE},
    {"norm2.bias", D, NONE},
    {"attention.qkv.weight", DDD, D},
    {"attention.qkv.bias", DDD, NONE},
    {"attention.out.weight", D, D},
    {"attention.out.bias", D, NONE},
    {"mlp.up.weight", F, D},
    {"mlp.up.bias", F, NONE},
    {"mlp.down.weight", D, F},
    {"mlp.down.bias", D, NONE},
    {"down.weight", B, D},
    {"down.bias", B, NONE},
    {"up.weight", D, B},
    {"up.bias", D, NONE},
    {"conv.weight", B, KEPT},
    {"conv.bias", B, NONE},
};

/* Adapters by the methods' sites. */
static const struct {
    const char *name;
    int index;
} sites[] = {
    {"s1.", 0},   {"s2.", 1},    {"t0.", 2},  {"t1.", 3},        {"t2.", 4},       {"time_in.", 0},
    {"time.", 1}, {"space.", 2}, {"mlp.", 3}, {"conv_attn.", 0}, {"conv_mlp.", 1},
};

/* The width of the adapter that the name begins with, which is left out of it; NONE: no adapter. */
static enum side take_site(const char **name) {
    for (size_t i = 0; i < COUNT(sites); i++) {
        size_t length = strlen(sites[i].name);
        if (strncmp(*name, sites[i].name, length) == 0) {
            *name += length;
            return B + (enum side)sites[i].index;
        }
    }
    return NONE;
}

/* The sides of a tensor; false for one that no canonical file has. */
static bool sides_of(const char *name, enum side sides[2]) {
    int block = 0;
    int length = 0;
    enum side site = NONE;
    if (sscanf(name, "block.%d.%n", &block, &length) == 1 && length > 0) {
        name += length;
    }
    if (strncmp(name, "adapter.", 8) == 0) {
        name += 8;
        site = take_site(&name);
    }
    for (size_t i = 0; i < COUNT(canonical); i++) {
        if (strcmp(name, canonical[i].name) == 0) {
            sides[0] = canonical[i].rows == B ? site : canonical[i].rows;
            sides[1] = canonical[i].columns == B ? site : canonical[i].columns;
            return true;
        }
    }
    return false;
}

static uint64_t get_key(const weight_file *file, const char *key, uint64_t otherwise) {
    size_t i = weight_file_find(file, key);
    bool number = i < file->entry_count && file->entries[i].type == GGUF_U32;
    uint64_t value = number ? get(file->entries[i].value.bytes, 4) : otherwise;
    return value > 0 && value < 65536 ? value : otherwise;
}

static void set_key(weight_file *file, const char *key, uint64_t number) {
    size_t i = weight_file_find(file, key);
    if (i == file->entry_count && i < WEIGHT_FILE_ENTRIES) {
        (void)snprintf(file->entries[i].key, sizeof file->entries[i].key, "%s", key);
        file->entry_count++;
    }
    if (i < file->entry_count) {
        make_number(&file->entries[i], GGUF_U32, number);
    }
}

typedef struct sizes {
    uint64_t side[SIDES], image, patch, heads, grid, frames, spatial;
    bool one_path;
} sizes;

static bool has_one_path(const weight_file *file) {
    static const char dualpath[] = "dualpath";
    size_t i = weight_file_find(file, "dualpath.method");
    span value = i < file->entry_count ? file->entries[i].value : (span){NULL, 0};
    return value.size > 0 && !(value.size == 8 + strlen(dualpath) &&
                               memcmp(value.bytes + 8, dualpath, strlen(dualpath)) == 0);
}

static sizes read_sizes(const weight_file *file) {
    sizes s = {.image = get_key(file, "dualpath.image_size", 16),
               .patch = get_key(file, "dualpath.patch_size", 8),
               .heads = get_key(file, "dualpath.attention.head_count", 1),
               .grid = get_key(file, "dualpath.grid", 4),
               .frames = get_key(file, "dualpath.frames", 16),
               .spatial = get_key(file, "dualpath.spatial_frames", 8),
               .one_path = has_one_path(file)};
    for (size_t i = 0; i < file->tensor_count; i++) {
        enum side sides[2];
        const weight_tensor *tensor = &file->tensors[i];
        if (sides_of(tensor->name, sides)) {
            s.side[sides[0]] = tensor->shape[0];
            s.side[sides[1]] = tensor->dims > 1 ? tensor->shape[1] : 0;
        }
    }
    return s;
}

/* What depends on other sizes. */
static void relate_sizes(sizes *s) {
    uint64_t cells = s->grid * s->grid;
    uint64_t patches = s->image / s->patch;
    s->side[PPP] = 3 * s->patch * s->patch;
    s->side[N] = patches * patches + 1;
    s->side[TN] = s->frames / cells * s->side[N];
    s->side[T] = s->frames;
    s->side[OO] = 2 * s->side[O];
    s->side[DDD] = 3 * s->side[D];
    if (s->one_path) { /* without a projection, O is D */
        s->side[M] = s->side[O] > 0 ? s->side[O] : s->side[D];
    }
}

static void choose_frames(sizes *s) {
    if (s->one_path) {
        s->frames = 1 + below(9);
        s->image = s->patch * (1 + below(4));
        return;
    }
    s->grid = 1 + below(4);
    s->spatial = 1 + below(8);
    s->frames = s->grid * s->grid * s->spatial;
    s->image = s->patch * s->grid * (1 + below(2));
}

static void choose_size(sizes *s) {
    static const uint8_t widths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 64, 65, 96};
    static const enum side free_sides[] = {F, O, M, C, P, B, B + 1, B + 2, B + 3, B + 4};
    switch (below(6)) {
    case 0:
        s->heads = 1 + below(4);
        s->side[D] = s->heads * (1 + below(4)) * (4u << below(3));
        s->side[O] = one_in(2) ? s->side[D] : s->side[O];
        break;
    case 1:
        choose_frames(s);
        break;
    case 2:
        s->patch = 1 + below(9);
        s->image = s->patch * (s->one_path ? 1 : s->grid) * (1 + below(2));
        break;
    default:
        s->side[free_sides[below(COUNT(free_sides))]] = widths[below(COUNT(widths))];
    }
    relate_sizes(s);
}

/* The numbers repeat, so that they stay of the size that weights have. */
static void fit_tensor(weight_tensor *tensor, const sizes *s) {
    enum side sides[2];
    if (!sides_of(tensor->name, sides)) {
        return;
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (sides[i] != NONE && sides[i] != KEPT) {
            tensor->shape[i] = s->side[sides[i]];
        }
    }
    if (sides[1] != KEPT) {
        tensor->dims = sides[1] != NONE ? 2 : 1;
    }
    if (tensor->type == GGUF_TENSOR_Q8_0 && tensor->shape[tensor->dims - 1] % 32 != 0) {
        tensor->type = GGUF_TENSOR_F32;
        fill_data(tensor);
    } else {
        fit_data(tensor);
    }
}

static void change_sizes(weight_file *file) {
    sizes s = read_sizes(file);
    choose_size(&s);
    set_key(file, "dualpath.image_size", s.image);
    set_key(file, "dualpath.patch_size", s.patch);
    set_key(file, "dualpath.embedding_length", s.side[D]);
    set_key(file, "dualpath.attention.head_count", s.heads);
    set_key(file, "dualpath.frames", s.frames);
    if (!s.one_path) {
        set_key(file, "dualpath.grid", s.grid);
        set_key(file, "dualpath.spatial_frames", s.spatial);
    }
    size_t labels = weight_file_find(file, "dualpath.labels");
    if (labels < file->entry_count) {
        file->entries[labels] = file->entries[--file->entry_count];
    }
    for (size_t i = 0; i < file->tensor_count; i++) {
        fit_tensor(&file->tensors[i], &s);
    }
}

/* One side of the kernels of one site, or of all: often an odd one, as it must be. */
static void change_kernels(weight_file *file) {
    static const char *const names[] = {"conv_attn.conv.weight", "conv_mlp.conv.weight",
                                        ".conv.weight"};
    const char *name = names[below(COUNT(names))];
    size_t axis = 1 + below(3);
    uint64_t size = one_in(4) ? below(18) : 2 * below(8) + 1;
    for (size_t i = 0; i < file->tensor_count; i++) {
        weight_tensor *tensor = &file->tensors[i];
        if (strstr(tensor->name, name) != NULL && axis < tensor->dims) {
            tensor->shape[axis] = size;
            fit_data(tensor);
        }
    }
}

/* One block more, which is a copy of block 0, or one less. */
static void change_blocks(weight_file *file) {
    uint64_t blocks = get_key(file, "dualpath.block_count", 1);
    bool more = one_in(2);
    size_t count = file->tensor_count;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        int block = -1;
        int length = 0;
        (void)sscanf(file->tensors[i].name, "block.%d.%n", &block, &length);
        if (more && block == 0 && file->tensor_count < WEIGHT_FILE_TENSORS) {
            weight_tensor *copy = &file->tensors[file->tensor_count++];
            *copy = file->tensors[i];
            (void)snprintf(copy->name, sizeof copy->name, "block.%d.%.50s", (int)blocks,
                           file->tensors[i].name + length);
        }
        if (more || (uint64_t)(block + 1) != blocks) {
            file->tensors[kept++] = file->tensors[i];
        }
    }
    file->tensor_count = more ? file->tensor_count : kept;
    set_key(file, "dualpath.block_count", more ? blocks + 1 : blocks - 1);
}

/* What a model may have or not. */
static void remove_group(weight_file *file) {
    static const char *const groups[] = {"adapter.s1.",        "adapter.s2.",
                                         "adapter.t0.",        "adapter.t1.",
                                         "adapter.t2.",        "head.",
                                         "pre_norm.",          "projection.",
                                         "patch.bias",         "position.grid",
                                         "position.table",     "adapter.time_in.",
                                         "adapter.conv_attn.", "adapter.conv_mlp.",
                                         "adapter.mlp.",       "prompt",
                                         "block.1.prompt"};
    const char *group = groups[below(COUNT(groups))];
    size_t kept = 0;
    for (size_t i = 0; i < file->tensor_count; i++) {
        if (strstr(file->tensors[i].name, group) == NULL) {
            file->tensors[kept++] = file->tensors[i];
        }
    }
    file->tensor_count = kept;
}

/* ---- a mutation ---- */

typedef void mutation(weight_file *file);

static mutation *const mutations[] = {
    change_value,       change_value, change_type,   change_array,     remove_entry,
    duplicate_entry,    rename_entry, swap_entries,  change_container, change_shape,
    change_tensor_type, change_data,  change_data,   rename_tensor,    remove_tensor,
    duplicate_tensor,   swap_tensors, misplace,      change_sizes,     change_sizes,
    change_sizes,       change_sizes, change_blocks, remove_group,     change_kernels,
};

static void begin(uint32_t seed) {
    state = seed * 2654435761u | 1;
    pool.used = 0;
}

static size_t write_to(const weight_file *file, uint8_t *out, size_t max_size) {
    size_t size;
    uint8_t *bytes = weight_file_write(file, &size);
    bool fits = size <= max_size;
    if (fits) {
        memcpy(out, bytes, size);
    }
    free(bytes);
    if (fits && one_in(32)) {
        size = 1 + below(size);
    }
    return fits ? size : 0;
}

static weight_file parsed;

size_t weight_mutate(uint8_t *bytes, size_t size, size_t max_size, uint32_t seed) {
    begin(seed);
    if (!weight_file_parse(&parsed, bytes, size)) {
        return 0;
    }
    for (uint32_t left = 1 + below(3); left > 0; left--) {
        mutations[below(COUNT(mutations))](&parsed);
    }
    return write_to(&parsed, bytes, max_size);
}

size_t weight_cross(const uint8_t *first, size_t first_size, const uint8_t *second,
                    size_t second_size, uint8_t *out, size_t max_size, uint32_t seed) {
    static weight_file other;
    begin(seed);
    if (!weight_file_parse(&parsed, first, first_size) ||
        !weight_file_parse(&other, second, second_size)) {
        return 0;
    }
    if (one_in(4)) { /* the keys of one, the tensors of the other */
        memcpy(parsed.tensors, other.tensors, sizeof parsed.tensors);
        parsed.tensor_count = other.tensor_count;
    }
    for (size_t i = 0; i < other.tensor_count && i < parsed.tensor_count; i++) {
        if (one_in(4)) {
            parsed.tensors[i] = other.tensors[i];
        }
    }
    for (size_t i = 0; i < other.entry_count; i++) {
        size_t at = weight_file_find(&parsed, other.entries[i].key);
        if (one_in(4) && at < WEIGHT_FILE_ENTRIES) {
            parsed.entries[at] = other.entries[i];
            parsed.entry_count += at == parsed.entry_count;
        }
    }
    return write_to(&parsed, out, max_size);
}
