/*
 * Compiled weight files in memory: made of golden models, opened, asked and refused.
 */
#ifndef COMPILED_FILE_H
#define COMPILED_FILE_H

#include "api_support.h"
#include "base/bytes.h"
#include "gguf_builder.h"
#include "suite.h"

/* A growing file in memory, and how its writer misbehaves. */
typedef struct sink {
    gguf_bytes all;
    size_t most;    /* bytes that are taken at a time; 0: any */
    size_t calls;   /* so far */
    size_t fail_at; /* the call that answers `failure`; 0: none */
    int64_t failure;
} sink;

static inline int64_t take_bytes(void *user, const void *bytes, size_t size) {
    sink *to = user;
    if (++to->calls == to->fail_at) {
        return to->failure;
    }
    size_t taken = to->most != 0 && size > to->most ? to->most : size;
    gguf_put(&to->all, bytes, taken);
    return (int64_t)taken;
}

typedef struct how {
    int precision, target;
    uint32_t cpu_mask;
} how;

static inline dp_model_options options_of(how h) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = h.precision;
    options.target = h.target;
    options.cpu_mask = h.cpu_mask;
    return options;
}

static inline dp_model *open_how(const char *name, how h) {
    dp_model *model = NULL;
    dp_model_options options = options_of(h);
    (void)dp_model_open(find_golden(name).text, &options, &model);
    return must(model, name);
}

/* A file in memory, at an address that is a multiple of 64, and 16 bytes behind another such
 * address. */
typedef struct file_bytes {
    uint8_t *block, *bytes;
    size_t size;
} file_bytes;

static inline file_bytes copy_bytes(const uint8_t *bytes, size_t size, size_t behind) {
    file_bytes copy = {NULL, NULL, size};
    void *block = NULL;
    ck_assert_int_eq(posix_memalign(&block, 64, size + 64), 0);
    copy.block = block;
    copy.bytes = copy.block + behind;
    memcpy(copy.bytes, bytes, size);
    return copy;
}

static inline file_bytes compile(const dp_model *model) {
    sink to = {.most = 0};
    dp_writer writer = {.write = take_bytes, .user = &to};
    ck_assert_msg(dp_model_compile_writer(model, &writer) == DP_OK, "%s", dp_last_message());
    file_bytes copy = copy_bytes(to.all.bytes, to.all.size, 0);
    gguf_free(&to.all);
    return copy;
}

static inline file_bytes compile_golden(const char *name, how h) {
    dp_model *model = open_how(name, h);
    file_bytes file = compile(model);
    dp_model_close(model);
    return file;
}

static inline dp_model *open_bytes(file_bytes file, const dp_model_options *options) {
    dp_model *model = NULL;
    (void)dp_model_open_memory(file.bytes, file.size, options, &model);
    return must(model, "a compiled model");
}

static inline dp_model_info info_of(const dp_model *model) {
    dp_model_info info;
    dp_model_info_default(&info);
    ck_assert_int_eq(dp_model_get_info(model, &info), DP_OK);
    return info;
}

static inline answer answer_of(const dp_model *model) {
    dp_model_info info = info_of(model);
    random_restart();
    test_clip clip = make_clip((size_t)info.frames, 24, 20);
    dp_session *session = new_session(model, 1);
    answer got = classify(session, &clip.clip);
    dp_session_destroy(session);
    free_clip(&clip);
    return got;
}

static inline void refuse_bytes(file_bytes file, const dp_model_options *options, dp_status status,
                                const char *word, const char *other) {
    dp_model *model = NULL;
    dp_status got = dp_model_open_memory(file.bytes, file.size, options, &model);
    const char *message = dp_last_message();
    ck_assert_msg(got == status, "%s, expected %s: %s", dp_status_name(got), dp_status_name(status),
                  message);
    ck_assert_ptr_null(model);
    ck_assert_msg(strstr(message, word) != NULL && strstr(message, other) != NULL,
                  "no '%s' or no '%s' in \"%s\"", word, other, message);
}

static inline void expect_same_file(file_bytes a, file_bytes b) {
    ck_assert_uint_eq(a.size, b.size);
    ck_assert_mem_eq(a.bytes, b.bytes, a.size);
    free(a.block);
    free(b.block);
}

#endif /* COMPILED_FILE_H */
