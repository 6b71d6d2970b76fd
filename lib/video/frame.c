/*
 * Turns a caller's frame into rows of normalised pixels: upright, resized, cropped and normalised
 * in one pass. Neither the upright frame nor the resized one ever exists as a whole. A table holds
 * two source pixels and a weight for each column of the target. Only those pixels of a source line
 * are fetched; they are blended into a resized line, and two such lines into a row of the target:
 * the resize is bilinear, two taps in each direction. More taps are a matter of filter.c.
 */
#include "dp_config.h"
#include "video/video.h"

static uint64_t divide_half_to_even(uint64_t number, uint64_t divisor) {
    uint64_t quotient = number / divisor, twice = 2 * (number % divisor);
    return quotient + (twice > divisor || (twice == divisor && quotient % 2 == 1));
}

/* Where the crop begins. Where nothing is cut off, that is 0 for every crop. */
static uint64_t crop_offset(uint64_t spare, const dpi_frame_target *target) {
    size_t gaps = target->crops - 1;
    if (DPI_HAS_PROTOCOLS && target->crops_round_down) {
        return gaps == 0 ? spare / 2 : target->crop * spare / gaps;
    }
    return gaps == 0 ? divide_half_to_even(spare, 2)
                     : divide_half_to_even(target->crop * spare, gaps);
}

/* The shorter side that is shown becomes R, the longer one R * long / short, of which the target
 * keeps R from `first` on. */
static dpi_axis plan_axis(int32_t source, uint64_t shown, uint64_t short_side, bool reversed,
                          const dpi_frame_target *target) {
    uint64_t rounding = DPI_HAS_PROTOCOLS && target->rounds_to_nearest ? short_side / 2 : 0;
    uint64_t resized = (target->size * shown + rounding) / short_side;
    uint64_t first = crop_offset(resized - target->size, target);
    return (dpi_axis){(uint64_t)source, resized, first, reversed};
}

/* Two stored pixels and the weight of the second one. */
typedef struct source_pair {
    int32_t low, high;
    float weight;
} source_pair;

/* Half-pixel centres: target pixel t lies at max((t + 1/2) * source / resized - 1/2, 0), here as an
 * exact fraction. A neighbour of weight zero is not looked at. Nothing overflows: R is at most 2^12
 * (lib/model/parameters.c), source 2^16 and the ratio of the sides 2^32, so resized is below 2^45
 * and the largest product below 2^62. */
static source_pair find_sources(const dpi_axis *axis, size_t i) {
    uint64_t centre = (2 * (axis->first + i) + 1) * axis->source;
    uint64_t divisor = 2 * axis->resized;
    uint64_t position = centre > axis->resized ? centre - axis->resized : 0;
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): resized >= R >= 1 */
    uint64_t low = position / divisor;
    uint64_t part = position % divisor;
    uint64_t high = part > 0 && low + 1 < axis->source ? low + 1 : low;
    uint64_t last = axis->source - 1;
    return (source_pair){
        .low = (int32_t)(axis->reversed ? last - low : low),
        .high = (int32_t)(axis->reversed ? last - high : high),
        .weight = (float)((double)part / (double)divisor),
    };
}

/* Whether two pixels in each direction do for frames of any size. */
static bool is_plain_resize(const dpi_frame_target *target) {
    return !DPI_HAS_PROTOCOLS || (target->filter == DPI_FILTER_BILINEAR && !target->antialias);
}

/* Two pixels and a weight of R columns, two lines [3][R], and the second pixels of one [3][R]. */
size_t dpi_frame_scratch(const dpi_frame_target *target) {
    return is_plain_resize(target) ? 12 * target->size : dpi_filter_scratch(target->size);
}

/* How far some pixels reach when they are shown, in a unit that both axes of a frame share. */
static uint64_t shown_side(int32_t pixels, int32_t aspect) {
    return (uint64_t)pixels * (uint64_t)(aspect == 0 ? 1 : aspect);
}

/* The axes of the upright picture. Mirroring comes before turning, so it reverses the stored
 * columns, whichever axis they become. */
static void plan_axes(dpi_frame_reader *reader) {
    const dp_frame *frame = reader->frame;
    int32_t rotation = frame->rotation;
    uint64_t width = shown_side(frame->width, frame->aspect_width);
    uint64_t height = shown_side(frame->height, frame->aspect_height);
    uint64_t short_side = width < height ? width : height;
    bool columns_reversed = (rotation == 180 || rotation == 270) != (frame->mirrored != 0);
    bool rows_reversed = rotation == 90 || rotation == 180;
    dpi_axis columns = plan_axis(frame->width, width, short_side, columns_reversed, reader->target);
    dpi_axis rows = plan_axis(frame->height, height, short_side, rows_reversed, reader->target);
    reader->lines_are_columns = rotation == 90 || rotation == 270;
    reader->vertical = reader->lines_are_columns ? columns : rows;
    reader->horizontal = reader->lines_are_columns ? rows : columns;
}

static void table_pairs(dpi_frame_reader *reader, float *scratch) {
    size_t size = reader->target->size;
    reader->low = (int32_t *)scratch;
    reader->high = (int32_t *)(scratch + size);
    reader->weight = scratch + 2 * size;
    reader->lines[0] = scratch + 3 * size;
    reader->lines[1] = scratch + 6 * size;
    reader->line_index[0] = reader->line_index[1] = -1;
    reader->high_pixels = scratch + 9 * size;
    for (size_t i = 0; i < size; i++) {
        source_pair pair = find_sources(&reader->horizontal, i);
        reader->low[i] = pair.low;
        reader->high[i] = pair.high;
        reader->weight[i] = pair.weight;
    }
}

/* Antialiasing changes nothing where pixels do not shrink, as long as the filter is bilinear. */
static bool is_filtered(const dpi_frame_reader *reader) {
    const dpi_frame_target *target = reader->target;
    const dpi_axis *vertical = &reader->vertical, *horizontal = &reader->horizontal;
    return !is_plain_resize(target) &&
           (target->filter != DPI_FILTER_BILINEAR || vertical->resized < vertical->source ||
            horizontal->resized < horizontal->source);
}

void dpi_frame_reader_init(dpi_frame_reader *reader, const dp_frame *frame,
                           const dpi_frame_target *target, float *scratch) {
    *reader = (dpi_frame_reader){
        .frame = frame,
        .format = dpi_find_pixel_format(frame->format),
        .target = target,
    };
    plan_axes(reader);
    reader->filtered = is_filtered(reader);
    if (DPI_HAS_PROTOCOLS && reader->filtered) {
        dpi_filter_init(reader, scratch);
    } else {
        table_pairs(reader, scratch);
    }
}

void dpi_find_source_line(const dpi_frame_reader *reader, int32_t index, dpi_pixel_line *line) {
    if (reader->lines_are_columns) {
        dpi_find_pixel_column(reader->frame, reader->format, index, line);
    } else {
        dpi_find_pixel_row(reader->frame, reader->format, index, line);
    }
}

/* Source line `index` resized to the target's columns, [3][R]. Even and odd lines have a buffer
 * each, so that two neighbours are there together. */
static const float *resize_source_line(dpi_frame_reader *reader, int32_t index) {
    size_t size = reader->target->size;
    float *resized = reader->lines[index % 2];
    if (reader->line_index[index % 2] == index) {
        return resized;
    }
    dpi_pixel_line line;
    dpi_find_source_line(reader, index, &line);
    reader->format->convert(&line, reader->low, size, resized);
    reader->format->convert(&line, reader->high, size, reader->high_pixels);
    for (size_t c = 0; c < 3; c++) {
        reader->target->kernels->blend_columns(resized + c * size, reader->high_pixels + c * size,
                                               reader->weight, size);
    }
    reader->line_index[index % 2] = index;
    return resized;
}

static void blend_row(dpi_frame_reader *reader, size_t y, float *out, size_t plane) {
    const dpi_frame_target *target = reader->target;
    size_t size = target->size;
    source_pair pair = find_sources(&reader->vertical, y);
    const float *top = resize_source_line(reader, pair.low);
    const float *bottom = resize_source_line(reader, pair.high);
    for (size_t c = 0; c < 3; c++) {
        target->kernels->blend_rows(top + c * size, bottom + c * size, pair.weight,
                                    target->scale[c], target->offset[c], out + c * plane, size);
    }
}

void dpi_frame_reader_row(dpi_frame_reader *reader, size_t y, float *out, size_t plane) {
    if (DPI_HAS_PROTOCOLS && reader->filtered) {
        dpi_filter_row(reader, y, out, plane);
    } else {
        blend_row(reader, y, out, plane);
    }
}

void dpi_load_rows(const dp_frame *frame, const dpi_frame_target *target, size_t first,
                   size_t count, float *out, size_t plane, float *scratch) {
    dpi_frame_reader reader;
    dpi_frame_reader_init(&reader, frame, target, scratch);
    for (size_t i = 0; i < count; i++) {
        dpi_frame_reader_row(&reader, first + i, out + i * target->size, plane);
    }
}
