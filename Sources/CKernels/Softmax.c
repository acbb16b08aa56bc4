#include "Softmax.h"
#include "Math.h"
#include <math.h>

static inline double exp_f64(double x) { return exp(x); }

#define KERNELS "SoftmaxKernels.h"
#include "EveryIsa.h"

void pare_softmax(int log, pare_element type, void *r, const void *x, intptr_t count, intptr_t n, intptr_t step) {
  DISPATCH(pare_softmax, log, type, r, x, count, n, step);
}

void pare_softmax_gradient(int log, pare_element type, void *r, const void *g, const void *y, intptr_t count, intptr_t n,
                           intptr_t step) {
  DISPATCH(pare_softmax_gradient, log, type, r, g, y, count, n, step);
}
