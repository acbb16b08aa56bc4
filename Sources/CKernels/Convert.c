#include "Convert.h"
#include "Convert+Isa.h"
#include "Scalars.h"
#include <string.h>

#define KERNELS "ConvertKernels.h"
#include "EveryIsa.h"

void pare_convert(pare_element to, void *r, pare_operand x, intptr_t n) { DISPATCH(pare_convert, to, r, x, n); }

void pare_copy_row(size_t size, void *r, const void *x, intptr_t stride, intptr_t n) {
  DISPATCH(pare_copy_row, size, r, x, stride, n);
}

void pare_transpose(size_t size, void *r, intptr_t r_step, const void *x, intptr_t x_step, intptr_t rows,
                    intptr_t columns) {
  DISPATCH(pare_transpose, size, r, r_step, x, x_step, rows, columns);
}
