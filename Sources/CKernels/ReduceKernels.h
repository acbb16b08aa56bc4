// One instruction set's folds; see EveryIsa.h. Where the order of operations does not matter the compiler vectorises.
#include "FoldKernels.h"

#define LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))

#define EACH_ROW(A, T, EXPR)                              \
  {                                                       \
    A *g = gathered;                                      \
    const T *p = x;                                       \
    for (intptr_t k = 0; k < count; k++, p += n) {        \
      A value = EXPR;                                     \
      g[k] = JOIN(g[k], value);                           \
    }                                                     \
    return;                                               \
  }
// Of integers, whose order of addition does not matter.
#define OVER(A, FIRST, STEP)                              \
  ({                                                      \
    A v = FIRST;                                          \
    for (intptr_t i = 0; i < n; i++) v = STEP;            \
    v;                                                    \
  })

static void K(within)(pare_reduction op, pare_element type, void *gathered, const void *x, intptr_t count, intptr_t n) {
  switch (op) {
#define JOIN(a, b) ((a) + (b))
    case PARE_SUM:
      switch (type) {
        case PARE_F32: EACH_ROW(double, float, K(sum_float)(p, n))
        case PARE_F64: EACH_ROW(double, double, K(sum_double)(p, n))
        case PARE_I32: EACH_ROW(uint64_t, int32_t, OVER(uint64_t, 0, v + (uint64_t)(int64_t)p[i]))
        case PARE_BOOL: EACH_ROW(uint64_t, uint8_t, OVER(uint64_t, 0, v + (p[i] != 0)))
        default: EACH_ROW(uint64_t, uint64_t, OVER(uint64_t, 0, v + p[i]))
      }
    case PARE_SUM_OF_SQUARES:
      if (type == PARE_F32) EACH_ROW(double, float, K(squares_float)(p, n))
      EACH_ROW(double, double, K(squares_double)(p, n))
    case PARE_SUM_OF_MAGNITUDES:
      if (type == PARE_F32) EACH_ROW(double, float, K(magnitudes_float)(p, n))
      EACH_ROW(double, double, K(magnitudes_double)(p, n))
#undef JOIN
#define JOIN(a, b) ((a) * (b))
    case PARE_PROD:
      switch (type) {
        case PARE_F32: EACH_ROW(double, float, K(prod_float)(p, n))
        case PARE_F64: EACH_ROW(double, double, K(prod_double)(p, n))
        case PARE_I32: EACH_ROW(uint64_t, int32_t, OVER(uint64_t, 1, v * (uint64_t)(int64_t)p[i]))
        default: EACH_ROW(uint64_t, uint64_t, OVER(uint64_t, 1, v * p[i]))
      }
#undef JOIN
#define JOIN(a, b) LARGER(a, b)
    case PARE_MAX:
      switch (type) {
        case PARE_F32: EACH_ROW(float, float, K(max_float)(p, n))
        case PARE_F64: EACH_ROW(double, double, K(max_double)(p, n))
        case PARE_I32: EACH_ROW(int32_t, int32_t, OVER(int32_t, INT32_MIN, p[i] > v ? p[i] : v))
        default: EACH_ROW(int64_t, int64_t, OVER(int64_t, INT64_MIN, p[i] > v ? p[i] : v))
      }
#undef JOIN
#define JOIN(a, b) SMALLER(a, b)
    case PARE_MIN:
      switch (type) {
        case PARE_F32: EACH_ROW(float, float, K(min_float)(p, n))
        case PARE_F64: EACH_ROW(double, double, K(min_double)(p, n))
        case PARE_I32: EACH_ROW(int32_t, int32_t, OVER(int32_t, INT32_MAX, p[i] < v ? p[i] : v))
        default: EACH_ROW(int64_t, int64_t, OVER(int64_t, INT64_MAX, p[i] < v ? p[i] : v))
      }
#undef JOIN
#define JOIN(a, b) ((a) | (b))
    case PARE_ANY: EACH_ROW(uint8_t, uint8_t, OVER(uint8_t, 0, v | (p[i] != 0)))
#undef JOIN
#define JOIN(a, b) ((a) & (b))
    case PARE_ALL: EACH_ROW(uint8_t, uint8_t, OVER(uint8_t, 1, v & (p[i] != 0)))
#undef JOIN
  }
}
#undef EACH_ROW
#undef OVER

// Four rows at a time, so that what is gathered is loaded and stored once for them.
#define EACH_COLUMN(A, T, JOIN, LIFT)                                                          \
  {                                                                                            \
    A *restrict g = gathered;                                                                  \
    const T *restrict p = x;                                                                   \
    intptr_t k = 0;                                                                            \
    for (; k + 4 <= count; k += 4, p += 4 * step)                                              \
      for (intptr_t j = 0; j < n; j++) {                                                       \
        A a = (A)p[j], b = (A)p[step + j], c = (A)p[2 * step + j], d = (A)p[3 * step + j];     \
        A left = JOIN(LIFT(a), LIFT(b)), right = JOIN(LIFT(c), LIFT(d));                       \
        A four = JOIN(left, right);                                                            \
        g[j] = JOIN(g[j], four);                                                               \
      }                                                                                        \
    for (; k < count; k++, p += step)                                                          \
      for (intptr_t j = 0; j < n; j++) {                                                       \
        A a = (A)p[j], lifted = LIFT(a);                                                       \
        g[j] = JOIN(g[j], lifted);                                                             \
      }                                                                                        \
    return;                                                                                    \
  }
#define PLUS(a, b) ((a) + (b))
#define TIMES(a, b) ((a) * (b))
#define EITHER(a, b) ((a) | (b))
#define BOTH(a, b) ((a) & (b))
#define TRUTH(v) ((v) != 0)
#define ITSELF(v) (v)
#define SQUARE(v) ((v) * (v))
#define MAGNITUDE(v) __builtin_fabs(v)

static void K(across)(pare_reduction op, pare_element type, void *gathered, const void *x, intptr_t count, intptr_t n,
                      intptr_t step) {
  switch (op) {
    case PARE_SUM:
      switch (type) {
        case PARE_F32: EACH_COLUMN(double, float, PLUS, ITSELF)
        case PARE_F64: EACH_COLUMN(double, double, PLUS, ITSELF)
        case PARE_I32: EACH_COLUMN(uint64_t, int32_t, PLUS, ITSELF)
        case PARE_BOOL: EACH_COLUMN(uint64_t, uint8_t, PLUS, TRUTH)
        default: EACH_COLUMN(uint64_t, uint64_t, PLUS, ITSELF)
      }
    case PARE_SUM_OF_SQUARES:
      if (type == PARE_F32) EACH_COLUMN(double, float, PLUS, SQUARE)
      EACH_COLUMN(double, double, PLUS, SQUARE)
    case PARE_SUM_OF_MAGNITUDES:
      if (type == PARE_F32) EACH_COLUMN(double, float, PLUS, MAGNITUDE)
      EACH_COLUMN(double, double, PLUS, MAGNITUDE)
    case PARE_PROD:
      switch (type) {
        case PARE_F32: EACH_COLUMN(double, float, TIMES, ITSELF)
        case PARE_F64: EACH_COLUMN(double, double, TIMES, ITSELF)
        case PARE_I32: EACH_COLUMN(uint64_t, int32_t, TIMES, ITSELF)
        default: EACH_COLUMN(uint64_t, uint64_t, TIMES, ITSELF)
      }
    case PARE_MAX:
      switch (type) {
        case PARE_F32: EACH_COLUMN(float, float, LARGER, ITSELF)
        case PARE_F64: EACH_COLUMN(double, double, LARGER, ITSELF)
        case PARE_I32: EACH_COLUMN(int32_t, int32_t, LARGER, ITSELF)
        default: EACH_COLUMN(int64_t, int64_t, LARGER, ITSELF)
      }
    case PARE_MIN:
      switch (type) {
        case PARE_F32: EACH_COLUMN(float, float, SMALLER, ITSELF)
        case PARE_F64: EACH_COLUMN(double, double, SMALLER, ITSELF)
        case PARE_I32: EACH_COLUMN(int32_t, int32_t, SMALLER, ITSELF)
        default: EACH_COLUMN(int64_t, int64_t, SMALLER, ITSELF)
      }
    case PARE_ANY: EACH_COLUMN(uint8_t, uint8_t, EITHER, TRUTH)
    case PARE_ALL: EACH_COLUMN(uint8_t, uint8_t, BOTH, TRUTH)
  }
}
#undef EACH_COLUMN
#undef PLUS
#undef TIMES
#undef EITHER
#undef BOTH
#undef TRUTH
#undef ITSELF
#undef SQUARE
#undef MAGNITUDE
#undef LARGER
#undef SMALLER

// Elements of a type that is not computed with are widened in pieces.
#define PIECE 1024

void K(pare_fold_within)(pare_reduction op, pare_element type, void *gathered, const void *x, intptr_t count, intptr_t n) {
  pare_element computed = folded_type(type);
  if (type == computed || n == 0) {
    if (n > 0) K(within)(op, computed, gathered, x, count, n);
    return;
  }
  int32_t piece[PIECE];
  intptr_t size = pare_sizes[type], width = pare_sizes[pare_gathered(op, type)];
  for (intptr_t k = 0; k < count; k++)
    for (intptr_t i = 0; i < n; i += PIECE) {
      intptr_t m = n - i < PIECE ? n - i : PIECE;
      K(pare_convert)(computed, piece, (pare_operand){(const char *)x + (k * n + i) * size, 1, type}, m);
      K(within)(op, computed, (char *)gathered + k * width, piece, 1, m);
    }
}

void K(pare_fold_across)(pare_reduction op, pare_element type, void *gathered, const void *x, intptr_t count, intptr_t n,
                         intptr_t step) {
  pare_element computed = folded_type(type);
  if (type == computed) {
    K(across)(op, computed, gathered, x, count, n, step);
    return;
  }
  int32_t piece[PIECE];
  intptr_t size = pare_sizes[type], width = pare_sizes[pare_gathered(op, type)];
  for (intptr_t k = 0; k < count; k++)
    for (intptr_t i = 0; i < n; i += PIECE) {
      intptr_t m = n - i < PIECE ? n - i : PIECE;
      K(pare_convert)(computed, piece, (pare_operand){(const char *)x + (k * step + i) * size, 1, type}, m);
      K(across)(op, computed, (char *)gathered + i * width, piece, 1, m, 0);
    }
}

// A row of neighbours: the extreme first, then where it stands. Columns: all of a block together, row by row.
#define COLUMNS 128
#define ARG_EXTREME(T, MAX, MIN)                                                                             \
  static void K(arg_##T)(int largest, int64_t *position, const T *x, intptr_t count, intptr_t column_step,   \
                         intptr_t n, intptr_t step) {                                                        \
    if (step == 1) {                                                                                         \
      for (intptr_t j = 0; j < count; j++) {                                                                 \
        const T *p = x + j * column_step;                                                                    \
        T best = largest ? MAX : MIN;                                                                        \
        int64_t at = 0;                                                                                      \
        if (best != best) {                                                                                  \
          while (at < n && p[at] == p[at]) at++;                                                             \
        } else {                                                                                             \
          for (; at + 64 <= n; at += 64) {                                                                   \
            int found = 0;                                                                                   \
            for (int i = 0; i < 64; i++) found |= p[at + i] == best;                                         \
            if (found) break;                                                                                \
          }                                                                                                  \
          while (at < n && p[at] != best) at++;                                                              \
        }                                                                                                    \
        position[j] = at;                                                                                    \
      }                                                                                                      \
      return;                                                                                                \
    }                                                                                                        \
    for (intptr_t first = 0; first < count; first += COLUMNS) {                                              \
      intptr_t m = count - first < COLUMNS ? count - first : COLUMNS;                                        \
      T best[COLUMNS];                                                                                       \
      int64_t at[COLUMNS];                                                                                   \
      const T *p = x + first * column_step;                                                                  \
      for (intptr_t j = 0; j < m; j++) best[j] = p[j * column_step], at[j] = 0;                              \
      for (intptr_t i = 1; i < n; i++) {                                                                     \
        const T *row = p + i * step;                                                                         \
        if (column_step == 1 && largest) {                                                                   \
          for (intptr_t j = 0; j < m; j++) {                                                                 \
            int better = (row[j] > best[j]) | ((row[j] != row[j]) & (best[j] == best[j]));                   \
            best[j] = better ? row[j] : best[j];                                                             \
            at[j] = better ? i : at[j];                                                                      \
          }                                                                                                  \
        } else {                                                                                             \
          for (intptr_t j = 0; j < m; j++) {                                                                 \
            T v = row[j * column_step];                                                                      \
            int more = largest ? v > best[j] : v < best[j];                                                  \
            int better = more | ((v != v) & (best[j] == best[j]));                                           \
            best[j] = better ? v : best[j];                                                                  \
            at[j] = better ? i : at[j];                                                                      \
          }                                                                                                  \
        }                                                                                                    \
      }                                                                                                      \
      for (intptr_t j = 0; j < m; j++) position[first + j] = at[j];                                          \
    }                                                                                                        \
  }
static int32_t K(extreme_int32_t)(int largest, const int32_t *p, intptr_t n) {
  int32_t v = p[0];
  if (largest)
    for (intptr_t i = 0; i < n; i++) v = p[i] > v ? p[i] : v;
  else
    for (intptr_t i = 0; i < n; i++) v = p[i] < v ? p[i] : v;
  return v;
}
static int64_t K(extreme_int64_t)(int largest, const int64_t *p, intptr_t n) {
  int64_t v = p[0];
  if (largest)
    for (intptr_t i = 0; i < n; i++) v = p[i] > v ? p[i] : v;
  else
    for (intptr_t i = 0; i < n; i++) v = p[i] < v ? p[i] : v;
  return v;
}
ARG_EXTREME(float, K(max_float)(p, n), K(min_float)(p, n))
ARG_EXTREME(double, K(max_double)(p, n), K(min_double)(p, n))
ARG_EXTREME(int32_t, K(extreme_int32_t)(1, p, n), K(extreme_int32_t)(0, p, n))
ARG_EXTREME(int64_t, K(extreme_int64_t)(1, p, n), K(extreme_int64_t)(0, p, n))
#undef ARG_EXTREME
#undef COLUMNS
#undef PIECE

void K(pare_arg_extreme)(int largest, pare_element type, int64_t *position, const void *x, intptr_t count,
                         intptr_t column_step, intptr_t n, intptr_t step) {
  switch (type) {
    case PARE_F32: K(arg_float)(largest, position, x, count, column_step, n, step); return;
    case PARE_F64: K(arg_double)(largest, position, x, count, column_step, n, step); return;
    case PARE_I64: K(arg_int64_t)(largest, position, x, count, column_step, n, step); return;
    default: K(arg_int32_t)(largest, position, x, count, column_step, n, step); return;
  }
}
