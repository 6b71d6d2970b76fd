/*
 * Methods of adapting a frozen image transformer to video: which paths a model has, where its
 * adapters sit in a block, and where frames meet. A method is a row of the table in method.c.
 */
#ifndef DPI_METHOD_H
#define DPI_METHOD_H

#include "dp_config.h"
#include "dualpath.h"

#include <stdbool.h>
#include <stddef.h>

/* A block has up to two parts with matrices of their own. The first is that of the spatial path.
 * The second is what the method has beside it: the temporal path of DualPath, the attention over
 * time of AIM, or the convolutions of ST-Adapter. */
typedef enum dpi_part {
    DPI_PART_SPATIAL,
    DPI_PART_TEMPORAL,
    DPI_PARTS,
    DPI_PART_TIME = DPI_PART_TEMPORAL,
    DPI_PART_CONV = DPI_PART_TEMPORAL
} dpi_part;

/* Where an adapter sits in the formulas of a part. A serial one takes what comes before it, a
 * parallel one is added beside it. */
typedef enum dpi_adapter_place {
    DPI_BEFORE_QKV,       /* serial */
    DPI_BESIDE_ATTENTION, /* parallel; of DPI_PART_CONV, before the block's attention */
    DPI_AFTER_ATTENTION,  /* serial */
    DPI_BESIDE_MLP,       /* parallel; of DPI_PART_CONV, before the block's MLP */
    DPI_AFTER_MLP         /* serial */
} dpi_adapter_place;

/* Whether a serial adapter adds its input to its output. */
typedef enum dpi_skip { DPI_SKIP_NEVER, DPI_SKIP_ALWAYS, DPI_SKIP_BY_FILE } dpi_skip;

/* An adapter of each block. */
typedef struct dpi_site {
    const char *name; /* in tensors: "s1" of "block.3.adapter.s1.down.weight" */
    dpi_part part;
    dpi_adapter_place place;
    dpi_skip skip;
    bool scaled; /* by dualpath.adapter.scale */
    bool optional;
} dpi_site;

#define DPI_MAX_SITES 5

typedef struct dpi_method {
    dpi_site sites[DPI_MAX_SITES];
    size_t site_count;
    bool two_paths;       /* else all frames are images of the spatial path */
    bool frames_meet;     /* in the blocks; else an image goes through them by itself */
    bool norm_after_mean; /* LN_post of the mean class token; else the mean of LN_post */
    bool adapter_reads_x; /* the adapter beside the MLP reads rows before the norm */
} dpi_method;

/* The row of a dp_method. */
const dpi_method *dpi_method_of(dp_method method);

#endif /* DPI_METHOD_H */
