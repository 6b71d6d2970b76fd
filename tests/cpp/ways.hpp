// The same functions twice, by the calls of C and by dualpath.hpp: cost.cpp counts what each
// executes.
#ifndef TESTS_CPP_WAYS_HPP
#define TESTS_CPP_WAYS_HPP

#include <dualpath.hpp>

// Of cost_stubs.c: what functions do with a sentence, and how many calls of the library were made.
extern "C" void report(dp_status status, const char *message);
extern "C" int calls;

// Opens a model and a session and classifies one frame: the class, or -1.
std::int32_t open_and_classify_in_c(const char *path, const dp_frame *frame);
std::int32_t open_and_classify_with_values(const char *path, const dp_frame *frame);

// The likeliest class of a clip, or -1.
std::int32_t classify_in_c(dp_session *session, const dp_frame *frames, std::size_t count);
std::int32_t classify_with_values(dualpath::Session &session, const dp_frame *frames,
                                  std::size_t count);

// Pushes a frame, and sums up the probabilities of the window that it ends; -1 if anything fails.
float watch_in_c(dp_stream *stream, const dp_frame *frame);
float watch_with_values(dualpath::Stream &stream, const dp_frame *frame);

#if defined(__cpp_exceptions)
std::int32_t open_and_classify_with_exceptions(const char *path, const dp_frame *frame);
std::int32_t classify_with_exceptions(dualpath::Session &session, const dp_frame *frames,
                                      std::size_t count);
float watch_with_exceptions(dualpath::Stream &stream, const dp_frame *frame);
#endif

#endif // TESTS_CPP_WAYS_HPP
