/*
 * One block for all images of both paths, in three parallel loops: rows up to attention, heads, the
 * rest of the rows. Rows go in pieces small enough for a core's own cache.
 */
#include "vit/vit.h"

#include <math.h>

typedef struct block_run {
    const dp_workspace *workspace;
    const dp_block *block;
    bool class_only; /* the last block, after which only class tokens are read: all rows need keys
                        and values, and class tokens the rest */
} block_run;

static const dp_path_block *path_block(const block_run *run, dp_path path) {
    return path == DP_SPATIAL ? &run->block->spatial : &run->block->temporal;
}

static void project_rows(const block_run *run, dp_rows rows, bool keys_and_values_only,
                         size_t thread) {
    const dp_workspace *workspace = run->workspace;
    float *scratch = dp_thread_scratch(workspace, thread);
    if (workspace->model->fused) {
        dp_fused_project(workspace, path_block(run, rows.path), rows, keys_and_values_only,
                         scratch);
    } else {
        dp_plain_project(workspace, &run->block->plain, rows, scratch);
    }
}

static void project_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    project_rows(run, run->workspace->tasks[index], run->class_only, thread);
}

static void project_class_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    const dp_workspace *workspace = run->workspace;
    project_rows(run, workspace->tasks[workspace->row_tasks + index], false, thread);
}

static void attend_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    const dp_workspace *workspace = run->workspace;
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    size_t image = index / p->heads;
    size_t head = index % p->heads;
    size_t head_size = p->width / p->heads;
    dp_path path = image < workspace->path[DP_SPATIAL].images ? DP_SPATIAL : DP_TEMPORAL;
    const dp_path_state *state = &workspace->path[path];
    if (path == DP_TEMPORAL) {
        image -= workspace->path[DP_SPATIAL].images;
    }
    float *k = state->wide + image * p->tokens * state->wide_stride + head * head_size;
    dp_attention attention = {
        .q = k + 2 * p->width,
        .k = k,
        .v = k + p->width,
        .stride = state->wide_stride,
        .queries = run->class_only ? 1 : p->tokens,
        .tokens = p->tokens,
        .head_size = head_size,
        .scale = 1.0f / sqrtf((float)head_size),
    };
    dp_attention_run(model->kernels, model->attention, &attention,
                     dp_thread_scratch(workspace, thread));
}

static void finish_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    const dp_workspace *workspace = run->workspace;
    float *scratch = dp_thread_scratch(workspace, thread);
    if (workspace->model->fused) {
        dp_rows rows = workspace->tasks[index + (run->class_only ? workspace->row_tasks : 0)];
        dp_fused_finish(workspace, path_block(run, rows.path), rows, scratch);
    } else {
        dp_plain_finish(workspace, &run->block->plain, workspace->tasks[index], scratch);
    }
}

void dp_run_block(const dp_workspace *workspace, dp_team *team, size_t index) {
    const dp_model *model = workspace->model;
    const dp_parameters *p = &model->parameters;
    bool class_only = model->fused && index + 1 == p->blocks;
    block_run run = {workspace, &model->block[index], class_only};
    size_t heads = (p->spatial_frames + p->framesets) * p->heads;
    dp_team_run(team, project_task, &run, workspace->row_tasks);
    if (class_only) {
        dp_team_run(team, project_class_task, &run, workspace->class_tasks);
    }
    dp_team_run(team, attend_task, &run, heads);
    dp_team_run(team, finish_task, &run,
                class_only ? workspace->class_tasks : workspace->row_tasks);
}
