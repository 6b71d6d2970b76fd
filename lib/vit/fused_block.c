/*
 * A transformer block after fusion, for some rows of tokens. The formulas, with n, d, a, m and h,
 * are those of dpi_block_part in model/model.h. Parts and methods differ only in which matrices are
 * present.
 */
#include "base/size.h"
#include "gemm/gemm.h"
#include "vit/block.h"

/* Largest width of a slice of h, the hidden layer of the MLP: rows, columns and weights in use then
 * fit a core's second-level cache. */
#define MLP_SLICE ((size_t)1536)

_Static_assert(MLP_SLICE % DPI_MAX_NR == 0, "slices begin where panels do");

/* ---- rows on their way through a block ---- */

/* Left-hand sides of the GEMMs: n or m, d, and a slice of h. */
typedef struct block_buffers {
    dpi_lhs_buffer norm, bottleneck, mlp;
} block_buffers;

/* Plans (arena->base == NULL) or takes memory for `rows` rows. */
static block_buffers take_block_buffers(dpi_arena *arena, const dp_model *model, size_t rows) {
    const dpi_parameters *p = &model->parameters;
    size_t slice = dpi_size_min(dpi_size_round_up(p->mlp_width, DPI_MAX_NR), MLP_SLICE);
    block_buffers b;
    b.norm = dpi_lhs_buffer_take(arena, model->gemm, rows, p->width, DPI_LHS_OF_NORM);
    b.bottleneck =
        dpi_lhs_buffer_take(arena, model->gemm, rows, dpi_largest_bottleneck(p), DPI_LHS_OF_SUMS);
    b.mlp = dpi_lhs_buffer_take(arena, model->gemm, rows, slice, DPI_LHS_OF_GEMM);
    return b;
}

size_t dpi_fused_scratch(const dp_model *model, size_t rows) {
    dpi_arena counted = {.base = NULL};
    (void)take_block_buffers(&counted, model, rows);
    return dpi_size_div_up(counted.used, sizeof(float));
}

typedef struct block_pass {
    const dp_model *model;
    const dpi_block_part *part;
    const dpi_path_state *state;
    dpi_token_rows rows;
    dpi_rows x; /* the residual stream */
    block_buffers buffers;
} block_pass;

static block_pass start_block_pass(const dpi_workspace *workspace, const dpi_block_part *part,
                                   dpi_token_rows rows, float *scratch) {
    const dpi_path_state *state = &workspace->path[rows.path];
    dpi_arena arena = {.base = (uint8_t *)scratch,
                       .size = workspace->scratch_floats * sizeof(float)};
    return (block_pass){
        .model = workspace->model,
        .part = part,
        .state = state,
        .rows = rows,
        .x = dpi_residual_rows(state, rows),
        .buffers = take_block_buffers(&arena, workspace->model, rows.count),
    };
}

/* ---- the operations of the formulas ---- */

/* norm(x) */
static dpi_lhs normalise_rows(const block_pass *pass) {
    const dpi_parameters *p = &pass->model->parameters;
    return dpi_lhs_from_norm(pass->model->gemm, pass->model->kernels, pass->x.numbers,
                             pass->x.stride, pass->rows.count, p->width, p->epsilon,
                             &pass->buffers.norm);
}

/* out = input * linear, with an epilogue */
static void multiply_rows(const block_pass *pass, const dpi_linear *linear, dpi_lhs input,
                          dpi_rows out, dpi_epilogue epilogue) {
    dpi_gemm_run(pass->model->kernels, linear, pass->rows.count, input, out, epilogue);
}

/* x += input * linear */
static void add_to_residual(const block_pass *pass, const dpi_linear *linear, dpi_lhs input) {
    multiply_rows(pass, linear, input, pass->x, (dpi_epilogue){.accumulate = true});
}

/* d = act(input * linear) */
static dpi_lhs run_adapter_down(const block_pass *pass, const dpi_linear *linear, dpi_lhs input) {
    return dpi_gemm_run_to_lhs(pass->model->kernels, linear, pass->rows.count, input,
                               pass->model->parameters.adapter_activation,
                               &pass->buffers.bottleneck);
}

static dpi_rows kvq_columns(const block_pass *pass, size_t first) {
    return dpi_path_kvq(pass->state, pass->rows, first);
}

/* ---- before attention ---- */

void dpi_fused_before_attention(const dpi_workspace *workspace, const dpi_block_part *part,
                                dpi_token_rows rows, dpi_kvq_columns columns, float *scratch) {
    const dpi_parameters *p = &workspace->model->parameters;
    block_pass pass = start_block_pass(workspace, part, rows, scratch);
    dpi_linear qkv = part->qkv;
    dpi_linear composed_qkv = part->composed_qkv;
    dpi_lhs n = normalise_rows(&pass);
    if (columns == DPI_KVQ_KEYS_AND_VALUES) {
        qkv.outputs = dpi_size_min(qkv.outputs, 2 * p->width);
        composed_qkv.outputs = dpi_size_min(composed_qkv.outputs, 2 * p->width);
    }
    multiply_rows(&pass, &qkv, n, kvq_columns(&pass, 0), (dpi_epilogue){0});
    if (part->adapter_down_qkv.outputs > 0) {
        dpi_lhs d = run_adapter_down(&pass, &part->adapter_down_qkv, n);
        multiply_rows(&pass, &composed_qkv, d, kvq_columns(&pass, 0),
                      (dpi_epilogue){.accumulate = qkv.outputs > 0});
    }
    if (columns == DPI_KVQ_ALL) {
        multiply_rows(&pass, &part->adapter_down_attn, n, kvq_columns(&pass, 3 * p->width),
                      (dpi_epilogue){.activation = p->adapter_activation});
    }
}

/* ---- after attention ---- */

/* x += a attn_out + d adapter_up_attn */
void dpi_fused_after_attention(const dpi_workspace *workspace, const dpi_block_part *part,
                               dpi_token_rows rows, float *scratch) {
    block_pass pass = start_block_pass(workspace, part, rows, scratch);
    const dpi_gemm *gemm = workspace->model->gemm;
    size_t width = workspace->model->parameters.width;
    dpi_lhs a = dpi_lhs_from_rows(gemm, kvq_columns(&pass, 2 * width), rows.count, width,
                                  &pass.buffers.norm);
    add_to_residual(&pass, &part->attn_out, a);
    if (part->composed_down_attn.outputs > 0) {
        add_to_residual(&pass, &part->adapter_up_attn,
                        run_adapter_down(&pass, &part->composed_down_attn, a));
    } else if (part->adapter_up_attn.outputs > 0) {
        add_to_residual(&pass, &part->adapter_up_attn,
                        dpi_lhs_from_rows(gemm, kvq_columns(&pass, 3 * width), rows.count,
                                          part->adapter_up_attn.inputs, &pass.buffers.bottleneck));
    }
}

/* ---- the MLP ---- */

/* Columns [first, first + count) of h:
 *     h = act(m fc1);  d += h composed_down_mlp, activated after the last slice;  x += h fc2 */
static void add_mlp_slice(const block_pass *pass, dpi_lhs m, size_t first, size_t count) {
    const dpi_block_part *part = pass->part;
    const dpi_parameters *p = &pass->model->parameters;
    dpi_linear fc1 = dpi_linear_outputs(&part->fc1, first, count);
    dpi_lhs h = dpi_gemm_run_to_lhs(pass->model->kernels, &fc1, pass->rows.count, m, p->activation,
                                    &pass->buffers.mlp);
    if (part->composed_down_mlp.outputs > 0) {
        dpi_linear down = dpi_linear_inputs(&part->composed_down_mlp, first, count);
        bool last = first + count == p->mlp_width;
        dpi_epilogue epilogue = {.accumulate = first > 0,
                                 .activation = last ? p->adapter_activation : DPI_ACTIVATION_NONE};
        multiply_rows(pass, &down, h, dpi_lhs_sums(&pass->buffers.bottleneck), epilogue);
    }
    if (part->fc2.outputs > 0) {
        dpi_linear fc2 = dpi_linear_inputs(&part->fc2, first, count);
        add_to_residual(pass, &fc2, h);
    }
}

/* d of the adapter beside the MLP: of m, or of x before it is normalised. m is made here, too,
 * since it may take the memory of x as a GEMM reads it. */
static dpi_lhs normalise_and_run_adapter(const block_pass *pass, dpi_lhs *d) {
    const dpi_parameters *p = &pass->model->parameters;
    const dpi_linear *down = &pass->part->adapter_down_mlp;
    bool reads_x = down->outputs > 0 && dpi_reads_x(p, DPI_PART_SPATIAL);
    if (reads_x) {
        *d = run_adapter_down(pass, down,
                              dpi_lhs_from_rows(pass->model->gemm, pass->x, pass->rows.count,
                                                p->width, &pass->buffers.norm));
    }
    dpi_lhs m = normalise_rows(pass);
    if (down->outputs > 0 && !reads_x) {
        *d = run_adapter_down(pass, down, m);
    }
    return m;
}

void dpi_fused_mlp(const dpi_workspace *workspace, const dpi_block_part *part, dpi_token_rows rows,
                   float *scratch) {
    block_pass pass = start_block_pass(workspace, part, rows, scratch);
    const dpi_parameters *p = &workspace->model->parameters;
    dpi_lhs d = {NULL, 0, NULL};
    dpi_lhs m = normalise_and_run_adapter(&pass, &d);
    if (part->adapter_down_mlp.outputs > 0) {
        add_to_residual(&pass, &part->adapter_up_mlp, d);
    }
    for (size_t first = 0; first < p->mlp_width; first += MLP_SLICE) {
        add_mlp_slice(&pass, m, first, dpi_size_min(MLP_SLICE, p->mlp_width - first));
    }
    if (part->composed_down_mlp.outputs > 0) {
        d = dpi_lhs_from_rows(workspace->model->gemm, dpi_lhs_sums(&pass.buffers.bottleneck),
                              rows.count, part->adapter_up_mlp.inputs, &pass.buffers.bottleneck);
        add_to_residual(&pass, &part->adapter_up_mlp, d);
    }
}
