/*
 * A model in memory: checked hyper-parameters and packed weights, immutable once it is open. This
 * folder turns a weight file into it: gguf.c (the container), parameters.c (metadata), weights.c
 * (tensors), fuse.c or plain.c (the two forms of a block), positions.c, backbone.c (tasks), build.c
 * (all together); and writes it as a compiled file (write.c), which compiled.c opens.
 */
#ifndef DP_MODEL_H
#define DP_MODEL_H

#include "base/arena.h"
#include "base/message.h"
#include "gemm/gemm.h"
#include "gguf/gguf.h"
#include "model/parameters.h"
#include "os/source.h"

#include <stdatomic.h>

/* Weight and bias of a layer norm; NULL where they are folded into the next matrix. */
typedef struct dp_norm {
    const float *weight, *bias;
} dp_norm;

/* One block of one path after fusion; d is an adapter's bottleneck, and matrices that a path does
 * not have have no outputs: (vit/block.c)
 *     n       = norm(x)
 *     d       = act(n enter)                   A_t0 going down
 *     [k v q] = n project + d through          A_t0 going up, and on through the qkv matrix
 *     d       = act(n squeeze_n)               A_s1 going down
 *     a       = attention(k, v, q)
 *     d       = act(a squeeze_a)               output matrix and A_t1 going down
 *     x      += a leave + d leave_d            A_s1 or A_t1 going up
 *     m       = norm(x)
 *     d       = act(m squeeze_m)               A_s2 going down
 *     h       = act(m widen)
 *     d       = act(h squeeze_h)               second MLP matrix and A_t2 going down
 *     x      += h narrow + d narrow_d          A_s2 or A_t2 going up
 */
typedef struct dp_path_block {
    dp_linear adapter_down_qkv, composed_qkv, qkv, adapter_down_attn;
    dp_linear composed_down_attn, attn_out, adapter_up_attn;
    dp_linear adapter_down_mlp, fc1, composed_down_mlp, fc2, adapter_up_mlp;
} dp_path_block;

typedef struct dp_adapter {
    dp_linear down, up; /* the adapter's scale is folded into `up` */
} dp_adapter;

/* One block as the file has it, for both paths. (vit/plain.c) */
typedef struct dp_unfused_block {
    dp_norm norm1, norm2;
    dp_linear qkv, attn_out, fc1, fc2;
    dp_adapter adapters[DP_ADAPTER_SITES];
} dp_unfused_block;

typedef struct dp_block {
    dp_path_block spatial, temporal; /* when fused */
    dp_unfused_block unfused;        /* when not */
} dp_block;

/* Sixteen digits, or "": the file carries no checksums. (backbone.c) */
typedef struct dp_backbone_hash {
    char text[17];
} dp_backbone_hash;

struct dp_model {
    atomic_size_t holders;         /* who opened it, and the tasks on it */
    const dp_allocator *allocator; /* NULL: the default */
    uint32_t cpu_mask;
    const dp_kernels *kernels;
    dp_precision precision;
    dp_target target;              /* of the panels; DP_TARGET_NATIVE: none that has a name */
    const dp_gemm *gemm;           /* of the blocks and the patches */
    const dp_gemm *gemm_f32;       /* f32: of the head, and of sums that are too deep for bytes */
    const dp_gemm *gemm_attention; /* of scores and values */
    dp_parameters parameters;
    bool fused, compiled;
    bool runnable; /* products can multiply, not only pack */

    dp_linear patch;
    const float *position_spatial;  /* [tokens][width]: positions, with the class token in row 0 */
    const float *position_temporal; /* [framesets][tokens][width]: the same */
    dp_norm pre_norm, post_norm;    /* pre_norm.weight may be NULL: there is none */
    dp_linear projection;           /* outputs == 0: there is none */
    dp_linear head_hidden, head_output;
    dp_block *block;

    const char **labels; /* [classes] or NULL */
    const char *name, *description;
    const char *file_type;
    int64_t parameter_count, adapter_parameter_count;
    dp_arena arena;   /* where all of this lives, the model itself among it */
    dp_source source; /* of a compiled model: where its weights lie; of a backbone: its file */

    dp_gguf gguf; /* of a backbone: what stands in its file, for tasks to be fused with */
    dp_backbone_hash backbone_hash;
    struct dp_model *backbone; /* of a task: whose frozen matrices it computes with */
};

/* How a model is to be opened. */
typedef struct dp_opening {
    dp_model_options options;
    uint32_t cpu_mask;         /* what options and environment leave */
    struct dp_model *backbone; /* of a task, else NULL */
} dp_opening;

/* Builds a model from a parsed file. That of a compiled model or a backbone goes on being used, and
 * `source` then becomes the model's, as `gguf` does of a backbone; of any other, memory is let go
 * of as it is read. (build.c) */
dp_status dp_model_build(dp_gguf *gguf, dp_source *source, const dp_opening *opening,
                         dp_model **model, dp_message *message);
/* Frees the model when nobody else holds it. (build.c) */
void dp_model_release(dp_model *model);

/* Whether a file is a compiled one. (choose.c) */
bool dp_is_compiled(const dp_gguf *gguf);

/* Writes a model as a compiled file. (write.c) */
dp_status dp_model_write(const dp_model *model, const dp_writer *writer, dp_message *message);

#endif /* DP_MODEL_H */
