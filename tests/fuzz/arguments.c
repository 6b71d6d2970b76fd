/*
 * Arguments of the command line program: a table with options of all kinds, and texts that end with
 * a newline. What is taken lies in its bounds; what is wrong has one sentence.
 */
#include "../examples/cli.h"
#include "fuzz.h"

#include <string.h>

#define MAX_ARGUMENTS 16

static int sentences;

/* In the place of the one in examples/text.c. */
void complain(const char *subject, const char *format, ...) {
    fuzz_require(subject != NULL && format[0] != '\0', "an empty sentence", format);
    sentences++;
}

static void parse(int count, char **arguments) {
    static const choice choices[] = {{"one", 1}, {"two", 2}, {NULL, 0}};
    static const char *const names[] = {"MODEL", INPUT_NAME, NULL};
    const char *positional[2] = {NULL, NULL};
    const char *file = NULL;
    int32_t flag = 0;
    int32_t number = 7;
    double real = 1;
    int32_t chosen = 1;
    int32_t precision = DP_PRECISION_F32;
    int32_t size[2] = {1, 1};
    int32_t ratio[2] = {1, 1};
    uint64_t bytes = 1;
    const option options[] = {FLAG_OPTION("--flag", &flag),
                              FILE_OPTION("--file", &file),
                              NUMBER_OPTION("--number", &number, 7, 70000),
                              REAL_OPTION("--real", &real, 1000),
                              CHOICE_OPTION("--choice", &chosen, choices),
                              PRECISION_OPTION(&precision),
                              SIZE_OPTION("--size", size, DP_MAX_FRAME_SIDE),
                              RATIO_OPTION("--ratio", ratio, DP_MAX_ASPECT),
                              {"--bytes", OPTION_BYTES, &bytes, 0, 0, NULL, NULL},
                              NO_MORE_OPTIONS};
    sentences = 0;
    int status = parse_arguments(count, arguments, options, names, positional);
    fuzz_require(status == STATUS_OK || status == STATUS_USAGE, "another status", "");
    fuzz_require(sentences == (status != STATUS_OK), "not one sentence for a wrong use", "");
    fuzz_require(status != STATUS_OK || (positional[0] != NULL && positional[1] != NULL),
                 "a name is missing", "");
    fuzz_require(status != STATUS_OK || file == NULL || file[0] != '\0', "an empty name", "");
    fuzz_require(flag == 0 || flag == 1, "a flag", "");
    fuzz_require(number >= 7 && number <= 70000, "a number out of its bounds", "");
    fuzz_require(real > 0 && real <= 1000, "a real number out of its bounds", "");
    fuzz_require(chosen == 1 || chosen == 2, "a choice that is none", "");
    fuzz_require(precision >= DP_PRECISION_F32 && precision <= DP_PRECISION_AUTO, "a name", "");
    fuzz_require(bytes > 0, "no bytes", "");
    for (int i = 0; i < 2; i++) {
        fuzz_require(size[i] >= 1 && size[i] <= DP_MAX_FRAME_SIDE, "a side", "");
        fuzz_require(ratio[i] >= 1 && ratio[i] <= DP_MAX_ASPECT, "a ratio", "");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *arguments[MAX_ARGUMENTS];
    int count = 0;
    size_t at = 0;
    while (at < size && count < MAX_ARGUMENTS) {
        size_t length = 0;
        while (at + length < size && data[at + length] != '\n' && data[at + length] != '\0') {
            length++;
        }
        char *argument = malloc(length + 1);
        fuzz_require(argument != NULL, "no memory", "");
        memcpy(argument, data + at, length);
        argument[length] = '\0';
        arguments[count++] = argument;
        at += length + 1;
    }
    parse(count, arguments);
    while (count > 0) {
        free(arguments[--count]);
    }
    return 0;
}
