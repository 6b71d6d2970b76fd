/*
 * Takes the images of a batch from their pixels to their class tokens.
 */
#include "api/api.h"
#include "os/clock.h"

dp_status dpi_run_batch(dp_session *session, const dpi_batch *batch, double from, double to,
                        dp_timings *timings) {
    size_t blocks = session->model->parameters.blocks;
    double since = dpi_clock_ms();
    dp_status status = dpi_report_progress(session, "patches", from + 0.02 * (to - from));
    if (status != DP_OK) {
        return status;
    }
    dpi_embed_patches(&session->workspace, batch, session->team);
    timings->patches_ms += dpi_clock_restart(&since);
    for (size_t i = 0; i < blocks && status == DP_OK; i++) {
        double part = 0.05 + 0.95 * (double)i / (double)blocks;
        status = dpi_report_progress(session, "blocks", from + part * (to - from));
        if (status == DP_OK) {
            dpi_run_block(&session->workspace, batch, session->team, i);
        }
    }
    if (status == DP_OK) {
        dpi_roll_out_attention(&session->workspace, batch);
    }
    timings->blocks_ms += dpi_clock_restart(&since);
    if (status == DP_OK) {
        dpi_keep_class_tokens(&session->workspace, batch);
    }
    timings->head_ms += dpi_clock_restart(&since);
    return status;
}
