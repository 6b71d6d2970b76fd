/*
 * The table of methods.
 */
#include "model/method.h"

static const dpi_method methods[] = {
    [DP_METHOD_DUALPATH] =
        {
            .two_paths = true,
            .site_count = 5,
            .sites =
                {
                    {"s1", DPI_PART_SPATIAL, DPI_BESIDE_ATTENTION, DPI_SKIP_NEVER, true, true},
                    {"s2", DPI_PART_SPATIAL, DPI_BESIDE_MLP, DPI_SKIP_NEVER, true, true},
                    {"t0", DPI_PART_TEMPORAL, DPI_BEFORE_QKV, DPI_SKIP_BY_FILE, true, true},
                    {"t1", DPI_PART_TEMPORAL, DPI_AFTER_ATTENTION, DPI_SKIP_BY_FILE, true, true},
                    {"t2", DPI_PART_TEMPORAL, DPI_AFTER_MLP, DPI_SKIP_BY_FILE, true, true},
                },
        },
    DPI_ROWS_OF_METHODS(
        [DP_METHOD_AIM] =
            {
                .frames_meet = true,
                .site_count = 4,
                .sites =
                    {
                        {"time_in", DPI_PART_TIME, DPI_BEFORE_QKV, DPI_SKIP_ALWAYS, false, true},
                        {"time", DPI_PART_TIME, DPI_AFTER_ATTENTION, DPI_SKIP_NEVER, false, false},
                        {"space", DPI_PART_SPATIAL, DPI_AFTER_ATTENTION, DPI_SKIP_ALWAYS, false,
                         false},
                        {"mlp", DPI_PART_SPATIAL, DPI_BESIDE_MLP, DPI_SKIP_NEVER, true, false},
                    },
            },
        [DP_METHOD_ST_ADAPTER] =
            {
                .frames_meet = true,
                .norm_after_mean = true,
                .site_count = 2,
                .sites =
                    {
                        {"conv_attn", DPI_PART_CONV, DPI_BESIDE_ATTENTION, DPI_SKIP_NEVER, false,
                         true},
                        {"conv_mlp", DPI_PART_CONV, DPI_BESIDE_MLP, DPI_SKIP_NEVER, false, true},
                    },
            },
        [DP_METHOD_VPT] = {.site_count = 0},
        [DP_METHOD_ADAPTFORMER] =
            {
                .adapter_reads_x = true,
                .site_count = 1,
                .sites = {{"mlp", DPI_PART_SPATIAL, DPI_BESIDE_MLP, DPI_SKIP_NEVER, true, false}},
            },
        [DP_METHOD_PROBE] = {.site_count = 0}, )};

const dpi_method *dpi_method_of(dp_method method) {
    return &methods[method];
}
