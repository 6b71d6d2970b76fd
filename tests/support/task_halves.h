/*
 * A golden model in one file and in two, a backbone and a task on it.
 */
#ifndef TASK_HALVES_H
#define TASK_HALVES_H

#include "api_support.h"
#include "split.h"
#include "suite.h"

/* A model in one file, and its halves. */
static struct {
    uint8_t *whole;
    size_t whole_size;
    split_files split;
    dp_model_options options;
} files;

static inline void load(const char *name) {
    files.whole = read_golden(name, &files.whole_size);
    files.split = split_model(files.whole, files.whole_size);
    dp_model_options_default(&files.options);
}

static inline void unload(void) {
    free(files.whole);
    split_free(&files.split);
}

static inline void set_up(void) {
    random_restart();
    load(LABELLED_MODEL);
}

static inline dp_model *open_whole(void) {
    dp_model *model = NULL;
    (void)dp_model_open_memory(files.whole, files.whole_size, &files.options, &model);
    return must(model, "the whole model");
}

static inline dp_model *open_backbone(void) {
    dp_model *model = NULL;
    dp_model_options options = files.options;
    options.as_backbone = 1;
    (void)dp_model_open_memory(files.split.backbone, files.split.backbone_size, &options, &model);
    return must(model, "the backbone");
}

static inline dp_model *open_task(dp_model *backbone) {
    dp_model *model = NULL;
    (void)dp_model_open_task_memory(backbone, files.split.task, files.split.task_size, NULL,
                                    &model);
    return must(model, "the task");
}

static inline dp_model_info info_of(const dp_model *model) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    return info;
}

static inline answer ask(const dp_model *model) {
    random_restart();
    test_clip clip = make_clip(70, 45, 37);
    dp_session *session = new_session(model, 2);
    answer given = classify(session, &clip.clip);
    dp_session_destroy(session);
    free_clip(&clip);
    return given;
}

#endif /* TASK_HALVES_H */
