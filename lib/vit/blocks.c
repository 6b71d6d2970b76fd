/*
 * Runs a block on the images of a batch, stage by stage. A stage has two parallel loops: attention
 * over heads or places, then row blocks, which take in what the stage gives and make ready what the
 * next one reads, which may be the first of the next block. A convolution has the second loop only.
 */
#include "gemm/attention.h"
#include "vit/block.h"
#include "vit/stages.h"
#include "vit/vit.h"

#include <math.h>
#include <string.h>

typedef struct block_run {
    const dpi_workspace *workspace;
    const dpi_batch *batch;
    size_t index; /* of the block */
    dpi_stage stage;
} block_run;

/* Whether this stage is the last one, which only class tokens ask. */
static bool is_for_class_tokens(const block_run *run) {
    return run->stage == DPI_STAGE_ATTENTION &&
           dpi_ends_in_class_tokens(run->workspace->model, run->index);
}

static bool is_convolution(const block_run *run) {
    return DPI_HAS_METHOD(DP_METHOD_ST_ADAPTER) &&
           (run->stage == DPI_STAGE_CONV_ATTN || run->stage == DPI_STAGE_CONV_MLP);
}

static size_t convolution_of(const block_run *run) {
    return run->stage == DPI_STAGE_CONV_ATTN ? DPI_CONV_ATTN : DPI_CONV_MLP;
}

/* The part of a block that rows go through in an attention. */
static dpi_part part_of(dpi_stage stage, dpi_path path) {
    return stage == DPI_STAGE_TIME ? DPI_PART_TIME : dpi_part_of_path(path);
}

/* ---- rows before a stage ---- */

/* The prompts of this block stand after the patches of each image. */
static void place_prompts(const dpi_workspace *workspace, const float *prompts,
                          dpi_token_rows rows) {
    const dpi_parameters *p = &workspace->model->parameters;
    for (size_t i = 0; i < rows.count; i++) {
        size_t token = (rows.first + i * rows.step) % p->tokens;
        if (token >= p->image_tokens) {
            memcpy(dpi_path_x(&workspace->path[rows.path], rows, i),
                   prompts + (token - p->image_tokens) * p->width, p->width * sizeof(float));
        }
    }
}

static void run_before_attention(const dpi_workspace *workspace, size_t index, dpi_stage stage,
                                 dpi_token_rows rows, dpi_kvq_columns columns, float *scratch) {
    const dpi_block *block = &workspace->model->block[index];
    dpi_part part = part_of(stage, rows.path);
    if (dpi_has_prompts(&workspace->model->parameters) && block->prompts != NULL) {
        place_prompts(workspace, block->prompts, rows);
    }
    if (dpi_is_fused(workspace->model)) {
        dpi_fused_before_attention(workspace, &block->part[part], rows, columns, scratch);
    } else {
        dpi_unfused_before_attention(workspace, &block->unfused, part, rows, scratch);
    }
}

static void run_before(const block_run *run, dpi_token_rows rows, dpi_kvq_columns columns,
                       size_t thread) {
    float *scratch = dpi_workspace_scratch(run->workspace, thread);
    if (is_convolution(run)) {
        dpi_before_convolution(run->workspace, run->index, convolution_of(run), rows, scratch);
    } else {
        run_before_attention(run->workspace, run->index, run->stage, rows, columns, scratch);
    }
}

/* What a stage needs of all rows. */
static void run_before_all(const block_run *run, dpi_token_rows rows, size_t thread) {
    run_before(run, rows, is_for_class_tokens(run) ? DPI_KVQ_KEYS_AND_VALUES : DPI_KVQ_ALL, thread);
}

static void before_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    run_before_all(run, run->batch->row_blocks[index], thread);
}

static dpi_token_rows class_row_block(const dpi_batch *batch, size_t index) {
    return batch->row_blocks[batch->row_block_count + index];
}

static void class_before_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    run_before(run, class_row_block(run->batch, index), DPI_KVQ_ALL, thread);
}

/* ---- attention ---- */

/* Attention of a head over rows [k v q], of which the columns begin with those of its keys. */
static dpi_attention attention_over(const dpi_parameters *p, dpi_rows kvq, size_t tokens) {
    size_t head_size = p->width / p->heads;
    return (dpi_attention){
        .q = dpi_rows_from(kvq, 0, 2 * p->width),
        .k = kvq,
        .v = dpi_rows_from(kvq, 0, p->width),
        .queries = tokens,
        .tokens = tokens,
        .head_size = head_size,
        .scale = 1.0f / sqrtf((float)head_size),
    };
}

/* Of a head over image `image` in memory. */
static dpi_attention attention_of(const block_run *run, dpi_path path, size_t image, size_t head) {
    const dpi_workspace *workspace = run->workspace;
    const dpi_parameters *p = &workspace->model->parameters;
    dpi_rows kvq =
        dpi_rows_from(workspace->path[path].kvq, image * p->tokens, head * (p->width / p->heads));
    dpi_attention attention = attention_over(p, kvq, p->tokens);
    if (is_for_class_tokens(run)) {
        attention.queries = 1;
    }
    return attention;
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
    size_t queries = is_for_class_tokens(run) ? 1 : model->parameters.tokens;
    memset(sums, 0, queries * model->parameters.tokens * sizeof *sums);
    for (size_t head = 0; head < model->parameters.heads; head++) {
        dpi_attention attention = attention_of(run, path, image, head);
        attention.weight_sums = sums;
        dpi_attention_run(model->kernels, model->gemm_attention, &attention,
                          dpi_workspace_scratch(workspace, thread));
    }
}

/* All heads of the attention over the frames of a place: of its token of each frame. */
static void time_attention_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    const dpi_workspace *workspace = run->workspace;
    const dp_model *model = workspace->model;
    const dpi_parameters *p = &model->parameters;
    dpi_token_rows frames = {DPI_SPATIAL, index, p->frames, p->tokens};
    for (size_t head = 0; head < p->heads; head++) {
        dpi_rows kvq =
            dpi_path_kvq(&workspace->path[DPI_SPATIAL], frames, head * (p->width / p->heads));
        dpi_attention attention = attention_over(p, kvq, p->frames);
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

/* ---- rows after a stage ---- */

static void run_after_attention(const block_run *run, dpi_token_rows rows, float *scratch) {
    const dpi_workspace *workspace = run->workspace;
    const dpi_block *block = &workspace->model->block[run->index];
    dpi_part part = part_of(run->stage, rows.path);
    if (dpi_is_fused(workspace->model)) {
        dpi_fused_after_attention(workspace, &block->part[part], rows, scratch);
    } else {
        dpi_unfused_after_attention(workspace, &block->unfused, part, rows, scratch);
    }
}

static void run_mlp(const block_run *run, dpi_token_rows rows, float *scratch) {
    const dpi_workspace *workspace = run->workspace;
    const dpi_block *block = &workspace->model->block[run->index];
    dpi_part part = dpi_part_of_path(rows.path);
    if (dpi_is_fused(workspace->model)) {
        dpi_fused_mlp(workspace, &block->part[part], rows, scratch);
    } else {
        dpi_unfused_mlp(workspace, &block->unfused, part, rows, scratch);
    }
}

/* What a stage gives, and the MLP after the last one of the block. */
static void run_after(const block_run *run, dpi_token_rows rows, size_t thread) {
    float *scratch = dpi_workspace_scratch(run->workspace, thread);
    if (is_convolution(run)) {
        dpi_add_convolution(run->workspace, run->index, convolution_of(run), rows, scratch);
    } else {
        run_after_attention(run, rows, scratch);
    }
    if (dpi_stage_from(run->workspace->model, run->index, run->stage + 1) == DPI_STAGES) {
        run_mlp(run, rows, scratch);
    }
}

static void class_after_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    run_after(run, class_row_block(run->batch, index), thread);
}

/* The stage after this one, in its block or the next; false: there is none. */
static bool find_next_stage(const block_run *run, block_run *next) {
    const dp_model *model = run->workspace->model;
    *next = *run;
    next->stage = dpi_stage_from(model, run->index, run->stage + 1);
    if (next->stage == DPI_STAGES && ++next->index < run->batch->end_block) {
        next->stage = dpi_stage_from(model, next->index, 0);
    }
    return next->stage != DPI_STAGES;
}

/* Also starts the next stage while the rows are in the cache. */
static void after_task(void *context, size_t index, size_t thread) {
    const block_run *run = context;
    dpi_token_rows rows = run->batch->row_blocks[index];
    block_run next;
    run_after(run, rows, thread);
    if (find_next_stage(run, &next)) {
        run_before_all(&next, rows, thread);
    }
}

/* ---- a block ---- */

static void run_stage(block_run *run, dpi_team *team) {
    const dpi_batch *batch = run->batch;
    bool class_tokens = is_for_class_tokens(run);
    if (class_tokens) {
        dpi_team_run(team, class_before_task, run, batch->class_row_block_count);
    }
    if (run->stage == DPI_STAGE_ATTENTION) {
        run_attention(run, team);
    }
    if (DPI_HAS_METHOD(DP_METHOD_AIM) && run->stage == DPI_STAGE_TIME) {
        dpi_team_run(team, time_attention_task, run, run->workspace->model->parameters.tokens);
    }
    if (class_tokens) {
        dpi_team_run(team, class_after_task, run, batch->class_row_block_count);
    } else {
        dpi_team_run(team, after_task, run, batch->row_block_count);
    }
}

void dpi_run_block(const dpi_workspace *workspace, const dpi_batch *batch, dpi_team *team,
                   size_t index) {
    const dp_model *model = workspace->model;
    block_run run = {workspace, batch, index, dpi_stage_from(model, index, 0)};
    if (index == batch->first_block) {
        dpi_team_run(team, before_task, &run, batch->row_block_count);
    }
    while (run.stage != DPI_STAGES) {
        run_stage(&run, team);
        run.stage = dpi_stage_from(model, index, run.stage + 1);
    }
}
