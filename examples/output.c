/*
 * output.c - files that the program writes itself. The library has the code for that, but no call;
 * this is the only place where the program uses what is not in dualpath.h.
 */
#include "output.h"

#include "cli.h"
#include "os/new_file.h"

bool output_write(const char *what, const char *path, const void *bytes, size_t size) {
    dpi_new_file file;
    dpi_message message;
    dp_status status = dpi_new_file_begin(path, NULL, &file, &message);
    if (status == DP_OK) {
        dpi_sink sink = dpi_new_file_sink(&file);
        status = sink.write(sink.user, bytes, size, &message);
        status = dpi_new_file_end(&file, status, &message);
    }
    if (status != DP_OK) {
        complain(what, "%s", message.text);
    }
    return status == DP_OK;
}
