#pragma once
#include "Elements.h"

typedef enum {
  PARE_SUM, PARE_PROD, PARE_MAX, PARE_MIN, PARE_SUM_OF_SQUARES, PARE_SUM_OF_MAGNITUDES, PARE_ANY, PARE_ALL
} pare_reduction;

// The type in which elements of `type` are gathered: sums and products of floats in f64, of integers and bool in i64;
// extremes in the type in which they are computed (f32 for halves, i32 for narrow integers); ANY and ALL in bool.
pare_element pare_gathered(pare_reduction op, pare_element type);

// Folds each of `count` rows of n neighbours, which lie one after the other, into gathered[0..<count]. NaN wins over
// every extreme. The order of operations is the same on every instruction set. An f64 is folded as an f32 is, so that
// gathered values may be folded again.
void pare_fold_within(pare_reduction op, pare_element type, void *gathered, const void *x, intptr_t count, intptr_t n);
// Folds `count` rows of n elements, `step` elements apart, one into the other: gathered[0..<n].
void pare_fold_across(pare_reduction op, pare_element type, void *gathered, const void *x, intptr_t count, intptr_t n,
                      intptr_t step);

// The first position of the extreme of each of `count` columns of n elements: element i of column j is
// x[i * step + j * column_step]. NaN is more extreme than any number.
void pare_arg_extreme(int largest, pare_element type, int64_t *position, const void *x, intptr_t count,
                      intptr_t column_step, intptr_t n, intptr_t step);
