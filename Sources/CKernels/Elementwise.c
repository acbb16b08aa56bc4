#include "Elementwise.h"
#include "Convert+Isa.h"
#include "Math.h"
#include <math.h>
#include <string.h>

static double sigmoid_f64(double x) { return 1 / (1 + exp(-x)); }

// Whatever its size: a loop over a function that is called is not vectorized.
#define INLINE static inline __attribute__((always_inline))

// Activations and their slopes, written so that nothing overflows and tails keep their digits; see Real+Activations.swift.
#define ACTIVATIONS(T, ERFC, EXP, SIGMOID)                                                           \
  INLINE T gelu_tanh_##T(T x) {                                                                      \
    T y = x * SIGMOID((T)1.5957691216057308 * (x + (T)0.044715 * x * x * x));                        \
    return x == -(T)__builtin_inf() ? 0 : y;                                                         \
  }                                                                                                  \
  INLINE T mish_##T(T x) {                                                                           \
    T e = EXP(x > 20 ? 20 : x), n = e * (e + 2);                                                     \
    T y = x * (n / (n + 2));                                                                         \
    return x > 20 ? x : n == 0 ? 0 : y;                                                              \
  }                                                                                                  \
  INLINE T silu_slope_##T(T x) {                                                                     \
    T s = SIGMOID(x), rest = 1 - s, y = x * s * rest;                                                \
    return s + (s == 0 || rest == 0 ? 0 : y);                                                        \
  }                                                                                                  \
  INLINE T gelu_slope_##T(T x) {                                                                     \
    T density = EXP(-x * x / 2) * (T)0.3989422804014327, y = x * density;                            \
    return ERFC(x * (T)-0.7071067811865476) / 2 + (density == 0 ? 0 : y);                            \
  }                                                                                                  \
  INLINE T gelu_tanh_slope_##T(T x) {                                                                \
    T s = SIGMOID((T)1.5957691216057308 * (x + (T)0.044715 * x * x * x));                            \
    T bend = 2 * s * (1 - s), y = x * bend * ((T)0.7978845608028654 * (1 + (T)0.134145 * x * x));    \
    return bend == 0 ? s : s + y;                                                                    \
  }                                                                                                  \
  INLINE T mish_slope_##T(T x) {                                                                     \
    T e = EXP(x > 20 ? 20 : x), n = e * (e + 2);                                                     \
    T y = n / (n + 2) + x * e * (4 * (1 + e) / ((n + 2) * (n + 2)));                                 \
    return x > 20 ? 1 : n == 0 ? 0 : y;                                                              \
  }
ACTIVATIONS(float, erfc_f32, exp_f32, sigmoid_f32)
ACTIVATIONS(double, erfc, exp, sigmoid_f64)
#undef INLINE

static inline double floor_remainder_double(double a, double b) {
  double r = fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static inline float floor_remainder_float(float a, float b) {
  float r = fmodf(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
// What is left after the remainder is taken off divides exactly, also by infinity.
static inline double floor_quotient_double(double a, double b) {
  if (b == 0) return a / b;
  double r = fmod(a, b), q = round((a - r) / b);
  return r != 0 && (r < 0) != (b < 0) ? q - 1 : q;
}
static inline float floor_quotient_float(float a, float b) { return (float)floor_quotient_double(a, b); }

// The remainder of a division whose quotient has at most 22 bits: the product below is exact in f64. Rounding may have
// made the quotient too large by one.
static inline int has_short_quotient(float a, float b) { return __builtin_fabsf(a / b) < 0x1p22f && b - b == 0; }
static inline float mod_f32(float a, float b) {
  double r = (double)a - (double)__builtin_truncf(a / b) * (double)b;
  double magnitude = __builtin_fabs((double)b);
  int over = a < 0 ? r > 0 : r < 0;
  r += over ? (a < 0 ? -magnitude : magnitude) : 0;
  return __builtin_copysignf((float)r, a);
}

// Division rounds toward zero, the remainder has the sign of the divisor, everything wraps. A zero divisor, which
// operations refuse beforehand, gives 0.
#define INTEGERS(T, U)                                                       \
  static inline T quotient_##T(T a, T b) {                                   \
    return b == 0 ? 0 : b == -1 ? (T)(0 - (U)a) : a / b;                     \
  }                                                                          \
  static inline T remainder_##T(T a, T b) {                                  \
    if (b == 0 || b == -1) return 0;                                         \
    T r = a % b;                                                             \
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;                         \
  }                                                                          \
  static T power_##T(T a, T b) {                                             \
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;           \
    U result = 1, base = (U)a;                                               \
    for (; b > 0; b >>= 1, base *= base)                                     \
      if (b & 1) result *= base;                                             \
    return (T)result;                                                        \
  }
INTEGERS(int32_t, uint32_t)
INTEGERS(int64_t, uint64_t)

// In which of f32, f64, i32, i64 and bool elements are computed.
static pare_element computed_type(pare_element type) {
  switch (type) {
    case PARE_F32: case PARE_F16: case PARE_BF16: return PARE_F32;
    case PARE_F64: case PARE_I64: case PARE_BOOL: return type;
    default: return PARE_I32;
  }
}

// A bound of a 32-bit or narrower integer, kept inside the type, or it would wrap on the way back.
static int32_t bound(pare_element type, double x) {
  switch (type) {
    case PARE_I8: return (int32_t)within_f64(x, -128, 127);
    case PARE_U8: return (int32_t)within_f64(x, 0, 255);
    case PARE_I16: return (int32_t)within_f64(x, -32768, 32767);
    case PARE_U16: return (int32_t)within_f64(x, 0, 65535);
    default: return i32_of_f64(x);
  }
}

#define KERNELS "ElementwiseKernels.h"
#include "EveryIsa.h"

void pare_unary(pare_unary_op op, void *r, pare_operand x, intptr_t n) { DISPATCH(pare_unary, op, r, x, n); }

void pare_binary(pare_binary_op op, pare_element type, void *r, pare_operand a, pare_operand b, intptr_t n) {
  DISPATCH(pare_binary, op, type, r, a, b, n);
}

void pare_compare(pare_comparison op, pare_element type, uint8_t *r, pare_operand a, pare_operand b, intptr_t n) {
  DISPATCH(pare_compare, op, type, r, a, b, n);
}

void pare_select(void *r, pare_operand condition, pare_operand a, pare_operand b, intptr_t n) {
  DISPATCH(pare_select, r, condition, a, b, n);
}

void pare_clip_gradient(float *r, const float *g, const float *x, float lower, float upper, intptr_t n) {
  DISPATCH(pare_clip_gradient, r, g, x, lower, upper, n);
}

void pare_clip(void *r, pare_operand x, double lower, double upper, intptr_t n) {
  DISPATCH(pare_clip, r, x, lower, upper, n);
}
