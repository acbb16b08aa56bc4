#include "PutKernels.h"

// Raises `most` to what is greater; a NaN on either side stays one.
static inline __attribute__((always_inline)) void K(raise)(K(some16) *most, const K(some16) *other) {
#if K_LANES == 16
  __m512 a = (__m512)*most;
  *most = (K(some16))_mm512_mask_mov_ps(_mm512_max_ps(a, (__m512)*other), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
#else
  K(some16) a = *most, b = *other;
  K(mask16) first = (a > b) | (a != a);
  *most = (K(some16))(((K(mask16))a & first) | ((K(mask16))b & ~first));
#endif
}

// Each plane row by row: the greatest of the rows of a window first, with a border of -infinity, then of its columns.
static void K(pool_planes)(const pool_run *r, int64_t begin, int64_t end) {
  const pare_max_pool *l = r->pool;
  float line[PARE_MAX_POOL_WIDTH + 16 * 18 + 64] __attribute__((aligned(64)));
  intptr_t step = l->stride_x, span = (intptr_t)(l->out_width - 1) * step + l->kernel_width;
  intptr_t width = l->width < span - l->pad_left ? l->width : span - l->pad_left, filled = l->pad_left + width;
  for (intptr_t i = 0; i < l->pad_left; i++) line[i] = -INFINITY;
  for (int64_t plane = begin; plane < end; plane++) {
    const float *source = r->source + plane * l->height * l->width;
    float *target = r->target + plane * l->out_height * l->out_width;
    for (int32_t y = 0; y < l->out_height; y++, target += l->out_width) {
      intptr_t top = (intptr_t)y * l->stride_y - l->pad_top, first = top > 0 ? top : 0;
      intptr_t last = top + l->kernel_height < l->height ? top + l->kernel_height : l->height;
      intptr_t x = 0;
      for (; x + 16 <= width; x += 16) {
        K(some16) most = *(const K(some16) *)(source + first * l->width + x);
        for (intptr_t i = first + 1; i < last; i++) K(raise)(&most, (const K(some16) *)(source + i * l->width + x));
        *(K(some16) *)(line + l->pad_left + x) = most;
      }
      for (; x < width; x++) {
        float most = source[first * l->width + x];
        for (intptr_t i = first + 1; i < last; i++) {
          float v = source[i * l->width + x];
          most = most > v || most != most ? most : v;
        }
        line[l->pad_left + x] = most;
      }
      // Whole vectors read on; nobody asks for what they find there.
      for (intptr_t i = filled; i < span; i++) line[i] = -INFINITY;
      intptr_t o = 0;
      if (step <= 2)
        for (; o + 16 <= l->out_width; o += 16) {
          K(some16) most = {0};
          for (intptr_t k = 0; k < l->kernel_width; k++) {
            const float *at = line + o * step + k;
            K(some16) a = *(const K(some16) *)at;
            if (step == 2)
              a = __builtin_shufflevector(a, *(const K(some16) *)(at + 16), 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            if (k == 0) most = a;
            else K(raise)(&most, &a);
          }
          *(K(some16) *)(target + o) = most;
        }
      for (; o < l->out_width; o++) {
        float most = line[o * step];
        for (intptr_t k = 1; k < l->kernel_width; k++) {
          float v = line[o * step + k];
          most = most > v || most != most ? most : v;
        }
        target[o] = most;
      }
    }
  }
}
