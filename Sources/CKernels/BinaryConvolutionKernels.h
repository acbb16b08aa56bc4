typedef uint32_t K(bits) __attribute__((vector_size(4 * K_LANES)));

static inline __attribute__((always_inline)) K(bits) K(count_bits)(K(bits) v) {
#if K_POPCOUNT
  return (K(bits))_mm512_popcnt_epi32((__m512i)v);
#else
  v -= v >> 1 & 0x55555555u;
  v = (v & 0x33333333u) + (v >> 2 & 0x33333333u);
  v = (v + (v >> 4)) & 0x0f0f0f0fu;
  v += v >> 8;
  return (v + (v >> 16)) & 63u;
#endif
}

// The signs' disagreements of `positions` neighbouring outputs of a row with one block of sixteen weights. `bits`: the row
// of the first tap, at the first position; `stride`: 0 for any.
static inline __attribute__((always_inline)) void K(disagreements)(const int positions, const int stride,
                                                                  const pare_binary_layer *l, const uint32_t *words,
                                                                  const uint32_t *bits, uint32_t *counts) {
  intptr_t width = bits_width(l), each = channel_words(l), step = stride ? stride : l->stride_x;
  for (int piece = 0; piece < LANES; piece += K_LANES) {
    K(bits) count[MOST_POSITIONS];
    for (int p = 0; p < positions; p++) count[p] = (K(bits)){0};
    const uint32_t *weight = words + piece;
    for (int32_t ky = 0; ky < l->kernel_height; ky++)
      for (int32_t kx = 0; kx < l->kernel_width; kx++) {
        const uint32_t *tap = bits + (intptr_t)ky * l->dilation_y * each * width + kx * l->dilation_x;
        for (intptr_t w = 0; w < each; w++, weight += LANES, tap += width) {
          K(bits) own = *(const K(bits) *)weight;
#pragma clang loop unroll(full)
          for (int p = 0; p < positions; p++) count[p] += K(count_bits)(own ^ tap[p * step]);
        }
      }
    for (int p = 0; p < positions; p++) *(K(bits) *)(counts + p * LANES + piece) = count[p];
  }
}

typedef int32_t K(dots) __attribute__((vector_size(64)));
typedef float K(values) __attribute__((vector_size(64), aligned(4)));

// Adds the sums of the weights at the taps that lie outside of the image; row and column are those of the first tap.
static void K(add_outside)(const pare_binary_layer *l, const int32_t *sums, int64_t row, intptr_t column, K(dots) *total) {
  for (int32_t ky = 0; ky < l->kernel_height; ky++, row += l->dilation_y)
    for (int32_t kx = 0; kx < l->kernel_width; kx++, sums += LANES) {
      intptr_t x = column + kx * l->dilation_x;
      if (row < 0 || row >= l->height || x < 0 || x >= l->width) *total += *(const K(dots) *)sums;
    }
}

// A task is one row of one image for sixteen outputs.
static void K(binary_tasks)(const binary_run *r, int64_t begin, int64_t end) {
  const pare_binary_layer *l = r->layer;
  intptr_t width = bits_width(l), each = channel_words(l), taps = (intptr_t)l->kernel_height * l->kernel_width;
  for (int64_t task = begin; task < end; task++) {
    int64_t y = task % l->out_height, image = task / l->out_height % r->images, block = task / l->out_height / r->images;
    const uint32_t *words = r->words + block * taps * each * LANES;
    const int32_t *sums = r->sums + block * taps * LANES;
    const uint32_t *bits = r->bits + (image * bits_height(l) + y * l->stride_y) * width * each;
    int64_t first = block * LANES;
    int outputs = l->outputs - first < LANES ? (int)(l->outputs - first) : LANES;
    int step = l->out_width > 7 ? MOST_POSITIONS : 7;
    K(values) scale = {0}, bias = {0};
    __builtin_memcpy(&scale, r->scales + first, outputs * 4);
    if (r->epilogue->bias) __builtin_memcpy(&bias, r->epilogue->bias + first, outputs * 4);
    for (int32_t x = 0; x < l->out_width; x += step) {
      int positions = l->out_width - x < step ? l->out_width - x : step;
      uint32_t counts[MOST_POSITIONS * LANES] __attribute__((aligned(64)));
      // Positions beyond the row count what lies there; nobody asks for it.
      const uint32_t *from = bits + (intptr_t)x * l->stride_x;
      if (step == 7 && l->stride_x == 1) K(disagreements)(7, 1, l, words, from, counts);
      else if (step == 7) K(disagreements)(7, 0, l, words, from, counts);
      else if (l->stride_x == 1) K(disagreements)(MOST_POSITIONS, 1, l, words, from, counts);
      else K(disagreements)(MOST_POSITIONS, 0, l, words, from, counts);
      int64_t row = y * l->stride_y - l->pad_top;
      int inside = row >= 0 && row + (l->kernel_height - 1) * l->dilation_y < l->height;
      for (int p = 0; p < positions; p++) {
        K(dots) dots = l->channels * (int32_t)taps - 2 * *(const K(dots) *)(counts + p * LANES);
        intptr_t column = (intptr_t)(x + p) * l->stride_x - l->pad_left;
        // Outside of the image bits are 0, so they counted as -1: add the weights there.
        if (!inside || column < 0 || column + (l->kernel_width - 1) * l->dilation_x >= l->width)
          K(add_outside)(l, sums, row, column, &dots);
        int64_t at = ((image * l->out_height + y) * l->out_width + x + p) * l->outputs + first;
        const pare_sparse_epilogue *e = r->epilogue;
        K(values) v = __builtin_convertvector(dots, K(values)) * scale + bias, added = {0};
        if (e->residual) __builtin_memcpy(&added, e->residual + at, outputs * 4);
        v += added;
        // In this order a NaN stays one.
        K(values) low = e->low - (K(values)){0}, high = e->high - (K(values)){0};
        K(dots) below = v < low, above = v > high;
        v = (K(values))(((K(dots))low & below) | ((K(dots))high & above) | ((K(dots))v & ~(below | above)));
        if (outputs == LANES) __builtin_memcpy(r->output + at, &v, sizeof v);
        else __builtin_memcpy(r->output + at, &v, outputs * 4);
      }
    }
  }
}

#if !K_POPCOUNT
// Rows of the images of bits, borders included: for each word of channels all columns.
static void K(sign_rows)(const binary_run *r, int64_t begin, int64_t end) {
  const pare_binary_layer *l = r->layer;
  intptr_t width = bits_width(l), height = bits_height(l), each = channel_words(l);
  for (int64_t task = begin; task < end; task++) {
    int64_t image = task / height, y = task % height - l->pad_top;
    uint32_t *target = r->bits + task * width * each;
    memset(target, 0, (size_t)(width * each) * 4);
    if (y < 0 || y >= l->height) continue;
    const float *source = r->input + (image * l->height + y) * l->width * l->channels;
    for (intptr_t x = 0; x < l->width && x + l->pad_left < width; x++, source += l->channels)
      for (intptr_t c = 0; c < l->channels; c += 32) {
        uint32_t word = 0;
        int count = l->channels - c < 32 ? (int)(l->channels - c) : 32;
#if K_LANES == 16
        if (count == 32) {
          __m512 zero = _mm512_setzero_ps();
          word = _mm512_cmp_ps_mask(_mm512_loadu_ps(source + c), zero, _CMP_GE_OQ)
                 | (uint32_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(source + c + 16), zero, _CMP_GE_OQ) << 16;
        } else
#endif
          for (int k = 0; k < count; k++) word |= (uint32_t)(source[c + k] >= 0) << k;
        target[c / 32 * width + x + l->pad_left] = word;
      }
  }
}
#endif
