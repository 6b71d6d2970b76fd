// raii.cpp - libdualpath from C++17: minimal.c once more, with handles that close themselves and
// failures as exceptions.
//
//     raii model.gguf clip.rgb 320 240

#include <dualpath.hpp>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::vector<uint8_t> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error(path + ": cannot open");
    }
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void run(const std::string &model_path, const std::string &frames_path, int width, int height) {
    const std::vector<uint8_t> pixels = read_file(frames_path);
    const auto frames = dualpath::packed_frames(pixels, DP_FORMAT_RGB24, width, height);
    const auto model = dualpath::Model::open(model_path).value();
    auto session = dualpath::Session::create(model).value();
    session.classify_clip(frames).value();
    for (const dp_prediction &p : session.top().value()) {
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
