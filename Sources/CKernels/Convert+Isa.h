// What Convert.c makes for each instruction set and other kernels of the same set call directly.
#pragma once
#include "Convert.h"

void pare_convert_portable(pare_element to, void *r, pare_operand x, intptr_t n);
void pare_copy_row_portable(size_t size, void *r, const void *x, intptr_t stride, intptr_t n);
#if defined(__x86_64__)
void pare_convert_avx2(pare_element to, void *r, pare_operand x, intptr_t n);
void pare_convert_avx512(pare_element to, void *r, pare_operand x, intptr_t n);
void pare_copy_row_avx2(size_t size, void *r, const void *x, intptr_t stride, intptr_t n);
void pare_copy_row_avx512(size_t size, void *r, const void *x, intptr_t stride, intptr_t n);
#endif
