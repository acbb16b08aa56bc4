// One step of a bidiagonalization over some columns of a matrix in columns, for one element type (REAL, PASS, NAME).
//
// For every column: applies the step before (a -= u0 y0 + x0 v0), takes its product with the new left reflector u, and
// with the entry of row k that remains, v, adds it to w = A v. The group of columns stays in the first-level cache
// between the two, so that the matrix is read and written once a step, where LAPACK's gebrd reads it twice.

#define VECTOR NAME(vector)
#define STEP ((intptr_t)(VECTOR_BYTES / sizeof(REAL)))
typedef REAL VECTOR __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

static inline __attribute__((always_inline)) void NAME(columns)(const PASS *p, REAL *w, intptr_t j, const int count) {
  REAL *a = p->a + j * p->lda;
  const intptr_t begin = p->k / STEP * STEP, end = p->rows;
  VECTOR sums[GROUP];
  REAL y0[GROUP], v0[GROUP], v[GROUP];
  for (int c = 0; c < count; c++) {
    sums[c] = (VECTOR){0};
    y0[c] = p->y[j + c];
    v0[c] = p->v0[j + c];
  }
  for (intptr_t i = begin; i < end; i += STEP) {
    const VECTOR u0 = *(const VECTOR *)(p->u0 + i), x0 = *(const VECTOR *)(p->x0 + i), u = *(const VECTOR *)(p->u + i);
    for (int c = 0; c < count; c++) {
      VECTOR *at = (VECTOR *)(a + c * p->lda + i);
      VECTOR value = *at - u0 * y0[c];
      value = value - x0 * v0[c];
      *at = value;
      sums[c] += value * u;
    }
  }
  for (int c = 0; c < count; c++) {
    REAL sum = 0;
    for (int l = 0; l < STEP; l++) sum += sums[c][l];
    const REAL y = p->tau * sum;
    p->y[j + c] = y;
    p->v[j + c] = v[c] = a[c * p->lda + p->k] - y;
  }
  for (intptr_t i = begin; i < end; i += STEP) {
    VECTOR total = *(const VECTOR *)(w + i);
    for (int c = 0; c < count; c++) total += *(const VECTOR *)(a + c * p->lda + i) * v[c];
    *(VECTOR *)(w + i) = total;
  }
}

static void NAME(pass)(const PASS *p, intptr_t part) {
  REAL *w = p->w + part * p->lda;
  for (intptr_t i = p->k / STEP * STEP; i < p->rows; i++) w[i] = 0;
  // Columns stay with one thread from step to step, and so in its cache.
  for (intptr_t j = part * GROUP; j < p->n; j += p->parts * GROUP) {
    if (j > p->k && j + GROUP <= p->n) {
      NAME(columns)(p, w, j, GROUP);
    } else {
      for (intptr_t c = j; c < j + GROUP && c < p->n; c++)
        if (c > p->k) NAME(columns)(p, w, c, 1);
    }
  }
}

#undef VECTOR
#undef STEP
