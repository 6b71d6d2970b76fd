/*
 * info.c - `dualpath info` and `dualpath verify`: what a model file is, and whether it is whole.
 */
#include "cli.h"

#include <inttypes.h>

const char info_help[] =
    "Usage: dualpath info MODEL [OPTION]...\n"
    "\n"
    "Prints what there is to know about a model, and its labels.\n"
    "\n"
    "  --json         print one JSON object on one line\n"
    "  --backbone B   MODEL is a task of this model\n"
    "  --cpu SET      highest instruction set to use: auto (default), amx, avx512-vnni,\n"
    "                 avx512, avx2-vnni, avx2; neon-i8mm, neon-dot, neon; c\n"
    "  --precision P  numbers to multiply in: f32 (default; a compiled file has its own), bf16,\n"
    "                 int8, auto\n"
    "  --verify       check the model's checksums while opening it\n"
    "  --max-memory N take no more than N bytes; K, M, G, T may follow\n"
    "  -h, --help     this text\n"
    "\n"
    "Exit status: 0 success; 1 the model cannot be used; 2 wrong command line; 130 interrupted.\n";

const char verify_help[] =
    "Usage: dualpath verify MODEL [OPTION]...\n"
    "\n"
    "Checks every tensor of a model file against the checksum that the file carries for it.\n"
    "\n"
    "  --max-memory N take no more than N bytes; K, M, G, T may follow\n"
    "  --quiet        print nothing when all is well, and no progress bar\n"
    "  -h, --help     this text\n"
    "\n"
    "Exit status: 0 all is well; 1 a tensor differs, or the file cannot be used; 2 wrong command\n"
    "line; 130 interrupted.\n";

static const char *const model_name[] = {"MODEL", NULL};

/* One fact, once for people and once for programs: text or a whole number. */
typedef struct fact {
    const char *key;
    const char *text; /* NULL: it is the number */
    int64_t number;
} fact;

#define MAX_FACTS 48

/* Fills `facts` and returns how many there are. */
static size_t list_facts(const dp_model_info *info, fact facts[MAX_FACTS]) {
    const fact all[] = {
        {"name", info->name, 0},
        {"description", info->description, 0},
        {"precision", dp_precision_name(info->precision), 0},
        {"kernels", info->kernels, 0},
        {"file_type", info->file_type, 0},
        {"target", dp_target_name(info->target), 0},
        {"compiled", NULL, info->compiled},
        {"input_size", NULL, info->input_size},
        {"patch_size", NULL, info->patch_size},
        {"width", NULL, info->width},
        {"heads", NULL, info->heads},
        {"blocks", NULL, info->blocks},
        {"feature_size", NULL, info->feature_size},
        {"classes", NULL, info->classes},
        {"frames", NULL, info->frames},
        {"spatial_frames", NULL, info->spatial_frames},
        {"grid", NULL, info->grid},
        {"framesets", NULL, info->framesets},
        {"sampling_rate", NULL, info->sampling_rate},
        {"adapter_width", NULL, info->adapter_width},
        {"parameters", NULL, info->parameters},
        {"adapter_parameters", NULL, info->adapter_parameters},
        {"macs", NULL, info->macs},
        {"weight_bytes", NULL, info->weight_bytes},
        {"backbone", info->backbone, 0},
        {"shared_bytes", NULL, info->shared_bytes},
        {"counted_bytes", NULL, info->counted_bytes},
        {"sampling", dp_sampling_name(info->sampling), 0},
        {"past_end", info->past_end, 0},
        {"views", NULL, info->views},
        {"crops", NULL, info->crops},
        {"average", info->average, 0},
        {"resize_filter", info->resize_filter, 0},
        {"resize_long_side", info->resize_long_side, 0},
        {"resize_antialias", NULL, info->resize_antialias},
        {"grid_antialias", NULL, info->grid_antialias},
        {"position_antialias", NULL, info->position_antialias},
        {"crop_offset", info->crop_offset, 0},
        {"protocol", info->protocol, 0},
    };
    size_t count = sizeof all / sizeof all[0];
    for (size_t i = 0; i < count; i++) {
        facts[i] = all[i];
    }
    return count;
}

static void print_info(const dp_model *model, const dp_model_info *info) {
    fact facts[MAX_FACTS];
    size_t count = list_facts(info, facts);
    for (size_t i = 0; i < count; i++) {
        printf("%-20s", facts[i].key);
        if (facts[i].text != NULL) {
            print_text(stdout, facts[i].text);
            putchar('\n');
        } else {
            printf("%" PRId64 "\n", facts[i].number);
        }
    }
    printf("%-20s%g %g %g\n", "mean", (double)info->mean[0], (double)info->mean[1],
           (double)info->mean[2]);
    printf("%-20s%g %g %g\n", "std", (double)info->std[0], (double)info->std[1],
           (double)info->std[2]);
    for (int32_t i = 0; i < info->classes; i++) {
        const char *label = dp_model_label(model, i);
        if (label[0] != '\0') {
            printf("label %-14d", i);
            print_text(stdout, label);
            putchar('\n');
        }
    }
}

static void print_info_json(const dp_model *model, const dp_model_info *info) {
    json j = {stdout, false};
    fact facts[MAX_FACTS];
    size_t count = list_facts(info, facts);
    json_open(&j, '{');
    for (size_t i = 0; i < count; i++) {
        json_key(&j, facts[i].key);
        if (facts[i].text != NULL) {
            json_string(&j, facts[i].text);
        } else {
            json_integer(&j, facts[i].number);
        }
    }
    json_key(&j, "mean");
    json_numbers(&j, info->mean, 3);
    json_key(&j, "std");
    json_numbers(&j, info->std, 3);
    json_key(&j, "labels");
    json_labels(&j, model, info->classes);
    json_close(&j, '}');
    putchar('\n');
}

int command_info(int count, char **arguments) {
    engine_options o = {.cpu = -1};
    int32_t as_json = 0;
    const option options[] = {
        CHOICE_OPTION("--cpu", &o.cpu, cpu_choices),
        PRECISION_OPTION(&o.precision),
        FLAG_OPTION("--verify", &o.verify),
        FILE_OPTION("--backbone", &o.backbone),
        BYTES_OPTION("--max-memory", &o.max_memory),
        FLAG_OPTION("--json", &as_json),
        NO_MORE_OPTIONS,
    };
    const char *path = NULL;
    int status = parse_arguments(count, arguments, options, model_name, &path);
    if (status != STATUS_OK) {
        return status;
    }
    engine e;
    status = engine_open(&e, path, &o);
    if (status == STATUS_OK && as_json) {
        print_info_json(e.model, &e.info);
    } else if (status == STATUS_OK) {
        print_info(e.model, &e.info);
    }
    engine_close(&e);
    return status;
}

int command_verify(int count, char **arguments) {
    int32_t quiet = 0;
    uint64_t max_memory = 0;
    const option options[] = {
        BYTES_OPTION("--max-memory", &max_memory),
        FLAG_OPTION("--quiet", &quiet),
        NO_MORE_OPTIONS,
    };
    const char *path = NULL;
    int status = parse_arguments(count, arguments, options, model_name, &path);
    if (status != STATUS_OK) {
        return status;
    }
    progress bar;
    dp_model_options model_options;
    dp_model_options_default(&model_options);
    catch_interrupts();
    progress_start(&bar, quiet != 0);
    model_options.progress = progress_report;
    model_options.progress_user = &bar;
    model_options.max_memory = memory_limit(max_memory);
    dp_status verified = dp_model_verify(path, &model_options);
    progress_clear(&bar);
    status = check_memory(verified, path, max_memory, "a larger --max-memory would help");
    if (status == STATUS_OK && !quiet) {
        print_text(stdout, path);
        puts(": all checksums match");
    }
    return status;
}
