/*
 * Progress of a clip for the caller, who may cancel it.
 */
#include "api/api.h"

dp_status dpi_report_progress(dp_session *session, const char *stage, double fraction) {
    if (session->progress == NULL ||
        session->progress(session->progress_user, stage, fraction) == 0) {
        return DP_OK;
    }
    return dpi_fail(&session->message, DP_ERR_CANCELLED, "cancelled at stage \"%s\", %d %% done",
                    stage, (int)(100.0 * fraction + 0.5));
}
