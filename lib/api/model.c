/*
 * Opening models and tasks, from a path, from memory and from a callback, compiling and asking
 * them.
 */
#include "api/api.h"
#include "base/size.h"
#include "os/environment.h"
#include "os/memory.h"

#include <stddef.h>
#include <string.h>

static dp_status check_options(const dp_model_options *options, dp_message *message) {
    int32_t precision = options->precision;
    if (precision < DP_PRECISION_DEFAULT || precision > DP_PRECISION_AUTO) {
        return dp_fail(message, DP_ERR_ARGUMENT,
                       "dp_model_options: precision is %d, expected a dp_precision",
                       (int)precision);
    }
    if (options->unfused != 0 &&
        (precision == DP_PRECISION_BF16 || precision == DP_PRECISION_INT8)) {
        return dp_fail(message, DP_ERR_ARGUMENT, "dp_model_options: unfused models are f32 only");
    }
    if (dp_target_name(options->target) == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT,
                       "dp_model_options: target is %d, expected a dp_target",
                       (int)options->target);
    }
    return dp_check_allocator("dp_model_options", options->allocator, message);
}

static dp_status resolve_options(const dp_model_options *given, dp_opening *opening,
                                 dp_message *message) {
    dp_model_options *options = &opening->options;
    *opening = (dp_opening){.backbone = NULL};
    dp_model_options_default(options);
    dp_status status = dp_copy_struct("dp_model_options", given, options, sizeof *options,
                                      offsetof(dp_model_options, reserved), message);
    if (status == DP_OK) {
        status = check_options(options, message);
    }
    opening->cpu_mask = options->cpu_mask & dp_environment_cpu_mask();
    return status;
}

/* The backbone of a task; of a task on it, for what those two share. */
static dp_status resolve_backbone(dp_model *backbone, const dp_model_options *given,
                                  dp_opening *opening, dp_message *message) {
    dp_status status = resolve_options(given, opening, message);
    if (status != DP_OK) {
        return status;
    }
    if (backbone == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the backbone is NULL");
    }
    if (opening->options.as_backbone != 0) {
        return dp_fail(message, DP_ERR_ARGUMENT,
                       "dp_model_options: as_backbone is set for a task, which is none");
    }
    opening->backbone = backbone->backbone != NULL ? backbone->backbone : backbone;
    if (opening->backbone->gguf.tensor_count == 0) {
        return dp_fail(message, DP_ERR_BACKBONE,
                       "the backbone was opened without as_backbone: it does not keep what tasks "
                       "are fused with");
    }
    return DP_OK;
}

static void log_text(const dp_model_options *options, dp_log_level level, const char *text) {
    if (options->log != NULL) {
        options->log(options->log_user, level, text);
    }
}

static dp_status check_tensors(const dp_source *source, const dp_gguf *gguf, dp_message *message) {
    if (!gguf->has_crcs) {
        return dp_fail(message, DP_ERR_UNSUPPORTED,
                       "dualpath.tensor_crc32: this file carries no checksums to verify");
    }
    dp_status status = DP_OK;
    for (size_t i = 0; i < gguf->tensor_count && status == DP_OK; i++) {
        status = dp_tensor_check(&gguf->tensors[i], message);
        dp_source_unload(source, gguf->tensors[i].data, gguf->tensors[i].bytes);
    }
    return status;
}

/* What is done with a parsed file: building a model, which may take source and file, or only
 * checking it (model == NULL). */
static dp_status use_gguf(dp_source *source, dp_gguf *gguf, bool inflated,
                          const dp_opening *opening, dp_model **model, dp_message *message) {
    dp_status status = DP_OK;
    if (model == NULL || opening->options.verify != 0 || (inflated && gguf->has_crcs)) {
        status = check_tensors(source, gguf, message);
    }
    if (status == DP_OK && model != NULL) {
        status = dp_model_build(gguf, source, opening, model, message);
    }
    return status;
}

/* Into memory of our own, because kernels read weights at aligned addresses. */
static dp_status copy_source(dp_source *source, const dp_model_options *options,
                             dp_message *message) {
    uint8_t *block = dp_allocate(options->allocator, source->size);
    if (block == NULL) {
        return dp_fail(message, DP_ERR_MEMORY,
                       "the bytes of the compiled model are not aligned to %d, and %zu bytes for "
                       "a copy could not be had",
                       DP_ALIGNMENT, source->size);
    }
    log_text(options, DP_LOG_WARNING,
             "the bytes of the compiled model are not aligned to 64: they are copied");
    memcpy(block, source->bytes, source->size);
    *source = (dp_source){.bytes = block,
                          .size = source->size,
                          .block = block,
                          .allocated = source->size,
                          .allocator = options->allocator};
    return DP_OK;
}

/* Compiled weights that begin where none can be read are copied first. */
static dp_status parse_and_use(dp_source *source, bool inflated, const dp_opening *opening,
                               dp_model **model, dp_message *message) {
    const dp_model_options *options = &opening->options;
    bool aligned = (uintptr_t)source->bytes % DP_ALIGNMENT == 0;
    dp_gguf gguf;
    dp_status status =
        dp_gguf_parse(source->bytes, source->size, options->allocator, &gguf, message);
    if (status == DP_OK && !aligned && model != NULL && dp_is_compiled(&gguf)) {
        dp_gguf_free(&gguf);
        status = copy_source(source, options, message);
        if (status == DP_OK) {
            status = dp_gguf_parse(source->bytes, source->size, options->allocator, &gguf, message);
        }
    }
    if (status == DP_OK) {
        status = use_gguf(source, &gguf, inflated, opening, model, message);
        dp_gguf_free(&gguf);
    }
    return status;
}

static dp_status report_reading(const dp_model_options *options, dp_message *message) {
    if (options->progress == NULL ||
        options->progress(options->progress_user, "reading", 0.0) == 0) {
        return DP_OK;
    }
    return dp_fail(message, DP_ERR_CANCELLED, "opening was cancelled while reading");
}

/* The source becomes what it inflates to. */
static dp_status inflate_source(dp_source *source, const dp_model_options *options,
                                dp_message *message) {
    dp_source inflated;
    dp_status status =
        dp_inflate(source, options->max_inflated_size, options->allocator, &inflated, message);
    if (status == DP_OK) {
        dp_source_close(source);
        *source = inflated;
    }
    return status;
}

/* Closes the source, unless the model keeps it. */
static dp_status use_source(dp_source *source, const dp_opening *opening, dp_model **model,
                            dp_message *message) {
    const dp_model_options *options = &opening->options;
    bool packed = dp_is_gzip(source->bytes, source->size);
    dp_status status = report_reading(options, message);
    if (status == DP_OK && packed) {
        status = inflate_source(source, options, message);
    }
    if (status == DP_OK) {
        status = parse_and_use(source, packed, opening, model, message);
    }
    dp_source_close(source);
    if (status == DP_OK && model != NULL) {
        log_text(options, DP_LOG_INFO, (*model)->description);
    }
    return status;
}

/* ---- from a path and from memory ---- */

static dp_status use_path(const char *path, const dp_opening *opening, dp_model **model,
                          dp_message *message) {
    dp_source source = {.bytes = NULL};
    if (path == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the path of the model is NULL");
    }
    dp_status status = dp_file_open(path, opening->options.allocator, &source.file, message);
    if (status != DP_OK) {
        return status;
    }
    source.bytes = source.file.bytes;
    source.size = source.file.size;
    return use_source(&source, opening, model, message);
}

static dp_status use_memory(const void *bytes, size_t size, const dp_opening *opening,
                            dp_model **model, dp_message *message) {
    dp_source source = {.bytes = bytes, .size = size};
    if (bytes == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the bytes of the model are NULL");
    }
    return use_source(&source, opening, model, message);
}

/* ---- reading through a callback ---- */

static dp_status grow(dp_source *to, dp_message *message) {
    size_t capacity = to->allocated == 0 ? (size_t)1 << 20 : 0;
    if (to->allocated != 0 && !dp_size_mul(to->allocated, 2, &capacity)) {
        return dp_fail(message, DP_ERR_MEMORY, "the model is too large to be read into memory");
    }
    uint8_t *block = dp_allocate(to->allocator, capacity);
    if (block == NULL) {
        return dp_fail(message, DP_ERR_MEMORY, "%zu bytes to read the model into could not be had",
                       capacity);
    }
    if (to->block != NULL) {
        dp_move_block(to->allocator, block, to->block, to->size, to->allocated);
    }
    to->bytes = to->block = block;
    to->allocated = capacity;
    return DP_OK;
}

static dp_status read_all(const dp_reader *reader, const dp_model_options *options, dp_source *to,
                          dp_message *message) {
    for (;;) {
        dp_status status = report_reading(options, message);
        if (status == DP_OK && to->size == to->allocated) {
            status = grow(to, message);
        }
        if (status != DP_OK) {
            return status;
        }
        size_t room = to->allocated - to->size;
        int64_t count = reader->read(reader->user, to->size, to->block + to->size, room);
        if (count < 0 || (uint64_t)count > room) {
            return dp_fail(message, DP_ERR_IO,
                           "the read callback answered %lld at byte %zu, asked for %zu",
                           (long long)count, to->size, room);
        }
        if (count == 0) {
            return DP_OK;
        }
        to->size += (size_t)count;
    }
}

static dp_status use_reader(const dp_reader *reader, const dp_opening *opening, dp_model **model,
                            dp_message *message) {
    dp_source all = {.allocator = opening->options.allocator};
    if (reader == NULL || reader->read == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the read callback is NULL");
    }
    dp_status status = read_all(reader, &opening->options, &all, message);
    if (status == DP_OK) {
        return use_source(&all, opening, model, message);
    }
    dp_source_close(&all);
    return status;
}

/* ---- the calls ---- */

/* Whether there is a place for the model, which then holds none. */
static dp_status clear_output(dp_model **model, dp_message *message) {
    if (model == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the place for the new model is NULL");
    }
    *model = NULL;
    return DP_OK;
}

/* What the three calls for models of their own begin with, and those for tasks. */
static dp_status begin(const dp_model_options *options, dp_opening *opening, dp_model **model,
                       dp_message *message) {
    dp_status status = clear_output(model, message);
    return status == DP_OK ? resolve_options(options, opening, message) : status;
}

static dp_status begin_task(dp_model *backbone, const dp_model_options *options,
                            dp_opening *opening, dp_model **model, dp_message *message) {
    dp_status status = clear_output(model, message);
    return status == DP_OK ? resolve_backbone(backbone, options, opening, message) : status;
}

dp_status dp_model_open(const char *path, const dp_model_options *options, dp_model **model) {
    dp_message *message = dp_thread_message();
    dp_opening opening;
    dp_status status = begin(options, &opening, model, message);
    return status == DP_OK ? use_path(path, &opening, model, message) : status;
}

dp_status dp_model_open_memory(const void *bytes, size_t size, const dp_model_options *options,
                               dp_model **model) {
    dp_message *message = dp_thread_message();
    dp_opening opening;
    dp_status status = begin(options, &opening, model, message);
    return status == DP_OK ? use_memory(bytes, size, &opening, model, message) : status;
}

dp_status dp_model_open_reader(const dp_reader *reader, const dp_model_options *options,
                               dp_model **model) {
    dp_message *message = dp_thread_message();
    dp_opening opening;
    dp_status status = begin(options, &opening, model, message);
    return status == DP_OK ? use_reader(reader, &opening, model, message) : status;
}

dp_status dp_model_open_task(dp_model *backbone, const char *path, const dp_model_options *options,
                             dp_model **model) {
    dp_message *message = dp_thread_message();
    dp_opening opening;
    dp_status status = begin_task(backbone, options, &opening, model, message);
    return status == DP_OK ? use_path(path, &opening, model, message) : status;
}

dp_status dp_model_open_task_memory(dp_model *backbone, const void *bytes, size_t size,
                                    const dp_model_options *options, dp_model **model) {
    dp_message *message = dp_thread_message();
    dp_opening opening;
    dp_status status = begin_task(backbone, options, &opening, model, message);
    return status == DP_OK ? use_memory(bytes, size, &opening, model, message) : status;
}

dp_status dp_model_open_task_reader(dp_model *backbone, const dp_reader *reader,
                                    const dp_model_options *options, dp_model **model) {
    dp_message *message = dp_thread_message();
    dp_opening opening;
    dp_status status = begin_task(backbone, options, &opening, model, message);
    return status == DP_OK ? use_reader(reader, &opening, model, message) : status;
}

dp_status dp_model_verify(const char *path, const dp_model_options *options) {
    dp_message *message = dp_thread_message();
    dp_opening opening;
    dp_status status = resolve_options(options, &opening, message);
    return status == DP_OK ? use_path(path, &opening, NULL, message) : status;
}

dp_status dp_model_compile(const dp_model *model, const dp_writer *writer) {
    dp_message *message = dp_thread_message();
    if (model == NULL || writer == NULL || writer->write == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "the %s is NULL",
                       model == NULL ? "model" : "write callback");
    }
    return dp_model_write(model, writer, message);
}

void dp_model_close(dp_model *model) {
    if (model != NULL) {
        dp_model_release(model);
    }
}

/* ---- queries ---- */

static int64_t held_bytes(const dp_model *model) {
    return (int64_t)(model->arena.size + model->source.size);
}

static void fill_info(const dp_model *model, dp_model_info *info) {
    const dp_parameters *p = &model->parameters;
    info->name = model->name;
    info->description = model->description;
    info->precision = dp_precision_name(model->precision);
    info->kernels = model->gemm->name;
    info->file_type = model->file_type;
    info->input_size = (int32_t)p->image_size;
    info->patch_size = (int32_t)p->patch_size;
    info->width = (int32_t)p->width;
    info->heads = (int32_t)p->heads;
    info->blocks = (int32_t)p->blocks;
    info->feature_size = (int32_t)p->feature_size;
    info->classes = (int32_t)p->classes;
    info->frames = (int32_t)p->frames;
    info->spatial_frames = (int32_t)p->spatial_frames;
    info->grid = (int32_t)p->grid;
    info->framesets = (int32_t)p->framesets;
    info->sampling_rate = (int32_t)p->sampling_rate;
    info->adapter_width = 0;
    for (size_t site = 0; site < DP_ADAPTER_SITES; site++) {
        int32_t b = (int32_t)p->bottleneck[site];
        info->adapter_width = b > info->adapter_width ? b : info->adapter_width;
    }
    memcpy(info->mean, p->mean, sizeof info->mean);
    memcpy(info->std, p->std, sizeof info->std);
    info->parameters = model->parameter_count;
    info->adapter_parameters = model->adapter_parameter_count;
    info->macs = dp_count_macs(model);
    info->weight_bytes = held_bytes(model);
    info->target = (int32_t)model->target;
    info->compiled = model->compiled ? 1 : 0;
    info->backbone = model->backbone_hash.text;
    info->shared_bytes = model->backbone != NULL ? held_bytes(model->backbone) : 0;
}

dp_status dp_model_get_info(const dp_model *model, dp_model_info *info) {
    dp_message *message = dp_thread_message();
    if (model == NULL || info == NULL) {
        return dp_fail(message, DP_ERR_ARGUMENT, "%s is NULL",
                       model == NULL ? "the model" : "the place for its info");
    }
    dp_model_info known;
    dp_status status = dp_copy_struct("dp_model_info", info, &known, sizeof known,
                                      offsetof(dp_model_info, reserved), message);
    if (status == DP_OK) {
        fill_info(model, info);
    }
    return status;
}

const char *dp_model_label(const dp_model *model, int32_t index) {
    if (model == NULL || index < 0 || (size_t)index >= model->parameters.classes) {
        return NULL;
    }
    return model->labels != NULL ? model->labels[index] : "";
}
