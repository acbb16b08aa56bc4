#pragma once
#include <stdint.h>

// The element types of tensors, as Swift's DType names them. PARE_BOOL is a byte, 0 or 1.
typedef enum {
  PARE_F32, PARE_F64, PARE_F16, PARE_BF16, PARE_I8, PARE_U8, PARE_I16, PARE_U16, PARE_I32, PARE_I64, PARE_BOOL
} pare_element;

// A row that a kernel reads: where it begins, how many elements lie between neighbours (0: one element for all).
typedef struct {
  const void *data;
  intptr_t stride;
  pare_element type;
} pare_operand;

// Bytes of one element, by type.
static const uint8_t pare_sizes[] = {4, 8, 2, 2, 1, 1, 2, 2, 4, 8, 1};
