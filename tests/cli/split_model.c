/*
 * split_model MODEL BACKBONE TASK: a backbone and a task out of a model, for tests of the command
 * line and as seeds of the fuzzer.
 */
#include "split.h"

#include <stdio.h>

static int write_file(const char *path, const uint8_t *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    int written = file != NULL && fwrite(bytes, 1, size, file) == size;
    return file != NULL && fclose(file) == 0 && written ? 0 : 1;
}

int main(int count, char **arguments) {
    if (count != 4) {
        fputs("Usage: split_model MODEL BACKBONE TASK\n", stderr);
        return 2;
    }
    split_files files = split_path(arguments[1]);
    int failed = write_file(arguments[2], files.backbone, files.backbone_size) ||
                 write_file(arguments[3], files.task, files.task_size);
    split_free(&files);
    return failed;
}
