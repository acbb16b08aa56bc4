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
// weight: [groups * outputs][channels][kernel_height][kernel_width], 32 bits each: f32 (with `ignored` the sign, so that -0
// is a zero) or four s8 of neighbouring channels (0). begins: groups * blocks * parts + 1 entries; rows:
// groups * blocks * outputs; offsets, values: as many as nonzeros. Returns the number of nonzeros; counts only when rows
// is null.
int64_t pare_sparse_pack(const pare_sparse_layer *layer, const uint32_t *weight, uint32_t ignored, int64_t *begins,
                         pare_sparse_row *rows, uint16_t *offsets, uint32_t *values);
// Bytes of scratch for a run on that many threads; the memory must be aligned to 64.
int64_t pare_sparse_scratch(const pare_sparse_layer *layer, int32_t threads);
void pare_sparse_convolution(const pare_sparse_layer *layer, const int64_t *begins, const pare_sparse_row *rows,
                             const uint16_t *offsets, const uint32_t *values, const float *input, float *output,
                             int64_t images, const pare_sparse_epilogue *epilogue, void *scratch, int32_t threads);

// What happens to the sums of integers: (sum + correction) * scale + residual * residual_scale + shift, limited to
// low...high and, for 8 bits, rounded half to even. The grid's zero point is part of shift and limits.
typedef struct {
  const int32_t *corrections; // per output: -zero point of the inputs * the sum of the weights
  const float *scales, *shifts; // per output
  const uint32_t *residual;   // u8 in planes of four outputs; null: none
  float residual_scale, low, high;
  int32_t as_float; // the result is f32 in planes of one output, without residual; else u8 in planes of four
} pare_integer_epilogue;

// The same over planes of four neighbouring channels, [N][C/4][H][W] of four u8 each; `channels` counts planes, outputs are a
// multiple of four times `parts` unless as_float, and sums must fit in 32 bits. zero: what lies outside of the images.
void pare_sparse_convolution_i8(const pare_sparse_layer *layer, const int64_t *begins, const pare_sparse_row *rows,
                                const uint16_t *offsets, const uint32_t *values, const uint32_t *input, void *output,
                                int64_t images, uint8_t zero, const pare_integer_epilogue *epilogue, void *scratch,
                                int32_t threads);
// Between channels-last bytes [N][HW][C] and planes of four channels [N][C/4][HW][4]; C a multiple of four. is_signed: s8
// on the channels-last side, 128 more on the other.
void pare_channels_to_quads(const uint8_t *source, uint32_t *target, intptr_t images, intptr_t positions, intptr_t channels,
                            int32_t is_signed, int32_t threads);
void pare_quads_to_channels(const uint32_t *source, uint8_t *target, intptr_t images, intptr_t positions, intptr_t channels,
                            int32_t is_signed, int32_t threads);
