/*
 * A model in memory: checked hyper-parameters and packed weights, immutable once it is open.
 *
 * load.c turns a weight file into a model. build.c walks over everything in it: weights.c reads
 * tensors, fuse.c and unfused.c make the two forms of a block, positions.c makes the position
 * tables. compile.c writes a model as a compiled file, which compiled_read.c opens.
 */
#ifndef DPI_MODEL_H
#define DPI_MODEL_H

#include "base/arena.h"
#include "base/message.h"
#include "base/watch.h"
#include "gemm/gemm.h"
#include "gguf/gguf.h"
#include "model/parameters.h"
#include "os/account.h"
#include "os/source.h"

#include <stdatomic.h>

/* Weight and bias of a layer norm [width]; NULL: there is no such norm. */
typedef struct dpi_norm {
    const float *weight, *bias;
} dpi_norm;

/* One block of one path after fusion. The rows are x, and d is what an adapter's way down gives. A
 * matrix that a path does not have has no outputs. (vit/fused_block.c)
 *     n       = norm(x)
 *     d       = act(n adapter_down_qkv)            A_t0 down
 *     [k v q] = n qkv + d composed_qkv             A_t0 up, composed with qkv
 *     d       = act(n adapter_down_attn)           A_s1 down
 *     a       = attention(k, v, q)
 *     d       = act(a composed_down_attn)          attn_out, composed with A_t1 down
 *     x      += a attn_out + d adapter_up_attn     A_s1 or A_t1 up
 *     m       = norm(x)
 *     d       = act(m adapter_down_mlp)            A_s2 down
 *     h       = act(m fc1)
 *     d       = act(h composed_down_mlp)           fc2, composed with A_t2 down
 *     x      += h fc2 + d adapter_up_mlp           A_s2 or A_t2 up
 */
typedef struct dpi_path_block {
    dpi_linear adapter_down_qkv, composed_qkv, qkv, adapter_down_attn;
    dpi_linear composed_down_attn, attn_out, adapter_up_attn;
    dpi_linear adapter_down_mlp, fc1, composed_down_mlp, fc2, adapter_up_mlp;
} dpi_path_block;

typedef struct dpi_adapter {
    dpi_linear down, up; /* the adapter's scale is folded into `up` */
} dpi_adapter;

/* One block as the file has it, for both paths. (vit/unfused_block.c) */
typedef struct dpi_unfused_block {
    dpi_norm norm1, norm2;
    dpi_linear qkv, attn_out, fc1, fc2;
    dpi_adapter adapters[DPI_ADAPTER_SITES];
} dpi_unfused_block;

/* Fused for each path, or as the file has it: dp_model.fused. */
typedef union dpi_block {
    struct {
        dpi_path_block spatial, temporal;
    };
    dpi_unfused_block unfused;
} dpi_block;

/* Sixteen digits; "" where the file carries no checksums. (backbone.c) */
typedef struct dpi_backbone_hash {
    char text[17];
} dpi_backbone_hash;

struct dp_model {
    atomic_size_t holders;         /* whoever opened it, and the sessions and tasks on it */
    const dp_allocator *allocator; /* NULL: the default one */
    uint32_t cpu_mask;
    const dpi_kernels *kernels;
    dp_precision precision;
    dp_target target;         /* of the panels; DP_TARGET_NATIVE: they are those of no target */
    const dpi_gemm *gemm;     /* of the blocks and the patches */
    const dpi_gemm *gemm_f32; /* of the head, and of sums that are too deep for bytes */
    const dpi_gemm *gemm_attention; /* of scores and values */
    dpi_parameters parameters;
    bool fused, compiled;
    bool runnable;  /* the GEMMs multiply; else they are only packed for */
    bool lacks_amx; /* AMX would have been chosen, but the operating system refused it */

    dpi_linear patch;
    const float *position_spatial;  /* [tokens][width], the class token added to row 0 */
    const float *position_temporal; /* [framesets][tokens][width], the same */
    dpi_norm pre_norm, post_norm;   /* pre_norm may be none */
    dpi_linear projection;          /* outputs == 0: there is none */
    dpi_linear head_hidden, head_output;
    dpi_block *block;

    const char **labels; /* [classes] or NULL */
    const char *name, *description, *protocol;
    const char *file_type;
    int64_t parameter_count, adapter_parameter_count;
    dpi_arena arena;      /* of all this, the model itself among it */
    dpi_account *account; /* which `allocator` is that of; NULL: memory has no limit */
    dpi_source
        source; /* the file of a compiled model, which its weights lie in, or of a backbone */

    dpi_gguf gguf; /* of a backbone: the contents of its file, which tasks are fused with */
    dpi_backbone_hash backbone_hash;
    struct dp_model *backbone; /* of a task: the model whose frozen matrices it uses */
};

/* How a model is to be opened. */
typedef struct dpi_opening {
    dp_model_options options;
    uint32_t cpu_mask;         /* that of the options, within that of the environment */
    struct dp_model *backbone; /* of a task, else NULL */
    dpi_watch watch;
    dpi_account *account; /* which the allocator of the options is then that of; or NULL */
} dpi_opening;

/* Builds a model from a parsed file. A compiled model and a backbone keep the file: `source`
 * becomes theirs and is left empty, and so is `gguf` of a backbone. The file of any other model is
 * released, tensor by tensor as they are read. (build.c) */
dp_status dpi_model_build(dpi_gguf *gguf, dpi_source *source, dpi_opening *opening,
                          dp_model **model, dpi_message *message);
/* One holder more or less; the last one frees the model, which lets go of its backbone. The count
 * is all that changes of an open model, so whoever only computes with it holds it, too. (build.c)
 */
void dpi_model_hold(const dp_model *model);
void dpi_model_release(const dp_model *model);

/* Whether a file is a compiled one. (choose.c) */
bool dpi_is_compiled(const dpi_gguf *gguf);

#endif /* DPI_MODEL_H */
