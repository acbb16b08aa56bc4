#pragma once
#include "SparseConvolution.h"
#include <stdint.h>

// Convolution of signs with signs: y = scale * (sum over taps inside of the image of sign(x) * sign(w)) + bias, by exclusive
// or and counting set bits. sign(v) is 1 for v >= 0, else -1; what lies outside of the image adds nothing.
typedef struct {
  int32_t channels, outputs, height, width, kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x,
      pad_top, pad_left, out_height, out_width;
} pare_binary_layer;

// For each 16 outputs and tap: words of 32 channels (16 a word), and the sums of the weights' signs.
int64_t pare_binary_words(const pare_binary_layer *layer);
int64_t pare_binary_sums(const pare_binary_layer *layer);
// weight: [outputs][channels][kernel_height][kernel_width].
void pare_binary_pack(const pare_binary_layer *layer, const float *weight, uint32_t *words, int32_t *sums);
int64_t pare_binary_scratch(const pare_binary_layer *layer, int64_t images);
// input [N][H][W][channels], output and residual [N][OH][OW][outputs]; scales: one per output.
void pare_binary_convolution(const pare_binary_layer *layer, const uint32_t *words, const int32_t *sums, const float *scales,
                             const float *input, float *output, int64_t images, const pare_sparse_epilogue *epilogue,
                             void *scratch, int32_t threads);
