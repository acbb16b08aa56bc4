// One element's conversions, to be inlined into the kernels' loops: no branches, so that the loops vectorise.
#pragma once
#include <stdint.h>
#include <string.h>

static inline uint32_t bits_f32(float x) { uint32_t b; memcpy(&b, &x, 4); return b; }
static inline float f32_of_bits(uint32_t b) { float x; memcpy(&x, &b, 4); return x; }

static inline float f32_of_bf16(uint16_t x) { return f32_of_bits((uint32_t)x << 16); }
static inline uint16_t bf16_of_f32(float x) {
  uint32_t b = bits_f32(x);
  uint32_t rounded = (b + 0x7FFF + (b >> 16 & 1)) >> 16;
  return (uint16_t)(x != x ? b >> 16 | 0x40 : rounded);
}

// The f32 from which a narrower float is rounded as if from the f64 itself: inexact results are made odd, so that ties
// of the second rounding are real ones.
static inline float f32_to_odd(double x) {
  float near = (float)x;
  uint32_t b = bits_f32(near);
  double back = near;
  double magnitude = x < 0 ? -x : x, reached = back < 0 ? -back : back;
  uint32_t odd = (b - (reached > magnitude ? 1 : 0)) | 1;
  int exact = back == x || x != x || reached > 0x1.fffffep127;
  return f32_of_bits(exact ? b : odd);
}

// Clamped with NaN as 0: what follows is a conversion in range.
static inline float within_f32(float x, float low, float high) {
  x = x < low ? low : x;
  x = x > high ? high : x;
  return x == x ? x : 0;
}
static inline double within_f64(double x, double low, double high) {
  x = x < low ? low : x;
  x = x > high ? high : x;
  return x == x ? x : 0;
}

// The largest f32 below 2^31 and 2^63, and the largest f64 below 2^63.
static inline int32_t i32_of_f32(float x) {
  int32_t y = (int32_t)within_f32(x, -0x1p31f, 0x1.fffffep30f);
  return x >= 0x1p31f ? INT32_MAX : y;
}
static inline int64_t i64_of_f32(float x) {
  int64_t y = (int64_t)within_f32(x, -0x1p63f, 0x1.fffffep62f);
  return x >= 0x1p63f ? INT64_MAX : y;
}
static inline int32_t i32_of_f64(double x) { return (int32_t)within_f64(x, -0x1p31, 0x1.fffffffcp30); }
static inline int64_t i64_of_f64(double x) {
  int64_t y = (int64_t)within_f64(x, -0x1p63, 0x1.fffffffffffffp62);
  return x >= 0x1p63 ? INT64_MAX : y;
}
