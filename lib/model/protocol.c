/*
 * The protocol of a model in words: `protocol` of dp_model_info.
 */
#include "dp_config.h"
#include "model/model.h"

/* Which frames of a clip a view has, of one view and of several. */
typedef struct phrase {
    const char *of_one, *of_several;
    bool has_rate;
} phrase;

/* A build without other protocols has no use for the text. */
#define TEXT(text) (DPI_HAS_PROTOCOLS ? (text) : "")

static const phrase phrases[] = {
    [DP_SAMPLING_CENTER] = {TEXT("around its middle"), TEXT("around the middles of its parts"),
                            true},
    [DP_SAMPLING_FIRST] = {TEXT("from its beginning on"),
                           TEXT("from the beginnings of its parts on"), true},
    [DP_SAMPLING_INTERVAL] = {TEXT("around its middle"), TEXT("from the middles of intervals on"),
                              true},
    [DP_SAMPLING_SPREAD] = {TEXT("around its middle"), TEXT("from its beginning to its end"), true},
    [DP_SAMPLING_UNIFORM] = {TEXT("the middles of equal parts"), TEXT("evenly from equal parts"),
                             false},
    [DP_SAMPLING_SEGMENTS] = {TEXT("the middles of segments"), TEXT("the middles of segments"),
                              false},
};

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

static size_t describe_sampling(const dpi_parameters *p, char *text, size_t size) {
    const dpi_protocol *protocol = &p->protocol;
    const phrase *found = &phrases[protocol->sampling];
    size_t length = dpi_print(text, size, "A clip is seen in %zu view%s of %zu frames, ",
                              protocol->views, plural(protocol->views), p->frames);
    if (found->has_rate) {
        length += dpi_print(text + length, size - length, "%zu apart, ", p->sampling_rate);
    }
    return length + dpi_print(text + length, size - length,
                              "%s, and in %zu crop%s; where it is too short, %s. ",
                              protocol->views == 1 ? found->of_one : found->of_several,
                              protocol->crops, plural(protocol->crops),
                              protocol->past_end == DPI_PAST_END_WRAP ? "it begins again"
                                                                      : "its last frame repeats");
}

static const char *with(bool antialias) {
    return antialias ? "with" : "without";
}

size_t dpi_describe_protocol(const dpi_parameters *p, char *text, size_t size) {
    const dpi_protocol *protocol = &p->protocol;
    size_t length = describe_sampling(p, text, size);
    length += dpi_print(text + length, size - length,
                        "Frames are resized %s %s antialiasing, the long side rounded %s, crop "
                        "offsets rounded %s; ",
                        protocol->filter == DPI_FILTER_BICUBIC ? "bicubically" : "bilinearly",
                        with(protocol->resize_antialias),
                        protocol->long_side == DPI_LONG_SIDE_NEAREST ? "to nearest" : "down",
                        protocol->crop_offset == DPI_CROP_OFFSET_DOWN ? "down" : "half to even");
    if (p->framesets > 0) {
        length +=
            dpi_print(text + length, size - length,
                      "cells of framesets are shrunk %s antialiasing, their frame indices %s; ",
                      with(protocol->grid_antialias), with(protocol->position_antialias));
    }
    return length + dpi_print(text + length, size - length, "the %s of views are averaged.",
                              dpi_choice_name(DPI_PARAMETER_AVERAGE, protocol->average));
}
