/*
 * The public header alone, as C99 and C11: nothing is included before it. The program is the one
 * in its opening comment.
 */
#include "dualpath.h"
#include "dualpath.h" /* twice does no harm */

#include <stdio.h>

int main(void) {
    static const uint8_t pixels[3];
    const dp_frame frames[1] = {dp_frame_rgb24(pixels, 1, 1)};
    const size_t frame_count = 1;

    dp_model *model = NULL;
    dp_session *session = NULL;
    dp_clip clip;
    dp_result result;
    dp_clip_default(&clip);
    dp_result_default(&result);
    clip.frames = frames;
    clip.frame_count = frame_count;
    if (dp_model_open("model.gguf", NULL, &model) != DP_OK ||
        dp_session_create(model, NULL, &session) != DP_OK) {
        puts(dp_last_message());
    } else if (dp_classify_clip(session, &clip, &result) != DP_OK) {
        puts(dp_session_message(session));
    } else {
        dp_prediction top;
        dp_session_top(session, 1, &top);
        printf("%s %.1f %%\n", top.label, 100 * top.probability);
    }
    dp_session_destroy(session);
    dp_model_close(model);
    return 0;
}
