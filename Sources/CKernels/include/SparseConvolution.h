#pragma once
#include <stdint.h>

// Convolution of planar images [N][C][H][W] with a weight of which most elements are 0. Nothing is multiplied by a zero
// weight and no image is unfolded: sixteen output positions are the lanes of a vector, `steps` such vectors stay in
// registers, and each nonzero weight costs one broadcast and `steps` fused multiply-adds with aligned operands from the
// first cache. For that, the part of some input channels that a block of positions sees is copied beforehand, once per
// horizontal offset of the kernel; one output after another then runs over these channels.
typedef struct {
  // The layer; channels and outputs are those of one group.
  int32_t groups, channels, outputs, height, width, kernel_height, kernel_width, stride_y, stride_x, dilation_y,
      dilation_x, pad_top, pad_left, out_height, out_width;
  // The blocking, from pare_sparse_plan. A vector's lanes are `lane_rows` pieces of `lane_width` columns, `steps` rows apart.
  int32_t lane_width, lane_rows, steps, phases, phase_rows, block_channels, blocks, parts;
  int32_t plane_in, plane_out; // elements of a plane; the last of `height` rows may be cut short when a plane is one line
} pare_sparse_layer;

// What the nonzeros of all groups look like: for each group, block of channels and part of the outputs the rows (one per
// output, those with as many nonzeros beside each other), and for each row its nonzeros: byte offset into the copied
// channels and value.
typedef struct {
  int32_t output, count;
} pare_sparse_row;

// What happens to each output: v + bias, + residual (of the output's shape, may be the output itself), then into low...high.
typedef struct {
  const float *bias, *residual; // either may be null
  float low, high;
} pare_sparse_epilogue;

// Fills in the blocking for a share of nonzeros (0...1) and a number of threads.
void pare_sparse_plan(pare_sparse_layer *layer, double density, int32_t threads);
// weight: [groups * outputs][channels][kernel_height][kernel_width]. begins: groups * blocks * parts + 1 entries; rows:
// groups * blocks * outputs; offsets, values: as many as nonzeros. Returns the number of nonzeros; counts only when rows
// is null.
int64_t pare_sparse_pack(const pare_sparse_layer *layer, const float *weight, int64_t *begins, pare_sparse_row *rows,
                         uint16_t *offsets, float *values);
// Bytes of scratch for a run on that many threads; the memory must be aligned to 64.
int64_t pare_sparse_scratch(const pare_sparse_layer *layer, int32_t threads);
void pare_sparse_convolution(const pare_sparse_layer *layer, const int64_t *begins, const pare_sparse_row *rows,
                             const uint16_t *offsets, const float *values, const float *input, float *output,
                             int64_t images, const pare_sparse_epilogue *epilogue, void *scratch, int32_t threads);
