// Registers of f32 of each size, and how sums become outputs. Included by files of kernels; no include guard.
typedef float K(lanes) __attribute__((vector_size(4 * K_LANES)));
typedef float K(some16) __attribute__((vector_size(64), aligned(4)));
typedef float K(some8) __attribute__((vector_size(32), aligned(4)));
typedef float K(some4) __attribute__((vector_size(16), aligned(4)));
typedef uint32_t K(words16) __attribute__((vector_size(64), aligned(4)));
typedef uint32_t K(words8) __attribute__((vector_size(32), aligned(4)));
typedef uint32_t K(words4) __attribute__((vector_size(16), aligned(4)));
typedef int32_t K(mask16) __attribute__((vector_size(64)));
typedef int32_t K(mask8) __attribute__((vector_size(32)));
typedef int32_t K(mask4) __attribute__((vector_size(16)));

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
// Writes `count` sums, at most 16: + residual (may be null), into low...high. A NaN stays one.
static inline __attribute__((always_inline)) void K(put)(const float *source, const float *residual, float *target,
                                                         intptr_t count, float low, float high) {
#if K_LANES == 16
  __mmask16 mask = (__mmask16)((1u << count) - 1);
  __m512 v = _mm512_maskz_loadu_ps(mask, source);
  if (residual) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, residual));
  v = _mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), v));
  _mm512_mask_storeu_ps(target, mask, v);
#else
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
#endif
}
#undef FINISH
