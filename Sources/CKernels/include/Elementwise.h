#pragma once
#include "Elements.h"

// Rows of elementwise operations, dense results. Halves (f16, bf16) are computed in f32 and rounded once, integers of 8
// and 16 bits in i32 and wrapped. Results do not depend on how a tensor is cut into rows.
//
// Errors of the f32 functions against the exact value, over all floats, in units in the last place: see Math.h.

typedef enum {
  PARE_NEG, PARE_ABS, PARE_SQRT, PARE_RSQRT, PARE_EXP, PARE_LOG, PARE_TANH, PARE_SIGMOID, PARE_ERF, PARE_RELU, PARE_SIGN,
  PARE_FLOOR, PARE_CEIL, PARE_ROUND, PARE_RECIPROCAL, PARE_SQUARE, PARE_SIN, PARE_COS, PARE_EXP2, PARE_EXPM1, PARE_LOG1P,
  PARE_LOG2, PARE_LOG10, PARE_TAN, PARE_ASIN, PARE_ACOS, PARE_ATAN, PARE_SINH, PARE_COSH, PARE_ASINH, PARE_ACOSH,
  PARE_ATANH, PARE_TRUNC, PARE_SILU, PARE_GELU, PARE_GELU_TANH, PARE_MISH, PARE_SOFTPLUS, PARE_BIT_NOT,
  PARE_IS_NAN, PARE_IS_FINITE, PARE_IS_INFINITE, PARE_NOT  // these four give bool
} pare_unary_op;

typedef enum {
  PARE_ADD, PARE_SUB, PARE_MUL, PARE_DIV, PARE_POW, PARE_MOD, PARE_MAXIMUM, PARE_MINIMUM, PARE_AND, PARE_OR, PARE_XOR,
  PARE_ATAN2, PARE_FLOOR_DIV, PARE_FLOOR_MOD,
  PARE_RELU_GRADIENT, PARE_SIGMOID_GRADIENT, PARE_TANH_GRADIENT, PARE_SILU_GRADIENT, PARE_GELU_GRADIENT,
  PARE_GELU_TANH_GRADIENT, PARE_MISH_GRADIENT
} pare_binary_op;

typedef enum { PARE_EQ, PARE_NE, PARE_LT, PARE_LE, PARE_GT, PARE_GE } pare_comparison;

// Floats take every operation but NOT and BIT_NOT; integers NEG, ABS, RELU, SIGN, SQUARE, BIT_NOT and the tests; bool
// NOT. Others are not asked for: the caller refuses them. `r` is of x's type or bool.
void pare_unary(pare_unary_op op, void *r, pare_operand x, intptr_t n);
// `type` is that of the result; an operand may also be of the type in which `type` is computed. Floats take all but AND,
// OR, XOR; integers all but ATAN2 and the gradients (a zero divisor gives 0); bool AND, OR, XOR.
void pare_binary(pare_binary_op op, pare_element type, void *r, pare_operand a, pare_operand b, intptr_t n);
// `type` is that of the operands before widening, as above.
void pare_compare(pare_comparison op, pare_element type, uint8_t *r, pare_operand a, pare_operand b, intptr_t n);
// r = condition ? a : b, by elements of a's type.
void pare_select(void *r, pare_operand condition, pare_operand a, pare_operand b, intptr_t n);
// Limits to lower...upper; NaN passes, with crossed bounds the upper one wins.
void pare_clip(void *r, pare_operand x, double lower, double upper, intptr_t n);
// r = lower <= x <= upper ? g : 0.
void pare_clip_gradient(float *r, const float *g, const float *x, float lower, float upper, intptr_t n);
