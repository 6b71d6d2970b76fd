/*
 * One block for the images of a batch, in two parallel loops: heads, and then row blocks, which go
 * through the rest of the block and up to the heads of the next one.
 */
#include "gemm/attention.h"
#include "vit/block.h"
#include "vit/vit.h"

#include <math.h>

typedef struct block_run {
    const dp_workspace *workspace;
    const dp_batch *batch;
    size_t index;
} block_run;

/* After the last block only class tokens are read: it computes keys and values of all rows, and the
 * rest for class tokens. */
static bool ends_in_class_tokens(const block_run *run, size_t index) {
    const dp_model *model = run->workspace->model;
    return dp_is_fused(model) && index + 1 == model->parameters.blocks;
}

static const dp_path_block *path_block(const dp_block *block, dp_path path) {
    return path == DP_SPATIAL ? &block->spatial : &block->temporal;
}

static void run_before_attention(const block_run *run, size_t index, dp_token_rows rows,
                                 dp_kvq_columns columns, size_t thread) {
    const dp_workspace *workspace = run->workspace;
    const dp_block *block = &workspace->model->block[index];
    float *scratch = dp_workspace_scratch(workspace, thread);
    if (dp_is_fused(workspace->model)) {
        dp_fused_before_attention(workspace, path_block(block, rows.path), rows, columns, scratch);
    } else {
        dp_unfused_before_attention(workspace, &block->unfused, rows, scratch);
    }
}

/* Of all rows, what block `index` makes of [k v q | d]. */
static dp_kvq_columns columns_of_all_rows(const block_run *run, size_t index) {
    return ends_in_class_tokens(run, index) ? DP_KVQ_KEYS_AND_VALUES : DP_KVQ_ALL;
}

static void before_attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    run_before_attention(run, run->index, run->batch->row_blocks[index],
                         columns_of_all_rows(run, run->index), thread);
}

static dp_token_rows class_row_block(const dp_batch *batch, size_t index) {
    return batch->row_blocks[batch->row_block_count + index];
}

static void class_before_attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    run_before_attention(run, run->index, class_row_block(run->batch, index), DP_KVQ_ALL, thread);
}

static void attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    const dp_workspace *workspace = run->workspace;
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    size_t image = index / p->heads;
    size_t head = index % p->heads;
    size_t head_size = p->width / p->heads;
    dp_path path = image < run->batch->images[DP_SPATIAL] ? DP_SPATIAL : DP_TEMPORAL;
    if (path == DP_TEMPORAL) {
        image -= run->batch->images[DP_SPATIAL];
    }
    dp_rows kvq = dp_rows_from(workspace->path[path].kvq, image * p->tokens, head * head_size);
    dp_attention attention = {
        .q = dp_rows_from(kvq, 0, 2 * p->width),
        .k = kvq,
        .v = dp_rows_from(kvq, 0, p->width),
        .queries = ends_in_class_tokens(run, run->index) ? 1 : p->tokens,
        .tokens = p->tokens,
        .head_size = head_size,
        .scale = 1.0f / sqrtf((float)head_size),
    };
    dp_attention_run(model->kernels, model->gemm_attention, &attention,
                     dp_workspace_scratch(workspace, thread));
}

static void run_after_attention(const block_run *run, dp_token_rows rows, size_t thread) {
    const dp_workspace *workspace = run->workspace;
    const dp_block *block = &workspace->model->block[run->index];
    float *scratch = dp_workspace_scratch(workspace, thread);
    if (dp_is_fused(workspace->model)) {
        dp_fused_after_attention(workspace, path_block(block, rows.path), rows, scratch);
    } else {
        dp_unfused_after_attention(workspace, &block->unfused, rows, scratch);
    }
}

static void class_after_attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    run_after_attention(run, class_row_block(run->batch, index), thread);
}

/* The next block begins while its rows are in the cache. */
static void after_attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    dp_token_rows rows = run->batch->row_blocks[index];
    size_t next = run->index + 1;
    run_after_attention(run, rows, thread);
    if (next < run->workspace->model->parameters.blocks) {
        run_before_attention(run, next, rows, columns_of_all_rows(run, next), thread);
    }
}

void dp_run_block(const dp_workspace *workspace, const dp_batch *batch, dp_team *team,
                  size_t index) {
    block_run run = {workspace, batch, index};
    size_t images = batch->images[DP_SPATIAL] + batch->images[DP_TEMPORAL];
    bool class_tokens = ends_in_class_tokens(&run, index);
    if (index == 0) {
        dp_team_run(team, before_attention_task, &run, batch->row_block_count);
    }
    if (class_tokens) {
        dp_team_run(team, class_before_attention_task, &run, batch->class_row_block_count);
    }
    dp_team_run(team, attention_task, &run, images * workspace->model->parameters.heads);
    if (class_tokens) {
        dp_team_run(team, class_after_attention_task, &run, batch->class_row_block_count);
    } else {
        dp_team_run(team, after_attention_task, &run, batch->row_block_count);
    }
}
