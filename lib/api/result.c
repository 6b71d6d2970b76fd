/*
 * What a session answers: the sum over views, its average and softmax, and what is asked of it.
 */
#include "api/api.h"
#include "base/bytes.h"

#include <stddef.h>
#include <string.h>

dp_status dp_result_check(dp_session *session, dp_result *result) {
    if (session == NULL) {
        return dp_fail(dp_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    if (result == NULL) {
        return dp_fail(&session->message, DP_ERR_ARGUMENT, "the result is NULL");
    }
    dp_status status = dp_check_struct_size(&dp_result_type, result, &session->message);
    if (status == DP_OK) {
        dp_write_struct(&dp_result_type, dp_result_type.defaults, result);
    }
    return status;
}

/* ---- the sum over views ---- */

void dp_result_clear(dp_session *session) {
    const dp_parameters *p = &session->model->parameters;
    session->has_result = false;
    memset(session->logits, 0, p->classes * sizeof(float));
    for (size_t i = 0; i < DP_PATHS; i++) {
        memset(session->feature[i], 0, p->feature_size * sizeof(float));
    }
}

static void add_to(float *sum, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += values[i];
    }
}

void dp_result_add_view(dp_session *session) {
    const dp_parameters *p = &session->model->parameters;
    const dp_workspace *workspace = &session->workspace;
    add_to(session->logits, workspace->logits, p->classes);
    for (size_t i = 0; i < DP_PATHS; i++) {
        add_to(session->feature[i], workspace->path[i].feature, p->feature_size);
    }
}

static bool scale_all(float *values, size_t count, size_t views) {
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        values[i] /= (float)views;
        finite = finite && dp_bits_are_finite(dp_bits_of_float(values[i]));
    }
    return finite;
}

/* The average of the views, and its softmax. */
static dp_status average_views(dp_session *session) {
    const dp_parameters *p = &session->model->parameters;
    size_t views = session->view.views;
    bool finite = scale_all(session->logits, p->classes, views);
    for (size_t i = 0; i < DP_PATHS; i++) {
        finite = scale_all(session->feature[i], p->feature_size, views) && finite;
    }
    if (!finite) {
        return dp_fail(&session->message, DP_ERR_NUMERIC,
                       "the answer is not finite: the numbers of this model overflow");
    }
    if (p->classes > 0) {
        memcpy(session->probabilities, session->logits, p->classes * sizeof(float));
        session->model->kernels->softmax(session->probabilities, p->classes, 1.0f);
    }
    session->has_result = true;
    return DP_OK;
}

dp_status dp_result_finish(dp_session *session) {
    dp_status status = dp_go_on(session, "head", 1.0);
    return status == DP_OK ? average_views(session) : status;
}

void dp_result_write(const dp_session *session, dp_result *result) {
    const dp_parameters *p = &session->model->parameters;
    dp_result known = {
        .logits = p->classes > 0 ? session->logits : NULL,
        .probabilities = p->classes > 0 ? session->probabilities : NULL,
        .feature_temporal = session->feature[DP_TEMPORAL],
        .feature_spatial = session->feature[DP_SPATIAL],
        .classes = (int32_t)p->classes,
        .feature_size = (int32_t)p->feature_size,
        .macs = dp_count_macs(session->model) * (int64_t)session->view.views,
        .timings = session->view.timings,
    };
    dp_write_struct(&dp_result_type, &known, result);
}

/* ---- the likeliest classes ---- */

/* Whether class a stands before class b. */
static bool likelier(const float *logits, int32_t a, int32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

/* Puts a class at `place` of a heap of `count` whose first is the least likely, or below it. */
static void sink(const float *logits, dp_prediction *heap, int32_t count, int32_t place,
                 int32_t class_index) {
    for (int32_t child = 2 * place + 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && likelier(logits, heap[child].index, heap[child + 1].index)) {
            child++;
        }
        if (likelier(logits, heap[child].index, class_index)) {
            break;
        }
        heap[place].index = heap[child].index;
        place = child;
    }
    heap[place].index = class_index;
}

/* The `count` likeliest classes in order: they stay in a heap while all pass by, and leave it from
 * the least likely one on. */
static void select_top(const float *logits, int32_t classes, int32_t count, dp_prediction *top) {
    for (int32_t i = 0; i < count; i++) {
        top[i].index = i;
    }
    for (int32_t i = count / 2; i-- > 0;) {
        sink(logits, top, count, i, top[i].index);
    }
    for (int32_t i = count; i < classes; i++) {
        if (likelier(logits, i, top[0].index)) {
            sink(logits, top, count, 0, i);
        }
    }
    for (int32_t i = count; i-- > 1;) {
        int32_t last = top[i].index;
        top[i].index = top[0].index;
        sink(logits, top, i, 0, last);
    }
}

dp_status dp_session_top(dp_session *session, int32_t count, dp_prediction *predictions) {
    if (session == NULL) {
        return dp_fail(dp_thread_message(), DP_ERR_ARGUMENT, "the session is NULL");
    }
    int32_t classes = (int32_t)session->model->parameters.classes;
    if (classes == 0) {
        return dp_fail(&session->message, DP_ERR_NO_HEAD,
                       "this model answers features only: it has no classes");
    }
    if (predictions == NULL || count < 1 || count > classes) {
        return dp_fail(&session->message, DP_ERR_ARGUMENT,
                       "%d classes were asked for, expected 1 .. %d and a place for them",
                       (int)count, (int)classes);
    }
    if (!session->has_result) {
        return dp_fail(&session->message, DP_ERR_ARGUMENT, "this session has no result yet");
    }
    select_top(session->logits, classes, count, predictions);
    for (int32_t i = 0; i < count; i++) {
        int32_t index = predictions[i].index;
        predictions[i] = (dp_prediction){.index = index,
                                         .logit = session->logits[index],
                                         .probability = session->probabilities[index],
                                         .label = dp_model_label(session->model, index)};
    }
    return DP_OK;
}
