#include "CKernels.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { LANES = 16, MOST_POSITIONS = 14 };

typedef struct {
  const pare_binary_layer *layer;
  const uint32_t *words;
  const int32_t *sums;
  const float *scales, *input;
  float *output;
  uint32_t *bits;
  int64_t images;
  const pare_sparse_epilogue *epilogue;
} binary_run;

static int32_t divide_up(int32_t a, int32_t b) { return (a + b - 1) / b; }
static int32_t channel_words(const pare_binary_layer *l) { return divide_up(l->channels, 32); }
// The images of bits have a border, so that every tap of every output lies inside.
static intptr_t bits_height(const pare_binary_layer *l) {
  intptr_t reach = (intptr_t)(l->out_height - 1) * l->stride_y + (l->kernel_height - 1) * l->dilation_y + 1;
  return reach > l->height + l->pad_top ? reach : l->height + l->pad_top;
}
static intptr_t bits_width(const pare_binary_layer *l) {
  intptr_t reach = (intptr_t)(l->out_width - 1) * l->stride_x + (l->kernel_width - 1) * l->dilation_x + 1;
  return reach > l->width + l->pad_left ? reach : l->width + l->pad_left;
}

#define KERNELS "BinaryConvolutionKernels.h"
#include "EveryIsa.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512vpopcntdq"))), apply_to = function)
#define K(name) name##_popcount
#define K_LANES 16
#define K_POPCOUNT 1
#include "BinaryConvolutionKernels.h"
#undef K
#undef K_LANES
#undef K_POPCOUNT
#pragma clang attribute pop
#endif

int64_t pare_binary_words(const pare_binary_layer *l) {
  return (int64_t)divide_up(l->outputs, LANES) * l->kernel_height * l->kernel_width * channel_words(l) * LANES;
}

int64_t pare_binary_sums(const pare_binary_layer *l) {
  return (int64_t)divide_up(l->outputs, LANES) * l->kernel_height * l->kernel_width * LANES;
}

void pare_binary_pack(const pare_binary_layer *l, const float *weight, uint32_t *words, int32_t *sums) {
  int32_t taps = l->kernel_height * l->kernel_width, count = channel_words(l);
  memset(words, 0, (size_t)pare_binary_words(l) * 4);
  memset(sums, 0, (size_t)pare_binary_sums(l) * 4);
  for (int32_t o = 0; o < l->outputs; o++)
    for (int32_t c = 0; c < l->channels; c++)
      for (int32_t t = 0; t < taps; t++) {
        int positive = weight[((int64_t)o * l->channels + c) * taps + t] >= 0;
        int64_t tap = (int64_t)(o / LANES) * taps + t;
        words[(tap * count + c / 32) * LANES + o % LANES] |= (uint32_t)positive << (c % 32);
        sums[tap * LANES + o % LANES] += positive ? 1 : -1;
      }
}

int64_t pare_binary_scratch(const pare_binary_layer *l, int64_t images) {
  return (images * bits_height(l) * bits_width(l) * channel_words(l) * 4 + 63) / 64 * 64
         + (int64_t)MOST_POSITIONS * l->stride_x * 4 + 64;
}

static void sign_rows(const binary_run *r, int64_t begin, int64_t end) { DISPATCH(sign_rows, r, begin, end); }
static void sign_part(void *context, intptr_t begin, intptr_t end) { sign_rows(context, begin, end); }

static void binary_tasks(const binary_run *r, int64_t begin, int64_t end) {
#if defined(__x86_64__)
  if (pare_has_popcount()) return binary_tasks_popcount(r, begin, end);
#endif
  DISPATCH(binary_tasks, r, begin, end);
}
static void binary_part(void *context, intptr_t begin, intptr_t end) { binary_tasks(context, begin, end); }

void pare_binary_convolution(const pare_binary_layer *l, const uint32_t *words, const int32_t *sums, const float *scales,
                             const float *input, float *output, int64_t images, const pare_sparse_epilogue *epilogue,
                             void *scratch, int32_t threads) {
  binary_run run = {l, words, sums, scales, input, output, scratch, images, epilogue};
  pare_parallel(sign_part, &run, images * bits_height(l), threads);
  // The weights of sixteen outputs stay in the first cache while all rows pass.
  pare_parallel(binary_part, &run, divide_up(l->outputs, LANES) * images * l->out_height, threads);
}
