#pragma once
#include "Elements.h"

// Softmax, or with `log` its logarithm, of f32 or f64: of `count` rows of n neighbours where step is 1, else of `count`
// neighbouring columns whose elements are `step` apart. The sum of the exponentials is taken in f64.
void pare_softmax(int log, pare_element type, void *r, const void *x, intptr_t count, intptr_t n, intptr_t step);
// From the gradient g of the result y to that of the input: y (g - sum(g y)), with `log` g - exp(y) sum(g).
void pare_softmax_gradient(int log, pare_element type, void *r, const void *g, const void *y, intptr_t count, intptr_t n,
                           intptr_t step);
