#pragma once
#include "Elements.h"
#include <stddef.h>

// Converts n elements into the row `r` of type `to`. Floats round to nearest even; to integers they are truncated and
// saturated, NaN becomes 0; integers wrap; to bool: whether it differs from 0. One rounding between float types.
void pare_convert(pare_element to, void *r, pare_operand x, intptr_t n);

// Copies n elements of `size` bytes, `stride` elements apart (0: one element repeated), into a dense row.
void pare_copy_row(size_t size, void *r, const void *x, intptr_t stride, intptr_t n);

// Copies a matrix that lies by columns into rows: r[i * r_step + j] = x[j * x_step + i] for i < rows, j < columns, in
// elements of `size` bytes. Blocked, so that both sides are read and written by whole cache lines.
void pare_transpose(size_t size, void *r, intptr_t r_step, const void *x, intptr_t x_step, intptr_t rows,
                    intptr_t columns);
