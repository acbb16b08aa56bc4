#pragma once
#include <stdint.h>

// An affine 8-bit grid: value = (integer - zero) * scale. `is_signed`: -128...127 instead of 0...255.
typedef struct {
  float scale;
  int32_t zero, is_signed;
} pare_grid;

// ONNX's QuantizeLinear: x / scale, rounded half to even, plus the zero point, saturated; NaN becomes the lowest.
void pare_quantize(const float *x, void *q, intptr_t n, pare_grid grid, int32_t threads);
// ONNX's DequantizeLinear.
void pare_dequantize(const void *q, float *x, intptr_t n, pare_grid grid, int32_t threads);
// q = quantized(limited(dequantized(a) + dequantized(b))), each step rounded as the operators one by one would.
void pare_integer_add(const void *a, pare_grid a_grid, const void *b, pare_grid b_grid, void *q, pare_grid grid,
                      float lower, float upper, intptr_t n, int32_t threads);
// What this processor reaches, measured: f32 multiply-adds in registers, in GFLOP/s on `threads` threads; reading memory
// of `bytes` bytes, in GB/s.
double pare_peak_gflops(int32_t threads);
double pare_peak_bandwidth(const void *memory, intptr_t bytes, int32_t threads);
