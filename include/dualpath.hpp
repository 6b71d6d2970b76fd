// dualpath.hpp - libdualpath from C++17 and later: dualpath.h with handles that close themselves,
// spans of the caller's memory, and errors as values or as exceptions. Nothing is to be linked but
// the C library:
//
//     const auto model = dualpath::Model::open("model.gguf").value();
//     auto session = dualpath::Session::create(model).value();
//     const auto frames = dualpath::packed_frames(pixels, DP_FORMAT_RGB24, width, height);
//     session.classify_clip(frames).value();
//     for (const dp_prediction &p : session.top<3>().value()) {
//         std::printf("%s %.1f %%\n", p.label, 100.0 * double(p.probability));
//     }
//
// Rules that hold for all of it:
// - dp_OBJECT_VERB() is Object::verb(), with the contract of dualpath.h: shapes, units, threads and
//   lifetimes are written there. Structs and numbers of options are those of C.
// - A call that can fail returns an Expected: ask it, and take what it holds by * and ->, or call
//   value(), which throws an Exception. Without exceptions (-fno-exceptions) there is no value().
// - Nothing else throws, and nothing allocates but where its comment says so. Optimised, a call
//   costs at most three instructions more than that of C (tests/cpp/cost.cpp). Few functions are
//   noexcept: compilers inline others better.
// - Handles can be moved, not copied. One that is empty, made by default or moved from, is NULL to
//   the C call.
// - A Span, and a Result or a Window, which are made of them, own nothing.
// Since 0.2.0.
#ifndef DUALPATH_HPP
#define DUALPATH_HPP

#include "dualpath.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__cpp_exceptions)
#include <stdexcept>
#endif

// Failures are rare: what they need stays out of the way of what succeeds.
#if defined(__GNUC__)
#define DUALPATH_COLD __attribute__((cold, noinline))
#elif defined(_MSC_VER)
#define DUALPATH_COLD __declspec(noinline)
#else
#define DUALPATH_COLD
#endif

namespace dualpath {

// ------------------------------------------------------------------------------------------
// Memory of the caller's

// `size` values in a row, which somebody else owns: std::span of C++20, which converts to it, as
// arrays, std::array and std::vector do.
template <class T> class Span {
    template <class Container>
    using Element = std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))>;
    template <class Container>
    using IfContainer = std::enable_if_t<
        std::is_convertible_v<Element<Container> (*)[], T (*)[]> &&
        !std::is_same_v<std::remove_cv_t<std::remove_reference_t<Container>>, Span>>;

  public:
    constexpr Span() noexcept = default;
    constexpr Span(T *data, std::size_t size) noexcept : data_(data), size_(size) {
    }
    template <class Container, class = IfContainer<Container>>
    constexpr Span(Container &&container) noexcept
        : data_(std::data(container)), size_(std::size(container)) {
    }

    constexpr T *data() const noexcept {
        return data_;
    }
    constexpr std::size_t size() const noexcept {
        return size_;
    }
    constexpr bool empty() const noexcept {
        return size_ == 0;
    }
    constexpr T *begin() const noexcept {
        return data_;
    }
    constexpr T *end() const noexcept {
        return data_ + size_;
    }
    constexpr T &operator[](std::size_t index) const noexcept {
        return data_[index];
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

// The text of a parameter, ended by 0: a literal, a std::string, or a path whose letters are char.
class Text {
  public:
    Text(const char *text) noexcept : text_(text) {
    }
    template <class String, class = std::enable_if_t<std::is_same_v<
                                decltype(std::declval<const String &>().c_str()), const char *>>>
    Text(const String &text) noexcept : text_(text.c_str()) {
    }

    const char *get() const noexcept {
        return text_;
    }

  private:
    const char *text_;
};

// ------------------------------------------------------------------------------------------
// Errors

// What went wrong. Its sentence is there until the next call fails in this thread; whoever keeps an
// error for longer keeps a std::string of it, as an Exception does.
class Error {
  public:
    Error() noexcept = default;
    Error(dp_status status, const char *message) noexcept : status_(status), message_(message) {
    }

    // DP_OK: nothing did.
    dp_status status() const noexcept {
        return status_;
    }
    const char *message() const noexcept {
        return message_;
    }

  private:
    dp_status status_ = DP_OK;
    const char *message_ = "";
};

// The sentence of a session's failed call, kept for as long as that of any other.
DUALPATH_COLD inline const char *kept_message(const dp_session *session) {
    static thread_local char kept[512];
    std::strncpy(kept, dp_session_message(session), sizeof kept - 1);
    return kept;
}

#if defined(__cpp_exceptions)
// An Error on its way: what() is its sentence.
class Exception : public std::runtime_error {
  public:
    explicit Exception(const Error &error)
        : std::runtime_error(error.message()), status_(error.status()) {
    }

    dp_status status() const noexcept {
        return status_;
    }

  private:
    dp_status status_;
};

[[noreturn]] DUALPATH_COLD inline void throw_error(const Error &error) {
    throw Exception(error);
}
#endif

// What a call returns that can fail: a value, or an error.
template <class T> class Expected;

template <> class [[nodiscard]] Expected<void> {
  public:
    Expected() noexcept : status_(DP_OK) {
    }
    Expected(const Error &error) noexcept : status_(error.status()), message_(error.message()) {
    }

    explicit operator bool() const noexcept {
        return status_ == DP_OK;
    }
    Error error() const noexcept {
        return {status_, status_ != DP_OK ? message_ : ""};
    }
#if defined(__cpp_exceptions)
    void value() const {
        if (status_ != DP_OK) {
            throw_error(error());
        }
    }
#endif

    // Takes what a call of dualpath.h returned; its sentence is that of the session, or without
    // one dp_last_message(). The status is stored once more behind calls, over which compilers do
    // not remember what it was.
    void take(dp_status status) {
        status_ = status;
        if (status != DP_OK) {
            message_ = dp_last_message();
            status_ = status;
        }
    }
    void take(dp_status status, const dp_session *session) {
        status_ = status;
        if (status != DP_OK) {
            message_ = kept_message(session);
            status_ = status;
        }
    }

  private:
    dp_status status_;
    const char *message_; // only where there is an error
};

// T is made by default first, and says nothing where there is an error.
template <class T> class [[nodiscard]] Expected : public Expected<void> {
  public:
    Expected() noexcept(std::is_nothrow_default_constructible_v<T>) = default;
    Expected(T value) noexcept(std::is_nothrow_move_constructible_v<T>) : value_(std::move(value)) {
    }
    Expected(const Error &error) noexcept(std::is_nothrow_default_constructible_v<T>)
        : Expected<void>(error) {
    }

    T &operator*() noexcept {
        return value_;
    }
    const T &operator*() const noexcept {
        return value_;
    }
    T *operator->() noexcept {
        return &value_;
    }
    const T *operator->() const noexcept {
        return &value_;
    }
#if defined(__cpp_exceptions)
    T &value() & {
        Expected<void>::value();
        return value_;
    }
    const T &value() const & {
        Expected<void>::value();
        return value_;
    }
    // By value, so that `for (... : call().value())` has something to hold on to.
    T value() && {
        Expected<void>::value();
        return std::move(value_);
    }
#endif

  private:
    T value_;
};

// What a call of dualpath.h returned, with its sentence.
inline Expected<void> outcome(dp_status status) {
    Expected<void> done;
    done.take(status);
    return done;
}
inline Expected<void> outcome(dp_status status, const dp_session *session) {
    Expected<void> done;
    done.take(status, session);
    return done;
}

// ------------------------------------------------------------------------------------------
// Structs

// A struct of C that begins with its defaults.
template <class Struct, void (*init)(Struct *, std::size_t)> struct Defaulted : Struct {
    Defaulted() {
        init(this, sizeof(Struct));
    }
};

using ModelOptions = Defaulted<dp_model_options, dp_model_options_init>;
using PoolOptions = Defaulted<dp_pool_options, dp_pool_options_init>;
using SessionOptions = Defaulted<dp_session_options, dp_session_options_init>;
using StreamOptions = Defaulted<dp_stream_options, dp_stream_options_init>;
using EventsOptions = Defaulted<dp_events_options, dp_events_options_init>;
using ModelInfo = Defaulted<dp_model_info, dp_model_info_init>;

// A clip of frames that must stay where they are; its other fields are options.
struct Clip : Defaulted<dp_clip, dp_clip_init> {
    explicit Clip(Span<const dp_frame> all) {
        frames = all.data();
        frame_count = all.size();
    }
};

// What a Result and a Window show. It lies in the session or the stream.
template <class Struct, void (*init)(Struct *, std::size_t)> class Answer {
  public:
    Answer() {
        init(&struct_, sizeof struct_);
    }

    // Empty without a head.
    Span<const float> logits() const noexcept {
        return span(struct_.logits, struct_.classes);
    }
    Span<const float> probabilities() const noexcept {
        return span(struct_.probabilities, struct_.classes);
    }
    // Empty of a model with one path.
    Span<const float> feature_temporal() const noexcept {
        return span(struct_.feature_temporal, struct_.feature_size);
    }
    Span<const float> feature_spatial() const noexcept {
        return span(struct_.feature_spatial, struct_.feature_size);
    }
    // The struct of C, with all else that it has.
    const Struct &get() const noexcept {
        return struct_;
    }
    // For a call of C that fills it.
    Struct *out() noexcept {
        return &struct_;
    }

  protected:
    template <class T> static Span<const T> span(const T *values, std::int32_t count) noexcept {
        return {values, values != nullptr ? static_cast<std::size_t>(count) : 0};
    }

  private:
    Struct struct_;
};

// The answer to a clip. What it shows stays until the session's next classify_clip() or
// finish_clip(), or its end.
using Result = Answer<dp_result, dp_result_init>;

// A window of a stream and its answer. What it shows stays until the stream's next next() or
// reset(), or its end.
class Window : public Answer<dp_window, dp_window_init> {
  public:
    // False: there is none yet, or no more, and all else is 0 and empty.
    bool ready() const noexcept {
        return get().ready != 0;
    }
    // Which of the pushed frames it has, and their times.
    Span<const std::int64_t> frames() const noexcept {
        return span(get().frames, get().frame_count);
    }
    Span<const std::int64_t> times_us() const noexcept {
        return span(get().times_us, get().frame_count);
    }
};

// ------------------------------------------------------------------------------------------
// Frames

// A tightly packed frame (dp_frame_init_packed()), in memory that must stay as it is while calls
// look at the frame. `format` is a dp_format, `color` a dp_color. If there are too few pixels, the
// frame has none, and the call that gets it refuses it.
inline dp_frame packed_frame(Span<const std::uint8_t> pixels, std::int32_t format,
                             std::int32_t width, std::int32_t height,
                             std::int32_t color = 0) noexcept {
    dp_frame frame;
    if (dp_frame_init_packed(&frame, format, pixels.data(), width, height) > pixels.size()) {
        dp_frame_init_packed(&frame, format, nullptr, width, height);
    }
    frame.color = color;
    return frame;
}

// As many of them as the pixels hold, one after another; bytes at the end that are no whole frame
// are left. A format or size that is none makes one frame, which the call that gets it refuses.
// Allocates.
inline std::vector<dp_frame> packed_frames(Span<const std::uint8_t> pixels, std::int32_t format,
                                           std::int32_t width, std::int32_t height,
                                           std::int32_t color = 0) {
    const std::uint64_t size = dp_frame_init_packed(nullptr, format, nullptr, width, height);
    const std::size_t count = size > 0 ? static_cast<std::size_t>(pixels.size() / size) : 1;
    std::vector<dp_frame> frames(count);
    for (std::size_t i = 0; i < count; i++) {
        const std::size_t at = i * static_cast<std::size_t>(size);
        frames[i] =
            packed_frame({pixels.data() + at, pixels.size() - at}, format, width, height, color);
    }
    return frames;
}

// ------------------------------------------------------------------------------------------
// Callables as callbacks
//
// Each holds the address of the callable, which must live as long as the struct of C says that
// `user` does. No callable may throw: an exception has no way through C, and ends the program.

// As `user`, whose callback casts it back to the callable, which may be const.
template <class Callable> void *user_of(Callable &callable) noexcept {
    return const_cast<void *>(static_cast<const void *>(std::addressof(callable)));
}

// int progress(const char *stage, double fraction), for options of models and sessions.
template <class Options, class Progress>
void set_progress(Options &options, Progress &progress) noexcept {
    options.progress = [](void *user, const char *stage, double fraction) noexcept -> int {
        return (*static_cast<Progress *>(user))(stage, fraction);
    };
    options.progress_user = user_of(progress);
}

// void log(dp_log_level level, const char *message), for the same options.
template <class Options, class Log> void set_log(Options &options, Log &log) noexcept {
    options.log = [](void *user, dp_log_level level, const char *message) noexcept {
        (*static_cast<Log *>(user))(level, message);
    };
    options.log_user = user_of(log);
}

// std::int64_t read(std::uint64_t offset, Span<std::uint8_t> buffer)
template <class Read> dp_reader reader_of(Read &read) noexcept {
    dp_reader reader = {};
    reader.read = [](void *user, std::uint64_t offset, void *buffer,
                     std::size_t size) noexcept -> std::int64_t {
        return (*static_cast<Read *>(user))(
            offset, Span<std::uint8_t>(static_cast<std::uint8_t *>(buffer), size));
    };
    reader.user = user_of(read);
    return reader;
}

// std::int64_t write(Span<const std::uint8_t> bytes)
template <class Write> dp_writer writer_of(Write &write) noexcept {
    dp_writer writer = {};
    writer.write = [](void *user, const void *bytes, std::size_t size) noexcept -> std::int64_t {
        return (*static_cast<Write *>(user))(
            Span<const std::uint8_t>(static_cast<const std::uint8_t *>(bytes), size));
    };
    writer.user = user_of(write);
    return writer;
}

// void run(body), which calls body(w) once for each w in 0 .. workers-1.
template <class Run> dp_scheduler scheduler_of(Run &run, std::int32_t workers) noexcept {
    dp_scheduler scheduler = {};
    scheduler.run = [](void *user, void (*body)(void *, std::int32_t), void *argument) noexcept {
        (*static_cast<Run *>(user))(
            [body, argument](std::int32_t worker) { body(argument, worker); });
    };
    scheduler.user = user_of(run);
    scheduler.workers = workers;
    return scheduler;
}

// ------------------------------------------------------------------------------------------
// Handles

// What all handles share: they own an object of the library, and destroy it.
template <class Object, void (*destroy)(Object *)> class Handle {
  public:
    Handle() noexcept = default;
    // Takes what a call of C made.
    explicit Handle(Object *object) noexcept : object_(object) {
    }

    Object *get() const noexcept {
        return object_.get();
    }
    // Gives it to the caller, who destroys it.
    Object *release() noexcept {
        return object_.release();
    }
    explicit operator bool() const noexcept {
        return object_ != nullptr;
    }

  protected:
    // A handle of this kind, from a call that makes its object.
    template <class Derived, class Make> static Expected<Derived> make(Make call) {
        Object *object = nullptr;
        const dp_status status = call(&object);
        Expected<Derived> made{Derived(object)};
        made.take(status);
        return made;
    }

  private:
    struct Destroy {
        void operator()(Object *object) const noexcept {
            destroy(object);
        }
    };
    std::unique_ptr<Object, Destroy> object_;
};

// The size of a span where C has an int32_t: calls refuse what is too large.
inline std::int32_t clamped_size(std::size_t size) noexcept {
    constexpr std::int32_t largest = std::numeric_limits<std::int32_t>::max();
    return size < static_cast<std::size_t>(largest) ? static_cast<std::int32_t>(size) : largest;
}

class Model : public Handle<dp_model, dp_model_close> {
  public:
    using Handle::Handle;

    static Expected<Model> open(Text path, const dp_model_options *options = nullptr) {
        return make<Model>(
            [=](dp_model **model) { return dp_model_open(path.get(), options, model); });
    }
    static Expected<Model> open_memory(Span<const std::uint8_t> bytes,
                                       const dp_model_options *options = nullptr) {
        return make<Model>([=](dp_model **model) {
            return dp_model_open_memory(bytes.data(), bytes.size(), options, model);
        });
    }
    static Expected<Model> open_reader(const dp_reader &reader,
                                       const dp_model_options *options = nullptr) {
        return make<Model>([&reader, options](dp_model **model) {
            return dp_model_open_reader(&reader, options, model);
        });
    }

    // On this model as the backbone of the task.
    Expected<Model> open_task(Text path, const dp_model_options *options = nullptr) {
        return make<Model>([this, path, options](dp_model **model) {
            return dp_model_open_task(get(), path.get(), options, model);
        });
    }
    Expected<Model> open_task_memory(Span<const std::uint8_t> bytes,
                                     const dp_model_options *options = nullptr) {
        return make<Model>([this, bytes, options](dp_model **model) {
            return dp_model_open_task_memory(get(), bytes.data(), bytes.size(), options, model);
        });
    }
    Expected<Model> open_task_reader(const dp_reader &reader,
                                     const dp_model_options *options = nullptr) {
        return make<Model>([this, &reader, options](dp_model **model) {
            return dp_model_open_task_reader(get(), &reader, options, model);
        });
    }

    static Expected<void> verify(Text path, const dp_model_options *options = nullptr) {
        return outcome(dp_model_verify(path.get(), options));
    }
    static Expected<void> verify_memory(Span<const std::uint8_t> bytes,
                                        const dp_model_options *options = nullptr) {
        return outcome(dp_model_verify_memory(bytes.data(), bytes.size(), options));
    }
    static Expected<void> verify_reader(const dp_reader &reader,
                                        const dp_model_options *options = nullptr) {
        return outcome(dp_model_verify_reader(&reader, options));
    }

    Expected<void> compile(Text path) const {
        return outcome(dp_model_compile(get(), path.get()));
    }
    // int progress(const char *stage, double fraction), used only during the call.
    template <class Progress> Expected<void> compile_watched(Text path, Progress &&progress) const {
        ModelOptions watched;
        set_progress(watched, progress);
        return outcome(
            dp_model_compile_watched(get(), path.get(), watched.progress, watched.progress_user));
    }
    // The size of the file, of which the buffer has room for all; an empty one only asks.
    Expected<std::size_t> compile_memory(Span<std::uint8_t> buffer) const {
        Expected<std::size_t> size;
        size.take(dp_model_compile_memory(get(), buffer.data(), buffer.size(), &*size));
        return size;
    }
    Expected<void> compile_writer(const dp_writer &writer) const {
        return outcome(dp_model_compile_writer(get(), &writer));
    }

    Expected<ModelInfo> get_info() const {
        Expected<ModelInfo> info;
        info.take(dp_model_get_info(get(), &*info));
        return info;
    }
    // "" where the file names none; NULL when there is no such class.
    const char *label(std::int32_t index) const {
        return dp_model_label(get(), index);
    }
    // The first `indices.size()` frames of the view.
    Expected<void> sample_view(const dp_clip &clip, std::int32_t view,
                               Span<std::size_t> indices) const {
        return outcome(
            dp_model_sample_view(get(), &clip, view, clamped_size(indices.size()), indices.data()));
    }
};

// Threads that sessions share.
class Pool : public Handle<dp_pool, dp_pool_destroy> {
  public:
    using Handle::Handle;

    static Expected<Pool> create(const dp_pool_options *options = nullptr) {
        return make<Pool>([=](dp_pool **pool) { return dp_pool_create(options, pool); });
    }
    std::int32_t threads() const {
        return dp_pool_threads(get());
    }
};

// What the model sees of a view: [spatial_frames][3][R][R] and [framesets][3][R][R].
struct Preprocessed {
    const float *spatial, *temporal;
};

// One thread at a time uses a session. It holds on to its model.
class Session : public Handle<dp_session, dp_session_destroy> {
  public:
    using Handle::Handle;

    static Expected<Session> create(const Model &model,
                                    const dp_session_options *options = nullptr) {
        return make<Session>([&model, options](dp_session **session) {
            return dp_session_create(model.get(), options, session);
        });
    }
    static Expected<std::size_t> size(const Model &model,
                                      const dp_session_options *options = nullptr) {
        Expected<std::size_t> bytes;
        bytes.take(dp_session_size(model.get(), options, &*bytes));
        return bytes;
    }
    std::int32_t threads() const {
        return dp_session_threads(get());
    }

    Expected<Result> classify_clip(const dp_clip &clip) {
        Expected<Result> result;
        result.take(dp_classify_clip(get(), &clip, result->out()), get());
        return result;
    }
    Expected<Result> classify_clip(Span<const dp_frame> frames) {
        return classify_clip(Clip(frames));
    }
    // The `count` likeliest classes of the last result, likeliest first, by value.
    template <std::size_t count = 1> Expected<std::array<dp_prediction, count>> top() {
        static_assert(count > 0 && count <= 0x7fffffff);
        Expected<std::array<dp_prediction, count>> predictions;
        predictions.take(
            dp_session_top(get(), static_cast<std::int32_t>(count), predictions->data()), get());
        return predictions;
    }
    // The same into memory of the caller's, as many as it has room for.
    Expected<void> top(Span<dp_prediction> predictions) {
        return outcome(dp_session_top(get(), clamped_size(predictions.size()), predictions.data()),
                       get());
    }
    Expected<Preprocessed> preprocess_view(const dp_clip &clip, std::int32_t view,
                                           std::int32_t crop) {
        Expected<Preprocessed> pixels;
        pixels.take(dp_session_preprocess_view(get(), &clip, view, crop, &pixels->spatial,
                                               &pixels->temporal),
                    get());
        return pixels;
    }
    // `path` is a dp_path.
    Expected<dp_attention> attention(std::int32_t path) {
        Expected<dp_attention> attention;
        attention.take(dp_session_attention(get(), path, &*attention), get());
        return attention;
    }

    Expected<void> begin_clip(std::int32_t crop = 0, std::int32_t crops = 1) {
        return outcome(dp_session_begin_clip(get(), crop, crops), get());
    }
    Expected<void> push_frame(const dp_frame &frame) {
        return outcome(dp_session_push_frame(get(), &frame), get());
    }
    Expected<Result> finish_clip() {
        Expected<Result> result;
        result.take(dp_session_finish_clip(get(), result->out()), get());
        return result;
    }
#if defined(DP_EXPERIMENTAL)
    // 10^9 operations a second.
    Expected<double> peak(double milliseconds) {
        Expected<double> gops;
        gops.take(dp_session_peak(get(), milliseconds, &*gops), get());
        return gops;
    }
#endif
};

// Window after window of a video without an end. It holds on to its session.
class Stream : public Handle<dp_stream, dp_stream_destroy> {
  public:
    using Handle::Handle;

    static Expected<Stream> create(Session &session, const dp_stream_options *options = nullptr) {
        return make<Stream>([&session, options](dp_stream **stream) {
            return dp_stream_create(session.get(), options, stream);
        });
    }
    static Expected<std::size_t> size(const Model &model,
                                      const dp_stream_options *options = nullptr) {
        Expected<std::size_t> bytes;
        bytes.take(dp_stream_size(model.get(), options, &*bytes));
        return bytes;
    }

    Expected<void> push(const dp_frame &frame, std::int64_t time_us) {
        return outcome(dp_stream_push(get(), &frame, time_us));
    }
    Expected<void> finish() {
        return outcome(dp_stream_finish(get()));
    }
    Expected<void> reset() {
        return outcome(dp_stream_reset(get()));
    }
    // Waits for a frame where none waits: 0: not at all; -1: until there is one, or finish().
    Expected<Window> next(std::int32_t timeout_ms = 0) {
        Expected<Window> window;
        window.take(dp_stream_next(get(), timeout_ms, window->out()));
        return window;
    }
    // The likeliest classes of the last window, as those of a Session.
    template <std::size_t count = 1> Expected<std::array<dp_prediction, count>> top() {
        static_assert(count > 0 && count <= 0x7fffffff);
        Expected<std::array<dp_prediction, count>> predictions;
        predictions.take(
            dp_stream_top(get(), static_cast<std::int32_t>(count), predictions->data()));
        return predictions;
    }
    Expected<void> top(Span<dp_prediction> predictions) {
        return outcome(dp_stream_top(get(), clamped_size(predictions.size()), predictions.data()));
    }
};

// What happened when, from the probabilities of windows.
class Events : public Handle<dp_events, dp_events_destroy> {
  public:
    using Handle::Handle;

    static Expected<Events> create(std::int32_t classes,
                                   const dp_events_options *options = nullptr) {
        return make<Events>(
            [=](dp_events **events) { return dp_events_create(classes, options, events); });
    }
    static Expected<std::size_t> size(std::int32_t classes,
                                      const dp_events_options *options = nullptr) {
        Expected<std::size_t> bytes;
        bytes.take(dp_events_size(classes, options, &*bytes));
        return bytes;
    }

    Expected<void> ignore(std::int32_t index) {
        return outcome(dp_events_ignore(get(), index));
    }
    // `probabilities` are [classes].
    Expected<void> push(std::int64_t start_us, std::int64_t end_us, const float *probabilities) {
        return outcome(dp_events_push(get(), start_us, end_us, probabilities));
    }
    // The window must be ready.
    Expected<void> push_window(const Window &window) {
        const Span<const std::int64_t> times = window.times_us();
        return push(times[0], times[times.size() - 1], window.probabilities().data());
    }
    Expected<void> finish() {
        return outcome(dp_events_finish(get()));
    }
    Expected<void> reset() {
        return outcome(dp_events_reset(get()));
    }
    // Stores the next event that is over, and says whether there was one.
    bool next(dp_event &event) {
        return dp_events_next(get(), &event) == 1;
    }
    // The same for the event of a class that goes on.
    bool open(std::int32_t index, dp_event &event) const {
        return dp_events_open(get(), index, &event) == 1;
    }
};

} // namespace dualpath

#undef DUALPATH_COLD

#endif // DUALPATH_HPP
