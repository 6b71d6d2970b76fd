/*
 * Building a model from a parsed file. The same walk over everything in it runs twice: first to
 * count memory and to check that every tensor is there, then to fill.
 */
#include "dp_config.h"
#include "isa/isa.h"
#include "model/builder.h"
#include "model/choose.h"
#include "model/describe.h"
#include "model/keys.h"
#include "os/memory.h"

#include <string.h>

/* ---- texts ---- */

static const char *keep_text(dpi_builder *builder, dpi_text text) {
    char *copy = dpi_arena_take(&builder->model->arena, text.length + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text.bytes, text.length);
        copy[text.length] = '\0';
    }
    return copy;
}

static const char **keep_labels(dpi_builder *builder) {
    size_t classes = builder->model->parameters.classes;
    bool present = false;
    size_t count = 0;
    size_t cursor = 0;
    if (builder->status == DP_OK) {
        builder->status = dpi_gguf_text_array(builder->gguf, DPI_KEY_LABELS, &present, &count,
                                              &cursor, builder->message);
    }
    if (builder->status == DP_OK && present && count != classes) {
        builder->status = dpi_fail(builder->message, DP_ERR_FORMAT,
                                   DPI_KEY_LABELS ": %zu labels for %zu classes", count, classes);
    }
    if (builder->status != DP_OK || !present) {
        return NULL;
    }
    const char **labels = dpi_arena_take(&builder->model->arena, classes, sizeof *labels);
    for (size_t i = 0; i < classes; i++) {
        const char *label = keep_text(builder, dpi_gguf_text_array_next(builder->gguf, &cursor));
        if (labels != NULL) {
            labels[i] = label;
        }
    }
    return labels;
}

static const char *keep_description(dpi_builder *builder) {
    static const char titles[][20] = {"DualPath", "AIM",         "ST-Adapter",
                                      "VPT",      "AdaptFormer", "linear probe of a"};
    const dpi_parameters *p = &builder->model->parameters;
    char paths[96] = "";
    char line[256];
    if (dpi_has_two_paths(p)) {
        (void)dpi_print(paths, sizeof paths, " (%zu spatial, %zu framesets %zux%zu)",
                        p->spatial_frames, p->framesets, p->grid, p->grid);
    }
    size_t length =
        dpi_print(line, sizeof line,
                  "%s ViT, %zu blocks of %zu, %zu heads, patch %zu of %zu, "
                  "%zu frames%s, %zu classes, %s",
                  titles[p->method], p->blocks, p->width, p->heads, p->patch_size, p->image_size,
                  p->frames, paths, p->classes, dp_precision_name(builder->model->precision));
    return keep_text(builder, (dpi_text){line, length});
}

static const char *keep_protocol(dpi_builder *builder) {
    char text[512];
    size_t length =
        DPI_HAS_ADVICE ? dpi_describe_protocol(&builder->model->parameters, text, sizeof text) : 0;
    return keep_text(builder, (dpi_text){text, length});
}

static void keep_texts(dpi_builder *builder) {
    dpi_text name = {"", 0};
    if (builder->status == DP_OK) {
        builder->status =
            dpi_gguf_text(builder->gguf, DPI_KEY_NAME, false, &name, builder->message);
    }
    builder->model->name = keep_text(builder, name);
    builder->model->description = keep_description(builder);
    builder->model->protocol = DPI_HAS_PROTOCOLS ? keep_protocol(builder) : "";
    builder->model->labels = keep_labels(builder);
}

/* ---- weights outside of the blocks ---- */

static void build_patch(const dpi_scope *outer) {
    dpi_scope scope = *outer;
    struct dp_model *model = scope.builder->model;
    const dpi_parameters *p = &model->parameters;
    dpi_affine patch = {{NULL, 0, 0}, {NULL, 0, 0}};
    patch.w = dpi_read_matrix(&scope, dpi_name("patch.weight"), p->width,
                              3 * p->patch_size * p->patch_size);
    if (dpi_has_tensor(scope.builder, dpi_name("patch.bias"))) {
        patch.bias = dpi_read_matrix(&scope, dpi_name("patch.bias"), 1, p->width);
    }
    model->patch = dpi_pack(&scope, model->gemm, patch);
}

static void build_norms(const dpi_scope *scope) {
    struct dp_model *model = scope->builder->model;
    if (model->parameters.has_pre_norm) {
        model->pre_norm = dpi_keep_norm(scope, dpi_name("pre_norm"));
    }
    model->post_norm = dpi_keep_norm(scope, dpi_name("post_norm"));
}

static void build_projection(const dpi_scope *outer) {
    dpi_scope scope = *outer;
    struct dp_model *model = scope.builder->model;
    const dpi_parameters *p = &model->parameters;
    if (p->has_projection) {
        dpi_affine projection = {{NULL, 0, 0}, {NULL, 0, 0}};
        projection.w =
            dpi_read_matrix(&scope, dpi_name("projection.weight"), p->feature_size, p->width);
        model->projection = dpi_pack(&scope, model->gemm_f32, projection);
    }
}

static void build_head(const dpi_scope *scope) {
    struct dp_model *model = scope->builder->model;
    const dpi_parameters *p = &model->parameters;
    size_t inputs = dpi_head_inputs(p);
    if (p->classes > 0 && dpi_has_two_paths(p)) {
        model->head_hidden = dpi_pack_layer(scope, model->gemm_f32, dpi_name("head.hidden"),
                                            p->head_width, inputs, 1.0f);
        inputs = p->head_width;
    }
    if (p->classes > 0) {
        model->head_output = dpi_pack_layer(scope, model->gemm_f32, dpi_name("head.output"),
                                            p->classes, inputs, 1.0f);
    }
}

/* The frozen weights before and after the blocks, from the file or from the backbone. */
static void build_frozen_ends(const dpi_scope *scope) {
    struct dp_model *model = scope->builder->model;
    const struct dp_model *backbone = model->backbone;
    if (backbone != NULL) {
        model->patch = backbone->patch;
        model->pre_norm = backbone->pre_norm;
        model->post_norm = backbone->post_norm;
        model->projection = backbone->projection;
        return;
    }
    build_patch(scope);
    build_norms(scope);
    build_projection(scope);
}

/* What the method has in a block beside matrices. */
static void build_beside_block(const dpi_scope *scope, size_t index, dpi_block *block) {
    const dpi_parameters *p = &scope->builder->model->parameters;
    const dpi_method *method = dpi_method_of(p->method);
    for (size_t i = 0; i < DPI_CONVS && dpi_has_convolutions(p); i++) {
        if (p->bottleneck[i] > 0 && index >= p->first_adapter_block) {
            block->conv[i] =
                dpi_keep_convolution(scope, dpi_adapter_name(index, method->sites[i].name, "conv"),
                                     p->bottleneck[i], p->conv[i]);
        }
    }
    if (dpi_has_prompts(p) && index < p->prompt_blocks) {
        block->prompts =
            dpi_keep_matrix(scope, dpi_block_name(index, "prompt"), p->prompts, p->width);
    }
}

/* ---- the walk ---- */

/* `count` more of its blocks are done, or all else. */
static void report_fusing(dpi_builder *builder, size_t count) {
    if (dpi_building(builder)) {
        builder->status = dpi_watch_advance(builder->watch, count, builder->message);
    }
}

static void build_weights(dpi_builder *builder) {
    struct dp_model *model = builder->model;
    dpi_scope scope = {builder, 0};
    build_frozen_ends(&scope);
    dpi_build_positions(&scope);
    for (size_t i = 0; i < model->parameters.blocks && builder->status == DP_OK; i++) {
        dpi_block block;
        memset(&block, 0, sizeof block);
        if (model->fused) {
            dpi_build_fused_block(&scope, i, &block);
        } else {
            dpi_build_unfused_block(&scope, i, &block);
        }
        build_beside_block(&scope, i, &block);
        if (model->block != NULL) {
            model->block[i] = block;
        }
        report_fusing(builder, 1);
    }
    build_head(&scope);
}

static void walk_model(dpi_builder *builder) {
    struct dp_model *model = builder->model;
    model->block = dpi_arena_take(&model->arena, model->parameters.blocks, sizeof model->block[0]);
    report_fusing(builder, 0);
    keep_texts(builder);
    if (DPI_HAS_CANONICAL && !model->compiled) {
        build_weights(builder);
    } else {
        dpi_read_compiled(builder);
        report_fusing(builder, model->parameters.blocks);
    }
    report_fusing(builder, 1);
    if (model->arena.failed && builder->status == DP_OK) {
        builder->status = dpi_fail(builder->message, DP_ERR_MEMORY,
                                   "this model is larger than this machine can address");
    }
}

static void refuse_unused_tensors(dpi_builder *builder) {
    for (size_t i = 0; i < builder->gguf->tensor_count && builder->status == DP_OK; i++) {
        dpi_text name = builder->gguf->tensors[i].name;
        if (builder->used[i] == 0) {
            builder->status =
                dpi_fail(builder->message, DP_ERR_FORMAT,
                         "%s: this tensor has no place in a %s with these parameters",
                         DPI_SHOW(name), builder->model->backbone != NULL ? "task" : "model");
        }
    }
}

/* ---- two walks ---- */

/* `counted` is a model without memory: its arena only counts. */
static void count_model(dpi_builder *builder, struct dp_model *counted) {
    (void)dpi_arena_take(&counted->arena, 1, sizeof *counted);
    builder->model = counted;
    walk_model(builder);
    refuse_unused_tensors(builder);
}

/* The model lies in its own memory. */
static void fill_model(dpi_builder *builder, const struct dp_model *counted, uint8_t *memory,
                       size_t bytes) {
    dpi_arena arena = {.base = memory, .size = bytes};
    struct dp_model *model = dpi_arena_take(&arena, 1, sizeof *model);
    *model = *counted;
    model->arena = arena;
    builder->model = model;
    builder->filling = true;
    walk_model(builder);
    if (model->arena.used != bytes && builder->status == DP_OK) {
        builder->status = dpi_fail(builder->message, DP_ERR_MEMORY,
                                   "filling this model takes %zu bytes, and %zu were counted",
                                   model->arena.used, bytes);
    }
}

/* What opening may take of memory: this much, and as many bytes for each byte of the file, and of
 * its backbone's. Weights in q8_0 that are opened in f32 take 4 to 5. */
#define BYTES_ANYWAY ((uint64_t)8 << 20)
#define BYTES_FOR_A_BYTE 9

/* Tensors may be small and still ask for much: tables that are computed for many framesets, maps to
 * a few outputs, which panels are wider than, and products of matrices. */
static dp_status check_proportion(const dpi_builder *builder, size_t bytes, size_t scratch_bytes) {
    const struct dp_model *model = builder->model;
    uint64_t size = builder->gguf->size;
    uint64_t needed =
        (uint64_t)bytes - builder->panel_bytes + builder->most_panel_bytes + scratch_bytes;
    if (model->backbone != NULL) {
        size += model->backbone->gguf.size;
    }
    if (model->compiled || needed <= BYTES_ANYWAY ||
        (needed - BYTES_ANYWAY) / BYTES_FOR_A_BYTE <= size) {
        return DP_OK;
    }
    return dpi_fail(builder->message, DP_ERR_FORMAT,
                    "opening this model would take %llu bytes of memory, which is out of "
                    "proportion to the %llu bytes of its file: %d for each, and 8 MiB, are the "
                    "limit",
                    (unsigned long long)needed, (unsigned long long)size, BYTES_FOR_A_BYTE);
}

static dp_status count_and_fill(dpi_builder *builder, struct dp_model *counted,
                                const dp_model_options *options) {
    count_model(builder, counted);
    if (builder->status != DP_OK) {
        return builder->status;
    }
    size_t bytes = counted->arena.used;
    builder->scratch_size = builder->scratch_peak;
    size_t scratch_bytes = builder->scratch_size * sizeof(float);
    if (DPI_HAS_CANONICAL) {
        builder->status = check_proportion(builder, bytes, scratch_bytes);
        if (builder->status != DP_OK) {
            return builder->status;
        }
    }
    uint8_t *memory =
        dpi_allocate_for(options->allocator, bytes, "the weights of the model", builder->message);
    if (memory == NULL) {
        return DP_ERR_MEMORY;
    }
    builder->scratch = dpi_allocate_for(options->allocator, scratch_bytes,
                                        "the matrices that are fused", builder->message);
    if (builder->scratch == NULL) {
        builder->status = DP_ERR_MEMORY;
    } else {
        fill_model(builder, counted, memory, bytes);
    }
    dpi_release(options->allocator, builder->scratch, scratch_bytes);
    if (builder->status != DP_OK) {
        dpi_release(options->allocator, memory, bytes);
    }
    return builder->status;
}

/* ---- models ---- */

static dp_status describe_model(const dpi_gguf *gguf, const dpi_opening *opening,
                                struct dp_model *model, dpi_message *message) {
    dp_status status = dpi_choose_gemms(gguf, opening, model, message);
    if (status == DP_OK) {
        status = dpi_read_parameters(gguf, opening->backbone, &model->parameters, message);
    }
    if (status == DP_OK) {
        dpi_choose_attention(model);
        status = dpi_describe_file(gguf, model, message);
    }
    if (status == DP_OK && opening->options.as_backbone != 0 && !gguf->has_crcs) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        DPI_GGUF_CRC_KEY
                        ": this file has no checksums, by which tasks recognise their backbone");
    }
    return status;
}

/* A compiled model keeps its file; a backbone also keeps what was parsed of it. */
static void keep_file(struct dp_model *model, dpi_gguf *gguf, dpi_source *source,
                      bool as_backbone) {
    if (model->compiled || as_backbone) {
        model->source = *source;
        *source = (dpi_source){0};
    }
    if (as_backbone) {
        model->gguf = *gguf;
        *gguf = (dpi_gguf){0};
    }
}

dp_status dpi_model_build(dpi_gguf *gguf, dpi_source *source, dpi_opening *opening,
                          struct dp_model **model, dpi_message *message) {
    const dp_model_options *options = &opening->options;
    struct dp_model counted = {.allocator = options->allocator,
                               .account = opening->account,
                               .backbone = opening->backbone};
    bool as_backbone = options->as_backbone != 0;
    dpi_builder builder = {.gguf = gguf,
                           .source = source,
                           .kept = as_backbone,
                           .watch = &opening->watch,
                           .message = message};
    dp_status status = describe_model(gguf, opening, &counted, message);
    if (status != DP_OK) {
        return status;
    }
    /* Sums over the whole depth are one sum: the same bits with all fused multiply-adds. */
    builder.gemm_here = *dpi_gemm_choose(DP_PRECISION_F32, counted.cpu_mask);
    builder.gemm_here.kernel.kc = DPI_WHOLE_DEPTH;
    builder.used =
        dpi_allocate_for(options->allocator, gguf->tensor_count, "marking tensors", message);
    if (builder.used == NULL) {
        return DP_ERR_MEMORY;
    }
    memset(builder.used, 0, gguf->tensor_count);
    dpi_watch_stage(builder.watch, "fusing", 1.0, counted.parameters.blocks + 1);
    status = count_and_fill(&builder, &counted, options);
    dpi_release(options->allocator, builder.used, gguf->tensor_count);
    if (status != DP_OK) {
        return status;
    }
    keep_file(builder.model, gguf, source, as_backbone);
    atomic_init(&builder.model->holders, 1);
    if (opening->backbone != NULL) {
        dpi_model_hold(opening->backbone);
    }
    *model = builder.model;
    return DP_OK;
}

static void free_model(dp_model *model) {
    dpi_account *account = model->account;
    dpi_gguf_free(&model->gguf);
    dpi_source_close(&model->source);
    dpi_release(model->allocator, model, model->arena.size);
    if (DPI_HAS_ACCOUNTS) {
        dpi_account_close(account);
    }
}

void dpi_model_hold(const dp_model *model) {
    atomic_fetch_add(&((dp_model *)model)->holders, 1);
}

void dpi_model_release(const dp_model *model) {
    dp_model *held = (dp_model *)model;
    while (held != NULL && atomic_fetch_sub(&held->holders, 1) == 1) {
        dp_model *backbone = held->backbone;
        free_model(held);
        held = backbone;
    }
}
