// The steps of a bidiagonalization for one element type (REAL, PASS, NAME). Included by Bidiagonal.c.

// Makes alpha, x[0..<count] the reflector I - tau [1; x][1; x]': returns tau and leaves in *alpha what it maps to.
// Squares are summed in f64. What is too small to square is taken for zero: far below the rounding of the whole matrix,
// whose largest entry is about 1.
static REAL NAME(reflector)(REAL *alpha, REAL *x, intptr_t count, REAL *scale) {
  double sum[8] = {0};
  intptr_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int l = 0; l < 8; l++) sum[l] += (double)x[i + l] * (double)x[i + l];
  for (; i < count; i++) sum[0] += (double)x[i] * (double)x[i];
  const double norm = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  *scale = 0;
  if (!(norm > TINY)) return 0;
  const double head = *alpha, length = sqrt(head * head + norm), beta = head > 0 ? -length : length;
  *scale = (REAL)(1 / (head - beta));
  *alpha = (REAL)beta;
  return (REAL)((beta - head) / beta);
}

static void NAME(run)(void *context, intptr_t begin, intptr_t end) {
  for (intptr_t part = begin; part < end; part++) NAME(pass)(context, part);
}

void NAME(pare_bidiagonalize)(REAL *a, intptr_t lda, intptr_t m, intptr_t n, REAL *d, REAL *e, REAL *tau_left,
                              REAL *tau_right, REAL *v, intptr_t ldv, REAL *work, intptr_t from, intptr_t to, int32_t threads) {
  const intptr_t parts = threads < 1 ? 1 : threads;
  REAL *zero = work, *x = zero + lda, *y = x + lda, *w = y + ldv;
  PASS p = {.a = a, .lda = lda, .rows = (m + 15) / 16 * 16, .n = n, .parts = parts, .u0 = zero, .x0 = zero, .y = y, .v0 = zero, .w = w};
  if (from == 0) {
    memset(work, 0, sizeof(REAL) * (size_t)(2 * lda + ldv));
  } else {
    // As the step before left it.
    p.u0 = a + (from - 1) * lda, p.x0 = x, p.v0 = v + (from - 1) * ldv, p.tau = tau_left[from - 1];
  }
  for (intptr_t k = from; k < to; k++) {
    REAL *column = a + k * lda, scale;
    for (intptr_t i = k; i < m; i++) column[i] = column[i] - p.u0[i] * y[k] - p.x0[i] * p.v0[k];
    d[k] = column[k];
    tau_left[k] = NAME(reflector)(&d[k], column + k + 1, m - k - 1, &scale);
    memset(column, 0, sizeof(REAL) * (size_t)k);
    column[k] = 1;
    for (intptr_t i = k + 1; i < m; i++) column[i] *= scale;
    if (k + 1 == n) break;
    REAL *row = v + k * ldv;
    memset(row, 0, sizeof(REAL) * (size_t)ldv);
    p.k = k, p.u = column, p.tau = tau_left[k], p.v = row;
    // A team for a small rest would cost more than the rest.
    pare_parallel(NAME(run), &p, parts, (m - k) * (n - k) < 4096 ? 1 : (int32_t)parts);
    const REAL head = row[k + 1];
    e[k] = head;
    const REAL tau = tau_right[k] = NAME(reflector)(&e[k], row + k + 2, n - k - 2, &scale);
    for (intptr_t j = k + 2; j < n; j++) row[j] *= scale;
    row[k + 1] = 1;
    // x = tau (A - u y') v with v = (old v - e) / (head - e): A v is w but for the first entry and the scale.
    REAL inner = 0;
    for (intptr_t j = k + 1; j < n; j++) inner += y[j] * row[j];
    const REAL *first = a + (k + 1) * lda;
    for (intptr_t i = k; i < m; i++) {
      REAL sum = w[i];
      for (intptr_t part = 1; part < parts; part++) sum += w[part * lda + i];
      x[i] = tau == 0 ? 0 : tau * ((sum - e[k] * first[i]) * scale - column[i] * inner);
    }
    // The rows above are done with.
    x[k] = 0;
    p.u0 = column, p.x0 = x, p.v0 = row;
  }
}
