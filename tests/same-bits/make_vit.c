/*
 * Writes a canonical weight file with the sizes of ViT-B/16 (width 768, 12 heads, MLP of 3,072, 197
 * tokens an image) and all five adapters, with random weights in f16. The same arguments give the
 * same bytes on every machine.
 *
 *     make_vit FILE BLOCKS SPATIAL_FRAMES [skip]
 *
 * Of the published form there are 12 blocks and 8 spatial frames; fewer take less time. With `skip`
 * serial adapters have a skip connection, and the MLP is followed by GELU instead of QuickGELU.
 */
#include "gguf_builder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IMAGE = 224,
    PATCH = 16,
    TOKENS = (IMAGE / PATCH) * (IMAGE / PATCH) + 1,
    WIDTH = 768,
    HEADS = 12,
    MLP_WIDTH = 3072,
    ADAPTER_WIDTH = 192,
    FEATURE_SIZE = 512,
    HEAD_WIDTH = 512,
    CLASSES = 400,
    FRAMES = 16,
    LARGEST = MLP_WIDTH * WIDTH, /* numbers of a tensor */
    NAME_SIZE = 64
};

static uint64_t state = 1;
static float values[LARGEST];

/* Uniform, from middle - spread to middle + spread. */
static const float *random_values(size_t count, float middle, float spread) {
    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        float unit = ((float)(state >> 40) - 0x1p23F) * 0x1p-23F;
        values[i] = middle + spread * unit;
    }
    return values;
}

/* The sum over the inputs has about the size of one input. */
static void add_random_matrix(gguf_builder *builder, const char *name, size_t rows,
                              size_t columns) {
    float spread = sqrtf(3.0F / (float)columns);
    gguf_add_matrix(builder, name, GGUF_TENSOR_F16, rows, columns,
                    random_values(rows * columns, 0, spread));
}

static void add_random_linear(gguf_builder *builder, const char *name, size_t rows,
                              size_t columns) {
    char tensor[NAME_SIZE + sizeof ".weight"];
    snprintf(tensor, sizeof tensor, "%s.weight", name);
    add_random_matrix(builder, tensor, rows, columns);
    snprintf(tensor, sizeof tensor, "%s.bias", name);
    gguf_add_vector(builder, tensor, rows, random_values(rows, 0, 0.2F));
}

static void add_random_norm(gguf_builder *builder, const char *name) {
    char tensor[NAME_SIZE + sizeof ".weight"];
    snprintf(tensor, sizeof tensor, "%s.weight", name);
    gguf_add_vector(builder, tensor, WIDTH, random_values(WIDTH, 1, 0.3F));
    snprintf(tensor, sizeof tensor, "%s.bias", name);
    gguf_add_vector(builder, tensor, WIDTH, random_values(WIDTH, 0, 0.2F));
}

static void add_position_table(gguf_builder *builder, const char *name) {
    const uint64_t shape[2] = {TOKENS, WIDTH};
    gguf_add_tensor(builder, name, GGUF_TENSOR_F32, 2, shape,
                    random_values((size_t)TOKENS * WIDTH, 0, 0.5F));
}

static void add_adapter(gguf_builder *builder, unsigned block, const char *adapter) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "block.%u.adapter.%s.down", block, adapter);
    add_random_linear(builder, name, ADAPTER_WIDTH, WIDTH);
    snprintf(name, sizeof name, "block.%u.adapter.%s.up", block, adapter);
    add_random_linear(builder, name, WIDTH, ADAPTER_WIDTH);
}

static void add_block(gguf_builder *builder, unsigned block) {
    static const struct {
        const char *name;
        size_t rows, columns;
    } matrices[] = {{"attention.qkv", 3 * WIDTH, WIDTH},
                    {"attention.out", WIDTH, WIDTH},
                    {"mlp.up", MLP_WIDTH, WIDTH},
                    {"mlp.down", WIDTH, MLP_WIDTH}};
    static const char *const adapters[] = {"s1", "s2", "t0", "t1", "t2"};
    char name[NAME_SIZE];
    for (unsigned norm = 1; norm <= 2; norm++) {
        snprintf(name, sizeof name, "block.%u.norm%u", block, norm);
        add_random_norm(builder, name);
    }
    for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; i++) {
        snprintf(name, sizeof name, "block.%u.%s", block, matrices[i].name);
        add_random_linear(builder, name, matrices[i].rows, matrices[i].columns);
    }
    for (size_t i = 0; i < sizeof adapters / sizeof adapters[0]; i++) {
        add_adapter(builder, block, adapters[i]);
    }
}

static void add_metadata(gguf_builder *builder, unsigned blocks, unsigned spatial_frames,
                         bool skip) {
    gguf_add_text(builder, "general.architecture", "dualpath");
    gguf_add_text(builder, "general.name", "random ViT-B/16");
    gguf_add_u32(builder, "dualpath.format_version", 1);
    gguf_add_u32(builder, "dualpath.image_size", IMAGE);
    gguf_add_u32(builder, "dualpath.patch_size", PATCH);
    gguf_add_u32(builder, "dualpath.embedding_length", WIDTH);
    gguf_add_u32(builder, "dualpath.block_count", blocks);
    gguf_add_u32(builder, "dualpath.attention.head_count", HEADS);
    gguf_add_u32(builder, "dualpath.frames", FRAMES);
    gguf_add_u32(builder, "dualpath.spatial_frames", spatial_frames);
    gguf_add_bool(builder, "dualpath.adapter.serial_skip", skip);
    gguf_add_text(builder, "dualpath.activation", skip ? "gelu" : "quick_gelu");
}

static void add_tensors(gguf_builder *builder, unsigned blocks) {
    add_random_matrix(builder, "patch.weight", WIDTH, (size_t)3 * PATCH * PATCH);
    gguf_add_vector(builder, "class_token", WIDTH, random_values(WIDTH, 0, 0.5F));
    add_position_table(builder, "position.spatial");
    add_position_table(builder, "position.grid");
    add_random_norm(builder, "pre_norm");
    for (unsigned block = 0; block < blocks; block++) {
        add_block(builder, block);
    }
    add_random_norm(builder, "post_norm");
    add_random_matrix(builder, "projection.weight", FEATURE_SIZE, WIDTH);
    add_random_linear(builder, "head.hidden", HEAD_WIDTH, (size_t)2 * FEATURE_SIZE);
    add_random_linear(builder, "head.output", CLASSES, HEAD_WIDTH);
}

static int write_file(const char *path, const uint8_t *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fwrite(bytes, 1, size, file) == size;
    written = file != NULL && fclose(file) == 0 && written;
    if (!written) {
        fprintf(stderr, "make_vit: %s cannot be written\n", path);
    }
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: make_vit FILE BLOCKS SPATIAL_FRAMES [skip]\n");
        return EXIT_FAILURE;
    }
    unsigned blocks = (unsigned)strtoul(argv[2], NULL, 10);
    unsigned spatial_frames = (unsigned)strtoul(argv[3], NULL, 10);
    gguf_builder builder = {0};
    add_metadata(&builder, blocks, spatial_frames, argc > 4 && strcmp(argv[4], "skip") == 0);
    add_tensors(&builder, blocks);
    gguf_add_crcs(&builder);
    size_t size = 0;
    uint8_t *bytes = gguf_finish(&builder, &size);
    int status = write_file(argv[1], bytes, size);
    free(bytes);
    return status;
}
