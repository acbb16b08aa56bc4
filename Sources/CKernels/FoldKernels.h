// One instruction set's folds of a dense row of floats; see EveryIsa.h. Explicit vectors of fixed width, so that every
// instruction set adds in the same order.

typedef float K(f32x8) __attribute__((ext_vector_type(8), aligned(4)));
typedef float K(f32x16) __attribute__((ext_vector_type(16), aligned(4)));
typedef double K(f64x8) __attribute__((ext_vector_type(8), aligned(8)));
typedef int32_t K(i32x16) __attribute__((ext_vector_type(16)));
typedef int64_t K(i64x8) __attribute__((ext_vector_type(8)));

// Four chains of eight: the latency of an addition is hidden.
#define FOLD_REAL(NAME, T, V, FIRST, JOIN, LIFT)                                                       \
  static inline double K(NAME##_##T)(const T *x, intptr_t n) {                                                \
    K(f64x8) a = FIRST, b = FIRST, c = FIRST, d = FIRST;                                               \
    intptr_t i = 0;                                                                                    \
    for (; i + 32 <= n; i += 32) {                                                                     \
      a = a JOIN LIFT(__builtin_convertvector(*(const K(V) *)(x + i), K(f64x8)));                      \
      b = b JOIN LIFT(__builtin_convertvector(*(const K(V) *)(x + i + 8), K(f64x8)));                  \
      c = c JOIN LIFT(__builtin_convertvector(*(const K(V) *)(x + i + 16), K(f64x8)));                 \
      d = d JOIN LIFT(__builtin_convertvector(*(const K(V) *)(x + i + 24), K(f64x8)));                 \
    }                                                                                                  \
    for (; i + 8 <= n; i += 8) a = a JOIN LIFT(__builtin_convertvector(*(const K(V) *)(x + i), K(f64x8))); \
    a = (a JOIN b) JOIN (c JOIN d);                                                                    \
    double total = ((a[0] JOIN a[4]) JOIN (a[2] JOIN a[6])) JOIN ((a[1] JOIN a[5]) JOIN (a[3] JOIN a[7])); \
    for (; i < n; i++) {                                                                               \
      double v = x[i];                                                                                 \
      total = total JOIN LIFT(v);                                                                      \
    }                                                                                                  \
    return total;                                                                                      \
  }
#define ITSELF(v) (v)
#define SQUARE(v) ((v) * (v))
#define MAGNITUDE(v) __builtin_elementwise_abs(v)
// The square must not be fused with the sum on one instruction set alone.
#pragma clang fp contract(off)
FOLD_REAL(sum, float, f32x8, 0, +, ITSELF)
FOLD_REAL(sum, double, f64x8, 0, +, ITSELF)
FOLD_REAL(prod, float, f32x8, 1, *, ITSELF)
FOLD_REAL(prod, double, f64x8, 1, *, ITSELF)
FOLD_REAL(squares, double, f64x8, 0, +, SQUARE)
FOLD_REAL(squares, float, f32x8, 0, +, SQUARE)
FOLD_REAL(magnitudes, float, f32x8, 0, +, MAGNITUDE)
FOLD_REAL(magnitudes, double, f64x8, 0, +, MAGNITUDE)
#undef FOLD_REAL

// The extreme of the numbers and, apart, whether one is none.
#define FOLD_EXTREME(NAME, T, V, M, W, OP, FIRST)                              \
  static inline T K(NAME##_##T)(const T *x, intptr_t n) {                             \
    K(V) a = FIRST, b = FIRST, c = FIRST, d = FIRST;                           \
    K(M) none = 0;                                                             \
    intptr_t i = 0;                                                            \
    for (; i + 4 * W <= n; i += 4 * W) {                                       \
      K(V) p = *(const K(V) *)(x + i), q = *(const K(V) *)(x + i + W);         \
      K(V) r = *(const K(V) *)(x + i + 2 * W), s = *(const K(V) *)(x + i + 3 * W); \
      a = p OP a ? p : a;                                                      \
      b = q OP b ? q : b;                                                      \
      c = r OP c ? r : c;                                                      \
      d = s OP d ? s : d;                                                      \
      none |= ((p != p) | (q != q)) | ((r != r) | (s != s));                   \
    }                                                                          \
    a = a OP b ? a : b;                                                        \
    c = c OP d ? c : d;                                                        \
    a = a OP c ? a : c;                                                        \
    T best = FIRST;                                                            \
    int nan = __builtin_reduce_or(none) != 0;                                  \
    for (int k = 0; k < W; k++) best = a[k] OP best ? a[k] : best;             \
    for (; i < n; i++) {                                                       \
      nan |= x[i] != x[i];                                                     \
      best = x[i] OP best ? x[i] : best;                                       \
    }                                                                          \
    return nan ? (T)__builtin_nan("") : best;                                  \
  }
FOLD_EXTREME(max, float, f32x16, i32x16, 16, >, -__builtin_inff())
FOLD_EXTREME(min, float, f32x16, i32x16, 16, <, __builtin_inff())
FOLD_EXTREME(max, double, f64x8, i64x8, 8, >, -__builtin_inf())
FOLD_EXTREME(min, double, f64x8, i64x8, 8, <, __builtin_inf())
#undef FOLD_EXTREME
#undef ITSELF
#undef SQUARE
#undef MAGNITUDE
