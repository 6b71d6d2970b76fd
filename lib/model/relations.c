/*
 * What must hold between the hyper-parameters of a model, and between them and its tensors.
 */
#include "base/size.h"
#include "dp_config.h"
#include "model/model.h"
#include "model/names.h"

#define MAX_TOKENS 65536
#define MAX_IMAGES 256
#define MAX_POSITIONS ((size_t)1 << 26)

static dp_status check_image(dpi_parameters *p, dpi_message *message) {
    if (p->image_size % p->patch_size != 0) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "dualpath.image_size: %zu is not a multiple of the patch size %zu",
                        p->image_size, p->patch_size);
    }
    for (size_t c = 0; c < 3; c++) {
        /* smaller ones would overflow 1 / (255 std) */
        if (!(p->std[c] >= 1e-6f)) {
            return dpi_fail(message, DP_ERR_FORMAT,
                            "dualpath.image_std: %g is not a standard deviation",
                            (double)p->std[c]);
        }
    }
    p->patches_a_side = p->image_size / p->patch_size;
    p->image_tokens = p->patches_a_side * p->patches_a_side + 1;
    p->tokens = p->image_tokens + p->prompts;
    if (p->tokens > MAX_TOKENS) {
        return dpi_fail(message, DP_ERR_FORMAT, "%zu tokens an image are more than %d", p->tokens,
                        MAX_TOKENS);
    }
    return DP_OK;
}

/* One path sees all frames, and there is no frameset. */
static dp_status check_frames_of_one_path(dpi_parameters *p, dpi_message *message) {
    p->spatial_frames = p->frames;
    p->grid = p->framesets = 0;
    return p->frames <= MAX_IMAGES
               ? DP_OK
               : dpi_fail(message, DP_ERR_FORMAT, "dualpath.frames: %zu are more than %d images",
                          p->frames, MAX_IMAGES);
}

static dp_status check_frames(dpi_parameters *p, dpi_message *message) {
    size_t cells = p->grid * p->grid;
    if (!dpi_has_two_paths(p)) {
        return check_frames_of_one_path(p, message);
    }
    if (p->image_size % p->grid != 0) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "dualpath.image_size: %zu is not a multiple of the grid side %zu",
                        p->image_size, p->grid);
    }
    if (p->frames % cells != 0 || p->frames % p->spatial_frames != 0) {
        return dpi_fail(
            message, DP_ERR_FORMAT,
            "dualpath.frames: %zu is not a multiple of the %zu frames of a frameset and "
            "of the %zu spatial frames",
            p->frames, cells, p->spatial_frames);
    }
    p->framesets = p->frames / cells;
    if (p->framesets + p->spatial_frames > MAX_IMAGES) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "%zu framesets and %zu spatial frames are more than %d images",
                        p->framesets, p->spatial_frames, MAX_IMAGES);
    }
    /* not every file has position tables, so its size does not bound theirs */
    if (p->framesets * p->image_tokens > MAX_POSITIONS / p->width) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "%zu framesets of %zu tokens of %zu are more than %zu position values",
                        p->framesets, p->image_tokens, p->width, MAX_POSITIONS);
    }
    return DP_OK;
}

static dp_status check_widths(const dpi_parameters *p, dpi_message *message) {
    if (p->width % p->heads != 0) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "dualpath.embedding_length: %zu is not a multiple of the %zu heads",
                        p->width, p->heads);
    }
    if (!p->has_projection && p->feature_size != p->width) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "%zu features of a width of %zu need a projection, which is missing",
                        p->feature_size, p->width);
    }
    if (!(p->epsilon > 0.0f && p->epsilon <= 1.0f)) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "dualpath.attention.layer_norm_epsilon: %g is not in 0 .. 1",
                        (double)p->epsilon);
    }
    /* wider bottlenecks would let a small file ask for large fused matrices */
    const dpi_method *method = dpi_method_of(p->method);
    for (size_t i = 0; i < method->site_count; i++) {
        if (p->bottleneck[i] > 4 * p->width) {
            return dpi_fail(message, DP_ERR_FORMAT,
                            "adapter %s: the %zu rows of its down.weight are more than four times "
                            "the width %zu",
                            method->sites[i].name, p->bottleneck[i], p->width);
        }
    }
    return DP_OK;
}

static dp_status check_positions(const dpi_gguf *gguf, const dpi_parameters *p,
                                 dpi_message *message) {
    if (!dpi_has_two_paths(p)) {
        return DP_OK;
    }
    if (!DPI_HAS_SINCOS && p->position != DPI_POSITION_TABLE && !dpi_is_compiled(gguf)) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "dualpath.position.kind: this build has no %s, only tables",
                        dpi_position_name(p->position));
    }
    if (p->position == DPI_POSITION_SINCOS_3D && p->width % 16 != 0) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "dualpath.embedding_length: %zu is not a multiple of 16, which sincos-3d "
                        "needs",
                        p->width);
    }
    if (p->position == DPI_POSITION_SINCOS_TIME && p->width % 2 != 0) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "dualpath.embedding_length: %zu is odd, which sincos-time cannot encode",
                        p->width);
    }
    bool grid = dpi_gguf_tensor(gguf, "position.grid") != NULL;
    if (grid && p->position != DPI_POSITION_SINCOS_TIME) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "position.grid: this tensor goes only with the position kind sincos-time");
    }
    return DP_OK;
}

static dp_status check_head(const dpi_parameters *p, dpi_message *message) {
    return dpi_has_two_paths(p) && (p->head_width == 0) != (p->classes == 0)
               ? dpi_fail(message, DP_ERR_FORMAT,
                          "head.hidden.weight and head.output.weight go together; one is missing")
               : DP_OK;
}

static dp_status fail_missing_adapter(const dpi_parameters *p, const char *site,
                                      dpi_message *message) {
    return dpi_fail(message, DP_ERR_FORMAT,
                    "block.%zu.adapter.%s.down.weight: this tensor is missing, without which a "
                    "model is not of method \"%s\"",
                    p->first_adapter_block, site, dp_method_name(p->method));
}

static dp_status check_adapters(const dpi_parameters *p, dpi_message *message) {
    const dpi_method *method = dpi_method_of(p->method);
    for (size_t i = 0; i < method->site_count; i++) {
        if (!method->sites[i].optional && p->bottleneck[i] == 0) {
            return fail_missing_adapter(p, method->sites[i].name, message);
        }
    }
    return DP_OK;
}

static bool is_odd_kernel(dpi_kernel_size size) {
    return size.time % 2 != 0 && size.rows % 2 != 0 && size.columns % 2 != 0;
}

static dp_status check_convolutions(const dpi_parameters *p, dpi_message *message) {
    if (p->first_adapter_block >= p->blocks) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "dualpath.adapter.first_block: %zu, but there are %zu blocks",
                        p->first_adapter_block, p->blocks);
    }
    if (p->bottleneck[DPI_CONV_ATTN] == 0 && p->bottleneck[DPI_CONV_MLP] == 0) {
        return fail_missing_adapter(p, "conv_mlp", message);
    }
    for (size_t i = 0; i < DPI_CONVS; i++) {
        if (p->bottleneck[i] > 0 && !is_odd_kernel(p->conv[i])) {
            return dpi_fail(message, DP_ERR_FORMAT,
                            "adapter %s: a kernel of %zu x %zu x %zu, expected odd sizes",
                            dpi_method_of(p->method)->sites[i].name, p->conv[i].time,
                            p->conv[i].rows, p->conv[i].columns);
        }
    }
    return DP_OK;
}

static dp_status check_prompts(const dpi_parameters *p, dpi_message *message) {
    if (p->prompts == 0) {
        return dpi_fail(message, DP_ERR_FORMAT, "block.0.prompt: this tensor is missing");
    }
    if (p->prompt_blocks != 1 && p->prompt_blocks != p->blocks) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "dualpath.compiled.prompt_blocks: %zu, expected 1 or all %zu",
                        p->prompt_blocks, p->blocks);
    }
    return DP_OK;
}

/* What the method needs beside the transformer. */
static dp_status check_method(const dpi_parameters *p, dpi_message *message) {
    dp_status status = check_adapters(p, message);
    if (status == DP_OK && dpi_has_convolutions(p)) {
        status = check_convolutions(p, message);
    }
    if (status == DP_OK && dpi_has_prompts(p)) {
        status = check_prompts(p, message);
    }
    return status;
}

static dp_status check_presence(const dpi_parameters *p, dpi_message *message) {
    if (p->mlp_width == 0) {
        return dpi_fail(message, DP_ERR_FORMAT, "block.0.mlp.up.weight: this tensor is missing");
    }
    dp_status status = check_head(p, message);
    return status == DP_OK ? check_method(p, message) : status;
}

static dp_status check_protocol(const dpi_protocol *protocol, dpi_message *message) {
    return protocol->sampling != DP_SAMPLING_SEGMENTS || protocol->views == 1
               ? DP_OK
               : dpi_fail(message, DP_ERR_FORMAT,
                          "dualpath.views: sampling in segments has one view, not %zu",
                          protocol->views);
}

dp_status dpi_check_relations(const dpi_gguf *gguf, dpi_parameters *p, dpi_message *message) {
    dp_status status = check_image(p, message);
    if (status == DP_OK) {
        status = check_frames(p, message);
    }
    if (status == DP_OK) {
        status = check_widths(p, message);
    }
    if (status == DP_OK) {
        status = check_presence(p, message);
    }
    if (status == DP_OK && DPI_HAS_PROTOCOLS) {
        status = check_protocol(&p->protocol, message);
    }
    return status == DP_OK ? check_positions(gguf, p, message) : status;
}
