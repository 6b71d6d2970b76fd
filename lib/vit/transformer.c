/*
 * One block for the images of a batch, in two parallel loops: heads, and then rows, which go
 * through the rest of the block and up to the heads of the next one. Rows go in pieces small enough
 * for a core's own cache.
 */
#include "vit/vit.h"

#include <math.h>

typedef struct block_run {
    const dp_workspace *workspace;
    const dp_batch *batch;
    size_t index;
} block_run;

/* After the last block only class tokens are read: there, all rows need keys and values, and class
 * tokens the rest. */
static bool class_only(const block_run *run, size_t index) {
    const dp_model *model = run->workspace->model;
    return dp_is_fused(model) && index + 1 == model->parameters.blocks;
}

static const dp_path_block *path_block(const dp_block *block, dp_path path) {
    return path == DP_SPATIAL ? &block->spatial : &block->temporal;
}

static void project_rows(const block_run *run, size_t index, dp_rows rows,
                         bool keys_and_values_only, size_t thread) {
    const dp_workspace *workspace = run->workspace;
    const dp_block *block = &workspace->model->block[index];
    float *scratch = dp_thread_scratch(workspace, thread);
    if (dp_is_fused(workspace->model)) {
        dp_fused_project(workspace, path_block(block, rows.path), rows, keys_and_values_only,
                         scratch);
    } else {
        dp_plain_project(workspace, &block->plain, rows, scratch);
    }
}

static void project_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    project_rows(run, run->index, run->batch->tasks[index], class_only(run, run->index), thread);
}

static void project_class_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    const dp_batch *batch = run->batch;
    project_rows(run, run->index, batch->tasks[batch->row_tasks + index], false, thread);
}

static void attend_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    const dp_workspace *workspace = run->workspace;
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    size_t image = index / p->heads;
    size_t head = index % p->heads;
    size_t head_size = p->width / p->heads;
    dp_path path = image < run->batch->images[DP_SPATIAL] ? DP_SPATIAL : DP_TEMPORAL;
    const dp_path_state *state = &workspace->path[path];
    if (path == DP_TEMPORAL) {
        image -= run->batch->images[DP_SPATIAL];
    }
    size_t row = image * p->tokens;
    size_t column = head * head_size;
    dp_attention attention = {
        .q = dp_in_wide(workspace, path, row, 2 * p->width + column),
        .k = dp_in_wide(workspace, path, row, column),
        .v = dp_in_wide(workspace, path, row, p->width + column),
        .stride = state->wide_stride,
        .queries = class_only(run, run->index) ? 1 : p->tokens,
        .tokens = p->tokens,
        .head_size = head_size,
        .scale = 1.0f / sqrtf((float)head_size),
    };
    dp_attention_run(model->kernels, model->attention, &attention,
                     dp_thread_scratch(workspace, thread));
}

static void finish_rows(const block_run *run, dp_rows rows, size_t thread) {
    const dp_workspace *workspace = run->workspace;
    const dp_block *block = &workspace->model->block[run->index];
    float *scratch = dp_thread_scratch(workspace, thread);
    if (dp_is_fused(workspace->model)) {
        dp_fused_finish(workspace, path_block(block, rows.path), rows, scratch);
    } else {
        dp_plain_finish(workspace, &block->plain, rows, scratch);
    }
}

static void finish_class_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    const dp_batch *batch = run->batch;
    finish_rows(run, batch->tasks[batch->row_tasks + index], thread);
}

/* The next block begins while its rows are hot. */
static void finish_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    dp_rows rows = run->batch->tasks[index];
    size_t next = run->index + 1;
    finish_rows(run, rows, thread);
    if (next < run->workspace->model->parameters.blocks) {
        project_rows(run, next, rows, class_only(run, next), thread);
    }
}

void dp_run_block(const dp_workspace *workspace, const dp_batch *batch, dp_team *team,
                  size_t index) {
    block_run run = {workspace, batch, index};
    size_t images = batch->images[DP_SPATIAL] + batch->images[DP_TEMPORAL];
    if (index == 0) {
        dp_team_run(team, project_task, &run, batch->row_tasks);
    }
    if (class_only(&run, index)) {
        dp_team_run(team, project_class_task, &run, batch->class_tasks);
    }
    dp_team_run(team, attend_task, &run, images * workspace->model->parameters.heads);
    if (class_only(&run, index)) {
        dp_team_run(team, finish_class_task, &run, batch->class_tasks);
    } else {
        dp_team_run(team, finish_task, &run, batch->row_tasks);
    }
}
