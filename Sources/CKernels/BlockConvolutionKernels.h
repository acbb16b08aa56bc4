#include "PutKernels.h"

// Copies what a band sees of one channel, in whole vectors: what one writes too much of a row, the next row overwrites.
static void K(pack_plane)(const pare_block_layer *l, const float *plane, intptr_t first_row, float *target) {
  intptr_t step = l->stride_x;
  for (int32_t py = 0; py < l->phases_y; py++)
    for (int32_t px = 0; px < l->phases_x; px++)
      for (int32_t r = 0; r < l->rows; r++, target += l->pitch) {
        intptr_t y = (first_row + r) * l->stride_y + py - l->pad_top, x = px - l->pad_left;
        if (y < 0 || y >= l->height) {
          for (intptr_t i = 0; i < l->pitch; i += 16) *(K(some16) *)(target + i) = (K(some16)){0};
          continue;
        }
        intptr_t width = l->plane_in - y * l->width;
        if (width > l->width) width = l->width;
        intptr_t low = x >= 0 ? 0 : (-x + step - 1) / step, high = width > x ? (width - x + step - 1) / step : 0;
        if (low > l->pitch) low = l->pitch;
        if (high > l->pitch) high = l->pitch;
        const float *row = plane + y * l->width + x;
        // Whole vectors where they stay inside of this plane.
        intptr_t start = y * l->width + x, i = 0;
        if (step == 1 && start >= -low && start + l->pitch + 15 <= l->plane_in) {
          for (intptr_t k = 0; k < low; k++) target[k] = 0;
          for (i = low; i < high; i += 16) *(K(some16) *)(target + i) = *(const K(some16) *)(row + i);
          for (i = high; i < l->pitch; i += 16) *(K(some16) *)(target + i) = (K(some16)){0};
          continue;
        }
        for (; i < l->pitch && start >= 0 && start + (i + 16) * step <= l->plane_in && step <= 2; i += 16) {
          K(mask16) lane = (K(mask16)){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} + (int32_t)i;
          K(mask16) inside = (lane >= (int32_t)low) & (lane < (int32_t)high);
          K(some16) a = *(const K(some16) *)(row + i * step);
          if (step == 2)
            a = __builtin_shufflevector(a, *(const K(some16) *)(row + i * 2 + 16), 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
          *(K(some16) *)(target + i) = (K(some16))((K(mask16))a & inside);
        }
        for (; i < l->pitch; i++) target[i] = i >= low && i < high ? row[i * step] : 0;
      }
}

// Turns 16 x 16 elements: element k of vector i becomes element i of vector k.
static inline __attribute__((always_inline)) void K(turn)(K(some16) *v) {
  K(some16) w[16];
  for (int i = 0; i < 8; i++) {
    w[2 * i] = __builtin_shufflevector(v[i], v[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    w[2 * i + 1] = __builtin_shufflevector(v[i], v[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
  for (int i = 0; i < 16; i++) v[i] = w[i];
}

// The sums of sixteen outputs at CHUNK positions, `columns` of them side by side.
static inline __attribute__((always_inline)) void K(chunk)(const int columns, const uint32_t *offsets, const float *values,
                                                          int64_t count, const char *packed, intptr_t pitch, float *sums) {
#pragma clang loop unroll(full)
  for (int piece = 0; piece < 16; piece += K_LANES) {
    K(lanes) sum[CHUNK];
    for (int i = 0; i < CHUNK; i++) sum[i] = (K(lanes)){0};
    for (int64_t n = 0; n < count; n++) {
      K(lanes) weight = *(const K(lanes) *)(values + n * 16 + piece);
      const float *source = (const float *)(packed + offsets[n]);
#pragma clang loop unroll(full)
      for (int i = 0; i < CHUNK; i++) sum[i] += weight * source[i / columns * pitch + i % columns];
    }
    for (int i = 0; i < CHUNK; i++) *(K(lanes) *)(sums + i * 16 + piece) = sum[i];
  }
}

#if K_LANES == 16
// Both chunks at once: there are registers enough, and each weight is loaded once.
static inline __attribute__((always_inline)) void K(whole)(const int rows, const uint32_t *offsets, const float *values,
                                                          int64_t count, const char *packed, intptr_t pitch, float *sums) {
  K(lanes) sum[TILE];
  for (int i = 0; i < TILE; i++) sum[i] = (K(lanes)){0};
  for (int64_t n = 0; n < count; n++) {
    K(lanes) weight = *(const K(lanes) *)(values + n * 16);
    const float *source = (const float *)(packed + offsets[n]);
    const float *next = (const float *)(packed + offsets[n + 6]);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) __builtin_prefetch(next + r * pitch);
    if (rows == 1) __builtin_prefetch(next + 16);
#pragma clang loop unroll(full)
    for (int i = 0; i < TILE; i++) sum[i] += weight * source[i / (TILE / rows) * pitch + i % (TILE / rows)];
  }
  for (int i = 0; i < TILE; i++) *(K(lanes) *)(sums + i * 16) = sum[i];
}
#endif

static void K(tile)(int32_t rows, const uint32_t *offsets, const float *values, int64_t count, const char *packed,
                    intptr_t pitch, const block_target *t) {
  float sums[TILE * 16] __attribute__((aligned(64)));
  for (int o = 0; o < t->outputs; o++)
    for (int r = 0; r < t->rows; r++) {
      intptr_t at = o * t->plane + r * t->below;
      for (int32_t i = 0; i < t->columns + 15; i += 16) {
        __builtin_prefetch(t->output + at + i, 1);
        if (t->residual) __builtin_prefetch(t->residual + at + i);
      }
    }
#if K_LANES == 16
  switch (rows) {
    case 1: K(whole)(1, offsets, values, count, packed, pitch, sums); break;
    case 2: K(whole)(2, offsets, values, count, packed, pitch, sums); break;
    default: K(whole)(4, offsets, values, count, packed, pitch, sums);
  }
#else
  // The second chunk lies to the right of the first, or below it.
  intptr_t next = (rows == 1 ? CHUNK : rows == 2 ? pitch : 2 * pitch) * 4;
  for (int c = 0; c < 2; c++)
    if (rows == 4) K(chunk)(CHUNK / 2, offsets, values, count, packed + c * next, pitch, sums + c * CHUNK * 16);
    else K(chunk)(CHUNK, offsets, values, count, packed + c * next, pitch, sums + c * CHUNK * 16);
#endif
  float bias[16] = {0};
  if (t->bias)
    for (int i = 0; i < t->outputs; i++) bias[i] = t->bias[i];
  K(some16) biases = *(const K(some16) *)bias;
  for (int c = 0; c < 2; c++) {
    K(some16) v[16];
    for (int i = 0; i < 16; i++) v[i] = i < CHUNK ? *(const K(some16) *)(sums + (c * CHUNK + i) * 16) + biases : (K(some16)){0};
    for (int i = 0; i < 4; i++) K(turn)(v);
    for (int o = 0; o < t->outputs; o++) {
      const float *source = (const float *)&v[o];
      if (rows < 4) {
        int32_t row = rows == 2 ? c : 0, column = rows == 1 ? c * CHUNK : 0, columns = t->columns - column;
        if (columns > CHUNK) columns = CHUNK;
        intptr_t at = o * t->plane + row * t->below + column;
        if (row < t->rows && columns > 0)
          K(put)(source, t->residual ? t->residual + at : 0, t->output + at, columns, t->low, t->high);
      } else {
        for (int32_t k = 0; k < 2 && 2 * c + k < t->rows; k++) {
          intptr_t at = o * t->plane + (2 * c + k) * t->below;
          K(put)(source + k * (CHUNK / 2), t->residual ? t->residual + at : 0, t->output + at, t->columns, t->low, t->high);
        }
      }
    }
  }
}
