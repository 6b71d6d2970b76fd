/*
 * Weight files of all kinds: opened, used, compiled and opened again. The mutator knows keys,
 * tensors and sizes (tests/support/weight_mutator.h).
 *
 * An input is four bytes that choose how the file is opened, and the file. A file alone is opened
 * by default. What must hold, besides that nothing crashes or leaks: a path, memory and a reader
 * give the same status, sentence and answer; so do one image at a time, and the compiled file.
 */
#define _XOPEN_SOURCE 700 /* P_tmpdir */
#include "fuzz.h"
#include "gguf_builder.h"
#include "split.h"
#include "test_allocator.h"
#include "weight_mutator.h"

#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define CHOICES 4
#define FORMS 3 /* of a backbone */

/* ---- the file of an input ---- */

typedef struct choices {
    dp_model_options options;
    bool gzip;
    uint8_t damage; /* of the compressed file; 0: none */
    int form;       /* of the backbone for a task */
    uint8_t pixels;
} choices;

static size_t choice_bytes(const uint8_t *data, size_t size) {
    return size >= 4 && memcmp(data, "GGUF", 4) == 0 ? 0 : size < CHOICES ? size : CHOICES;
}

static choices choose(fuzz_input in) {
    choices c = {.gzip = false};
    uint8_t how = fuzz_byte(&in);
    uint8_t form = fuzz_byte(&in);
    uint8_t packing = fuzz_byte(&in);
    dp_model_options_default(&c.options);
    c.options.max_inflated_size = FUZZ_MAX_INFLATED;
    c.options.verify = how % 2;
    c.options.unfused = how / 2 % 8 == 7;
    c.options.as_backbone = how / 16 % 4 == 3;
    c.options.cpu_mask = how >= 192 ? 0 : DP_CPU_ALL;
    c.options.precision = c.options.unfused != 0 ? DP_PRECISION_DEFAULT : form % 5;
    c.options.target = form < 192 ? DP_TARGET_NATIVE : form % 6;
    c.gzip = packing % 4 == 3;
    c.damage = packing / 4;
    c.pixels = fuzz_byte(&in);
    c.form = c.pixels % FORMS;
    return c;
}

/* At a multiple of 64, as compiled files are used in place; exactly so many bytes. */
static uint8_t *copy_aligned(const void *bytes, size_t size) {
    void *copy = NULL;
    fuzz_require(posix_memalign(&copy, 64, size) == 0, "no memory", "");
    memcpy(copy, bytes, size);
    return copy;
}

static gguf_bytes pack(const uint8_t *bytes, size_t size, uint8_t damage) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)size};
    gguf_bytes packed = {0};
    fuzz_require(deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, 0) == Z_OK, "zlib", "");
    packed.capacity = deflateBound(&stream, size);
    packed.bytes = malloc(packed.capacity);
    fuzz_require(packed.bytes != NULL, "no memory", "");
    stream.next_out = packed.bytes;
    stream.avail_out = (uInt)packed.capacity;
    fuzz_require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib", "");
    packed.size = stream.total_out;
    (void)deflateEnd(&stream);
    if (damage != 0) {
        packed.bytes[packed.size * damage / 64] ^= damage;
    }
    return packed;
}

/* ---- three ways to open ---- */

typedef enum way { BY_MEMORY, BY_READER, BY_PATH, WAYS } way;

static struct {
    const uint8_t *bytes;
    size_t size;
    char path[64];
} file;

static test_allocator memory;

/* Models whose frozen tensors are those of tasks. */
static const char *const backbone_files[] = {"crops-first.gguf", "family/aim_two.gguf",
                                             "family/st.gguf", "family/vpt_deep.gguf",
                                             "family/adaptformer.gguf"};

#define BACKBONES (sizeof backbone_files / sizeof backbone_files[0])

static dp_model *backbones[BACKBONES][FORMS];

/* Hands out pieces of odd sizes. */
static int64_t read_file_bytes(void *user, uint64_t offset, void *buffer, size_t size) {
    (void)user;
    size_t rest = file.size - (size_t)offset;
    size_t count = size < rest ? size : rest;
    count = count < 4093 ? count : 4093;
    memcpy(buffer, file.bytes + offset, count);
    return (int64_t)count;
}

static const dp_reader reader = {.read = read_file_bytes};

static void write_path(void) {
    FILE *out = fopen(file.path, "wb");
    fuzz_require(out != NULL && fwrite(file.bytes, 1, file.size, out) == file.size, "no file",
                 file.path);
    (void)fclose(out);
}

typedef struct outcome {
    dp_status status;
    char sentence[512]; /* "" for DP_OK */
} outcome;

static outcome make_outcome(dp_status status) {
    outcome made = {.status = status};
    if (status != DP_OK) {
        (void)snprintf(made.sentence, sizeof made.sentence, "%s", dp_last_message());
        fuzz_require(made.sentence[0] != '\0', "a failure without a sentence",
                     dp_status_name(status));
    }
    return made;
}

static void require_same(outcome a, outcome b, const char *what) {
    fuzz_require(a.status == b.status && strcmp(a.sentence, b.sentence) == 0, what, a.sentence);
}

static outcome open_by(way w, const dp_model_options *options, dp_model **model) {
    dp_status status = w == BY_MEMORY ? dp_model_open_memory(file.bytes, file.size, options, model)
                       : w == BY_READER ? dp_model_open_reader(&reader, options, model)
                                        : dp_model_open(file.path, options, model);
    return make_outcome(status);
}

static outcome open_task_by(way w, dp_model *backbone, dp_model **model) {
    dp_status status = w == BY_MEMORY
                           ? dp_model_open_task_memory(backbone, file.bytes, file.size, NULL, model)
                       : w == BY_READER ? dp_model_open_task_reader(backbone, &reader, NULL, model)
                                        : dp_model_open_task(backbone, file.path, NULL, model);
    return make_outcome(status);
}

static outcome verify_by(way w, const dp_model_options *options) {
    dp_status status = w == BY_MEMORY   ? dp_model_verify_memory(file.bytes, file.size, options)
                       : w == BY_READER ? dp_model_verify_reader(&reader, options)
                                        : dp_model_verify(file.path, options);
    return make_outcome(status);
}

/* ---- using a model ---- */

typedef struct answer {
    dp_status status;
    float *numbers; /* logits and both features */
    size_t count;
} answer;

static dp_model_info ask(const dp_model *model) {
    dp_model_info info;
    dp_model_info_default(&info);
    fuzz_require(dp_model_get_info(model, &info) == DP_OK && strlen(info.description) > 0,
                 "a model without a description", dp_last_message());
    for (int32_t i = 0; i < info.classes; i++) {
        fuzz_require(dp_model_label(model, i) != NULL, "a class without a label", "");
    }
    return info;
}

/* Of a clip that leaves views and crops to the model. */
static bool is_cheap_clip(const dp_model *model) {
    dp_model_info info = ask(model);
    return info.macs <= FUZZ_MAX_MACS / ((int64_t)info.views * info.crops);
}

/* Whether a session is cheap enough to be used here. */
static bool is_cheap(const dp_model *model, const dp_session_options *options) {
    size_t bytes = 0;
    dp_status status = dp_session_size(model, options, &bytes);
    fuzz_require(status == DP_OK || status == DP_ERR_UNSUPPORTED || status == DP_ERR_MEMORY,
                 "no size of a session", dp_last_message());
    return status == DP_OK && bytes <= FUZZ_MAX_SESSION && is_cheap_clip(model);
}

static void keep(answer *to, const float *numbers, int32_t count) {
    if (numbers != NULL) {
        memcpy(to->numbers + to->count, numbers, (size_t)count * sizeof *numbers);
        to->count += (size_t)count;
    }
}

static answer keep_answer(dp_status status, const dp_result *result) {
    answer given = {.status = status};
    if (status == DP_OK) {
        size_t room = (size_t)result->classes + 2 * (size_t)result->feature_size;
        given.numbers = malloc(room * sizeof(float));
        fuzz_require(given.numbers != NULL, "no memory", "");
        keep(&given, result->logits, result->classes);
        keep(&given, result->feature_temporal, result->feature_size);
        keep(&given, result->feature_spatial, result->feature_size);
    }
    return given;
}

/* Of a clip of one small frame, which repeats. */
static answer classify(dp_session *session, uint8_t seed) {
    uint8_t pixels[9 * 7 * 3];
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(seed + 37 * i);
    }
    dp_frame frame = dp_frame_rgb24(pixels, 9, 7);
    dp_clip clip;
    dp_result result;
    dp_clip_default(&clip);
    dp_result_default(&result);
    clip.frames = &frame;
    clip.frame_count = 1;
    dp_status status = dp_classify_clip(session, &clip, &result);
    fuzz_require(status == DP_OK || status == DP_ERR_NUMERIC, "a sound clip fails",
                 dp_session_message(session));
    return keep_answer(status, &result);
}

/* False if it is too dear to be asked for. */
static bool classify_with(const dp_model *model, uint8_t seed, bool image_by_image, answer *given) {
    dp_session *session = NULL;
    dp_session_options options;
    dp_session_options_default(&options);
    options.threads = 1;
    options.image_by_image = image_by_image;
    if (!is_cheap(model, &options)) {
        return false;
    }
    fuzz_require(dp_session_create(model, &options, &session) == DP_OK, "no session",
                 dp_last_message());
    *given = classify(session, seed);
    dp_session_destroy(session);
    return true;
}

static void require_same_answer(const dp_model *model, uint8_t seed, bool image_by_image,
                                const answer *expected, const char *what) {
    answer given;
    if (classify_with(model, seed, image_by_image, &given)) {
        fuzz_require(given.status == expected->status && given.count == expected->count, what,
                     dp_status_name(given.status));
        fuzz_require(given.count == 0 ||
                         memcmp(given.numbers, expected->numbers, given.count * sizeof(float)) == 0,
                     what, "other bits");
        free(given.numbers);
    }
}

/* ---- compiling it ---- */

static uint8_t *compile(const dp_model *model, size_t *size) {
    size_t written = 0;
    fuzz_require(dp_model_compile_memory(model, NULL, 0, size) == DP_OK, "no size of a file",
                 dp_last_message());
    void *block = NULL;
    fuzz_require(posix_memalign(&block, 64, *size) == 0, "no memory", "");
    fuzz_require(dp_model_compile_memory(model, block, *size, &written) == DP_OK &&
                     written == *size,
                 "a model is not compiled", dp_last_message());
    return block;
}

/* The compiled file opens, answers as the model does, and compiles to itself. */
static void check_compiled(const dp_model *model, uint32_t cpu_mask, uint8_t seed,
                           const answer *expected) {
    size_t size;
    size_t again_size;
    uint8_t *bytes = compile(model, &size);
    dp_model *compiled = NULL;
    dp_model_options options;
    dp_model_options_default(&options);
    options.allocator = &memory.allocator;
    options.verify = 1;
    options.cpu_mask = cpu_mask;
    options.target = ask(model).target;
    fuzz_require(dp_model_open_memory(bytes, size, &options, &compiled) == DP_OK,
                 "a compiled file does not open", dp_last_message());
    fuzz_require(ask(compiled).compiled == 1, "a compiled file is none", "");
    if (expected != NULL) {
        require_same_answer(compiled, seed, false, expected, "a compiled file answers otherwise");
    }
    uint8_t *again = compile(compiled, &again_size);
    fuzz_require(size == again_size && memcmp(bytes, again, size) == 0,
                 "a compiled file does not compile to itself", "");
    free(again);
    dp_model_close(compiled);
    free(bytes);
}

/* `other` was opened another way. */
static void use(const dp_model *model, const dp_model *other, const choices *c) {
    answer given = {.numbers = NULL};
    bool known = classify_with(model, c->pixels, false, &given);
    if (known) {
        require_same_answer(model, c->pixels, true, &given, "image by image answers otherwise");
        require_same_answer(other, c->pixels, false, &given, "another way answers otherwise");
    }
    if (c->options.unfused == 0 && ask(model).weight_bytes < (int64_t)FUZZ_MAX_SESSION) {
        check_compiled(model, c->options.cpu_mask, c->pixels, known ? &given : NULL);
    }
    free(given.numbers);
}

/* ---- an input ---- */

/* What takes too much memory is not tried in other ways. A path is opened without an allocator. */
static void open_all_ways(const choices *c, dp_model *backbone) {
    dp_model *models[WAYS] = {NULL};
    outcome first = {.status = DP_OK};
    for (int w = 0; w < WAYS; w++) {
        dp_model_options options = c->options;
        options.allocator = w == BY_PATH ? NULL : &memory.allocator;
        outcome now = backbone != NULL ? open_task_by((way)w, backbone, &models[w])
                                       : open_by((way)w, &options, &models[w]);
        fuzz_require((now.status == DP_OK) == (models[w] != NULL), "a model of a failure",
                     now.sentence);
        if (now.status == DP_ERR_MEMORY) {
            break;
        }
        if (w > 0) {
            require_same(first, now, "another way to open has another outcome");
        }
        first = now;
    }
    if (models[BY_MEMORY] != NULL) {
        use(models[BY_MEMORY], models[BY_PATH] != NULL ? models[BY_PATH] : models[BY_MEMORY], c);
    }
    for (int w = 0; w < WAYS; w++) {
        dp_model_close(models[w]);
    }
    for (size_t i = 0; i < BACKBONES && first.status == DP_ERR_BACKBONE && backbone == NULL; i++) {
        open_all_ways(c, backbones[i][c->form]);
    }
}

static void verify_all_ways(const choices *c) {
    dp_model_options options = c->options;
    options.allocator = &memory.allocator;
    outcome first = verify_by(BY_MEMORY, &options);
    for (int w = BY_READER; w < WAYS && first.status != DP_ERR_MEMORY; w++) {
        require_same(first, verify_by((way)w, &options), "another way to verify");
    }
}

static void remove_path(void) {
    (void)unlink(file.path);
}

static void open_backbones(size_t index) {
    static split_files files[BACKBONES]; /* the backbones are used where they are */
    files[index] = split_path(find_golden(backbone_files[index]).text);
    for (int form = 0; form < FORMS; form++) {
        dp_model_options options;
        dp_model_options_default(&options);
        options.as_backbone = 1;
        options.precision = form == 1 ? DP_PRECISION_INT8 : DP_PRECISION_F32;
        options.unfused = form == 2;
        fuzz_require(dp_model_open_memory(files[index].backbone, files[index].backbone_size,
                                          &options, &backbones[index][form]) == DP_OK,
                     "no backbone", dp_last_message());
    }
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count;
    (void)arguments;
    for (size_t i = 0; i < BACKBONES; i++) {
        open_backbones(i);
    }
    (void)snprintf(file.path, sizeof file.path, "%s/dualpath-fuzz-%ld", P_tmpdir, (long)getpid());
    fuzz_require(atexit(remove_path) == 0, "no atexit()", "");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t before = choice_bytes(data, size);
    choices c = choose((fuzz_input){data, before, 0});
    if (size == before) {
        return 0; /* how files are empty differs from way to way */
    }
    gguf_bytes packed = {0};
    uint8_t *copy = copy_aligned(data + before, size - before);
    file.bytes = copy;
    file.size = size - before;
    if (c.gzip) {
        packed = pack(file.bytes, file.size, c.damage);
        file.bytes = packed.bytes;
        file.size = packed.size;
    }
    test_allocator_init(&memory);
    memory.limit = FUZZ_MAX_MEMORY;
    write_path();
    verify_all_ways(&c);
    open_all_ways(&c, NULL);
    fuzz_require(memory.blocks == 0 && memory.mistakes == 0, "memory is not given back rightly",
                 "");
    gguf_free(&packed);
    free(copy);
    return 0;
}

/* ---- mutations ---- */

/* The compiled file of a model, or one half of it; 0 if it has none that fits. */
static size_t transform(uint8_t *bytes, size_t size, size_t max_size, unsigned seed) {
    dp_model *model = NULL;
    dp_model_options options;
    dp_model_options_default(&options);
    options.verify = 1;
    options.precision = 1 + (int32_t)(seed % 3);
    options.target = (int32_t)(seed / 3 % 6);
    test_allocator_init(&memory);
    memory.limit = FUZZ_MAX_SESSION;
    options.allocator = &memory.allocator;
    size_t made = 0;
    if (dp_model_open_memory(bytes, size, &options, &model) != DP_OK) {
        return 0;
    }
    if (ask(model).compiled == 0 && seed / 32 % 4 == 0) {
        split_files halves = split_model(bytes, size);
        bool task = seed / 128 % 2 != 0;
        made = task ? halves.task_size : halves.backbone_size;
        made = made <= max_size ? made : 0;
        memcpy(bytes, task ? halves.task : halves.backbone, made);
        split_free(&halves);
    } else if (dp_model_compile_memory(model, NULL, 0, &made) == DP_OK && made <= max_size) {
        uint8_t *compiled = compile(model, &made);
        dp_model_close(model); /* which may point at these bytes */
        model = NULL;
        memcpy(bytes, compiled, made);
        free(compiled);
    } else {
        made = 0;
    }
    dp_model_close(model);
    return made;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0 && size + CHOICES <= max_size) {
        memmove(data + CHOICES, data, size);
        memset(data, 0, CHOICES);
        size += CHOICES;
    }
    size_t before = choice_bytes(data, size);
    size_t made = 0;
    if (before == CHOICES && seed % 16 < 3) {
        data[seed / 16 % CHOICES] = (uint8_t)(seed / 64);
        return size;
    }
    if (seed % 64 == 5) {
        made = transform(data + before, size - before, max_size - before, seed / 64);
    } else if (seed % 16 != 4) {
        made = weight_mutate(data + before, size - before, max_size - before, seed);
    }
    return made != 0 ? before + made : LLVMFuzzerMutate(data, size, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_size, const uint8_t *second,
                                 size_t second_size, uint8_t *out, size_t max_size, unsigned seed) {
    size_t before = choice_bytes(first, first_size);
    size_t skipped = choice_bytes(second, second_size);
    memcpy(out, first, before);
    size_t made = weight_cross(first + before, first_size - before, second + skipped,
                               second_size - skipped, out + before, max_size - before, seed);
    return made != 0 ? before + made : 0;
}
