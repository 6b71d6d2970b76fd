/*
 * Takes the images of a batch through their blocks.
 */
#include "api/api.h"
#include "os/clock.h"

dp_status dpi_run_batch(dp_session *session, const dpi_batch *batch, double from, double to,
                        dp_timings *timings) {
    size_t blocks = session->model->parameters.blocks;
    double since = dpi_clock_ms();
    dp_status status = DP_OK;
    if (batch->first_block == 0) {
        status = dpi_report_progress(session, "patches", from + 0.02 * (to - from));
        if (status != DP_OK) {
            return status;
        }
        dpi_embed_patches(&session->workspace, batch, session->team);
        timings->patches_ms += dpi_clock_restart(&since);
    }
    for (size_t i = batch->first_block; i < batch->end_block && status == DP_OK; i++) {
        double part = 0.05 + 0.95 * (double)i / (double)blocks;
        status = dpi_report_progress(session, "blocks", from + part * (to - from));
        if (status == DP_OK) {
            dpi_run_block(&session->workspace, batch, session->team, i);
        }
    }
    bool is_done = status == DP_OK && batch->end_block == blocks;
    if (is_done) {
        dpi_roll_out_attention(&session->workspace, batch);
    }
    timings->blocks_ms += dpi_clock_restart(&since);
    if (is_done) {
        dpi_keep_class_tokens(&session->workspace, batch);
    }
    timings->head_ms += dpi_clock_restart(&since);
    return status;
}
