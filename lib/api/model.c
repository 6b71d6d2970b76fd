/*
 * Handles of models: opening models and tasks, verifying files, compiling, and what a model tells
 * of itself. Arguments are checked here; lib/model does the work.
 */
#include "api/api.h"
#include "base/size.h"
#include "model/compile.h"
#include "model/load.h"
#include "os/environment.h"

#include <stddef.h>
#include <string.h>

static dp_status check_model_options(const dp_model_options *options, dpi_message *message) {
    int32_t precision = options->precision;
    if (precision < DP_PRECISION_DEFAULT || precision > DP_PRECISION_AUTO) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_model_options: precision is %d, expected a dp_precision",
                        (int)precision);
    }
    if (options->unfused != 0 &&
        (precision == DP_PRECISION_BF16 || precision == DP_PRECISION_INT8)) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "dp_model_options: unfused models are f32 only");
    }
    if (options->target < DP_TARGET_NATIVE || options->target >= DPI_TARGET_COUNT) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_model_options: target is %d, expected a dp_target",
                        (int)options->target);
    }
    return dpi_check_allocator("dp_model_options", options->allocator, message);
}

static dp_status resolve_model_options(const dp_model_options *given, dpi_opening *opening,
                                       dpi_message *message) {
    dp_model_options *options = &opening->options;
    *opening = (dpi_opening){.backbone = NULL};
    dp_status status = dpi_read_struct(&dpi_model_options_type, given, options, message);
    if (status == DP_OK) {
        status = check_model_options(options, message);
    }
    opening->cpu_mask = options->cpu_mask & dpi_environment_cpu_mask();
    opening->watch = (dpi_watch){.progress = options->progress, .user = options->progress_user};
    return status;
}

/* A task counts with its backbone, whose limit is the limit. */
static dp_status check_task_memory(const dpi_opening *opening, dpi_message *message) {
    size_t wanted = opening->options.max_memory;
    const dpi_account *account = opening->backbone->account;
    size_t limit = account != NULL ? account->limit : 0;
    return wanted == 0 || wanted == limit
               ? DP_OK
               : dpi_fail(message, DP_ERR_ARGUMENT,
                          "dp_model_options: a task has the max_memory of its backbone, %zu, and "
                          "%zu was asked for",
                          limit, wanted);
}

/* For a task that is given as a backbone: the backbone of that task. */
static dp_status resolve_backbone(dp_model *backbone, const dp_model_options *given,
                                  dpi_opening *opening, dpi_message *message) {
    dp_status status = resolve_model_options(given, opening, message);
    if (status != DP_OK) {
        return status;
    }
    if (backbone == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the backbone is NULL");
    }
    if (opening->options.as_backbone != 0) {
        return dpi_fail(
            message, DP_ERR_ARGUMENT,
            "dp_model_options: as_backbone is set for a task, which cannot be a backbone");
    }
    opening->backbone = backbone->backbone != NULL ? backbone->backbone : backbone;
    if (opening->backbone->gguf.tensor_count == 0) {
        return dpi_fail(message, DP_ERR_BACKBONE,
                        "the backbone was opened without as_backbone, so it did not keep the file "
                        "that tasks need");
    }
    return check_task_memory(opening, message);
}

/* ---- opening ---- */

/* Checks that there is a place for the model, and empties it. */
static dp_status clear_model(dp_model **model, dpi_message *message) {
    if (model == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the place for the new model is NULL");
    }
    *model = NULL;
    return DP_OK;
}

static dp_status check_origin(const dpi_origin *origin, dpi_message *message) {
    if (origin->kind == DPI_FROM_PATH && origin->path == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the path of the model is NULL");
    }
    if (origin->kind == DPI_FROM_MEMORY && origin->bytes == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the bytes of the model are NULL");
    }
    return origin->kind == DPI_FROM_READER ? dpi_check_reader(origin->reader, message) : DP_OK;
}

static dpi_origin from_path(const char *path) {
    return (dpi_origin){.kind = DPI_FROM_PATH, .path = path};
}

static dpi_origin from_memory(const void *bytes, size_t size) {
    return (dpi_origin){.kind = DPI_FROM_MEMORY, .bytes = bytes, .size = size};
}

static dpi_origin from_reader(const dp_reader *reader) {
    return (dpi_origin){.kind = DPI_FROM_READER, .reader = reader};
}

static dp_status open_model(dpi_origin origin, const dp_model_options *options, dp_model **model) {
    dpi_message *message = dpi_thread_message();
    dpi_opening opening;
    dp_status status = clear_model(model, message);
    if (status == DP_OK) {
        status = resolve_model_options(options, &opening, message);
    }
    if (status == DP_OK) {
        status = check_origin(&origin, message);
    }
    return status == DP_OK ? dpi_model_load(&origin, &opening, model, message) : status;
}

static dp_status open_on_backbone(dp_model *backbone, dpi_origin origin,
                                  const dp_model_options *options, dp_model **model) {
    dpi_message *message = dpi_thread_message();
    dpi_opening opening;
    dp_status status = clear_model(model, message);
    if (status == DP_OK) {
        status = resolve_backbone(backbone, options, &opening, message);
    }
    if (status == DP_OK) {
        status = check_origin(&origin, message);
    }
    return status == DP_OK ? dpi_model_load(&origin, &opening, model, message) : status;
}

dp_status dp_model_open(const char *path, const dp_model_options *options, dp_model **model) {
    return open_model(from_path(path), options, model);
}

dp_status dp_model_open_memory(const void *bytes, size_t size, const dp_model_options *options,
                               dp_model **model) {
    return open_model(from_memory(bytes, size), options, model);
}

dp_status dp_model_open_reader(const dp_reader *reader, const dp_model_options *options,
                               dp_model **model) {
    return open_model(from_reader(reader), options, model);
}

dp_status dp_model_open_task(dp_model *backbone, const char *path, const dp_model_options *options,
                             dp_model **model) {
    return open_on_backbone(backbone, from_path(path), options, model);
}

dp_status dp_model_open_task_memory(dp_model *backbone, const void *bytes, size_t size,
                                    const dp_model_options *options, dp_model **model) {
    return open_on_backbone(backbone, from_memory(bytes, size), options, model);
}

dp_status dp_model_open_task_reader(dp_model *backbone, const dp_reader *reader,
                                    const dp_model_options *options, dp_model **model) {
    return open_on_backbone(backbone, from_reader(reader), options, model);
}

void dp_model_close(dp_model *model) {
    if (model != NULL) {
        dpi_model_release(model);
    }
}

/* ---- verifying ---- */

static dp_status verify_file(dpi_origin origin, const dp_model_options *options) {
    dpi_message *message = dpi_thread_message();
    dpi_opening opening;
    dp_status status = resolve_model_options(options, &opening, message);
    if (status == DP_OK) {
        status = check_origin(&origin, message);
    }
    return status == DP_OK ? dpi_weight_file_verify(&origin, &opening, message) : status;
}

dp_status dp_model_verify(const char *path, const dp_model_options *options) {
    return verify_file(from_path(path), options);
}

dp_status dp_model_verify_memory(const void *bytes, size_t size, const dp_model_options *options) {
    return verify_file(from_memory(bytes, size), options);
}

dp_status dp_model_verify_reader(const dp_reader *reader, const dp_model_options *options) {
    return verify_file(from_reader(reader), options);
}

/* ---- compiling ---- */

dp_status dp_model_compile(const dp_model *model, const char *path) {
    return dp_model_compile_watched(model, path, NULL, NULL);
}

dp_status dp_model_compile_watched(const dp_model *model, const char *path, dp_progress_fn progress,
                                   void *progress_user) {
    dpi_message *message = dpi_thread_message();
    dpi_watch watch = {.progress = progress, .user = progress_user};
    if (model == NULL || path == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the %s is NULL",
                        model == NULL ? "model" : "path of the file");
    }
    return dpi_compile_to_path(model, path, &watch, message);
}

dp_status dp_model_compile_memory(const dp_model *model, void *buffer, size_t capacity,
                                  size_t *size) {
    dpi_message *message = dpi_thread_message();
    if (size != NULL) {
        *size = 0;
    }
    if (model == NULL || size == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the %s is NULL",
                        model == NULL ? "model" : "place for the size");
    }
    return dpi_compile_to_memory(model, buffer, capacity, size, message);
}

dp_status dp_model_compile_writer(const dp_model *model, const dp_writer *writer) {
    dpi_message *message = dpi_thread_message();
    if (model == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "the model is NULL");
    }
    dp_status status = dpi_check_writer(writer, message);
    return status == DP_OK ? dpi_compile_to_writer(model, writer, message) : status;
}

/* ---- queries ---- */

static int64_t held_bytes(const dp_model *model) {
    return (int64_t)(model->arena.size + model->source.size);
}

static int32_t widest_adapter(const dpi_parameters *p) {
    size_t widest = 0;
    for (size_t site = 0; site < DPI_ADAPTER_SITES; site++) {
        widest = dpi_size_max(widest, p->bottleneck[site]);
    }
    return (int32_t)widest;
}

static void add_protocol(const dp_model *model, dp_model_info *info) {
    const dpi_protocol *protocol = &model->parameters.protocol;
    info->protocol = model->protocol;
    info->past_end = dpi_choice_name(DPI_PARAMETER_PAST_END, protocol->past_end);
    info->average = dpi_choice_name(DPI_PARAMETER_AVERAGE, protocol->average);
    info->resize_filter = dpi_choice_name(DPI_PARAMETER_FILTER, protocol->filter);
    info->resize_long_side = dpi_choice_name(DPI_PARAMETER_LONG_SIDE, protocol->long_side);
    info->crop_offset = dpi_choice_name(DPI_PARAMETER_CROP_OFFSET, protocol->crop_offset);
    info->sampling = protocol->sampling;
    info->views = (int32_t)protocol->views;
    info->crops = (int32_t)protocol->crops;
    info->resize_antialias = protocol->resize_antialias;
    info->grid_antialias = protocol->grid_antialias;
    info->position_antialias = protocol->position_antialias;
}

static dp_model_info collect_info(const dp_model *model) {
    const dpi_parameters *p = &model->parameters;
    dp_model_info info = {
        .name = model->name,
        .description = model->description,
        .kernels = model->gemm->name,
        .file_type = model->file_type,
        .backbone = model->backbone_hash.text,
        .precision = (int32_t)model->precision,
        .target = (int32_t)model->target,
        .compiled = model->compiled ? 1 : 0,
        .input_size = (int32_t)p->image_size,
        .patch_size = (int32_t)p->patch_size,
        .width = (int32_t)p->width,
        .heads = (int32_t)p->heads,
        .blocks = (int32_t)p->blocks,
        .feature_size = (int32_t)p->feature_size,
        .classes = (int32_t)p->classes,
        .frames = (int32_t)p->frames,
        .spatial_frames = (int32_t)p->spatial_frames,
        .grid = (int32_t)p->grid,
        .framesets = (int32_t)p->framesets,
        .sampling_rate = (int32_t)p->sampling_rate,
        .adapter_width = widest_adapter(p),
        .parameters = model->parameter_count,
        .adapter_parameters = model->adapter_parameter_count,
        .macs = dpi_view_macs(model),
        .weight_bytes = held_bytes(model),
        .shared_bytes = model->backbone != NULL ? held_bytes(model->backbone) : 0,
        .counted_bytes = (int64_t)dpi_account_used(model->account),
    };
    add_protocol(model, &info);
    memcpy(info.mean, p->mean, sizeof info.mean);
    memcpy(info.std, p->std, sizeof info.std);
    return info;
}

dp_status dp_model_get_info(const dp_model *model, dp_model_info *info) {
    dpi_message *message = dpi_thread_message();
    if (model == NULL || info == NULL) {
        return dpi_fail(message, DP_ERR_ARGUMENT, "%s is NULL",
                        model == NULL ? "the model" : "the place for its info");
    }
    dp_status status = dpi_check_struct_size(&dpi_model_info_type, info, message);
    if (status == DP_OK) {
        dp_model_info known = collect_info(model);
        dpi_write_struct(&dpi_model_info_type, &known, info);
    }
    return status;
}

const char *dp_model_label(const dp_model *model, int32_t index) {
    if (model == NULL || index < 0 || (size_t)index >= model->parameters.classes) {
        return NULL;
    }
    return model->labels != NULL ? model->labels[index] : "";
}
