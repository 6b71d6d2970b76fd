/*
 * A transformer block after fusion, for some rows of tokens: the half before attention and the half
 * behind it. The stages are those of dp_path_block, which says what each matrix stands for; a path
 * differs from the other only by which stages it has.
 */
#include "vit/vit.h"

/* Most columns of h that are worked on at a time: of every panel and of every step a multiple. */
#define MLP_SLICE ((size_t)1536)

_Static_assert(MLP_SLICE % DP_MAX_NR == 0, "slices begin where panels do");

/* Room for the columns of h, whole panels of them. */
static size_t slice_width(const dp_parameters *p) {
    size_t panels = (p->mlp_width + DP_MAX_NR - 1) / DP_MAX_NR;
    return dp_min_size(panels * DP_MAX_NR, MLP_SLICE);
}

static size_t largest_bottleneck(const dp_parameters *p) {
    size_t largest = 0;
    for (size_t site = 0; site < DP_ADAPTER_SITES; site++) {
        largest = p->bottleneck[site] > largest ? p->bottleneck[site] : largest;
    }
    return largest;
}

/* Room for a value that a product reads: as it is, f32 or bf16, and as an operand. */
typedef struct room {
    void *numbers;
    size_t stride;
    uint32_t *words;
} room;

/* What a thread needs for its rows. */
typedef struct places {
    room n, d, h;
    size_t floats;
} places;

/* Floats that a row of h takes before it is an operand: products that write bf16 need half of them,
 * and none if bf16 is what they read. */
static size_t h_floats(const dp_product *product, size_t stride) {
    return product->apply == NULL                    ? stride
           : product->precision == DP_PRECISION_BF16 ? 0
                                                     : stride / 2;
}

/* For f32, n is its own operand; else a row of it is enough, and a's words use its place. */
static places plan(const dp_model *model, size_t rows, float *scratch) {
    const dp_parameters *p = &model->parameters;
    const dp_product *product = model->product;
    size_t b = largest_bottleneck(p);
    places at = {.n.stride = dp_row_stride(p->width),
                 .d.stride = dp_row_stride(b),
                 .h.stride = dp_row_stride(slice_width(p))};
    size_t d = at.n.stride * (product->convert == NULL ? rows : 1);
    size_t h = d + rows * at.d.stride;
    size_t n_words = h + rows * h_floats(product, at.h.stride);
    size_t d_words = n_words + dp_operand_size(product, rows, p->width);
    size_t h_words = d_words + dp_operand_size(product, rows, b);
    at.floats = h_words + dp_operand_size(product, rows, slice_width(p));
    if (scratch != NULL) {
        at.n.numbers = scratch;
        at.d.numbers = scratch + d;
        at.h.numbers = scratch + h;
        at.n.words = (uint32_t *)(scratch + n_words);
        at.d.words = (uint32_t *)(scratch + d_words);
        at.h.words = (uint32_t *)(scratch + h_words);
    }
    return at;
}

size_t dp_fused_scratch(const dp_model *model, size_t rows) {
    return plan(model, rows, NULL).floats;
}

/* Some rows on their way through a block. */
typedef struct block_rows {
    const dp_model *model;
    const dp_path_block *block;
    size_t count;
    float *x; /* of the first row */
    void *wide;
    size_t x_stride, wide_stride;
    places at;
} block_rows;

static block_rows begin(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                        float *scratch) {
    const dp_path_state *state = &workspace->path[rows.path];
    return (block_rows){
        .model = workspace->model,
        .block = block,
        .count = rows.count,
        .x = dp_row(state->x, state->x_stride, rows, 0),
        .wide = dp_in_wide(workspace, rows.path, rows.first, 0),
        .x_stride = state->x_stride * rows.step,
        .wide_stride = state->wide_stride * rows.step,
        .at = plan(workspace->model, rows.count, scratch),
    };
}

/* norm(x) */
static dp_operand normalise(const block_rows *r) {
    const dp_model *model = r->model;
    const dp_product *product = model->product;
    size_t width = model->parameters.width;
    bool in_place = product->convert == NULL;
    dp_operand n = {.words = r->at.n.numbers, .stride = r->at.n.stride};
    if (!in_place) {
        n = dp_operand_in(product, r->count, width, r->at.n.words);
    }
    for (size_t i = 0; i < r->count; i++) {
        float *out = (float *)r->at.n.numbers + (in_place ? i * r->at.n.stride : 0);
        model->kernels->layer_norm(r->x + i * r->x_stride, NULL, NULL, model->parameters.epsilon,
                                   out, width);
        if (!in_place) {
            dp_operand_put(product, &n, i, out, width);
        }
    }
    return n;
}

static void apply(const block_rows *r, const dp_linear *linear, dp_operand in, void *out,
                  size_t out_stride, dp_epilogue epilogue) {
    dp_linear_apply(r->model->kernels, linear, r->count, in, out, out_stride, epilogue);
}

/* x += in linear */
static void add_to_x(const block_rows *r, const dp_linear *linear, dp_operand in) {
    apply(r, linear, in, r->x, r->x_stride, (dp_epilogue){.accumulate = true});
}

/* Values are activated in the product that makes them, unless tiles are followed by a conversion:
 * then on the way to where they are read, while they are hot. */
static bool activates_late(const block_rows *r) {
    return r->model->product->convert != NULL && r->model->product->apply == NULL;
}

static dp_epilogue finish(const block_rows *r, dp_activation activation) {
    return (dp_epilogue){.activation = activates_late(r) ? DP_ACTIVATION_NONE : activation};
}

/* Rows that were made with finish(), for a matrix that reads them. */
static dp_operand read_rows(const block_rows *r, float *x, size_t stride, size_t width,
                            dp_activation activation, uint32_t *words) {
    bool late = activates_late(r) && activation != DP_ACTIVATION_NONE;
    for (size_t i = 0; i < r->count && late; i++) {
        r->model->kernels->activate[activation](x + i * stride, width);
    }
    return dp_operand_make(r->model->product, x, stride, r->count, width, words);
}

/* The same for rows of bf16. */
static dp_operand read_bf16(const block_rows *r, const uint16_t *x, size_t stride, size_t width,
                            uint32_t *words) {
    const dp_product *product = r->model->product;
    dp_operand made = dp_operand_in(product, r->count, width, words);
    for (size_t i = 0; i < r->count; i++) {
        product->convert_bf16(x + i * stride, width, made.words + i * made.stride, made.row + i);
    }
    return made;
}

/* act(in linear) as an operand of bf16, which the product writes itself. Columns up to the end of
 * the last panel are written, too: they are the padding of the operand. */
static dp_operand make_bf16(const block_rows *r, const dp_linear *linear, dp_operand in,
                            dp_activation activation, uint32_t *words) {
    const dp_product *product = r->model->product;
    dp_operand made = dp_operand_in(product, r->count, linear->outputs, words);
    dp_linear whole = dp_linear_outputs(linear, 0, dp_panel_columns(product, linear->outputs));
    apply(r, &whole, in, made.words, made.stride * product->group,
          (dp_epilogue){.activation = activation, .bf16 = true});
    return made;
}

/* act(in linear) as an operand, in the room that it needs. */
static dp_operand make(const block_rows *r, const dp_linear *linear, dp_operand in,
                       dp_activation activation, const room *to) {
    const dp_product *product = r->model->product;
    if (product->apply == NULL) {
        apply(r, linear, in, to->numbers, to->stride, finish(r, activation));
        return read_rows(r, to->numbers, to->stride, linear->outputs, activation, to->words);
    }
    if (product->precision == DP_PRECISION_BF16) {
        return make_bf16(r, linear, in, activation, to->words);
    }
    apply(r, linear, in, to->numbers, to->stride,
          (dp_epilogue){.activation = activation, .bf16 = true});
    return read_bf16(r, to->numbers, to->stride, linear->outputs, to->words);
}

/* An adapter's bottleneck. */
static dp_operand squeeze(const block_rows *r, const dp_linear *linear, dp_operand in) {
    return make(r, linear, in, r->model->parameters.adapter_activation, &r->at.d);
}

/* ---- [k v q | d] ---- */

static void *in_wide(const block_rows *r, size_t column) {
    return (uint8_t *)r->wide + column * dp_wide_size(r->model);
}

static void write_wide(const block_rows *r, const dp_linear *linear, dp_operand in, size_t column,
                       dp_epilogue epilogue) {
    epilogue.bf16 = dp_wide_size(r->model) < sizeof(float);
    apply(r, linear, in, in_wide(r, column), r->wide_stride, epilogue);
}

static dp_operand read_wide(const block_rows *r, size_t column, size_t width,
                            dp_activation activation, uint32_t *words) {
    void *x = in_wide(r, column);
    return dp_wide_size(r->model) == sizeof(float)
               ? read_rows(r, x, r->wide_stride, width, activation, words)
               : read_bf16(r, x, r->wide_stride, width, words);
}

/* ---- the halves of a block ---- */

void dp_fused_project(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                      bool keys_and_values_only, float *scratch) {
    const dp_parameters *p = &workspace->model->parameters;
    block_rows r = begin(workspace, block, rows, scratch);
    dp_linear project = block->project;
    dp_linear through = block->through;
    dp_operand n = normalise(&r);
    if (keys_and_values_only) {
        project.outputs = dp_min_size(project.outputs, 2 * p->width);
        through.outputs = dp_min_size(through.outputs, 2 * p->width);
    }
    write_wide(&r, &project, n, 0, (dp_epilogue){0});
    if (block->enter.outputs > 0) {
        dp_operand d = squeeze(&r, &block->enter, n);
        write_wide(&r, &through, d, 0, (dp_epilogue){.accumulate = project.outputs > 0});
    }
    if (!keys_and_values_only) {
        write_wide(&r, &block->squeeze_n, n, 3 * p->width, finish(&r, p->adapter_activation));
    }
}

/* x += a leave + d leave_d */
static void leave_attention(const block_rows *r) {
    const dp_parameters *p = &r->model->parameters;
    const dp_path_block *block = r->block;
    dp_operand a = read_wide(r, 2 * p->width, p->width, DP_ACTIVATION_NONE, r->at.n.words);
    add_to_x(r, &block->leave, a);
    if (block->squeeze_a.outputs > 0) {
        add_to_x(r, &block->leave_d, squeeze(r, &block->squeeze_a, a));
    } else if (block->leave_d.outputs > 0) {
        add_to_x(r, &block->leave_d,
                 read_wide(r, 3 * p->width, block->leave_d.inputs, p->adapter_activation,
                           r->at.d.words));
    }
}

/* Columns [first, first + count) of h: h = act(m widen);  d += h squeeze_h;  x += h narrow */
static void run_mlp_slice(const block_rows *r, dp_operand m, size_t first, size_t count) {
    const dp_path_block *block = r->block;
    const dp_parameters *p = &r->model->parameters;
    dp_linear widen = dp_linear_outputs(&block->widen, first, count);
    dp_operand h = make(r, &widen, m, p->activation, &r->at.h);
    if (block->squeeze_h.outputs > 0) {
        dp_linear part = dp_linear_inputs(&block->squeeze_h, first, count);
        bool last = first + count == p->mlp_width;
        dp_epilogue epilogue = finish(r, last ? p->adapter_activation : DP_ACTIVATION_NONE);
        epilogue.accumulate = first > 0;
        apply(r, &part, h, r->at.d.numbers, r->at.d.stride, epilogue);
    }
    if (block->narrow.outputs > 0) {
        dp_linear narrow = dp_linear_inputs(&block->narrow, first, count);
        add_to_x(r, &narrow, h);
    }
}

/* Columns of h go in slices, so that they are used while they are in the cache. */
static void run_mlp(const block_rows *r) {
    const dp_path_block *block = r->block;
    const dp_parameters *p = &r->model->parameters;
    dp_operand m = normalise(r);
    if (block->squeeze_m.outputs > 0) {
        add_to_x(r, &block->narrow_d, squeeze(r, &block->squeeze_m, m));
    }
    for (size_t first = 0; first < p->mlp_width; first += MLP_SLICE) {
        run_mlp_slice(r, m, first, dp_min_size(MLP_SLICE, p->mlp_width - first));
    }
    if (block->squeeze_h.outputs > 0) {
        add_to_x(r, &block->narrow_d,
                 read_rows(r, r->at.d.numbers, r->at.d.stride, block->narrow_d.inputs,
                           p->adapter_activation, r->at.d.words));
    }
}

void dp_fused_finish(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                     float *scratch) {
    block_rows r = begin(workspace, block, rows, scratch);
    leave_attention(&r);
    run_mlp(&r);
}
