/*
 * A transformer block after fusion, for some rows of tokens: the half before attention and the half
 * behind it. The stages are those of dp_path_block, which says what each matrix stands for; a path
 * differs from the other only by which stages it has.
 */
#include "vit/vit.h"

/* Columns of h that are worked on at a time: of every panel and of every step a multiple. */
#define MLP_SLICE ((size_t)1024)

_Static_assert(MLP_SLICE % DP_MAX_NR == 0, "slices begin where panels do");

static size_t largest_bottleneck(const dp_parameters *p) {
    size_t largest = 0;
    for (size_t site = 0; site < DP_ADAPTER_SITES; site++) {
        largest = p->bottleneck[site] > largest ? p->bottleneck[site] : largest;
    }
    return largest;
}

/* What a thread needs for its rows: n as it is and as an operand, the same for d and h. */
typedef struct places {
    float *n, *d, *h;
    size_t n_stride, d_stride, h_stride;
    uint32_t *n_words, *d_words, *h_words;
    size_t floats;
} places;

/* For f32, n is its own operand; else a row of it is enough, and a's words use its place. */
static places plan(const dp_model *model, size_t rows, float *scratch) {
    const dp_parameters *p = &model->parameters;
    const dp_product *product = model->product;
    size_t b = largest_bottleneck(p);
    places at = {.n_stride = dp_row_stride(p->width),
                 .d_stride = dp_row_stride(b),
                 .h_stride = dp_row_stride(MLP_SLICE)};
    size_t d = at.n_stride * (product->convert == NULL ? rows : 1);
    size_t h = d + rows * at.d_stride;
    size_t n_words = h + rows * at.h_stride;
    size_t d_words = n_words + dp_operand_size(product, rows, p->width);
    size_t h_words = d_words + dp_operand_size(product, rows, b);
    at.floats = h_words + dp_operand_size(product, rows, MLP_SLICE);
    if (scratch != NULL) {
        at.n = scratch;
        at.d = scratch + d;
        at.h = scratch + h;
        at.n_words = (uint32_t *)(scratch + n_words);
        at.d_words = (uint32_t *)(scratch + d_words);
        at.h_words = (uint32_t *)(scratch + h_words);
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
    float *x, *wide; /* of the first row */
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
        .wide = dp_row(state->wide, state->wide_stride, rows, 0),
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
    dp_operand n = {.words = (uint32_t *)r->at.n, .stride = r->at.n_stride};
    if (!in_place) {
        n = dp_operand_in(product, r->count, width, r->at.n_words);
    }
    for (size_t i = 0; i < r->count; i++) {
        float *out = r->at.n + (in_place ? i * r->at.n_stride : 0);
        model->kernels->layer_norm(r->x + i * r->x_stride, NULL, NULL, model->parameters.epsilon,
                                   out, width);
        if (!in_place) {
            dp_operand_put(product, &n, i, out, width);
        }
    }
    return n;
}

static void apply(const block_rows *r, const dp_linear *linear, dp_operand in, float *out,
                  size_t out_stride, dp_epilogue epilogue) {
    dp_linear_apply(r->model->kernels, linear, r->count, in, out, out_stride, epilogue);
}

/* x += in linear */
static void add_to_x(const block_rows *r, const dp_linear *linear, dp_operand in) {
    apply(r, linear, in, r->x, r->x_stride, (dp_epilogue){.accumulate = true});
}

static bool converts(const block_rows *r) {
    return r->model->product->convert != NULL;
}

/* What is activated is f32 where it is made, and converted rows on the way to where they are read:
 * each while it is hot. */
static dp_epilogue finish(const block_rows *r, dp_activation activation) {
    return (dp_epilogue){.activation = converts(r) ? DP_ACTIVATION_NONE : activation};
}

/* Rows that were made with finish(), for a matrix that reads them. */
static dp_operand read_rows(const block_rows *r, float *x, size_t stride, size_t width,
                            dp_activation activation, uint32_t *words) {
    const dp_product *product = r->model->product;
    if (!converts(r)) {
        return dp_operand_make(product, x, stride, r->count, width, words);
    }
    dp_operand made = dp_operand_in(product, r->count, width, words);
    for (size_t i = 0; i < r->count; i++) {
        if (activation != DP_ACTIVATION_NONE) {
            r->model->kernels->activate[activation](x + i * stride, width);
        }
        dp_operand_put(product, &made, i, x + i * stride, width);
    }
    return made;
}

/* An adapter's bottleneck, which stands at `d`. */
static dp_operand read_d(const block_rows *r, float *d, size_t stride, size_t width) {
    return read_rows(r, d, stride, width, r->model->parameters.adapter_activation, r->at.d_words);
}

/* d = act(in linear), at `d` */
static void squeeze(const block_rows *r, const dp_linear *linear, dp_operand in, float *d,
                    size_t stride) {
    apply(r, linear, in, d, stride, finish(r, r->model->parameters.adapter_activation));
}

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
    apply(&r, &project, n, r.wide, r.wide_stride, (dp_epilogue){0});
    if (block->enter.outputs > 0) {
        squeeze(&r, &block->enter, n, r.at.d, r.at.d_stride);
        dp_operand d = read_d(&r, r.at.d, r.at.d_stride, through.inputs);
        apply(&r, &through, d, r.wide, r.wide_stride,
              (dp_epilogue){.accumulate = project.outputs > 0});
    }
    if (!keys_and_values_only) {
        squeeze(&r, &block->squeeze_n, n, r.wide + 3 * p->width, r.wide_stride);
    }
}

/* x += a leave + d leave_d */
static void leave_attention(const block_rows *r) {
    const dp_parameters *p = &r->model->parameters;
    const dp_path_block *block = r->block;
    float *a = r->wide + 2 * p->width;
    dp_operand in =
        dp_operand_make(r->model->product, a, r->wide_stride, r->count, p->width, r->at.n_words);
    add_to_x(r, &block->leave, in);
    if (block->squeeze_a.outputs > 0) {
        squeeze(r, &block->squeeze_a, in, r->at.d, r->at.d_stride);
        add_to_x(r, &block->leave_d, read_d(r, r->at.d, r->at.d_stride, block->leave_d.inputs));
    } else if (block->leave_d.outputs > 0) {
        add_to_x(r, &block->leave_d,
                 read_d(r, a + p->width, r->wide_stride, block->leave_d.inputs));
    }
}

/* Columns [first, first + count) of h: h = act(m widen);  d += h squeeze_h;  x += h narrow */
static void run_mlp_slice(const block_rows *r, dp_operand m, size_t first, size_t count) {
    const dp_path_block *block = r->block;
    const dp_parameters *p = &r->model->parameters;
    dp_linear widen = dp_linear_outputs(&block->widen, first, count);
    apply(r, &widen, m, r->at.h, r->at.h_stride, finish(r, p->activation));
    dp_operand h = read_rows(r, r->at.h, r->at.h_stride, count, p->activation, r->at.h_words);
    if (block->squeeze_h.outputs > 0) {
        dp_linear part = dp_linear_inputs(&block->squeeze_h, first, count);
        bool last = first + count == p->mlp_width;
        dp_epilogue epilogue = finish(r, last ? p->adapter_activation : DP_ACTIVATION_NONE);
        epilogue.accumulate = first > 0;
        apply(r, &part, h, r->at.d, r->at.d_stride, epilogue);
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
        squeeze(r, &block->squeeze_m, m, r->at.d, r->at.d_stride);
    }
    for (size_t first = 0; first < p->mlp_width; first += MLP_SLICE) {
        run_mlp_slice(r, m, first, dp_min_size(MLP_SLICE, p->mlp_width - first));
    }
    if (block->narrow_d.outputs > 0) {
        add_to_x(r, &block->narrow_d, read_d(r, r->at.d, r->at.d_stride, block->narrow_d.inputs));
    }
}

void dp_fused_finish(const dp_workspace *workspace, const dp_path_block *block, dp_rows rows,
                     float *scratch) {
    block_rows r = begin(workspace, block, rows, scratch);
    leave_attention(&r);
    run_mlp(&r);
}
