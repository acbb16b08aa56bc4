// Elementary functions of f32, to be inlined into the kernels' loops: no branches and no calls, so that the loops
// vectorise. NaN gives NaN, infinities and denormals their limits. Polynomials are minimax fits (Remez) over the
// reduced interval. Largest errors over all floats, in units in the last place of the result (tests check them):
// exp 1.1, log 0.8, tanh and sigmoid 2.4, erf 1.3, erfc 7, sin and cos 1.6 for magnitudes up to 2^30 (beyond, the kernels ask
// libm), pow 0.51 for positive bases (the others likewise).
#pragma once
#include "Scalars.h"

// Adding it leaves a float's nearest whole number in the last bits of the sum (for magnitudes below 2^22).
#define WHOLE_F32 0x1.8p23f

// x = n ln 2 + r, n the nearest whole number, |r| <= ln(2)/2; ln 2 in two parts, the first so short that n times it is
// exact.
static inline float split_ln2(float x, uint32_t *n) {
  float shifted = x * 0x1.715476p0f + WHOLE_F32;
  *n = bits_f32(shifted);
  float whole = shifted - WHOLE_F32;
  return (x - whole * 0x1.63p-1f) + whole * 0x1.bd0106p-13f;
}

// e^r - 1 for |r| <= ln(2)/2.
static inline float expm1_reduced(float r) {
  float q = 0x1.6db4e4p-10f;
  q = q * r + 0x1.123bdep-7f;
  q = q * r + 0x1.55545ep-5f;
  q = q * r + 0x1.55548ep-3f;
  q = q * r + 0.5f;
  return (r * r) * q + r;
}

static inline float exp_f32(float x) {
  // Beyond these the result is 0 or infinity.
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  uint32_t n;
  float p = expm1_reduced(split_ln2(x, &n)) + 1.0f;
  // 2^n in two factors: n reaches from -150 to 128.
  int32_t k = (int32_t)(n << 9) >> 9;
  int32_t half = k >> 1;
  float first = f32_of_bits((uint32_t)(half + 127) << 23), second = f32_of_bits((uint32_t)(k - half + 127) << 23);
  return p * first * second;
}

// e^x for x <= 0, without denormals: below -87 the result is as for -87.
static inline float exp_negative_f32(float x) {
  x = x < -87.0f ? -87.0f : x;
  uint32_t n;
  float p = expm1_reduced(split_ln2(x, &n)) + 1.0f;
  return p * f32_of_bits((n + 127) << 23);
}

static inline float log_f32(float x) {
  int denormal = x < 0x1p-126f;
  uint32_t b = bits_f32(denormal ? x * 0x1p23f : x);
  // m in [sqrt(1/2), sqrt(2)), x = m 2^e.
  uint32_t shifted = b - 0x3f3504f3u;
  int32_t e = (int32_t)shifted >> 23;
  float f = f32_of_bits((shifted & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float exponent = (float)e - (denormal ? 23.0f : 0.0f);
  float q = 0x1.1457cap-4f;
  q = q * f - 0x1.de3c0ep-4f;
  q = q * f + 0x1.e6f056p-4f;
  q = q * f - 0x1.fc2208p-4f;
  q = q * f + 0x1.23376ap-3f;
  q = q * f - 0x1.555c4ep-3f;
  q = q * f + 0x1.99a4b6p-3f;
  q = q * f - 0x1.000006p-2f;
  q = q * f + 0x1.555548p-2f;
  float square = f * f;
  // The small parts first: the rest is exact or rounded once.
  float low = square * f * q + exponent * -0x1.bd0106p-13f;
  float y = exponent * 0x1.63p-1f + ((low - 0.5f * square) + f);
  y = x == 0 ? -__builtin_inff() : y;
  y = x < 0 ? __builtin_nanf("") : y;
  return x < __builtin_inff() ? y : x;
}

static inline float tanh_f32(float x) {
  float a = __builtin_fabsf(x);
  a = a > 9.5f ? 9.5f : a;  // 1 from here on
  uint32_t n;
  float p = expm1_reduced(split_ln2(2 * a, &n));
  float scale = f32_of_bits((n + 127) << 23);
  float e = scale * p + (scale - 1.0f);  // e^2a - 1
  float y = e / (e + 2.0f);
  return x == x ? __builtin_copysignf(y, x) : x;
}

static inline float sigmoid_f32(float x) {
  float e = exp_f32(-__builtin_fabsf(x));
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}

static inline float erf_f32(float x) {
  float a = __builtin_fabsf(x), u = a * a;
  float p = 0x1.6510c4p-14f;
  p = p * u - 0x1.aca394p-11f;
  p = p * u + 0x1.550a44p-8f;
  p = p * u - 0x1.b81524p-6f;
  p = p * u + 0x1.ce2e54p-4f;
  p = p * u - 0x1.812744p-2f;
  p = p * u + 0x1.06eba8p-3f;
  float small = x * p + x;
  // 1 - e^q, q the logarithm of erfc.
  float b = a > 4.0f ? 4.0f : a;
  float q = -0x1.5d3b58p-16f;
  q = q * b + 0x1.c431f6p-12f;
  q = q * b - 0x1.105690p-8f;
  q = q * b + 0x1.9ae406p-6f;
  q = q * b - 0x1.bb425ap-4f;
  q = q * b - 0x1.444d72p-1f;
  q = q * b - 0x1.212612p0f;
  q = q * b + 0x1.62513ap-13f;
  float large = __builtin_copysignf(1.0f - exp_negative_f32(q), x);
  float y = a < 0.9f ? small : large;
  return x == x ? y : x;
}

// 1 - erf x, with its digits kept where it is small: the square of x in two parts, the first exact. Numerical Recipes'
// Chebyshev fit (Press et al. 2007, section 6.2.2) of relative error 1.2e-7.
static inline float erfc_f32(float x) {
  float z = __builtin_fabsf(x);
  z = z > 10.5f ? 10.5f : z;
  float t = 1 / (1 + 0.5f * z);
  float q = 0.17087277f;
  q = q * t - 0.82215223f;
  q = q * t + 1.48851587f;
  q = q * t - 1.13520398f;
  q = q * t + 0.27886807f;
  q = q * t - 0.18628806f;
  q = q * t + 0.09678418f;
  q = q * t + 0.37409196f;
  q = q * t + 1.00002368f;
  q = q * t - 1.26551223f;
  float high = f32_of_bits(bits_f32(z) & 0xfffff000u);
  float y = exp_f32(-high * high) * exp_f32((high - z) * (high + z) + q) * t;
  return x < 0 ? 2 - y : y;
}

// For sin and cos: x = k pi/2 + r, in f64, so that r is right to f32's last place for magnitudes up to 2^30.
#define WHOLE_F64 0x1.8p52
static inline float split_half_pi(float x, uint32_t *k) {
  double wide = x;
  double shifted = wide * 0x1.45f306dc9c883p-1 + WHOLE_F64;
  double whole = shifted - WHOLE_F64;
  uint64_t b;
  memcpy(&b, &shifted, 8);
  *k = (uint32_t)b;
  // pi/2 in three parts; 30 bits of k times 23 bits of each of the first two are exact.
  double r = ((wide - whole * 0x1.921fb40000000p+0) - whole * 0x1.4442d00000000p-24) - whole * 0x1.8469898cc5170p-48;
  return (float)r;
}

// sin(r) or cos(r), |r| <= pi/4, by the quarter of the circle in which it lies.
static inline float sine_of_quarter(float r, uint32_t k) {
  float u = r * r;
  float s = 0x1.6cb802p-19f;
  s = s * u - 0x1.a00f12p-13f;
  s = s * u + 0x1.111108p-7f;
  s = s * u - 0x1.555556p-3f;
  s = (r * u) * s + r;
  float c = -0x1.240b06p-22f;
  c = c * u + 0x1.a0107ep-16f;
  c = c * u - 0x1.6c16b8p-10f;
  c = c * u + 0x1.555556p-5f;
  c = (u * u) * c + (1.0f - 0.5f * u);
  float y = k & 1 ? c : s;
  return f32_of_bits(bits_f32(y) ^ (k & 2) << 30);
}

static inline float sin_f32(float x) {
  uint32_t k;
  float r = split_half_pi(x, &k);
  float y = sine_of_quarter(r, k);
  return x == 0 ? x : y;
}
static inline float cos_f32(float x) {
  uint32_t k;
  float r = split_half_pi(x, &k);
  return sine_of_quarter(r, k + 1);
}

// x^y for finite x > 0, in f64 and rounded once; the error of y log2(x) stays below 2^-32.
static inline float pow_f32(float x, float y) {
  double wide = x;
  uint64_t b;
  memcpy(&b, &wide, 8);
  // m in [sqrt(1/2), sqrt(2)), x = m 2^e, s = (m - 1)/(m + 1).
  uint64_t shifted = b - 0x3fe6a09e667f3bcdull;
  int32_t e = (int32_t)(uint32_t)(shifted >> 32) >> 20;
  uint64_t bits = (shifted & 0x000fffffffffffffull) + 0x3fe6a09e667f3bcdull;
  double m;
  memcpy(&m, &bits, 8);
  double s = (m - 1) / (m + 1), u = s * s;
  double l = 0x1.f26ed725e84b8p-3;
  l = l * u + 0x1.0bae2bcb9b4f0p-2;
  l = l * u + 0x1.484ff6a53ce54p-2;
  l = l * u + 0x1.a617556e5af5fp-2;
  l = l * u + 0x1.2776c5177b45bp-1;
  l = l * u + 0x1.ec709dc39c267p-1;
  l = l * u + 0x1.71547652b82ffp+1;
  double t = (s * l + e) * y;
  t = t < -200 ? -200 : t;
  t = t > 200 ? 200 : t;
  double whole = t + WHOLE_F64;
  uint64_t n;
  memcpy(&n, &whole, 8);
  double r = t - (whole - WHOLE_F64);
  double p = 0x1.640a3cd1fb386p-20;
  p = p * r + 0x1.00dc176c4e7cfp-16;
  p = p * r + 0x1.430874db666d4p-13;
  p = p * r + 0x1.5d874616547a3p-10;
  p = p * r + 0x1.3b2ab739340e9p-7;
  p = p * r + 0x1.c6b08dd66ae33p-5;
  p = p * r + 0x1.ebfbdff80cfc4p-3;
  p = p * r + 0x1.62e42fef853d8p-1;
  uint64_t power = (n + 1023) << 52;
  double scale;
  memcpy(&scale, &power, 8);
  return (float)((p * r) * scale + scale);
}
