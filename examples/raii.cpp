// raii.cpp - libdualpath from C++17: handles that close themselves, failures as exceptions. The
// namespace is what to take along; the rest is minimal.c once more.
//
//     raii model.gguf clip.rgb 320 240

#include <dualpath.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace dualpath {

// A model that closes itself. Share one among sessions, which hold on to it.
class Model {
  public:
    explicit Model(const std::string &path) {
        dp_model *model = nullptr;
        if (dp_model_open(path.c_str(), nullptr, &model) != DP_OK) {
            throw std::runtime_error(dp_last_message());
        }
        model_.reset(model);
    }

    const dp_model *get() const {
        return model_.get();
    }

  private:
    struct Close {
        void operator()(dp_model *model) const {
            dp_model_close(model);
        }
    };
    std::unique_ptr<dp_model, Close> model_;
};

// A session that destroys itself; one thread at a time may use it.
class Session {
  public:
    explicit Session(const Model &model) {
        dp_session *session = nullptr;
        if (dp_session_create(model.get(), nullptr, &session) != DP_OK) {
            throw std::runtime_error(dp_last_message());
        }
        session_.reset(session);
    }

    // The likeliest classes of a clip, likeliest first.
    std::vector<dp_prediction> classify(const std::vector<dp_frame> &frames, int count) {
        dp_clip clip;
        dp_clip_default(&clip);
        clip.frames = frames.data();
        clip.frame_count = frames.size();
        dp_result result;
        dp_result_default(&result);
        check(dp_classify_clip(session_.get(), &clip, &result));
        std::vector<dp_prediction> top(static_cast<std::size_t>(count));
        check(dp_session_top(session_.get(), count, top.data()));
        return top;
    }

  private:
    void check(dp_status status) const {
        if (status != DP_OK) {
            throw std::runtime_error(dp_session_message(session_.get()));
        }
    }

    struct Destroy {
        void operator()(dp_session *session) const {
            dp_session_destroy(session);
        }
    };
    std::unique_ptr<dp_session, Destroy> session_;
};

} // namespace dualpath

namespace {

std::vector<uint8_t> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error(path + ": cannot open");
    }
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void run(const std::string &model_path, const std::string &frames_path, int width, int height) {
    if (width < 1 || width > DP_MAX_FRAME_SIDE || height < 1 || height > DP_MAX_FRAME_SIDE) {
        throw std::runtime_error("width or height is out of range");
    }
    const std::vector<uint8_t> pixels = read_file(frames_path);
    const std::size_t size = std::size_t(width) * std::size_t(height) * 3;
    std::vector<dp_frame> frames;
    for (std::size_t at = 0; size <= pixels.size() - at; at += size) {
        frames.push_back(dp_frame_rgb24(&pixels[at], width, height));
    }
    const dualpath::Model model(model_path);
    dualpath::Session session(model);
    for (const dp_prediction &p : session.classify(frames, 1)) {
        std::printf("class %d %s %.1f %%\n", p.index, p.label, 100.0 * double(p.probability));
    }
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 5) {
        std::fprintf(stderr, "usage: raii MODEL FRAMES.rgb WIDTH HEIGHT\n");
        return 2;
    }
    try {
        run(argv[1], argv[2], std::stoi(argv[3]), std::stoi(argv[4]));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "raii: %s\n", error.what());
        return 1;
    }
    return 0;
}
