#pragma once
#include <stdint.h>

// Products of f32 rows with constant weights, packed once: what inference needs of a matrix product.

typedef enum { PARE_THEN_LIMIT, PARE_THEN_GELU, PARE_THEN_GELU_TANH, PARE_THEN_SILU, PARE_THEN_SIGMOID, PARE_THEN_TANH } pare_then;

// What is done to a result before it is stored: + bias[output], + residual[row][output], then a function; the limits are
// those of PARE_THEN_LIMIT (-infinity...infinity: nothing). Null: none.
typedef struct {
  const float *bias, *residual;
  intptr_t residual_step;
  pare_then then;
  float lower, upper;
} pare_epilogue;

// Floats of `outputs` packed vectors of `inner` weights.
intptr_t pare_gemm_packed_count(intptr_t inner, intptr_t outputs);
// Some of the weights of a product: steps of the inner axis, and outputs, which begin at a multiple of 32.
typedef struct {
  intptr_t step, steps, output, outputs;
} pare_weight_part;
// Packs w[k * inner_step + o * output_step], the part's weights, to where they belong among all; for the instruction set of
// the moment.
void pare_gemm_pack(const float *w, intptr_t inner_step, intptr_t output_step, pare_weight_part part, intptr_t inner, float *packed);
// y[row * y_step + o] = sum over k of x[row * x_step + k] w[k][o]. Sums run over k in order, in equal blocks of
// at most 512.
void pare_gemm(const float *x, intptr_t x_step, const float *packed, float *y, intptr_t y_step, intptr_t rows,
               intptr_t inner, intptr_t outputs, const pare_epilogue *epilogue, int32_t threads);

// Two products in a row: y = last(then(x first) second). What is in the middle stays in the cache, some rows at a time.
typedef struct {
  const float *x, *first, *second; // rows of `inner` floats; packed weights
  float *y;
  intptr_t rows, inner, middle, outputs;
  pare_epilogue then, last; // `then` has no residual
} pare_gemm_pair_task;
// Floats of scratch memory for each thread.
intptr_t pare_gemm_pair_scratch(intptr_t middle);
// The sums are those of two calls of pare_gemm.
void pare_gemm_pair(const pare_gemm_pair_task *task, float *scratch, int32_t threads);

// What an epilogue does, to rows of `outputs` results that are there already.
void pare_gemm_finish(float *y, intptr_t y_step, intptr_t rows, intptr_t outputs, const pare_epilogue *epilogue);

// softmax(scale q k' + mask) v for each image and head. q, k, v: rows of `heads` * size floats, `step` apart, one row per
// position; the result likewise, y_step apart. mask: null, or added to the scores [positions][keys] with strides (0: the
// same for all) by image, head and row. scratch: pare_attention_scratch floats for each thread.
typedef struct {
  const float *q, *k, *v;
  intptr_t q_step, k_step, v_step, q_image, k_image, v_image;
  float *y;
  intptr_t y_step, y_image;
  const float *mask;
  intptr_t mask_image, mask_head, mask_row;
  intptr_t images, heads, positions, keys, size, value_size;
  float scale;
} pare_attention_task;
intptr_t pare_attention_scratch(const pare_attention_task *task);
void pare_attention(const pare_attention_task *task, float *scratch, int32_t threads);

// (x - mean) / sqrt(variance + epsilon) * scale + shift over rows of n neighbours; shift may be null. Sums in f32 lanes.
void pare_layer_norm(const float *x, float *y, intptr_t rows, intptr_t n, const float *scale, const float *shift,
                     float epsilon, int32_t threads);
