// Reduces a matrix to upper bidiagonal form by reflectors from both sides (Golub and Kahan 1965), in one pass over the
// matrix for each column. Forming both products in one pass: Howell, Demmel, Fulton, Hammarling, Marmol 2008, "Cache
// efficient bidiagonalization using BLAS 2.5 operators".
#include "CKernels.h"
#include <math.h>
#include <string.h>

#define PASS_FIELDS(REAL)                                                                                  \
  REAL *a;                                                                                                 \
  intptr_t lda, rows, n, k, parts;                                                                         \
  const REAL *u0, *x0, *v0, *u; /* the step before: left vector, A v, right vector; the new left vector */ \
  REAL *y, *v, *w;              /* u' A times tau: of the step before, then of this one; row k; A v by part */ \
  REAL tau;
typedef struct { PASS_FIELDS(float) } pare_pass_f32;
typedef struct { PASS_FIELDS(double) } pare_pass_f64;

#define KERNELS "BidiagonalKernels.h"
#include "EveryIsa.h"

static void pass_f32(const pare_pass_f32 *p, intptr_t part) { DISPATCH(pass_f32, p, part); }
static void pass_f64(const pare_pass_f64 *p, intptr_t part) { DISPATCH(pass_f64, p, part); }

#define REAL float
#define PASS pare_pass_f32
#define NAME(name) name##_f32
#define TINY 1e-60
#include "BidiagonalDriver.h"
#undef REAL
#undef PASS
#undef NAME
#undef TINY

#define REAL double
#define PASS pare_pass_f64
#define NAME(name) name##_f64
#define TINY 1e-280
#include "BidiagonalDriver.h"
