/*
 * What the class tokens of the last clip attended to.
 */
#include "api/api.h"

static dp_status check_attention(dp_session *session, int32_t path) {
    if (path != DP_PATH_SPATIAL && path != DP_PATH_TEMPORAL) {
        return dpi_fail(&session->message, DP_ERR_ARGUMENT, "%d is no dp_path", (int)path);
    }
    if (path == DP_PATH_TEMPORAL && !dpi_has_two_paths(&session->model->parameters)) {
        return dpi_fail(&session->message, DP_ERR_ARGUMENT,
                        "this model has no temporal path: its method is \"%s\"",
                        dp_method_name((int32_t)session->model->parameters.method));
    }
    if (dpi_kept_attention(&session->workspace) == DP_ATTENTION_NONE) {
        return dpi_fail(&session->message, DP_ERR_ARGUMENT,
                        "this session keeps no attention: set dp_session_options.attention");
    }
    if (!session->has_attention) {
        return dpi_fail(&session->message, DP_ERR_ARGUMENT,
                        "this session has no attention: its last call did not answer for a clip");
    }
    return DP_OK;
}

dp_status dp_session_attention(dp_session *session, int32_t path, dp_attention *attention) {
    if (session == NULL) {
        return dpi_fail(dpi_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    if (attention == NULL) {
        return dpi_fail(&session->message, DP_ERR_ARGUMENT, "the attention is NULL");
    }
    const dpi_parameters *p = &session->model->parameters;
    *attention = (dp_attention){0};
    dp_status status = check_attention(session, path);
    if (status == DP_OK) {
        dpi_path of = path == DP_PATH_SPATIAL ? DPI_SPATIAL : DPI_TEMPORAL;
        *attention = (dp_attention){
            .weights = session->workspace.path[of].attention,
            .images = (int32_t)dpi_path_images(p, of),
            .heads = (int32_t)dpi_attention_heads(&session->workspace),
            .tokens = (int32_t)p->tokens,
            .side = (int32_t)p->patches_a_side,
        };
    }
    return status;
}
