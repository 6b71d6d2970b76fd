#include "ways.hpp"

// ---- by the calls of C ----

std::int32_t classify_in_c(dp_session *session, const dp_frame *frames, std::size_t count) {
    dp_clip clip;
    dp_clip_default(&clip);
    clip.frames = frames;
    clip.frame_count = count;
    dp_result result;
    dp_result_default(&result);
    dp_status status = dp_classify_clip(session, &clip, &result);
    if (status != DP_OK) {
        report(status, dp_session_message(session));
        return -1;
    }
    dp_prediction top;
    status = dp_session_top(session, 1, &top);
    if (status != DP_OK) {
        report(status, dp_session_message(session));
        return -1;
    }
    return top.index;
}

std::int32_t open_and_classify_in_c(const char *path, const dp_frame *frame) {
    dp_model *model = nullptr;
    dp_status status = dp_model_open(path, nullptr, &model);
    if (status != DP_OK) {
        report(status, dp_last_message());
        return -1;
    }
    dp_session *session = nullptr;
    status = dp_session_create(model, nullptr, &session);
    if (status != DP_OK) {
        report(status, dp_last_message());
        dp_model_close(model);
        return -1;
    }
    const std::int32_t index = classify_in_c(session, frame, 1);
    dp_session_destroy(session);
    dp_model_close(model);
    return index;
}

float watch_in_c(dp_stream *stream, const dp_frame *frame) {
    dp_status status = dp_stream_push(stream, frame, 0);
    if (status != DP_OK) {
        report(status, dp_last_message());
        return -1;
    }
    dp_window window;
    dp_window_default(&window);
    status = dp_stream_next(stream, 0, &window);
    if (status != DP_OK) {
        report(status, dp_last_message());
        return -1;
    }
    float sum = 0;
    if (window.ready != 0) {
        for (std::int32_t i = 0; i < window.classes; i++) {
            sum += window.probabilities[i];
        }
    }
    return sum;
}

// ---- errors as values ----

namespace {

void report_error(const dualpath::Error &error) {
    report(error.status(), error.message());
}

} // namespace

std::int32_t classify_with_values(dualpath::Session &session, const dp_frame *frames,
                                  std::size_t count) {
    if (const auto result = session.classify_clip({frames, count}); !result) {
        report_error(result.error());
        return -1;
    }
    const auto top = session.top();
    if (!top) {
        report_error(top.error());
        return -1;
    }
    return (*top)[0].index;
}

std::int32_t open_and_classify_with_values(const char *path, const dp_frame *frame) {
    const auto model = dualpath::Model::open(path);
    if (!model) {
        report_error(model.error());
        return -1;
    }
    auto session = dualpath::Session::create(*model);
    if (!session) {
        report_error(session.error());
        return -1;
    }
    return classify_with_values(*session, frame, 1);
}

float watch_with_values(dualpath::Stream &stream, const dp_frame *frame) {
    if (const auto pushed = stream.push(*frame, 0); !pushed) {
        report_error(pushed.error());
        return -1;
    }
    const auto window = stream.next();
    if (!window) {
        report_error(window.error());
        return -1;
    }
    float sum = 0;
    for (const float probability : window->probabilities()) {
        sum += probability;
    }
    return sum;
}

// ---- errors as exceptions ----

#if defined(__cpp_exceptions)
std::int32_t classify_with_exceptions(dualpath::Session &session, const dp_frame *frames,
                                      std::size_t count) {
    session.classify_clip({frames, count}).value();
    return session.top().value()[0].index;
}

std::int32_t open_and_classify_with_exceptions(const char *path, const dp_frame *frame) {
    const auto model = dualpath::Model::open(path).value();
    auto session = dualpath::Session::create(model).value();
    return classify_with_exceptions(session, frame, 1);
}

float watch_with_exceptions(dualpath::Stream &stream, const dp_frame *frame) {
    stream.push(*frame, 0).value();
    float sum = 0;
    for (const float probability : stream.next().value().probabilities()) {
        sum += probability;
    }
    return sum;
}
#endif
