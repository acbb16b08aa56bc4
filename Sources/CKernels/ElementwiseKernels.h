// One instruction set's rows of elementwise operations; see EveryIsa.h. First dense rows of the four types that are
// computed with, then rows of any type and stride, brought to those in pieces that stay in the first cache.

#define EACH(EXPR)                                                  \
  {                                                                 \
    for (intptr_t i = 0; i < n; i++) r[i] = EXPR;                   \
    return;                                                         \
  }

// Where the vector form holds for a whole piece, that; elsewhere the library's function.
#define PIECES(FITS, FAST, EXACT)                                                \
  {                                                                              \
    for (intptr_t first = 0; first < n; first += 128) {                          \
      intptr_t end = n - first < 128 ? n : first + 128;                          \
      int unfit = 0;                                                             \
      for (intptr_t i = first; i < end; i++) unfit |= !(FITS);                   \
      if (unfit) {                                                               \
        for (intptr_t i = first; i < end; i++) r[i] = EXACT;                     \
      } else {                                                                   \
        for (intptr_t i = first; i < end; i++) r[i] = FAST;                      \
      }                                                                          \
    }                                                                            \
    return;                                                                      \
  }

#define REAL_UNARY(T, S, EXP, LOG, TANH, SIGMOID, ERF, ERFC)                     \
  case PARE_NEG: EACH(-x[i])                                                     \
  case PARE_ABS: EACH(__builtin_fabs##S(x[i]))                                   \
  case PARE_SQRT: EACH(__builtin_elementwise_sqrt(x[i]))                                   \
  case PARE_RSQRT: EACH(1 / __builtin_elementwise_sqrt(x[i]))                              \
  case PARE_EXP: EACH(EXP(x[i]))                                                 \
  case PARE_LOG: EACH(LOG(x[i]))                                                 \
  case PARE_TANH: EACH(TANH(x[i]))                                               \
  case PARE_SIGMOID: EACH(SIGMOID(x[i]))                                         \
  case PARE_ERF: EACH(ERF(x[i]))                                                 \
  case PARE_RELU: EACH(x[i] < 0 ? 0 : x[i])                                      \
  case PARE_SIGN: EACH(x[i] > 0 ? 1 : x[i] < 0 ? -1 : x[i])                      \
  case PARE_FLOOR: EACH(__builtin_floor##S(x[i]))                                \
  case PARE_CEIL: EACH(__builtin_ceil##S(x[i]))                                  \
  case PARE_ROUND: EACH(__builtin_rint##S(x[i]))                                 \
  case PARE_RECIPROCAL: EACH(1 / x[i])                                           \
  case PARE_SQUARE: EACH(x[i] * x[i])                                            \
  case PARE_EXP2: EACH(exp2##S(x[i]))                                            \
  case PARE_EXPM1: EACH(expm1##S(x[i]))                                          \
  case PARE_LOG1P: EACH(log1p##S(x[i]))                                          \
  case PARE_LOG2: EACH(log2##S(x[i]))                                            \
  case PARE_LOG10: EACH((T)log10(x[i]))                                          \
  case PARE_TAN: EACH((T)tan(x[i]))                                              \
  case PARE_ASIN: EACH((T)asin(x[i]))                                            \
  case PARE_ACOS: EACH((T)acos(x[i]))                                            \
  case PARE_ATAN: EACH((T)atan(x[i]))                                            \
  case PARE_SINH: EACH((T)sinh(x[i]))                                            \
  case PARE_COSH: EACH((T)cosh(x[i]))                                            \
  case PARE_ASINH: EACH((T)asinh(x[i]))                                          \
  case PARE_ACOSH: EACH((T)acosh(x[i]))                                          \
  case PARE_ATANH: EACH((T)atanh(x[i]))                                          \
  case PARE_TRUNC: EACH(__builtin_trunc##S(x[i]))                                \
  case PARE_SILU: EACH(x[i] * SIGMOID(x[i]))                                     \
  case PARE_GELU: EACH(x[i] * (ERFC(x[i] * (T)-0.7071067811865476) / 2))         \
  case PARE_GELU_TANH: EACH(gelu_tanh_##T(x[i]))                                 \
  case PARE_MISH: EACH(mish_##T(x[i]))                                           \
  case PARE_SOFTPLUS: EACH((x[i] < 0 ? 0 : x[i]) + log1p##S(EXP(-__builtin_fabs##S(x[i]))))

static void K(unary_f32)(pare_unary_op op, float *restrict r, const float *restrict x, intptr_t n) {
  switch (op) {
    REAL_UNARY(float, f, exp_f32, log_f32, tanh_f32, sigmoid_f32, erf_f32, erfc_f32)
    case PARE_SIN: PIECES(__builtin_fabsf(x[i]) <= 0x1p30f, sin_f32(x[i]), sinf(x[i]))
    case PARE_COS: PIECES(__builtin_fabsf(x[i]) <= 0x1p30f, cos_f32(x[i]), cosf(x[i]))
    default: return;
  }
}

static void K(unary_f64)(pare_unary_op op, double *restrict r, const double *restrict x, intptr_t n) {
  switch (op) {
    REAL_UNARY(double, , exp, log, tanh, sigmoid_f64, erf, erfc)
    case PARE_SIN: EACH(sin(x[i]))
    case PARE_COS: EACH(cos(x[i]))
    default: return;
  }
}

#define WHOLE_UNARY(T, U)                                                                             \
  static void K(unary_##T)(pare_unary_op op, T *restrict r, const T *restrict x, intptr_t n) {        \
    switch (op) {                                                                                     \
      case PARE_NEG: EACH((T)(0 - (U)x[i]))                                                           \
      case PARE_ABS: EACH(x[i] < 0 ? (T)(0 - (U)x[i]) : x[i])                                         \
      case PARE_RELU: EACH(x[i] < 0 ? 0 : x[i])                                                       \
      case PARE_SIGN: EACH((x[i] > 0) - (x[i] < 0))                                                   \
      case PARE_SQUARE: EACH((T)((U)x[i] * (U)x[i]))                                                  \
      case PARE_BIT_NOT: EACH(~x[i])                                                                  \
      default: return;                                                                                \
    }                                                                                                 \
  }
WHOLE_UNARY(int32_t, uint32_t)
WHOLE_UNARY(int64_t, uint64_t)
#undef WHOLE_UNARY

// What gives bool: floats, and bool itself. Integers are neither NaN nor infinite.
static void K(tests_f32)(pare_unary_op op, uint8_t *restrict r, const float *restrict x, intptr_t n) {
  if (op == PARE_IS_NAN) EACH(x[i] != x[i])
  if (op == PARE_IS_INFINITE) EACH(__builtin_fabsf(x[i]) == __builtin_inff())
  EACH(__builtin_fabsf(x[i]) < __builtin_inff())
}
static void K(tests_f64)(pare_unary_op op, uint8_t *restrict r, const double *restrict x, intptr_t n) {
  if (op == PARE_IS_NAN) EACH(x[i] != x[i])
  if (op == PARE_IS_INFINITE) EACH(__builtin_fabs(x[i]) == __builtin_inf())
  EACH(__builtin_fabs(x[i]) < __builtin_inf())
}
static void K(not_bool)(uint8_t *restrict r, const uint8_t *restrict x, intptr_t n) { EACH(x[i] == 0) }

// NaN in either operand gives NaN.
#define REAL_BINARY(T, S)                                                   \
  case PARE_ADD: EACH(a[i] + b[i])                                    \
  case PARE_SUB: EACH(a[i] - b[i])                                    \
  case PARE_MUL: EACH(a[i] * b[i])                                    \
  case PARE_DIV: EACH(a[i] / b[i])                                    \
  case PARE_MAXIMUM: EACH(a[i] > b[i] || a[i] != a[i] ? a[i] : b[i])  \
  case PARE_MINIMUM: EACH(a[i] < b[i] || a[i] != a[i] ? a[i] : b[i])  \
  case PARE_RELU_GRADIENT: EACH(b[i] > 0 ? a[i] : 0)                  \
  case PARE_SIGMOID_GRADIENT: EACH(a[i] * b[i] * (1 - b[i]))          \
  case PARE_TANH_GRADIENT: EACH(a[i] * (1 - b[i] * b[i]))              \
  case PARE_SILU_GRADIENT: EACH(a[i] * silu_slope_##T(b[i]))          \
  case PARE_GELU_GRADIENT: EACH(a[i] * gelu_slope_##T(b[i]))          \
  case PARE_GELU_TANH_GRADIENT: EACH(a[i] * gelu_tanh_slope_##T(b[i])) \
  case PARE_MISH_GRADIENT: EACH(a[i] * mish_slope_##T(b[i]))          \
  case PARE_ATAN2: EACH((T)atan2(a[i], b[i]))                         \
  case PARE_FLOOR_DIV: EACH(floor_quotient_##T(a[i], b[i]))           \
  case PARE_FLOOR_MOD: EACH(floor_remainder_##T(a[i], b[i]))

static void K(binary_f32)(pare_binary_op op, float *restrict r, const float *restrict a, const float *restrict b,
                          intptr_t n) {
  switch (op) {
    REAL_BINARY(float, f)
    case PARE_POW:
      PIECES((a[i] > 0) & (a[i] < __builtin_inff()) & (__builtin_fabsf(b[i]) < __builtin_inff()), pow_f32(a[i], b[i]),
             powf(a[i], b[i]))
    case PARE_MOD: PIECES(has_short_quotient(a[i], b[i]), mod_f32(a[i], b[i]), fmodf(a[i], b[i]))
    default: return;
  }
}

static void K(binary_f64)(pare_binary_op op, double *restrict r, const double *restrict a, const double *restrict b,
                          intptr_t n) {
  switch (op) {
    REAL_BINARY(double, )
    case PARE_POW: EACH(pow(a[i], b[i]))
    case PARE_MOD: EACH(fmod(a[i], b[i]))
    default: return;
  }
}

#define WHOLE_BINARY(T, U)                                                                                   \
  static void K(binary_##T)(pare_binary_op op, T *restrict r, const T *restrict a, const T *restrict b,      \
                            intptr_t n) {                                                                    \
    switch (op) {                                                                                            \
      case PARE_ADD: EACH((T)((U)a[i] + (U)b[i]))                                                            \
      case PARE_SUB: EACH((T)((U)a[i] - (U)b[i]))                                                            \
      case PARE_MUL: EACH((T)((U)a[i] * (U)b[i]))                                                            \
      case PARE_DIV: EACH(quotient_##T(a[i], b[i]))                                                          \
      case PARE_POW: EACH(power_##T(a[i], b[i]))                                                             \
      case PARE_MOD: case PARE_FLOOR_MOD: EACH(remainder_##T(a[i], b[i]))                                     \
      case PARE_FLOOR_DIV:                                                                                   \
        EACH(quotient_##T(a[i], b[i]) - ((a[i] < 0) != (b[i] < 0) && remainder_##T(a[i], b[i]) != 0))        \
      case PARE_MAXIMUM: EACH(a[i] > b[i] ? a[i] : b[i])                                                     \
      case PARE_MINIMUM: EACH(a[i] < b[i] ? a[i] : b[i])                                                     \
      case PARE_AND: EACH(a[i] & b[i])                                                                       \
      case PARE_OR: EACH(a[i] | b[i])                                                                        \
      case PARE_XOR: EACH(a[i] ^ b[i])                                                                       \
      default: return;                                                                                       \
    }                                                                                                        \
  }
WHOLE_BINARY(int32_t, uint32_t)
WHOLE_BINARY(int64_t, uint64_t)
#undef WHOLE_BINARY

static void K(binary_bool)(pare_binary_op op, uint8_t *restrict r, const uint8_t *restrict a, const uint8_t *restrict b,
                           intptr_t n) {
  if (op == PARE_AND) EACH((a[i] != 0) & (b[i] != 0))
  if (op == PARE_OR) EACH((a[i] != 0) | (b[i] != 0))
  EACH((a[i] != 0) ^ (b[i] != 0))
}

#define COMPARE(T)                                                                                               \
  static void K(compare_##T)(pare_comparison op, uint8_t *restrict r, const T *restrict a, const T *restrict b,  \
                             intptr_t n) {                                                                       \
    switch (op) {                                                                                                \
      case PARE_EQ: EACH(a[i] == b[i])                                                                           \
      case PARE_NE: EACH(a[i] != b[i])                                                                           \
      case PARE_LT: EACH(a[i] < b[i])                                                                            \
      case PARE_LE: EACH(a[i] <= b[i])                                                                           \
      case PARE_GT: EACH(a[i] > b[i])                                                                            \
      case PARE_GE: EACH(a[i] >= b[i])                                                                           \
    }                                                                                                            \
  }
COMPARE(float)
COMPARE(double)
COMPARE(int32_t)
COMPARE(int64_t)
#undef COMPARE

#define CLIP(T)                                                                                         \
  static void K(clip_##T)(T *restrict r, const T *restrict x, T lower, T upper, intptr_t n) {           \
    for (intptr_t i = 0; i < n; i++) {                                                                  \
      T raised = x[i] < lower ? lower : x[i];                                                           \
      r[i] = raised > upper ? upper : raised;                                                           \
    }                                                                                                   \
  }
CLIP(float)
CLIP(double)
CLIP(int32_t)
CLIP(int64_t)
#undef CLIP

#define SELECT(T)                                                                                            \
  static void K(select_##T)(T *restrict r, const uint8_t *restrict c, const T *restrict a,                   \
                            const T *restrict b, intptr_t n) EACH(c[i] != 0 ? a[i] : b[i])
SELECT(uint8_t)
SELECT(uint16_t)
SELECT(uint32_t)
SELECT(uint64_t)
#undef SELECT
#undef EACH
#undef PIECES
#undef REAL_UNARY
#undef REAL_BINARY

// Elements of a piece, and the memory of one in any type.
#define PIECE 1024
typedef union {
  float f[PIECE];
  double d[PIECE];
} K(piece);

// The `m` elements of an operand from `first` on as a dense row of type `type`: in place, or brought into `piece`. One
// element for all is repeated once, for the first piece.
static const void *K(dense)(pare_element type, pare_operand x, intptr_t first, intptr_t m, K(piece) *piece) {
  if (x.stride == 0) {
    if (first == 0) K(pare_convert)(type, piece, x, m);
    return piece;
  }
  x.data = (const char *)x.data + first * x.stride * (intptr_t)pare_sizes[x.type];
  if (x.stride == 1 && x.type == type) return x.data;
  K(pare_convert)(type, piece, x, m);
  return piece;
}

static int K(is_dense)(pare_operand x, pare_element type) { return x.stride == 1 && x.type == type; }

static void K(unary_dense)(pare_unary_op op, pare_element type, void *r, const void *x, intptr_t n) {
  int tests = op >= PARE_IS_NAN && op <= PARE_IS_INFINITE;
  switch (type) {
    case PARE_F32: tests ? K(tests_f32)(op, r, x, n) : K(unary_f32)(op, r, x, n); return;
    case PARE_F64: tests ? K(tests_f64)(op, r, x, n) : K(unary_f64)(op, r, x, n); return;
    case PARE_BOOL: K(not_bool)(r, x, n); return;
    case PARE_I64: tests ? (void)memset(r, op == PARE_IS_FINITE, (size_t)n) : K(unary_int64_t)(op, r, x, n); return;
    default: tests ? (void)memset(r, op == PARE_IS_FINITE, (size_t)n) : K(unary_int32_t)(op, r, x, n); return;
  }
}

void K(pare_unary)(pare_unary_op op, void *r, pare_operand x, intptr_t n) {
  pare_element type = computed_type(x.type);
  int is_bool = op >= PARE_IS_NAN;
  if (K(is_dense)(x, type)) {
    K(unary_dense)(op, type, r, x.data, n);
    return;
  }
  K(piece) source, result;
  for (intptr_t i = 0; i < n; i += PIECE) {
    intptr_t m = n - i < PIECE ? n - i : PIECE;
    const void *in = K(dense)(type, x, i, m, &source);
    char *target = (char *)r + i * (intptr_t)pare_sizes[is_bool ? PARE_BOOL : x.type];
    int direct = is_bool || x.type == type;
    K(unary_dense)(op, type, direct ? (void *)target : &result, in, m);
    if (!direct) K(pare_convert)(x.type, target, (pare_operand){&result, 1, type}, m);
  }
}

static void K(binary_dense)(pare_binary_op op, pare_element type, void *r, const void *a, const void *b, intptr_t n) {
  switch (type) {
    case PARE_F32: K(binary_f32)(op, r, a, b, n); return;
    case PARE_F64: K(binary_f64)(op, r, a, b, n); return;
    case PARE_I64: K(binary_int64_t)(op, r, a, b, n); return;
    case PARE_BOOL: K(binary_bool)(op, r, a, b, n); return;
    default: K(binary_int32_t)(op, r, a, b, n); return;
  }
}

void K(pare_binary)(pare_binary_op op, pare_element type, void *r, pare_operand a, pare_operand b, intptr_t n) {
  pare_element computed = computed_type(type);
  if (type == computed && K(is_dense)(a, type) && K(is_dense)(b, type)) {
    K(binary_dense)(op, type, r, a.data, b.data, n);
    return;
  }
  K(piece) left, right, result;
  for (intptr_t i = 0; i < n; i += PIECE) {
    intptr_t m = n - i < PIECE ? n - i : PIECE;
    const void *p = K(dense)(computed, a, i, m, &left), *q = K(dense)(computed, b, i, m, &right);
    char *target = (char *)r + i * (intptr_t)pare_sizes[type];
    K(binary_dense)(op, computed, type == computed ? (void *)target : &result, p, q, m);
    if (type != computed) K(pare_convert)(type, target, (pare_operand){&result, 1, computed}, m);
  }
}

void K(pare_compare)(pare_comparison op, pare_element type, uint8_t *r, pare_operand a, pare_operand b, intptr_t n) {
  pare_element computed = type == PARE_BOOL ? PARE_I32 : computed_type(type);
  K(piece) left, right;
  intptr_t step = K(is_dense)(a, computed) && K(is_dense)(b, computed) ? n : PIECE;
  for (intptr_t i = 0; i < n; i += step) {
    intptr_t m = n - i < step ? n - i : step;
    const void *p = K(dense)(computed, a, i, m, &left), *q = K(dense)(computed, b, i, m, &right);
    switch (computed) {
      case PARE_F32: K(compare_float)(op, r + i, p, q, m); break;
      case PARE_F64: K(compare_double)(op, r + i, p, q, m); break;
      case PARE_I64: K(compare_int64_t)(op, r + i, p, q, m); break;
      default: K(compare_int32_t)(op, r + i, p, q, m); break;
    }
  }
}

void K(pare_select)(void *r, pare_operand condition, pare_operand a, pare_operand b, intptr_t n) {
  K(piece) mask, left, right;
  int dense = condition.stride == 1 && a.stride == 1 && b.stride == 1;
  intptr_t step = dense ? n : PIECE, size = (intptr_t)pare_sizes[a.type];
  for (intptr_t i = 0; i < n; i += step) {
    intptr_t m = n - i < step ? n - i : step;
    const void *c = K(dense)(PARE_BOOL, condition, i, m, &mask);
    const void *p = K(dense)(a.type, a, i, m, &left), *q = K(dense)(b.type, b, i, m, &right);
    void *target = (char *)r + i * size;
    switch (size) {
      case 1: K(select_uint8_t)(target, c, p, q, m); break;
      case 2: K(select_uint16_t)(target, c, p, q, m); break;
      case 4: K(select_uint32_t)(target, c, p, q, m); break;
      default: K(select_uint64_t)(target, c, p, q, m); break;
    }
  }
}

void K(pare_clip_gradient)(float *restrict r, const float *restrict g, const float *restrict x, float lower, float upper,
                           intptr_t n) {
  for (intptr_t i = 0; i < n; i++) r[i] = ((x[i] >= lower) & (x[i] <= upper)) ? g[i] : 0;
}

void K(pare_clip)(void *r, pare_operand x, double lower, double upper, intptr_t n) {
  pare_element type = computed_type(x.type);
  K(piece) source, result;
  intptr_t step = K(is_dense)(x, type) ? n : PIECE;
  for (intptr_t i = 0; i < n; i += step) {
    intptr_t m = n - i < step ? n - i : step;
    const void *in = K(dense)(type, x, i, m, &source);
    char *target = (char *)r + i * (intptr_t)pare_sizes[x.type];
    void *out = type == x.type ? (void *)target : &result;
    switch (type) {
      case PARE_F32: K(clip_float)(out, in, (float)lower, (float)upper, m); break;
      case PARE_F64: K(clip_double)(out, in, lower, upper, m); break;
      case PARE_I64: K(clip_int64_t)(out, in, i64_of_f64(lower), i64_of_f64(upper), m); break;
      default: K(clip_int32_t)(out, in, bound(x.type, lower), bound(x.type, upper), m); break;
    }
    if (out == &result) K(pare_convert)(x.type, target, (pare_operand){&result, 1, type}, m);
  }
}
#undef PIECE
