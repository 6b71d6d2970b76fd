/*
 * engine.c - opens a model and a session on it the way the command line asks.
 */
#include "cli.h"

#include <string.h>

#define AVX512 (DP_CPU_AVX2 | DP_CPU_AVX512)
#define NEON_DOT (DP_CPU_NEON | DP_CPU_DOTPROD)

/* An instruction set allows those below it. */
const choice cpu_choices[] = {{"auto", -1},
                              {"c", 0},
                              {"avx2", DP_CPU_AVX2},
                              {"avx2-vnni", DP_CPU_AVX2 | DP_CPU_VNNI},
                              {"avx512", AVX512},
                              {"avx512-vnni", AVX512 | DP_CPU_VNNI | DP_CPU_BF16},
                              {"amx", AVX512 | DP_CPU_VNNI | DP_CPU_BF16 | DP_CPU_AMX},
                              {"neon", DP_CPU_NEON},
                              {"neon-dot", NEON_DOT},
                              {"neon-i8mm", NEON_DOT | DP_CPU_I8MM | DP_CPU_ARM_BF16},
                              {NULL, 0}};

static int report_status(dp_status status, const char *subject, const char *message) {
    if (status == DP_OK) {
        return STATUS_OK;
    }
    if (interrupted()) {
        return STATUS_INTERRUPTED;
    }
    complain(subject, "%s", message);
    return STATUS_ERROR;
}

int check_status(dp_status status, const char *subject) {
    return report_status(status, subject, dp_last_message());
}

int check_memory(dp_status status, const char *subject, uint64_t max_memory, const char *remedy) {
    if (status != DP_ERR_MEMORY || max_memory == 0 || interrupted()) {
        return check_status(status, subject);
    }
    complain(subject, "%s (%s)", dp_last_message(), remedy);
    return STATUS_ERROR;
}

size_t memory_limit(uint64_t max_memory) {
    return max_memory < SIZE_MAX ? (size_t)max_memory : SIZE_MAX;
}

int engine_check(engine *e, dp_status status, const char *subject) {
    progress_clear(&e->progress);
    return report_status(status, subject, dp_session_message(e->session));
}

/* Whoever waits for an answer should know why it takes longer, or more memory. */
static void print_warning(void *user, dp_log_level level, const char *message) {
    if (level == DP_LOG_WARNING) {
        progress_clear(&((engine *)user)->progress);
        complain("warning", "%s", message);
    }
}

static dp_model_options make_options(engine *e, const engine_options *options) {
    dp_model_options made;
    dp_model_options_default(&made);
    made.log = print_warning;
    made.log_user = e;
    made.progress = progress_report;
    made.progress_user = &e->progress;
    made.cpu_mask = options->cpu < 0 ? DP_CPU_ALL : (uint32_t)options->cpu;
    made.precision = options->precision;
    made.target = options->target;
    made.unfused = options->unfused;
    made.verify = options->verify;
    made.as_backbone = options->backbone != NULL;
    made.max_memory = memory_limit(options->max_memory);
    return made;
}

static int check_opened(engine *e, dp_status status, const char *path,
                        const engine_options *options) {
    progress_clear(&e->progress);
    if (status == DP_ERR_BACKBONE && options->backbone == NULL) {
        complain(path, "%s (--backbone FILE names it)", dp_last_message());
        return STATUS_ERROR;
    }
    return check_memory(status, path, options->max_memory, "a larger --max-memory would help");
}

/* A task holds on to its backbone, and computes as that was opened. */
static int open_task(engine *e, const char *path, const engine_options *options) {
    dp_model *backbone = NULL;
    dp_model_options given = make_options(e, options);
    int status = check_opened(e, dp_model_open(options->backbone, &given, &backbone),
                              options->backbone, options);
    if (status == STATUS_OK) {
        dp_model_options task;
        dp_model_options_default(&task);
        task.progress = given.progress;
        task.progress_user = given.progress_user;
        task.verify = given.verify;
        status =
            check_opened(e, dp_model_open_task(backbone, path, &task, &e->model), path, options);
    }
    dp_model_close(backbone);
    return status;
}

static int open_model(engine *e, const char *path, const engine_options *options) {
    if (options->backbone != NULL) {
        return open_task(e, path, options);
    }
    dp_model_options given = make_options(e, options);
    return check_opened(e, dp_model_open(path, &given, &e->model), path, options);
}

static dp_status open_session(engine *e, const engine_options *options) {
    dp_session_options session_options;
    dp_session_options_default(&session_options);
    session_options.progress = progress_report;
    session_options.progress_user = &e->progress;
    session_options.threads = options->threads;
    session_options.image_by_image = options->image_by_image;
    session_options.attention = options->attention;
    return dp_session_create(e->model, &session_options, &e->session);
}

int engine_open(engine *e, const char *path, const engine_options *options) {
    memset(e, 0, sizeof *e);
    catch_interrupts();
    progress_start(&e->progress, options->quiet);
    int status = open_model(e, path, options);
    if (status == STATUS_OK) {
        dp_model_info_default(&e->info);
        status = check_status(dp_model_get_info(e->model, &e->info), path);
    }
    return status;
}

int engine_start(engine *e, const char *path, const engine_options *options) {
    int status = engine_open(e, path, options);
    if (status == STATUS_OK) {
        status = check_memory(open_session(e, options), path, options->max_memory,
                              options->image_by_image
                                  ? "a larger --max-memory would help"
                                  : "a larger --max-memory would help, or --image-by-image");
    }
    if (status == STATUS_OK) {
        status = check_status(dp_model_get_info(e->model, &e->info), path);
    }
    e->start_ms = now_ms() - e->progress.start_ms;
    return status;
}

void engine_limit_frames(const engine *e, const engine_options *options, uint64_t more,
                         frame_list *frames) {
    uint64_t taken = (uint64_t)e->info.counted_bytes + more;
    if (options->max_memory > 0) {
        frame_list_limit(frames, options->max_memory > taken ? options->max_memory - taken : 0);
    }
}

void engine_close(engine *e) {
    dp_session_destroy(e->session);
    dp_model_close(e->model);
    e->session = NULL;
    e->model = NULL;
}
