/* Succeeds if the library has the version that is asked for, and refuses a model that is missing.
 */
#include <dualpath.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    dp_model *model = NULL;
    if (argc != 2 || strcmp(argv[1], dp_version_string()) != 0) {
        fprintf(stderr, "the library has version %s\n", dp_version_string());
        return 1;
    }
    return dp_model_open("missing.gguf", NULL, &model) == DP_ERR_IO ? 0 : 1;
}
