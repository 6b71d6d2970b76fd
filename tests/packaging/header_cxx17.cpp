/*
 * The public header alone, as C++17: nothing is included before it. Structs stay plain data, calls
 * have C linkage, and a callback may be a lambda.
 */
#include "dualpath.h"
#include "dualpath.h" /* twice does no harm */

#include <type_traits>

template <typename Struct>
constexpr bool plain = std::is_trivial<Struct>::value &&std::is_standard_layout<Struct>::value;

static_assert(plain<dp_allocator> && plain<dp_reader>, "callbacks are plain data");
static_assert(plain<dp_scheduler>, "callbacks are plain data");
static_assert(plain<dp_model_options> && plain<dp_session_options>, "options are plain data");
static_assert(plain<dp_pool_options>, "options are plain data");
static_assert(plain<dp_model_info> && plain<dp_prediction>, "answers are plain data");
static_assert(plain<dp_frame> && plain<dp_clip>, "clips are plain data");
static_assert(plain<dp_result> && plain<dp_timings>, "results are plain data");

/* A second declaration with another linkage would be an error. */
extern "C" dp_status dp_classify_clip(dp_session *session, const dp_clip *clip, dp_result *result);

int main() {
    dp_session_options options;
    dp_session_options_default(&options);
    options.progress = [](void *, const char *, double fraction) -> int { return fraction > 2; };
    options.log = [](void *, dp_log_level, const char *) {};
    dp_scheduler scheduler = {};
    scheduler.workers = 1;
    scheduler.run = [](void *, void (*body)(void *, int32_t), void *argument) {
        body(argument, 0);
    };
    options.scheduler = &scheduler;
    const dp_frame frames[] = {dp_frame_rgb24(nullptr, 2, 2),
                               dp_frame_bgr24(nullptr, 2, 2),
                               dp_frame_rgba(nullptr, 2, 2),
                               dp_frame_bgra(nullptr, 2, 2),
                               dp_frame_gray8(nullptr, 2, 2),
                               dp_frame_nv12(nullptr, 2, 2, DP_COLOR_BT601_LIMITED),
                               dp_frame_i420(nullptr, 2, 2, DP_COLOR_BT709_FULL)};
    std::size_t bytes = 0;
    return dp_session_size(nullptr, &options, &bytes) == DP_ERR_ARGUMENT ? frames[0].format : 1;
}
