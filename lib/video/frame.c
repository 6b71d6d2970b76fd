/*
 * Turns a caller's frame into rows of normalised pixels: resize, crop and normalise in one pass.
 * The resized frame never exists as a whole. A table holds two source columns and a weight for each
 * column of the target. Only those pixels are fetched; they are blended into a row, and two such
 * rows are blended into a row of the target.
 */
#include "video/video.h"

static uint64_t divide_half_to_even(uint64_t number, uint64_t divisor) {
    uint64_t quotient = number / divisor, twice = 2 * (number % divisor);
    return quotient + (twice > divisor || (twice == divisor && quotient % 2 == 1));
}

/* One axis of the resize: the short side becomes R, the long one R * long / short, of which the
 * target keeps R from `first` on. Where nothing is cut off, `first` is 0 for every crop. */
static dp_axis plan_axis(int32_t source, int32_t short_side, const dp_frame_target *target) {
    uint64_t resized = (uint64_t)target->size * (uint64_t)source / (uint64_t)short_side;
    uint64_t spare = resized - target->size;
    uint64_t first = target->crops == 1
                         ? divide_half_to_even(spare, 2)
                         : divide_half_to_even(target->crop * spare, target->crops - 1);
    return (dp_axis){(uint64_t)source, resized, first};
}

/* Two source pixels and the weight of the second one. */
typedef struct source_pair {
    int32_t low, high;
    float weight;
} source_pair;

/* Half-pixel centres: target pixel t lies at max((t + 1/2) * source / resized - 1/2, 0), here as an
 * exact fraction. A neighbour of weight zero is not looked at. */
static source_pair find_sources(const dp_axis *axis, size_t i) {
    uint64_t centre = (2 * (axis->first + i) + 1) * axis->source;
    uint64_t divisor = 2 * axis->resized;
    uint64_t position = centre > axis->resized ? centre - axis->resized : 0;
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): resized >= R >= 1 */
    uint64_t low = position / divisor;
    uint64_t part = position % divisor;
    uint64_t high = part > 0 && low + 1 < axis->source ? low + 1 : low;
    return (source_pair){(int32_t)low, (int32_t)high, (float)((double)part / (double)divisor)};
}

/* Left, right and weight of R columns, two rows [3][R], and the right pixels of one [3][R]. */
size_t dp_frame_scratch(size_t size) {
    return 12 * size;
}

void dp_frame_reader_init(dp_frame_reader *reader, const dp_frame *frame,
                          const dp_frame_target *target, float *scratch) {
    size_t size = target->size;
    int32_t short_side = frame->width < frame->height ? frame->width : frame->height;
    dp_axis columns = plan_axis(frame->width, short_side, target);
    *reader = (dp_frame_reader){
        .frame = frame,
        .format = dp_find_pixel_format(frame->format),
        .target = target,
        .vertical = plan_axis(frame->height, short_side, target),
        .left = (int32_t *)scratch,
        .right = (int32_t *)(scratch + size),
        .weight = scratch + 2 * size,
        .rows = {scratch + 3 * size, scratch + 6 * size},
        .row_index = {-1, -1},
        .right_pixels = scratch + 9 * size,
    };
    for (size_t i = 0; i < size; i++) {
        source_pair pair = find_sources(&columns, i);
        reader->left[i] = pair.low;
        reader->right[i] = pair.high;
        reader->weight[i] = pair.weight;
    }
}

/* Source row `index` resized to the target's columns, [3][R]. Even and odd rows have a buffer each,
 * so that two neighbours are there together; from top to bottom, each row is resized once. */
static const float *resize_source_row(dp_frame_reader *reader, int32_t index) {
    size_t size = reader->target->size;
    float *row = reader->rows[index % 2];
    if (reader->row_index[index % 2] == index) {
        return row;
    }
    dp_pixel_line line;
    dp_find_pixel_row(reader->frame, reader->format, index, &line);
    reader->format->convert(&line, reader->left, size, row);
    reader->format->convert(&line, reader->right, size, reader->right_pixels);
    for (size_t c = 0; c < 3; c++) {
        reader->target->kernels->blend_columns(row + c * size, reader->right_pixels + c * size,
                                               reader->weight, size);
    }
    reader->row_index[index % 2] = index;
    return row;
}

void dp_frame_reader_row(dp_frame_reader *reader, size_t y, float *out, size_t plane) {
    const dp_frame_target *target = reader->target;
    size_t size = target->size;
    source_pair pair = find_sources(&reader->vertical, y);
    const float *top = resize_source_row(reader, pair.low);
    const float *bottom = resize_source_row(reader, pair.high);
    for (size_t c = 0; c < 3; c++) {
        target->kernels->blend_rows(top + c * size, bottom + c * size, pair.weight,
                                    target->scale[c], target->offset[c], out + c * plane, size);
    }
}

void dp_load_rows(const dp_frame *frame, const dp_frame_target *target, size_t first, size_t count,
                  float *out, size_t plane, float *scratch) {
    dp_frame_reader reader;
    dp_frame_reader_init(&reader, frame, target, scratch);
    for (size_t i = 0; i < count; i++) {
        dp_frame_reader_row(&reader, first + i, out + i * target->size, plane);
    }
}
