// A vector of sixteen positions is one register, two or four.
#include "PutKernels.h"
#include "SparseIntegerKernels.h"

// Copies pieces of W columns, one below the other in the plane, to every sixteenth place of the vectors.
#define PIECES(W, ...)                                                                                                 \
  static inline __attribute__((always_inline)) void K(pieces##W)(const uint32_t *row, const sparse_strip *s, intptr_t step, \
                                                                 int safe, uint32_t fill, uint32_t *target) {          \
    typedef K(words##W) some;                                                                                          \
    typedef K(mask##W) mask;                                                                                           \
    mask lane = {__VA_ARGS__};                                                                                         \
    some inside = (some)((lane >= s->low) & (lane < s->high)), outside = ~inside & (fill - (some){0});                  \
    intptr_t below = s->below;                                                                                         \
    for (int32_t i = 0; i < s->begin; i++) *(some *)(target + i * 16) = fill - (some){0};                                     \
    for (int32_t i = s->end; i < s->rows; i++) *(some *)(target + i * 16) = fill - (some){0};                                 \
    if (safe && step == 1) {                                                                                           \
      for (int32_t i = s->begin; i < s->end; i++)                                                                      \
        *(some *)(target + i * 16) = (*(const some *)(row + i * below) & inside) | outside;                        \
    } else if (safe && step == 2) {                                                                                    \
      for (int32_t i = s->begin; i < s->end; i++) {                                                                    \
        some a = *(const some *)(row + i * below), b = *(const some *)(row + i * below + W);                           \
        *(some *)(target + i * 16) = (EVEN##W(a, b) & inside) | outside;                                             \
      }                                                                                                                \
    } else {                                                                                                           \
      for (int32_t i = s->begin; i < s->end; i++) {                                                                    \
        *(some *)(target + i * 16) = fill - (some){0};                                                                        \
        int32_t high = i + 1 < s->end ? s->high : s->last;                                                             \
        for (int32_t k = s->low; k < high; k++) target[i * 16 + k] = row[i * below + k * step];                        \
      }                                                                                                                \
    }                                                                                                                  \
  }
#define EVEN16(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define EVEN8(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define EVEN4(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
PIECES(16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
PIECES(8, 0, 1, 2, 3, 4, 5, 6, 7)
PIECES(4, 0, 1, 2, 3)

static void K(pack_channels)(const sparse_strip *strips, int32_t count, intptr_t vectors, const pare_sparse_layer *l,
                             const uint32_t *input, intptr_t plane, intptr_t all, int32_t channels, uint32_t fill,
                             uint32_t *packed) {
  intptr_t step = l->stride_x;
  for (int32_t c = 0; c < channels; c++, plane += l->plane_in, packed += vectors * 16) {
    const uint32_t *channel = input + plane;
    for (int32_t i = 0; i < count; i++) {
      const sparse_strip *s = strips + i;
      // The channels after the next: their rows are too short for the processor to see them coming.
      if (s->leads && c + 2 < channels)
        for (int32_t k = s->begin; k < s->end; k++) __builtin_prefetch(channel + s->source + k * s->below + 2 * l->plane_in);
      int safe = plane + s->lowest >= 0 && plane + s->highest <= all;
      switch (l->lane_width) {
        case 16: K(pieces16)(channel + s->source, s, step, safe, fill, packed + s->target); break;
        case 8: K(pieces8)(channel + s->source, s, step, safe, fill, packed + s->target); break;
        default: K(pieces4)(channel + s->source, s, step, safe, fill, packed + s->target);
      }
    }
  }
}

// Writes the sums of one output: `target` and `residual` are where its plane starts.
static inline __attribute__((always_inline)) void K(finish)(const sparse_target *t, const float *sums, int steps, intptr_t output) {
  float low = t->low, high = t->high;
  for (int32_t piece = 0; piece < t->pieces; piece++)
    for (int32_t s = 0; s < t->rows[piece]; s++) {
      const float *source = sums + s * 16 + piece * t->width;
      intptr_t count = piece + 1 == t->pieces && s + 1 == t->rows[piece] ? t->last : t->count;
      intptr_t start = output * t->plane + t->start + (piece * steps + s) * t->below;
      float *target = t->output + start;
      const float *residual = t->residual ? t->residual + start : 0;
      K(put)(source, residual, target, count, low, high);
    }
}

#if K_LANES == 16
// The same from registers, with masked stores.
static inline __attribute__((always_inline)) void K(finish_lanes)(const int steps, const sparse_target *t, const K(lanes) *sum,
                                                                 intptr_t output) {
  __m512 low = _mm512_set1_ps(t->low), high = _mm512_set1_ps(t->high);
  for (int32_t piece = 0; piece < t->pieces; piece++) {
    // Lane i of the vector belongs to element i of these pointers.
    intptr_t start = output * t->plane + t->start + piece * (steps * t->below - t->width);
    float *target = t->output + start;
    const float *residual = t->residual + start;
    __mmask16 count = (__mmask16)((1u << t->count) - 1), last = (__mmask16)((1u << t->last) - 1);
    int32_t rows = t->rows[piece], end = piece + 1 == t->pieces;
#pragma clang loop unroll(full)
    for (int s = 0; s < steps; s++) {
      if (s >= rows) break;
      __mmask16 mask = (__mmask16)((end && s + 1 == rows ? last : count) << (piece * t->width));
      __m512 v = (__m512)sum[s];
      if (t->residual) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, residual + s * t->below));
      // In this order a NaN stays one.
      v = _mm512_min_ps(high, _mm512_max_ps(low, v));
      _mm512_mask_storeu_ps(target + s * t->below, mask, v);
    }
  }
}
#endif

// Adds to the sums of each output what the copied channels give, or starts them.
static inline __attribute__((always_inline)) void K(rows_with)(const int steps, const pare_sparse_row *rows, int32_t count,
                                                              const uint16_t *offsets, const float *values,
                                                              const char *packed, float *sums, int32_t first,
                                                              const float *bias, const sparse_target *target) {
  for (int32_t i = 0; i < count; i++) {
    pare_sparse_row row = rows[i];
    float *own = sums + (intptr_t)row.output * steps * 16;
    float start = bias ? bias[row.output] : 0;
    if (target && i + AHEAD < count) {
      intptr_t next = rows[i + AHEAD].output * target->plane + target->start;
      for (int32_t piece = 0; piece < target->pieces; piece++)
        for (int32_t s = 0; s < target->rows[piece]; s++) {
          intptr_t at = next + (piece * steps + s) * target->below;
          __builtin_prefetch(target->output + at, 1);
          if (target->residual) __builtin_prefetch(target->residual + at);
        }
    }
#pragma clang loop unroll(full)
    for (int piece = 0; piece < 16; piece += K_LANES) {
      K(lanes) sum[MOST_STEPS];
      for (int s = 0; s < steps; s++) sum[s] = first ? start - (K(lanes)){0} : *(const K(lanes) *)(own + s * 16 + piece);
      for (int32_t n = 0; n < row.count; n++) {
        const float *source = (const float *)(packed + offsets[n]) + piece;
        K(lanes) value = values[n] - (K(lanes)){0};
#pragma clang loop unroll(full)
        for (int s = 0; s < steps; s++) sum[s] += value * *(const K(lanes) *)(source + s * 16);
      }
#if K_LANES == 16
      if (target) {
        K(finish_lanes)(steps, target, sum, row.output);
        continue;
      }
#endif
      for (int s = 0; s < steps; s++) *(K(lanes) *)(own + s * 16 + piece) = sum[s];
    }
#if K_LANES != 16
    if (target) K(finish)(target, own, steps, row.output);
#endif
    offsets += row.count;
    values += row.count;
  }
}

static void K(rows_of)(const pare_sparse_layer *l, const pare_sparse_row *rows, int32_t count, const uint16_t *offsets,
                       const float *values, const char *packed, float *sums, int32_t first, const float *bias,
                       const sparse_target *target) {
#define STEPS(n) \
  case n: K(rows_with)(n, rows, count, offsets, values, packed, sums, first, bias, target); break;
  switch (l->steps) {
    STEPS(1) STEPS(2) STEPS(3) STEPS(4) STEPS(5) STEPS(6) STEPS(7)
    STEPS(8)
  }
#undef STEPS
}

#undef PIECES
#undef EVEN16
#undef EVEN8
#undef EVEN4
