/*
 * Weight files for tests of their reader: a sound one with everything in it, and what parses, looks
 * at and refuses files. Each lies in a heap block of exactly its size, so that a sanitiser sees
 * every byte that is read too many.
 */
#ifndef GGUF_SAMPLES_H
#define GGUF_SAMPLES_H

#include "gguf/gguf.h"
#include "gguf_builder.h"
#include "suite.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parsing ---- */

extern dpi_message message; /* of the last call that failed */

bool text_is(dpi_text text, const char *expected);
/* Parses a copy in a block of its own size, `shift` bytes off any alignment. */
dp_status parse(const uint8_t *bytes, size_t size, size_t shift, uint8_t **copy, dpi_gguf *gguf);

/* Asserts that a file is refused with a message that holds all of `words` (separated by '|'). */
void refuse(const uint8_t *bytes, size_t size, dp_status expected, const char *words);
/* The same for what a builder holds. */
void refuse_built(gguf_builder *builder, const char *words);
/* Parses what a builder holds; *bytes is freed by the caller, after dpi_gguf_free(). */
dpi_gguf accept_built(gguf_builder *builder, uint8_t **bytes);

/* ---- a sound file ---- */

extern const char *const sample_labels[3];
extern const float sample_means[3];
extern float sample_values[2 * 64]; /* of all its tensors; add_tensors() fills them */

void add_metadata(gguf_builder *builder);
void add_tensors(gguf_builder *builder);
uint8_t *sample_file(size_t *size);

#endif /* GGUF_SAMPLES_H */
