/*
 * output.c - files that the program writes itself. The library has the code for that, but no call;
 * this is the only place where the program uses what is not in dualpath.h.
 */
#include "output.h"

#include "cli.h"
#include "os/new_file.h"

#include <stdlib.h>

struct output {
    const char *what;
    dpi_new_file file;
    dp_status status;
    dpi_message message; /* of the first failure */
};

output *output_begin(const char *what, const char *path) {
    output *o = calloc(1, sizeof *o);
    if (o == NULL) {
        complain(what, "out of memory");
        return NULL;
    }
    o->what = what;
    if (dpi_new_file_begin(path, NULL, &o->file, &o->message) != DP_OK) {
        complain(what, "%s", o->message.text);
        free(o);
        return NULL;
    }
    return o;
}

bool output_add(output *o, const void *bytes, size_t size) {
    dpi_sink sink = dpi_new_file_sink(&o->file);
    if (o->status == DP_OK) {
        o->status = sink.write(sink.user, bytes, size, &o->message);
    }
    return o->status == DP_OK;
}

bool output_end(output *o) {
    dp_status status = dpi_new_file_end(&o->file, o->status, &o->message);
    if (status != DP_OK) {
        complain(o->what, "%s", o->message.text);
    }
    free(o);
    return status == DP_OK;
}

void output_drop(output *o) {
    (void)dpi_new_file_end(&o->file, DP_ERR_CANCELLED, &o->message);
    free(o);
}

bool output_write(const char *what, const char *path, const void *bytes, size_t size) {
    output *o = output_begin(what, path);
    if (o == NULL) {
        return false;
    }
    (void)output_add(o, bytes, size);
    return output_end(o);
}
