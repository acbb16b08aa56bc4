#pragma once
#include "SparseConvolution.h"
#include <stdint.h>

// Products of few rows with the weights of a linear layer, where the memory that the weights take is what costs time. Each
// output is summed in one order, whatever the number of threads.

// Sparse weights [outputs][inner]. Sixteen outputs with about as many nonzeros each are the lanes of a vector; a block has
// as many steps as its longest row, shorter ones are filled with zeros. begins: one per block of sixteen and one more, in
// steps; targets: the output of each lane, -1 for none; columns, values: sixteen a step, aligned to 64. inner is at most 65536.
// Returns the number of steps; counts only when begins is null.
int64_t pare_sparse_linear_pack(const float *weight, int64_t outputs, int64_t inner, int64_t *begins, int32_t *targets,
                                uint16_t *columns, float *values);
// source [rows][inner], output and residual [rows][outputs].
void pare_sparse_linear(int64_t rows, int64_t inner, int64_t outputs, const int64_t *begins, const int32_t *targets,
                        const uint16_t *columns, const float *values, const float *source, float *output,
                        const pare_sparse_epilogue *epilogue, int32_t threads);

// Codes of 2, 4 or 8 bits that stand for the entries of a table, times a scale for each output and group of inputs, and
// with something added to each weight of it: weight = scale * table[code] + offset.
typedef struct {
  int64_t outputs, inner;
  int64_t group; // inputs that share a scale; a multiple of 32, or at least inner
  int32_t bits;
} pare_coded_layer;

// Bytes of the packed codes and of the packed scales; offsets take as many as scales.
int64_t pare_coded_bytes(const pare_coded_layer *layer);
int64_t pare_coded_scale_bytes(const pare_coded_layer *layer);
// codes [outputs][inner], one a byte.
void pare_coded_pack(const pare_coded_layer *layer, const uint8_t *codes, void *packed);
// scales [outputs][groups], group after group of sixteen outputs afterwards.
void pare_coded_pack_scales(const pare_coded_layer *layer, const float *scales, float *packed);
// Bytes of scratch for a run with that many rows.
int64_t pare_coded_scratch(const pare_coded_layer *layer, int64_t rows);
// table: 4, 16 or 256 entries. offsets: null for none.
void pare_coded_linear(const pare_coded_layer *layer, int64_t rows, const void *packed, const float *table,
                       const float *scales, const float *offsets, const float *source, float *output,
                       const pare_sparse_epilogue *epilogue, void *scratch, int32_t threads);
