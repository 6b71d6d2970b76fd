/*
 * compile.c - `dualpath compile`: a model file with its weights as they are multiplied with.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

const char compile_help[] =
    "Usage: dualpath compile MODEL -o FILE [OPTION]...\n"
    "\n"
    "Writes the model with its weights fused, rounded and laid out for a family of processors.\n"
    "Opening FILE copies no weights, and processes that have it open share its memory.\n"
    "\n"
    "  -o FILE            what to write; replaced when all is written\n"
    "  --backbone B       MODEL is a task of this model; FILE then holds both\n"
    "  --precision P      numbers to multiply in: f32 (default), bf16, int8, or auto: what this\n"
    "                     machine is fast in\n"
    "  --target NAME      native (default: this machine's), avx512 (with amx), avx2, neon, plain\n"
    "                     (C for any machine), rows (C without SIMD, for firmware)\n"
    "  --cpu SET          highest instruction set to use here: auto (default), amx, avx512-vnni,\n"
    "                     avx512, avx2-vnni, avx2; neon-i8mm, neon-dot, neon; c\n"
    "  --verify           check the model's checksums while opening it\n"
    "  --max-memory N     take no more than N bytes for the model; K, M, G, T may follow\n"
    "  --report           print what FILE takes where it runs in plain C (plain, rows): flash,\n"
    "                     memory of the model, arena of a session, stack\n"
    "  --quiet            print nothing when all is well, and no progress bar\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status: 0 success; 1 the model cannot be used, or FILE not written; 2 wrong command\n"
    "line; 130 interrupted.\n";

static const char *const model_name[] = {"MODEL", NULL};

static int write_model(engine *e, const char *path, bool quiet, size_t *bytes) {
    progress_start(&e->progress, quiet);
    dp_status status = dp_model_compile_memory(e->model, NULL, 0, bytes);
    if (status == DP_OK) {
        status = dp_model_compile_watched(e->model, path, progress_report, &e->progress);
    }
    progress_clear(&e->progress);
    return check_status(status, path);
}

/* ---- what it takes ---- */

/* The limit of stack that a call takes with plain C, whatever the model. `make firmware` reads it
 * here, and `make check-firmware` in the report. */
#define STACK_BYTES 4096

/* Counts the bytes that a model takes while it is opened, and afterwards. */
typedef struct counter {
    size_t held, peak;
} counter;

static void *count_allocation(void *user, size_t size) {
    counter *count = user;
    size_t rounded = (size + 63) & ~(size_t)63;
    count->held += rounded;
    count->peak = count->held > count->peak ? count->held : count->peak;
    return aligned_alloc(64, rounded);
}

static void count_release(void *user, void *block, size_t size) {
    counter *count = user;
    count->held -= (size + 63) & ~(size_t)63;
    free(block);
}

/* What a compiled file takes. */
typedef struct needs {
    size_t model, arena, pushed;
} needs;

/* The file as a small machine has it: in place, with plain C and one thread. Pointers are larger
 * here than there, so that this is never too little. */
static dp_status measure_file(const void *file, size_t bytes, needs *n) {
    counter count = {0, 0};
    dp_allocator allocator = {
        .allocate = count_allocation, .release = count_release, .user = &count};
    dp_model_options options;
    dp_session_options alone;
    dp_model *model = NULL;
    dp_model_options_default(&options);
    dp_session_options_default(&alone);
    options.allocator = &allocator;
    options.cpu_mask = 0;
    alone.threads = 1;
    dp_status status = dp_model_open_memory(file, bytes, &options, &model);
    if (status == DP_OK) {
        status = dp_session_size(model, &alone, &n->arena);
    }
    if (status == DP_OK) {
        alone.image_by_image = 1;
        status = dp_session_size(model, &alone, &n->pushed);
    }
    n->model = count.peak;
    dp_model_close(model);
    return status;
}

/* The same bytes as in the file, which may be a pipe, or could not be mapped. */
static int measure(const engine *e, size_t bytes, const char *path, needs *n) {
    size_t rounded = (bytes + 63) & ~(size_t)63;
    void *file = aligned_alloc(64, rounded);
    if (file == NULL) {
        complain("--report", "out of memory");
        return STATUS_ERROR;
    }
    dp_status status = dp_model_compile_memory(e->model, file, rounded, &bytes);
    if (status == DP_OK) {
        status = measure_file(file, bytes, n);
    }
    free(file);
    return check_status(status, path);
}

static void print_needs(const needs *n, size_t bytes) {
    printf("flash %12zu bytes: the file\n", bytes);
    printf("model %12zu bytes at most, of its allocator\n", n->model);
    printf("arena %12zu bytes at most, of a session\n", n->arena);
    printf("arena %12zu bytes at most, of one that goes image by image\n", n->pushed);
    printf("stack %12d bytes at most\n", STACK_BYTES);
}

int command_compile(int count, char **arguments) {
    engine_options o = {.cpu = -1};
    const char *path = NULL;
    const char *written = NULL;
    int32_t reported = 0;
    const option options[] = {
        FILE_OPTION("-o", &written),
        PRECISION_OPTION(&o.precision),
        NAME_OPTION("--target", &o.target, DP_TARGET_NATIVE, dp_target_name),
        CHOICE_OPTION("--cpu", &o.cpu, cpu_choices),
        FLAG_OPTION("--verify", &o.verify),
        FILE_OPTION("--backbone", &o.backbone),
        FLAG_OPTION("--report", &reported),
        BYTES_OPTION("--max-memory", &o.max_memory),
        FLAG_OPTION("--quiet", &o.quiet),
        NO_MORE_OPTIONS,
    };
    int status = parse_arguments(count, arguments, options, model_name, &path);
    if (status == STATUS_OK && written == NULL) {
        complain("-o", "is missing: the file to write");
        status = STATUS_USAGE;
    }
    if (status != STATUS_OK) {
        return status;
    }
    engine e;
    size_t bytes = 0;
    needs found = {0, 0, 0};
    status = engine_open(&e, path, &o);
    if (status == STATUS_OK) {
        status = write_model(&e, written, o.quiet != 0, &bytes);
    }
    if (status == STATUS_OK && reported) {
        status = measure(&e, bytes, written, &found);
    }
    if (status == STATUS_OK && !o.quiet) {
        print_text(stdout, written);
        printf(": %zu bytes, %s for %s\n", bytes, dp_precision_name(e.info.precision),
               dp_target_name(e.info.target));
    }
    if (status == STATUS_OK && reported) {
        print_needs(&found, bytes);
    }
    engine_close(&e);
    return status;
}
