/*
 * Attention rollout: what the class token attends to through all blocks. With A the mean of the
 * attention weights over the heads of a block, and half of each token going by attention and half
 * by the residual, it is the class token's row of
 *
 *     (A_L + I) / 2 * ... * (A_2 + I) / 2 * (A_1 + I) / 2
 *
 * Only that row is computed, from the last block to the first.
 */
#include "vit/block.h"
#include "vit/vit.h"

#include <string.h>

/* next = (row A + row) / 2, where sums is A times the number of heads. Rows of tokens that have no
 * part in it are not read: after the last block only that of the class token is there. */
static void roll_out_block(const dpi_parameters *p, const float *sums, const float *row,
                           float *next) {
    for (size_t j = 0; j < p->tokens; j++) {
        next[j] = 0.5f * row[j];
    }
    for (size_t i = 0; i < p->tokens; i++) {
        float part = 0.5f * row[i] / (float)p->heads;
        for (size_t j = 0; j < p->tokens && part != 0.0f; j++) {
            next[j] += part * sums[i * p->tokens + j];
        }
    }
}

/* `image` in memory; `row` and the scratch memory hold a number for each token. */
static void roll_out_image(const dpi_workspace *workspace, dpi_path path, size_t image, float *row,
                           float *scratch) {
    const dpi_parameters *p = &workspace->model->parameters;
    memset(row, 0, p->tokens * sizeof *row);
    row[0] = 1.0f;
    for (size_t block = p->blocks; block-- > 0;) {
        roll_out_block(p, dpi_weight_sums(workspace, path, image, block), row, scratch);
        memcpy(row, scratch, p->tokens * sizeof *row);
    }
}

void dpi_roll_out_attention(const dpi_workspace *workspace, const dpi_batch *batch) {
    const dpi_parameters *p = &workspace->model->parameters;
    for (int path = 0; path < DPI_PATHS && dpi_kept_attention(workspace) == DP_ATTENTION_ROLLOUT;
         path++) {
        for (size_t i = 0; i < batch->images[path]; i++) {
            float *row = workspace->path[path].attention + (batch->first[path] + i) * p->tokens;
            roll_out_image(workspace, (dpi_path)path, i, row, dpi_workspace_scratch(workspace, 0));
        }
    }
}
