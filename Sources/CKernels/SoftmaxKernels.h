// One instruction set's softmax; see EveryIsa.h.
#include "FoldKernels.h"

// Columns that are worked on together.
#define COLUMNS 64

// A row of which nothing is finite is shifted by 0: the exponentials, and with them NaN, come out as they should.
#define SOFTMAX(T, EXP)                                                                                            \
  static void K(soft_rows_##T)(int is_log, T *restrict r, const T *restrict x, intptr_t count, intptr_t n) {      \
    for (intptr_t k = 0; k < count; k++, x += n, r += n) {                                                        \
      T largest = K(max_##T)(x, n);                                                                               \
      largest = largest == -(T)__builtin_inf() ? 0 : largest;                                                     \
      for (intptr_t i = 0; i < n; i++) r[i] = EXP(x[i] - largest);                                                \
      double sum = K(sum_##T)(r, n);                                                                              \
      if (is_log) {                                                                                               \
        T shift = (T)(largest + log(sum));                                                                        \
        for (intptr_t i = 0; i < n; i++) r[i] = x[i] - shift;                                                     \
      } else {                                                                                                    \
        T factor = (T)(1 / sum);                                                                                  \
        for (intptr_t i = 0; i < n; i++) r[i] *= factor;                                                          \
      }                                                                                                           \
    }                                                                                                             \
  }                                                                                                               \
  static void K(soft_columns_##T)(int is_log, T *r, const T *x, intptr_t count, intptr_t n, intptr_t step) {      \
    for (intptr_t first = 0; first < count; first += COLUMNS) {                                                   \
      intptr_t m = count - first < COLUMNS ? count - first : COLUMNS;                                             \
      const T *p = x + first;                                                                                     \
      T *q = r + first;                                                                                           \
      T largest[COLUMNS];                                                                                         \
      double sum[COLUMNS];                                                                                        \
      for (intptr_t j = 0; j < m; j++) largest[j] = p[j], sum[j] = 0;                                             \
      for (intptr_t i = 1; i < n; i++)                                                                            \
        for (intptr_t j = 0; j < m; j++) {                                                                        \
          T v = p[i * step + j];                                                                                  \
          largest[j] = v > largest[j] ? v : largest[j];                                                           \
        }                                                                                                         \
      for (intptr_t j = 0; j < m; j++) largest[j] = largest[j] == -(T)__builtin_inf() ? 0 : largest[j];           \
      for (intptr_t i = 0; i < n; i++) {                                                                          \
        const T *restrict in = p + i * step;                                                                      \
        T *restrict out = q + i * step;                                                                           \
        for (intptr_t j = 0; j < m; j++) {                                                                        \
          T e = EXP(in[j] - largest[j]);                                                                          \
          out[j] = e;                                                                                             \
          sum[j] += e;                                                                                            \
        }                                                                                                         \
      }                                                                                                           \
      if (is_log) {                                                                                               \
        for (intptr_t j = 0; j < m; j++) largest[j] = (T)(largest[j] + log(sum[j]));                              \
        for (intptr_t i = 0; i < n; i++)                                                                          \
          for (intptr_t j = 0; j < m; j++) q[i * step + j] = p[i * step + j] - largest[j];                        \
      } else {                                                                                                    \
        for (intptr_t j = 0; j < m; j++) largest[j] = (T)(1 / sum[j]);                                            \
        for (intptr_t i = 0; i < n; i++)                                                                          \
          for (intptr_t j = 0; j < m; j++) q[i * step + j] *= largest[j];                                         \
      }                                                                                                           \
    }                                                                                                             \
  }                                                                                                               \
  static void K(gradient_rows_##T)(int is_log, T *restrict r, const T *restrict g, const T *restrict y,           \
                                   intptr_t count, intptr_t n) {                                                  \
    for (intptr_t k = 0; k < count; k++, g += n, y += n, r += n) {                                                \
      if (is_log) {                                                                                               \
        T sum = (T)K(sum_##T)(g, n);                                                                              \
        for (intptr_t i = 0; i < n; i++) r[i] = g[i] - EXP(y[i]) * sum;                                           \
      } else {                                                                                                    \
        for (intptr_t i = 0; i < n; i++) r[i] = g[i] * y[i];                                                      \
        T sum = (T)K(sum_##T)(r, n);                                                                              \
        for (intptr_t i = 0; i < n; i++) r[i] = y[i] * (g[i] - sum);                                              \
      }                                                                                                           \
    }                                                                                                             \
  }                                                                                                               \
  static void K(gradient_columns_##T)(int is_log, T *r, const T *g, const T *y, intptr_t count, intptr_t n,       \
                                      intptr_t step) {                                                            \
    for (intptr_t first = 0; first < count; first += COLUMNS) {                                                   \
      intptr_t m = count - first < COLUMNS ? count - first : COLUMNS;                                             \
      double sum[COLUMNS] = {0};                                                                                  \
      for (intptr_t i = 0; i < n; i++) {                                                                          \
        const T *restrict p = g + first + i * step, *restrict q = y + first + i * step;                           \
        for (intptr_t j = 0; j < m; j++) sum[j] += is_log ? p[j] : p[j] * q[j];                                   \
      }                                                                                                           \
      for (intptr_t i = 0; i < n; i++) {                                                                          \
        const T *restrict p = g + first + i * step, *restrict q = y + first + i * step;                           \
        T *restrict out = r + first + i * step;                                                                   \
        if (is_log)                                                                                               \
          for (intptr_t j = 0; j < m; j++) out[j] = p[j] - EXP(q[j]) * (T)sum[j];                                 \
        else                                                                                                      \
          for (intptr_t j = 0; j < m; j++) out[j] = q[j] * (p[j] - (T)sum[j]);                                    \
      }                                                                                                           \
    }                                                                                                             \
  }
SOFTMAX(float, exp_f32)
SOFTMAX(double, exp_f64)
#undef SOFTMAX
#undef COLUMNS

void K(pare_softmax)(int log, pare_element type, void *r, const void *x, intptr_t count, intptr_t n, intptr_t step) {
  if (type == PARE_F32)
    step == 1 ? K(soft_rows_float)(log, r, x, count, n) : K(soft_columns_float)(log, r, x, count, n, step);
  else
    step == 1 ? K(soft_rows_double)(log, r, x, count, n) : K(soft_columns_double)(log, r, x, count, n, step);
}

void K(pare_softmax_gradient)(int log, pare_element type, void *r, const void *g, const void *y, intptr_t count, intptr_t n,
                              intptr_t step) {
  if (type == PARE_F32)
    step == 1 ? K(gradient_rows_float)(log, r, g, y, count, n) : K(gradient_columns_float)(log, r, g, y, count, n, step);
  else
    step == 1 ? K(gradient_rows_double)(log, r, g, y, count, n) : K(gradient_columns_double)(log, r, g, y, count, n, step);
}
