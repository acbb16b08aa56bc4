#pragma once
#include <stdint.h>

// Normalization of rows of f32 by their own statistics (layer normalization; without `centred` by the root mean square).
// Sums are in f64. `scale` and `shift` have n elements or are null, as may be every result but y.

// y = (x - mean) inverse scale + shift, with inverse = 1 / sqrt(variance + epsilon); mean is 0 where not `centred`.
void pare_layernorm(const float *x, const float *scale, const float *shift, float *y, float *mean, float *inverse,
                    intptr_t rows, intptr_t n, double epsilon, int32_t centred, int32_t threads);

// Gradients at x, scale and shift. `work`: 2 n doubles for each thread, not cleared.
void pare_layernorm_gradient(const float *g, const float *x, const float *scale, const float *mean, const float *inverse,
                             float *gx, float *gscale, float *gshift, double *work, intptr_t rows, intptr_t n,
                             int32_t centred, int32_t threads);
