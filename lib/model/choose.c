/*
 * Which precision, target and GEMMs a model has. A compiled file says it, a task has those of its
 * backbone, and any other model is what the options ask for and the processor offers.
 */
#include "model/choose.h"
#include "base/bytes.h"
#include "dp_config.h"
#include "isa/isa.h"
#include "model/keys.h"

#include <string.h>

/* What weights are packed for, by a compiled file itself or by the options. */
typedef struct made_for {
    dp_precision precision;
    dp_target target;
} made_for;

/* "plain, rows, avx2": the targets that this machine reads in this precision. */
typedef struct target_list {
    char text[128];
} target_list;

static target_list list_targets(dp_precision precision, uint32_t cpu_mask) {
    target_list list = {""};
    for (int target = DP_TARGET_PLAIN; target < DPI_TARGET_COUNT; target++) {
        if (dpi_gemm_choose_for_target((dp_target)target, precision, cpu_mask) != NULL &&
            dpi_gemm_choose_for_target((dp_target)target, DP_PRECISION_F32, cpu_mask) != NULL) {
            size_t length = strlen(list.text);
            (void)dpi_print(list.text + length, sizeof list.text - length, "%s%s",
                            length > 0 ? ", " : "", dp_target_name(target));
        }
    }
    return list;
}

static dp_status read_precision(const dpi_gguf *gguf, dp_precision *precision,
                                dpi_message *message) {
    dpi_text text = {"", 0};
    dp_status status = dpi_gguf_text(gguf, DPI_KEY_COMPILED_PRECISION, true, &text, message);
    for (int i = DP_PRECISION_F32; status == DP_OK && i <= DP_PRECISION_INT8; i++) {
        if (dpi_text_equals(text, dp_precision_name((dp_precision)i))) {
            *precision = (dp_precision)i;
            return DP_OK;
        }
    }
    return status != DP_OK
               ? status
               : dpi_fail(
                     message, DP_ERR_UNSUPPORTED,
                     "this file is compiled with precision \"%s\", which version %s does not know",
                     DPI_SHOW(text), DP_VERSION_STRING);
}

static dp_status read_target(const dpi_gguf *gguf, dp_precision precision, uint32_t cpu_mask,
                             dp_target *target, dpi_message *message) {
    dpi_text text = {"", 0};
    dp_status status = dpi_gguf_text(gguf, DPI_KEY_COMPILED_TARGET, true, &text, message);
    for (int i = DP_TARGET_PLAIN; status == DP_OK && i < DPI_TARGET_COUNT; i++) {
        if (dpi_text_equals(text, dp_target_name(i))) {
            *target = (dp_target)i;
            return DP_OK;
        }
    }
    return status != DP_OK ? status
                           : dpi_fail(message, DP_ERR_UNSUPPORTED,
                                      "this file is compiled for \"%s\", which version %s does not "
                                      "know; this machine reads %s",
                                      DPI_SHOW(text), DP_VERSION_STRING,
                                      list_targets(precision, cpu_mask).text);
}

static dp_status read_made_for(const dpi_gguf *gguf, uint32_t cpu_mask, made_for *made,
                               dpi_message *message) {
    uint32_t version = 0;
    dp_status status =
        dpi_gguf_u32(gguf, DPI_KEY_COMPILED_VERSION, true, 0, UINT32_MAX, &version, message);
    if (status == DP_OK && version != DPI_COMPILED_VERSION) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "this compiled file has version %lu of its format, and this library reads "
                        "version %d: compile the model again",
                        (unsigned long)version, DPI_COMPILED_VERSION);
    }
    if (status == DP_OK && !dpi_is_little_endian()) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "compiled files are for little-endian machines: open the canonical file");
    }
    if (status == DP_OK) {
        status = read_precision(gguf, &made->precision, message);
    }
    return status == DP_OK ? read_target(gguf, made->precision, cpu_mask, &made->target, message)
                           : status;
}

static bool allows_precision(const dp_model_options *options, dp_precision precision) {
    return options->precision == DP_PRECISION_DEFAULT || options->precision == DP_PRECISION_AUTO ||
           options->precision == (int32_t)precision;
}

/* A compiled file is taken as it is or refused. */
static dp_status check_fit(const made_for *made, const dp_model_options *options,
                           dpi_message *message) {
    if (options->unfused != 0) {
        return dpi_fail(
            message, DP_ERR_UNSUPPORTED,
            "the weights of a compiled file are fused: `unfused` needs the canonical file");
    }
    if (options->as_backbone != 0) {
        return dpi_fail(
            message, DP_ERR_UNSUPPORTED,
            "the weights of a compiled file are fused: a backbone needs the canonical file");
    }
    if (!allows_precision(options, made->precision)) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "this file is compiled with precision %s, and %s was asked for",
                        dp_precision_name(made->precision),
                        dp_precision_name((dp_precision)options->precision));
    }
    if (options->target != DP_TARGET_NATIVE && options->target != (int32_t)made->target) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "this file is compiled for %s, and %s was asked for",
                        dp_target_name((int32_t)made->target), dp_target_name(options->target));
    }
    return DP_OK;
}

/* The GEMMs that read the panels of a target. Where there are none, and the options name the
 * target, the model gets GEMMs that can only be packed for. */
static dp_status choose_for_target(struct dp_model *model, const dp_model_options *options,
                                   uint32_t cpu_mask, dpi_message *message) {
    dp_target target = model->target;
    dp_precision precision = model->precision;
    model->gemm_f32 = dpi_gemm_choose_for_target(target, DP_PRECISION_F32, cpu_mask);
    model->gemm = dpi_gemm_choose_for_target(target, precision, cpu_mask);
    model->runnable = model->gemm_f32 != NULL && model->gemm != NULL;
    if (model->runnable) {
        return DP_OK;
    }
    if (options->target == DP_TARGET_NATIVE || dpi_target_packing(target, precision) == NULL) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED,
                        "this file is compiled for %s, which the instruction sets in use cannot "
                        "read: they read %s; compile the canonical file for one of them",
                        dp_target_name((int32_t)target), list_targets(precision, cpu_mask).text);
    }
    model->gemm_f32 = dpi_target_packing(target, DP_PRECISION_F32);
    model->gemm = dpi_target_packing(target, precision);
    return DP_OK;
}

bool dpi_is_compiled(const dpi_gguf *gguf) {
    return dpi_gguf_has(gguf, DPI_KEY_COMPILED_VERSION);
}

/* `quick` is what DP_PRECISION_AUTO means on this processor. */
static dp_precision choose_precision(const dp_model_options *options, dp_precision quick) {
    switch (options->precision) {
    case DP_PRECISION_DEFAULT:
        return DP_PRECISION_F32;
    case DP_PRECISION_AUTO:
        return options->unfused != 0 ? DP_PRECISION_F32 : quick;
    default:
        return (dp_precision)options->precision;
    }
}

/* The best GEMMs there are. */
static dp_status choose_native(struct dp_model *model, uint32_t cpu_mask, dpi_message *message) {
    model->gemm_f32 = dpi_gemm_choose(DP_PRECISION_F32, cpu_mask);
    model->gemm = dpi_gemm_choose(model->precision, cpu_mask);
    if (model->gemm == NULL) {
        return dpi_fail(message, DP_ERR_UNSUPPORTED, "this build does not multiply in %s",
                        dp_precision_name(model->precision));
    }
    model->target = dpi_target_of(model->gemm_f32, model->gemm);
    model->runnable = true;
    return DP_OK;
}

/* Those of the backbone, whose matrices are packed already. Options that ask for others are wrong.
 */
static dp_status choose_as_backbone(const dpi_opening *opening, struct dp_model *model,
                                    dpi_message *message) {
    const struct dp_model *backbone = opening->backbone;
    const dp_model_options *options = &opening->options;
    if (!allows_precision(options, backbone->precision)) {
        return dpi_fail(
            message, DP_ERR_ARGUMENT,
            "dp_model_options: a task has the precision of its backbone, %s, and %s was asked for",
            dp_precision_name(backbone->precision),
            dp_precision_name((dp_precision)options->precision));
    }
    if (options->target != DP_TARGET_NATIVE && options->target != (int32_t)backbone->target) {
        return dpi_fail(
            message, DP_ERR_ARGUMENT,
            "dp_model_options: a task has the target of its backbone, %s, and %s was asked for",
            dp_target_name((int32_t)backbone->target), dp_target_name(options->target));
    }
    if ((options->unfused != 0 && backbone->fused) ||
        (options->cpu_mask != DP_CPU_ALL && opening->cpu_mask != backbone->cpu_mask)) {
        return dpi_fail(message, DP_ERR_ARGUMENT,
                        "dp_model_options: %s is not that of the backbone, and a task has no other",
                        options->unfused != 0 && backbone->fused ? "unfused" : "cpu_mask");
    }
    model->cpu_mask = backbone->cpu_mask;
    model->kernels = backbone->kernels;
    model->precision = backbone->precision;
    model->target = backbone->target;
    model->gemm = backbone->gemm;
    model->gemm_f32 = backbone->gemm_f32;
    model->gemm_attention = backbone->gemm_attention;
    model->fused = backbone->fused;
    model->runnable = backbone->runnable;
    return DP_OK;
}

static dp_status choose_within(uint32_t cpu_mask, const dpi_gguf *gguf,
                               const dp_model_options *options, struct dp_model *model,
                               dpi_message *message) {
    made_for made = {choose_precision(options, dpi_precision_auto(cpu_mask)),
                     (dp_target)options->target};
    dp_status status = DP_OK;
    model->fused = options->unfused == 0;
    model->compiled = dpi_is_compiled(gguf);
    if (model->compiled) {
        status = read_made_for(gguf, cpu_mask, &made, message);
        status = status == DP_OK ? check_fit(&made, options, message) : status;
    } else if (!DPI_HAS_CANONICAL) {
        status = dpi_fail(message, DP_ERR_UNSUPPORTED,
                          "this build opens compiled models only (" DPI_KEY_COMPILED_VERSION ")");
    }
    if (status != DP_OK) {
        return status;
    }
    model->precision = made.precision;
    model->target = made.target;
    model->kernels = dpi_kernels_choose(cpu_mask);
    bool native = DPI_HAS_CANONICAL && made.target == DP_TARGET_NATIVE;
    status = native ? choose_native(model, cpu_mask, message)
                    : choose_for_target(model, options, cpu_mask, message);
    if (status == DP_OK) {
        model->gemm_attention = dpi_gemm_choose_for_attention(model->gemm, 1, cpu_mask);
    }
    return status;
}

static bool needs_amx(const struct dp_model *model) {
    return model->runnable && ((model->gemm->cpu | model->gemm_attention->cpu) & DP_CPU_AMX) != 0;
}

/* AMX is asked for when it is chosen, and not before. A choice without it comes next if the
 * operating system refuses. */
static dp_status choose_own(const dpi_gguf *gguf, const dpi_opening *opening,
                            struct dp_model *model, dpi_message *message) {
    const dp_model_options *options = &opening->options;
    uint32_t cpu_mask = opening->cpu_mask;
    model->cpu_mask = cpu_mask;
    dp_status status = choose_within(cpu_mask, gguf, options, model, message);
    if (status == DP_OK && needs_amx(model) && !dpi_amx_request()) {
        model->lacks_amx = true;
        status = choose_within(cpu_mask & ~DP_CPU_AMX, gguf, options, model, message);
    }
    return status;
}

dp_status dpi_choose_gemms(const dpi_gguf *gguf, const dpi_opening *opening, struct dp_model *model,
                           dpi_message *message) {
    return DPI_HAS_CANONICAL && opening->backbone != NULL
               ? choose_as_backbone(opening, model, message)
               : choose_own(gguf, opening, model, message);
}

void dpi_choose_attention(struct dp_model *model) {
    size_t tokens = model->parameters.tokens, most = model->gemm->attention.tokens_of_bytes;
    if (most > 0 && tokens > most) {
        model->gemm_attention = dpi_gemm_choose_for_attention(model->gemm, tokens, model->cpu_mask);
    }
}

const dpi_gemm *dpi_gemm_for_depth(const struct dp_model *model, const dpi_gemm *wanted,
                                   size_t inputs) {
    bool too_deep = wanted->layout.precision == DP_PRECISION_INT8 && inputs > DPI_MAX_BYTE_DEPTH;
    return too_deep ? model->gemm_f32 : wanted;
}
