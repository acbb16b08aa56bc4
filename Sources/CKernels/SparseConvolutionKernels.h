// A vector of sixteen positions is one register, two or four.
typedef float K(lanes) __attribute__((vector_size(4 * K_LANES)));
typedef float K(some16) __attribute__((vector_size(64), aligned(4)));
typedef float K(some8) __attribute__((vector_size(32), aligned(4)));
typedef float K(some4) __attribute__((vector_size(16), aligned(4)));
typedef int32_t K(mask16) __attribute__((vector_size(64)));
typedef int32_t K(mask8) __attribute__((vector_size(32)));
typedef int32_t K(mask4) __attribute__((vector_size(16)));

// Copies pieces of W columns, one below the other in the plane, to every sixteenth place of the vectors.
#define PIECES(W, ...)                                                                                                 \
  static inline __attribute__((always_inline)) void K(pieces##W)(const float *row, const sparse_strip *s, intptr_t step, \
                                                                 int safe, float *target) {                            \
    typedef K(some##W) some;                                                                                           \
    typedef K(mask##W) mask;                                                                                           \
    mask lane = {__VA_ARGS__}, inside = (lane >= s->low) & (lane < s->high);                                           \
    intptr_t below = s->below;                                                                                         \
    for (int32_t i = 0; i < s->begin; i++) *(some *)(target + i * 16) = (some){0};                                     \
    for (int32_t i = s->end; i < s->rows; i++) *(some *)(target + i * 16) = (some){0};                                 \
    if (safe && step == 1) {                                                                                           \
      for (int32_t i = s->begin; i < s->end; i++)                                                                      \
        *(some *)(target + i * 16) = (some)((mask) * (const some *)(row + i * below) & inside);                        \
    } else if (safe && step == 2) {                                                                                    \
      for (int32_t i = s->begin; i < s->end; i++) {                                                                    \
        some a = *(const some *)(row + i * below), b = *(const some *)(row + i * below + W);                           \
        *(some *)(target + i * 16) = (some)((mask)EVEN##W(a, b) & inside);                                             \
      }                                                                                                                \
    } else {                                                                                                           \
      for (int32_t i = s->begin; i < s->end; i++) {                                                                    \
        *(some *)(target + i * 16) = (some){0};                                                                        \
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
                             const float *input, intptr_t plane, intptr_t all, int32_t channels, float *packed) {
  intptr_t step = l->stride_x;
  for (int32_t c = 0; c < channels; c++, plane += l->plane_in, packed += vectors * 16) {
    const float *channel = input + plane;
    for (int32_t i = 0; i < count; i++) {
      const sparse_strip *s = strips + i;
      // The channels after the next: their rows are too short for the processor to see them coming.
      if (s->leads && c + 2 < channels)
        for (int32_t k = s->begin; k < s->end; k++) __builtin_prefetch(channel + s->source + k * s->below + 2 * l->plane_in);
      int safe = plane + s->lowest >= 0 && plane + s->highest <= all;
      switch (l->lane_width) {
        case 16: K(pieces16)(channel + s->source, s, step, safe, packed + s->target); break;
        case 8: K(pieces8)(channel + s->source, s, step, safe, packed + s->target); break;
        default: K(pieces4)(channel + s->source, s, step, safe, packed + s->target);
      }
    }
  }
}

#define FINISH(W)                                                          \
  {                                                                        \
    typedef K(some##W) some;                                               \
    typedef K(mask##W) mask;                                               \
    some v = *(const some *)source;                                        \
    if (residual) v += *(const some *)residual;                            \
    some least = low - (some){0}, most = high - (some){0};                 \
    mask below = v < least, above = v > most;                              \
    v = (some)(((mask)least & below) | ((mask)most & above) | ((mask)v & ~(below | above))); \
    *(some *)target = v;                                                   \
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
      while (count > 0) {
        intptr_t n = count >= 16 ? 16 : count >= 8 ? 8 : count >= 4 ? 4 : 1;
        switch (n) {
          case 16: FINISH(16); break;
          case 8: FINISH(8); break;
          case 4: FINISH(4); break;
          default: {
            float v = *source + (residual ? *residual : 0);
            v = v < low ? low : v;
            *target = v > high ? high : v;
          }
        }
        count -= n, source += n, target += n;
        if (residual) residual += n;
      }
    }
}

// Adds to the sums of each output what the copied channels give, or starts them.
static inline __attribute__((always_inline)) void K(rows_with)(const int steps, const pare_sparse_row *rows, int32_t count,
                                                              const uint16_t *offsets, const float *values,
                                                              const char *packed, float *sums, int32_t first,
                                                              const float *bias, const sparse_target *target) {
  for (int32_t i = 0; i < count; i++) {
    pare_sparse_row row = rows[i];
    float *own = sums + (intptr_t)row.output * steps * 16;
    float start = bias ? bias[row.output] : 0;
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
      for (int s = 0; s < steps; s++) *(K(lanes) *)(own + s * 16 + piece) = sum[s];
    }
    if (target) K(finish)(target, own, steps, row.output);
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
    STEPS(8) STEPS(9) STEPS(10) STEPS(11) STEPS(12) STEPS(13) STEPS(14)
  }
#undef STEPS
}

#undef FINISH
#undef PIECES
#undef EVEN16
#undef EVEN8
#undef EVEN4
