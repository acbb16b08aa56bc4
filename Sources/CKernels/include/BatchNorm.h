#pragma once
#include <stdint.h>

// Batch normalization of f32 rows [rows][channels] (channels-last images, rows = N H W), with what usually follows it:
// the addition of a residual and bounds (relu, relu6). Each pass goes over memory once. Sums are those of f32 runs of at most 64
// rows, collected in f64; they depend on the number of threads, not on their timing.

// Mean and biased variance per channel. `work`: 2 * threads * channels doubles.
void pare_batchnorm_statistics(const float *x, intptr_t rows, intptr_t channels, float *mean, float *variance,
                               double *work, int32_t threads);

// y = x * factor + constant (+ residual), then, where `bounded`, at least `low` and at most `high`. `residual` may be
// null, y may be x.
void pare_batchnorm_apply(const float *x, const float *residual, float *y, intptr_t rows, intptr_t channels,
                          const float *factor, const float *constant, int32_t bounded, float low, float high, int32_t threads);

// Where the gradient passes: everywhere; where z = x * factor + constant > 0; where low <= z <= high; where y > 0.
typedef enum { PARE_PASS_ALL, PARE_PASS_POSITIVE, PARE_PASS_WITHIN, PARE_PASS_OUTPUT } pare_pass;

// Per channel the sums of g and of g * (x - mean) over the rows where the gradient passes.
// `work`: 2 * threads * channels doubles.
void pare_batchnorm_gradient_sums(const float *g, const float *x, const float *y, intptr_t rows, intptr_t channels,
                                  const float *factor, const float *constant, const float *mean, pare_pass pass, float low,
                                  float high, double *sums, double *products, double *work, int32_t threads);

// gx = by_gradient * g + by_input * x + rest, with g as 0 where it does not pass; that g also to `passed` unless null.
// gx may be g.
void pare_batchnorm_gradient_apply(const float *g, const float *x, const float *y, float *gx, float *passed,
                                   intptr_t rows, intptr_t channels, const float *factor, const float *constant,
                                   const float *by_gradient, const float *by_input, const float *rest, pare_pass pass,
                                   float low, float high, int32_t threads);
