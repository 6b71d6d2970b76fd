/*
 * Small models as lists that a test can change before they are written, with every key and tensor
 * that docs/weight-format.md has; then opened in memory and asked.
 */
#ifndef MODEL_RECIPE_H
#define MODEL_RECIPE_H

#include "dualpath.h"
#include "gguf_builder.h"
#include "support.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a file says ---- */

/* The numbers of a model, with the letters of docs/weight-format.md. */
typedef struct shape {
    size_t image, patch, width, heads, blocks, mlp; /* R, p, D, H, L, F */
    size_t features;                                /* O; 0: no projection */
    size_t hidden, classes;                         /* M, C; 0: no head */
    size_t grid, frames, spatial;                   /* g, T, Ts; one path: g = 0, Ts = T */
    size_t bottleneck[5];                           /* b by the method's sites; 0: absent */
    size_t kernel[2][3];           /* of conv_attn and conv_mlp: t, rows, columns */
    size_t first_block;            /* of those with convolutions */
    size_t prompts, prompt_blocks; /* P; 1 or L */
    const char *position, *activation, *adapter_activation;
    bool patch_bias, pre_norm, grid_table, skip;
    float scale;
    dp_method method;
} shape;

/* The base of most tests: DualPath with two blocks, all adapters, five classes. */
extern const shape released;

/* A small model of each method, and of what a method may have or not: released is the first. */
enum {
    SHAPE_DUALPATH,
    SHAPE_AIM,
    SHAPE_AIM_ONE_TIME, /* without time_in */
    SHAPE_ST,
    SHAPE_ST_LAST, /* only conv_attn, in the second of two blocks */
    SHAPE_VPT_DEEP,
    SHAPE_VPT_SHALLOW,
    SHAPE_ADAPTFORMER,
    SHAPE_PROBE,
    SHAPES
};
extern const shape method_shapes[SHAPES];

bool has_two_paths(const shape *s);
/* "s1" of "block.3.adapter.s1.down.weight"; NULL: the method has no such site. */
const char *site_name(dp_method method, size_t site);

/* A metadata value of type u32, f32, bool or string. */
typedef struct entry {
    const char *key;
    uint32_t type, number;
    float real;
    const char *text;
} entry;

typedef struct tensor {
    char name[80];
    size_t rows, columns; /* rows 0: a vector */
    size_t behind[3];     /* dimensions behind the columns, up to the first 0 */
    uint32_t type;
    float odd;        /* not 0: this value instead of one of the others */
    const char *twin; /* not NULL: the tensor whose values it has */
} tensor;

/* A file as lists that a test can change before it is written. */
typedef struct recipe {
    entry entries[32];
    size_t entry_count;
    tensor tensors[256];
    size_t tensor_count;
    size_t labels; /* 0: none */
    uint32_t seed; /* of the weights */
} recipe;

recipe make_recipe(const shape *s);

entry *find_entry(recipe *r, const char *key);
tensor *find_tensor(recipe *r, const char *name);
/* At the end of the list; rows 0: a vector. */
tensor *add_tensor(recipe *r, const char *name, size_t rows, size_t columns);
void drop_entry(recipe *r, const char *key);
void add_number(recipe *r, const char *key, size_t number); /* u32 */
void add_text(recipe *r, const char *key, const char *text);
void drop_tensor(recipe *r, size_t index);

size_t tokens_of(const shape *s);    /* the class token and patches, without prompts */
size_t framesets_of(const shape *s); /* 0: one path */
size_t features_of(const shape *s);

/* ---- writing it ---- */

void write_entry(gguf_builder *to, const entry *e);
void write_tensor(gguf_builder *to, const recipe *r, const tensor *t);
/* The file, which the caller frees. */
uint8_t *write_recipe(const recipe *r, size_t *size);

/* ---- opening it ---- */

typedef struct opened {
    uint8_t *bytes;
    dp_model *model;
} opened;

opened open_recipe(const recipe *r, const dp_model_options *options);
void close_opened(opened *o);
void assert_opens(const recipe *r);
/* Opening fails in both forms, with a sentence that has `named` in it. */
void assert_refused(const recipe *r, const char *named);
dp_model_info info_of(const dp_model *model);

#endif /* MODEL_RECIPE_H */
