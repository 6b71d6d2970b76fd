/*
 * AMX: the tile registers of a thread, and its instructions, as functions (tiles.c). What is a
 * fault of the processor ends the program with a sentence: tiles that are not configured, a
 * configuration that there is not, tiles whose sizes do not fit together.
 */
#ifndef TILES_H
#define TILES_H

#include <stddef.h>

void _tile_loadconfig(const void *config);
void _tile_release(void);
void _tile_zero(int tile);
void _tile_loadd(int tile, const void *rows, size_t stride);
void _tile_stream_loadd(int tile, const void *rows, size_t stride);
void _tile_stored(int tile, void *rows, size_t stride);
/* sum += a * b: bf16; bytes with sign times bytes without. */
void _tile_dpbf16ps(int sum, int a, int b);
void _tile_dpbsud(int sum, int a, int b);

#endif /* TILES_H */
