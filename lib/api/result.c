/*
 * The result of a session, as it is given to the caller.
 */
#include "api/api.h"

dp_status dpi_result_check(dp_session *session, dp_result *result) {
    if (session == NULL) {
        return dpi_fail(dpi_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    if (result == NULL) {
        return dpi_fail(&session->message, DP_ERR_ARGUMENT, "the result is NULL");
    }
    dp_status status = dpi_check_struct_size(&dpi_result_type, result, &session->message);
    if (status == DP_OK) {
        dpi_write_struct(&dpi_result_type, dpi_result_type.defaults, result);
    }
    return status;
}

void dpi_result_clear(dp_session *session) {
    session->has_result = false;
    dpi_answer_clear(&session->answer, &session->model->parameters);
}

dp_status dpi_result_complete(dp_session *session) {
    dp_status status = dpi_report_progress(session, "head", 1.0);
    if (status != DP_OK) {
        return status;
    }
    if (!dpi_answer_average(&session->answer, session->model, session->view.views)) {
        return dpi_fail(&session->message, DP_ERR_NUMERIC,
                        "the answer is not finite: the numbers of this model overflow");
    }
    session->has_result = session->has_attention = true;
    return DP_OK;
}

void dpi_result_write(const dp_session *session, dp_result *result) {
    const dpi_parameters *p = &session->model->parameters;
    const dpi_answer *answer = &session->answer;
    dp_result known = {
        .logits = p->classes > 0 ? answer->logits : NULL,
        .probabilities = p->classes > 0 ? answer->probabilities : NULL,
        .feature_temporal = answer->feature[DPI_TEMPORAL],
        .feature_spatial = answer->feature[DPI_SPATIAL],
        .classes = (int32_t)p->classes,
        .feature_size = (int32_t)p->feature_size,
        .macs = dpi_view_macs(session->model) * (int64_t)session->view.views,
        .timings = session->view.timings,
    };
    dpi_write_struct(&dpi_result_type, &known, result);
}

dp_status dpi_answer_top(const dpi_answer *answer, const dp_model *model, const char *whose,
                         int32_t count, dp_prediction *predictions, dpi_message *message) {
    int32_t classes = (int32_t)model->parameters.classes;
    if (classes == 0) {
        return dpi_fail(message, DP_ERR_NO_HEAD,
                        "this model answers features only: it has no classes");
    }
    if (predictions == NULL || count < 1 || count > classes) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "%d classes were asked for, expected 1 .. %d and a place for them",
                        (int)count, (int)classes);
    }
    if (answer == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "this %s has no result yet", whose);
    }
    dpi_select_top(answer->logits, classes, count, predictions);
    for (int32_t i = 0; i < count; i++) {
        int32_t index = predictions[i].index;
        predictions[i] = (dp_prediction){.index = index,
                                         .logit = answer->logits[index],
                                         .probability = answer->probabilities[index],
                                         .label = dp_model_label(model, index)};
    }
    return DP_OK;
}

dp_status dp_session_top(dp_session *session, int32_t count, dp_prediction *predictions) {
    if (session == NULL) {
        return dpi_fail(dpi_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    return dpi_answer_top(session->has_result ? &session->answer : NULL, session->model, "session",
                          count, predictions, &session->message);
}
