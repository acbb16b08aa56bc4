#include "Reduce.h"
#include "Convert+Isa.h"

// In which of f32, f64, i32, i64 and bool elements are folded.
static pare_element folded_type(pare_element type) {
  switch (type) {
    case PARE_F32: case PARE_F16: case PARE_BF16: return PARE_F32;
    case PARE_F64: case PARE_I64: case PARE_BOOL: return type;
    default: return PARE_I32;
  }
}

pare_element pare_gathered(pare_reduction op, pare_element type) {
  pare_element computed = folded_type(type);
  if (op == PARE_ANY || op == PARE_ALL) return PARE_BOOL;
  if (op == PARE_MAX || op == PARE_MIN) return computed;
  return computed == PARE_F32 || computed == PARE_F64 ? PARE_F64 : PARE_I64;
}

#define KERNELS "ReduceKernels.h"
#include "EveryIsa.h"

void pare_fold_within(pare_reduction op, pare_element type, void *gathered, const void *x, intptr_t count, intptr_t n) {
  DISPATCH(pare_fold_within, op, type, gathered, x, count, n);
}

void pare_fold_across(pare_reduction op, pare_element type, void *gathered, const void *x, intptr_t count, intptr_t n,
                      intptr_t step) {
  DISPATCH(pare_fold_across, op, type, gathered, x, count, n, step);
}

void pare_arg_extreme(int largest, pare_element type, int64_t *position, const void *x, intptr_t count,
                      intptr_t column_step, intptr_t n, intptr_t step) {
  DISPATCH(pare_arg_extreme, largest, type, position, x, count, column_step, n, step);
}
