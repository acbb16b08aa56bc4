#pragma once
#include "SparseConvolution.h"
#include <stdint.h>

// Convolution with a weight whose zeros come in blocks of 16 outputs at one input channel and kernel position. Sixteen
// outputs are the lanes of a vector: a stored block costs one load of its weights and, for each position of a tile, one
// fused multiply-add with a broadcast input. Images are [N][C/16][H][W][16] where the channels of a group are a multiple
// of 16, else planar [N][C][H][W].
typedef struct {
  // The layer; channels and outputs are those of one group. The last block of a group may have fewer than 16 outputs.
  int32_t groups, channels, outputs, height, width, kernel_height, kernel_width, stride_y, stride_x, dilation_y,
      dilation_x, pad_top, pad_left, out_height, out_width;
  // From pare_block_plan. `blocked_source`, `blocked_target`: how the images lie.
  int32_t blocked_source, blocked_target;
  // `points` > 0: a 1x1 kernel reads the source where it is, in tiles of so many positions; `by_outputs`: its threads share
  // the outputs rather than the positions.
  // Else a tile has `tile_rows` times `tile_columns` positions, a band some rows of tiles whose inputs are copied at once,
  // split into one plane for each phase of the strides. `shared`: so many bands, whose borders lie inside of a row of tiles.
  int32_t points, by_outputs, tile_rows, tile_columns, band_rows, phases_y, phases_x, rows, pitch, parts, shared;
  int32_t plane_in, plane_out;
} pare_block_layer;

void pare_block_plan(pare_block_layer *layer, int32_t threads);
// weight: [groups * outputs][channels][kernel_height][kernel_width]. begins: one entry per block of 16 outputs of each
// group, and one more; offsets: one per stored block (in bytes, into the copied inputs or a
// group's source; a few more are read and not used); values: sixteen per stored block,
// aligned to 64. Returns the number of stored blocks: those with a nonzero. Counts only when begins is null.
int64_t pare_block_pack(const pare_block_layer *layer, const float *weight, int64_t *begins, uint32_t *offsets, float *values);
int64_t pare_block_scratch(const pare_block_layer *layer, int32_t threads);
void pare_block_convolution(const pare_block_layer *layer, const int64_t *begins, const uint32_t *offsets,
                            const float *values, const float *input, float *output, int64_t images,
                            const pare_sparse_epilogue *epilogue, void *scratch, int32_t threads);
