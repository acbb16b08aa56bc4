#include "PutKernels.h"

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
#pragma clang loop unroll(full)
    for (int i = 0; i < TILE; i++) sum[i] += weight * source[i / (TILE / rows) * pitch + i % (TILE / rows)];
  }
  for (int i = 0; i < TILE; i++) *(K(lanes) *)(sums + i * 16) = sum[i];
}
#endif

static void K(tile)(int32_t rows, const uint32_t *offsets, const float *values, int64_t count, const char *packed,
                    intptr_t pitch, const block_target *t) {
  float sums[TILE * 16] __attribute__((aligned(64)));
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
