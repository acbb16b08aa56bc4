#include "LayerNorm.h"
#include "CKernels.h"
#include <math.h>
#include <string.h>

#define KERNELS "LayerNormKernels.h"
#include "EveryIsa.h"

typedef struct {
  const float *g, *x, *scale, *shift, *known_mean, *known_inverse;
  float *y, *mean, *inverse;
  double *work;
  intptr_t rows, n, parts;
  double epsilon;
  int32_t centred;
} rows_norm;

static void forward_rows(void *context, intptr_t begin, intptr_t end) {
  const rows_norm *c = context;
  DISPATCH(layernorm_rows, c->x, c->scale, c->shift, c->y, c->mean, c->inverse, begin, end, c->n, c->epsilon, c->centred);
}

static void gradient_rows(const rows_norm *c, intptr_t begin, intptr_t end, double *by_scale, double *by_shift) {
  DISPATCH(layernorm_gradient_rows, c->g, c->x, c->scale, c->known_mean, c->known_inverse, c->y, by_scale, by_shift, begin,
           end, c->n, c->centred);
}

static intptr_t start_of(const rows_norm *c, intptr_t part) {
  return c->rows / c->parts * part + (part < c->rows % c->parts ? part : c->rows % c->parts);
}

static void gradient_parts(void *context, intptr_t begin, intptr_t end) {
  const rows_norm *c = context;
  for (intptr_t part = begin; part < end; part++) {
    double *work = c->work ? c->work + part * 2 * c->n : 0;
    if (work) memset(work, 0, sizeof(double) * 2 * (size_t)c->n);
    gradient_rows(c, start_of(c, part), start_of(c, part + 1), work, work ? work + c->n : 0);
  }
}

void pare_layernorm(const float *x, const float *scale, const float *shift, float *y, float *mean, float *inverse,
                    intptr_t rows, intptr_t n, double epsilon, int32_t centred, int32_t threads) {
  rows_norm c = {.x = x, .scale = scale, .shift = shift, .y = y, .mean = mean, .inverse = inverse, .n = n,
                 .epsilon = epsilon, .centred = centred};
  pare_parallel(forward_rows, &c, rows, rows * n < 16384 ? 1 : threads);
}

void pare_layernorm_gradient(const float *g, const float *x, const float *scale, const float *mean, const float *inverse,
                             float *gx, float *gscale, float *gshift, double *work, intptr_t rows, intptr_t n,
                             int32_t centred, int32_t threads) {
  const intptr_t most = threads < 1 ? 1 : threads, parts = rows < most ? (rows < 1 ? 1 : rows) : most;
  rows_norm c = {.g = g, .x = x, .scale = scale, .known_mean = mean, .known_inverse = inverse, .y = gx,
                 .work = gscale || gshift ? work : 0, .rows = rows, .n = n, .parts = parts, .centred = centred};
  pare_parallel(gradient_parts, &c, parts, threads);
  for (intptr_t i = 0; i < n && c.work; i++) {
    double by_scale = 0, by_shift = 0;
    for (intptr_t part = 0; part < parts; part++) {
      by_scale += work[part * 2 * n + i];
      by_shift += work[part * 2 * n + n + i];
    }
    if (gscale) gscale[i] = (float)by_scale;
    if (gshift) gshift[i] = (float)by_shift;
  }
}
