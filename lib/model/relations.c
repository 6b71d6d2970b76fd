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
    if (p->image_size % p->patch_size != 0 || p->image_size % p->grid != 0) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "dualpath.image_size: %zu is not a multiple of the patch size %zu and of "
                        "the grid side %zu",
                        p->image_size, p->patch_size, p->grid);
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
    p->tokens = p->patches_a_side * p->patches_a_side + 1;
    if (p->tokens > MAX_TOKENS) {
        return dpi_fail(message, DP_ERR_FORMAT, "%zu tokens an image are more than %d", p->tokens,
                        MAX_TOKENS);
    }
    return DP_OK;
}

static dp_status check_frames(dpi_parameters *p, dpi_message *message) {
    size_t cells = p->grid * p->grid;
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
    if (p->framesets * p->tokens > MAX_POSITIONS / p->width) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "%zu framesets of %zu tokens of %zu are more than %zu position values",
                        p->framesets, p->tokens, p->width, MAX_POSITIONS);
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
    for (size_t site = 0; site < DPI_ADAPTER_SITES; site++) {
        if (p->bottleneck[site] > 4 * p->width) {
            return dpi_fail(message, DP_ERR_FORMAT,
                            "adapter %s: the %zu rows of its down.weight are more than four times "
                            "the width %zu",
                            dpi_site_name(site), p->bottleneck[site], p->width);
        }
    }
    return DP_OK;
}

static dp_status check_positions(const dpi_gguf *gguf, const dpi_parameters *p,
                                 dpi_message *message) {
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

static dp_status check_presence(const dpi_parameters *p, dpi_message *message) {
    if (p->mlp_width == 0) {
        return dpi_fail(message, DP_ERR_FORMAT, "block.0.mlp.up.weight: this tensor is missing");
    }
    if ((p->head_width == 0) != (p->classes == 0)) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "head.hidden.weight and head.output.weight go together; one is missing");
    }
    return DP_OK;
}

/* That this build has the rules of the protocol. */
static dp_status check_build(const dpi_protocol *protocol, dpi_message *message) {
    if (protocol->sampling >= DP_SAMPLING_INTERVAL || protocol->past_end != DPI_PAST_END_REPEAT) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "dualpath.sampling: this build samples as DualPath does only");
    }
    if (protocol->filter != DPI_FILTER_BILINEAR || protocol->resize_antialias) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "dualpath.resize: this build resizes bilinearly without antialiasing only");
    }
    return DP_OK;
}

static dp_status check_protocol(const dpi_protocol *protocol, dpi_message *message) {
    if (protocol->sampling == DP_SAMPLING_SEGMENTS && protocol->views != 1) {
        return dpi_fail(message, DP_ERR_FORMAT,
                        "dualpath.views: sampling in segments has one view, not %zu",
                        protocol->views);
    }
    return DPI_HAS_PROTOCOLS ? DP_OK : check_build(protocol, message);
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
    if (status == DP_OK) {
        status = check_protocol(&p->protocol, message);
    }
    return status == DP_OK ? check_positions(gguf, p, message) : status;
}
