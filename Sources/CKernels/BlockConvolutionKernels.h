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

// Copies what a band sees of sixteen channels that lie side by side into planes, `channel` elements apart, in whole vectors:
// what one writes too much of a row, the next row overwrites.
static void K(pack_block)(const pare_block_layer *l, const float *block, intptr_t first_row, float *target, intptr_t channel) {
  intptr_t step = l->stride_x;
  for (int32_t py = 0; py < l->phases_y; py++)
    for (int32_t px = 0; px < l->phases_x; px++)
      for (int32_t r = 0; r < l->rows; r++, target += l->pitch) {
        intptr_t y = (first_row + r) * l->stride_y + py - l->pad_top, width = y < 0 || y >= l->height ? 0 : l->plane_in - y * l->width;
        if (width > l->width) width = l->width;
        const float *row = block + y * l->width * 16;
        for (intptr_t i = 0; i < l->pitch; i += 16) {
          K(some16) v[16];
          intptr_t x = i * step + px - l->pad_left;
          if (x >= 0 && x + 15 * step < width)
            for (int k = 0; k < 16; k++) v[k] = *(const K(some16) *)(row + (x + k * step) * 16);
          else
            for (int k = 0; k < 16; k++, x += step) v[k] = x >= 0 && x < width ? *(const K(some16) *)(row + x * 16) : (K(some16)){0};
          for (int k = 0; k < 4; k++) K(turn)(v);
          for (int k = 0; k < 16; k++) *(K(some16) *)(target + k * channel + i) = v[k];
        }
      }
}

// The sums of sixteen outputs at `points` positions in `rows` rows, `pitch` floats apart; within a row `step` floats lie
// between one position and the next.
static inline __attribute__((always_inline)) void K(add_up)(const int rows, const int points, const intptr_t step,
                                                           const uint32_t *offsets, const float *values, int64_t count,
                                                           const char *packed, intptr_t pitch, K(some16) *result) {
  const int columns = points / rows;
#if K_LANES == 16
  // All at once: there are registers enough, and each weight is loaded once.
  K(lanes) sum[TILE];
#pragma clang loop unroll(full)
  for (int i = 0; i < points; i++) sum[i] = (K(lanes)){0};
  for (int64_t n = 0; n < count; n++) {
    K(lanes) weight = *(const K(lanes) *)(values + n * 16);
    const float *source = (const float *)(packed + offsets[n]);
    if (step == 1) {
      const float *next = (const float *)(packed + offsets[n + 6]);
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) __builtin_prefetch(next + r * pitch);
      if (rows == 1) __builtin_prefetch(next + 16);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < points; i++) sum[i] += weight * source[i / columns * pitch + i % columns * step];
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < points; i++) result[i] = (K(some16))sum[i];
#else
  const int some = points < CHUNK ? points : CHUNK;
#pragma clang loop unroll(full)
  for (int first = 0; first < points; first += some)
#pragma clang loop unroll(full)
    for (int piece = 0; piece < 16; piece += K_LANES) {
      K(lanes) sum[CHUNK];
      for (int i = 0; i < some; i++) sum[i] = (K(lanes)){0};
      for (int64_t n = 0; n < count; n++) {
        K(lanes) weight = *(const K(lanes) *)(values + n * 16 + piece);
        const float *source = (const float *)(packed + offsets[n]);
#pragma clang loop unroll(full)
        for (int i = 0; i < some; i++) sum[i] += weight * source[(first + i) / columns * pitch + (first + i) % columns * step];
      }
      for (int i = 0; i < some; i++) *(K(lanes) *)((float *)&result[first + i] + piece) = sum[i];
    }
#endif
}

static inline __attribute__((always_inline)) void K(find_bias)(const block_target *t, K(some16) *bias) {
  *bias = (K(some16)){0};
  if (t->bias && t->outputs == 16) *bias = *(const K(some16) *)t->bias;
  else if (t->bias)
    for (int i = 0; i < t->outputs; i++) (*bias)[i] = t->bias[i];
}

// Stores sums where sixteen outputs lie side by side.
static inline __attribute__((always_inline)) void K(put_blocks)(const int rows, const int points, const K(some16) *sum,
                                                               const block_target *t) {
  const int columns = points / rows;
  K(some16) bias;
  K(find_bias)(t, &bias);
#pragma clang loop unroll(full)
  for (int i = 0; i < points; i++) {
    if (i / columns >= t->rows || i % columns >= t->columns || i % columns < t->skip) continue;
    intptr_t at = (i / columns * t->below + i % columns) * 16;
    K(some16) v = sum[i] + bias;
#if K_LANES == 16
    if (t->residual) v += *(const K(some16) *)(t->residual + at);
    // The second operand is what stays where one is not a number.
    *(K(some16) *)(t->output + at) =
        (K(some16))_mm512_min_ps(_mm512_set1_ps(t->high), _mm512_max_ps(_mm512_set1_ps(t->low), (__m512)v));
#else
    K(put)((const float *)&v, t->residual ? t->residual + at : 0, t->output + at, 16, t->low, t->high);
#endif
  }
}

// Turns sums into planes and stores them.
static void K(put_planes)(int32_t rows, const K(some16) *sums, const block_target *t) {
  K(some16) bias;
  K(find_bias)(t, &bias);
  for (int c = 0; c < 2; c++) {
    K(some16) v[16];
    for (int i = 0; i < 16; i++) v[i] = i < CHUNK ? sums[c * CHUNK + i] + bias : (K(some16)){0};
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

static inline __attribute__((always_inline)) void K(tile_of)(const int rows, int32_t blocked, const uint32_t *offsets,
                                                            const float *values, int64_t count, const char *packed,
                                                            intptr_t pitch, const block_target *t) {
  K(some16) sums[TILE];
  // The memory of the results, while they are computed.
  int32_t planes = blocked ? 1 : t->outputs, wide = blocked ? 16 : 1;
  for (int o = 0; o < planes; o++)
    for (int r = 0; r < t->rows; r++) {
      intptr_t at = o * t->plane + r * t->below * wide;
      for (int32_t i = 0; i < t->columns * wide + (blocked ? 0 : 15); i += 16) {
        __builtin_prefetch(t->output + at + i, 1);
        if (t->residual && t->residual != t->output) __builtin_prefetch(t->residual + at + i);
      }
    }
  K(add_up)(rows, TILE, 1, offsets, values, count, packed, pitch, sums);
  if (blocked) K(put_blocks)(rows, TILE, sums, t);
  else K(put_planes)(rows, sums, t);
}

static void K(tile)(int32_t rows, int32_t blocked, const uint32_t *offsets, const float *values, int64_t count,
                    const char *packed, intptr_t pitch, const block_target *t) {
  switch (rows) {
    case 1: K(tile_of)(1, blocked, offsets, values, count, packed, pitch, t); break;
    case 2: K(tile_of)(2, blocked, offsets, values, count, packed, pitch, t); break;
    default: K(tile_of)(4, blocked, offsets, values, count, packed, pitch, t);
  }
}

static inline __attribute__((always_inline)) void K(points_of)(const int number, const uint32_t *offsets, const float *values,
                                                              int64_t count, const char *source, const block_target *t) {
  K(some16) sums[TILE];
  for (int i = 0; i < number; i++) {
    __builtin_prefetch(t->output + i * 16, 1);
    if (t->residual && t->residual != t->output) __builtin_prefetch(t->residual + i * 16);
  }
  K(add_up)(1, number, 16, offsets, values, count, source, 0, sums);
  K(put_blocks)(1, number, sums, t);
}

static void K(points)(int32_t number, const uint32_t *offsets, const float *values, int64_t count, const char *source,
                      const block_target *t) {
  switch (number) {
    case TILE / 4: K(points_of)(TILE / 4, offsets, values, count, source, t); break;
    case TILE / 2: K(points_of)(TILE / 2, offsets, values, count, source, t); break;
    default: K(points_of)(TILE, offsets, values, count, source, t);
  }
}
