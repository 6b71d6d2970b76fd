// dualpath.hpp on a golden model: the answers of the C calls, errors in both forms, who owns what.
// The same file with and without exceptions: test_cpp FOLDER, which is for files that it writes.
#include <dualpath.hpp>

#include "check.hpp"

#include <fstream>
#include <string>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace {

using dualpath::Events;
using dualpath::Expected;
using dualpath::Model;
using dualpath::Pool;
using dualpath::Result;
using dualpath::Session;
using dualpath::Span;
using dualpath::Stream;
using dualpath::Window;

constexpr std::int32_t side = 16;
constexpr std::size_t frame_size = std::size_t(side) * side * 3;
constexpr std::size_t frame_count = 16; // a view of the model
const std::string golden = "tests/golden/released.gguf";

// What an Expected holds, which must not be an error.
template <class T> T held(Expected<T> expected) {
    if (!expected) {
        std::fprintf(stderr, "%s\n", expected.error().message());
    }
    CHECK(expected);
    return std::move(*expected);
}

void must(const Expected<void> &done) {
    CHECK(done);
}

bool mentions(const dualpath::Error &error, const char *text) {
    return std::string(error.message()).find(text) != std::string::npos;
}

bool same(Span<const float> a, Span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<std::uint8_t> some_pixels(std::size_t count = frame_count) {
    std::vector<std::uint8_t> pixels(count * frame_size);
    std::uint32_t state = 1;
    for (std::uint8_t &pixel : pixels) {
        state = state * 1664525u + 1013904223u;
        pixel = static_cast<std::uint8_t>(state >> 24);
    }
    return pixels;
}

std::vector<std::uint8_t> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    CHECK(file);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Models and a clip for one test after another.
struct Fixture {
    std::string folder;
    Model model = held(Model::open(golden));
    Session session = held(Session::create(model));
    std::vector<std::uint8_t> pixels = some_pixels();
    std::vector<dp_frame> frames = dualpath::packed_frames(pixels, DP_FORMAT_RGB24, side, side);

    dualpath::Clip given() const {
        dualpath::Clip clip(frames);
        clip.sampling = DP_SAMPLING_GIVEN;
        return clip;
    }
    std::vector<float> logits() {
        const Result result = held(session.classify_clip(given()));
        return {result.logits().begin(), result.logits().end()};
    }
};

// The same clip by the calls of C.
std::vector<float> logits_of_c(const Fixture &its) {
    dp_model *model = nullptr;
    dp_session *session = nullptr;
    CHECK(dp_model_open(golden.c_str(), nullptr, &model) == DP_OK);
    CHECK(dp_session_create(model, nullptr, &session) == DP_OK);
    dp_clip clip;
    dp_clip_default(&clip);
    clip.frames = its.frames.data();
    clip.frame_count = its.frames.size();
    clip.sampling = DP_SAMPLING_GIVEN;
    dp_result result;
    dp_result_default(&result);
    CHECK(dp_classify_clip(session, &clip, &result) == DP_OK);
    std::vector<float> logits(result.logits, result.logits + result.classes);
    dp_session_destroy(session);
    dp_model_close(model);
    return logits;
}

// ---- answers ----

void answers_are_those_of_c(Fixture &its) {
    const Result result = held(its.session.classify_clip(its.given()));
    CHECK(same(result.logits(), logits_of_c(its)));
    CHECK(result.probabilities().size() == result.logits().size());
    CHECK(result.feature_spatial().size() == std::size_t(result.get().feature_size));
    CHECK(result.feature_temporal().size() == std::size_t(result.get().feature_size));
    CHECK(result.get().macs > 0);

    const auto top = held(its.session.top<3>());
    std::vector<dp_prediction> same_top(3);
    must(its.session.top(same_top));
    for (std::size_t i = 0; i < top.size(); i++) {
        const std::size_t index = std::size_t(top[i].index);
        CHECK(top[i].index == same_top[i].index);
        CHECK(top[i].probability <= top[i == 0 ? 0 : i - 1].probability);
        CHECK(result.logits()[index] <= top[0].logit);
        CHECK(std::string(top[i].label) == its.model.label(top[i].index));
    }
    CHECK(held(its.session.top())[0].index == top[0].index);
    CHECK(its.model.label(1000) == nullptr);
}

void results_without_a_head_are_empty(Fixture &its) {
    const Model model = held(Model::open("tests/golden/features-bf16.gguf"));
    Session session = held(Session::create(model));
    const Result result = held(session.classify_clip(its.frames));
    CHECK(result.logits().empty() && result.probabilities().empty());
    CHECK(!result.feature_spatial().empty());
    CHECK(session.top().error().status() == DP_ERR_NO_HEAD);

    const Model aim = held(Model::open("tests/golden/family/aim_two.gguf"));
    Session one_path = held(Session::create(aim));
    const Result only = held(one_path.classify_clip(its.frames));
    CHECK(only.feature_temporal().empty() && !only.feature_spatial().empty());
}

void clips_come_frame_by_frame(Fixture &its) {
    const std::vector<float> logits = its.logits();
    must(its.session.begin_clip());
    for (const dp_frame &frame : its.frames) {
        must(its.session.push_frame(frame));
    }
    CHECK(same(held(its.session.finish_clip()).logits(), logits));
}

void models_tell_what_they_are(Fixture &its) {
    const dualpath::ModelInfo info = held(its.model.get_info());
    CHECK(info.classes == 3 && info.frames == std::int32_t(frame_count));
    std::size_t indices[4] = {9, 9, 9, 9};
    must(its.model.sample_view(its.given(), 0, indices));
    CHECK(indices[0] == 0 && indices[3] == 3);
    CHECK(!its.model.sample_view(its.given(), 0, {}));
    CHECK(held(Session::size(its.model)) > 0 && held(Stream::size(its.model)) > 0);
    CHECK(held(Events::size(info.classes)) > 0);
    CHECK(its.session.threads() > 0);

    const dualpath::Preprocessed seen = held(its.session.preprocess_view(its.given(), 0, 0));
    CHECK(seen.spatial != nullptr && seen.temporal != nullptr);
    dualpath::SessionOptions options;
    options.attention = DP_ATTENTION_LAST;
    Session attending = held(Session::create(its.model, &options));
    must(attending.classify_clip(its.frames));
    CHECK(held(attending.attention(DP_PATH_SPATIAL)).images == info.spatial_frames);
    CHECK(its.session.attention(DP_PATH_SPATIAL).error().status() == DP_ERR_ARGUMENT);
#if defined(DP_EXPERIMENTAL)
    CHECK(held(its.session.peak(1)) > 0);
#endif
}

// ---- errors ----

void errors_are_values(Fixture &its) {
    const auto missing = Model::open("missing.gguf");
    CHECK(!missing && missing.error().status() == DP_ERR_IO);
    CHECK(std::string(missing.error().message()) == dp_last_message());
    CHECK(mentions(missing.error(), "missing.gguf") && !*missing);

    // A sentence outlives the session that it was about, and later ones.
    const dualpath::Error error = [&] {
        Session session = held(Session::create(its.model));
        const auto refused = session.classify_clip(Span<const dp_frame>());
        must(session.classify_clip(its.frames));
        return refused.error();
    }();
    CHECK(error.status() == DP_ERR_ARGUMENT && mentions(error, "no frames"));

    const Expected<void> fine = its.session.classify_clip(its.frames);
    CHECK(fine && fine.error().status() == DP_OK && fine.error().message()[0] == '\0');
}

// Each call, on a handle that is empty or with something that is wrong: no crash.
void empty_handles_are_refused(Fixture &its) {
    Model model;
    Session session;
    Stream stream;
    Events events;
    Window window;
    dp_prediction predictions[1];
    dp_event event;
    const dp_frame &frame = its.frames[0];
    const Expected<void> refused[] = {
        model.open_task("tests/golden/released.gguf"),
        model.open_task_memory(its.pixels),
        model.compile(its.folder + "/empty.gguf"),
        model.compile_watched(its.folder + "/empty.gguf", [](const char *, double) { return 0; }),
        model.compile_memory({}),
        model.get_info(),
        model.sample_view(its.given(), 0, {}),
        Session::create(model),
        Session::size(model),
        session.classify_clip(its.frames),
        session.top(),
        session.top(predictions),
        session.preprocess_view(its.given(), 0, 0),
        session.attention(DP_PATH_SPATIAL),
        session.begin_clip(),
        session.push_frame(frame),
        session.finish_clip(),
        Stream::create(session),
        Stream::size(model),
        stream.push(frame, 0),
        stream.finish(),
        stream.reset(),
        stream.next(),
        stream.top(),
        stream.top(predictions),
        Events::create(0),
        Events::size(0),
        events.ignore(0),
        events.push(0, 1, nullptr),
        events.finish(),
        events.reset(),
    };
    for (const Expected<void> &one : refused) {
        CHECK(one.error().status() == DP_ERR_ARGUMENT);
    }
    CHECK(model.label(0) == nullptr && session.threads() == 0 && Pool().threads() == 0);
    CHECK(!window.ready() && window.frames().empty());
    CHECK(!events.next(event) && !events.open(0, event));
}

#if defined(__cpp_exceptions)
template <class Call> dp_status status_of(Call call) {
    try {
        call();
    } catch (const dualpath::Exception &exception) {
        CHECK(exception.what()[0] != '\0');
        return exception.status();
    }
    return DP_OK;
}

void errors_are_exceptions(Fixture &its) {
    CHECK(status_of([] { Model::open("missing.gguf").value(); }) == DP_ERR_IO);
    CHECK(status_of([&] { its.session.classify_clip(Span<const dp_frame>()).value(); }) ==
          DP_ERR_ARGUMENT);
    CHECK(status_of([&] { its.session.push_frame(its.frames[0]).value(); }) == DP_ERR_ARGUMENT);
    CHECK(status_of([&] { its.session.classify_clip(its.frames).value(); }) == DP_OK);
    const auto missing = Model::open("missing.gguf");
    CHECK(status_of([&] { static_cast<void>(missing.value()); }) == DP_ERR_IO);
    try {
        Model::open("missing.gguf").value();
    } catch (const std::runtime_error &error) {
        CHECK(std::string(error.what()) == missing.error().message());
    }
    Model model = Model::open(golden).value();
    Expected<Model> kept = Model::open(golden);
    model = std::move(kept.value());
    std::size_t classes = 0;
    for (const dp_prediction &prediction : its.session.top<3>().value()) {
        classes += prediction.label != nullptr ? 1 : 0;
    }
    CHECK(classes == 3);
}
#endif

// ---- who owns what ----

template <class Handle> constexpr bool is_a_pointer() {
    return sizeof(Handle) == sizeof(void *) && std::is_nothrow_move_constructible_v<Handle> &&
           std::is_nothrow_move_assignable_v<Handle> && !std::is_copy_constructible_v<Handle> &&
           !std::is_copy_assignable_v<Handle>;
}
static_assert(is_a_pointer<Model>() && is_a_pointer<Session>() && is_a_pointer<Pool>());
static_assert(is_a_pointer<Stream>() && is_a_pointer<Events>());
static_assert(sizeof(Result) == sizeof(dp_result) && sizeof(Window) == sizeof(dp_window));

// What is left open or used when it is gone is found by the address sanitizer.
void handles_move(Fixture &its) {
    Model model = held(Model::open(golden));
    const dp_model *at = model.get();
    Model moved = std::move(model);
    CHECK(moved.get() == at && moved && !model); // NOLINT(bugprone-use-after-move)
    model = std::move(moved);
    model = held(Model::open(golden));
    Session session = held(Session::create(model));
    model = Model(); // the session holds on to it
    must(session.classify_clip(its.frames));
    dp_session *released = session.release();
    CHECK(released != nullptr && !session);
    Session again(released);
    must(again.classify_clip(its.frames));
}

void spans_are_of_many_kinds() {
    int array[3] = {1, 2, 3};
    std::array<int, 3> standard = {1, 2, 3};
    std::vector<int> vector = {1, 2, 3};
    const std::vector<int> constant = vector;
    const Span<int> of_array = array;
    const Span<const int> of_standard = standard, of_vector = vector, of_constant = constant;
    CHECK(of_array.size() == 3 && of_array.data() == array && of_array[2] == 3);
    CHECK(of_standard.data() == standard.data() && of_vector.end() - of_vector.begin() == 3);
    CHECK(of_constant.data() == constant.data() && Span<const int>(of_array).data() == array);
    static_assert(!std::is_convertible_v<const std::vector<int> &, Span<int>>);
    static_assert(!std::is_convertible_v<std::vector<short> &, Span<int>>);
#if __cplusplus >= 202002L
    const Span<const int> of_span = std::span<int>(array);
    CHECK(of_span.data() == array && of_span.size() == 3);
    CHECK(std::span<const int>(of_vector.data(), of_vector.size()).size() == 3);
#endif
}

// ---- frames ----

void packed_frames_are_those_of_the_pixels(Fixture &its) {
    CHECK(its.frames.size() == frame_count);
    CHECK(its.frames[3].plane[0] == its.pixels.data() + 3 * frame_size);
    its.pixels.pop_back();
    CHECK(dualpath::packed_frames(its.pixels, DP_FORMAT_RGB24, side, side).size() ==
          frame_count - 1);
    its.pixels = some_pixels();
    const dp_frame nv12 =
        dualpath::packed_frame(its.pixels, DP_FORMAT_NV12, side, side, DP_COLOR_BT709_FULL);
    CHECK(nv12.plane[1] == its.pixels.data() + side * side && nv12.color == DP_COLOR_BT709_FULL);
    its.frames = dualpath::packed_frames(its.pixels, DP_FORMAT_RGB24, side, side);
}

void frames_that_are_none_are_refused(Fixture &its) {
    const dp_frame few =
        dualpath::packed_frame({its.pixels.data(), frame_size - 1}, DP_FORMAT_RGB24, side, side);
    CHECK(its.session.classify_clip({&few, 1}).error().status() == DP_ERR_FRAME);
    for (const auto &wrong : {dualpath::packed_frames(its.pixels, 99, side, side),
                              dualpath::packed_frames(its.pixels, DP_FORMAT_RGB24, 0, side),
                              dualpath::packed_frames({}, DP_FORMAT_RGB24, -1, side)}) {
        CHECK(its.session.classify_clip(wrong).error().status() == DP_ERR_FRAME);
    }
    CHECK(dualpath::packed_frames({}, DP_FORMAT_RGB24, side, side).empty());
}

// ---- callables ----

void callables_are_callbacks(Fixture &its) {
    int calls = 0;
    auto cancel = [&](const char *, double fraction) {
        calls++;
        CHECK(fraction >= 0 && fraction <= 1);
        return 1;
    };
    dualpath::SessionOptions options;
    dualpath::set_progress(options, cancel);
    Session session = held(Session::create(its.model, &options));
    CHECK(session.classify_clip(its.frames).error().status() == DP_ERR_CANCELLED && calls == 1);

    std::string said;
    const auto log = [&](dp_log_level, const char *message) { said += message; };
    dualpath::ModelOptions heard;
    dualpath::set_log(heard, log);
    heard.log(heard.log_user, DP_LOG_INFO, "a sentence");
    CHECK(said == "a sentence");

    const std::vector<float> logits = its.logits();
    auto run = [](auto body) {
        for (std::int32_t worker = 0; worker < 2; worker++) {
            body(worker);
        }
    };
    const dp_scheduler scheduler = dualpath::scheduler_of(run, 2);
    dualpath::SessionOptions scheduled;
    scheduled.scheduler = &scheduler;
    Session hosted = held(Session::create(its.model, &scheduled));
    CHECK(hosted.threads() == 2);
    CHECK(same(held(hosted.classify_clip(its.given())).logits(), logits));

    dualpath::PoolOptions two;
    two.threads = 2;
    const Pool pool = held(Pool::create(&two));
    dualpath::SessionOptions pooled;
    pooled.pool = pool.get();
    Session shared = held(Session::create(its.model, &pooled));
    CHECK(pool.threads() == 2 && shared.threads() == 2);
    CHECK(same(held(shared.classify_clip(its.given())).logits(), logits));
}

// A reader of bytes in memory.
auto reading(const std::vector<std::uint8_t> &bytes) {
    return [&bytes](std::uint64_t offset, Span<std::uint8_t> buffer) {
        const std::size_t at = static_cast<std::size_t>(offset);
        const std::size_t left = at < bytes.size() ? bytes.size() - at : 0;
        const std::size_t count = left < buffer.size() ? left : buffer.size();
        std::memcpy(buffer.data(), bytes.data() + at, count);
        return static_cast<std::int64_t>(count);
    };
}

void models_come_from_everywhere(Fixture &its) {
    const std::vector<std::uint8_t> bytes = read_file(golden);
    auto read = reading(bytes);
    const std::vector<float> logits = its.logits();
    for (const Model &model :
         {held(Model::open_memory(bytes)), held(Model::open_reader(dualpath::reader_of(read)))}) {
        Session session = held(Session::create(model));
        CHECK(same(held(session.classify_clip(its.given())).logits(), logits));
    }
    must(Model::verify(golden));
    must(Model::verify_memory(bytes));
    must(Model::verify_reader(dualpath::reader_of(read)));
    CHECK(Model::verify("missing.gguf").error().status() == DP_ERR_IO);
}

void models_are_compiled_to_everywhere(Fixture &its) {
    std::vector<std::uint8_t> in_memory(held(its.model.compile_memory({})));
    CHECK(held(its.model.compile_memory(in_memory)) == in_memory.size());
    std::vector<std::uint8_t> written;
    auto write = [&](Span<const std::uint8_t> bytes) {
        written.insert(written.end(), bytes.begin(), bytes.end());
        return static_cast<std::int64_t>(bytes.size());
    };
    must(its.model.compile_writer(dualpath::writer_of(write)));
    CHECK(written == in_memory);
    const std::string path = its.folder + "/compiled.gguf";
    must(its.model.compile(path));
    CHECK(read_file(path) == in_memory);
    int calls = 0;
    must(its.model.compile_watched(path, [&](const char *, double) { return 0 * ++calls; }));
    CHECK(calls > 0);
    CHECK(
        its.model.compile_watched(path, [](const char *, double) { return 1; }).error().status() ==
        DP_ERR_CANCELLED);
    const Model compiled = held(Model::open(path));
    CHECK(held(compiled.get_info()).compiled == 1);
}

void tasks_are_on_backbones() {
    const std::string task = "examples/models/camera-motion.gguf";
    const std::vector<std::uint8_t> bytes = read_file(task);
    auto read = reading(bytes);
    dualpath::ModelOptions options;
    options.as_backbone = 1;
    Model backbone = held(Model::open("examples/models/backbone.gguf", &options));
    for (const Model &model :
         {held(backbone.open_task(task)), held(backbone.open_task_memory(bytes)),
          held(backbone.open_task_reader(dualpath::reader_of(read)))}) {
        CHECK(held(model.get_info()).shared_bytes > 0);
    }
    CHECK(Model::open(task).error().status() == DP_ERR_BACKBONE);
}

// ---- streams and events ----

void windows_are_clips(Fixture &its) {
    const std::vector<float> logits = its.logits();
    dualpath::StreamOptions options;
    options.rate = 1;
    options.queue = std::int32_t(frame_count);
    Stream stream = held(Stream::create(its.session, &options));
    CHECK(!held(stream.next()).ready());
    for (std::size_t i = 0; i < frame_count; i++) {
        must(stream.push(its.frames[i], 1000 * std::int64_t(i)));
    }
    must(stream.finish());
    const Window window = held(stream.next());
    CHECK(window.ready() && same(window.logits(), logits));
    CHECK(window.frames().size() == frame_count && window.frames()[15] == 15);
    CHECK(window.times_us()[15] == 15000 && window.probabilities().size() == 3);
    CHECK(held(stream.top())[0].logit == held(stream.top<3>())[0].logit);

    dualpath::EventsOptions sensitive;
    sensitive.begin_at = 0.01;
    Events events = held(Events::create(3, &sensitive));
    must(events.ignore(1));
    must(events.push_window(window));
    dp_event event;
    CHECK(!events.next(event) && events.open(0, event) && !events.open(1, event));
    must(events.finish());
    CHECK(events.next(event) && event.start_us == 0 && event.end_us == 15000);
    must(events.reset());
    must(events.push(0, 1, window.probabilities().data()));
    must(stream.reset());
    CHECK(!held(stream.next()).ready());
    CHECK(stream.push(dp_frame(), 0).error().status() == DP_ERR_FRAME);
}

} // namespace

int main(int argc, char **argv) {
    CHECK(argc == 2);
    Fixture its = {};
    its.folder = argv[1];
    answers_are_those_of_c(its);
    results_without_a_head_are_empty(its);
    clips_come_frame_by_frame(its);
    models_tell_what_they_are(its);
    errors_are_values(its);
    empty_handles_are_refused(its);
#if defined(__cpp_exceptions)
    errors_are_exceptions(its);
#endif
    handles_move(its);
    spans_are_of_many_kinds();
    packed_frames_are_those_of_the_pixels(its);
    frames_that_are_none_are_refused(its);
    callables_are_callbacks(its);
    models_come_from_everywhere(its);
    models_are_compiled_to_everywhere(its);
    tasks_are_on_backbones();
    windows_are_clips(its);
    return 0;
}
