/*
 * Runs a block on the images of a batch in two parallel loops: heads, then row blocks, which do
 * the rest of the block and the part of the next one before attention.
 */
#include "gemm/attention.h"
#include "vit/block.h"
#include "vit/vit.h"

#include <math.h>
#include <string.h>

typedef struct block_run {
    const dpi_workspace *workspace;
    const dpi_batch *batch;
    size_t index;
} block_run;

/* After the last block only class tokens are read: it computes keys and values of all rows, and the
 * rest for class tokens. */
static bool ends_in_class_tokens(const block_run *run, size_t index) {
    const dp_model *model = run->workspace->model;
    return dpi_is_fused(model) && index + 1 == model->parameters.blocks;
}

static const dpi_path_block *path_block(const dpi_block *block, dpi_path path) {
    return path == DPI_SPATIAL ? &block->spatial : &block->temporal;
}

static void run_before_attention(const block_run *run, size_t index, dpi_token_rows rows,
                                 dpi_kvq_columns columns, size_t thread) {
    const dpi_workspace *workspace = run->workspace;
    const dpi_block *block = &workspace->model->block[index];
    float *scratch = dpi_workspace_scratch(workspace, thread);
    if (dpi_is_fused(workspace->model)) {
        dpi_fused_before_attention(workspace, path_block(block, rows.path), rows, columns, scratch);
    } else {
        dpi_unfused_before_attention(workspace, &block->unfused, rows, scratch);
    }
}

/* The columns of [k v q | d] that block `index` computes for all rows. */
static dpi_kvq_columns columns_of_all_rows(const block_run *run, size_t index) {
    return ends_in_class_tokens(run, index) ? DPI_KVQ_KEYS_AND_VALUES : DPI_KVQ_ALL;
}

static void before_attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    run_before_attention(run, run->index, run->batch->row_blocks[index],
                         columns_of_all_rows(run, run->index), thread);
}

static dpi_token_rows class_row_block(const dpi_batch *batch, size_t index) {
    return batch->row_blocks[batch->row_block_count + index];
}

static void class_before_attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    run_before_attention(run, run->index, class_row_block(run->batch, index), DPI_KVQ_ALL, thread);
}

/* Attention of a head over image `image` in memory. */
static dpi_attention attention_of(const block_run *run, dpi_path path, size_t image, size_t head) {
    const dpi_workspace *workspace = run->workspace;
    const dpi_parameters *p = &workspace->model->parameters;
    size_t head_size = p->width / p->heads;
    dpi_rows kvq = dpi_rows_from(workspace->path[path].kvq, image * p->tokens, head * head_size);
    return (dpi_attention){
        .q = dpi_rows_from(kvq, 0, 2 * p->width),
        .k = kvq,
        .v = dpi_rows_from(kvq, 0, p->width),
        .queries = ends_in_class_tokens(run, run->index) ? 1 : p->tokens,
        .tokens = p->tokens,
        .head_size = head_size,
        .scale = 1.0f / sqrtf((float)head_size),
    };
}

/* Where what the class token of an image attends to goes in the last block; NULL: nobody asks. */
static float *place_of_weights(const block_run *run, dpi_path path, size_t image, size_t head) {
    const dpi_workspace *workspace = run->workspace;
    const dpi_parameters *p = &workspace->model->parameters;
    size_t in_view = run->batch->first[path] + image;
    bool asked = dpi_kept_attention(workspace) == DP_ATTENTION_LAST && run->index + 1 == p->blocks;
    return asked ? workspace->path[path].attention + (in_view * p->heads + head) * p->tokens : NULL;
}

/* Images of both paths are counted together, those of the spatial path first. */
static dpi_path path_of_image(const dpi_batch *batch, size_t *image) {
    if (*image < batch->images[DPI_SPATIAL]) {
        return DPI_SPATIAL;
    }
    *image -= batch->images[DPI_SPATIAL];
    return DPI_TEMPORAL;
}

static void attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    const dpi_workspace *workspace = run->workspace;
    const dp_model *model = workspace->model;
    size_t image = index / model->parameters.heads;
    size_t head = index % model->parameters.heads;
    dpi_path path = path_of_image(run->batch, &image);
    dpi_attention attention = attention_of(run, path, image, head);
    float *weights = place_of_weights(run, path, image, head);
    if (weights != NULL) {
        dpi_attention_weights(model->kernels, &attention, weights);
    }
    dpi_attention_run(model->kernels, model->gemm_attention, &attention,
                      dpi_workspace_scratch(workspace, thread));
}

/* All heads of an image, one after the other, so that the sum of their weights is the same with any
 * number of threads. */
static void summed_attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    const dpi_workspace *workspace = run->workspace;
    const dp_model *model = workspace->model;
    size_t image = index;
    dpi_path path = path_of_image(run->batch, &image);
    float *sums = dpi_weight_sums(workspace, path, image, run->index);
    size_t queries = ends_in_class_tokens(run, run->index) ? 1 : model->parameters.tokens;
    memset(sums, 0, queries * model->parameters.tokens * sizeof *sums);
    for (size_t head = 0; head < model->parameters.heads; head++) {
        dpi_attention attention = attention_of(run, path, image, head);
        attention.weight_sums = sums;
        dpi_attention_run(model->kernels, model->gemm_attention, &attention,
                          dpi_workspace_scratch(workspace, thread));
    }
}

static void run_attention(block_run *run, dpi_team *team) {
    const dpi_workspace *workspace = run->workspace;
    size_t images = run->batch->images[DPI_SPATIAL] + run->batch->images[DPI_TEMPORAL];
    if (dpi_kept_attention(workspace) == DP_ATTENTION_ROLLOUT) {
        dpi_team_run(team, summed_attention_task, run, images);
    } else {
        dpi_team_run(team, attention_task, run, images * workspace->model->parameters.heads);
    }
}

static void run_after_attention(const block_run *run, dpi_token_rows rows, size_t thread) {
    const dpi_workspace *workspace = run->workspace;
    const dpi_block *block = &workspace->model->block[run->index];
    float *scratch = dpi_workspace_scratch(workspace, thread);
    if (dpi_is_fused(workspace->model)) {
        dpi_fused_after_attention(workspace, path_block(block, rows.path), rows, scratch);
    } else {
        dpi_unfused_after_attention(workspace, &block->unfused, rows, scratch);
    }
}

static void class_after_attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    run_after_attention(run, class_row_block(run->batch, index), thread);
}

/* Also starts the next block while the rows are in the cache. */
static void after_attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    dpi_token_rows rows = run->batch->row_blocks[index];
    size_t next = run->index + 1;
    run_after_attention(run, rows, thread);
    if (next < run->batch->end_block) {
        run_before_attention(run, next, rows, columns_of_all_rows(run, next), thread);
    }
}

void dpi_run_block(const dpi_workspace *workspace, const dpi_batch *batch, dpi_team *team,
                   size_t index) {
    block_run run = {workspace, batch, index};
    bool class_tokens = ends_in_class_tokens(&run, index);
    if (index == batch->first_block) {
        dpi_team_run(team, before_attention_task, &run, batch->row_block_count);
    }
    if (class_tokens) {
        dpi_team_run(team, class_before_attention_task, &run, batch->class_row_block_count);
    }
    run_attention(&run, team);
    if (class_tokens) {
        dpi_team_run(team, class_after_attention_task, &run, batch->class_row_block_count);
    } else {
        dpi_team_run(team, after_attention_task, &run, batch->row_block_count);
    }
}
