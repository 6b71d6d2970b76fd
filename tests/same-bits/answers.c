/*
 * Prints what models answer for a drawn clip, to the last bit, in every precision: two builds of
 * the library that should be the same print the same. It uses only the public interface, and is
 * compiled against the header of each build.
 *
 *     answers [--forms] [--views] [--targets] [--backbone FILE] MODEL...
 *     answers --sizes [--backbone FILE] MODEL...
 *     answers --kernels MODEL
 *
 * Without options each model answers fused, with one thread. --forms adds two threads, image by
 * image, and unfused; --views adds several views and crops; --targets compiles the model for each
 * target and opens the compiled files. With --backbone models are tasks. --sizes prints the bytes
 * of sessions instead, and --kernels the kernel table of each precision.
 */
#include "dualpath.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the clip ---- */

enum { FRAMES = 40, WIDTH = 70, HEIGHT = 50, FORMATS = 7, COLORS = 4 };

static uint8_t pixels[FRAMES][HEIGHT * WIDTH * 4];
static dp_frame frames[FRAMES];

/* All pixel formats fit into 4 bytes a pixel. */
static dp_frame describe_frame(const uint8_t *samples, int32_t format, int32_t color) {
    static const ptrdiff_t bytes_per_pixel[FORMATS] = {3, 3, 4, 4, 1, 1, 1}; /* of plane 0 */
    const ptrdiff_t chroma_width = (WIDTH + 1) / 2, chroma_height = (HEIGHT + 1) / 2;
    dp_frame frame = dp_frame_rgb24(samples, WIDTH, HEIGHT);
    frame.format = format;
    frame.color = color;
    frame.stride[0] = WIDTH * bytes_per_pixel[format];
    frame.plane[1] = samples + HEIGHT * WIDTH;
    frame.stride[1] = format == DP_FORMAT_NV12 ? 2 * chroma_width : chroma_width;
    frame.plane[2] = frame.plane[1] + chroma_height * chroma_width;
    frame.stride[2] = chroma_width;
    return frame;
}

static void draw_clip(void) {
    uint32_t state = 1;
    for (int32_t t = 0; t < FRAMES; t++) {
        for (size_t i = 0; i < sizeof pixels[t]; i++) {
            state = state * 1664525u + 1013904223u;
            pixels[t][i] = (uint8_t)(i / 3 % WIDTH * 3 + 4 * (size_t)t + (state >> 27));
        }
        frames[t] = describe_frame(pixels[t], t % FORMATS, t / FORMATS % COLORS);
    }
}

/* ---- opening ---- */

enum { PRECISIONS = 3 };

static const struct {
    int32_t number;
    const char *name;
} precisions[PRECISIONS] = {
    {DP_PRECISION_F32, "f32"}, {DP_PRECISION_BF16, "bf16"}, {DP_PRECISION_INT8, "int8"}};

typedef struct model_files {
    const char *model, *backbone; /* without a backbone NULL */
} model_files;

typedef struct open_model {
    dp_model *backbone, *model;
} open_model;

static bool complain(const char *path, const char *about, const char *message) {
    fprintf(stderr, "answers: %s, %s: %s\n", path, about, message);
    return false;
}

static void close_files(open_model *opened) {
    dp_model_close(opened->model);
    dp_model_close(opened->backbone);
    *opened = (open_model){NULL, NULL};
}

static bool open_files(const model_files *files, const dp_model_options *options,
                       open_model *opened) {
    *opened = (open_model){NULL, NULL};
    dp_status status = DP_OK;
    if (files->backbone == NULL) {
        status = dp_model_open(files->model, options, &opened->model);
    } else {
        dp_model_options of_backbone = *options;
        of_backbone.as_backbone = 1;
        status = dp_model_open(files->backbone, &of_backbone, &opened->backbone);
        status = status == DP_OK
                     ? dp_model_open_task(opened->backbone, files->model, NULL, &opened->model)
                     : status;
    }
    return status == DP_OK || complain(files->model, "opening", dp_last_message());
}

/* ---- answers ---- */

/* A session, and what it does with the clip. */
typedef struct setup {
    const char *name;
    int32_t threads, image_by_image;
    int32_t sampling, views, crops;
} setup;

static const setup one_thread = {"1-thread", 1, 0, DP_SAMPLING_UNIFORM, 1, 1};
static const setup two_threads = {"2-threads", 2, 0, DP_SAMPLING_UNIFORM, 1, 1};
static const setup image_by_image = {"image-by-image", 1, 1, DP_SAMPLING_UNIFORM, 1, 1};
static const setup views_first = {"2-views-3-crops-first", 2, 0, DP_SAMPLING_FIRST, 2, 3};
static const setup views_center = {"3-views-2-crops-center", 1, 0, DP_SAMPLING_CENTER, 3, 2};

static void session_options(dp_session_options *options, const setup *run) {
    dp_session_options_default(options);
    options->threads = run->threads;
    options->image_by_image = run->image_by_image;
}

/* NULL: there are none. */
static void print_numbers(const char *name, const float *numbers, int32_t count) {
    printf(" %s", name);
    for (int32_t i = 0; numbers != NULL && i < count; i++) {
        printf(" %a", (double)numbers[i]);
    }
    printf("\n");
}

static void print_result(const dp_result *result) {
    print_numbers("temporal", result->feature_temporal, result->feature_size);
    print_numbers("spatial", result->feature_spatial, result->feature_size);
    print_numbers("logits", result->logits, result->classes);
    print_numbers("probabilities", result->probabilities, result->classes);
    printf(" multiply-adds %lld\n", (long long)result->macs);
}

/* `form` says what was made of the file: "fused", "unfused", or the target it was compiled for. */
/* The last word of the description: `precision` is text in the header of one version, and a number
 * in that of another. */
static const char *precision_in_use(const dp_model_info *info) {
    return strrchr(info->description, ' ') + 1;
}

static bool classify(const char *path, const char *form, const dp_model *model, const setup *run) {
    dp_session *session = NULL;
    dp_session_options options;
    session_options(&options, run);
    dp_clip clip;
    dp_clip_default(&clip);
    clip.frames = frames;
    clip.frame_count = FRAMES;
    clip.sampling = run->sampling;
    clip.views = run->views;
    clip.crops = run->crops;
    dp_result result;
    dp_result_default(&result);
    dp_model_info info;
    dp_model_info_default(&info);
    bool good = dp_model_get_info(model, &info) == DP_OK &&
                dp_session_create(model, &options, &session) == DP_OK;
    if (!good) {
        complain(path, form, dp_last_message());
    } else if (dp_classify_clip(session, &clip, &result) != DP_OK) {
        good = complain(path, form, dp_session_message(session));
    } else {
        printf("%s %s %s %s %s\n", path, precision_in_use(&info), form, run->name, info.kernels);
        print_result(&result);
    }
    dp_session_destroy(session);
    return good;
}

typedef struct selection {
    bool forms, views, targets, sizes, kernels;
} selection;

static bool answer_fused(const char *path, const dp_model *model, const selection *what) {
    bool good = classify(path, "fused", model, &one_thread);
    if (what->forms) {
        good &= classify(path, "fused", model, &two_threads);
        good &= classify(path, "fused", model, &image_by_image);
    }
    if (what->views) {
        good &= classify(path, "fused", model, &views_first);
        good &= classify(path, "fused", model, &views_center);
    }
    return good;
}

static bool answer_unfused(const model_files *files) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = DP_PRECISION_F32;
    options.unfused = 1;
    open_model opened;
    bool good = open_files(files, &options, &opened) &&
                classify(files->model, "unfused", opened.model, &one_thread) &&
                classify(files->model, "unfused", opened.model, &two_threads) &&
                classify(files->model, "unfused", opened.model, &image_by_image);
    close_files(&opened);
    return good;
}

/* ---- compiled models ---- */

/* Bytes of a compiled file; without memory for them they are only counted. */
typedef struct file_bytes {
    uint8_t *bytes;
    size_t size;
} file_bytes;

static int64_t write_bytes(void *user, const void *bytes, size_t size) {
    file_bytes *file = user;
    if (file->bytes != NULL) {
        memcpy(file->bytes + file->size, bytes, size);
    }
    file->size += size;
    return (int64_t)size;
}

/* The call had this name before 0.2.0, which has one for each kind of sink. */
#if !defined(DP_VERSION_NUMBER)
#define dp_model_compile_writer dp_model_compile
#endif

/* In memory that is aligned as a mapped file is, so that weights are used where they are. */
static bool compile_to_memory(const dp_model *model, file_bytes *file) {
    *file = (file_bytes){NULL, 0};
    const dp_writer writer = {.write = write_bytes, .user = file};
    if (dp_model_compile_writer(model, &writer) != DP_OK) {
        return false;
    }
    file->bytes = aligned_alloc(64, (file->size + 63) / 64 * 64);
    file->size = 0;
    return file->bytes != NULL && dp_model_compile_writer(model, &writer) == DP_OK;
}

static bool answer_compiled(const char *path, const char *target, const char *precision,
                            const file_bytes *file) {
    dp_model *model = NULL;
    dp_status status = dp_model_open_memory(file->bytes, file->size, NULL, &model);
    bool good = true;
    if (status == DP_ERR_UNSUPPORTED) {
        printf("%s %s %s not-read-here\n", path, precision, target);
    } else if (status != DP_OK) {
        good = complain(path, target, dp_last_message());
    } else {
        good = classify(path, target, model, &one_thread) &&
               classify(path, target, model, &image_by_image);
    }
    dp_model_close(model);
    return good;
}

static bool answer_target(const model_files *files, int32_t target, int precision) {
    const char *name = dp_target_name(target);
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = precisions[precision].number;
    options.target = target;
    open_model opened;
    file_bytes file = {NULL, 0};
    bool good = open_files(files, &options, &opened);
    if (good && !compile_to_memory(opened.model, &file)) {
        good = complain(files->model, name, dp_last_message());
    }
    close_files(&opened);
    good = good && answer_compiled(files->model, name, precisions[precision].name, &file);
    free(file.bytes);
    return good;
}

/* ---- everything of a model ---- */

static bool print_session_sizes(const model_files *files, const char *precision,
                                const dp_model *model) {
    const setup *const setups[] = {&one_thread, &two_threads, &image_by_image};
    for (size_t i = 0; i < sizeof setups / sizeof setups[0]; i++) {
        size_t bytes = 0;
        dp_session_options options;
        session_options(&options, setups[i]);
        if (dp_session_size(model, &options, &bytes) != DP_OK) {
            return complain(files->model, precision, dp_last_message());
        }
        printf("%s %s %s %zu\n", files->model, precision, setups[i]->name, bytes);
    }
    return true;
}

static bool print_kernels(const model_files *files, const dp_model *model) {
    dp_model_info info;
    dp_model_info_default(&info);
    if (dp_model_get_info(model, &info) != DP_OK) {
        return complain(files->model, "kernels", dp_last_message());
    }
    printf("%s %s\n", precision_in_use(&info), info.kernels);
    return true;
}

/* The name of a number that is none was NULL before 0.2.0. */
static bool is_target(int32_t target) {
    const char *name = dp_target_name(target);
    return name != NULL && strcmp(name, "unknown") != 0;
}

static bool answer_precision(const model_files *files, int precision, const selection *what) {
    dp_model_options options;
    dp_model_options_default(&options);
    options.precision = precisions[precision].number;
    open_model opened;
    bool good = open_files(files, &options, &opened);
    if (good && what->kernels) {
        good = print_kernels(files, opened.model);
    } else if (good && what->sizes) {
        good = print_session_sizes(files, precisions[precision].name, opened.model);
    } else if (good) {
        good = answer_fused(files->model, opened.model, what);
    }
    close_files(&opened);
    for (int32_t target = 1; good && what->targets && is_target(target); target++) {
        good = answer_target(files, target, precision);
    }
    return good;
}

static bool answer_model(const model_files *files, const selection *what) {
    bool good = true;
    for (int i = 0; i < PRECISIONS; i++) {
        good &= answer_precision(files, i, what);
    }
    return good && (!what->forms || answer_unfused(files));
}

/* ---- the command line ---- */

/* Answers how many arguments the option in front of `arguments` takes; 0: it is none. */
static int parse_option(char **arguments, selection *what, model_files *files) {
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"--forms", &what->forms},
                 {"--views", &what->views},
                 {"--targets", &what->targets},
                 {"--sizes", &what->sizes},
                 {"--kernels", &what->kernels}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(arguments[0], flags[i].name) == 0) {
            *flags[i].flag = true;
            return 1;
        }
    }
    if (strcmp(arguments[0], "--backbone") == 0 && arguments[1] != NULL) {
        files->backbone = arguments[1];
        return 2;
    }
    return 0;
}

int main(int argc, char **argv) {
    selection what = {0};
    model_files files = {NULL, NULL};
    int first = 1;
    for (int taken = 1; first < argc && taken > 0; first += taken) {
        taken = parse_option(argv + first, &what, &files);
    }
    draw_clip();
    bool good = first < argc;
    for (int i = first; i < argc; i++) {
        files.model = argv[i];
        good &= answer_model(&files, &what);
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
